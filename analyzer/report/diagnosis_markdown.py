"""The diagnosis as Markdown, to paste into a forum or a ticket: findings first, then the trace, a line a message."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from analyzer.diagnosis import Diagnosis
from analyzer.message import Message
from analyzer.model import Finding
from analyzer.report import source_issues
from analyzer.report.corrected import sent_and_right
from analyzer.report.diagnosis_text import changed, whose
from analyzer.report.summary import summary
from grammars.readings import escaped

Mask = Callable[[str], str]
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$])")
ROW = 24  # octets
MOST_MESSAGES = 200  # a line each; a post that is longer nobody reads
ARROWS = {"client": "-->", "meter": "<--", "unknown": "---"}


def render(diagnoses: Sequence[Diagnosis], messages: Sequence[Sequence[Message]], mask: Mask | None = None) -> str:
    """All traces. `messages` are those of each trace; `mask` covers what must not be shown."""
    page = _Page(mask or (lambda text: text))
    for diagnosis, own in zip(diagnoses, messages, strict=True):
        page.trace(diagnosis, own)
    return "\n".join(page.lines).rstrip("\n") + "\n"


class _Page:
    """The lines of the report while they are written."""

    def __init__(self, mask: Mask) -> None:
        self.mask = mask
        self.lines: list[str] = []

    def text(self, text: str) -> str:
        """A text as Markdown that shows just these characters, on one line. Secrets are covered before."""
        return SPECIAL.sub(r"\\\1", escaped(" ".join(self.mask(text).split())))

    def trace(self, diagnosis: Diagnosis, messages: Sequence[Message]) -> None:
        """One trace: verdict, what the keys say, findings, the trace itself."""
        verdict = "failing" if diagnosis.health == "failing" else "OK"
        self.lines += [f"## {self.text(diagnosis.trace)}: {verdict}", ""]
        count = f"{diagnosis.messages} message{'s' if diagnosis.messages != 1 else ''}"
        self.lines += [f"{count} of {self.text(diagnosis.source)}.", ""]
        for statement in diagnosis.statements:
            self.lines += [self.text(statement), ""]
        for issue in source_issues.as_lines(diagnosis.issues):
            self.lines.append(f"- In the input: {self.text(issue)}")
        if diagnosis.issues:
            self.lines.append("")
        if not diagnosis.findings:
            self.lines += ["Nothing wrong found.", ""]
        shown: dict[bytes, int] = {}
        for finding in diagnosis.findings:
            self.finding(finding, diagnosis, shown)
        self.messages(diagnosis, messages)

    def finding(self, finding: Finding, diagnosis: Diagnosis, shown: dict[bytes, int]) -> None:
        """One finding; a remark without cause and fix."""
        facts = [finding.severity, finding.certainty, whose(finding.side)]
        facts += [f"message {finding.message}"] if finding.message is not None else []
        facts += [f"because of {finding.because_of_id}"] if finding.because_of_id is not None else []
        self.lines += [f"### {finding.id}. {self.text(finding.title)}", ""]
        self.lines += [f"`{finding.code}`: {', '.join(facts)}", ""]
        self.lines += [*(f"- {self.text(evidence)}" for evidence in finding.evidence), ""]
        if finding.severity == "info":
            return
        self.lines += [f"**Cause:** {self.text(finding.cause)}", "", f"**Fix:** {self.text(finding.fix)}", ""]
        right = finding.fixed_bytes
        if right is None:
            return
        if right in shown:
            self.lines += [f"Right: as under {shown[right]}, where all faults of this frame are corrected.", ""]
            return
        shown[right] = finding.id
        sent = diagnosis.wires.get(finding.message or 0, b"")
        here, there = changed(sent, right)
        self.lines.append("```text")
        before, after = sent_and_right(finding, diagnosis)
        if sent:
            self.lines += self.octets("Sent ", before, here)
        self.lines += self.octets("Right", after, there)
        self.lines += ["```", ""]
        if finding.fixed_note:
            self.lines += [self.text(finding.fixed_note[:1].upper() + finding.fixed_note[1:]) + ".", ""]

    def octets(self, label: str, data: Sequence[str], marked: set[int]) -> Iterator[str]:
        """Octets in rows, the marked ones underlined."""
        cells = self.mask(" ".join(data)).split(" ")
        for start in range(0, len(data), ROW):
            end = min(len(data), start + ROW)
            yield f"{label if start == 0 else '':6} {' '.join(cells[start:end])}".rstrip()
            if any(n in marked for n in range(start, end)):
                yield f"{'':6} {' '.join('^^' if n in marked else '  ' for n in range(start, end))}".rstrip()

    def messages(self, diagnosis: Diagnosis, messages: Sequence[Message]) -> None:
        """The trace, with the numbers of the findings beside the messages."""
        marks: dict[int, list[str]] = {}
        for finding in diagnosis.findings:
            if finding.message is not None:
                marks.setdefault(finding.message, []).append(str(finding.id))
        self.lines += ["The trace, with the numbers of findings:", "", "```text"]
        for message in messages[:MOST_MESSAGES]:
            said = self.mask(escaped(" ".join(summary(message).split()))).replace("`", "'")
            row = f"{message.number:>4} {ARROWS[message.direction]} {said}"
            found = marks.get(message.number)
            self.lines.append(f"{row}   <= {', '.join(found)}" if found else row)
        if len(messages) > MOST_MESSAGES:
            self.lines.append(f"     ... {len(messages) - MOST_MESSAGES} more")
        self.lines += ["```", ""]
