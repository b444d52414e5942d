"""The message that each frame becomes part of, as `reassembly.Joiner` decides.

Where no APDU is open, a frame without segments is a message by itself: such rows are passed in one go. The joiner sees the
others, and all that come while something is open.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np

from analyzer.frame import Frame
from analyzer.index import columns
from analyzer.index.columns import Columns
from analyzer.index.sides import Links
from analyzer.reassembly import Joiner, Unit

LOOKED_AT = 1024  # rows in which the next one is looked for that the joiner has to see


class Numbering:
    """Fills in the column `message`; `count` is how many messages there are."""

    def __init__(self, rows: Columns, links: Links, frame: Callable[[int], Frame]) -> None:
        """`frame` makes the frame of a row."""
        self.count = 0
        self._columns, self._links, self._frame = rows, links, frame
        self._joiner = Joiner()
        self._row = 0  # the next one

    def advance(self, known: Mapping[int, Frame]) -> None:
        """Looks at the rows that have come; frames that are `known` by their row are not made again."""
        while self._row < len(self._columns):
            if not self._joiner.waits:
                self._pass(self._joined_next())
                if self._row == len(self._columns):
                    return
            frame = known.get(self._row) or self._frame(self._row)
            # The joiner does not ask where a frame came from, so the row stands there.
            self._number(self._joiner.feed(replace(frame, records=(self._row,))))
            self._row += 1

    def end(self) -> None:
        """Numbers what was never finished."""
        self._number(self._joiner.end())

    def _joined_next(self) -> int:
        """The next row that opens something, or may be a segment that came before."""
        again = [self._links.number(key) for key in self._joiner.joined]
        flags, link = self._columns["flags"], self._columns["link"]
        for begin in range(self._row, len(flags), LOOKED_AT):
            chosen = slice(begin, begin + LOOKED_AT)
            told = flags[chosen] & columns.SEGMENTED != 0
            if again:
                told |= np.isin(link[chosen], again)
            first = int(np.argmax(told))
            if told[first]:
                return begin + first
        return len(flags)

    def _pass(self, stop: int) -> None:
        """The rows up to one are messages by themselves."""
        begin, self._row = self._row, stop
        if self.count != begin or "message" in self._columns:
            count = stop - begin
            self._columns.need("message")[begin:stop] = np.arange(self.count + 1, self.count + count + 1)
        self.count += stop - begin

    def _number(self, units: Iterable[Unit]) -> None:
        for unit in units:
            self.count += 1
            rows = [frame.records[0] for frame in unit.frames]
            if rows != [self.count - 1] or "message" in self._columns:
                self._columns.need("message")[rows] = self.count
