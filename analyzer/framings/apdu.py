"""APDUs without any framing: one alone in a buffer, or general-glo and general-ded in a row, which tell their own length.

Any octets may begin like an APDU and announce more than is there. What bounds how many these take:

* An APDU that is cut off takes at most `LONGEST` octets. A longer one has to be all there, and takes `LONGEST_WHOLE`.
* It ends before the first frame that its own octets prove. An APDU of few octets, and all there, may hold such a frame.
"""

from __future__ import annotations

import re

from analyzer.frame import FrameIssue, fits
from analyzer.framings import hdlc, mbus, wrapper
from analyzer.framings.cut import WAIT, Cut, Found
from analyzer.framings.whole import header_at, is_apdu, may_be
from analyzer.framings.wrapper import SURE
from grammars.apdu import APDU
from grammars.hdlc import FLAG
from grammars.kit.fields import Short, Unreadable
from grammars.kit.primitives import AxdrLength
from grammars.kit.spec import UNDECODED, Failure, Issue
from grammars.mbus import LONG_START
from grammars.parse import Parsed, parse
from grammars.tables.apdu import APDU_TAGS

TITLE_LENGTHS = (0, 8)
FEW = 4 << 10  # octets that are read before anything else is looked for in them: most APDUs have fewer
LONGEST = 66 << 10  # octets: the sizes of PDU that are agreed on end at FFFF, and ciphering adds some
LONGEST_WHOLE = 16 << 20  # octets, where no size was agreed on
STEP = 256 << 10  # octets; when there are 1, 2, 4, 8 times as many, it is tried again whether one is all there
TAG_AND_LENGTH = 2  # octets that a field begins with
BEHIND = 4  # octets behind an APDU that are believed to be padding
HEAD = 6  # octets of it that are read before the field that is cut
BEGINNINGS = b"\x7e\x68\x2f\x90\xe6"  # first octets of frames that may follow an APDU
CIPHERED = ("glo-", "ded-", "general-")
LONG_HOLES = ("apdu", "block")  # what may be that long: octets in these, and values, which have a type or these names
LONG_VALUES = ("array_contents", "data")
WANTING = re.compile(r"^expected (\d+) octets?, found|^expected a tag, found the end|^the length says (\d+)")
NO_LENGTH = re.compile("^[0-9A-F]{2} is no length: ([0-9]+)|^the length says more than")
# How the frames begin whose own octets prove them, and what they prove.
FRAMES = re.compile(rb"\x7e[\xa0-\xaf]|\x00\x01|\x68(?:(.)\1)\x68", re.DOTALL)
RIGHT = {FLAG: hdlc.right_at, 0: wrapper.right_at, LONG_START: mbus.right_at}


def apdu_at(data: bytes, at: int, final: bool, sure: int = SURE) -> Found:
    """The APDU that begins where a frame may begin: all octets, or those before the next APDU or frame. A few octets
    behind the last one belong to it. One that is cut off is believed where `sure` octets of it read well."""
    start = at + len(header_at(data, at))
    if start >= len(data) or data[start] not in APDU_TAGS:
        return None
    for most in (FEW, LONGEST):
        end = min(len(data), start + most)
        if most > FEW and (behind := _right_frame(data, start, end)) is not None:
            return _cut_off(data, at, start, behind, sure)
        parsed, error = _read(data, start, end)
        if end == len(data) or not _unfinished(parsed, error, start, end):
            break
    else:
        return _long_at(data, at, start, final, _wanted(error)) if _may_go_on(parsed, error, data) else None
    if parsed is not None and error is None:
        return _whole(data, at, start, parsed, end, sure)
    if end < len(data):
        return None
    behind = _right_frame(data, start, end)
    cut = _cut_off(data, at, start, end if behind is None else behind, sure)
    return cut if final or cut is None else WAIT


def _long_at(data: bytes, at: int, start: int, final: bool, wanted: int) -> Found:
    """An APDU of more than `LONGEST` octets, one field of which wants so many: all of it, or as many as one takes that
    is cut off."""
    end = min(len(data), start + LONGEST_WHOLE)
    more = not final and end == len(data)
    short, steps = wanted > end - start, (end - start) // STEP
    if more and (short or steps & (steps - 1)):
        return WAIT
    if not short:
        parsed, error = _read(data, start, end)
        if parsed is not None and error is None:
            return _whole(data, at, start, parsed, end, SURE)
        if more and _unfinished(parsed, error, start, end) and _may_go_on(parsed, error, data):
            return WAIT
    return _cut_off(data, at, start, start + LONGEST, SURE)


def _read(data: bytes, start: int, end: int) -> tuple[Parsed | None, Issue | None]:
    """What reads as an APDU, and what is wrong with it first; None where reading came to an end before the fields did:
    a partial tree of many octets takes long."""
    try:
        parsed = parse(APDU, data, start, end, partial=False)
    except Failure as failure:
        return None, Issue("error", failure.offset, end, failure.text, failure.spec)
    return parsed, _first_error(parsed)


def _unfinished(parsed: Parsed | None, error: Issue | None, start: int, end: int) -> bool:
    """Whether an APDU came to the end of the octets that it was read from, as if there were more."""
    if error is None:
        return parsed is not None and _reached(parsed, start, end) == end
    return WANTING.search(error.text) is not None


def _may_go_on(parsed: Parsed | None, error: Issue | None, data: bytes) -> bool:
    """Whether one that did may be longer than `LONGEST`: values and octets of one length are, not a list of objects or of
    stations, nor what no device could keep."""
    if error is None:
        return True
    if _wanted(error) > LONGEST_WHOLE:
        return False
    if parsed is not None:
        return _reads_well(parsed, data)
    return bool(error.spec.type) or error.spec.hole in LONG_HOLES or error.spec.name in LONG_VALUES


def _wanted(error: Issue | None) -> int:
    """How many octets the field wants that an APDU was cut off in."""
    wanting = WANTING.search(error.text) if error is not None else None
    return int(wanting[1] or wanting[2] or 0) if wanting is not None else 0


def _whole(data: bytes, at: int, start: int, parsed: Parsed, end: int, sure: int) -> Cut | None:
    """An APDU that is all there, if nothing speaks against it."""
    if not _reads_well(parsed, data):
        return None
    reached = _reached(parsed, start, end)
    left = len(data) - reached
    if left == 0:
        return Cut("none", at, len(data), len(data))
    if reached - start < sure or _right_frame(data, start, reached) is not None:
        return None
    if data[reached] in BEGINNINGS or data[reached] in APDU_TAGS:
        return Cut("none", at, reached, reached)
    return Cut("none", at, len(data), len(data)) if left <= BEHIND else None


def _cut_off(data: bytes, at: int, start: int, end: int, sure: int) -> Cut | None:
    """The octets up to `end` as an APDU that wants more, if as far as it goes it reads well."""
    if APDU_TAGS[data[start]].startswith(CIPHERED):
        return None
    parsed = parse(APDU, data, start, end)
    begun = end - start >= sure and _reached(parsed, start, end) - start >= min(sure, HEAD)
    error = _first_error(parsed)
    if not begun or error is None or error.end != end or not _reads_well(parsed, data):
        return None
    text = f"the APDU ends before its fields do, behind {end - at} octets"
    damaged = NO_LENGTH.search(error.text)
    if damaged is not None and (damaged[1] is None or error.start + TAG_AND_LENGTH + int(damaged[1]) > end):
        text = f"the APDU cannot be read behind {error.start - at} octets: {error.text}"
    elif not WANTING.search(error.text):
        return None
    elif end == start + LONGEST < len(data):
        text = f"the APDU wants more octets than there are; the first {end - at} are read as one that is cut off"
    return Cut("none", at, end, end, (FrameIssue("apdu-cut", text, 0, end - at),))


def _right_frame(data: bytes, start: int, end: int) -> int | None:
    """Where the first frame begins in these octets that is all there and right, so that no APDU has it inside."""
    for found in FRAMES.finditer(data, start, end):
        if RIGHT[found[0][0]](data, found.start(), end):
            return found.start()
    return None


def _reads_well(parsed: Parsed, data: bytes) -> bool:
    """Whether all that was read has values that the standard knows."""
    odd = any(issue.severity == "warning" and issue.spec is not UNDECODED for issue in parsed.issues)
    return may_be(parsed, data) and (not odd or fits(parsed))


def _reached(parsed: Parsed, start: int, end: int) -> int:
    """How far the fields of an APDU go."""
    if parsed.failed_at is not None:
        return parsed.failed_at
    last = parsed.nodes[-1] if parsed.nodes else None
    return last[1] if last is not None and last[0] is UNDECODED and last[1] > start else end


def _first_error(parsed: Parsed) -> Issue | None:
    """What is wrong with an APDU first."""
    return next((issue for issue in parsed.issues if issue.severity == "error"), None)


def general_at(data: bytes, at: int, final: bool) -> Found:
    """A general-glo- or general-ded-ciphering APDU, by its title and its length."""
    if len(data) - at < 2:
        return None if final else WAIT
    if data[at + 1] not in TITLE_LENGTHS:
        return None
    try:
        length, begin = AxdrLength.read(data, at + 2 + data[at + 1], len(data))
    except Short:
        return None if final else WAIT
    except Unreadable:
        return None
    if not 5 <= length <= LONGEST:
        return None
    if begin + length > len(data):
        return _push_cut_off(data, at, begin, length) if final else WAIT
    if not is_apdu(data, at, begin + length):
        return None
    return Cut("none", at, begin + length, begin + length)


def _push_cut_off(data: bytes, at: int, begin: int, length: int) -> Cut | None:
    """The beginning of an APDU, where a title with the letters of a manufacturer shows that it is one."""
    if not (data[at + 1] == 8 and data[at + 2 : at + 5].isalpha() and data[at + 2 : at + 5].isupper()):
        return None
    behind = _right_frame(data, begin, len(data))
    end = len(data) if behind is None else behind
    text = f"the APDU says {length} octets, {end - begin} are present"
    return Cut("none", at, end, end, (FrameIssue("apdu-cut", text, 0, end - at),))
