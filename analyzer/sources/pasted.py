"""Pasted text as lines: what mail programs, web pages and terminals put around it is taken off.

Quoting marks, HTML entities, colour codes, byte order marks, zero width and no-break characters go; every
character that stays keeps its place in the line as it was pasted.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator

from analyzer.sources.text import Text

# One character for one, so that columns stay: spaces of all kinds, dashes and quotes that editors "improve".
_BLANKS = (0x0B, 0x0C, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)
_DASHES = (0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2212)
_ONE_TO_ONE = str.maketrans(
    dict.fromkeys(_BLANKS, " ")
    | dict.fromkeys(_DASHES, "-")
    | {0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0xFF1A: ":", 0xFF0C: ",", 0xFF1B: ";"}
)
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufe0e\ufe0f\ufeff\0"
_REPLACED = re.compile(
    rf"&(?:#[0-9]{{1,7}}|#[xX][0-9A-Fa-f]{{1,6}}|[A-Za-z]{{2,8}});|\x1b\[[0-9;]{{0,20}}[A-Za-z]|[{_INVISIBLE}]+"
)
# Octets written as program text keep what looks like a tag: b'<p\xe4x>'.
_MARKUP = re.compile(
    r"(?P<kept>(?<![A-Za-z0-9_'\"])(?:b|br|rb)(?:'(?:[^'\\]|\\.)*(?:'|$)|\"(?:[^\"\\]|\\.)*(?:\"|$)))"
    r"|</?(?:br|p|div|pre|code|span|td|th|tr|table|li|ul|strong|em|font|blockquote)\b[^<>\\]{0,200}>",
    re.I,
)
# The heading of a record in the output of socat; where one side alone speaks, its ">" is no quoting mark.
_SOCAT = re.compile(r"^> \d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d+ +length=\d+ from=\d+ to=\d+", re.MULTILINE)
_QUOTE = re.compile(r"(?:[ \t]{0,3}>)+[ \t]?")
# Where arrows and quoting marks meet, only marks that stand apart and before an arrow are quotes.
_QUOTE_BEFORE_ARROW = re.compile(r"(?:>[ \t])+(?=[ \t]*(?:[<>]{1,3}|[-=]{1,3}>|<[-=]{1,3}))")

_LEFT_ARROW = re.compile(
    r"^[ \t]*(?:(?:>|&gt;)[ \t])*(?:(?:<|&lt;){2,3}|(?:<|&lt;)(?=[ \t]+(?:0x)?[0-9A-Fa-f]{2}|[ \t]*$))",
    re.MULTILINE,
)
_QUOTED_PROSE = re.compile(r"^[ \t]{0,3}(?:(?:>|&gt;)[ \t]{0,2}){1,9}(?![0-9A-Fa-f \t]+$)[A-Za-z]{3,}", re.MULTILINE)
_DOUBLE_ARROW = re.compile(r"^[ \t]{0,3}(?:>|&gt;){2,3}[ \t]{0,3}(?![>&])", re.MULTILINE)


class Line:
    """One line: its number from 1, its cleaned text, and the way back to the columns as pasted."""

    __slots__ = ("_cuts", "_shifts", "number", "text")

    def __init__(self, number: int, text: str, cuts: list[int] | None = None, shifts: list[int] | None = None) -> None:
        self.number = number
        self.text = text
        self._cuts = cuts
        self._shifts = shifts

    def column(self, index: int) -> int:
        """The column, from 1, in the pasted line of the character at an index of the cleaned one."""
        if self._cuts is None or self._shifts is None:
            return index + 1
        nearest = bisect_right(self._cuts, index)
        return index + 1 + (self._shifts[nearest - 1] if nearest else 0)


class Lines:
    """The lines of a text one after the other, raw, with a look ahead."""

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._ahead: deque[str] = deque()
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        ahead, lines = self._ahead, self._lines
        while True:
            raw = ahead.popleft() if ahead else next(lines, "")
            if not raw:
                return
            self.number += 1
            yield raw

    def peek(self, distance: int = 0) -> str:
        """The raw line so many after the next one; empty at the end of the text."""
        while len(self._ahead) <= distance:
            raw = next(self._lines, "")
            if not raw:
                return ""
            self._ahead.append(raw)
        return self._ahead[distance]


def quotes_in(text: Text) -> bool:
    """Whether ">" at the start of the lines of a text quotes an e-mail; otherwise ">>" and "<<" are arrows."""
    if not text.holds(">") and not text.holds("&gt;"):
        return False
    arrows = prose = False
    for block in text.blocks():
        if _LEFT_ARROW.search(block) is not None or _SOCAT.search(block) is not None:
            return False
        arrows = arrows or _DOUBLE_ARROW.search(block) is not None
        prose = prose or _QUOTED_PROSE.search(block) is not None
    return prose or not arrows


def clean(number: int, raw: str, quotes: bool) -> Line:
    """A raw line without quoting marks, entities, markup and characters that nobody sees."""
    cuts: list[int] | None = None
    shifts: list[int] | None = None
    text = raw.rstrip()
    if not text.isascii() or "\x0c" in text or "\x0b" in text:
        text = text.translate(_ONE_TO_ONE)
    if "&" in text or not text.isascii() or "\x1b" in text or "\0" in text:
        text, cuts, shifts = _replace(text)
    if "<" in text and ">" in text:
        text = _MARKUP.sub(lambda tag: tag[0] if tag["kept"] else " " * len(tag[0]), text)
    if ">" in text[:12]:
        marks = (_QUOTE if quotes else _QUOTE_BEFORE_ARROW).match(text)
        if marks is not None:
            text = " " * marks.end() + text[marks.end() :]
    return Line(number, text, cuts, shifts)


def _replace(text: str) -> tuple[str, list[int] | None, list[int] | None]:
    """A text with entities decoded and the unseen gone; where it was cut, and by how much columns shift there."""
    pieces: list[str] = []
    cuts: list[int] = []
    shifts: list[int] = []
    length = last = 0
    for found in _REPLACED.finditer(text):
        new = html.unescape(found[0]).translate(_ONE_TO_ONE) if found[0][0] == "&" else ""
        pieces += (text[last : found.start()], new)
        length += found.start() - last + len(new)
        last = found.end()
        cuts.append(length)
        shifts.append(last - length)
    if not cuts:
        return text, None, None
    pieces.append(text[last:])
    return "".join(pieces).rstrip(), cuts, shifts
