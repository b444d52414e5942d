"""The check sequences of many HDLC frames at once.

CRC-16/X.25 is linear: what an octet adds to the remainder depends on its distance from the end alone, so the remainder of
a frame is the exclusive or of one table entry for every two octets. One table of 65,536 entries for each distance, made from
the tables of `fastcrc` when it is first needed; long frames, of which there are few, are left to `fastcrc`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from analyzer.index.columns import Array
from grammars.hdlc import GOOD_RESIDUE, crc16_x25

LONGEST = 160  # octets of a frame that tables are made for: 80 tables of 128 KiB
FEW = 24  # frames of one length that are not worth the call of NumPy for every two octets


def are_right(octets: Array, starts: Array, lengths: Array) -> Array:
    """Whether the check sequence of each range holds: ranges from `starts` (int64), `lengths` octets long with the two
    of the check at the end. `octets` is uint8; every range lies inside it."""
    right = np.zeros(len(starts), dtype=bool)
    counts = np.bincount(lengths)
    for length in np.flatnonzero(counts).tolist():
        chosen = slice(None) if counts[length] == len(starts) else np.flatnonzero(lengths == length)
        begin = starts[chosen]
        if length > LONGEST or len(begin) < FEW:
            right[chosen] = [
                crc16_x25(octets[at : at + length].tobytes()) == GOOD_RESIDUE for at in begin.tolist()
            ]  # fmt: skip
        else:
            right[chosen] = _remainders(octets, begin, length) == _good(length)
    return right


def _remainders(octets: Array, starts: Array, length: int) -> Array:
    """The remainder of each range of one length, up to a constant of the length."""
    rows = np.ndarray((len(octets) - length + 1,), dtype=f"V{length}", buffer=octets, strides=(1,))[starts]
    matrix = rows.view(np.uint8).reshape(len(starts), length)
    odd = length & 1
    pairs = np.ascontiguousarray(matrix[:, odd:]).view("<u2") if odd else matrix.view("<u2")
    remainder = _table(length // 2 + 1, True).take(matrix[:, 0]) if odd else np.zeros(len(starts), dtype=np.uint16)
    count = pairs.shape[1]
    for column in range(count):
        remainder ^= _table(count - column, False).take(pairs[:, column])
    return remainder


@lru_cache(2 * LONGEST)
def _table(distance: int, single: bool) -> Array:
    """What two octets (or one, `single`, before all pairs) add that stand `distance` pairs from the end."""
    if single:
        # One octet with `distance - 1` pairs behind it is a pair of which the first octet is nought.
        return _table(distance, False)[np.arange(256, dtype=np.uint32) << 8]
    if distance == 1:
        pairs = np.arange(0x10000, dtype=np.uint32)
        octet = _octet_table()
        first = octet[pairs & 0xFF]
        return ((first >> 8) ^ octet[(first ^ (pairs >> 8)) & 0xFF]).astype(np.uint16)
    return _table(1, False)[_table(distance - 1, False)]


@lru_cache(1)
def _octet_table() -> Array:
    """The table of CRC-16/X.25 for one octet, without the inversions at both ends."""
    base = crc16_x25(b"\x00")
    plain = np.array([crc16_x25(bytes([n])) ^ base for n in range(256)], dtype=np.uint16)
    return plain


@lru_cache(LONGEST)
def _good(length: int) -> int:
    """The remainder of right ranges of this length, by the same tables."""
    octets = bytes(length - 2)
    whole = octets + crc16_x25(octets).to_bytes(2, "little")
    view = np.frombuffer(whole, dtype=np.uint8)
    return int(_remainders(view, np.zeros(1, dtype=np.int64), length)[0])
