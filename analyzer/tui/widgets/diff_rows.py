"""Two traces side by side as rows: a pair of messages, and beneath it each field that differs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from rich.cells import cell_len, set_cell_size

from analyzer.comparison import Diff, FieldDifference, Pair
from analyzer.message import Message
from analyzer.report.diff_text import GAP, SIGNS, grouped, short
from analyzer.report.summary import summary
from analyzer.tui.widgets.message_list import ARROWS
from analyzer.tui.widgets.rows_view import RowsView

SUMMARIES = 4096
LOOKS = {"=": "plain", "~": "dim", "!": "error", "<": "warning", ">": "warning"}
LEAST_NAME = 10  # columns of the name of a field beside its value


@dataclass(frozen=True, slots=True)
class DiffRow:
    """A pair, or one field of it."""

    pair: Pair
    field: FieldDifference | None = None

    @property
    def matters(self) -> bool:
        """Whether this row is a difference to stop at: a field that differs, or a message without partner."""
        if self.field is not None:
            return self.field.status == "different"
        return self.pair.status in ("only-a", "only-b")


def rows_of(result: Diff, expected: bool) -> list[DiffRow]:
    """The rows of a comparison, with the fields that differ as expected, or without them."""
    made = []
    for pair in result.pairs:
        made.append(DiffRow(pair))
        made += [DiffRow(pair, f) for f in grouped([f for f in pair.fields if f.status == "different"])]
        if expected:
            made += [DiffRow(pair, f) for f in pair.fields if f.status == "expected"]
    return made


def place_of(rows: Sequence[DiffRow], here: DiffRow | None) -> int:
    """Where a row stands among others; where it is not, the row of its pair; else the first."""
    if here is None:
        return 0
    place = next((n for n, row in enumerate(rows) if row == here), None)
    return place if place is not None else next((n for n, r in enumerate(rows) if r.pair == here.pair), 0)


class DiffRows(RowsView):
    """The rows of a comparison, two columns of messages with a sign between them."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: Sequence[DiffRow] = ()
        self.names = ("", "")
        self._messages: tuple[Sequence[Message], Sequence[Message]] = ((), ())
        self._number = 3
        self._summary = lru_cache(SUMMARIES)(self._summary_of)

    def show(self, rows: Sequence[DiffRow], a: Sequence[Message], b: Sequence[Message], cursor: int = 0) -> None:
        """Other rows over the messages of two traces."""
        self.rows, self._messages = rows, (a, b)
        self._number = max(2, len(str(max(len(a), len(b)))))
        self._summary.cache_clear()
        self.rows_changed(cursor)
        self.call_after_refresh(self._bring)  # when the view knows how long it is now

    def row_count(self) -> int:
        """How many there are."""
        return len(self.rows)

    @property
    def current(self) -> DiffRow | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def message(self, side: int, pair: Pair) -> Message | None:
        """The message of a pair on the left (0) or right (1)."""
        number = pair.b if side else pair.a
        return self._messages[side][number - 1] if number is not None else None

    def next_difference(self, by: int) -> int | None:
        """The row of the next difference after the cursor, or of the one before it; None where there is none."""
        span = range(self.cursor + 1, len(self.rows)) if by > 0 else range(self.cursor - 1, -1, -1)
        return next((n for n in span if self.rows[n].matters), None)

    def first_of(self, pair: Pair) -> int:
        """The first difference of a pair, or the row of the pair itself."""
        first = next(n for n, row in enumerate(self.rows) if row.pair is pair)
        for n in range(first, len(self.rows)):
            if self.rows[n].pair is not pair:
                break
            if self.rows[n].matters:
                return n
        return first

    def _summary_of(self, side: int, number: int) -> str:
        message = self._messages[side][number - 1]
        return f"{ARROWS[message.direction]} {summary(message)}"

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """A pair, or a field with the value of either side in the column of that side."""
        row = self.rows[index]
        column = max((width - 2 * self._number - 5) // 2, 8)
        if row.field is not None:
            return self._field(row.field, column)
        pair, n = row.pair, self._number
        sign = SIGNS[pair.status]
        look = LOOKS[sign]
        cells = [self._summary(side, number) if number else GAP for side, number in ((0, pair.a), (1, pair.b))]
        looks = [look if number else "dim" for number in (pair.a, pair.b)]
        return [
            (f"{pair.a or '':>{n}} ", "dim"),
            (_cut(cells[0], column), looks[0]),
            (f" {sign} ", look),
            (f"{pair.b or '':>{n}} ", "dim"),
            (_cut(cells[1], column), looks[1]),
        ]

    def _field(self, field: FieldDifference, column: int) -> list[tuple[str, str]]:
        matters = field.status == "different"
        look = "error" if matters else "dim"
        lead = " " * (self._number + 1)
        name, a, b = short(field.path), field.a, field.b
        if matters and not field.why:  # a list of bits
            left = "only on the left" in name
            a, b = (a, "-") if left else ("-", b)
            name = name.partition(", only on")[0]
        room = max(column - min(cell_len(a or "-"), column // 2) - 5, LEAST_NAME)
        if len(name) > room:
            name = "…" + name[1 - room :]
        return [
            (f"{lead}{'!' if matters else '~'} ", look),
            (_cut(f"{name}  {a or '-'}", column - 2), look if matters else "dim"),
            (" | " + lead, "dim"),
            (_cut(b or "-", column), look if matters else "dim"),
        ]


def _cut(text: str, room: int) -> str:
    """A text in exactly so many columns."""
    if cell_len(text) <= room:
        return set_cell_size(text, room)
    return set_cell_size(text, max(room - 1, 0)) + "…"
