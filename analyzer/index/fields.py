"""The columns of many frames out of one matrix: the first octets of each, `HEAD` of them."""

from __future__ import annotations

import numpy as np

from analyzer.framings.wrapper import WRAPPER_HEADER
from analyzer.index import columns
from analyzer.index.columns import FRAMINGS, Array
from analyzer.index.row import CIPHERED, GENERAL, TITLES
from analyzer.index.sides import shown
from grammars.llc import COMMAND, RESPONSE

# Octets of an HDLC frame with all that the columns tell: 3, addresses 8, 1, HCS 2, LLC 3, tag 1, title 9, length 3, 5.
HEAD = 40
ADDRESSES = 3  # where the addresses of HDLC begin
_HDLC, _WRAPPER = (np.uint8(FRAMINGS.index(framing)) for framing in ("hdlc", "wrapper"))
_CIPHERED, _GENERAL = (np.array([tag in tags for tag in range(256)], dtype=bool) for tags in (CIPHERED, GENERAL))


def rows_of(window: Array, at: Array, width: int) -> Array:
    """`width` octets from each place, as a matrix."""
    every = np.ndarray((len(window) - width + 1,), dtype=f"V{width}", buffer=window, strides=(1,))
    return every[at].view(np.uint8).reshape(len(at), width)


def hdlc_fields(heads: Array, length: Array, at: int) -> dict[str, Array]:
    """The columns of HDLC frames whose control field stands at one place of the matrix; `length` is that between the
    flags."""
    kind = heads[:, at]
    information, end = at + 3, length - 1  # the places in the frame, the second that of the check sequence
    flags = (heads[:, 1] & 8) >> 1 | columns.RIGHT  # the S bit is that of SEGMENTED
    carries = (end > information) & ((kind & 1 == 0) | (kind & 0xEF == 3))  # I and UI
    first, second, third = (heads[:, information + n] for n in range(3))
    llc = carries & (first == COMMAND[0]) & (end >= information + 3)
    if llc.any():
        llc &= (second == COMMAND[1]) | (second == RESPONSE[1])
    tag = np.where(llc, heads[:, information + 3], first)
    filled = carries & (end > information + 3 * llc)
    tag = tag * filled
    flags |= llc * np.uint8(columns.LLC)
    return {
        "framing": _HDLC, "control": kind, "tag": tag, **_protection(heads, end, tag, llc, information, flags),
        "shown": shown(kind, first * carries, llc, second, third),
    }  # fmt: skip


def wrapper_fields(heads: Array, length: Array) -> dict[str, Array]:
    """The columns of PDUs of the wrapper, so many octets long with their header."""
    first, second, third = (heads[:, WRAPPER_HEADER + n] for n in range(3))
    none = np.zeros(len(heads), dtype=bool)
    led = (first == COMMAND[0]) & ((second == COMMAND[1]) | (second == RESPONSE[1])) & (length >= WRAPPER_HEADER + 3)
    flags = np.zeros(len(heads), dtype=np.uint8)
    return {
        "framing": _WRAPPER, "tag": first, **_protection(heads, length, first, none, WRAPPER_HEADER, flags),
        "shown": shown(flags, first, led, second, third),
    }  # fmt: skip


def _protection(heads: Array, end: Array, tag: Array, llc: Array, payload: int, flags: Array) -> dict[str, Array]:
    """Security control and counter of ciphered APDUs, and the flags with what is said of them. The payload begins at one place
    of the matrix, perhaps with an LLC header, and ends at `end`."""
    security, counter = np.zeros(len(tag), dtype=np.uint8), np.zeros(len(tag), dtype=np.uint32)
    general = _GENERAL[tag]
    ciphered = _CIPHERED[tag]
    for under_llc in (True, False) if ciphered.any() else ():
        group = np.flatnonzero(ciphered & (llc == under_llc))
        at, titled = payload + 3 * under_llc + 1, general[group]
        if titled.any():
            title = heads[group, at]
            for size in TITLES:
                _count(heads, end, group[titled & (title == size)], at + 1 + size, security, counter, flags)
            group = group[~titled]
        _count(heads, end, group, at, security, counter, flags)
    return {"security": security, "counter": counter, "flags": flags}


def _count(heads: Array, end: Array, rows: Array, at: int, security: Array, counter: Array, flags: Array) -> None:
    """Fills in security control and invocation counter of ciphered APDUs that show them behind lengths that fit, or that tell of
    more where segments follow; `at` is the place of their length."""
    if not len(rows):
        return
    size = heads[rows, at].astype(np.int64)
    told = {1: size, 2: None, 3: None}
    if size.max() >= 0x80:
        one = heads[rows, at + 1].astype(np.int64)
        told = {
            1: size,
            2: np.where(size == 0x81, one, -1),
            3: np.where(size == 0x82, one << 8 | heads[rows, at + 2], -1),
        }
        told[1] = np.where(size < 0x80, size, -1)
    stop = end[rows]
    goes_on = flags[rows] & columns.SEGMENTED != 0
    segments = bool(goes_on.any())
    for lead, length in told.items():
        if length is None:
            continue
        place = at + lead
        fit = (length >= 5) & (place + length == stop)
        if segments:
            fit |= goes_on & (place + length > stop) & (place + 5 <= stop)
        found = rows if fit.all() else rows[fit]
        if len(found):
            flags[found] |= columns.COUNTED
            security[found] = heads[found, place]
            counter[found] = np.ascontiguousarray(heads[found, place + 1 : place + 5]).view(">u4")[:, 0]
