"""PDUs of the TCP and UDP wrapper: delimited by their length."""

from __future__ import annotations

from analyzer.frame import FrameIssue
from analyzer.framings.cut import WAIT, Cut, Found
from analyzer.framings.whole import is_apdu
from grammars.tables.apdu import APDU_TAGS

WRAPPER_HEADER = 8
SURE = 12  # octets of an APDU that no others look like by chance


def plausible_length(data: bytes, at: int) -> int | None:
    """The payload length of a wrapper header, if the header is plausible: an APDU tag behind it, or an end where the
    data ends or another header begins, for APDUs with a tag that nobody assigned."""
    if len(data) - at < WRAPPER_HEADER:
        return None
    length = int.from_bytes(data[at + 6 : at + 8], "big")
    begin = at + WRAPPER_HEADER
    if not length:
        return None
    if begin >= len(data) or data[begin] in APDU_TAGS:
        return length
    end = begin + length
    return length if end == len(data) or data[end : end + 2] == b"\x00\x01" else None


def right_at(data: bytes, at: int, end: int) -> bool:
    """Whether a wrapper PDU begins at `at` that ends before `end` and carries one whole APDU, not one of few octets, such
    as values have by chance."""
    begin = at + WRAPPER_HEADER
    if data[at : at + 2] != b"\x00\x01" or begin >= end or data[begin] not in APDU_TAGS:
        return False
    length = int.from_bytes(data[at + 6 : begin], "big")
    return length >= SURE and begin + length <= end and is_apdu(data, begin, begin + length)


def wrapper_at(data: bytes, at: int, final: bool) -> Found:
    """The wrapper PDU whose version begins at `at`."""
    if len(data) - at < WRAPPER_HEADER:
        return WAIT if data[at : at + 2] == b"\x00\x01"[: len(data) - at] else None
    if data[at : at + 2] != b"\x00\x01":
        return None
    length = plausible_length(data, at)
    if length is None:
        return None
    end = at + WRAPPER_HEADER + length
    if end <= len(data):
        return Cut("wrapper", at, end, end)
    if not final:
        return WAIT
    text = f"the length field says {length} octets, {len(data) - at - WRAPPER_HEADER} are present"
    return Cut("wrapper", at, len(data), len(data), (FrameIssue("wrapper-length-wrong", text, 6, 8),))


def nearly_wrapper_at(data: bytes, at: int, final: bool) -> Found:
    """What is a wrapper PDU with a whole APDU but for the version, or for the order of octets in each header field."""
    begin = at + WRAPPER_HEADER
    fields = [data[n : n + 2] for n in range(at, begin, 2)]
    if begin >= len(data) or fields[0] == b"\x00\x01" or data[begin] not in APDU_TAGS:
        return None
    end = begin + int.from_bytes(fields[3], "little")
    text = f"the header {data[at:begin].hex(' ').upper()} is little-endian: read so, its length fits the APDU"
    if fields[0] != b"\x01\x00" or end > len(data) or not is_apdu(data, begin, end):
        end = begin + int.from_bytes(fields[3], "big")
        text = f"the version is {fields[0].hex(' ').upper()}; the length fits the APDU that follows"
        if end > len(data) or not is_apdu(data, begin, end):
            return None
    return Cut("none", at, end, end, (FrameIssue("wrapper-version-wrong", text, 0, 2),))


def mended(octets: bytes) -> bytes:
    """The wrapper PDU that octets found by `nearly_wrapper_at` were meant to be."""
    if octets[:2] == b"\x01\x00":
        return b"".join(octets[n : n + 2][::-1] for n in range(0, WRAPPER_HEADER, 2)) + octets[WRAPPER_HEADER:]
    return b"\x00\x01" + octets[2:]
