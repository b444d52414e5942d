"""S-FSK power line frames, by their count of subframes or their length; and the bare LLC of 4-32, which PRIME carries."""

from __future__ import annotations

from analyzer.framings.apdu import is_apdu
from analyzer.framings.cut import WAIT, Cut, Found
from grammars.hdlc import FLAG
from grammars.plc import (
    HOST_CHECK,
    HOST_COMMAND,
    HOST_HEADER,
    LINE_CHECK,
    LINE_HEADER,
    LLC_CONTROL,
    STX,
    SUBFRAME,
    SUBFRAMES,
)

LLC = 3  # octets: 90, DSAP, SSAP
COUNTS = {value: int(count) for value, (count, _) in SUBFRAMES.items()}


def line_at(data: bytes, at: int, final: bool) -> Found:
    """A frame of the line: the number of its subframes, then 36 octets for each; padding that fits tells it."""
    if len(data) - at < 2:
        return None if final else WAIT
    count = COUNTS.get(int.from_bytes(data[at : at + 2], "big"))
    if count is None:
        return None
    end = at + count * SUBFRAME
    if len(data) < at + LINE_HEADER + 1:
        return None if final else WAIT
    pad, first = data[at + LINE_HEADER - 1], data[at + LINE_HEADER]
    if pad >= SUBFRAME or first not in (LLC_CONTROL, FLAG):
        return None
    if end > len(data):
        return None if final else WAIT
    if pad > count * SUBFRAME - LINE_HEADER - LINE_CHECK - LLC:
        return None
    return Cut("plc", at, end, end)


def host_at(data: bytes, at: int, final: bool) -> Found:
    """A frame between modem and host: 02, its length, 50, and the LLC control in its place."""
    if data[at] != STX or data[at + 2 : at + 3] not in (b"", bytes((HOST_COMMAND,))):
        return None
    if len(data) - at < HOST_HEADER + LLC:
        return None if final else WAIT
    if data[at + HOST_HEADER] != LLC_CONTROL:
        return None
    length, pad = data[at + 1], data[at + HOST_HEADER - 1]
    end = at + 2 + length + pad
    if pad >= SUBFRAME or length < HOST_HEADER - 2 + LLC + HOST_CHECK:
        return None
    if end > len(data):
        return None if final else WAIT
    return Cut("plc", at, end, end)


def is_llc(data: bytes, start: int, end: int) -> bool:
    """Whether octets are an LLC header of 4-32 and one whole APDU."""
    return end - start > LLC and data[start] == LLC_CONTROL and is_apdu(data, start + LLC, end)
