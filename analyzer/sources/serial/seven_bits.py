"""Captures with the wrong parity: seven data bits and parity read as eight bits, or eight data bits read as seven.

7E1 read as 8N1: bit 7 is the parity, and every octet has an even number of ones. IEC 62056-21 text shows it (`/?!` CR LF
is AF 3F 21 8D 0A); taking bit 7 off restores it without loss.

8N1 read as 7E1: bit 7 is lost. Check sequences are linear, so they give it back to short HDLC frames (`restoring`); what
they do not prove stays as it was captured.

HDLC frames whose check sequence holds are right as they are and are never touched: after the handshake of mode E a port
changes from the one to the other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from analyzer.model import Direction, Record, SourceIssue, Trace
from analyzer.sources.logrecords import LogRecords
from analyzer.sources.serial.restoring import restored
from grammars.hdlc import FLAG, right_end

CODE = "parity-mismatch"  # in the fault catalogue
ENOUGH = 20  # octets of which chance does not make all even
SHARE = 20  # one octet in so many outside right frames has to be such text; of any octets one in 300 seems to be
LONGEST = 64 << 20  # octets of one direction that are looked through
_EVEN = bytes(octet for octet in range(256) if octet.bit_count() % 2 == 0)
_TEXT = frozenset({*range(0x20, 0x7F), 0x0A, 0x0D, 1, 2, 3, 4, 6, 0x15})  # with the controls of IEC 62056-21
_RUN = re.compile(b"[" + re.escape(bytes(octet for octet in _EVEN if octet & 0x7F in _TEXT)) + b"]{5,}")
_LINE_END = b"\x8d\x0a"
SHORTEST_FRAME, LONGEST_FRAME = 9, 2049  # octets of an HDLC frame with its flags
_AROUND = 2 * LONGEST_FRAME  # octets before and behind a place that tell whether a line ends there
_WINDOW = 1 << 18  # octets of one direction that are looked through at once
_STRIP = bytes(octet & 0x7F for octet in range(256))
_SHAPE = re.compile(  # what a run has to read as, without bit 7
    rb"/\?[^!]{0,32}!\r\n|/[A-Za-z]{3}[^\r\n]{1,40}\r\n|\x06[0-9:A-Z][0-9A-I][0-9:]\r\n|\x01[A-Z][0-9]\x02|\x02[^\x03]*\x03"
)
_END = re.compile(rb".*(?:\n|\x03.?|\x04)", re.DOTALL)


def undone(trace: Trace) -> Trace:
    """The trace as it would be with the right parity, with an issue that says what was done; else the trace itself.

    Time grows with the octets. Memory does so, up to LONGEST, only where they may be wrong, and with the records only where they
    are. Records keep their number, times and directions.
    """
    made: list[tuple[Direction, bytes, bytes, str]] = []
    for direction in _may_be_wrong(trace.records):
        data = _octets_of(direction, trace.records)
        right, said = _without_parity(data) if not data.isascii() else _with_bit_7(data)
        if said:
            made.append((direction, data, right, said))
    if not made:
        return trace
    records = list(trace.records)
    issues: list[SourceIssue] = []
    for direction, data, right, said in made:
        places = [place for place, record in enumerate(records) if record.direction == direction]
        first = _put_back(records, places, data, right)
        issues.append(SourceIssue("warning", f"{_whose(direction)}: {said}", record=first, code=CODE))
    return Trace(trace.name, trace.source, tuple(records), (*trace.issues, *issues))


def _told(records: Sequence[Record]) -> Iterable[tuple[Direction, bytes]]:
    return records.directed() if isinstance(records, LogRecords) else ((r.direction, r.data) for r in records)


def _may_be_wrong(records: Sequence[Record]) -> list[Direction]:
    """The directions whose octets could be something else, without holding them all."""
    looked: dict[Direction, _Looked] = {"client": _Looked(), "meter": _Looked(), "unknown": _Looked()}
    for direction, data in _told(records):
        looked[direction].take(data)
    return [direction for direction, one in looked.items() if one.may_be_wrong()]


def _octets_of(direction: Direction, records: Sequence[Record]) -> bytes:
    """All octets of a direction."""
    made = bytearray()
    for told, data in _told(records):
        if told == direction:
            made += data
    return bytes(made)


class _Looked:
    """What the octets of one direction show: whether one has bit 7, and whether a line ends with parity."""

    def __init__(self) -> None:
        self._size, self._ascii, self._line = 0, True, False
        self._last = bytearray()
        self._from = 0  # in these, up to where it is known

    def take(self, data: bytes) -> None:
        self._size += len(data)
        self._ascii = self._ascii and data.isascii()
        if not self._line and self._size <= LONGEST:
            self._last += data
            if len(self._last) > _WINDOW:
                self._line = _has_line(self._last, self._from, len(self._last) - _AROUND)
                del self._last[: -2 * _AROUND]
                self._from = len(self._last) - _AROUND

    def may_be_wrong(self) -> bool:
        if not 0 < self._size <= LONGEST:
            return False
        return self._ascii or self._line or _has_line(self._last, self._from, len(self._last))


def _whose(direction: str) -> str:
    return {"client": "octets of the client", "meter": "octets of the meter"}.get(direction, "octets of the line")


def _put_back(records: list[Record], places: Sequence[int], before: bytes, after: bytes) -> int | None:
    """The changed octets in their records; the number of the first record that changed."""
    first, at = None, 0
    for place in places:
        record = records[place]
        data = after[at : at + len(record.data)]
        at += len(record.data)
        if data != record.data:
            first = record.number if first is None else first
            records[place] = replace(record, data=data)
    return first


def _without_parity(data: bytes) -> tuple[bytes, str]:
    """Octets with the parity taken off where there is one, and a sentence; empty where there is none."""
    if not _has_line(data, 0, len(data)):
        return data, ""
    made = bytearray(data)
    count, example = 0, b""
    stretches = _between_frames(data)
    for start, end in stretches:
        for run in _RUN.finditer(data, start, end):
            text = run[0].translate(_STRIP)
            whole = _END.match(text)
            if text == run[0] or whole is None:
                continue
            shape = _SHAPE.search(text)
            begin = shape.start() if shape is not None else 0
            if shape is None and (len(text) < ENOUGH or b"\r\n" not in text):
                continue
            text = text[begin : whole.end()]
            if text and text != data[run.start() + begin : run.start() + begin + len(text)]:
                made[run.start() + begin : run.start() + begin + len(text)] = text
                count += len(text)
                example = example or text
    if not count or count * SHARE < sum(end - start for start, end in stretches):
        return data, ""
    shown = example[:40].decode("ascii", "replace").strip()
    return bytes(made), (
        f"captured as 8N1, sent as 7E1: {count} octets all have an even number of ones, bit 7 counted, and read "
        f"{shown!r} without it; bit 7 is taken off"
    )


def _has_line(data: bytes | bytearray, start: int, end: int) -> bool:
    """Whether CR LF with parity, which ends every line of IEC 62056-21, stands in a run outside right HDLC frames; the CR at
    a place from `start` and before `end`. What is further than _AROUND from there does not matter."""
    at = data.find(_LINE_END, start)
    while 0 <= at < end:
        around = max(0, at - ENOUGH)
        if any(run.start() <= at < run.end() for run in _RUN.finditer(data, around, at + ENOUGH)):
            if not _is_in_frame(data, at):
                return True
        at = data.find(_LINE_END, at + 1)
    return False


def _is_in_frame(data: bytes | bytearray, place: int) -> bool:
    """Whether a place lies in a right HDLC frame."""
    at = data.find(FLAG, max(0, place - LONGEST_FRAME), place)
    while at >= 0:
        end = _frame_end(data, at)
        if end is not None and end > place:
            return True
        at = data.find(FLAG, at + 1, place)
    return False


def _between_frames(data: bytes) -> list[tuple[int, int]]:
    """The stretches outside HDLC frames whose check sequence holds."""
    made: list[tuple[int, int]] = []
    start, at = 0, data.find(FLAG)
    while at >= 0:
        end = _frame_end(data, at)
        if end is not None:
            made.append((start, at))
            start = at = end
            at = data.find(FLAG, at)
        else:
            at = data.find(FLAG, at + 1)
    made.append((start, len(data)))
    return [(begin, end) for begin, end in made if end > begin]


def _frame_end(data: bytes | bytearray, at: int) -> int | None:
    """The end of a right frame behind the flag at `at`, its closing flag counted."""
    end = right_end(data, at, len(data))
    return end if end is not None and end - at >= SHORTEST_FRAME else None


def _with_bit_7(data: bytes) -> tuple[bytes, str]:
    """HDLC octets with bit 7 put back where check sequences prove it, and a sentence; empty where nothing is proven."""
    result = restored(data)
    if not result.frames or not result.whole:
        return data, ""
    rest = result.frames - result.whole
    said = (
        f"captured with seven data bits, sent as 8N1: no octet of {len(data)} has bit 7; the check sequences prove it for "
        f"{result.whole} of {result.frames} frames"
    )
    if rest:
        said += (
            f", {rest} {'is' if rest == 1 else 'are'} too long for a proof and stay{'s' if rest == 1 else ''} without"
        )
    return result.data, said
