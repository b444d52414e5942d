"""HDLC frames of a clean stretch, many at once: by the same rules as `framings.hdlc`, as long as every frame is right.

Within a window all places that may begin a frame are found; each has a length, a closing flag and a check sequence that hold
or do not; and those that follow each other without a gap are frames. Where the chain breaks, the careful way has to go on.

The first octets of all frames of a window are one matrix (`HEAD` columns), so a field is a column of it, once the frames are
grouped by the length of their addresses.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from analyzer.framings.hdlc import SHORTEST_HDLC
from analyzer.index import checks, columns
from analyzer.index.sides import STRANGE, Links, shown
from grammars.hdlc import FLAG
from grammars.llc import COMMAND, RESPONSE
from grammars.tables.apdu import APDU_TAGS

Array = Any  # numpy.ndarray
WINDOW = 1 << 20  # octets that are looked at in one go: what fits the caches
BEHIND = 2048 + 64  # octets behind a window in which its last frame ends
HEAD = (
    40  # octets of a frame with all that the columns tell: 3, addresses 8, 1, HCS 2, LLC 3, tag 1, title 9, length 3, 5
)
ADDRESSES = 3  # where the addresses begin
_CIPHERED = np.array([APDU_TAGS.get(tag, "").startswith(("glo-", "ded-")) for tag in range(256)], dtype=bool)
_GENERAL = np.array(
    [APDU_TAGS.get(tag, "") in ("general-glo-ciphering", "general-ded-ciphering") for tag in range(256)], dtype=bool
)
TITLE = 8  # octets of a system title


def _sizes(lows: int) -> int:
    """The octets of both addresses, by the low bits of the eight octets where they are: each ends at the first that is
    set, after one, two or four octets. 0 for other addresses."""
    at = 0
    for _ in range(2):
        size = next((n for n in range(1, 5) if at + n <= 8 and lows >> (8 - at - n) & 1), 0)
        if size not in (1, 2, 4):
            return 0
        at += size
    return at


_SIZES = np.array([_sizes(lows) for lows in range(256)], dtype=np.int64)
_LOW_BITS, _GATHER, _TOP = np.uint64(0x0101010101010101), np.uint64(0x8040201008040201), np.uint64(56)
_MASKS = np.array([(1 << 8 * size) - 1 for size in range(9)], dtype=np.uint64)


class Run(NamedTuple):
    """Frames that follow each other: their columns, and what each shows of its sender (`shown`); where the next begins."""

    rows: dict[str, Array]
    end: int


class Clean:
    """The clean frames of one window of octets."""

    def __init__(self, octets: Array, start: int, links: Links) -> None:
        """`octets` is all of the stream as uint8; the window begins at `start`."""
        self.start = start
        self.stop = min(len(octets), start + WINDOW)  # frames that begin behind it are for another window
        self.window = window = octets[start : self.stop + BEHIND]
        size = len(window)
        if size < HEAD + WINDOW:  # the end of the stream: the matrix needs octets behind its last frame
            window = np.concatenate((window, np.zeros(HEAD, dtype=np.uint8)))
        at = self._begins(window, self.stop - start)
        format_ = _rows_of(window, at + 1, 2).view(">u2")[:, 0]
        length = (format_ & 0x7FF).astype(np.int64)
        closing = np.minimum(at + 1 + length, size - 1)
        ends = _rows_of(window, closing, 2)
        good = (ends[:, 0] == FLAG) & (length >= SHORTEST_HDLC) & (closing == at + 1 + length)
        at, length, closing, ends = _only(good, at, length, closing, ends)
        heads = _rows_of(window, at, HEAD)
        keys, sizes = _addresses(heads)
        codes, known = links.codes(keys, sizes)
        good = checks.are_right(window, at + 1, length)
        rest = length - 2 - sizes  # from the control field to the closing flag
        good &= (codes != STRANGE) & ((rest == 3) | (rest > 5))
        self.at, self.length, closing, self.heads, self.codes, self.sizes, ends = _only(
            good, at, length, closing, heads, codes, sizes, ends
        )
        self.known = known
        shared = ends[:, 1] & 0xF0 == 0xA0
        if len(closing) and closing[-1] + 1 == size:
            shared[-1] = False  # what stands there was only added
        self.next = closing + 1 - shared
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
        return Run(self._rows(slice(first, last)), self.start + int(self.next[last - 1]))

    @staticmethod
    def _begins(window: Array, size: int) -> Array:
        """Where a flag stands with the format of type 3 behind it, within the first `size` octets."""
        begins = window[:size] == FLAG
        begins &= window[1 : size + 1] & 0xF0 == 0xA0
        return np.flatnonzero(begins)

    def _rows(self, chosen: slice) -> dict[str, Array]:
        """The columns of some frames."""
        at, length, sizes = self.at[chosen], self.length[chosen], self.sizes[chosen]
        heads = self.heads[chosen]
        made: dict[str, Array] = {"start": at + self.start, "length": length + 2, "codes": self.codes[chosen]}
        first = int(sizes[0])
        if (sizes == first).all():
            return made | _fields(heads, length, ADDRESSES + first)
        fields: dict[str, Array] = {}
        for size in np.unique(sizes).tolist():
            group = np.flatnonzero(sizes == size)
            for name, column in _fields(heads[group], length[group], ADDRESSES + size).items():
                fields.setdefault(name, np.empty(len(at), dtype=column.dtype))[group] = column
        return made | fields


def _rows_of(window: Array, at: Array, width: int) -> Array:
    """`width` octets from each place, as a matrix."""
    every = np.ndarray((len(window) - width + 1,), dtype=f"V{width}", buffer=window, strides=(1,))
    return every[at].view(np.uint8).reshape(len(at), width)


def _only(good: Array, *arrays: Array) -> tuple[Array, ...]:
    """The rows of arrays that are good; in the common case all of them."""
    return arrays if good.all() else tuple(array[good] for array in arrays)


def _addresses(heads: Array) -> tuple[Array, Array]:
    """The octets of both addresses as one number, and how many they are; 0 for none that the profile has."""
    octets = np.ascontiguousarray(heads[:, ADDRESSES : ADDRESSES + 8]).view("<u8")[:, 0]
    lows = (octets & _LOW_BITS) * _GATHER >> _TOP  # the low bit of each octet, as the bits of one, the first on top
    sizes = _SIZES[lows]
    first = sizes[0] if len(sizes) else 0
    if (sizes == first).all():
        return octets & _MASKS[first], sizes
    return octets & _MASKS[sizes], sizes


def _fields(heads: Array, length: Array, at: int) -> dict[str, Array]:
    """The columns of frames whose control field stands at one place of the matrix."""
    kind = heads[:, at]
    information, end = at + 3, length - 1  # the places in the frame, the second that of the check sequence
    flags = (heads[:, 1] & 8) >> 1 | (columns.HDLC | columns.RIGHT)  # the S bit is that of SEGMENTED
    carries = (end > information) & ((kind & 1 == 0) | (kind & 0xEF == 3))  # I and UI
    first, second, third = (heads[:, information + n] for n in range(3))
    llc = carries & (first == COMMAND[0]) & (end >= information + 3)
    if llc.any():
        llc &= (second == COMMAND[1]) | (second == RESPONSE[1])
    tag = np.where(llc, heads[:, information + 3], first)
    filled = carries & (end > information + 3 * llc)
    tag = tag * filled
    flags |= llc * np.uint8(columns.LLC)
    security, counter = np.zeros(len(tag), dtype=np.uint8), np.zeros(len(tag), dtype=np.uint32)
    general = _GENERAL[tag]
    ciphered = _CIPHERED[tag] | general
    for under_llc in (True, False) if ciphered.any() else ():
        for titled in (False, True):
            group = np.flatnonzero(ciphered & (llc == under_llc) & (general == titled))
            if len(group):
                _count(heads, end, group, information + 3 * under_llc + 1, titled, security, counter, flags)
    return {
        "control": kind, "tag": tag, "security": security, "counter": counter, "flags": flags,
        "shown": shown(kind, first * carries, llc, second, third),
    }  # fmt: skip


def _count(
    heads: Array, end: Array, rows: Array, at: int, titled: bool, security: Array, counter: Array, flags: Array
) -> None:
    """Fills in security control and invocation counter of ciphered APDUs that show them behind lengths that fit; `at` is the
    place behind their tag."""
    if titled:
        rows = rows[heads[rows, at] == TITLE]
        at += 1 + TITLE
    size = heads[rows, at].astype(np.int64)
    told = {1: size, 2: None, 3: None}
    if len(size) and size.max() >= 0x80:
        one = heads[rows, at + 1].astype(np.int64)
        told = {
            1: size,
            2: np.where(size == 0x81, one, -1),
            3: np.where(size == 0x82, one << 8 | heads[rows, at + 2], -1),
        }
        told[1] = np.where(size < 0x80, size, -1)
    for lead, length in told.items():
        if length is None:
            continue
        place = at + lead
        fit = (length >= 5) & (place + length == end[rows])
        found = rows if fit.all() else rows[fit]
        if len(found):
            flags[found] |= columns.COUNTED
            security[found] = heads[found, place]
            counter[found] = np.ascontiguousarray(heads[found, place + 1 : place + 5]).view(">u4")[:, 0]
