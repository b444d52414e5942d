"""Records into frames one after the other, as `framing.Framer` does it, with the place where each frame begins."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from analyzer.echoes import Echoes
from analyzer.frame import Frame
from analyzer.framing import Cutter, Piece, parts_of, read
from analyzer.model import Direction, Record
from analyzer.senders import Senders


class Placed(NamedTuple):
    """A frame, the index of the record in which it begins, and the offset there."""

    frame: Frame
    record: int
    start: int


class Careful:
    """The frames of a trace, in their order. What it holds between two records is the state that others go on with."""

    def __init__(self) -> None:
        self.cutter, self.senders, self.echoes = Cutter(), Senders(), Echoes()
        self._lines: dict[Direction, _Line] = {}
        self._places: deque[tuple[int, int]] = deque()  # of frames whose sender is not known yet

    def feed(self, index: int, record: Record) -> Iterator[Placed]:
        """The frames that are complete with the record of this index."""
        self._lines.setdefault(record.direction, _Line()).add(index, record.data)
        for part in parts_of(record):
            yield from self._read(self.cutter.feed(part))

    def end(self) -> Iterator[Placed]:
        """What is unfinished."""
        yield from self._read(self.cutter.end())
        yield from self._marked(self.senders.end())

    def passed(self, directions: Iterable[Direction]) -> None:
        """Records of these directions were read elsewhere, each a whole number of frames, while nothing was waiting."""
        self.cutter.passed(directions)

    def _read(self, pieces: list[Piece]) -> Iterator[Placed]:
        for piece in pieces:
            self._places.append(self._lines[piece.direction].place(piece))
            yield from self._marked(self.senders.feed(read(piece)))

    def _marked(self, frames: list[Frame]) -> Iterator[Placed]:
        for frame in frames:
            yield Placed(self.echoes.marked(frame), *self._places.popleft())


class _Line:
    """The octets of one direction that are not in a frame yet. All of them come to be in one; two frames that follow each
    other may share a flag."""

    def __init__(self) -> None:
        self._begins: list[int] = []  # where each record begins, counted in all octets of the line
        self._records: list[tuple[int, bytes]] = []
        self._end = 0  # of the last frame
        self._size = 0

    def add(self, index: int, data: bytes) -> None:
        """Takes a record."""
        if not data:
            return
        passed = bisect_right(self._begins, self._end - 1) - 1  # the flag of the last frame may be needed yet
        if passed > 0:
            del self._begins[:passed], self._records[:passed]
        self._begins.append(self._size)
        self._records.append((index, data))
        self._size += len(data)

    def place(self, piece: Piece) -> tuple[int, int]:
        """The record in which the next frame begins, and the offset there."""
        number, begin = self._find(self._end)
        if self._records[number][1][begin] != piece.data[0]:  # it begins with the flag that ends the one before
            self._end -= 1
            number, begin = self._find(self._end)
        self._end += len(piece.data)
        return self._records[number][0], begin

    def _find(self, at: int) -> tuple[int, int]:
        number = bisect_right(self._begins, at) - 1
        return number, at - self._begins[number]
