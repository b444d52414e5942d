"""The characters of IEC 62056-21 and the telegrams of P1: delimited by their line ends and control characters."""

from __future__ import annotations

import re

from analyzer.framings.cut import WAIT, Cut, Found
from grammars.iec62056_21 import ACK, EOT, ETX, NAK

LONGEST_LINE = 80  # of a sign-on or an identification; the standard allows 16 characters and 32
LONGEST_TELEGRAM = 64 << 10
SIGN_ON = re.compile(rb"/\?[0-9A-Za-z ]{0,32}!\r\n")
IDENTIFICATION = re.compile(rb"/[A-Za-z]{3}[0-9A-Za-z][ -~]{0,64}\r\n")
OPTION = re.compile(rb"\x06[0-9][0-9A-I][0-9A-Z]\r\n")
TELEGRAM_LINE = re.compile(rb"\r?\n?[0-9]{1,3}-[0-9]{1,3}:")
TELEGRAM_END = re.compile(rb"!(?:[0-9A-Fa-f]{4})?(?:\r\n|\n|\Z)")


def slash_at(data: bytes, at: int, final: bool) -> Found:
    """A sign-on, an identification, or a whole telegram behind an identification."""
    found = SIGN_ON.match(data, at)
    if found is not None:
        return Cut("iec62056-21", at, found.end(), found.end())
    found = IDENTIFICATION.match(data, at)
    if found is None:
        short = len(data) - at < LONGEST_LINE and b"\n" not in data[at:]
        text = all(0x20 <= octet < 0x7F or octet == 0x0D for octet in data[at : at + LONGEST_LINE])
        return WAIT if short and text and not final else None
    if _is_telegram(data, found.end()):
        end = TELEGRAM_END.search(data, found.end(), at + LONGEST_TELEGRAM)
        if end is not None and (final or end.end() < len(data) or data[end.end() - 1] == 0x0A):
            return Cut("p1", at, end.end(), end.end())
        if not final and len(data) - at < LONGEST_TELEGRAM:
            return WAIT
        return Cut("p1", at, min(len(data), at + LONGEST_TELEGRAM), min(len(data), at + LONGEST_TELEGRAM))
    if found.end() == len(data) and not final:
        return WAIT  # a telegram may go on here
    return Cut("iec62056-21", at, found.end(), found.end())


def _is_telegram(data: bytes, at: int) -> bool:
    """Whether what follows an identification is the body of a telegram, not another message."""
    return data[at : at + 2] == b"\r\n" or TELEGRAM_LINE.match(data, at) is not None


def acknowledgement_at(data: bytes, at: int, final: bool) -> Found:
    """An option select message; a control character that is all there is."""
    found = OPTION.match(data, at)
    if found is not None:
        return Cut("iec62056-21", at, found.end(), found.end())
    if len(data) == 1 and data[0] in (ACK, NAK, EOT):
        return Cut("iec62056-21", 0, 1, 1) if final else WAIT
    return WAIT if not final and len(data) - at < 6 and data[at] == ACK else None


def block_at(data: bytes, at: int, final: bool) -> Found:
    """A block of data or a command: to its end character and the check behind it."""
    ends = [n for n in (data.find(ETX, at, at + LONGEST_TELEGRAM), data.find(EOT, at, at + LONGEST_TELEGRAM)) if n > 0]
    stop = min(ends, default=-1)
    content = data[at + 1 : stop if stop > 0 else min(len(data), at + LONGEST_TELEGRAM)]
    if not content or any(octet >= 0x7F or (octet < 0x20 and octet not in b"\r\n\x02") for octet in content):
        return None
    if stop < 0 or stop + 1 >= len(data):
        if not final:
            return WAIT
        return Cut("iec62056-21", at, len(data), len(data)) if stop > 0 else None
    return Cut("iec62056-21", at, stop + 2, stop + 2)
