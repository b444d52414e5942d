"""Every protected APDU under a supposition, as rows: message, verdict, counter, and what the text would be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from analyzer.hypothesis import Trial
from analyzer.tui.widgets.message_list import ARROWS, LOCKS
from analyzer.tui.widgets.rows_view import RowsView

WORDS = {"verified": "verifies", "unauthenticated": "not checked", "failed": "fails", "no-key": "no key"}
NARROW = 60  # columns, under which the name of the protected APDU and the counter are left out
OCTETS = 48  # of a text that a row shows


@dataclass(frozen=True, slots=True)
class TrialRow:
    """One APDU of a trace, by the index of the trace."""

    trace: int
    name: str
    trial: Trial


class TrialRows(RowsView):
    """The APDUs of all traces."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: Sequence[TrialRow] = ()

    def show(self, rows: Sequence[TrialRow]) -> None:
        """Other verdicts; the cursor stays."""
        self.rows = rows
        self.rows_changed()

    def row_count(self) -> int:
        """How many there are."""
        return len(self.rows)

    @property
    def current(self) -> TrialRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def where(self, row: TrialRow) -> str:
        """Trace and message of a row; the message alone where all are of one trace."""
        many = self.rows[0].trace != self.rows[-1].trace
        return f"{row.trace + 1}#{row.trial.message}" if many else f"{row.trial.message}"

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """Verdict in a sign and a word, trace and message, counter, text."""
        row, trial = self.rows[index], self.rows[index].trial
        sign, look = LOCKS[trial.verdict]
        where = self.where(row)
        said = trial.plain or ("no APDU" if trial.plaintext is not None else "")
        text = trial.plaintext[:OCTETS].hex(" ").upper() if trial.plaintext else ""
        if width < NARROW:
            return [
                (f"{sign} {WORDS[trial.verdict]} ", look),
                (f"{where} {ARROWS[trial.direction]} ", "plain"),
                (f"{said or trial.apdu} ", "good" if trial.readable else "warning"),
                (text, "dim"),
            ]
        return [
            (f"{sign} {WORDS[trial.verdict]:<11} ", look),
            (f"{where:>5} {ARROWS[trial.direction]} ", "plain"),
            (f"{trial.apdu}  ", "plain"),
            (f"counter {trial.counter}  ", "dim"),
            (f"{said}  ", "good" if trial.readable else "warning"),
            (text, "plain" if trial.verdict == "verified" else "dim"),
        ]


def counted(rows: Sequence[TrialRow]) -> str:
    """How many verify, in words."""
    counts = Counter[str](row.trial.verdict for row in rows)
    if not rows:
        return "Nothing is protected"
    others = [
        f"{counts[verdict]} {words}"
        for verdict, words in (("failed", "fail"), ("unauthenticated", "not checked"), ("no-key", "without a key"))
        if counts[verdict]
    ]
    readable = sum(row.trial.readable for row in rows)
    return ", ".join([f"{counts['verified']} of {len(rows)} verify", *others, f"{readable} readable"])
