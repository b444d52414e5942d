"""HDLC frames of a clean stretch, many at once: by the same rules as `framings.hdlc`, as long as every frame is right.

Within a window all places that may begin a frame are found; each has a length, a closing flag and a check sequence that hold
or do not; and those that follow each other without a gap are frames. Where the chain breaks, the careful way has to go on.

The first octets of all frames of a window are one matrix, so a field is a column of it, once the frames are grouped by the
length of their addresses.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from analyzer.framings.hdlc import SHORTEST_HDLC
from analyzer.index import checks
from analyzer.index.columns import Array
from analyzer.index.fields import ADDRESSES, HEAD, hdlc_fields, rows_of
from analyzer.index.sides import STRANGE, Links
from grammars.hdlc import FLAG

WINDOW = 1 << 20  # octets that are looked at in one go: what fits the caches
BEHIND = 2048 + 64  # octets behind a window in which its last frame ends


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

    def __init__(self, data: bytes, start: int, links: Links) -> None:
        """`data` is all of the stream; the window begins at `start`. It is copied: of a mapped file only slices are safe."""
        self.start = start
        self.stop = min(len(data), start + WINDOW)  # frames that begin behind it are for another window
        window = np.frombuffer(data[start : self.stop + BEHIND], dtype=np.uint8)
        size = len(window)
        if size < WINDOW + BEHIND:  # the end of the stream: the matrices need octets behind its last frame
            window = np.concatenate((window, np.zeros(HEAD, dtype=np.uint8)))
        at = self._begins(window, self.stop - start)
        format_ = rows_of(window, at + 1, 2).view(">u2")[:, 0]
        length = (format_ & 0x7FF).astype(np.int64)
        closing = np.minimum(at + 1 + length, size - 1)
        ends = rows_of(window, closing, 2)
        good = (ends[:, 0] == FLAG) & (length >= SHORTEST_HDLC) & (closing == at + 1 + length)
        at, length, closing, ends = _only(good, at, length, closing, ends)
        heads = rows_of(window, at, HEAD)
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
        return Run(self.rows(slice(first, last)), self.start + int(self.next[last - 1]))

    @staticmethod
    def _begins(window: Array, size: int) -> Array:
        """Where a flag stands with the format of type 3 behind it, within the first `size` octets."""
        begins = window[:size] == FLAG
        begins &= window[1 : size + 1] & 0xF0 == 0xA0
        return np.flatnonzero(begins)

    def rows(self, chosen: slice) -> dict[str, Array]:
        """The columns of some frames."""
        at, length, sizes = self.at[chosen], self.length[chosen], self.sizes[chosen]
        heads = self.heads[chosen]
        made: dict[str, Array] = {"start": at + self.start, "length": length + 2, "codes": self.codes[chosen]}
        first = int(sizes[0])
        if (sizes == first).all():
            return made | hdlc_fields(heads, length, ADDRESSES + first)
        fields: dict[str, Array] = {}
        for size in np.unique(sizes).tolist():
            group = np.flatnonzero(sizes == size)
            for name, column in hdlc_fields(heads[group], length[group], ADDRESSES + size).items():
                fields.setdefault(name, np.empty(len(at), dtype=column.dtype))[group] = column
        return made | fields


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
