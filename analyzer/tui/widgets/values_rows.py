"""The values of a trace as rows, and any table of texts as rows under its heading."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from textual.strip import Strip

from analyzer import hiding
from analyzer.report.value_table import FILLED, Reading, ValueTable
from analyzer.tui.widgets.rows_view import RowsView

CODE, UNIT, TIME, HOW, MESSAGE = 18, 6, 20, 8, 6
WIDEST = 34  # columns of a cell of a table
MEASURED = 500  # rows that the widths of a table come from


def fitted(text: str, width: int, right: bool = False) -> str:
    """A text in exactly so many columns."""
    if cell_len(text) > width:
        return set_cell_size(text, max(width - 1, 0)) + "…"
    return " " * (width - cell_len(text)) + text if right else set_cell_size(text, width)


class ReadingRows(RowsView):
    """Code, name, value, unit, time, message."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: Sequence[Reading] = ()

    def show(self, rows: Sequence[Reading], cursor: int = 0) -> None:
        """Other values."""
        self.rows = rows
        self.rows_changed(cursor)
        self.call_after_refresh(self._bring)

    def row_count(self) -> int:
        """How many there are."""
        return len(self.rows)

    @property
    def current(self) -> Reading | None:
        """The row under the cursor."""
        return self.rows[self.cursor] if self.cursor < len(self.rows) else None

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """One value; time and origin where there is room."""
        reading = self.rows[index]
        wide = width >= 110
        fixed = CODE + UNIT + 3 + (TIME + HOW + 2 if wide else 0) + MESSAGE
        room = max(width - fixed, 20)
        value = max(min(room // 2, 34), 10)
        cells = [
            (fitted(reading.obis or "-", CODE) + " ", "plain"),
            (fitted(reading.name or "(not named)", room - value) + " ", "plain" if reading.name else "dim"),
        ]
        cells.append(
            (
                fitted(hiding.said(reading.value), value, reading.number is not None) + " ",
                "good" if not reading.profile else "accent",
            )
        )
        cells.append((fitted(reading.unit, UNIT), "plain"))
        if wide:
            cells.append((fitted(reading.time, TIME) + " ", "dim"))
            cells.append((fitted(reading.how, HOW), "dim"))
        cells.append((fitted(f"#{reading.message}", MESSAGE, True), "dim"))
        return cells


class TableRows(RowsView):
    """A table of texts. Its first column in sight is `first`; heading and unit stand above in the border."""

    DEFAULT_CSS = """
    TableRows > .rows-view--head { background: $panel; color: $foreground; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.table: ValueTable | None = None
        self.first = 0
        self.plotted: int | None = None
        self._widths: list[int] = []
        self._right: list[bool] = []
        self._starred: list[bool] = []

    def show(self, table: ValueTable) -> None:
        """Another table, from its top."""
        self.table, self.first = table, 0
        numbers = set(table.plottable())
        self._right = [n in numbers for n in range(len(table.heads))]
        self._widths, self._starred = [], []
        for n, (name, unit) in enumerate(table.heads):
            texts = [row[n] for row in table.rows[:MEASURED] if n < len(row)]
            starred = any(text.endswith(f" {FILLED}") for text in texts)
            self._starred.append(starred)
            cells = [cell_len(text) + 2 * starred for text in texts]
            head = cell_len(f"{name} {unit}".strip())
            self._widths.append(min(max([*cells, min(head, 24), 3]), WIDEST))
        self.rows_changed(min(1, len(table.rows)))
        self.call_after_refresh(self._bring)

    def shift(self, by: int) -> None:
        """Other columns into sight."""
        if self.table is not None:
            self.first = max(0, min(self.first + by, len(self.table.heads) - 1))
            self.refresh()

    def row_count(self) -> int:
        """The heading and the rows."""
        return len(self.table.rows) + 1 if self.table is not None else 0

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """The heading, or a row from the first column in sight on."""
        table = self.table
        assert table is not None
        made: list[tuple[str, str]] = []
        cells = [f"{name} {unit}".strip() for name, unit in table.heads] if index == 0 else table.rows[index - 1]
        for n in range(self.first, len(cells)):
            cell = hiding.said(cells[n]) if index else cells[n]
            if index and self._starred[n] and self._right[n] and not cell.endswith(f" {FILLED}"):
                cell += "  "  # so that numbers with and without a mark stand in line
            text = fitted(cell, self._widths[n], self._right[n])
            look = "accent" if n == self.plotted else "plain"
            made.append((text + "  ", "accent" if index == 0 else look))
        return made

    def render_line(self, y: int) -> Strip:
        """The heading stays on top."""
        if y == 0 and self.scroll_offset.y:
            before = self.scroll_offset.y
            strip = super().render_line(-before)
            return strip
        return super().render_line(y)
