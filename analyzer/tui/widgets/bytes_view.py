"""Octets as rows of hexadecimal and text, with ranges lit, a cursor, and a message when an octet is selected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

Look = Literal["field", "around", "changed", "added", "finding", "expected"]
ROWS = (32, 16, 8, 4)
OFFSET = 5  # columns of the offset and the blank behind it


@dataclass(frozen=True, slots=True)
class Lit:
    """A range of octets (end exclusive) with its look; later ranges of a list lie over earlier ones."""

    start: int
    end: int
    look: Look = "field"


class BytesView(ScrollView, can_focus=True):
    """The octets of one buffer. Shows only the rows in sight, so any length is quick."""

    COMPONENT_CLASSES = {  # noqa: RUF012
        "bytes-view--plain",
        "bytes-view--offset",
        "bytes-view--field",
        "bytes-view--around",
        "bytes-view--changed",
        "bytes-view--added",
        "bytes-view--finding",
        "bytes-view--expected",
        "bytes-view--cursor",
    }
    DEFAULT_CSS = """
    BytesView { height: 1fr; background: $surface; color: $foreground; overflow-x: hidden; scrollbar-size-vertical: 1; }
    BytesView > .bytes-view--plain { background: $surface; color: $foreground; }
    BytesView > .bytes-view--offset { background: $surface; color: $foreground-muted; }
    BytesView > .bytes-view--field { background: $primary; color: $text; text-style: bold; }
    BytesView > .bytes-view--around { background: $primary-muted; color: $foreground; }
    BytesView > .bytes-view--changed { background: $warning-muted; color: $text-warning; text-style: bold underline; }
    BytesView > .bytes-view--added { background: $success-muted; color: $text-success; text-style: bold underline; }
    BytesView > .bytes-view--finding { background: $error-muted; color: $text-error; text-style: bold underline; }
    BytesView > .bytes-view--expected { background: $surface; color: $foreground-muted; text-style: italic; }
    BytesView > .bytes-view--cursor { text-style: reverse bold; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1)", "Octet left", show=False),
        Binding("right", "move(1)", "Octet right", show=False),
        Binding("up", "row(-1)", "Row up", show=False),
        Binding("down", "row(1)", "Row down", show=False),
        Binding("home", "edge(0)", "First octet", show=False),
        Binding("end", "edge(1)", "Last octet", show=False),
        Binding("enter", "choose", "Select", show=False),
    ]

    class Selected(Message):
        """An octet was chosen, by its offset in the data."""

        def __init__(self, view: BytesView, offset: int) -> None:
            super().__init__()
            self.view = view
            self.offset = offset

        @property
        def control(self) -> BytesView:
            """The view that it was chosen in."""
            return self.view

    def __init__(self, data: bytes = b"", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._data = data
        self._lit: tuple[Lit, ...] = ()
        self._seeks = True
        self._covered: frozenset[int] = frozenset()
        self.cursor: int | None = None

    @property
    def data(self) -> bytes:
        """The octets that are shown."""
        return self._data

    def show(self, data: bytes, lit: Sequence[Lit] = (), covered: frozenset[int] | None = None) -> None:
        """Other octets, with these ranges lit, from the top. `covered` are places that must not be seen, where the
        message is known; else they are found in the octets."""
        self._data = data
        masking = getattr(self.app, "masking", None)
        if masking is None:
            self._covered = frozenset()
        else:
            self._covered = masking.places(data) if covered is None else covered
        self.cursor = None
        self.scroll_to(0, 0, animate=False)
        self._measure()
        self.light(lit)

    def light(self, lit: Sequence[Lit], scroll: bool = True) -> None:
        """Lights ranges of the octets, and brings the last of them into sight."""
        self._lit, self._seeks = tuple(lit), scroll
        if scroll and self._lit:
            self._bring(self._lit[-1].start)
        self.refresh()

    @property
    def octets_a_row(self) -> int:
        """As many as fit: 32, 16, 8 or 4."""
        room = self.scrollable_content_region.width or 80
        return next((n for n in ROWS if OFFSET + n * 4 <= room), 4)

    def _measure(self) -> None:
        rows = -(-len(self._data) // self.octets_a_row)
        self.virtual_size = Size(self.size.width, max(rows, 1))

    def on_resize(self, _event: events.Resize) -> None:
        """Another width holds other rows."""
        self._measure()
        if self._lit and self._seeks:
            self._bring(self._lit[-1].start)

    def _bring(self, offset: int) -> None:
        if self.size.height:
            self.scroll_to_region(Region(0, offset // self.octets_a_row, 1, 1), animate=False)

    def render_line(self, y: int) -> Strip:
        """One row: offset, octets, text."""
        width, row = self.octets_a_row, y + self.scroll_offset.y
        start = row * width
        plain = self.get_component_rich_style("bytes-view--plain")
        if start >= len(self._data):
            return Strip.blank(self.size.width, plain)
        looks = self._looks(start, width)
        octets = self._data[start : start + width]
        segments = [Segment(f"{start:04X}".ljust(OFFSET), self.get_component_rich_style("bytes-view--offset"))]
        for index, octet in enumerate(octets):
            joined = index + 1 < len(octets) and looks[index][0] == looks[index + 1][0]
            text = "**" if start + index in self._covered else f"{octet:02X}"
            segments.append(Segment(text, looks[index][1]))
            segments.append(Segment(" ", looks[index][1] if joined and looks[index][0] else plain))
        segments.append(Segment("   " * (width - len(octets)), plain))
        for index, octet in enumerate(octets):
            text = chr(octet) if 32 <= octet < 127 else "·"
            text = "*" if start + index in self._covered else text
            segments.append(Segment(text, looks[index][1]))
        return Strip(segments).adjust_cell_length(self.size.width, plain)

    def _looks(self, start: int, width: int) -> list[tuple[str, Style]]:
        """The look and style of each octet of a row."""
        plain = self.get_component_rich_style("bytes-view--plain")
        found = [("", plain)] * width
        for lit in self._lit:
            style = self.get_component_rich_style(f"bytes-view--{lit.look}")
            for index in range(max(lit.start - start, 0), min(lit.end - start, width)):
                found[index] = (lit.look, style)
        if self.cursor is not None and self.has_focus and start <= self.cursor < start + width:
            at = self.cursor - start
            cursor = self.get_component_rich_style("bytes-view--cursor", partial=True)
            found[at] = ("cursor", found[at][1] + cursor)
        return found

    def _put(self, offset: int) -> None:
        if not self._data:
            return
        self.cursor = max(0, min(len(self._data) - 1, offset))
        self._bring(self.cursor)
        self.refresh()
        self.post_message(self.Selected(self, self.cursor))

    def action_move(self, by: int) -> None:
        """One octet on."""
        self._put(self._here() + (by if self.cursor is not None else 0))

    def action_row(self, by: int) -> None:
        """One row on."""
        self._put(self._here() + (by * self.octets_a_row if self.cursor is not None else 0))

    def action_edge(self, last: int) -> None:
        """To the first or the last octet."""
        self._put(len(self._data) - 1 if last else 0)

    def action_choose(self) -> None:
        """Says again what is selected."""
        self._put(self._here())

    def _here(self) -> int:
        if self.cursor is not None:
            return self.cursor
        return self._lit[-1].start if self._lit else 0

    def on_click(self, event: events.Click) -> None:
        """A click on an octet, or on its text."""
        inside = event.get_content_offset(self)
        offset = self.offset_at(inside.x, inside.y) if inside is not None else None
        if offset is not None:
            self._put(offset)

    def offset_at(self, x: int, y: int) -> int | None:
        """The offset of the octet at a place of the content, None where there is none."""
        width = self.octets_a_row
        index = (x - OFFSET) // 3 if x < OFFSET + 3 * width else x - OFFSET - 3 * width
        offset = (y + self.scroll_offset.y) * width + index
        return offset if x >= OFFSET and 0 <= index < width and offset < len(self._data) else None
