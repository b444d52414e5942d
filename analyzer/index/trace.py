"""The index of a trace: a row for each of its frames, exactly those of `framing.frames_of`, whatever its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.index.batches import Batched
from analyzer.index.rows import Rows
from analyzer.index.stream import Stream
from analyzer.model import Record


class TraceIndex(Rows):
    """The frames of a trace as columns. `build` makes it, once; what it has passed is there."""

    def build(self) -> Iterator[int]:
        """Makes the index; gives the number of rows from time to time, so that somebody may look, or stop it."""
        alone = len(self.records) == 1 and self.records[0].direction == "unknown"
        yield from Stream(self, self.records[0]).read() if alone else Batched(self).read()
        self.end()
        yield len(self)


def index_of(records: Sequence[Record]) -> TraceIndex:
    """The whole index of a trace."""
    index = TraceIndex(records)
    for _ in index.build():
        pass
    return index
