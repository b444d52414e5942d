"""HDLC frames: delimited by their length, mended by their check sequence."""

from __future__ import annotations

from analyzer.frame import FrameIssue
from analyzer.framings.cut import WAIT, Cut, Found, stray
from grammars.hdlc import FLAG, GOOD_RESIDUE, crc16_x25, right_end

LONGEST_HDLC = 2047  # what the length field can say
NEARBY = 4  # octets by which a wrong length is off as a rule: flags or a check counted that should not be
LONGEST_FLAGS = 4096  # flags in a row that make one frame of framing "none": a line that idles sends nothing else
SEGMENTED = 0x08  # in the octet behind the flag: another segment follows
SHORTEST_HDLC = 7  # format 2, addresses 1 + 1, control 1, FCS 2


def is_right(data: bytes | bytearray, cut: Cut) -> bool:
    """Whether the check sequence of a frame with its flags holds."""
    return crc16_x25(bytes(data[cut.start + 1 : cut.end - 1])) == GOOD_RESIDUE


def right_at(data: bytes | bytearray, at: int, end: int) -> bool:
    """Whether the flag at `at` opens a frame that ends before `end` where its length says, with a right check sequence."""
    return right_end(data, at, end) is not None


def without_flags_at(data: bytes, at: int, final: bool) -> Found:
    """A frame whose flags somebody cut off: only a check sequence that holds tells it."""
    if len(data) - at < SHORTEST_HDLC:
        return None
    length = (data[at] & 7) << 8 | data[at + 1]
    if length >= SHORTEST_HDLC and crc16_x25(data[at : at + length]) == GOOD_RESIDUE:
        issue = FrameIssue("stray-octets", "the flags 7E around the frame are missing", 0, length)
        return Cut("hdlc", at, at + length, at + length, (issue,))
    return None


def hdlc_at(data: bytes | bytearray, at: int, final: bool) -> Found:
    """The HDLC frame whose opening flag is at `at`; several flags before it belong to it as stray octets."""
    begin = at + 1
    while begin < len(data) and data[begin] == FLAG and begin - at <= LONGEST_FLAGS:
        begin += 1
    if begin - 1 > at:
        issue = FrameIssue("shared-flag", "more than one flag between frames", 0, begin - 1 - at)
        return Cut("none", at, begin - 1, begin - 1, (issue,))
    if begin + 1 >= len(data):
        return stray(at, len(data)) if final else WAIT
    if data[begin] & 0xF0 != 0xA0:
        return _not_type_3(data, at, begin, final)
    length = (data[begin] & 7) << 8 | data[begin + 1]
    end = begin + length
    if length >= SHORTEST_HDLC and end < len(data) and data[end] == FLAG and not _ends_nearby(data, begin, end):
        return Cut("hdlc", at, end + 1, _after(data, end))
    if length >= SHORTEST_HDLC and end >= len(data) and not final and _later_frame(data, begin, told=True) is None:
        return WAIT
    return _misfit(data, at, begin, length)


def _ends_nearby(data: bytes | bytearray, begin: int, end: int) -> bool:
    """Whether the flag at `end` belongs to the next frame: the check fails there and holds at a flag close by."""
    if crc16_x25(bytes(data[begin:end])) == GOOD_RESIDUE:
        return False
    near = range(max(begin + SHORTEST_HDLC, end - NEARBY), min(len(data), end + NEARBY + 1))
    return any(data[n] == FLAG and n != end and crc16_x25(bytes(data[begin:n])) == GOOD_RESIDUE for n in near)


def _after(data: bytes | bytearray, closing: int) -> int:
    """Where the search goes on behind a closing flag: at the flag, if it opens the next frame as well."""
    following = data[closing + 1 : closing + 2]
    return closing if following and following[0] & 0xF0 == 0xA0 else closing + 1


def _not_type_3(data: bytes | bytearray, at: int, begin: int, final: bool) -> Found:
    """A flag, but no frame of type 3 behind it: another protocol, or the closing flag of something lost."""
    closing = data.find(FLAG, begin)
    if closing < 0:
        return stray(at, len(data)) if final else WAIT
    told = begin + ((data[begin] & 7) << 8 | data[begin + 1])
    for end in (told, closing):
        closed = SHORTEST_HDLC <= end - begin <= LONGEST_HDLC and data[end : end + 1] == b"\x7e"
        if closed and crc16_x25(bytes(data[begin:end])) == GOOD_RESIDUE:
            text = f"frame type {data[begin] >> 4:04b} is not 1010 (type 3)"
            return Cut("hdlc", at, end + 1, _after(data, end), (FrameIssue("frame-type-unknown", text, 1, 3),))
    if closing == begin:
        return stray(at, begin)
    return stray(at, closing)


def _header_end(data: bytes | bytearray, begin: int) -> int:
    """The end of the header check of a frame that begins there: behind format, two addresses, control and check."""
    at = begin + 2
    for _ in range(2):
        at += next((n for n in range(1, 5) if data[at + n - 1 : at + n] and data[at + n - 1] & 1), 4)
    return at + 3


def _later_frame(data: bytes | bytearray, begin: int, told: bool = False) -> int | None:
    """The next place where a whole frame with a right FCS begins, or where one ends that began at `begin`.

    `told`: its length says that more of it is to come. Then a 7E behind the header check may be its first octet of
    information: up to there the check holds in every frame."""
    last = begin + 2 * LONGEST_HDLC
    header = _header_end(data, begin) if told else -1
    at = data.find(FLAG, begin, last)
    while at >= 0:
        if at != header and crc16_x25(bytes(data[begin:at])) == GOOD_RESIDUE:
            return at
        if right_at(data, at, len(data)):
            return at
        at = data.find(FLAG, at + 1, last)
    return None


def _misfit(data: bytes | bytearray, at: int, begin: int, length: int) -> Cut:
    """A frame whose length does not lead to a flag: see the rules at the top."""
    found = _later_frame(data, begin)
    if found is None:
        end = following = len(data) if len(data) - begin <= LONGEST_HDLC + 1 else begin + LONGEST_HDLC
        actual = end - begin - (data[end - 1] == FLAG and end - 1 > begin)
    elif crc16_x25(bytes(data[begin:found])) == GOOD_RESIDUE:
        actual, end, following = found - begin, found + 1, _after(data, found)
    else:
        closed = data[found - 1] == FLAG and found - 1 > begin
        actual, end, following = found - begin - closed, found, found
    if actual == length and end == len(data) and crc16_x25(bytes(data[begin:end])) == GOOD_RESIDUE:
        issue = FrameIssue("stray-octets", "the flag 7E behind the frame is missing", 0, end - at)
        return Cut("hdlc", at, end, following, (issue,))
    text = f"the length field says {length} octets, between the flags are {actual}"
    return Cut("hdlc", at, end, following, (FrameIssue("frame-length-wrong", text, 1, 3),))
