"""APDUs without any framing: one alone in a buffer, or general-glo and general-ded in a row, which tell their own length."""

from __future__ import annotations

import re

from analyzer.frame import FrameIssue, fits
from analyzer.framings.cut import WAIT, Cut, Found
from grammars.apdu import APDU
from grammars.kit.fields import Unreadable
from grammars.kit.primitives import AxdrLength
from grammars.kit.spec import UNDECODED, find_int, holes_in
from grammars.llc import COMMAND, RESPONSE
from grammars.parse import Parsed, parse
from grammars.tables.apdu import APDU_TAGS, CIASE_TAGS
from grammars.tables.enums import SECURITY_SUITES

TITLE_LENGTHS = (0, 8)
LONGEST = 64 << 10  # octets of a push
LONGEST_CIASE = (
    1 << 10
)  # octets that an APDU of power line stations, which lies in one frame, is given with what follows it
SURE, BEHIND = 12, 4  # octets of an APDU that no others look like by chance; octets that are believed to be padding
HEAD = 6  # octets of it that are read before the field that is cut
BEGINNINGS = b"\x7e\x68\x2f\x90\xe6"  # first octets of frames that may follow an APDU
CIPHERED = ("glo-", "ded-", "general-")
WANTING = re.compile(r"^expected \d+ octets?, found|^expected a tag, found the end|^the length says")


def is_apdu(data: bytes, start: int, end: int) -> bool:
    """Whether octets without any framing are one whole APDU, with or without an LLC header."""
    start += len(_header(data, start))
    if start >= end or data[start] not in APDU_TAGS:
        return False
    parsed = parse(APDU, data, start, end)
    return fits(parsed) and _known_protection(parsed) and _carries(parsed, data)


def apdu_at(data: bytes, at: int, final: bool, sure: int = SURE) -> Found:
    """The APDU that begins where a frame may begin: all octets, or those before the next APDU or frame. A few octets
    behind the last one belong to it. One that is cut off is believed where `sure` octets of it read well."""
    start = at + len(_header(data, at))
    if start >= len(data) or data[start] not in APDU_TAGS:
        return None
    if data[start] in CIASE_TAGS and len(data) - start > LONGEST_CIASE:
        return None  # counts of any size make one of all octets that are there
    parsed = parse(APDU, data, start)
    reached = _reached(parsed, start, len(data))
    if not _known_protection(parsed) or not _carries(parsed, data):
        return None
    odd = any(issue.severity == "warning" and issue.spec is not UNDECODED for issue in parsed.issues)
    if odd and not fits(parsed):
        return None
    if parsed.whole and not any(issue.severity == "error" for issue in parsed.issues):
        left = len(data) - reached
        if left == 0:
            return Cut("none", at, len(data), len(data))
        if reached - start < sure:
            return None
        if data[reached] in BEGINNINGS or data[reached] in APDU_TAGS:
            return Cut("none", at, reached, reached)
        return Cut("none", at, len(data), len(data)) if left <= BEHIND else None
    begun = len(data) - start >= sure and reached - start >= min(sure, HEAD)
    if not _cut_short(parsed, len(data)) or not begun or APDU_TAGS[data[start]].startswith(CIPHERED):
        return None
    if not final:
        return WAIT
    issue = FrameIssue(
        "apdu-cut", f"the APDU ends before its fields do, behind {len(data) - at} octets", 0, len(data) - at
    )
    return Cut("none", at, len(data), len(data), (issue,))


def _header(data: bytes, at: int) -> bytes:
    head = data[at : at + 3]
    return head if head in (COMMAND, RESPONSE) else b""


def _reached(parsed: Parsed, start: int, end: int) -> int:
    """How far the fields of an APDU go."""
    if parsed.failed_at is not None:
        return parsed.failed_at
    last = parsed.nodes[-1] if parsed.nodes else None
    return last[1] if last is not None and last[0] is UNDECODED and last[1] > start else end


def _cut_short(parsed: Parsed, end: int) -> bool:
    """Whether an APDU could not be read for want of octets, not because of those that are there."""
    errors = [issue for issue in parsed.issues if issue.severity == "error"]
    return bool(errors) and all(WANTING.search(issue.text) and issue.end == end for issue in errors[:1])


def _known_protection(parsed: Parsed) -> bool:
    """Whether the security control, if there is one, names a suite that exists: any octets make a ciphered APDU."""
    control = find_int(parsed.nodes, "security_control")
    return control is None or control & 0x0F in SECURITY_SUITES


def _carries(parsed: Parsed, data: bytes) -> bool:
    """Whether a gateway header has an APDU behind it: it tells no length, so any octets up to the end would do."""
    inside = next((n for n in holes_in(parsed.nodes) if n[0].hole == "apdu"), None) if parsed.nodes else None
    if inside is None or not parsed.nodes[0][0].name.startswith("gateway-"):
        return True
    return is_apdu(data, inside[1], inside[2])


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
