"""A list of any length: only the rows in sight are made. Cursor, paging, mouse; what a row shows is up to subclasses."""

from __future__ import annotations

from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from analyzer.tui.masking import masked_segments


class RowsView(ScrollView, can_focus=True):
    """Subclasses give `row_count` and `row`, and call `rows_changed`."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "rows-view--plain",
        "rows-view--dim",
        "rows-view--cursor",
        "rows-view--cursor-away",
        "rows-view--error",
        "rows-view--warning",
        "rows-view--good",
        "rows-view--accent",
    }
    DEFAULT_CSS = """
    RowsView { background: $surface; color: $foreground; overflow-x: hidden; scrollbar-size-vertical: 1; }
    RowsView > .rows-view--plain { color: $foreground; background: $surface; }
    RowsView > .rows-view--dim { background: $surface; color: $foreground-muted; }
    RowsView > .rows-view--cursor { background: $primary; color: $text; text-style: bold; }
    RowsView > .rows-view--cursor-away { background: $primary-muted; color: $foreground; text-style: bold; }
    RowsView > .rows-view--error { background: $surface; color: $text-error; text-style: bold; }
    RowsView > .rows-view--warning { background: $surface; color: $text-warning; }
    RowsView > .rows-view--good { background: $surface; color: $text-success; }
    RowsView > .rows-view--accent { background: $surface; color: $text-accent; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "step(-1)", "Up", show=False),
        Binding("down,j", "step(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "edge(0)", "First", show=False),
        Binding("end", "edge(1)", "Last", show=False),
        Binding("enter", "choose", "Choose", show=False),
    ]

    class Moved(Message):
        """The cursor is on another row."""

        def __init__(self, view: RowsView, row: int) -> None:
            super().__init__()
            self.view = view
            self.row = row

        @property
        def control(self) -> RowsView:
            """The list."""
            return self.view

    class Chosen(Moved):
        """Enter or a double click on a row."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.cursor = 0
        self.empty = ""  # what stands there where there are no rows
        self._brought = 0

    def row_count(self) -> int:
        """How many rows there are."""
        return 0

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """A row as texts with the names of their styles: plain, dim, error, warning, good, accent."""
        return []

    def rows_changed(self, cursor: int | None = None) -> None:
        """Other rows; the cursor goes to `cursor`, or stays. Says nothing to anybody."""
        count = self.row_count()
        self.virtual_size = Size(self.size.width, max(count, 1))
        wanted = self.cursor if cursor is None else cursor
        self.cursor = max(0, min(wanted, count - 1))
        if cursor is not None:
            self._bring()
        self.refresh()

    def move(self, row: int) -> None:
        """Puts the cursor on a row and says so."""
        count = self.row_count()
        if not count:
            return
        self.cursor = max(0, min(row, count - 1))
        self._bring()
        self.refresh()
        self.post_message(self.Moved(self, self.cursor))

    def _bring(self) -> None:
        """Brings the cursor into sight. At once: the rows may have become more than there were when it was last drawn."""
        height, top = self.scrollable_content_region.height, self.scroll_offset.y
        wanted = min(max(top, self.cursor - height + 1), self.cursor)
        if height and wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True, immediate=True)
        self._brought = self.scroll_offset.y

    @property
    def scrolled_up(self) -> bool:
        """Whether somebody has scrolled up, by wheel or bar, since the cursor was last brought into sight."""
        return self.scroll_offset.y < self._brought

    def on_resize(self, _event: events.Resize) -> None:
        """The cursor stays in sight."""
        self.rows_changed(self.cursor)

    def render_line(self, y: int) -> Strip:
        """One row of those in sight."""
        index, width = y + self.scroll_offset.y, self.scrollable_content_region.width
        plain = self.get_component_rich_style("rows-view--plain")
        if index >= (count := self.row_count()):
            if count or index or not self.empty:
                return Strip.blank(width, plain)
            said = Strip([Segment(f" {self.empty}", self.get_component_rich_style("rows-view--dim"))])
            return said.adjust_cell_length(width, plain)
        over: Style | None = None
        if index == self.cursor:
            over = self.get_component_rich_style("rows-view--cursor" if self.has_focus else "rows-view--cursor-away")
        segments = []
        for text, name in self.row(index, width):
            style = plain if name == "plain" else self.get_component_rich_style(f"rows-view--{name}")
            segments.append(Segment(text, over if over is not None else style))
        masking = getattr(self.app, "masking", None)
        strip = Strip(masked_segments(segments, masking) if masking is not None else segments)
        if strip.cell_length > width > 0:
            return Strip([*strip.crop(0, width - 1), Segment("…", over or plain)])
        return strip.adjust_cell_length(width, over or plain)

    def action_step(self, by: int) -> None:
        """One row on."""
        self.move(self.cursor + by)

    def action_page(self, by: int) -> None:
        """A page on."""
        self.move(self.cursor + by * max(self.size.height - 1, 1))

    def action_edge(self, last: int) -> None:
        """To the first or the last row."""
        self.move(self.row_count() - 1 if last else 0)

    def action_choose(self) -> None:
        """Says that this row is meant."""
        if self.row_count():
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """The row under the mouse."""
        inside = event.get_content_offset(self)
        row = inside.y + self.scroll_offset.y if inside is not None else self.row_count()
        if row < self.row_count():
            self.move(row)
            if event.chain > 1:
                self.action_choose()
