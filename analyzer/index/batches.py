"""Records as rows: some thousand of them at once, where each holds clean frames and nothing else.

A record that begins with a frame of HDLC, and ends where one does, with no octet between them, tells nothing of the records
around it, and neither does one PDU of the wrapper. Such records come in runs, which go by NumPy; all others, and those that come
while octets are waiting, go the careful way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from analyzer.framings.wrapper import WRAPPER_HEADER
from analyzer.index.clean import WINDOW, Clean
from analyzer.index.columns import NUMBER, SIDES, Array
from analyzer.index.fields import HEAD, rows_of, wrapper_fields
from analyzer.index.rows import Rows
from analyzer.index.sides import PORTS, STRANGE, Ends, Told
from analyzer.model import Record
from analyzer.senders import turn
from analyzer.sources.logrecords import LogRecords
from analyzer.sources.pcap.columns import Columns
from grammars.wrapper import VERSION

MOST = 1 << 14  # records of a batch
FEW = 16  # records that are not worth the calls of NumPy
ROOMY = 1.05  # room for so many times the rows that the trace will have if it goes on as it began
MIXED, WRAPPER, HDLC = 0, 1, 2  # what a record holds
_TURNED = np.array([NUMBER[turn(side)] for side in SIDES], dtype=np.uint8)


class Batch(NamedTuple):
    """Records in a row: the index of the first, their octets one after the other, where each ends in these, the side that the
    source tells, and their times in seconds."""

    first: int
    octets: bytes
    ends: Array
    side: Array
    time: Array


def batches_of(records: Sequence[Record]) -> Iterator[Batch]:
    """All records of a trace."""
    if isinstance(records, Columns | LogRecords):
        yield from _of_columns(records)
        return
    taken: list[Record] = []
    size = first = 0
    for index, record in enumerate(records):
        if taken and (len(taken) == MOST or size + len(record.data) > WINDOW):
            yield _joined(first, taken)
            taken, size, first = [], 0, index
        taken.append(record)
        size += len(record.data)
    if taken:
        yield _joined(first, taken)


def _joined(first: int, records: list[Record]) -> Batch:
    ends = np.cumsum(np.array([len(record.data) for record in records], dtype=np.int64))
    side = np.array([NUMBER[record.direction] for record in records], dtype=np.uint8)
    times = [np.nan if record.seconds is None else record.seconds for record in records]
    octets = b"".join([record.data for record in records]) if int(ends[-1]) <= WINDOW else b""
    return Batch(first, octets, ends, side, np.array(times))


def _of_columns(records: Columns | LogRecords) -> Iterator[Batch]:
    """Those of a capture or of a log, which are columns already."""
    first, sides = 0, np.array([NUMBER[side] for side in records.sides], dtype=np.uint8)
    for octets, ends_, side_, seconds in records.stretches():
        ends = np.frombuffer(ends_, dtype=np.uint64).astype(np.int64)
        side = sides[np.frombuffer(side_, dtype=np.uint8)]
        at = begin = 0
        while at < len(ends):
            stop = max(at + 1, min(at + MOST, int(np.searchsorted(ends, begin + WINDOW, "right"))))
            end = int(ends[stop - 1])
            time = np.array([np.nan if second is None else second for second in seconds(at, stop)])
            own = bytes(memoryview(octets)[begin:end]) if end - begin <= WINDOW else b""
            yield Batch(first + at, own, ends[at:stop] - begin, side[at:stop], time)
            at, begin = stop, end
        first += len(ends)


class Batched:
    """The records of a trace, batch by batch."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self._careful = rows, rows.careful

    def read(self) -> Iterator[int]:
        """Makes the rows; gives their number from time to time, so that somebody may look, or stop it."""
        rows = self._rows
        for batch in batches_of(getattr(rows.records, "records", rows.records)):
            self._take(batch)
            done = batch.first + len(batch.ends)
            rows.columns.reserve(int(len(rows) / done * len(rows.records) * ROOMY))
            yield len(rows)

    def _take(self, batch: Batch) -> None:
        looked = _Looked(batch, self._rows) if len(batch.ends) >= FEW and batch.octets else None
        at = 0
        for stop in looked.changes if looked else [len(batch.ends)]:
            while at < stop:
                quick = looked is not None and looked.kinds[at] != MIXED and stop - at >= FEW and self._ready()
                end = stop if quick else at + 1
                if looked is None or not quick or not self._quickly(looked, at, stop):
                    for place in range(at, end):
                        self._slowly(batch.first + place)
                at = end

    def _ready(self) -> bool:
        """Whether nothing waits for more octets, or for what the words of the log mean."""
        return self._careful.senders.turned is not None and not self._careful.cutter.waits

    def _slowly(self, index: int) -> None:
        self._rows.hear()
        self._rows.take(self._careful.feed(index, self._rows.records[index]))

    def _quickly(self, looked: _Looked, start: int, stop: int) -> bool:
        """Takes records of one kind, unless one of them may be an echo."""
        senders, batch = self._careful.senders, looked.batch
        rows, place, known = looked.rows(start, stop)
        side = batch.side[place]
        told = Told(_TURNED[side] if senders.turned else side, np.diff(place, prepend=-1) != 0)
        sided = self._rows.sided(rows, known, told)
        if sided is None:
            return False
        time = batch.time[place]
        timed = {} if np.isnan(time).all() else {"time": time}
        self._rows.extend({**sided, **timed, "record": place + batch.first})
        numbers, firsts = np.unique(batch.side[start:stop], return_index=True)
        self._careful.passed(SIDES[number] for number in numbers[np.argsort(firsts)].tolist())
        return True


class _Looked:
    """What the records of a batch hold: `kinds`, and where these change."""

    def __init__(self, batch: Batch, rows: Rows) -> None:
        self.batch = batch
        self._begins = batch.ends - np.diff(batch.ends, prepend=0)
        octets = np.frombuffer(batch.octets, dtype=np.uint8)
        self.kinds = np.zeros(len(batch.ends), dtype=np.uint8)
        self._look_for_wrapper(np.concatenate((octets, np.zeros(HEAD, dtype=np.uint8))), rows)
        self._look_for_hdlc(rows)
        self.changes = [*(np.flatnonzero(np.diff(self.kinds)) + 1).tolist(), len(self.kinds)]

    def rows(self, start: int, stop: int) -> tuple[dict[str, Array], Array, list[Ends]]:
        """The columns of the frames of some records of one kind, the place of the record of each in the batch, and what the
        codes of their addresses stand for."""
        chosen = slice(start, stop)
        if self.kinds[start] == WRAPPER:
            length = self._sizes[chosen]
            made = {"start": np.zeros(stop - start, dtype=np.int64), "length": length, "codes": self._codes[chosen]}
            return made | wrapper_fields(self._heads[chosen], length), np.arange(start, stop), self._known
        first, last = int(self._firsts[start]), int(self._lasts[stop - 1])
        place = np.repeat(np.arange(start, stop), self._lasts[chosen] - self._firsts[chosen])
        made = self._clean.rows(slice(first, last))
        return made | {"start": made["start"] - self._begins[place]}, place, self._clean.known

    def _look_for_wrapper(self, padded: Array, rows: Rows) -> None:
        self._sizes = self.batch.ends - self._begins
        self._heads = heads = rows_of(padded, self._begins, HEAD)
        version, length = (np.ascontiguousarray(heads[:, at : at + 2]).view(">u2")[:, 0] for at in (0, 6))
        ports = np.ascontiguousarray(heads[:, 2:6]).view("<u4")[:, 0].astype(np.uint64)
        fits = (version == VERSION) & (length == self._sizes - WRAPPER_HEADER) & (length > 0)
        self._codes = np.full(len(heads), STRANGE, dtype=np.uint16)
        self._codes[fits], self._known = rows.links.codes(ports[fits], np.full(int(fits.sum()), PORTS))
        self.kinds[self._codes != STRANGE] = WRAPPER

    def _look_for_hdlc(self, rows: Rows) -> None:
        self._clean = clean = Clean(self.batch.octets, 0, rows.links)
        count = len(clean.at)
        self._firsts, self._lasts = (np.searchsorted(clean.at, at) for at in (self._begins, self.batch.ends))
        some = np.flatnonzero(self._lasts > self._firsts)
        first, last = self._firsts[some], self._lasts[some] - 1
        whole = (clean.at[first] == self._begins[some]) & (
            clean.at[last] + clean.length[last] + 2 == self.batch.ends[some]
        )
        broken = np.zeros(count + 1, dtype=np.int64)  # gaps before each frame
        broken[clean.breaks + 1] = 1
        broken = np.cumsum(broken)
        whole &= broken[last] == broken[first]
        self.kinds[some[whole]] = HDLC
