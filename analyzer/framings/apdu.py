"""APDUs without any framing: one alone in a buffer, or general-glo and general-ded in a row, which tell their own length."""

from __future__ import annotations

from analyzer.frame import FrameIssue, fits
from analyzer.framings.cut import WAIT, Cut, Found
from grammars.apdu import APDU
from grammars.kit.fields import Unreadable
from grammars.kit.primitives import AxdrLength
from grammars.kit.spec import UNDECODED
from grammars.llc import COMMAND, RESPONSE
from grammars.parse import parse
from grammars.tables.apdu import APDU_TAGS

TITLE_LENGTHS = (0, 8)
LONGEST = 64 << 10  # octets of a push
SURE, BEHIND = 16, 4  # octets of an APDU that no other octets look like by chance, and that are believed to be padding


def is_apdu(data: bytes, start: int, end: int) -> bool:
    """Whether octets without any framing are one whole APDU, with or without an LLC header."""
    if data[start : start + 3] in (COMMAND, RESPONSE):
        start += 3
    if start >= end or data[start] not in APDU_TAGS:
        return False
    return fits(parse(APDU, data, start, end))


def begins_apdu(data: bytes) -> bool:
    """Whether octets without any framing are a whole APDU with a few octets behind it, too few to be anything else."""
    start = 3 if data[:3] in (COMMAND, RESPONSE) else 0
    if len(data) - start < SURE or data[start] not in APDU_TAGS:
        return False
    parsed = parse(APDU, data, start)
    if not parsed.whole or any(issue.severity == "error" for issue in parsed.issues):
        return False
    left = [issue for issue in parsed.issues if issue.spec is UNDECODED]
    return len(left) == 1 and left[0].end == len(data) and left[0].end - left[0].start <= BEHIND


def general_at(data: bytes, at: int, final: bool) -> Found:
    """A general-glo- or general-ded-ciphering APDU, by its title and its length."""
    if len(data) - at < 2:
        return None if final else WAIT
    if data[at + 1] not in TITLE_LENGTHS:
        return None
    try:
        length, begin = AxdrLength.read(data, at + 2 + data[at + 1], len(data))
    except Unreadable:
        return None if final else WAIT
    if not 5 <= length <= LONGEST:
        return None
    if begin + length > len(data):
        return _cut_off(data, at, begin, length) if final else WAIT
    if not is_apdu(data, at, begin + length):
        return None
    return Cut("none", at, begin + length, begin + length)


def _cut_off(data: bytes, at: int, begin: int, length: int) -> Cut | None:
    """The beginning of an APDU, where a title with the letters of a manufacturer shows that it is one."""
    if not (data[at + 1] == 8 and data[at + 2 : at + 5].isalpha() and data[at + 2 : at + 5].isupper()):
        return None
    text = f"the APDU says {length} octets, {len(data) - begin} are present"
    return Cut("none", at, len(data), len(data), (FrameIssue("apdu-cut", text, 0, len(data) - at),))
