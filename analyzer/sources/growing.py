"""A log, or the octets of a line, while somebody still writes it.

What a text means depends on what comes behind it: a row of a dump goes on in the next line, a heading shows as one by what
stands below. So the text is read again with everything new, and compared with what was read before: what has come is new,
a record that goes on gives its rest, and where something reads otherwise now, its trace comes anew.

A long text is not read again as a whole: its beginning, which shows how it is written, and its end are enough. From then on
nothing comes anew.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from analyzer.model import Place, Record, SourceIssue, Trace
from analyzer.sources import InputError, read_input
from analyzer.sources.arrivals import Arrival

LONGEST = 192 << 10  # octets that are read again
HEAD = 16 << 10  # octets of the beginning that stay
LONGEST_LINE = 4 << 10  # octets without the end of a line that are no line
BACK = 4  # records at the end that are read again
UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Growing:
    """Takes octets of a file in any pieces. `problem` says what keeps it from being read so far."""

    def __init__(self, source: str, kind: str | None = None) -> None:
        self._source, self._kind = source, kind
        self._text = bytearray()  # of a long text, the head and the end
        self._longest = LONGEST
        self._seen = 0  # octets of it that have been read
        self._known: list[Sequence[Record]] = []  # its traces as they were read
        self._traces: list[Trace] = []  # those that were given
        self._counts: list[int] = []  # the records of each that were given
        self._settled: list[tuple[SourceIssue, ...]] = []  # issues of each in lines that are not read again
        self._head_lines, self._cut_lines = 0, 0  # lines that stay, and those behind them that are not read again
        self._decoder: codecs.IncrementalDecoder | None = None
        self._short = False  # the middle of the text is left out
        self._first = 0  # which of all traces the first of `_known` is
        self._raw = False
        self.problem = "is empty"

    def more(self, data: bytes) -> Iterator[Arrival]:
        """What is new with these octets. A line that has no end yet waits."""
        if not self._text and data.startswith(UTF_16):
            self._decoder = codecs.getincrementaldecoder("utf-16")("replace")
        self._text += self._decoder.decode(data).encode() if self._decoder is not None else data
        end = self._text.rfind(b"\n") + 1
        yield from self._look(len(self._text) if self._raw or len(self._text) - end > LONGEST_LINE else end)
        if self._seen > self._longest and not self._shorten():
            self._longest *= 2

    def quiet(self) -> Iterator[Arrival]:
        """What is new where a line without an end is taken as it is."""
        yield from self._look(len(self._text))

    def _look(self, end: int) -> Iterator[Arrival]:
        if end <= self._seen:
            return
        made = self._parsed(end)
        self._seen = end
        for number, trace in enumerate(made):
            index = self._first + number
            if index == len(self._traces):
                self._traces.append(Trace(trace.name, self._source, []))
                self._counts.append(0)
                self._settled.append(())
            known = self._known[number] if number < len(self._known) else ()
            new = _behind(known, trace.records)
            if new is None and not self._short:
                self._counts[index] = 0
                yield self._arrival(index, trace.records, anew=True)
            elif new := trace.records[len(known) :] if new is None else new:
                yield self._arrival(index, new)
            if not self._short:
                self._traces[index].name = trace.name
            if not self._short or number + 1 == len(made):
                self._traces[index].issues = (*self._settled[index], *self._issues(trace.issues))
        for index in range(len(made), 0 if self._short else len(self._traces)):
            if self._counts[index]:  # with what has come, it is one trace with the one before it
                self._counts[index] = 0
                yield self._arrival(index, (), anew=True)
        if made:
            self._known = [tuple(trace.records) for trace in made]
            self._raw = len(made) == len(made[0]) == 1 and len(made[0][0].data) == end

    def _parsed(self, end: int) -> list[Trace]:
        try:
            made = read_input(bytes(self._text[:end]), self._source, self._kind)
        except InputError as problem:
            self.problem = str(problem).removeprefix(f"{self._source}: ")
            return []
        self.problem = ""
        return made

    def _arrival(self, index: int, records: Sequence[Record], anew: bool = False) -> Arrival:
        """Records of a trace, numbered on."""
        count = self._counts[index]
        self._counts[index] += len(records)
        numbered = [replace(r, number=n, place=self._place(r.place)) for n, r in enumerate(records, count + 1)]
        return Arrival(self._traces[index], numbered, anew)

    def _place(self, place: Place | None) -> Place | None:
        if place is None or place.line <= self._head_lines:
            return place
        return Place(place.line + self._cut_lines, place.column)

    def _issues(self, issues: Sequence[SourceIssue]) -> Iterator[SourceIssue]:
        """Issues of lines that are read again, with the numbers that lines have in the file."""
        for issue in issues:
            if not self._short:
                yield issue
            elif issue.place is not None and issue.place.line > self._head_lines:
                yield replace(issue, place=self._place(issue.place), record=None)

    # -- long texts ---------------------------------------------------------------------------------------------

    def _shorten(self) -> bool:
        """Leaves out the middle of the text; False where what is left would read otherwise."""
        stay, cut, head, start = (0, 0, HEAD, self._seen) if self._raw else self._middle()
        if start <= head:
            return False
        before, seen = self._text, self._seen
        self._text = before[:head] + before[start:]
        left = head + seen - start
        made = self._parsed(left)
        if not made or not (self._raw or _ends_alike(made[-1].records, self._known[-1])):
            self._text = before
            return False
        self._seen, self._known = left, [tuple(trace.records) for trace in made]
        self._short, self._first = True, len(self._traces) - len(made)
        self._head_lines, self._cut_lines = stay, self._cut_lines + cut
        for index, trace in enumerate(self._traces):
            again = stay + self._cut_lines
            self._settled[index] = tuple(i for i in trace.issues if i.place is None or i.place.line <= again)
        return True

    def _middle(self) -> tuple[int, int, int, int]:
        """Lines that stay, lines that go, and the octets where these begin and end; nothing goes where both are 0."""
        places = [record.place.line for records in self._known for record in records if record.place is not None]
        if len(places) < 2 * BACK:
            return 0, 0, 0, 0
        ends = list(accumulate((len(line) for line in bytes(self._text[: self._seen]).split(b"\n")), initial=0))
        ends = [end + number for number, end in enumerate(ends)]  # with the end of each line
        stay = self._head_lines or next((line - 1 for line in places if ends[line - 1] >= HEAD), 0)
        back = places[-BACK] - 1
        return (stay, back - stay, ends[stay], ends[back]) if 0 < stay < back else (0, 0, 0, 0)


def _behind(known: Sequence[Record], records: Sequence[Record]) -> Sequence[Record] | None:
    """What has come behind the records that are known; None where those read otherwise now."""
    if not known:
        return records
    last = len(known) - 1
    if len(records) < len(known) or any(not _alike(a, b) for a, b in zip(known[:last], records, strict=False)):
        return None
    before, after = known[last], records[last]
    if before.direction != after.direction or not after.data.startswith(before.data):
        return None
    rest = after.data[len(before.data) :]
    return [*([replace(after, data=rest)] if rest else []), *records[last + 1 :]]


def _ends_alike(one: Sequence[Record], other: Sequence[Record]) -> bool:
    return len(one) > 1 < len(other) and _alike(one[-1], other[-1]) and _alike(one[-2], other[-2])


def _alike(one: Record, other: Record) -> bool:
    return one.data == other.data and one.direction == other.direction
