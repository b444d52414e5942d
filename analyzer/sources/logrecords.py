"""The records of a log as columns: their octets, what was written of their time, and where they stood.

A log of any length is read once, and takes no more memory than a part of it. What second a stamp names hangs on stamps that
may come later (`timestamps.TraceClock`), so a part keeps what is written, and how the clock stood at its beginning.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from analyzer.model import Direction, Place, Record
from analyzer.sources.parts import Records, Spool, Stretch
from analyzer.sources.timestamps import STAMP_KINDS, Stamp, TraceClock

if TYPE_CHECKING:
    from analyzer.sources.parts import Column

MOST = 1 << 13  # records of a part
LARGEST = 1 << 20  # octets of its records after which a part is full
BESIDE = 38  # octets of a record beside its payload and its stamp
UNKNOWN, CLIENT, METER, DUMPED = 0, 1, 2, 3  # sides; from DUMPED on, those of rows of a dump, by their indentation
_SIDES: dict[Direction, int] = {"unknown": UNKNOWN, "client": CLIENT, "meter": METER}
MOST_INDENTS = 3  # that tell sides, and one more for all others


class _Part:
    """Some records in a row. `told` are their seconds on the clock of the trace, once somebody asked."""

    __slots__ = (
        "ends",
        "kinds",
        "octets",
        "seconds",
        "sides",
        "stamp_ends",
        "stamps",
        "text_columns",
        "text_lines",
        "told",
    )

    def __init__(self) -> None:
        self.octets = bytearray()
        self.ends = array("Q")
        self.stamps = bytearray()  # as they were written, in UTF-8
        self.stamp_ends = array("I")
        self.kinds = bytearray()  # of stamps, as numbers of `STAMP_KINDS`, 0 where there is none
        self.seconds = array("d")
        self.sides = bytearray()
        self.text_lines = array("Q")
        self.text_columns = array("Q")
        self.told: Sequence[float | None] | None = None

    def __len__(self) -> int:
        return len(self.ends)

    def seconds_of(self, first: int, end: int) -> Sequence[float | None]:
        """The seconds of some of them, once they are told."""
        assert self.told is not None
        return self.told[first:end]

    def columns(self) -> Sequence[Column]:
        """See `parts`."""
        return (
            self.octets, self.ends, self.stamps, self.stamp_ends, self.kinds, self.seconds, self.sides, self.text_lines,
            self.text_columns,
        )  # fmt: skip

    def fill(self, columns: Sequence[bytes]) -> None:
        """See `parts`."""
        for own, column in zip(self.columns(), columns, strict=True):
            if isinstance(own, bytearray):
                own += column
            else:
                own.frombytes(column)


class LogRecords(Records[_Part]):
    """Records that are appended while a log is read; `settle` ends that, and only then do they tell sides and seconds."""

    def __init__(self, spool: Spool) -> None:
        super().__init__()
        self._to = spool
        self._clock = TraceClock()
        self._states = [self._clock.state()]  # of the clock, at the beginning of each part
        self._indents: list[int] = []
        self._sides: list[Direction] = ["unknown", "client", "meter"]
        self._named = False

    def _empty(self) -> _Part:
        return _Part()

    def append(self, data: bytes | bytearray, direction: Direction, indent: int | None, stamp: Stamp | None,
               place: Place) -> None:  # fmt: skip
        """One more record; `indent` is the indentation of rows of a dump, -1 where they tell none, None for other lines."""
        part = self._part
        part.octets += data
        part.ends.append(len(part.octets))
        if stamp is None:
            part.kinds.append(0)
            part.seconds.append(0.0)
        else:
            part.stamps += stamp.text.encode("utf-8", "surrogatepass")
            part.kinds.append(STAMP_KINDS[stamp.kind])
            part.seconds.append(stamp.seconds)
        part.stamp_ends.append(len(part.stamps))
        self._named = self._named or direction != "unknown"
        part.sides.append(_SIDES[direction] if indent is None else self._indented(direction, indent))
        part.text_lines.append(place.line)
        part.text_columns.append(place.column)
        if len(part.ends) >= MOST or len(part.octets) >= LARGEST:
            self.spill(self._to)

    def _indented(self, direction: Direction, indent: int) -> int:
        """The side of a record of rows: of nobody while none is named, unless just two indentations turn out to tell."""
        if direction != "unknown":
            return _SIDES[direction]
        if indent not in self._indents and len(self._indents) < MOST_INDENTS:
            self._indents.append(indent)
        return DUMPED + (self._indents.index(indent) if indent in self._indents else MOST_INDENTS)

    def settle(self) -> bool:
        """All records are there. Whether nothing but the indentation of rows told who sent them: two of them do.

        Wireshark's "follow stream" tells the sides so: the right one answers.
        """
        self._note()
        indents = sorted(self._indents)
        told = not self._named and len(indents) == 2 and indents[0] >= 0
        sides: dict[int, Direction] = {indents[0]: "client", indents[1]: "meter"} if told else {}
        self._sides += [sides.get(indent, "unknown") for indent in self._indents]
        self._sides += ["unknown"] * (MOST_INDENTS + 1 - len(indents))
        return told

    def spill(self, spool: Spool) -> None:
        """See `parts`."""
        if len(self._part):
            self._note()
        super().spill(spool)

    def _note(self) -> None:
        """Sets the clock by what the last part holds."""
        self._clock.note(self._part.kinds, self._part.seconds)
        self._states.append(self._clock.state())

    @property
    def memory(self) -> int:
        """The memory of the records that are not in the spool, roughly, in octets."""
        return len(self._part.octets) + len(self._part.stamps) + BESIDE * len(self._part)

    def stretches(self) -> Iterator[Stretch]:
        """The records as they are kept, a part after the other."""
        for start in self._starts:
            part = self._part_of(start)[1]
            self._tell(part, start)
            yield Stretch(part.octets, part.ends, part.sides, part.seconds_of)

    def directed(self) -> Iterator[tuple[Direction, bytes]]:
        """Who sent each record, and its octets, without the rest of it."""
        for start in self._starts:
            part = self._part_of(start)[1]
            begin = 0
            for end, side in zip(part.ends, part.sides, strict=True):
                yield self._sides[side], bytes(part.octets[begin:end])
                begin = end

    @property
    def sides(self) -> Sequence[Direction]:
        """Who sent a record, by the number of its side."""
        return self._sides

    def _tell(self, part: _Part, start: int) -> Sequence[float | None]:
        """The seconds of the records of a part on the clock of the trace, which it keeps."""
        if part.told is None:
            state = self._states[bisect_right(self._starts, start) - 1]
            part.told = self._clock.seconds(part.kinds, part.seconds, state)
        return part.told

    def _record(self, part: _Part, start: int, index: int) -> Record:
        at = index - start
        begin, begun = (part.ends[at - 1], part.stamp_ends[at - 1]) if at else (0, 0)
        told = part.told if part.told is not None else self._tell(part, start)
        return Record(
            index + 1,
            bytes(part.octets[begin : part.ends[at]]),
            self._sides[part.sides[at]],
            part.stamps[begun : part.stamp_ends[at]].decode("utf-8", "surrogatepass") if part.kinds[at] else None,
            told[at],
            Place(part.text_lines[at], part.text_columns[at]),
        )
