"""The structured beginning of a log line: times, tags, levels, counters, directions, in any order."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from analyzer.sources.directions import Evidence, better, match_direction, match_filler, words
from analyzer.sources.payload import announced_in, match_count
from analyzer.sources.timestamps import Stamp, match_stamp

_SKIPPED = re.compile(r"[-=~#_]{3,}(?![-=~>])|[\s|\u2500-\u257f•·*`]+|,\s*|;\s*")
_QUOTES = re.compile(r"[\"']+")
_BULLET = re.compile(r"\s*(?:[-*+•]\s+|//+\s*|#\s+(?=[^0-9A-Fa-f\s])|\d{1,3}[.)]\s+|\d{1,2}:\s+)")
_DELIMITERS = re.compile(r"[:=>|\])}]+|-+(?=\s|$)")
_LEVEL = re.compile(r"(?:DEBUG|INFO|NOTICE|WARN(?:ING)?|ERROR|TRACE|VERBOSE|FATAL|CRITICAL)\b[:\s\]|-]*", re.IGNORECASE)
_TOOL = re.compile(r"[A-Za-z_][\w./\\-]{0,30}:\s+")
_INDEX = re.compile(r"(?:#|no\.?\s?)?\d{1,9}(?:\s*[|,;]\s*|[:.)]\s+|\s+)[\"']?", re.IGNORECASE)
_INDEX_BEHIND = re.compile(r"#\d{1,6}\b|\d{1,3}:(?=\s)")
_BRACKETED = re.compile(r"\[([^\[\]\"'\\]{0,60})\]|\(([^()\"'\\]{0,60})\)|<([^<>\"'\\]{1,40})>|\{([^{}\"'\\]{0,60})\}")
_BYTES_IN_BRACKETS = re.compile(
    r"\s*(?:(?:0x|\\x)?[0-9A-Fa-f]{2}[\s,;:-]*)+|\s*-?[0-9]{1,3}(?:\s*,\s*-?[0-9]{1,3})+\s*", re.IGNORECASE
)


_HALF_A_BYTE = re.compile(r"[A-Fa-f],[0-9A-Fa-f]{2}(?![0-9A-Za-z])")  # "c,00": no C for a client


MNEMONICS = words("SOH STX ETX EOT ACK NAK BCC")  # characters of IEC 62056-21, in angle brackets


@dataclass(slots=True)
class Prefix:
    """The structured beginning of a line: what it told, where it ends, and where each of its pieces does."""

    stamp: Stamp | None = None
    evidence: Evidence | None = None
    end: int = 0
    announced: int | None = None
    ends: list[int] = field(default_factory=list)


def read_prefix(text: str) -> Prefix:
    """Consume times, tags, levels, counters and direction words from the start of a line."""
    result = Prefix()
    bullet = _BULLET.match(text)
    position = bullet.end() if bullet is not None and match_stamp(text, bullet.start()) is None else 0
    quotes = "\\" not in text and ("'" in text[:60] or '"' in text[:60])
    result.ends.append(position)
    for _ in range(40):  # no line has that many pieces; and it bounds the work on noise
        after = _piece(text, position, result, quotes)
        if after is None or after <= position:
            break
        position = after
        result.ends.append(position)
    result.end = position
    return result


def _piece(text: str, position: int, result: Prefix, quotes: bool) -> int | None:
    """The position after one more piece of the structured beginning, or None."""
    if position >= len(text):
        return None
    plain = text[position].isalnum()
    if not plain:
        skipped = _SKIPPED.match(text, position) or (_QUOTES.match(text, position) if quotes else None)
        if skipped is not None:
            return skipped.end()
    stamped = match_stamp(text, position)
    if stamped is not None:
        stamp, end = stamped
        if result.stamp is None or (result.stamp.kind == "elapsed" != stamp.kind):
            result.stamp = stamp
        return end
    if _HALF_A_BYTE.match(text, position) is not None:
        return None
    directed = match_direction(text, position)
    if directed is not None:
        evidence, end = directed
        # "RX => 7E": behind a word an arrow is only a delimiter.
        if plain or result.evidence is None:
            result.evidence = better(result.evidence, evidence)
        return end
    if not plain and (result.evidence is not None or result.stamp is not None):
        found = _DELIMITERS.match(text, position)
        if found is not None:
            return found.end()
    if result.evidence is not None:
        filler = match_filler(text, position)
        if filler is not None:
            return filler
        found = _INDEX_BEHIND.match(text, position)
        if found is not None and found[0] != "000:":
            return found.end()
    return _tag(text, position, result)


def _tag(text: str, position: int, result: Prefix) -> int | None:
    """The position after a bracketed tag, a level, a number of bytes, a counter or the name of a tool."""
    if text[position] in "[(<{":
        found = _BRACKETED.match(text, position)
        return _bracketed(text, found, result) if found is not None else None
    found = _LEVEL.match(text, position)
    if found is not None:
        return found.end()
    counted = match_count(text, position)
    if counted is not None:
        result.announced, end = counted
        return end
    for pattern in (_INDEX, _TOOL):
        found = pattern.match(text, position, position + 60)
        if found is not None and _structured(text, found.end()):
            return found.end()
    return None


def _structured(text: str, position: int) -> bool:
    return match_stamp(text, position) is not None or match_direction(text, position) is not None


def _bracketed(text: str, found: re.Match[str], result: Prefix) -> int | None:
    """Read what a tag in brackets says. Brackets with bytes in them are not a tag."""
    content = (found[1] or found[2] or found[3] or found[4] or "").strip()
    if content.upper() in MNEMONICS:
        return None
    if found[1] is not None and content.isdigit() and len(content) == 10:
        if result.stamp is None:
            result.stamp = Stamp(content, "date", float(content))
        return found.end()
    stamped = match_stamp(content, 0)
    if stamped is not None and stamped[1] == len(content):
        result.stamp = result.stamp or stamped[0]
        return found.end()
    numbered = found[1] is not None and content.isdigit() and text[found.end() : found.end() + 1] not in ("[", "")
    if not numbered and _BYTES_IN_BRACKETS.fullmatch(content) is not None:
        return None
    inside = read_prefix(content)
    rest = content[inside.end :].strip(" :-")
    if not rest or rest.isalnum():
        result.evidence = better(result.evidence, inside.evidence)
        result.stamp = result.stamp or inside.stamp
    count = announced_in(content)
    if count is not None:
        result.announced = count
    return found.end()
