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

from analyzer.echoes import with_echoes
from analyzer.frame import Frame, FrameIssue, Framing
from analyzer.framings import next_cut
from analyzer.framings.cut import Cut, stray
from analyzer.framings.hdlc import hdlc_at, is_right
from analyzer.framings.readers import read_frame
from analyzer.model import Direction, Record
from analyzer.senders import with_directions


@dataclass(slots=True)
class _Pending:
    """Octets of one direction that do not make a frame yet, and the records they came from."""

    data: bytes = b""
    origins: list[tuple[int, Record]] = field(default_factory=list)  # (offset, record)

    def add(self, record: Record) -> None:
        self.origins.append((len(self.data), record))
        self.data = self.data + record.data if self.data else record.data

    def take(self, start: int, end: int) -> list[Record]:
        """The records that octets start..end came from."""
        bounds = [offset for offset, _ in self.origins[1:]] + [len(self.data)]
        return [
            record for (offset, record), stop in zip(self.origins, bounds, strict=True) if offset < end and stop > start
        ]

    def drop(self, count: int) -> None:
        self.data = self.data[count:]
        self.origins = [(max(0, offset - count), record) for offset, record in self.origins]
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


def frames_of(records: Iterable[Record]) -> Iterator[Frame]:
    """All frames of a trace in the order in which they begin. Never raises on any octets."""
    return with_echoes(with_directions(map(read, pieces_of(records))))


def pieces_of(records: Iterable[Record]) -> Iterator[Piece]:
    """The same before anything in them is read: every octet is in some piece."""
    pending: dict[Direction, _Pending] = {}
    for record in records:
        for direction, waiting in pending.items():
            turned = direction != record.direction and record.carrier != "tcp"
            broken = direction == record.direction and (record.lost or _begins_frame(record.data))
            if waiting.data and (turned or broken):
                yield from _flush(waiting, direction)
        waiting = pending.setdefault(record.direction, _Pending())
        waiting.add(record)
        yield from _drain(waiting, record.direction, final=False)
    for direction, waiting in pending.items():
        yield from _flush(waiting, direction)


def read(piece: Piece) -> Frame:
    """The frame that a piece is."""
    framing, data, direction, numbers, time, seconds, issues = piece
    parsed, kind = read_frame(framing, data)
    return Frame(framing, data, direction, numbers, time, seconds, parsed, kind, issues)


def _begins_frame(data: bytes) -> bool:
    """Whether a record begins with a whole, right frame: then what was unfinished before it stays unfinished."""
    cut = hdlc_at(data, 0, final=False) if data[:1] == b"\x7e" else None
    return isinstance(cut, Cut) and not cut.issues and cut.start == 0 and is_right(data, cut)


def _flush(waiting: _Pending, direction: Direction) -> Iterator[Piece]:
    yield from _drain(waiting, direction, final=True)


def _drain(waiting: _Pending, direction: Direction, final: bool) -> Iterator[Piece]:
    """The frames that are complete; with `final`, the rest too."""
    data, done = waiting.data, 0
    for cut in cuts(data, final):
        done = cut.next
        if cut.end > cut.start:
            yield piece_of(cut, data, waiting.take(cut.start, cut.end), direction)
    waiting.drop(done)


def cuts(data: bytes, final: bool, start: int = 0) -> Iterator[Cut]:
    """The frames in octets from `start` on, where a frame or the octets begin, and what stands between them, until more
    octets are needed. The `next` of the last one is where these begin. `final` says that no more will come."""
    position = start
    between: Cut | None = None
    after_frame = True
    while position < len(data):
        cut = next_cut(data, position, final, after_frame)
        if cut is None:
            break
        position = cut.next
        if cut.issues and cut.issues[0].code == "stray-octets" and cut.framing == "none":
            between = cut if between is None else stray(between.start, cut.end)
            after_frame = False
            continue
        after_frame = True
        if between is not None:
            yield between
            between = None
        yield cut
    if between is not None:
        yield between


def frame_of(cut: Cut, data: bytes, records: Sequence[Record], direction: Direction) -> Frame:
    """The frame that was cut out of the octets of some records."""
    return read(piece_of(cut, data, records, direction))


def piece_of(cut: Cut, data: bytes, records: Sequence[Record], direction: Direction) -> Piece:
    """The same, not read yet."""
    first = records[0]
    numbers = (first.number,) if len(records) == 1 else tuple(record.number for record in records)
    return Piece(cut.framing, data[cut.start : cut.end], direction, numbers, first.time, first.seconds, cut.issues)
