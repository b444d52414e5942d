"""The records of one connection as columns: about 20 octets beside the payload, and Record objects only when asked for.

Time stamps are the absolute time of the packet in UTC, ISO 8601, with as many digits as the capture has.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import overload

from analyzer.model import Direction, Record

UNKNOWN_TIME = -(1 << 63)
BILLION = 1_000_000_000


class Columns(Sequence[Record]):
    """Records of two sides, 0 and 1; 2 where nothing tells the side. `sides` says which is the client."""

    def __init__(self, carrier: str) -> None:
        self.carrier = carrier
        self.sides: tuple[Direction, Direction, Direction] = ("unknown", "unknown", "unknown")
        self.first = 1  # the number of the first record that is still here
        self._octets = bytearray()
        self._ends = array("Q")
        self._times = array("q")
        self._sides = bytearray()
        self._lost: dict[int, int] = {}

    def append(self, side: int, data: bytes, time: int | None, lost: int = 0) -> None:
        """One more record of a side; `time` in nanoseconds since 1970, `lost` octets missing before it."""
        if lost:
            self._lost[len(self._ends)] = lost
        self._octets += data
        self._ends.append(len(self._octets))
        self._times.append(UNKNOWN_TIME if time is None else time)
        self._sides.append(side)

    @property
    def octets(self) -> int:
        """The memory in use, roughly, in octets."""
        return len(self._octets) + 17 * len(self._ends)

    def take(self) -> list[Record]:
        """The records, which are forgotten here; later ones are numbered on."""
        taken = list(self)
        self.first += len(taken)
        self._octets.clear()
        del self._ends[:], self._times[:]
        self._sides.clear()
        self._lost.clear()
        return taken

    def losses(self) -> list[tuple[int, int]]:
        """(number of the record behind the gap, octets lost)."""
        return [(self.first + index, lost) for index, lost in self._lost.items()]

    def __len__(self) -> int:
        return len(self._ends)

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
        start = self._ends[index - 1] if index else 0
        time = self._times[index]
        text, seconds = (None, None) if time == UNKNOWN_TIME else (stamp(time), time / BILLION)
        return Record(
            self.first + index,
            bytes(self._octets[start : self._ends[index]]),
            self.sides[self._sides[index]],
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
