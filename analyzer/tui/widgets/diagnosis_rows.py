"""The findings of all traces as rows, causes before what follows from them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.diagnosis import Diagnosis
from analyzer.model import Finding
from analyzer.report.diagnosis_text import whose
from analyzer.tui.widgets.message_list import MARKS
from analyzer.tui.widgets.rows_view import RowsView


@dataclass(frozen=True, slots=True)
class FindingRow:
    """The heading of a trace, or one of its findings; `trace` is its index."""

    trace: int
    diagnosis: Diagnosis
    finding: Finding | None = None


def rows_of(diagnoses: Sequence[Diagnosis]) -> list[FindingRow]:
    """Each trace, those that fail first, then its findings in their rank."""
    made = []
    for index, diagnosis in sorted(enumerate(diagnoses), key=lambda row: row[1].health != "failing"):
        made.append(FindingRow(index, diagnosis))
        made += [FindingRow(index, diagnosis, finding) for finding in diagnosis.findings]
    return made


def first_cause(rows: Sequence[FindingRow]) -> int:
    """The row to begin with: the first error, else the first finding of the first trace that has one, else the top."""
    errors = (n for n, row in enumerate(rows) if row.finding is not None and row.finding.severity == "error")
    return next(errors, 0)


class FindingRows(RowsView):
    """Trace headings with their health, findings beneath."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: Sequence[FindingRow] = ()

    def show(self, rows: Sequence[FindingRow], cursor: int) -> None:
        """Other findings."""
        self.rows = rows
        self.rows_changed(cursor)
        self.call_after_refresh(self._bring)  # when the view knows how long it is now

    def row_count(self) -> int:
        """How many there are."""
        return len(self.rows)

    @property
    def current(self) -> FindingRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """A heading, or rank, mark, title, certainty, side and message of a finding."""
        row = self.rows[index]
        if row.finding is None:
            return self._heading(row.diagnosis, width)
        finding = row.finding
        sign, look = MARKS[finding.severity]
        where = f"message {finding.message}" if finding.message is not None else ""
        facts = ", ".join(filter(None, [finding.certainty, whose(finding.side), where]))
        cause = f"└ of {finding.because_of_id}  " if finding.because_of_id is not None else ""
        return [
            (f"{finding.id:>3} ", "dim"),
            (f"{sign} ", look),
            (cause, "dim"),
            (finding.title, "plain" if finding.severity == "info" or cause else look),
            (f"  {facts}", "dim"),
        ]

    @staticmethod
    def _heading(diagnosis: Diagnosis, width: int) -> list[tuple[str, str]]:
        failing = diagnosis.health == "failing"
        total = sum(diagnosis.counts.values())
        keys = f", {diagnosis.counts['verified']} of {total} verify" if total else ""
        health = "FAILING" if failing else "OK"
        head = f"{diagnosis.trace}  {diagnosis.messages} messages{keys}"
        gap = " " * max(2, width - len(head) - len(health) - 1)
        return [(head, "accent"), (gap, "plain"), (health, "error" if failing else "good")]
