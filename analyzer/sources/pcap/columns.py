"""The records of one conversation as columns: about 20 octets beside the payload, and Record objects only when asked for.

What grows too big goes to a temporary file, which all conversations of a capture share, so that memory does not grow with
the length of the capture. Time stamps are the absolute time of the packet in UTC, ISO 8601, with the digits of the capture.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from analyzer.model import Direction, Record
from analyzer.sources.parts import Records, Stretch

if TYPE_CHECKING:
    from analyzer.sources.parts import Column

UNKNOWN_TIME = -(1 << 63)
BILLION = 1_000_000_000
MOST_MOVED = 1000  # records that are moved to put one before them
BESIDE = 17  # octets of a record beside its payload


@dataclass(slots=True)
class _Part:
    """Some records in a row."""

    octets: bytearray = field(default_factory=bytearray)
    ends: array[int] = field(default_factory=lambda: array("Q"))
    times: array[int] = field(default_factory=lambda: array("q"))
    sides: bytearray = field(default_factory=bytearray)

    def __len__(self) -> int:
        return len(self.ends)

    def seconds(self, first: int, end: int) -> Sequence[float | None]:
        """The times of some of them."""
        return [None if time == UNKNOWN_TIME else time / BILLION for time in self.times[first:end]]

    def columns(self) -> Sequence[Column]:
        """See `parts`."""
        return self.ends, self.times, self.sides, self.octets

    def fill(self, columns: Sequence[bytes]) -> None:
        """See `parts`."""
        self.ends.frombytes(columns[0])
        self.times.frombytes(columns[1])
        self.sides += columns[2]
        self.octets += columns[3]


class Columns(Records[_Part]):
    """Records of two sides, 0 and 1; 2 where nothing tells the side. `sides` says which is the client."""

    def __init__(self, carrier: str) -> None:
        super().__init__()
        self.carrier = carrier
        self.sides: tuple[Direction, Direction, Direction] = ("unknown", "unknown", "unknown")
        self.first = 1  # the number of the first record that is still here
        self._lost: dict[int, int] = {}

    def _empty(self) -> _Part:
        return _Part()

    def append(self, side: int, data: bytes, time: int | None, lost: int = 0) -> None:
        """One more record of a side; `time` in nanoseconds since 1970, `lost` octets missing before it."""
        if lost:
            self._lost[len(self)] = lost
        part = self._part
        part.octets += data
        part.ends.append(len(part.octets))
        part.times.append(UNKNOWN_TIME if time is None else time)
        part.sides.append(side)

    def put_before(self, side: int, data: bytes, time: int | None) -> int | None:
        """One more record, before the first of its side: its index. None where that one is out of reach: passed on already,
        in the spool, or with too many behind it."""
        index = self._part.sides.find(side)
        if self._kept or self.first > 1 or index < 0 or len(self) > MOST_MOVED:
            return None
        part, size = self._part, len(data)
        start = part.ends[index - 1] if index else 0
        part.octets[start:start] = data
        part.ends[index:] = array("Q", [start + size, *(end + size for end in part.ends[index:])])
        part.times.insert(index, UNKNOWN_TIME if time is None else time)
        part.sides.insert(index, side)
        self._lost = {at + (at >= index): lost for at, lost in self._lost.items()}
        return index

    def extend(self, sides: bytes, octets: bytes, ends: Sequence[int], times: bytes) -> None:
        """Many more records: the side of each, their payloads in a row, the end of each in these, their times as int64."""
        part = self._part
        begun = len(part.octets)
        part.octets += octets
        part.ends.extend([begun + end for end in ends] if begun else ends)
        part.times.frombytes(times)
        part.sides += sides

    def stretches(self) -> Iterator[Stretch]:
        """The records as they are kept, a part after the other."""
        for start in self._starts:
            part = self._part_of(start)[1]
            yield Stretch(part.octets, part.ends, part.sides, part.seconds)

    @property
    def memory(self) -> int:
        """The memory in use, roughly, in octets."""
        return len(self._part.octets) + BESIDE * len(self._part.ends)

    def take(self) -> Sequence[Record]:
        """The records, which are forgotten here; later ones are numbered on."""
        taken = Columns(self.carrier)
        taken.sides, taken.first, taken._lost = self.sides, self.first, self._lost
        taken._part, taken._spool, taken._kept, taken._starts = self._part, self._spool, self._kept, self._starts
        self.first += len(taken)
        self._part, self._kept, self._starts, self._lost, self._loaded = _Part(), [], [0], {}, None
        return taken

    def _record(self, part: _Part, start: int, index: int) -> Record:
        at = index - start
        begin = part.ends[at - 1] if at else 0
        time = part.times[at]
        text, seconds = (None, None) if time == UNKNOWN_TIME else (stamp(time), time / BILLION)
        return Record(
            self.first + index,
            bytes(part.octets[begin : part.ends[at]]),
            self.sides[part.sides[at]],
            text,
            seconds,
            None,
            self.carrier,
            self._lost.get(index, 0),
        )


def stamp(time: int) -> str:
    """Nanoseconds since 1970 as 2024-04-21T21:39:49.311548Z; nine digits behind the point only where there are so many."""
    seconds, fraction = divmod(time, BILLION)
    whole = _second(seconds)
    if fraction % 1000 or not whole:
        return (
            f"{whole}.{fraction:09}Z" if whole else f"{seconds}.{fraction:09}"
        )  # no calendar has it: as the capture says
    return f"{whole}.{fraction // 1000:06}Z"


@lru_cache(16)
def _second(seconds: int) -> str:
    """A second of the calendar; nothing where the calendar has none."""
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
    except (OverflowError, ValueError, OSError):
        return ""
