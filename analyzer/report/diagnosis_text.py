"""The diagnosis for people: per trace what the keys say, then the findings, causes first, with sent and right octets."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable, Sequence
from difflib import SequenceMatcher

from analyzer.diagnosis import Diagnosis
from analyzer.model import Finding
from analyzer.report import source_issues
from analyzer.report.colors import Palette, palette
from analyzer.report.corrected import sent_and_right
from grammars.readings import escaped

INDENT = "     "
LABEL = 8  # columns of "Cause   "
SHORTEST_ROW = 8  # octets
BETWEEN_OCTETS = re.compile(r"(?<=\b[0-9A-F]{2}) (?=(?:[0-9A-F]{2}|\.\.\.)(?: |$|[,:;.)]))")

Paint = Callable[[str], str]


def render(diagnoses: Sequence[Diagnosis], color: bool = False, width: int = 100) -> str:
    """All traces as text of at most `width` columns, frames in hexadecimal wrapped to it."""
    page = _Page(palette(color), max(60, width))
    for number, diagnosis in enumerate(diagnoses):
        if number:
            page.lines.append("")
        page.trace(diagnosis)
    return "\n".join(page.lines) + "\n"


class _Page:
    """The lines of the report while they are written."""

    def __init__(self, colors: Palette, width: int) -> None:
        self.colors, self.width = colors, width
        self.lines: list[str] = []

    def trace(self, diagnosis: Diagnosis) -> None:
        """One trace: heading, what the keys say, findings."""
        colors = self.colors
        failing = diagnosis.health == "failing"
        count = f"{diagnosis.messages} message{'s' if diagnosis.messages != 1 else ''}"
        name = escaped(diagnosis.trace)
        head = f"{name}  {count}"
        if diagnosis.source and diagnosis.source != diagnosis.trace:
            head += f" of {escaped(diagnosis.source)}"
        verdict = "FAILING" if failing else "OK"
        gap = " " * max(2, self.width - len(head) - len(verdict))
        paint = colors.error if failing else colors.good
        self.lines.append(f"{colors.strong(name)}{head[len(name) :]}{gap}{paint(verdict)}")
        for statement in diagnosis.statements:
            self.wrapped("  ", statement)
        for line in source_issues.as_lines(diagnosis.issues):
            self.wrapped("  In the input: ", line, colors.warning, hang="    ")
        if not diagnosis.findings:
            self.lines += ["", "  Nothing wrong found."]
        shown: dict[bytes, int] = {}
        for finding in diagnosis.findings:
            self.lines.append("")
            self.finding(finding, diagnosis, shown)

    def finding(self, finding: Finding, diagnosis: Diagnosis, shown: dict[bytes, int]) -> None:
        """One finding; a remark without cause and fix, which `explain` tells."""
        colors = self.colors
        paint = {"error": colors.error, "warning": colors.warning, "info": colors.dim}[finding.severity]
        facts = [finding.severity, finding.certainty, whose(finding.side)]
        if finding.message is not None:
            facts.append(f"message {finding.message}")
        if finding.because_of_id is not None:
            facts.append(f"because of {finding.because_of_id}")
        self.lines.append(f"{finding.id:>3}  {paint(finding.code)}  {colors.dim(', '.join(facts))}")
        self.wrapped(INDENT, finding.title, colors.strong)
        for evidence in finding.evidence:
            self.wrapped(INDENT + "- ", evidence, hang=INDENT + "  ")
        if finding.severity == "info":
            return
        self.labelled("Cause", finding.cause)
        self.labelled("Fix", finding.fix)
        self.frames(finding, diagnosis, shown)

    def frames(self, finding: Finding, diagnosis: Diagnosis, shown: dict[bytes, int]) -> None:
        """The frame as it was sent and as it should have been, the differences marked."""
        right = finding.fixed_bytes
        if right is None:
            return
        sent = diagnosis.wires.get(finding.message or 0, b"")
        if right in shown:
            self.labelled("Right", f"as under {shown[right]}, where all faults of this frame are corrected")
            return
        shown[right] = finding.id
        here, there = changed(sent, right)
        before, after = sent_and_right(finding, diagnosis)
        if sent:
            self.octets("Sent", before, here, self.colors.error)
        self.octets("Right", after, there, self.colors.good)
        if finding.fixed_note:
            self.wrapped(INDENT + " " * LABEL, f"({finding.fixed_note})", self.colors.dim)

    def octets(self, label: str, data: Sequence[str], marked: set[int], paint: Paint) -> None:
        """Octets in rows; the marked ones in colour, or underlined where there is none."""
        row = max(SHORTEST_ROW, (self.width - len(INDENT) - LABEL + 1) // 3)
        for start in range(0, len(data), row):
            end = min(len(data), start + row)
            cells = [paint(data[n]) if n in marked and self.colors.on else data[n] for n in range(start, end)]
            lead = f"{INDENT}{label if start == 0 else '':{LABEL}}"
            self.lines.append(lead + " ".join(cells))
            if not self.colors.on and any(n in marked for n in range(start, end)):
                under = " ".join("^^" if n in marked else "  " for n in range(start, end))
                self.lines.append((" " * len(lead) + under).rstrip())

    def labelled(self, label: str, text: str) -> None:
        """A label with a text beside it."""
        self.wrapped(f"{INDENT}{label:{LABEL}}", text, hang=INDENT + " " * LABEL)

    def wrapped(self, lead: str, text: str, paint: Paint | None = None, hang: str | None = None) -> None:
        """A text in as many lines as it needs; octets that stand together stay together."""
        hang = hang if hang is not None else " " * len(lead)
        tied = BETWEEN_OCTETS.sub("\0", escaped(text))
        rows = textwrap.wrap(tied, self.width - len(lead), break_on_hyphens=False) or [""]
        for number, tied_row in enumerate(rows):
            row = tied_row.replace("\0", " ")
            self.lines.append((lead if number == 0 else hang) + (paint(row) if paint else row))


def whose(side: str) -> str:
    """Where a fault is, in words."""
    return {"analyst": "in what was given", "link": "on the line"}.get(side, side)


def changed(before: bytes, after: bytes) -> tuple[set[int], set[int]]:
    """The positions in two versions of a frame that the other has not."""
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    here: set[int] = set()
    there: set[int] = set()
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind != "equal":
            here |= set(range(a, b))
            there |= set(range(c, d))
    return here, there
