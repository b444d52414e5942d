"""What there is to read about a finding or a trace, as text for the pane beside the list."""

from __future__ import annotations

from rich.text import Text

from analyzer.model import Finding
from analyzer.report import source_issues
from analyzer.report.diagnosis_text import whose
from analyzer.tui.widgets.diagnosis_rows import FindingRow

ISSUES = 20


def words_of(row: FindingRow) -> Text:
    """The finding of a row, or what the keys say of its trace."""
    return _finding(row.finding) if row.finding is not None else _trace(row)


def _trace(row: FindingRow) -> Text:
    diagnosis = row.diagnosis
    text = Text(f"{diagnosis.trace}: {diagnosis.health}", "bold")
    for statement in diagnosis.statements:
        text.append(f"\n{statement}", "not bold")
    for line in source_issues.as_lines(diagnosis.issues[:ISSUES]):
        text.append(f"\nIn the input: {line}", "not bold")
    if len(diagnosis.issues) > ISSUES:
        text.append(f"\n... and {len(diagnosis.issues) - ISSUES:,} more remarks on the input", "not bold")
    if not diagnosis.findings:
        text.append("\nNothing wrong found.", "not bold")
    return text


def _finding(finding: Finding) -> Text:
    text = Text(finding.title, "bold")
    facts = [finding.severity, finding.certainty, whose(finding.side), finding.code]
    if finding.because_of_id is not None:
        facts.append(f"because of {finding.because_of_id}")
    text.append(f"\n{', '.join(facts)}", "not bold italic")
    for evidence in finding.evidence:
        text.append(f"\n• {evidence}", "not bold")
    if finding.severity != "info":
        text.append("\nCause ", "bold").append(finding.cause, "not bold")
        text.append("\nFix   ", "bold").append(finding.fix, "not bold")
    if finding.fixed_note:
        text.append(f"\n({finding.fixed_note})", "not bold italic")
    if finding.message is not None:
        text.append(f"\nEnter shows {place(finding)}.", "not bold italic")
    return text


def place(finding: Finding) -> str:
    """Where a finding is, in words."""
    span = finding.span
    if span is None:
        return f"message {finding.message}"
    octets = f"octet {span.start}" if span.end - span.start <= 1 else f"octets {span.start} to {span.end - 1}"
    return f"message {span.message or finding.message}, {octets}{' of the opened text' if span.buffer else ''}"
