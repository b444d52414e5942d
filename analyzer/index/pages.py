"""The messages of a long trace, decoded when they are looked at: a sequence that holds a few pages of them.

On the way through the trace the state of the decoder is kept now and then, so any page is decoded again from the state
before it. What is kept of a message beside that is nothing, so memory does not grow with the trace but for these states, which
are thinned out when they become too many.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, overload

from analyzer.fed import Fed
from analyzer.framing import MARGIN, Part
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Record, Trace

EVERY = 128  # messages between two states at first
STATES = 48 << 20  # octets of states; beyond, every second one goes
PAGES = 24  # stretches between two states of which the messages are kept
SMALL = 1 << 14  # octets of a part of a record, so that a state can be kept within a dump of one record


class _State(NamedTuple):
    """Where a stretch begins: its first message, and the record and the offset in it that come next."""

    message: int  # from 0
    record: int  # from 0
    offset: int
    kept: bytes


class Messages(Sequence[Message]):
    """The messages of a trace, as `decode` gives them. `advance` goes through the trace once; what it has passed is there,
    and `len` tells how many that are. Safe to use from several threads: one advances, others look."""

    def __init__(self, trace: Trace, keys: KeyProvider | None = None, hold: int = 0) -> None:
        """`hold` is how many messages are simply kept, as long as there are no more."""
        self.trace, self.keys = trace, keys
        self.complete = False
        self._count = 0
        self._held: list[Message] | None = [] if hold else None
        self._hold = hold
        self._every = EVERY
        self._states: list[_State] = [_State(0, 0, 0, Fed(keys).state())]
        self._octets = 0
        self._pages: OrderedDict[int, list[Message]] = OrderedDict()  # by the first message of the stretch
        self._lock = threading.RLock()

    def __repr__(self) -> str:
        return f"Messages({self._count}{'' if self.complete else ' so far'})"

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(self._count))]
        if index < 0:
            index += self._count
        if not 0 <= index < self._count:
            raise IndexError("no such message")
        held = self._held
        if held is not None:
            return held[index]
        first, messages = self._stretch(index)
        return messages[index - first]

    def __iter__(self) -> Iterator[Message]:
        """All messages, one stretch in memory at a time; those that `advance` has not passed yet too."""
        if self.complete and self._held is not None:
            yield from self._held
            return
        fed = Fed(self.keys)
        for part in self._parts(0, 0):
            yield from fed.feed_part(part)
        yield from fed.end()

    def advance(self, before: Callable[[Message], None] | None = None) -> Iterator[Message]:
        """Goes through the trace, and keeps what is needed to come back. Gives each message as it passes; `before` is told of
        it before anybody else can see it."""
        last = self._states[-1]
        fed = Fed.resumed(last.kept, self.keys)
        self._count = last.message
        if self._held is not None:
            del self._held[self._count :]
        places = self._numbered(last.record, last.offset)
        while (place := next(places, None)) is not None:
            record, part, end = place
            for message in fed.feed_part(part):
                self._passed(message, before)
                yield message
            if self._count - self._states[-1].message >= self._every:
                record, offset = (record + 1, 0) if part.last else (record, end - fed.taken_back(part))
                self._keep(_State(self._count, record, offset, fed.state()))
                places = self._numbered(record, offset)
        for message in fed.end():
            self._passed(message, before)
            yield message
        self.complete = True

    def _passed(self, message: Message, before: Callable[[Message], None] | None) -> None:
        if before is not None:
            before(message)
        if self._held is not None:
            self._held.append(message)
            if len(self._held) > self._hold:
                self._held = None
        self._count += 1

    def _keep(self, state: _State) -> None:
        with self._lock:
            self._states.append(state)
            self._octets += len(state.kept)
            while self._octets > STATES and len(self._states) > 2:
                self._states = self._states[::2]
                self._octets = sum(len(one.kept) for one in self._states)
                self._every *= 2
                self._pages.clear()

    def _stretch(self, index: int) -> tuple[int, list[Message]]:
        """The messages from the state before a message up to the next state, and the number of the first."""
        with self._lock:
            at = bisect_right(self._states, index, key=lambda state: state.message) - 1
            state = self._states[at]
            stop = self._states[at + 1].message if at + 1 < len(self._states) else self._count
            found = self._pages.get(state.message)
            if found is None or len(found) <= index - state.message:
                found = self._pages[state.message] = self._decoded(state, stop - state.message)
                while len(self._pages) > PAGES:
                    self._pages.popitem(last=False)
            self._pages.move_to_end(state.message)
            return state.message, found

    def _decoded(self, state: _State, count: int) -> list[Message]:
        fed = Fed.resumed(state.kept, self.keys)
        made: list[Message] = []
        for part in self._parts(state.record, state.offset):
            made += fed.feed_part(part)
            if len(made) >= count:
                return made
        return made + fed.end()

    def _parts(self, record: int, offset: int) -> Iterator[Part]:
        return (part for _, part, _ in self._numbered(record, offset))

    def _numbered(self, first: int, offset: int) -> Iterator[tuple[int, Part, int]]:
        """The parts of the trace from an offset of a record on, each with the place of its record and where it ends."""
        for number in range(first, len(self.trace)):
            record: Record = self.trace[number]
            size = len(record.data)
            if size <= SMALL + MARGIN:
                yield number, Part(record, record.data), size
                continue
            step = SMALL + MARGIN  # nothing that begins in the margin is read before more comes
            while offset < size:
                end = min(size, offset + step)
                yield number, Part(record, record.data[offset:end], offset == 0, end == size), end
                offset, step = end, SMALL
            offset = 0
