"""Hex read token by token: every spelling of a byte, and a word on everything that is none.

Nothing is guessed in silence. A byte that cannot be read whole keeps its place (the digit that is unreadable
becomes 0), because lengths and checksums behind it would be lost if the bytes moved up; each such place is
a flaw.
"""

from __future__ import annotations

import re

from analyzer.sources.payload import FLAWS_PER_LINE, Payload

_HEX_DIGITS = "0123456789abcdefABCDEF"
_PAIRS = {first + second: int(first + second, 16) for first in _HEX_DIGITS for second in _HEX_DIGITS}
_TOKEN = re.compile(r"[^\s,;:|<>\[\](){}\"'`\-_%$\\]+")
_NOT_HEX = re.compile(r"[^0-9A-Fa-f]")
_DIGIT = re.compile(r"[0-9]")
_PUNCTUATION = re.compile(r"[^\w?]|_")  # as in addresses, versions and URLs
_PADDED = re.compile(r"(?<![0-9A-Za-z])0[0-9A-Fa-f](?![0-9A-Za-z])")
_RESEMBLED = dict(zip("OoQlIiSsZz", "0001115522", strict=True))  # what people and OCR write for a digit
# "2G" and "0O" are bytes, "AO" as well; "of", "as" and "AM" are words.
_ALMOST = re.compile(r"[0-9][^\W_]|[^\W_][0-9]|[0-9A-Fa-f]\?|\?[0-9A-Fa-f]|[A-FOQI][OQI]|[OQI][A-F]|lO|Ol|oo")
_HALF = re.compile(r"[A-F][^\W_]|[^\W_][A-F]")
_MASKS = frozenset(("xx", "XX", "??", "xX", "Xx"))  # bytes that somebody made unreadable
_PREFIXES = ("0x", "0X", "&H", "&h")


def read_words(body: str, base: int, result: Payload, carried: str) -> None:
    """Read the tokens of a text that begins at an index of its line, behind a digit left over before it."""
    _Words(body, base, result, carried).read()


class _Words:
    """The reading of one text: the place of the last byte, and a digit that stands alone until the next token."""

    def __init__(self, body: str, base: int, result: Payload, carried: str) -> None:
        self.body = body
        self.base = base
        self.result = result
        self.carried = carried
        self.lone: tuple[int, str] | None = None
        self.singles = 0
        self.padded = False

    def read(self) -> None:
        result, data = self.result, self.result.data
        words: list[tuple[int, str]] = []  # since the last byte, the first ones of them
        unread = last = 0
        first = -1
        for found in _TOKEN.finditer(self.body):
            token = found[0]
            value = _PAIRS.get(token)
            before = len(data)
            if value is not None and self.lone is None and result.carry is None and not self.carried:
                data.append(value)
                result.pairs += 1
            elif not self._token(token, self.base + found.start()):
                unread += 1
                if len(words) <= FLAWS_PER_LINE:
                    words.append((self.base + found.start(), token))
                continue
            if first < 0:
                first = found.start()
                if unread == 1 and _HALF.fullmatch(words[0][1]) is not None:
                    first, result.led = words[0][0] - self.base, True
                    self._inside(words, unread, before)
                else:
                    result.leading = unread
            elif unread:
                self._inside(words, unread, before)
            if unread:
                words, unread = [], 0
            last = found.end()
        result.after += unread
        if unread and data and data[-1] != 0x7E and len(words[0][1]) == 2 and words[0][1].isalnum():
            self._behind(*words[0])
        self._end()
        result.flaws.sort(key=lambda flaw: flaw.index)
        if first >= 0:
            result.first = self.base + first
        behind = self.body[last : last + 40]
        result.remark_in_capitals = behind.isupper()
        result.apart = result.apart or behind.startswith(("  ", "\t", "|"))
        result.note_letters(self.body[: min(last, 10_000)])

    def _inside(self, words: list[tuple[int, str]], unread: int, offset: int) -> None:
        """Words between bytes. One of two letters was a byte and keeps its place, the others are left out."""
        result = self.result
        if unread == 1 and len(words[0][1]) == 2 and words[0][1].isalnum():
            index, word = words[0]
            result.flaw(index, f"expected two hex digits and found {word!r}: read as 00, to keep the place", offset)
            result.data.insert(offset, 0)
            result.strays += 1
            return
        for index, word in words:
            result.flaw(index, f"expected bytes and found {word[:20]!r}: left out", offset)
        result.inner += unread

    def _behind(self, index: int, word: str) -> None:
        """A word of two letters behind bytes that do not end with a flag: a byte, when it is written as one."""
        result = self.result
        if _HALF.fullmatch(word) is not None and result.after == 1:
            read = "".join(c if c in _HEX_DIGITS else "0" for c in word)
            result.flaw(index, f"expected two hex digits and found {word!r}: read as {read}, to keep the place")
            result.data.append(int(read, 16))
            result.strays += 1
            result.after = 0
        else:
            result.flaw(index, f"expected two hex digits and found {word!r}: left out, with what is behind it")

    def _token(self, token: str, index: int) -> bool:
        """Read a token that is not plainly a byte; False when it is a word."""
        result = self.result
        single = len(token) == 1 and (token in _HEX_DIGITS or token in _RESEMBLED)
        if self.carried:
            carried, self.carried = self.carried, ""
            if len(token) % 2 and _NOT_HEX.search(token) is None:
                result.joined = True
                result.flaw(index, f"expected whole bytes on a line and found one that began with {carried!r} "
                            "at the end of the line before: joined")  # fmt: skip
                token, single = carried + token, False
        if self.lone is not None:
            before, (place, digit), self.lone = self.padded, self.lone, None
            if single and before:
                self._halves(place, digit, token)
                return True
            self._lone_digit(place, digit)
        if single and (token in _HEX_DIGITS or result.data):
            if not self.singles:
                # A tool that prints "7E A0 A 0" has no byte with a 0 before; where others have one, halves went apart.
                self.padded = _PADDED.search(self.body) is not None
            self.lone = (index, token)
            self.singles += 1
            return True
        return self._digits(token, index) or self._damaged(token, index)

    def _end(self) -> None:
        """A digit alone at the end may go on in the next line, unless this tool prints small bytes so."""
        if self.lone is None:
            return
        place, digit = self.lone
        if self.singles > 1 and not self.padded:
            self._lone_digit(place, digit)
        elif digit in _HEX_DIGITS:
            self.result.carry, self.result.carried = place, digit
        else:
            self.result.after += 1

    def _halves(self, place: int, first: str, second: str) -> None:
        result = self.result
        result.flaw(place, f"expected two hex digits and found {first!r} and {second!r} apart: read as one byte")
        result.data.append(int(_RESEMBLED.get(first, first) + _RESEMBLED.get(second, second), 16))
        result.strays += 1

    def _lone_digit(self, place: int, digit: str) -> None:
        read = _RESEMBLED.get(digit, digit)
        self.result.flaw(place, f"expected two hex digits and found {digit!r}: read as 0{read}")
        self.result.data.append(int(read, 16))
        self.result.singles += 1

    def _digits(self, token: str, index: int) -> bool:
        """A token of hex digits, with a mark or of any number but two; False when it is something else."""
        result, digits = self.result, token
        if token.startswith(_PREFIXES):
            digits = token[2:]
        elif token[-1] in "hH" and (len(token) == 3 or (len(token) == 4 and token[0] == "0")):
            digits = token[-3:-1]  # 7Eh, and 0A0h because an assembler wants a digit first
        if not digits or _NOT_HEX.search(digits) is not None:
            return False
        if digits is not token and len(digits) % 2:
            if len(digits) > 1:  # 0x7 is whole, in 0x7EA something is missing
                result.flaw(index, f"expected two hex digits a byte and found {token[:20]!r}: read with a 0 before")
            digits = "0" + digits
        if len(digits) % 2:
            return self._odd(digits, index)
        self._drop_carry()
        result.data += bytes.fromhex(digits)
        if digits is not token:
            result.marked += 1
        elif len(digits) == 2:
            result.pairs += 1
        else:
            result.longs += 1
        return True

    def _odd(self, digits: str, index: int) -> bool:
        """An odd number of digits: whether one is lost, or the next line goes on with it, is not known here."""
        result = self.result
        if len(digits) < 3:
            return False
        self._drop_carry()
        result.data += bytes.fromhex(digits[:-1])
        result.longs += 1
        result.carry, result.carried = index + len(digits) - 1, digits[-1]
        return True

    def _drop_carry(self) -> None:
        result = self.result
        if result.carry is not None:
            said = f"expected an even number of hex digits and found {result.carried!r} over: left out"
            result.flaw(result.carry, said)
            result.carry, result.carried = None, ""

    def _damaged(self, token: str, index: int) -> bool:
        """A token that nearly is a byte, or stands for bytes; False when it is a word."""
        result = self.result
        digits = token[2:] if token.startswith(_PREFIXES) else token
        if not token.strip(".\u2026"):
            result.flaw(index, f"expected bytes and found {token[:8]!r}: the log left bytes out")
            result.elided = True
        elif _ALMOST.fullmatch(digits) or digits in _MASKS or (digits is not token and 1 <= len(digits) <= 2):
            read = "".join(_RESEMBLED.get(c, c if c in _HEX_DIGITS else "0") for c in digits)
            self._drop_carry()
            result.flaw(index, f"expected two hex digits and found {token!r}: read as {read}, to keep the place")
            result.data.append(int(read, 16))
        elif self._is_damaged_run(token):
            self._drop_carry()
            return self._damaged_run(token, index)
        else:
            return False
        result.strays += 1
        return True

    @staticmethod
    def _is_damaged_run(token: str) -> bool:
        """Whether a long token is hex digits for the most part, decimal ones among them, and no English word."""
        head = token[:400]
        foreign = len(_NOT_HEX.findall(head))
        if len(head) < 8 or _PUNCTUATION.search(head) is not None:
            return False
        return foreign * 4 <= len(head) and len(_DIGIT.findall(head)) * 5 >= len(head)

    def _damaged_run(self, token: str, index: int) -> bool:
        """A run of hex digits with foreign characters in it: each is read as the digit it resembles, or 0."""
        result, offset = self.result, len(self.result.data)

        def stand_in(found: re.Match[str]) -> str:
            read = _RESEMBLED.get(found[0], "0")
            said = f"expected a hex digit and found {found[0]!r}: read as {read}, to keep the place"
            result.flaw(index + found.start(), said, offset + found.start() // 2)
            return read

        start = 2 if token.startswith(_PREFIXES) else 0
        cleaned = _NOT_HEX.sub(stand_in, token[start:])
        result.strays += 1
        return self._digits(cleaned, index + start)
