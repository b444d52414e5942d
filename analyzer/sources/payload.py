"""The bytes read from a stretch of a line, with what was wrong in them and what speaks for their being hex.

`is_hex` weighs that: English words of the letters a to f, numbers and settings stand in pasted texts as well.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

# What is known before the bytes of a line: nothing; a direction or a time; that the line before had bytes.
Context = Literal["fresh", "labelled", "continued"]

FLAWS_PER_LINE = 50  # a line of 10 MB with a flaw in every byte must not become a million objects

_SHOWN = bytes(byte if 0x20 <= byte < 0x7F else ord(".") for byte in range(256))
_DIGIT = re.compile(r"[0-9]")
_LETTER = re.compile(r"[A-Fa-f]")
_SMALL = re.compile(r"[a-f]")

_COULD_BE_BYTES = re.compile(r"(?:[0-9A-Fa-f]{2})+(?:[\s,:;|-]+(?:[0-9A-Fa-f]{2})+)*")
_COUNT = re.compile(
    r"\b(?:len(?:gth)?|size|count|bytes)\s*[=:]?\s*([0-9]{1,6})\b(?!\s*(?:of|/))"
    r"|\b([0-9]{1,6})\s*(?:bytes?|octets?)\b(?!\s+[a-z])",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Flaw:
    """What was wrong at an index of the line, and at which byte of the stretch."""

    index: int
    offset: int
    text: str


@dataclass(slots=True)
class Payload:
    """The bytes read from a stretch of a line.

    The stretch goes from `start` to `end`, with quotes and brackets; its first byte is at `first`.

    What speaks for hex: `pairs` of two digits, `longs` of more, `marked` ones that say they are hex (0x7E),
    `digits` (0-9), `letters` (A-F), `capitals` (no small letter). What speaks against: `strays` that are
    nearly bytes, `inner` words before the last byte and `after` words behind it; `apart` says that what is
    behind stands off by a gap, `remark_in_capitals` that it is an abbreviation such as ACK. `written` is
    program text, which needs no weighing.

    `joined`: the first digit completed the byte that the line before had begun with `carried`; `carry` is
    where such a digit is left over at the end of this one. `announced` is the number of bytes that the text
    itself tells, `closed` a closing brace, `elided` an ellipsis.
    """

    data: bytearray = field(default_factory=bytearray)
    start: int = 0
    first: int = 0
    end: int = 0
    pairs: int = 0
    longs: int = 0
    marked: int = 0
    digits: bool = False
    letters: bool = False
    capitals: bool = False
    strays: int = 0
    singles: int = 0
    leading: int = 0
    led: bool = False
    inner: int = 0
    after: int = 0
    apart: bool = False
    remark_in_capitals: bool = False
    written: bool = False
    joined: bool = False
    carry: int | None = None
    carried: str = ""
    announced: int | None = None
    closed: bool = False
    elided: bool = False
    flaws: list[Flaw] = field(default_factory=list)
    unlisted: int = 0

    @property
    def good(self) -> int:
        """The number of tokens that are bytes without doubt about their spelling."""
        return self.pairs + self.longs + self.marked

    def flaw(self, index: int, text: str, offset: int | None = None) -> None:
        """Note a flaw, at the end of the bytes so far; beyond the first ones of a line they are only counted."""
        if len(self.flaws) < FLAWS_PER_LINE:
            self.flaws.append(Flaw(index, len(self.data) if offset is None else offset, text))
        else:
            self.unlisted += 1

    def note_letters(self, text: str) -> None:
        """Note which kinds of hex digits a text has."""
        self.digits = _DIGIT.search(text) is not None
        self.letters = _LETTER.search(text) is not None
        self.capitals = self.letters and _SMALL.search(text) is None


def starts_like_frame(data: bytes | bytearray) -> bool:
    """Whether bytes begin as HDLC, a whole APDU in the TCP wrapper, M-Bus or LLC do."""
    if len(data) < 3:
        return False
    if data[0] == 0x7E:
        return data[1] & 0xF0 == 0xA0 or data[1] == 0x7E
    if data[:2] == b"\x00\x01":
        return len(data) >= 8 and int.from_bytes(data[6:8], "big") + 8 == len(data)
    if data[0] == 0x68:
        return len(data) >= 4 and data[3] == 0x68 and data[1] == data[2]
    return data[:3] in (b"\xe6\xe6\x00", b"\xe6\xe7\x00")


def announced_in(text: str) -> int | None:
    """The number of bytes that a text tells: "(12 bytes)", "Length 12:"."""
    found = _COUNT.search(text)
    return int(found[1] or found[2]) if found is not None else None


def match_count(text: str, position: int) -> tuple[int, int] | None:
    """A number of bytes that is told at a position of a text, and the position after it."""
    found = _COUNT.match(text, position, position + 40)
    return (int(found[1] or found[2]), found.end()) if found is not None else None


def shows(data: bytes | bytearray, column: str) -> bool:
    """Whether a text is the printable view of bytes: these themselves, and any one character for the others.

    A text that could be bytes itself must show them exactly, with dots for the others.
    """
    for text, expected in _views(data, column):
        if text == expected:
            return True
        alike = all(a == b or b == "." for a, b in zip(text, expected, strict=True))
        if alike and _COULD_BE_BYTES.fullmatch(column.strip().rstrip("|")) is None:
            return True
    return False


def is_view(data: bytes | bytearray, column: str) -> bool:
    """Whether a text is the printable view of bytes and can be nothing else: a letter or a digit stands only for itself."""
    for text, expected in _views(data, column):
        if all(a == b or (b == "." and not (a.isascii() and a.isalnum())) for a, b in zip(text, expected, strict=True)):
            return True
    return False


def _views(data: bytes | bytearray, column: str) -> Iterator[tuple[str, str]]:
    """A column and what it would have to be, where both have the same length."""
    shown = data.translate(_SHOWN).decode("ascii")
    whole = column.strip()
    # The bar that ends the column of some tools may be a byte in that of others.
    for seen in (whole, whole.removesuffix("|")) if whole.endswith("|") else (whole,):
        # Some tools leave a gap in the middle of the column as well, and spaces at its ends get lost.
        for text, expected in ((seen.strip(), shown.strip()), (seen.replace(" ", ""), shown.replace(" ", ""))):
            if text and len(text) == len(expected):
                yield text, expected


def is_hex(payload: Payload, context: Context, setting: bool = False) -> bool:
    """Whether a stretch of a line is bytes, by what stands in it and by what was announced.

    `setting`: only the name of a party stands before it ("Client: 16"), as it does before addresses.
    """
    size, good = len(payload.data), payload.good
    if payload.joined or (context == "continued" and not good and payload.carry is not None and not payload.after):
        return True
    if not good or (setting and size < 3):
        return False
    fresh = context == "fresh"
    # Bytes without a decimal digit: "FF" after a direction, or many of them; "be" and "decade" are words.
    enough = payload.pairs >= 4 if fresh else payload.pairs and (payload.capitals or not payload.longs)
    if not (payload.digits or payload.marked or enough):
        return False
    known = context == "labelled" and starts_like_frame(payload.data)
    if payload.leading or (payload.led and fresh) or payload.inner * (1 if known else 10 if fresh else 4) > good:
        return False
    if (payload.strays + payload.singles) * 3 > good if fresh else payload.strays + payload.singles / 3 > good:
        return False
    framed = starts_like_frame(payload.data) or (size > 2 and payload.data[0] == 0x7E)
    if payload.after and not _may_trail(payload, context, framed and size >= (3 if known else 4)):
        return False
    if not fresh or payload.marked >= 2:
        return True
    if payload.longs == 1 and not payload.pairs:
        # A lone number of a few decimal digits is a serial number, a telephone or a date.
        return framed or size >= 8 or (size >= 3 and payload.letters)
    return size >= 2


def _may_trail(payload: Payload, context: Context, framed: bool) -> bool:
    """Whether words behind the bytes can be a remark on them."""
    size = len(payload.data)
    if framed or (payload.apart and size >= 2):
        return True
    if context == "labelled" and size == 1:
        return payload.after == 1 and payload.remark_in_capitals  # "RX: 06 ACK"
    return context != "fresh" and size >= 4 and payload.after <= payload.good
