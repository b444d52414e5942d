"""PDUs of the TCP and UDP wrapper: delimited by their length."""

from __future__ import annotations

from analyzer.frame import FrameIssue
from analyzer.framings.cut import WAIT, Cut, Found
from grammars.tables.apdu import APDU_TAGS

WRAPPER_HEADER = 8


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
