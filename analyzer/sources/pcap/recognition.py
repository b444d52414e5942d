"""Whether the octets of a connection are DLMS at all, and which side sent them. A light look, for the choice of traces:
what they mean is for the later layers to say.

Sources: IEC 62056-46 (HDLC), 62056-47 (wrapper), 62056-21, EN 13757-2 (M-Bus).
"""

from __future__ import annotations

import re
from typing import NamedTuple

from analyzer.model import Direction
from analyzer.senders import sender_of_apdu
from grammars.hdlc import FLAG, GOOD_RESIDUE, crc16_x25
from grammars.llc import COMMAND, RESPONSE
from grammars.tables.apdu import APDU_TAGS

LOOKED_AT = 8192  # octets of one direction; a connection that has shown nothing until then carries something else
PORT = 4059  # dlms/cosem, registered with IANA for TCP and UDP
SHORTEST = 5  # octets between flags: format, addresses, control
PUBLIC_CLIENT = 16  # the client SAP for reading without authentication
_BEGINNING = re.compile(rb"\x7e[\xa0-\xaf]|\x00\x01|\x68(.)\1\x68", re.DOTALL)
# A sign-on or an identification: first, perhaps behind the zeros that wake a meter up, or behind the end of a telegram.
_TEXT = re.compile(
    rb"(?:\A\0*|![0-9A-Fa-f]{0,4}\r?\n(?:\x03[\0-\xff])?)"
    rb"(?:(?P<client>/\?[0-9A-Za-z ]{0,32}!\r\n)|/[A-Z]{2}[A-Za-z][0-9A-Za-z][!-~ ]{1,40}\r\n)"
)
_PUSH = re.compile(rb"[\xdb\xdc]\x08[A-Z]{3}")
_ACSE = re.compile(rb"[\x60\x61].{1,40}?\x60\x85\x74\x05\x08", re.DOTALL)
HIDDEN = frozenset(range(0xDB, 0xE0))  # general ciphering and signing of either side
_CLIENT_CONTROLS, _METER_CONTROLS = frozenset({0x93, 0x53}), frozenset({0x73, 0x1F, 0x97})


class Sign(NamedTuple):
    """What was recognised: the framing, who sends such things, the SAPs of the wrapper (source, destination), and whether
    it is an APDU that hides what it is, as pushes do."""

    framing: str
    sender: Direction
    saps: tuple[int, int] | None = None
    hidden: bool = False


def sign_in(data: bytes) -> Sign | None:
    """The first sign of DLMS in octets that one side sent; None when there is none (yet)."""
    if text := _TEXT.search(data):
        return Sign("iec62056-21", "client") if text["client"] else Sign("p1", "meter")
    if _PUSH.match(data):
        return Sign("none", "unknown", hidden=True)
    if _ACSE.match(data):
        return Sign("none", sender_of_apdu(data[0]))
    for found in _BEGINNING.finditer(data[:LOOKED_AT]):
        at = found.start()
        sign = _hdlc(data, at) if data[at] == FLAG else _wrapper(data, at) if data[at] == 0 else _mbus(data, at)
        if sign is not None:
            return sign
    return None


def resembles(data: bytes) -> bool:
    """Whether octets begin as DLMS does, though nothing in them fits: flags, or lengths that lead to one, with wrong checks or
    of another frame type; a wrapper header; the start of M-Bus. What a meter or a client with a broken framing sends."""
    body = data.lstrip(b"\x00\xff")[:LOOKED_AT]
    if body[:1] == b"\x7e":
        return body.find(FLAG, 1 + SHORTEST) > 0
    if data[:2] == b"\x00\x01":
        return len(data) > 8
    return len(data) > 6 and data[0] == data[3] == 0x68 and data[1] == data[2]


def _hdlc(data: bytes, at: int) -> Sign | None:
    """A frame whose length leads to a flag and whose check sequence holds."""
    if at + 3 > len(data):
        return None
    end = at + 1 + ((data[at + 1] & 7) << 8 | data[at + 2])
    if end >= len(data) or end - at < 8 or data[end] != FLAG or crc16_x25(data[at + 1 : end]) != GOOD_RESIDUE:
        return None
    control = at + 3
    for _ in range(2):  # both addresses end with an octet whose lowest bit is set
        while control < end and not data[control] & 1:
            control += 1
        control += 1
    information = data[control + 3 : control + 6]
    if data[control] in _CLIENT_CONTROLS or information == COMMAND:
        return Sign("hdlc", "client")
    if data[control] in _METER_CONTROLS or information == RESPONSE:
        return Sign("hdlc", "meter")
    return Sign("hdlc", "unknown")


def _wrapper(data: bytes, at: int) -> Sign | None:
    """A header with SAPs, and an APDU behind it; not at the start, one whose length leads to the end or the next header."""
    if at + 9 > len(data) or data[at + 8] not in APDU_TAGS:
        return None
    source, destination, length = (int.from_bytes(data[at + n : at + n + 2], "big") for n in (2, 4, 6))
    end = at + 8 + length
    closed = end == len(data) or data[end : end + 2] == b"\0\1"
    if not length or (not closed and (at or end < len(data))) or (not source and not destination):
        return None
    return Sign("wrapper", sender_of_apdu(data[at + 8]), (source, destination), data[at + 8] in HIDDEN)


def _mbus(data: bytes, at: int) -> Sign | None:
    """A long frame with its sum and its end."""
    end = at + 6 + data[at + 1]
    if data[end - 1 : end] != b"\x16" or sum(data[at + 4 : end - 2]) & 0xFF != data[end - 2]:
        return None
    return Sign("mbus", "client" if data[at + 4] & 0x40 and data[at + 4] & 0x0F != 4 else "meter")
