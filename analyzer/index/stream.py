"""The octets of a line as an index: every frame of a stream that one record holds, exactly as `frames_of` gives them.

Clean stretches go by NumPy, window by window; where a frame is damaged, or is none, the careful way goes on until it comes
to a clean frame again. What it found, and the columns cannot say, is kept beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from analyzer.echoes import Echoes
from analyzer.frame import Frame, addresses
from analyzer.framing import Origin, cuts, frame_of, is_stray
from analyzer.framings.cut import Cut
from analyzer.index import columns
from analyzer.index.clean import Clean
from analyzer.index.columns import SIDES, Columns
from analyzer.index.sides import NUMBER, Links, sides_of
from analyzer.message import llc_of
from analyzer.model import Record
from analyzer.senders import Senders
from grammars.apdu import APDU
from grammars.hdlc import GOOD_RESIDUE, crc16_x25
from grammars.kit.spec import find_int, find_raw
from grammars.parse import parse

Array = Any  # numpy.ndarray
CIPHERED = ("glo-", "ded-", "general-glo-ciphering", "general-ded-ciphering")
ROOMY = 1.05  # room for so many times the rows that the stream will have if it goes on as it began
ECHOED = 64  # frames of the client that an echo may repeat, see `echoes.KEPT`


class StreamIndex:
    """The frames of one record without directions, such as a raw dump of a serial line.

    `columns` has a row for each; `frame` makes the frame of a row. The octets stay where they are.
    """

    def __init__(self, record: Record) -> None:
        self.record = record
        self._origins = (Origin(record.number, record.time, record.seconds),)
        self.columns = Columns()
        self.links = Links()
        self._odd: dict[int, Cut] = {}  # rows that the careful way found
        self._echoes: set[int] = set()
        self._senders = Senders()
        self._marks = Echoes()
        self._unheard = (0, 0)  # rows that `_marks` has not seen

    def __len__(self) -> int:
        return len(self.columns)

    def frame(self, row: int) -> Frame:
        """The frame of a row, as `frames_of` makes it."""
        start, length = int(self.columns["start"][row]), int(self.columns["length"][row])
        cut = self._odd.get(row) or Cut("hdlc", start, start + length, start + length)
        made = frame_of(cut, self.record.data, self._origins, SIDES[self.columns["side"][row]])
        return replace(made, echo=True) if row in self._echoes else made

    def frames(self, start: int = 0, stop: int | None = None) -> Iterator[Frame]:
        """The frames of some rows."""
        return (self.frame(row) for row in range(start, len(self) if stop is None else min(stop, len(self))))

    def build(self) -> Iterator[int]:
        """Makes the index; gives the number of rows from time to time, so that somebody may look, or stop it."""
        data = self.record.data
        octets = np.frombuffer(data, dtype=np.uint8)
        position, final, begun = 0, False, 0
        while position < len(data):
            clean = Clean(octets, position, self.links)
            stop = clean.stop if clean.stop < len(data) else len(data) + 1
            while position < stop:
                first = clean.holds(position)
                if first is not None:
                    position = self._take_run(clean, first)
                elif position >= len(data):
                    break
                else:
                    position, waits = self._carefully(data, position, final, clean, begun)
                    if waits and final:
                        position = len(data)
                    elif waits:
                        final, begun = True, position
            if position >= len(data):
                break
            self.columns.reserve(int(len(self) / position * len(data) * ROOMY))
            yield len(self)
        yield len(self)

    def _take_run(self, clean: Clean, first: int) -> int:
        """Takes the clean frames that follow each other; where the next one begins."""
        run = clean.run(first)
        begin = len(self)
        numbers, side = sides_of(run.rows, clean.known, self.links, self._senders)
        self.columns.extend({**run.rows, "link": numbers, "side": side})
        self._unheard = (max(begin, len(self) - ECHOED - 1), len(self))
        return run.end

    def _carefully(self, data: bytes, position: int, final: bool, clean: Clean, begun: int) -> tuple[int, bool]:
        """Goes on one frame after the other until a clean one comes: where it begins, and whether more octets are
        needed instead to tell what begins there."""
        for cut in cuts(data, final, position):
            self._take(cut)
            position = cut.next
            if clean.holds(position) is not None or (position >= clean.stop and not is_stray(cut)):
                return position, False
        return position, True

    def _take(self, cut: Cut) -> None:
        """Takes a frame that the careful way found."""
        if cut.end <= cut.start:
            return
        frame = frame_of(cut, self.record.data, self._origins, "unknown")
        frame = replace(frame, direction=self._senders.direction(frame))
        for earlier in self.frames(*self._unheard):
            self._marks.marked(earlier)
        self._unheard = (0, 0)
        row, frame = len(self), self._marks.marked(frame)
        if frame.echo:
            self._echoes.add(row)
        self._odd[row] = cut
        self.columns.append(**row_of(frame, cut.start, self.links.number(addresses(frame)), bool(cut.issues)))


def row_of(frame: Frame, start: int, link: int, odd: bool = False) -> dict[str, int]:
    """The columns of a frame, by what the grammars read in it: the oracle of the quick way."""
    flags = columns.ODD if odd else 0
    control = tag = security = 0
    counter: int | None = None
    if frame.framing == "hdlc":
        control = find_int(frame.parsed.nodes, "control") or 0
        flags |= columns.HDLC
        octets = frame.data.removeprefix(b"\x7e").removesuffix(b"\x7e")
        flags |= columns.RIGHT if crc16_x25(octets) == GOOD_RESIDUE else 0
    flags |= columns.SEGMENTED if frame.segmented else 0
    begin, end = frame.payload
    llc, at = llc_of(frame, frame.data, begin, end)
    flags |= columns.LLC if llc in ("command", "response") else 0
    if at < end:
        tag = frame.data[at]
        security, counter = _counted(frame.data, at, end)
        flags |= columns.COUNTED if counter is not None else 0
    return {
        "start": start, "length": len(frame.data), "link": link, "control": control, "tag": tag, "security": security,
        "counter": counter or 0, "flags": flags, "side": NUMBER[frame.direction],
    }  # fmt: skip


def _counted(data: bytes, start: int, end: int) -> tuple[int, int | None]:
    """Security control and invocation counter of a ciphered APDU; 0 and None where it is none, or its lengths lie."""
    parsed = parse(APDU, data, start, end)
    name = parsed.nodes[0][0].name if parsed.nodes else ""
    control, counter = find_raw(parsed.nodes, "security_control"), find_raw(parsed.nodes, "invocation_counter")
    if control is None or counter is None or not name.startswith(CIPHERED) or parsed.nodes[0][2] != end:
        return 0, None
    before = (i for i in parsed.issues if i.severity == "error" and i.start <= control[1] and i.spec is not control[0])
    if any(before):
        return 0, None
    return control[3], counter[3]


def index_of(record: Record) -> StreamIndex:
    """The whole index of a record."""
    index = StreamIndex(record)
    for _ in index.build():
        pass
    return index
