"""S-FSK power line frames, by their count of subframes or their length; and the bare LLC of 4-32, which PRIME carries."""

from __future__ import annotations

from analyzer.framings.apdu import apdu_at
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
from grammars.tables.apdu import APDU_TAGS

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
    stop = end - LINE_CHECK - pad
    if not _is_msdu(data, at + LINE_HEADER, stop) or data[stop : stop + pad].strip(b"\0"):
        return None
    return Cut("plc", at, end, end)


def _is_msdu(data: bytes, start: int, end: int) -> bool:
    """Whether octets can be what the line carries: an HDLC frame of that length, or an LLC header and an APDU."""
    if end - start <= LLC:
        return False
    if data[start] == FLAG:
        length = (data[start + 1] & 7) << 8 | data[start + 2]
        return data[start + 1] & 0xF0 == 0xA0 and length == end - start - 2 and data[end - 1] == FLAG
    return data[start + LLC] in APDU_TAGS


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


def llc_at(data: bytes, at: int, final: bool) -> Found:
    """An LLC header of 4-32 and one whole APDU behind it, which a further one may follow."""
    if data[at] != LLC_CONTROL:
        return None
    found = apdu_at(data, at + LLC, final, 1) if len(data) - at > LLC else (None if final else WAIT)
    if not isinstance(found, Cut):
        return found
    return Cut("prime", at, found.end, found.end) if not found.issues else None
