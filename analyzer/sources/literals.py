r"""Bytes written as program text: b'\x7e\xa0#', bytearray(b"..."), "\176\240" (strace), \x7e\xa0 unquoted."""

from __future__ import annotations

import re

from analyzer.sources.payload import Payload

_OPENING = re.compile(
    r"(?<![A-Za-z0-9_'\"])(?:bytearray\(|bytes\()?(?P<prefix>[bB][rR]?|[rR][bB])(?P<quote>'''|\"\"\"|['\"])"
)
_C_STRING = re.compile(r"\"(?=[^\"]{0,400}\\(?:x[0-9A-Fa-f]{2}|[0-7]{1,3}))")
_BARE = re.compile(r"(?<![\w\\])\\x[0-9A-Fa-f]{2}[\\x0-9A-Fa-f ,]*")
_JOINT = re.compile(r"\)?\s*(?:\+\s*)?(?:bytearray\(|bytes\()?")
_ESCAPE = re.compile(r"\\(?:x([0-9A-Fa-f]{0,2})|([0-7]{1,3})|(.?))|([^\x00-\xff]+)", re.DOTALL)
_PLAIN = {
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
}


def find_literal(text: str, position: int) -> Payload | None:
    """The first bytes literal of a line from a position on, with those that are concatenated to it."""
    if "\\" not in text and "b'" not in text and 'b"' not in text and "B'" not in text and 'B"' not in text:
        return None
    opening = _OPENING.search(text, position)
    string = _C_STRING.search(text, position) if "\\" in text else None
    if string is not None and (opening is None or string.start() < opening.start()):
        return _quoted(text, string.start(), string.end(), '"', raw=False)
    if opening is not None:
        return _quoted(text, opening.start(), opening.end(), opening["quote"], "r" in opening["prefix"].lower())
    bare = _BARE.search(text, position) if "\\x" in text else None
    if bare is None:
        return None
    result = Payload(start=bare.start(), first=bare.start(), written=True)
    result.end = _decode(text, bare.start(), bare.end(), result, separated=True)
    return result


def _quoted(text: str, start: int, body: int, quote: str, raw: bool) -> Payload:
    """Decode from behind the opening quote on; a literal that never ends is taken to the end of the line."""
    result = Payload(start=start, first=body, written=True)
    while True:
        end = _closing(text, body, quote)
        stop = len(text) if end is None else end
        if raw:
            result.data += text[body:stop].encode("latin-1", "replace")
        else:
            _decode(text, body, stop, result)
        if end is None:
            said = f"expected a closing {quote} and found the end of the line: the bytes up to there are taken"
            result.flaw(max(stop - 1, 0), said)
            result.end = stop
            return result
        result.end = stop + len(quote)
        if text.startswith("...", result.end):
            result.flaw(result.end, "expected more bytes and found '...': the log left bytes out")
        joint = _JOINT.match(text, result.end)
        following = _OPENING.match(text, joint.end()) if joint is not None else None
        if following is None:
            return result
        body, quote, raw = following.end(), following["quote"], "r" in following["prefix"].lower()


def _closing(text: str, position: int, quote: str) -> int | None:
    """Where the literal's closing quote is; one behind an odd number of backslashes belongs to the text."""
    begin = position
    while True:
        found = text.find(quote, position)
        if found < 0:
            return None
        backslashes = found
        while backslashes > max(begin, position) and text[backslashes - 1] == "\\":
            backslashes -= 1
        if (found - backslashes) % 2 == 0:
            return found
        position = found + 1


def _decode(text: str, start: int, end: int, result: Payload, separated: bool = False) -> int:
    """Append the bytes of an escaped text and give the end of the last escape.

    The plain stretches between the escapes are copied whole, or left out where they only separate.
    """
    data, last = result.data, start
    for found in _ESCAPE.finditer(text, start, end):
        if not separated:
            data += text[last : found.start()].encode("latin-1")
        last = found.end()
        digits, octal, other, wide = found.groups()
        if wide is not None:
            result.flaw(found.start(), f"expected bytes and found the text {wide[:20]!r}: it is taken as UTF-8")
            data += wide.encode("utf-8", "replace")
        elif octal is not None:
            data.append(int(octal, 8) & 0xFF)
        elif digits is None:
            # Python keeps the backslash of an escape it does not know.
            data += (_PLAIN.get(other) or "\\" + other).encode("utf-8", "replace")
        elif len(digits) == 2:
            data.append(int(digits, 16))
        elif digits:
            result.flaw(found.start(), f"expected two hex digits and found '\\x{digits}': read as 0{digits}")
            data.append(int(digits, 16))
        else:
            result.flaw(found.start(), "expected two hex digits and found '\\x' alone: skipped")
    if not separated:
        data += text[last:end].encode("latin-1")
    return last
