"""The messages of a trace as rows: marks, number, time, direction, frame, lock, APDU, summary. Messages unfold into frames."""

from __future__ import annotations

import re
from bisect import bisect_left, insort
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType

from analyzer.message import Message
from analyzer.model import Severity
from analyzer.report.summary import summary
from analyzer.tui.widgets.rows_view import RowsView

ARROWS = {"client": "→", "meter": "←", "unknown": "·"}
# Signs that differ in shape, not only in colour: verified, unauthenticated, failed, no key.
LOCKS = {
    "verified": ("✓", "good"),
    "unauthenticated": ("~", "warning"),
    "failed": ("✗", "error"),
    "no-key": ("?", "dim"),
}
MARKS: dict[Severity, tuple[str, str]] = {"error": ("!", "error"), "warning": ("w", "warning"), "info": ("i", "dim")}
LEGEND = "✓ verified  ~ not authenticated  ✗ tag is wrong  ? no key   ! error  w warning  i info  * bookmark"
APDU_FROM = 100  # columns of the list from which the APDU has a column of its own
DATE_FROM = 150  # columns from which a time stands there with its date
CLOCK = re.compile(r"\d{1,2}:\d\d(:\d\d)?([.,:]\d+)?")
SUMMARIES = 4096


def time_in(text: str, width: int) -> str:
    """A time as a list so wide shows it: the clock to the millisecond, or whole, or with its date."""
    clock = CLOCK.search(text)
    if clock is None or width >= DATE_FROM:
        return text[:27]
    return clock[0][:15] if width >= APDU_FROM else clock[0][:12]


class MessageList(RowsView):
    """Rows over the messages in `shown`, indexes from 0 into `messages`; None shows all of them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "unfold", "Unfold into frames", show=False),
        Binding("left,h", "fold", "Fold", show=False),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.messages: Sequence[Message] = ()
        self.shown: Sequence[int] | None = None
        self.findings: Mapping[int, Severity] = {}
        self.bookmarks: set[int] = set()
        self._open: list[int] = []  # positions in `shown` that are unfolded, ascending
        self._time = 0
        self._summary = lru_cache(SUMMARIES)(self._summary_of)

    def display_messages(self, messages: Sequence[Message]) -> None:
        """Another trace, or the same one decoded again."""
        self.messages, self.shown, self._open = messages, None, []
        self._time = 0
        self._summary.cache_clear()
        self.rows_changed()

    def more(self, passed: Sequence[int]) -> None:
        """There are more messages; `passed` are those of them that pass the filter."""
        if self.shown is not None and passed:
            self.shown = [*self.shown, *passed]
        self.rows_changed()

    def filter(self, shown: Sequence[int] | None, cursor: int = 0) -> None:
        """Only these messages."""
        self.shown, self._open = shown, []
        self.rows_changed(cursor)

    def on_resize(self, _event: events.Resize) -> None:
        """Times are shown otherwise in another width."""
        self._time = 0

    def _count(self) -> int:
        return len(self.messages) if self.shown is None else len(self.shown)

    def row_count(self) -> int:
        """Messages, and frames of those that are unfolded."""
        return self._count() + sum(len(self._at(position).frames) for position in self._open)

    def _at(self, position: int) -> Message:
        return self.messages[position if self.shown is None else self.shown[position]]

    def place(self, row: int) -> tuple[int, int | None]:
        """Position of the message of a row, and the index of the frame where the row is one."""
        before = 0
        for position in self._open:
            at, frames = position + before, len(self._at(position).frames)
            if row <= at:
                break
            if row <= at + frames:
                return position, row - at - 1
            before += frames
        return row - before, None

    def row_of(self, position: int) -> int:
        """The row of a message by its position."""
        return position + sum(len(self._at(p).frames) for p in self._open if p < position)

    def index_at(self, row: int) -> int | None:
        """The index in `messages` of the message of a row."""
        if not self._count():
            return None
        position = self.place(row)[0]
        return position if self.shown is None else self.shown[position]

    @property
    def current(self) -> Message | None:
        """The message under the cursor."""
        index = self.index_at(self.cursor)
        return self.messages[index] if index is not None and index < len(self.messages) else None

    @property
    def frame(self) -> int | None:
        """The frame under the cursor, where the row is one."""
        return self.place(self.cursor)[1] if self._count() else None

    def go_to(self, index: int) -> bool:
        """Puts the cursor on a message by its index; whether it is among those that are shown."""
        position = index
        if self.shown is not None:
            position = bisect_left(self.shown, index)
            if position == len(self.shown) or self.shown[position] != index:
                return False
        if not 0 <= position < self._count():
            return False
        self.move(self.row_of(position))
        return True

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """Marks, number, time, direction, frame, lock, APDU, summary."""
        position, frame = self.place(index)
        message = self._at(position)
        if frame is not None:
            return self._frame_row(message, frame)
        mark, look = MARKS[self.findings[message.number]] if message.number in self.findings else (" ", "plain")
        lock, lock_look = LOCKS[message.security.verdict] if message.security is not None else (" ", "plain")
        fold = " " if len(message.frames) == 1 else "▾" if position in self._open else "▸"
        kind = message.frame or message.frames[0].framing
        pieces = [
            (mark, look),
            ("*" if message.number in self.bookmarks else " ", "accent"),
            (f"{fold}{message.number:>{max(4, len(str(len(self.messages))))}} ", "plain"),
        ]
        pieces += self._times(message, width)
        pieces += [(f"{ARROWS[message.direction]} ", "plain"), (f"{kind[:8]:<8} ", "dim"), (f"{lock} ", lock_look)]
        if width >= APDU_FROM:
            name = message.apdu or ""
            pieces.append((f"{name[:24]:<24} ", "dim"))
        return [*pieces, (self._summary(message.number), "plain")]

    def _times(self, message: Message, width: int) -> list[tuple[str, str]]:
        """The time, where a trace has times."""
        shown = time_in(message.time or "", width)
        self._time = max(self._time, len(shown))
        return [(f"{shown:<{self._time}} ", "dim")] if self._time else []

    def _frame_row(self, message: Message, number: int) -> list[tuple[str, str]]:
        frame = message.frames[number]
        last = "└" if number + 1 == len(message.frames) else "├"
        records = ", ".join(map(str, frame.records))
        text = f"{frame.kind or frame.framing}  {len(frame.data)} octets  record {records}"
        return [(f"       {last} ", "dim"), (f"{frame.time or ''}  " if frame.time else "", "dim"), (text, "plain")]

    def _summary_of(self, number: int) -> str:
        return summary(self.messages[number - 1])

    def action_unfold(self) -> None:
        """Shows the frames of a message of several."""
        position, frame = self.place(self.cursor)
        if frame is None and self._count() and len(self._at(position).frames) > 1 and position not in self._open:
            insort(self._open, position)
            self.rows_changed()

    def action_fold(self) -> None:
        """Puts the frames away."""
        position, _ = self.place(self.cursor)
        if position in self._open:
            row = self.row_of(position)
            self._open.remove(position)
            self.rows_changed(row)
            self.move(row)
