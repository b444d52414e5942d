"""The diagnosis as one HTML file: findings, the trace with fields to click on, and the difference where there are two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.comparison import Diff, totals_of, with_messages
from analyzer.diagnosis import Diagnosis
from analyzer.message import Message
from analyzer.model import Finding
from analyzer.report import source_issues
from analyzer.report.corrected import sent_and_right
from analyzer.report.diagnosis_text import changed, whose
from analyzer.report.diff_html import table
from analyzer.report.html_message import details, line
from analyzer.report.html_page import Mask, page, safe, wire

MOST_TREES = 300  # messages of a trace that open to their trees; of those with findings, all up to this number


@dataclass(frozen=True, slots=True)
class Compared:
    """Two traces and their difference, by name and messages."""

    result: Diff
    names: tuple[str, str]
    messages: tuple[Sequence[Message], Sequence[Message]]


def render(
    diagnoses: Sequence[Diagnosis],
    messages: Sequence[Sequence[Message]],
    compared: Sequence[Compared] = (),
    mask: Mask | None = None,
) -> str:
    """A whole page. `messages` are those of each trace; `mask` covers what must not be shown."""
    cover = mask or (lambda text: text)
    parts = ["<h1>Diagnosis</h1>\n", _contents(diagnoses, cover)]
    anchors: dict[int, str] = {}
    for number, (diagnosis, own) in enumerate(zip(diagnoses, messages, strict=True), 1):
        anchors[id(own)] = f"t{number}"
        parts += _trace(diagnosis, own, f"t{number}", cover)
    for one in compared:
        parts.append(f"<h2>{safe(one.names[0], cover)} against {safe(one.names[1], cover)}</h2>\n")
        own_anchors = (anchors.get(id(one.messages[0]), ""), anchors.get(id(one.messages[1]), ""))
        counts = len(one.messages[0]), len(one.messages[1])
        faced = with_messages(one.result, *one.messages)
        parts += table(faced, totals_of(one.result), one.names, counts, cover, own_anchors)
    return page(", ".join(diagnosis.trace for diagnosis in diagnoses), parts, cover)


def _contents(diagnoses: Sequence[Diagnosis], mask: Mask) -> str:
    rows = []
    for number, diagnosis in enumerate(diagnoses, 1):
        first = diagnosis.findings[0] if diagnosis.health == "failing" and diagnosis.findings else None
        why = f": {safe(first.title, mask)}" if first is not None else ""
        word = f'<b class="{diagnosis.health}">{diagnosis.health}</b>'
        rows.append(f'<li><a href="#t{number}">{safe(diagnosis.trace, mask)}</a> {word}{why}</li>\n')
    return f"<ul>\n{''.join(rows)}</ul>\n" if len(rows) > 1 else ""


def _trace(diagnosis: Diagnosis, messages: Sequence[Message], anchor: str, mask: Mask) -> list[str]:
    word = "FAILING" if diagnosis.health == "failing" else "OK"
    count = f"{diagnosis.messages} message{'s' if diagnosis.messages != 1 else ''} of {safe(diagnosis.source, mask)}"
    parts = [
        f'<h2 id="{anchor}">{safe(diagnosis.trace, mask)} <span class="verdict {diagnosis.health}">{word}</span></h2>\n'
        f'<p class="dim">{count}</p>\n'
    ]
    parts += [f"<p>{safe(statement, mask)}</p>\n" for statement in diagnosis.statements]
    parts += [f"<p>In the input: {safe(row, mask)}</p>\n" for row in source_issues.as_lines(diagnosis.issues)]
    if not diagnosis.findings:
        parts.append("<p>Nothing wrong found.</p>\n")
    shown: dict[bytes, int] = {}
    parts += [_finding(finding, diagnosis, anchor, shown, mask) for finding in diagnosis.findings]
    parts.append("<h3>The trace</h3>\n")
    by_message: dict[int, list[Finding]] = {}
    for finding in diagnosis.findings:
        by_message.setdefault(finding.message or 0, []).append(finding)
    whole = set(sorted((m.number for m in messages), key=lambda n: n not in by_message)[:MOST_TREES])
    for message in messages:
        found = by_message.get(message.number, [])
        if message.number in whole:
            parts.append(details(message, found, anchor, mask))
        else:
            parts.append(f'<div id="{anchor}m{message.number}">{line(message, found, anchor, mask)}</div>\n')
    if len(messages) > MOST_TREES:
        parts.append(f'<p class="dim">{MOST_TREES} of {len(messages)} messages open to their fields.</p>\n')
    return parts


def _finding(finding: Finding, diagnosis: Diagnosis, anchor: str, shown: dict[bytes, int], mask: Mask) -> str:
    facts = [finding.severity, finding.certainty, whose(finding.side)]
    if finding.message is not None:
        facts.append(f'<a href="#{anchor}m{finding.message}">message {finding.message}</a>')
    if finding.because_of_id is not None:
        facts.append(f'because of <a href="#{anchor}f{finding.because_of_id}">{finding.because_of_id}</a>')
    evidence = "".join(f"<li>{safe(text, mask)}</li>" for text in finding.evidence)
    parts = [
        f'<section class="finding {finding.severity}" id="{anchor}f{finding.id}"><h3>{finding.id}. '
        f'{safe(finding.title, mask)} <code class="dim">{finding.code}</code></h3><div class="facts">{", ".join(facts)}</div>'
        f"<ul>{evidence}</ul>"
    ]
    if finding.severity != "info":
        parts.append(f"<p><b>Cause</b> {safe(finding.cause, mask)}</p><p><b>Fix</b> {safe(finding.fix, mask)}</p>")
        parts.append(_frames(finding, diagnosis, shown, mask))
    return "".join(parts) + "</section>\n"


def _frames(finding: Finding, diagnosis: Diagnosis, shown: dict[bytes, int], mask: Mask) -> str:
    """The frame as it was sent and as it should have been."""
    right = finding.fixed_bytes
    if right is None:
        return ""
    if right in shown:
        return f"<p>Right: as under {shown[right]}, where all faults of this frame are corrected.</p>"
    shown[right] = finding.id
    sent = diagnosis.wires.get(finding.message or 0, b"")
    here, there = changed(sent, right)
    before, after = sent_and_right(finding, diagnosis)
    made = f"<div>Sent</div>{wire(before, here, 'sent', mask)}" if sent else ""
    made += f"<div>Right</div>{wire(after, there, 'right', mask)}"
    return made + (f'<p class="dim">({safe(finding.fixed_note, mask)})</p>' if finding.fixed_note else "")
