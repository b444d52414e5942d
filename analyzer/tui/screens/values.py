"""What was read from the meter: a table by object, profiles and series as tables and plots, both as CSV."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import chain
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widgets import ContentSwitcher, Input

from analyzer import hiding
from analyzer.export.bundle import Bundle
from analyzer.export.csv_table import lines_of
from analyzer.patience import StoppedError
from analyzer.report.value_table import Reading, ValueTable, readings_of, series_of, table_of
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.screens.choice import Choice
from analyzer.tui.session import Change, Session, Stop
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.said import Said
from analyzer.tui.widgets.values_plot import ValuePlot
from analyzer.tui.widgets.values_rows import ReadingRows, TableRows

MOST = 200_000  # values that are listed
PAUSE = 0.12


class ValuesScreen(BaseScreen):
    """The list of values; behind it the table and plot of one."""

    place: ClassVar[str] = "values"
    help_text: ClassVar[str] = """
Every value that answers, writes and pushes of a trace carry: code, name, value, unit, and the time that it is of. Values of one
object stand together; s orders them by message instead. Filter words must all occur in the row.

Enter on a profile shows its rows and a plot of a column; on any other value, all readings of that object in the trace. Left and
Right bring other columns into sight, p plots the next column. x writes CSV: all values of the open traces, or the table.
"""
    CSS = """
    #values-line { height: 1; background: $boost; padding: 0 1; }
    #values-views { height: 1fr; }
    #view-list, #view-table { height: 1fr; }
    #values-notes { height: auto; max-height: 3; padding: 0 1; color: $text-muted; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "filter", "Filter", key_display="/", tooltip="filter the values; empty shows all"),
        Binding("s", "sort", "Order", tooltip="order by object or by message"),
        Binding("right_square_bracket", "trace", "Trace", key_display="]", tooltip="choose the trace"),
        Binding("p", "plot", "Plot", tooltip="table and plot; again: the next column"),
        Binding("x", "export", "CSV", tooltip="write what is shown as CSV"),
        Binding("o", "open", "Open", show=False, tooltip="show the message of the value"),
        Binding("c", "copy", "Copy", show=False, tooltip="copy the value"),
        Binding("left", "shift(-1)", "Columns left", show=False, tooltip="other columns into sight"),
        Binding("right", "shift(1)", "Columns right", show=False, tooltip="other columns into sight"),
    ]

    def body(self) -> ComposeResult:
        yield Input(id="values-line", compact=True)
        with ContentSwitcher(initial="view-list", id="values-views"):
            with Vertical(id="view-list"):
                yield ReadingRows(id="readings", classes="pane")
            with Vertical(id="view-table"):
                yield TableRows(id="table", classes="pane")
                yield Said("", id="values-notes", markup=False)
                yield ValuePlot(id="plot", classes="pane")

    def on_mount(self) -> None:
        """Reads the values of the first trace."""
        self.index = 0
        self._all: list[Reading] = []
        self._by_object = True
        self._words: list[str] = []
        self._asking = ""
        self._column: int | None = None
        self._cut = False
        self.query_one("#values-line").display = False
        self._rows.focus()
        self._gather()

    @property
    def _rows(self) -> ReadingRows:
        return self.query_one("#readings", ReadingRows)

    @property
    def _table(self) -> TableRows:
        return self.query_one("#table", TableRows)

    @property
    def _views(self) -> ContentSwitcher:
        return self.query_one("#values-views", ContentSwitcher)

    def session_changed(self, change: Change) -> None:
        """Reads again with other traces or keys."""
        if change == "traces":
            self.index, self._words = 0, []
            self._list()
        if change in ("traces", "keys", "settled"):
            self._gather()

    # The list

    def _gather(self) -> None:
        session, index = self.session, self.index
        if index >= len(session.traces):
            self.dlmscope.background.cancel("values")
            self._all = []
            self._fill()
            return
        self._rows.border_subtitle = "reading ..."
        self.dlmscope.background.run("values", lambda stop: _gathered(session, index, stop), self._gathered)

    def _gathered(self, made: list[Reading]) -> None:
        self._cut = len(made) > MOST
        self._all = made[:MOST]
        self._fill()

    def _fill(self) -> None:
        """Chooses and orders the rows."""
        everything, words, by_object = self._all, self._words, self._by_object

        def work(_stop: Stop) -> list[Reading]:
            rows = [r for r in everything if _holds(r, words)] if words else list(everything)
            return sorted(rows, key=lambda reading: reading.key) if by_object else rows

        self.dlmscope.background.run("order-values", work, self._filled)

    def _filled(self, rows: list[Reading]) -> None:
        self._rows.show(rows)
        traces = self.session.traces
        name = traces[self.index].name if self.index < len(traces) else "Values"
        of = f" ({self.index + 1} of {len(traces)})" if len(traces) > 1 else ""
        self._rows.border_title = f"{name}{of}".replace("[", "\\[")
        order = "by object" if self._by_object else "by message"
        said = f"{len(rows):,} values {order}" if rows else "no values: nothing was read, or no key opens it"
        if self._words:
            said = f"{len(rows):,} of {len(self._all):,} values with {' '.join(self._words)}, {order}"
        self._rows.empty = said[:1].upper() + said[1:]
        if self._cut:
            said += f", the first {MOST:,}"
        self._rows.border_subtitle = said.replace("[", "\\[")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Of one trace there is no other to choose, and a slash is typed into a field."""
        if action == "filter":
            return not isinstance(self.focused, Input)
        return action != "trace" or len(self.session.traces) > 1

    def action_sort(self) -> None:
        """By object, or by message."""
        self._by_object = not self._by_object
        self._fill()

    def action_trace(self) -> None:
        """Which trace."""
        traces = self.session.traces
        if len(traces) < 2:
            return

        def chosen(index: int | None) -> None:
            if index is not None:
                self.index = index
                self._list()
                self._gather()

        answers = [f"{trace.name}  ({len(trace):,} records of {trace.source})" for trace in traces]
        self.app.push_screen(Choice("Values of which trace?", answers, self.index), chosen)

    def action_open(self) -> None:
        """The message of the value."""
        reading = self._rows.current
        if reading is not None:
            self.dlmscope.show_message(self.index, reading.message)

    def action_copy(self) -> None:
        """The value with its unit."""
        reading = self._rows.current
        if reading is not None:
            self.app.copy_to_clipboard(f"{hiding.said(reading.value)} {reading.unit}".strip())
            self.notify(f"{reading.name or reading.obis} copied", markup=False, timeout=2)

    # Table and plot

    @on(RowsView.Chosen, "#readings")
    def chosen(self) -> None:
        """A profile, or all readings of an object."""
        self.action_plot()

    def action_plot(self) -> None:
        """The table of the value with a plot; again: the next column."""
        if self._views.current == "view-table":
            self._next_column()
            return
        reading = self._rows.current
        if reading is None:
            return
        everything = list(self._all)

        def work(_stop: Stop) -> ValueTable:
            return table_of(reading) if reading.profile is not None else series_of(everything, reading)

        self.dlmscope.background.run("table", work, self._tabled)

    def _tabled(self, table: ValueTable) -> None:
        self._views.current = "view-table"
        self._table.show(table)
        self._table.border_title = table.title.replace("[", "\\[")
        self._table.border_subtitle = f"{len(table.rows):,} rows, {len(table.heads)} columns, Escape leaves"
        self.query_one("#values-notes", Said).update(Text("\n".join(table.notes)))
        self.query_one("#values-notes").display = bool(table.notes)
        self._column = None
        self._next_column()
        self._table.focus()

    def _next_column(self) -> None:
        table = self._table.table
        if table is None:
            return
        columns = sorted(table.plottable(), key=lambda n: not table.heads[n][1])  # what has a unit comes first
        later = columns[columns.index(self._column) + 1 :] if self._column in columns else columns
        wanted = later or columns
        self._column = wanted[0] if wanted else None
        self._table.plotted = self._column
        self._table.refresh()
        self.query_one("#plot", ValuePlot).show(table, None if hiding.are_hidden() else self._column)

    def action_shift(self, by: int) -> None:
        """Other columns."""
        if self._views.current == "view-table":
            self._table.shift(by)

    def _list(self) -> None:
        self._views.current = "view-list"
        self._rows.focus()

    # The line: filter, or the path of a file

    def action_filter(self) -> None:
        """Asks for words."""
        self._list()
        self._ask("filter", " ".join(self._words), "words of code, name, value or unit   Enter keeps, Escape ends")

    def action_export(self) -> None:
        """Asks where to write."""
        table = self._views.current == "view-table"
        self._ask("export", "table.csv" if table else "values.csv", "path of the CSV file to write")

    def _ask(self, what: str, value: str, hint: str) -> None:
        line = self.query_one("#values-line", Input)
        self._asking = what
        line.placeholder = hint
        with self.prevent(Input.Changed):
            line.value = value
        line.display = True
        line.focus()

    @on(Input.Changed, "#values-line")
    def line_changed(self, event: Input.Changed) -> None:
        """Filters while one types."""
        if self._asking == "filter":
            words = event.value.lower().split()
            self.dlmscope.background.run("filter-values", lambda stop: words, self._filtered, PAUSE)

    def _filtered(self, words: list[str]) -> None:
        self._words = words
        self._fill()

    @on(Input.Submitted, "#values-line")
    def line_done(self, event: Input.Submitted) -> None:
        """Keeps the filter, or writes the file."""
        event.input.display = False
        self._focus_view()
        if self._asking == "export" and event.value.strip():
            self._write(os.path.expanduser(event.value.strip()))
        self._asking = ""

    def _focus_view(self) -> None:
        (self._table if self._views.current == "view-table" else self._rows).focus()

    def action_leave_field(self) -> None:
        """Escape: out of the line, out of the table, out of the filter."""
        line = self.query_one("#values-line", Input)
        if line.display:
            line.display = False
            self._asking = ""
            self._focus_view()
        elif self._views.current == "view-table":
            self._list()
        elif self._words:
            self._filtered([])
        else:
            self._rows.focus()

    # CSV

    def _write(self, path: str) -> None:
        session, table = self.session, self._table.table
        lines: Callable[[Stop], Iterable[str]]
        if self._views.current == "view-table" and table is not None:
            lines = lambda stop: table.csv()  # noqa: E731
        else:
            lines = lambda stop: _csv(session, stop)  # noqa: E731

        def work(stop: Stop) -> int:
            count = 0
            with open(path, "x", encoding="utf-8", newline="") as file:  # never over a file that is there
                masking = self.dlmscope.masking
                for line in lines(stop) if masking is None else map(masking.text, lines(stop)):
                    if stop():
                        raise StoppedError
                    file.write(line + "\r\n")
                    count += 1
            return count

        self.dlmscope.background.run(
            "export", work, lambda count: self.notify(f"{count - 1:,} rows written to {path}", markup=False)
        )


def _gathered(session: Session, index: int, stop: Stop) -> list[Reading]:
    """The values of a trace, one more than are listed where there are more."""
    made = []
    for reading in readings_of(session.messages(index, stop)):
        made.append(reading)
        if len(made) > MOST:
            break
        if len(made) % 64 == 0 and stop():
            raise StoppedError
    return made


def _csv(session: Session, stop: Stop) -> Iterable[str]:
    """All values of the open traces, a profile cell by cell."""
    bundles = [Bundle(trace, session.messages(n, stop)) for n, trace in enumerate(session.traces)]
    return chain(lines_of("values", bundles))


def _holds(reading: Reading, words: list[str]) -> bool:
    text = f"{reading.obis} {reading.name} {reading.value} {reading.unit} {reading.how} #{reading.message}".lower()
    return all(word in text for word in words)
