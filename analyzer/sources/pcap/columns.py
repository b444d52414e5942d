"""The records of one conversation as columns: about 20 octets beside the payload, and Record objects only when asked for.

What grows too big goes to a temporary file, which all conversations of a capture share, so that memory does not grow with
the length of the capture. Time stamps are the absolute time of the packet in UTC, ISO 8601, with the digits of the capture.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, overload

from analyzer.model import Direction, Record

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


class Spool:
    """A temporary file for parts; it goes when nobody refers to it any more."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._end = 0
        self._lock = Lock()  # one thread may go through a trace while another shows it

    def put(self, part: _Part) -> tuple[int, int, int]:
        """Writes a part: where it is, the number of its records, the octets of their payload."""
        if self._file is None:
            self._file = TemporaryFile(prefix="dlmscope-")  # noqa: SIM115 - as long as there are traces
        place = (self._end, len(part.ends), len(part.octets))
        with self._lock:
            self._file.seek(self._end)
            for column in (part.ends.tobytes(), part.times.tobytes(), bytes(part.sides), part.octets):
                self._end += self._file.write(column)
        return place

    def get(self, place: tuple[int, int, int]) -> _Part:
        """Reads it again."""
        start, count, octets = place
        assert self._file is not None
        part = _Part()
        with self._lock:
            self._file.seek(start)
            part.ends.frombytes(self._file.read(8 * count))
            part.times.frombytes(self._file.read(8 * count))
            part.sides += self._file.read(count)
            part.octets += self._file.read(octets)
        return part


class Columns(Sequence[Record]):
    """Records of two sides, 0 and 1; 2 where nothing tells the side. `sides` says which is the client."""

    def __init__(self, carrier: str) -> None:
        self.carrier = carrier
        self.sides: tuple[Direction, Direction, Direction] = ("unknown", "unknown", "unknown")
        self.first = 1  # the number of the first record that is still here
        self._part = _Part()  # the last records; those before are in the spool
        self._spool: Spool | None = None
        self._places: list[tuple[int, int, int]] = []
        self._starts: list[int] = [0]  # the index of the first record of each part
        self._loaded: tuple[int, _Part] | None = None
        self._lost: dict[int, int] = {}

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
        if self._places or self.first > 1 or index < 0 or len(self) > MOST_MOVED:
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

    def stretches(self) -> Iterator[tuple[bytearray, array[int], array[int], bytearray]]:
        """The records as they are kept, a part after the other: payloads in a row, the end of each in these, times, sides."""
        for start in self._starts:
            part = self._part_of(start)[1]
            yield part.octets, part.ends, part.times, part.sides

    @property
    def memory(self) -> int:
        """The memory in use, roughly, in octets."""
        return len(self._part.octets) + BESIDE * len(self._part.ends)

    def spill(self, spool: Spool) -> None:
        """Moves the records to the spool."""
        if self._part.ends:
            self._spool = spool
            self._places.append(spool.put(self._part))
            self._starts.append(len(self))
            self._part = _Part()

    def take(self) -> Sequence[Record]:
        """The records, which are forgotten here; later ones are numbered on."""
        taken = Columns(self.carrier)
        taken.sides, taken.first, taken._lost = self.sides, self.first, self._lost
        taken._part, taken._spool, taken._places, taken._starts = self._part, self._spool, self._places, self._starts
        self.first += len(taken)
        self._part, self._places, self._starts, self._lost, self._loaded = _Part(), [], [0], {}, None
        return taken

    def __len__(self) -> int:
        return self._starts[-1] + len(self._part.ends)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        if isinstance(index, slice):
            return [self._record(n) for n in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError("no such record")
        return self._record(index)

    def __iter__(self) -> Iterator[Record]:
        return (self._record(index) for index in range(len(self)))

    def _record(self, index: int) -> Record:
        start, part = self._part_of(index)
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

    def _part_of(self, index: int) -> tuple[int, _Part]:
        """The part that a record is in, and the index of its first record; the one that was used last stays in memory."""
        if index >= self._starts[-1]:
            return self._starts[-1], self._part
        number = bisect_right(self._starts, index) - 1
        loaded = self._loaded  # another thread may load another part meanwhile
        if loaded is None or loaded[0] != number:
            assert self._spool is not None
            loaded = self._loaded = (number, self._spool.get(self._places[number]))
        return self._starts[number], loaded[1]


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
