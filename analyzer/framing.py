"""Bytes into link frames. Sans-IO: records in, frames out, and every octet is in some frame.

The rules:

* HDLC is delimited by its length field. 7E occurs inside frames, so it is never searched for while the length
  holds: the octet where the length says the frame ends has to be the flag.
* Where it is not, the check sequence decides: the next flag up to which the FCS is right ends the frame. Failing
  that, the frame ends before the next octets that begin a frame, and is passed on as damaged.
* One flag may end a frame and begin the next; several may stand between.
* Octets between frames become frames of their own, framing "none", so that nothing is lost.
* A frame may come in several records. What is unfinished when the other side begins to send is cut.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from analyzer.frame import Frame, FrameIssue, Framing, fits
from analyzer.model import Direction, Record
from analyzer.senders import with_directions
from grammars.apdu import APDU
from grammars.hdlc import FLAG, FRAME, FRAME_WITHOUT_FLAGS, GOOD_RESIDUE, crc16_x25
from grammars.kit.spec import find_raw
from grammars.llc import COMMAND, RESPONSE
from grammars.parse import Parsed, parse
from grammars.tables.apdu import APDU_TAGS
from grammars.wrapper import WRAPPER

LONGEST_HDLC = 2047  # what the length field can say
BEGINNING = re.compile(rb"\x7e[\xa0-\xaf\x7e]|\x7e\Z|\x00\x01")
NEARBY = 4  # octets by which a wrong length is off as a rule: flags or a check counted that should not be
SHORTEST_HDLC = 7  # format 2, addresses 1 + 1, control 1, FCS 2
WRAPPER_HEADER = 8


@dataclass(slots=True)
class _Pending:
    """Octets of one direction that do not make a frame yet, and the records they came from."""

    data: bytearray = field(default_factory=bytearray)
    origins: list[tuple[int, Record]] = field(default_factory=list)  # (offset, record)

    def add(self, record: Record) -> None:
        self.origins.append((len(self.data), record))
        self.data += record.data

    def take(self, start: int, end: int) -> list[Record]:
        """The records that octets start..end came from."""
        bounds = [offset for offset, _ in self.origins[1:]] + [len(self.data)]
        return [
            record for (offset, record), stop in zip(self.origins, bounds, strict=True) if offset < end and stop > start
        ]

    def drop(self, count: int) -> None:
        del self.data[:count]
        self.origins = [(max(0, offset - count), record) for offset, record in self.origins]
        while len(self.origins) > 1 and self.origins[1][0] == 0:
            self.origins.pop(0)
        if not self.data:
            self.origins.clear()


@dataclass(frozen=True, slots=True)
class _Cut:
    """A frame found in a buffer. `next` is where the search goes on: the closing flag may open the next frame."""

    framing: Framing
    start: int
    end: int
    next: int
    issues: tuple[FrameIssue, ...] = ()


def frames_of(records: Iterable[Record]) -> Iterator[Frame]:
    """All frames of a trace in the order in which they begin. Never raises on any octets."""
    return with_directions(_cut_all(records))


def _cut_all(records: Iterable[Record]) -> Iterator[Frame]:
    pending: dict[Direction, _Pending] = {}
    for record in records:
        for direction, waiting in pending.items():
            turned = direction != record.direction and record.carrier != "tcp"
            if waiting.data and (turned or (direction == record.direction and _begins_frame(record.data))):
                yield from _flush(waiting, direction)
        waiting = pending.setdefault(record.direction, _Pending())
        waiting.add(record)
        yield from _drain(waiting, record.direction, final=False)
    for direction, waiting in pending.items():
        yield from _flush(waiting, direction)


def _begins_frame(data: bytes) -> bool:
    """Whether a record begins with a whole, right frame: then what was unfinished before it stays unfinished."""
    cut = _hdlc_at(data, 0, final=False) if data[:1] == b"\x7e" else None
    return cut is not None and not cut.issues and cut.start == 0 and _fcs_right(data, cut)


def _fcs_right(data: bytes | bytearray, cut: _Cut) -> bool:
    return crc16_x25(bytes(data[cut.start + 1 : cut.end - 1])) == GOOD_RESIDUE


def _flush(waiting: _Pending, direction: Direction) -> Iterator[Frame]:
    yield from _drain(waiting, direction, final=True)


def _drain(waiting: _Pending, direction: Direction, final: bool) -> Iterator[Frame]:
    """The frames that are complete; with `final`, the rest too."""
    position = 0
    data = bytes(waiting.data)
    stray: _Cut | None = None
    while position < len(data):
        cut = _next_cut(data, position, final)
        if cut is None:
            break
        position = cut.next
        if cut.issues and cut.issues[0].code == "stray-octets" and cut.framing == "none":
            stray = cut if stray is None else _stray(stray.start, cut.end)
            continue
        if stray is not None:
            yield _frame(stray, data, waiting.take(stray.start, stray.end), direction)
            stray = None
        if cut.end > cut.start:
            yield _frame(cut, data, waiting.take(cut.start, cut.end), direction)
    if stray is not None:
        yield _frame(stray, data, waiting.take(stray.start, stray.end), direction)
    waiting.drop(position)


def _next_cut(data: bytes, at: int, final: bool) -> _Cut | None:
    """The frame or the stray octets at `at`; None when more octets are needed to tell."""
    if (cut := _frame_at(data, at, final)) is not None:
        return cut
    if _may_grow(data, at) and not final:
        return None
    if at == 0 and _is_apdu(data, at, len(data)):
        return _Cut("none", at, len(data), len(data))
    end = at + 1
    while (found := BEGINNING.search(data, end)) is not None:
        end = found.start()
        if data[end] == FLAG or _wrapper_length(data, end) is not None:
            break
        end += 1
    else:
        end = len(data)
    return _stray(at, end)


def _frame_at(data: bytes, at: int, final: bool) -> _Cut | None:
    if data[at] == FLAG:
        return _hdlc_at(data, at, final)
    if data[at : at + 2] == b"\x00\x01" and len(data) - at >= WRAPPER_HEADER:
        return _wrapper_at(data, at, final)
    if data[at] & 0xF0 == 0xA0 and len(data) - at >= SHORTEST_HDLC:
        length = (data[at] & 7) << 8 | data[at + 1]
        if length >= SHORTEST_HDLC and crc16_x25(data[at : at + length]) == GOOD_RESIDUE:
            issue = FrameIssue("frame-length-wrong", "the flags 7E around the frame are missing", 0, length)
            return _Cut("hdlc", at, at + length, at + length, (replace(issue, code="stray-octets"),))
    return None


def _may_grow(data: bytes, at: int) -> bool:
    """Whether the octets at the end of the buffer may be the beginning of a frame."""
    if data[at] == FLAG:
        return True
    if data[at : at + 2] == b"\x00\x01":
        return len(data) - at < WRAPPER_HEADER or _wrapper_length(data, at) is not None
    return data[at:] == b"\x00"


def _hdlc_at(data: bytes | bytearray, at: int, final: bool) -> _Cut | None:
    """The HDLC frame whose opening flag is at `at`; several flags before it belong to it as stray octets."""
    begin = at + 1
    while begin < len(data) and data[begin] == FLAG:
        begin += 1
    if begin - 1 > at:
        issue = FrameIssue("shared-flag", "more than one flag between frames", 0, begin - 1 - at)
        return _Cut("none", at, begin - 1, begin - 1, (issue,))
    if begin + 1 >= len(data):
        return _stray(at, len(data)) if final else None
    if data[begin] & 0xF0 != 0xA0:
        return _not_type_3(data, at, begin, final)
    length = (data[begin] & 7) << 8 | data[begin + 1]
    end = begin + length
    if length >= SHORTEST_HDLC and end < len(data) and data[end] == FLAG and not _ends_nearby(data, begin, end):
        return _Cut("hdlc", at, end + 1, _after(data, end))
    if length >= SHORTEST_HDLC and end >= len(data) and not final and _later_frame(data, begin) is None:
        return None
    return _misfit(data, at, begin, length)


def _ends_nearby(data: bytes | bytearray, begin: int, end: int) -> bool:
    """Whether the flag at `end` belongs to the next frame: the check fails there and holds at a flag close by."""
    if crc16_x25(bytes(data[begin:end])) == GOOD_RESIDUE:
        return False
    near = range(max(begin + SHORTEST_HDLC, end - NEARBY), min(len(data), end + NEARBY + 1))
    return any(data[n] == FLAG and n != end and crc16_x25(bytes(data[begin:n])) == GOOD_RESIDUE for n in near)


def _stray(start: int, end: int) -> _Cut:
    """Octets that belong to no frame; neighbours are joined."""
    return _Cut("none", start, end, end, (FrameIssue("stray-octets", "octets outside frames", 0, end - start),))


def _after(data: bytes | bytearray, closing: int) -> int:
    """Where the search goes on behind a closing flag: at the flag, if it opens the next frame as well."""
    following = data[closing + 1 : closing + 2]
    return closing if following and following[0] & 0xF0 == 0xA0 else closing + 1


def _not_type_3(data: bytes | bytearray, at: int, begin: int, final: bool) -> _Cut | None:
    """A flag, but no frame of type 3 behind it: another protocol, or the closing flag of something lost."""
    closing = data.find(FLAG, begin)
    if closing < 0:
        return _stray(at, len(data)) if final else None
    told = begin + ((data[begin] & 7) << 8 | data[begin + 1])
    for end in (told, closing):
        closed = SHORTEST_HDLC <= end - begin <= LONGEST_HDLC and data[end : end + 1] == b"\x7e"
        if closed and crc16_x25(bytes(data[begin:end])) == GOOD_RESIDUE:
            text = f"frame type {data[begin] >> 4:04b} is not 1010 (type 3)"
            return _Cut("hdlc", at, end + 1, _after(data, end), (FrameIssue("frame-type-unknown", text, 1, 3),))
    if closing == begin:
        return _stray(at, begin)
    return _stray(at, closing)


def _later_frame(data: bytes | bytearray, begin: int) -> int | None:
    """The next place where a whole frame with a right FCS begins, or where one ends that began at `begin`."""
    last = begin + 2 * LONGEST_HDLC
    at = data.find(FLAG, begin, last)
    while at >= 0:
        if crc16_x25(bytes(data[begin:at])) == GOOD_RESIDUE:
            return at
        if at + 2 < len(data) and data[at + 1] & 0xF0 == 0xA0:
            end = at + 1 + ((data[at + 1] & 7) << 8 | data[at + 2])
            if end < len(data) and data[end] == FLAG and crc16_x25(bytes(data[at + 1 : end])) == GOOD_RESIDUE:
                return at
        at = data.find(FLAG, at + 1, last)
    return None


def _misfit(data: bytes | bytearray, at: int, begin: int, length: int) -> _Cut:
    """A frame whose length does not lead to a flag: see the rules at the top."""
    found = _later_frame(data, begin)
    if found is None:
        closing = len(data) - 1 if data[-1] == FLAG and len(data) - 1 > begin else None
        actual = (closing if closing is not None else len(data)) - begin
        end = following = len(data) if len(data) - begin <= LONGEST_HDLC + 1 else begin + LONGEST_HDLC
    elif crc16_x25(bytes(data[begin:found])) == GOOD_RESIDUE:
        actual, end, following = found - begin, found + 1, _after(data, found)
    else:
        closed = data[found - 1] == FLAG and found - 1 > begin
        actual, end, following = found - begin - closed, found, found
    text = f"the length field says {length} octets, between the flags are {actual}"
    return _Cut("hdlc", at, end, following, (FrameIssue("frame-length-wrong", text, 1, 3),))


def _wrapper_length(data: bytes, at: int) -> int | None:
    """The payload length of a wrapper header, if the header is plausible."""
    if len(data) - at < WRAPPER_HEADER:
        return None
    length = int.from_bytes(data[at + 6 : at + 8], "big")
    return length if length and (at + WRAPPER_HEADER >= len(data) or data[at + WRAPPER_HEADER] in APDU_TAGS) else None


def _wrapper_at(data: bytes, at: int, final: bool) -> _Cut | None:
    length = _wrapper_length(data, at)
    if length is None:
        return None
    end = at + WRAPPER_HEADER + length
    if end <= len(data):
        return _Cut("wrapper", at, end, end)
    if not final:
        return None
    text = f"the length field says {length} octets, {len(data) - at - WRAPPER_HEADER} are present"
    return _Cut("wrapper", at, len(data), len(data), (FrameIssue("wrapper-length-wrong", text, 6, 8),))


def _is_apdu(data: bytes, start: int, end: int) -> bool:
    """Whether octets without any framing are one whole APDU, with or without an LLC header."""
    if data[start : start + 3] in (COMMAND, RESPONSE):
        start += 3
    if start >= end or data[start] not in APDU_TAGS:
        return False
    parsed = parse(APDU, data, start, end)
    return fits(parsed)


EMPTY = Parsed([], [], None)


def _frame(cut: _Cut, data: bytes, records: list[Record], direction: Direction) -> Frame:
    octets = data[cut.start : cut.end]
    first = records[0]
    parsed, kind = EMPTY, None
    if cut.framing == "hdlc":
        parsed = parse(FRAME if octets[0] == FLAG else FRAME_WITHOUT_FLAGS, octets)
        control = find_raw(parsed.nodes, "control")
        if control is not None:
            kind = (control[0].symbols or {}).get(control[3], (None, ""))[0]
    elif cut.framing == "wrapper":
        parsed = parse(WRAPPER, octets)
    numbers = tuple(record.number for record in records)
    return Frame(cut.framing, octets, direction, numbers, first.time, first.seconds, parsed, kind, cut.issues)
