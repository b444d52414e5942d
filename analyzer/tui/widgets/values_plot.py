"""A column of a table as a plot, where textual-plotext is installed; else words that say how to get it."""

from __future__ import annotations

from typing import Any

from textual.app import ComposeResult
from textual.containers import Container
from textual.widgets import Static

from analyzer.report.value_table import ValueTable

MISSING = "A plot needs the package textual-plotext: pip install 'dlmscope[plot]'"
POINTS = 2000  # more of them than a terminal has columns
TICKS = 5
LABEL = 26  # columns for one of them


class ValuePlot(Container):
    """One column over the time, or over the number of the row."""

    DEFAULT_CSS = """
    ValuePlot { height: 1fr; min-height: 8; }
    ValuePlot Static { padding: 0 1; }
    """

    def compose(self) -> ComposeResult:
        try:
            from textual_plotext import PlotextPlot
        except ImportError:
            self._plot: Any = None
            yield Static(MISSING, markup=False)
            return
        self._plot = PlotextPlot()
        yield self._plot

    def show(self, table: ValueTable, column: int | None) -> None:
        """Draws a column."""
        name, unit = table.heads[column] if column is not None else ("", "")
        title = f"{name} {f'in {unit}' if unit else ''}".strip()
        self.border_title = title.replace("[", "\\[") or "Plot"
        if self._plot is None:
            return
        plot = self._plot.plt
        plot.clear_data()
        plot.clear_figure()
        if column is None:
            self.border_title = "Nothing to plot: no column holds numbers"
            self._plot.refresh()
            return
        points = [(n, row[column]) for n, row in enumerate(table.numbers) if column < len(row)]
        known = [(n, value) for n, value in points if value is not None]
        step = max(1, -(-len(known) // POINTS))
        known = known[::step]
        xs, ys = [n for n, _ in known], [value for _, value in known]
        plot.plot(xs, ys, marker="braille")
        ticks = max(2, min(TICKS, (self.size.width or 80) // LABEL))  # so many that their labels never touch
        places = xs if len(xs) <= ticks else [xs[round(i * (len(xs) - 1) / (ticks - 1))] for i in range(ticks)]
        plot.xticks(places, [_when(table, n) for n in places])
        self._plot.refresh()


def _when(table: ValueTable, row: int) -> str:
    """What stands below a point: the time of its row, or its number."""
    if table.time is None or table.time >= len(table.rows[row]):
        return str(row + 1)
    text = table.rows[row][table.time].removesuffix(" *")
    words = text.split(" ")
    return " ".join(words[:2])[:16] if len(words) > 1 else text[:16]
