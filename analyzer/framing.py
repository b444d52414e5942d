"""Bytes into link frames. Sans-IO: records in, frames out, and every octet is in some frame.

The rules:

* HDLC is delimited by its length field. 7E occurs inside frames, so it is never searched for while the length
  holds: the octet where the length says the frame ends has to be the flag.
* Where it is not, the check sequence decides: the next flag up to which the FCS is right ends the frame. Failing
  that, the frame ends before the next octets that begin a frame, and is passed on as damaged.
* One flag may end a frame and begin the next; several may stand between.
* Octets between frames become frames of their own, framing "none", so that nothing is lost.
* A frame may come in several records. What is unfinished when the other side begins to send is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from analyzer.echoes import Echoes
from analyzer.frame import Frame, FrameIssue, Framing
from analyzer.framings import next_cut
from analyzer.framings.cut import Cut, stray
from analyzer.framings.hdlc import hdlc_at, is_right
from analyzer.framings.readers import read_frame
from analyzer.model import Direction, Record
from analyzer.senders import Senders

PART = 1 << 18  # octets of a record that are read in one go
MARGIN = (
    72 << 10
)  # octets in which any frame ends that is not the last, and what tells its end: 64 KiB of a wrapper and more
LONGEST_STRAY = 1 << 20  # octets between frames that make one frame of framing "none"


class Origin(NamedTuple):
    """The record that octets came from, without these."""

    number: int
    time: str | None
    seconds: float | None


@dataclass(slots=True)
class _Pending:
    """Octets of one direction that do not make a frame yet, and the records they came from."""

    data: bytes = b""
    origins: list[tuple[int, Origin]] = field(default_factory=list)  # (offset, where from)
    after_frame: bool = True

    def add(self, record: Record, data: bytes) -> None:
        """Takes more octets, of a record that may have given some before."""
        if not self.origins or self.origins[-1][1].number != record.number:
            self.origins.append((len(self.data), Origin(record.number, record.time, record.seconds)))
        self.data = self.data + data if self.data else data

    def drain(self, direction: Direction, final: bool, behind: int = 0) -> list[Piece]:
        """The frames that are complete; with `final`, the rest too. What begins in the last `behind` octets waits, since
        those that follow may tell more of it."""
        data, done, made = self.data, 0, []
        for cut in cuts(data, final, 0, self.after_frame, len(data) - behind):
            done, self.after_frame = cut.next, not is_stray(cut)
            if cut.end > cut.start:
                made.append(piece_of(cut, data, self.take(cut.start, cut.end), direction))
        self.after_frame = self.after_frame or not behind
        self.drop(done)
        return made

    def take(self, start: int, end: int) -> list[Origin]:
        """The records that octets start..end came from."""
        bounds = [offset for offset, _ in self.origins[1:]] + [len(self.data)]
        return [
            origin for (offset, origin), stop in zip(self.origins, bounds, strict=True) if offset < end and stop > start
        ]

    def drop(self, count: int) -> None:
        self.data = self.data[count:]
        self.origins = [(max(0, offset - count), origin) for offset, origin in self.origins]
        while len(self.origins) > 1 and self.origins[1][0] == 0:
            self.origins.pop(0)
        if not self.data:
            self.origins.clear()


class Piece(NamedTuple):
    """A frame that was cut out and not read yet: plain values, cheap to hand to another process."""

    framing: Framing
    data: bytes
    direction: Direction
    records: tuple[int, ...]
    time: str | None
    seconds: float | None
    issues: tuple[FrameIssue, ...]


class Part(NamedTuple):
    """The octets of a record, or a part of them where it is long: `first` and `last` say which."""

    record: Record
    data: bytes
    first: bool = True
    last: bool = True


def parts_of(record: Record) -> Iterator[Part]:
    """A record in parts of a size that is read in one go: a dump of gigabytes is one record."""
    size = len(record.data)
    if size <= PART:
        yield Part(record, record.data)
        return
    for start in range(0, size, PART):
        yield Part(record, record.data[start : start + PART], start == 0, start + PART >= size)


def frames_of(records: Iterable[Record]) -> Iterator[Frame]:
    """All frames of a trace in the order in which they begin. Never raises on any octets."""
    framer = Framer()
    for record in records:
        for part in parts_of(record):
            yield from framer.feed(part)
    yield from framer.end()


class Framer:
    """Records into frames, one after the other. What is kept between two parts can be pickled."""

    def __init__(self) -> None:
        self._cutter, self._senders, self._echoes = Cutter(), Senders(), Echoes()

    def feed(self, part: Part) -> list[Frame]:
        """The frames that are complete with these octets."""
        return self._marked(self._cutter.feed(part))

    def taken_back(self, part: Part) -> int:
        """Forgets octets of the last part that wait for more, and are to come again; how many, see `Cutter`."""
        return self._cutter.taken_back(part)

    def end(self) -> list[Frame]:
        """What is unfinished."""
        return [*self._marked(self._cutter.end()), *map(self._echoes.marked, self._senders.end())]

    def _marked(self, pieces: Iterable[Piece]) -> list[Frame]:
        return [self._echoes.marked(frame) for piece in pieces for frame in self._senders.feed(read(piece))]


def pieces_of(records: Iterable[Record]) -> Iterator[Piece]:
    """The frames of a trace before anything in them is read: every octet is in some piece."""
    cutter = Cutter()
    for record in records:
        for part in parts_of(record):
            yield from cutter.feed(part)
    yield from cutter.end()


class Cutter:
    """Cuts the octets of both directions into frames."""

    def __init__(self) -> None:
        self._pending: dict[Direction, _Pending] = {}

    def feed(self, part: Part) -> list[Piece]:
        """The frames that are complete with these octets."""
        record, made = part.record, []
        for direction, waiting in self._pending.items() if part.first else ():
            turned = direction != record.direction and record.carrier != "tcp"
            broken = direction == record.direction and (record.lost or _begins_frame(part.data))
            if waiting.data and (turned or broken):
                made += waiting.drain(direction, final=True)
        waiting = self._pending.setdefault(record.direction, _Pending())
        waiting.add(record, part.data)
        return made + waiting.drain(record.direction, final=False, behind=0 if part.last else MARGIN)

    @property
    def waits(self) -> bool:
        """Whether octets wait for more."""
        return any(one.data for one in self._pending.values())

    def passed(self, directions: Iterable[Direction]) -> None:
        """Whole frames of these directions were cut elsewhere while nothing was waiting."""
        for direction in directions:
            self._pending.setdefault(direction, _Pending())

    def taken_back(self, part: Part) -> int:
        """Forgets the octets that wait for more, if all are of one record, which is not over; how many these are."""
        waiting = [one for one in self._pending.values() if one.data]
        if (
            part.last
            or len(waiting) != 1
            or [origin.number for _, origin in waiting[0].origins] != [part.record.number]
        ):
            return 0
        count = len(waiting[0].data)
        waiting[0].drop(count)
        return count

    def end(self) -> list[Piece]:
        """What is unfinished."""
        return [piece for direction, waiting in self._pending.items() for piece in waiting.drain(direction, final=True)]


def read(piece: Piece) -> Frame:
    """The frame that a piece is."""
    framing, data, direction, numbers, time, seconds, issues = piece
    parsed, kind = read_frame(framing, data)
    return Frame(framing, data, direction, numbers, time, seconds, parsed, kind, issues)


def _begins_frame(data: bytes) -> bool:
    """Whether a record begins with a whole, right frame: then what was unfinished before it stays unfinished."""
    cut = hdlc_at(data, 0, final=False) if data[:1] == b"\x7e" else None
    return isinstance(cut, Cut) and not cut.issues and cut.start == 0 and is_right(data, cut)


def cuts(data: bytes, final: bool, start: int = 0, after_frame: bool = True, stop: int | None = None) -> Iterator[Cut]:
    """The frames in octets from `start` on, and what stands between them, until more octets are needed, or up to those
    that begin at `stop` or later. The `next` of the last one is where these begin. `final` says that no more will come,
    `after_frame` that a frame ended at `start`, or that the octets begin there."""
    position, stop = start, len(data) if stop is None else stop
    between: Cut | None = None
    while position < stop:
        cut = next_cut(data, position, final, after_frame)
        if cut is None:
            break
        position = cut.next
        if is_stray(cut):
            between = cut if between is None else stray(between.start, cut.end)
            while between.end - between.start > LONGEST_STRAY:
                yield stray(between.start, between.start + LONGEST_STRAY)
                between = stray(between.start + LONGEST_STRAY, between.end)
            after_frame = False
            continue
        after_frame = True
        if between is not None:
            yield between
            between = None
        yield cut
    if between is not None and (final or stop == len(data)):
        yield between


def is_stray(cut: Cut) -> bool:
    """Whether these are octets between frames."""
    return bool(cut.issues) and cut.issues[0].code == "stray-octets" and cut.framing == "none"


def frame_of(cut: Cut, data: bytes, origins: Sequence[Origin], direction: Direction) -> Frame:
    """The frame that was cut out of the octets of some records."""
    return read(piece_of(cut, data, origins, direction))


def piece_of(cut: Cut, data: bytes, origins: Sequence[Origin], direction: Direction) -> Piece:
    """The same, not read yet."""
    first = origins[0]
    numbers = (first.number,) if len(origins) == 1 else tuple(origin.number for origin in origins)
    return Piece(cut.framing, data[cut.start : cut.end], direction, numbers, first.time, first.seconds, cut.issues)
