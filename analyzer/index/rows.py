"""The rows of a trace while they are made, and the frame of each: what the quick ways and the careful one have in common."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from analyzer.echoes import KEPT
from analyzer.frame import Frame, FrameIssue, addresses
from analyzer.framing import Piece, read
from analyzer.index import columns
from analyzer.index.careful import Careful, Placed
from analyzer.index.columns import FRAMINGS, NUMBER, SIDES, Array, Columns
from analyzer.index.numbering import Numbering
from analyzer.index.row import row_of
from analyzer.index.sides import Ends, Links, Told, sides_of
from analyzer.model import Record
from analyzer.patience import go_on
from analyzer.senders import MOST_PAIRS

TOGETHER = 256  # frames of the careful way that are numbered in one go
ALIKE = 4096  # different issues of frames that are kept once where they come again


class Rows:
    """A row for each frame of a trace, in `columns`; `frame` makes the frame of a row again. The octets stay where they are.

    `careful` has the state between two frames, whichever way these are found.
    """

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.columns, self.links = Columns(), Links()
        self.careful = Careful()
        self._numbering = Numbering(self.columns, self.links, self.frame)
        self._issues: dict[int, tuple[FrameIssue, ...]] = {}  # of the rows that are ODD
        self._alike: dict[tuple[FrameIssue, ...], tuple[FrameIssue, ...]] = {}
        self._known: dict[int, Frame] = {}  # of rows that are not numbered yet
        self._heard = 0  # rows that `careful.echoes` has seen
        self._asked = np.zeros(Links.MOST + 1, dtype=bool)  # links on which a client has spoken

    def __len__(self) -> int:
        return len(self.columns)

    @property
    def messages(self) -> int:
        """How many messages the frames make, as far as the index goes."""
        return self._numbering.count

    def frame(self, row: int) -> Frame:
        """The frame of a row, as `frames_of` makes it."""
        one = self.columns.row(row)
        place, begin, length = int(one["record"]), int(one["start"]), int(one["length"])
        record = self.records[place]
        data = record.data[begin : begin + length]
        numbers: tuple[int, ...] = (record.number,)
        while len(data) < length:
            place += 1
            if (following := self.records[place]).direction == record.direction:
                data += following.data[: length - len(data)]
                numbers += (following.number,)
        made = read(
            Piece(
                FRAMINGS[int(one["framing"])], data, SIDES[int(one["side"])], numbers, record.time, record.seconds,
                self._issues.get(row, ()),
            )
        )  # fmt: skip
        return replace(made, echo=True) if int(one["flags"]) & columns.ECHO else made

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """The frames of some rows."""
        return (self.frame(row) for row in range(start, len(self) if stop is None else min(stop, len(self))))

    def take(self, frames: Iterable[Placed]) -> None:
        """Takes frames that the careful way has found. Raises StoppedError where nobody waits for the index any more."""
        go_on()
        for frame, record, start in frames:
            row = len(self)
            self._known[row] = frame
            self.columns.append(**self._row(frame, record, start))
            if frame.issues:
                self._issues[row] = self._alike.setdefault(frame.issues, frame.issues)
                if len(self._alike) > ALIKE:
                    self._alike.clear()
        self._heard = len(self)
        if len(self._known) >= TOGETHER:
            self._number()

    def _number(self) -> None:
        self._numbering.advance(self._known)
        self._known.clear()

    def _row(self, frame: Frame, record: int, start: int) -> dict[str, float]:
        link = self.links.number(addresses(frame))
        if frame.direction == "client":
            self._asked[link] = True
        row = row_of(frame, start, link)
        return row | {"record": record} if record else row

    def sided(self, rows: Mapping[str, Array], known: list[Ends], told: Told | None = None) -> dict[str, Array] | None:
        """Rows of clean frames with their links and sides; None, and nothing is changed, where one of them may be an echo."""
        senders = self.careful.senders
        previous, pairs, doubtful = senders.previous, len(senders.pairs), dict(senders.doubtful)
        whole = dict(senders.pairs) if doubtful else None
        link, side = sides_of(rows, known, self.links, senders, told)
        # Where nothing is told, and who sends is kept of all addresses, frames with the same octets are of the same side.
        if (told is None and len(senders.pairs) < MOST_PAIRS) or self._answered(link, side):
            return {**rows, "link": link, "side": side}
        senders.previous, senders.doubtful = previous, doubtful
        if whole is not None:
            senders.pairs = whole
        while len(senders.pairs) > pairs:
            senders.pairs.popitem()  # the last that came
        return None

    def _answered(self, link: Array, side: Array) -> bool:
        """Whether none of many frames may be an echo: where a meter speaks, no client has, from and to these addresses."""
        asked = self._asked.copy()
        asked[link[side == NUMBER["client"]]] = True
        return not asked[link[side == NUMBER["meter"]]].any()

    def extend(self, rows: Mapping[str, Array]) -> None:
        """Takes rows of clean frames of which none is an echo."""
        self.columns.extend(rows)
        self._asked[rows["link"][rows["side"] == NUMBER["client"]]] = True
        self._number()

    def hear(self) -> None:
        """Tells the echoes of the frames that came the quick way; to be asked before the careful one goes on."""
        begin, self._heard = self._heard, len(self)
        if begin == len(self):
            return
        side, echoes = self.columns["side"][begin:], self.careful.echoes
        answers = np.flatnonzero(side == NUMBER["meter"])
        behind = int(answers[-1]) + 1 if len(answers) else 0
        if behind:
            echoes.sent.clear()
        asked = behind + np.flatnonzero(side[behind:] == NUMBER["client"])[-KEPT:]
        echoes.sent.extend(self.frame(begin + row) for row in asked.tolist())

    def end(self) -> None:
        """Takes what is unfinished at the end of the trace."""
        self.hear()
        self.take(self.careful.end())
        self._number()
        self._numbering.end()
