"""HDLC frames of a clean stretch, many at once: by the same rules as `framings.hdlc`, as long as every frame is right.

Within a window all places that may begin a frame are found; each has a length, a closing flag and a check sequence that hold
or do not; and those that follow each other without a gap are frames. Where the chain breaks, the careful way has to go on.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from analyzer.framings.hdlc import SHORTEST_HDLC
from analyzer.index import checks, columns
from analyzer.index.sides import shown
from grammars.hdlc import FLAG
from grammars.llc import COMMAND, RESPONSE
from grammars.tables.apdu import APDU_TAGS

Array = Any  # numpy.ndarray
WINDOW = 1 << 18  # octets that are looked at in one go: what fits the caches
BEHIND = 2048 + 64  # octets behind a window in which its last frame ends
_CIPHERED = np.array(
    [APDU_TAGS.get(tag, "").startswith(("glo-", "ded-")) for tag in range(256)], dtype=bool
)  # fmt: skip
_GENERAL = np.array(
    [APDU_TAGS.get(tag, "") in ("general-glo-ciphering", "general-ded-ciphering") for tag in range(256)], dtype=bool
)


class Run(NamedTuple):
    """Frames that follow each other: their columns, and what each shows of its sender (`shown`); the addresses of each as
    one number; where the next one begins."""

    rows: dict[str, Array]
    addresses: Array
    end: int


class Clean:
    """The clean frames of one window of octets."""

    def __init__(self, octets: Array, start: int) -> None:
        """`octets` is all of the stream as uint8; the window begins at `start`."""
        self.start = start
        self.stop = min(len(octets), start + WINDOW)  # frames that begin behind it are for another window
        self.window = window = octets[start : min(len(octets), start + WINDOW + BEHIND)]
        size = self.stop - start
        begins = window[: size - 1] == FLAG if size == len(window) else window[:size] == FLAG
        begins &= window[1 : len(begins) + 1] & 0xF0 == 0xA0
        at = np.flatnonzero(begins)
        at = at[at < len(window) - SHORTEST_HDLC - 1]
        length = (window.take(at + 1) & 7).astype(np.int64) << 8 | window.take(at + 2)
        closing = at + 1 + length
        fits = (length >= SHORTEST_HDLC) & (closing < len(window))
        at, length, closing = at[fits], length[fits], closing[fits]
        closed = window.take(closing) == FLAG
        at, length, closing = at[closed], length[closed], closing[closed]
        right = checks.are_right(window, at + 1, length)
        at, length, closing = at[right], length[right], closing[right]
        destination, behind = self._address(at + 3, closing)
        source, control = self._address(behind, closing)
        # What the grammar finds strange is for the careful way: other addresses, a frame that is its own answer, a
        # header check that has nothing behind it.
        plain = (destination >= 0) & (source >= 0) & (destination != source)
        rest = closing - control
        plain &= (rest == 3) | (rest > 5)
        self.at, self.length, self.closing = at[plain], length[plain], closing[plain]
        self.control, self.addresses = control[plain], (source << 30 | destination)[plain]
        following = window.take(np.minimum(self.closing + 1, len(window) - 1))
        shared = (following & 0xF0 == 0xA0) & (self.closing + 1 < len(window))
        self.next = np.where(shared, self.closing, self.closing + 1)
        self.breaks = np.flatnonzero(self.at[1:] != self.next[:-1])

    def holds(self, position: int) -> int | None:
        """The number of the clean frame that begins at a position of the stream."""
        place = position - self.start
        number = int(np.searchsorted(self.at, place))
        return number if number < len(self.at) and self.at[number] == place else None

    def run(self, first: int) -> Run:
        """The frames from one on that follow each other without a gap, within the window."""
        behind = int(np.searchsorted(self.breaks, first))
        last = int(self.breaks[behind]) + 1 if behind < len(self.breaks) else len(self.at)
        chosen = slice(first, last)
        return Run(self._rows(chosen), self.addresses[chosen], self.start + int(self.next[last - 1]))

    def _rows(self, chosen: slice) -> dict[str, Array]:
        window = self.window
        at, length, closing, control = (
            column[chosen] for column in (self.at, self.length, self.closing, self.control)
        )  # fmt: skip
        flags = np.full(len(at), columns.HDLC | columns.RIGHT, dtype=np.uint8)
        flags |= (window.take(at + 1) & 8) >> 1  # the S bit is that of SEGMENTED
        kind = window.take(control)
        information = control + 3  # behind the control field stands the HCS
        carries = (information < closing - 2) & ((kind & 1 == 0) | (kind & 0xEF == 3))  # I and UI
        head = np.where(carries, information, 0)
        first = np.where(carries, window.take(head), 0).astype(np.uint8)
        llc = carries & (information + 3 <= closing - 2) & (first == COMMAND[0])
        second = third = first
        apdu, tag = head, first
        if llc.any():
            second, third = window.take(head + np.where(llc, 1, 0)), window.take(head + np.where(llc, 2, 0))
            llc &= (second == COMMAND[1]) | (second == RESPONSE[1])
            apdu = np.where(llc, head + 3, head)
            tag = np.where(carries & (apdu < closing - 2), window.take(apdu), 0).astype(np.uint8)
        flags |= np.where(llc, columns.LLC, 0).astype(np.uint8)
        security, counter, counted = self._security(tag, apdu, closing - 2)
        flags |= np.where(counted, columns.COUNTED, 0).astype(np.uint8)
        rows = {
            "start": at + self.start, "length": length + 2, "control": kind, "tag": tag, "security": security,
            "counter": counter, "flags": flags, "shown": shown(kind, first, llc, second, third),
        }  # fmt: skip
        return rows

    def _address(self, at: Array, closing: Array) -> tuple[Array, Array]:
        """An address of one, two or four octets, as its number and its size in two bits, and where the next field
        begins; -1 for any other. Never looks behind the closing flag."""
        window = self.window
        number = window.take(np.minimum(at, closing)).astype(np.int64)
        size = 1
        longer = number & 1 == 0
        number >>= 1
        code = np.zeros(len(at), dtype=np.int64)
        if longer.any():
            octets = [window.take(np.minimum(at + n, closing)).astype(np.int64) for n in (1, 2, 3)]
            two = number << 7 | octets[0] >> 1
            four = two << 14 | octets[1] >> 1 << 7 | octets[2] >> 1
            longest = longer & (octets[0] & 1 == 0)
            number = np.where(longest, four, np.where(longer, two, number))
            code = longer.astype(np.int64) + longest
            odd = longest & ((octets[1] & 1 == 1) | (octets[2] & 1 == 0))
            size = 1 << code
            number = np.where(odd | (at + size >= closing), -1, number << 2 | code)
            return number, np.minimum(at + size, closing)
        return np.where(at + 1 >= closing, -1, number << 2), np.minimum(at + size, closing)

    def _security(self, tag: Array, apdu: Array, end: Array) -> tuple[Array, Array, Array]:
        """Security control and invocation counter of ciphered APDUs, and which rows have them."""
        window = self.window
        ciphered, general = _CIPHERED[tag], _GENERAL[tag]
        none = np.zeros(len(tag), dtype=np.uint8)
        counted = ciphered | general
        if not counted.any():
            return none, none, counted
        at = apdu + 1
        if general.any():
            title = window.take(np.where(general, at, 0)).astype(np.int64)
            counted &= ~general | (title < 0x80)
            at = at + np.where(general, 1 + title, 0)
        counted &= at < end
        size, at = self._length(np.where(counted, at, 0))
        counted &= (size >= 5) & (at + size == end)
        at = np.where(counted, at, 0)
        counter = window.take(at + 1).astype(np.uint32)
        for octet in (2, 3, 4):
            counter = counter << 8 | window.take(at + octet)
        return np.where(counted, window.take(at), 0).astype(np.uint8), np.where(counted, counter, 0), counted

    def _length(self, at: Array) -> tuple[Array, Array]:
        """An A-XDR length of up to two octets, and where what it is of begins; -1 for any other."""
        window = self.window
        size = window.take(at).astype(np.int64)
        longer = size >= 0x80
        if not longer.any():
            return size, at + 1
        octets = size & 0x7F
        last = len(window) - 1
        first = window.take(np.minimum(at + 1, last)).astype(np.int64)
        both = first << 8 | window.take(np.minimum(at + 2, last))
        told = np.where(octets == 1, first, np.where(octets == 2, both, -1))
        return np.where(longer, told, size), at + np.where(longer, 1 + octets, 1)
