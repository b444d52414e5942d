"""The octets of a line as rows: every frame of a stream that one record holds, exactly as `frames_of` gives them.

Clean stretches go by NumPy, window by window; where a frame is damaged, or is none, the careful way goes on until it comes
to a clean frame again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from analyzer.framing import Origin, cuts, frame_of, is_stray
from analyzer.framings.cut import Cut
from analyzer.index.careful import Placed
from analyzer.index.clean import Clean
from analyzer.index.rows import Rows
from analyzer.model import Record

ROOMY = 1.05  # room for so many times the rows that the stream will have if it goes on as it began


class Stream:
    """One record without directions, such as a raw dump of a serial line."""

    def __init__(self, rows: Rows, record: Record) -> None:
        self._rows, self._data = rows, record.data
        self._origins = (Origin(record.number, record.time, record.seconds),)
        self._time = {} if record.seconds is None else {"time": record.seconds}

    def read(self) -> Iterator[int]:
        """Makes the rows; gives their number from time to time, so that somebody may look, or stop it."""
        data, rows = self._data, self._rows
        position, final = 0, False
        while position < len(data):
            clean = Clean(data, position, rows.links)
            stop = clean.stop if clean.stop < len(data) else len(data) + 1
            while position < stop:
                first = clean.holds(position)
                if first is not None:
                    position = self._take_run(clean, first)
                elif position >= len(data):
                    break
                else:
                    position, waits = self._carefully(position, final, clean)
                    if waits and final:
                        position = len(data)
                    elif waits:
                        final = True
            if position >= len(data):
                break
            rows.columns.reserve(int(len(rows) / position * len(data) * ROOMY))
            yield len(rows)

    def _take_run(self, clean: Clean, first: int) -> int:
        """Takes the clean frames that follow each other; where the next one begins."""
        run = clean.run(first)
        sided = self._rows.sided(run.rows, clean.known)
        if sided is not None:
            self._rows.extend({**sided, **self._time})
            return run.end
        for start, length in zip(run.rows["start"].tolist(), run.rows["length"].tolist(), strict=True):
            self._take(Cut("hdlc", start, start + length, start + length))
        return run.end

    def _carefully(self, position: int, final: bool, clean: Clean) -> tuple[int, bool]:
        """Goes on one frame after the other until a clean one comes: where it begins, and whether more octets are
        needed instead to tell what begins there."""
        for cut in cuts(self._data, final, position):
            self._take(cut)
            position = cut.next
            if clean.holds(position) is not None or (position >= clean.stop and not is_stray(cut)):
                return position, False
        return position, True

    def _take(self, cut: Cut) -> None:
        """Takes a frame that the careful way found."""
        if cut.end <= cut.start:
            return
        self._rows.hear()
        senders, echoes = self._rows.careful.senders, self._rows.careful.echoes
        frame = frame_of(cut, self._data, self._origins, "unknown")
        frame = echoes.marked(replace(frame, direction=senders.direction(frame)))
        self._rows.take([Placed(frame, 0, cut.start)])
