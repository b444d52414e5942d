"""Hex text as bytes: the quick way for clean hex, in which C does all the work, and the way around the rest.

What is not clean loses comments, lengths and columns of printable characters first, and is read token by
token (`hexwords`) when that does not make it clean.
"""

from __future__ import annotations

import re

from analyzer.sources.hexwords import read_words
from analyzer.sources.payload import Payload, announced_in, is_view, shows

_SEPARATORS = str.maketrans(dict.fromkeys(",;:|<>[](){}\"'`-_%$\\", " "))
_BLOCK_COMMENT = re.compile(r"/\*.{0,200}?\*/")
_NO_BYTE_BEHIND = r"(?![0-9A-Fa-f]{1,2}(?![0-9A-Za-z]))"
_LINE_COMMENT = re.compile(rf"//|(?:(?<=\s)|^)(?:#{_NO_BYTE_BEHIND}|--(?=\s)|/\*|<--|<!--)")
_PARENTHESES = re.compile(r"\(([^()]{0,120})\)")
_BYTES_INSIDE = re.compile(r"\s*(?:0x)?[0-9A-Fa-f]{2}(?:[\s,:-]+(?:0x)?[0-9A-Fa-f]{2})+\s*")
_TRAILING_INDEX = re.compile(r"\[\s*([0-9]{1,6})\s*(bytes?|octets?|b)?\s*\]\s*$", re.IGNORECASE)
_GAP = re.compile(r"\t\s*|\s{2,}|\s*\|")

_LONGEST_ROW = 400
_CONTROLS = re.compile(r"<(?:CR|LF|NUL|SOH|STX|ETX|EOT|ACK|NAK|TAB|ESC|SP)>")
_DECIMALS = re.compile(r"[\s\[\](){},;]*(?:-?[0-9]{1,3}[\s,;]+)*-?[0-9]{1,3}[\s\[\](){},;]*")
_DECIMAL = re.compile(r"-?[0-9]{1,3}")
_HEX_LETTER = re.compile(r"[A-Fa-f]")
_LONGEST_DECIMAL = 100_000


def read_payload(text: str, start: int, carried: str = "") -> Payload:
    """The bytes of a line from an index to its end. `carried` is the digit that the line before had left over."""
    body = text[start:] if start else text
    result = Payload(start=start, first=start, end=len(text))
    column = _printable_column(body)  # first, because it may look like bytes itself
    if column is not None:
        body, result.apart = body[:column], True
    if not carried and _clean_hex(body, result):
        return result
    body = _without_remarks(body, result)
    if not carried and _clean_hex(body.translate(_SEPARATORS), result):
        return result
    if "," in body and _decimal(body, result):
        return result
    read_words(body, start, result, carried)
    return result


def read_shown(text: str) -> Payload | None:
    """A line of nothing but bytes and a column that shows each of them, as port monitors write; None for another line.

    The column may look like anything: a direction ("57   W"), a literal ("...b'..."), or hex.
    """
    body = text.lstrip()
    start = len(text) - len(body)
    column = _printable_column(body)
    if column is None or not is_view(bytes.fromhex(body[:column].translate(_SEPARATORS)), body[column:]):
        return None
    result = Payload(start=start, first=start, end=len(text), apart=True)
    return result if _clean_hex(body[:column], result) else None


def _clean_hex(body: str, result: Payload) -> bool:
    """The quick way. False when the text is anything but whole bytes and spaces."""
    try:
        data = bytes.fromhex(body)
    except ValueError:
        return False
    head = body[:64].split(None, 1)
    if not head:
        return False
    result.data += data
    result.first = result.start + len(body) - len(body.lstrip())
    if len(head[0]) == 2:
        result.pairs = len(data)
    else:
        result.longs = min(len(body.split(None, 2)), 2)
    result.note_letters(body)
    return True


def _without_remarks(body: str, result: Payload) -> str:
    """Blank out comments, remarks in parentheses and trailing lengths; the rest keeps its place."""
    if "/*" in body:
        body = _BLOCK_COMMENT.sub(lambda found: " " * len(found[0]), body)
    result.closed = "}" in body
    if "/" in body or "#" in body or "-" in body:
        comment = _LINE_COMMENT.search(body)
        if comment is not None:
            result.announced = announced_in(body[comment.start() : comment.start() + 200])
            body = body[: comment.start()]
    if "<" in body:
        body = _CONTROLS.sub(lambda found: " " * len(found[0]), body)
    if "(" in body:
        body = _PARENTHESES.sub(lambda found: _remark(found, result), body)
    if body.endswith("]"):
        index = _TRAILING_INDEX.search(body, max(len(body) - 40, 0))
        # "[7E] [A0] [12]" is bytes; in "7E A0 [12]" it is a length or a number of the log.
        if index is not None and "]" not in body[: index.start()] and body[: index.start()].strip(" ["):
            if index[2]:
                result.announced = int(index[1])
            body = body[: index.start()]
    return body


def _remark(found: re.Match[str], result: Payload) -> str:
    """What to leave of a text in parentheses: bytes stay, a number of bytes is noted."""
    if _BYTES_INSIDE.fullmatch(found[1]) is not None:
        return found[0]
    count = announced_in(found[1])
    if count is not None:
        result.announced = count
    return " " * len(found[0])


def _printable_column(body: str) -> int | None:
    """Where the column of printable characters begins that some tools put behind the bytes."""
    if len(body) > _LONGEST_ROW or ("  " not in body and "\t" not in body and "|" not in body):
        return None
    for gap in _GAP.finditer(body):
        try:
            data = bytes.fromhex(body[: gap.start()].translate(_SEPARATORS))
        except ValueError:
            return None
        if data and shows(data, body[gap.end() :]):
            return gap.start()
    return None


def _decimal(body: str, result: Payload) -> bool:
    """Bytes as decimal numbers, 126, 160 or -96: only when a number has three digits or a sign."""
    if len(body) > _LONGEST_DECIMAL or _HEX_LETTER.search(body) is not None:
        return False
    numbers = [int(number) for number in _DECIMAL.findall(body)]
    if len(numbers) < 3 or all(0 <= number <= 99 for number in numbers):
        return False
    if not all(-128 <= number <= 255 for number in numbers) or _DECIMALS.fullmatch(body) is None:
        return False
    result.first = result.start + next(index for index, letter in enumerate(body) if letter in "-0123456789")
    result.data += bytes(number & 0xFF for number in numbers)
    result.marked = len(numbers)
    result.digits = True
    return True
