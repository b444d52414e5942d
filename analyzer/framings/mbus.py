"""Wired M-Bus frames: delimited by their length, which overflows in some meters, and told by checksum and stop."""

from __future__ import annotations

from analyzer.frame import FrameIssue
from analyzer.framings.cut import WAIT, Cut, Found
from grammars.mbus import FUNCTIONS, HEADER, LONG_START, SHORT_START, SINGLE, STOP, TRAILER, checksum

OVERFLOW = 256
LONGEST_OVERFLOW = 4 * OVERFLOW  # octets; a longer telegram has not been seen


def long_at(data: bytes, at: int, final: bool) -> Found:
    """A long frame: 68 L L 68. One whose checksum fails counts where the stop and a known C field say so."""
    head = data[at : at + HEADER]
    if len(head) < HEADER:
        return WAIT if head[:1] == bytes((LONG_START,)) and (len(head) < 3 or head[1] == head[2]) else None
    if head[1] != head[2] or head[3] != LONG_START:
        return None
    begin = at + HEADER
    for length in range(head[1], LONGEST_OVERFLOW, OVERFLOW):
        end = begin + length
        if end + TRAILER > len(data):
            break
        if length >= 3 and data[end + 1] == STOP and checksum(data[begin:end]) == data[end]:
            return Cut("mbus", at, end + TRAILER, end + TRAILER)
    end = begin + head[1]
    if end + TRAILER > len(data):
        if not final:
            return WAIT
        text = f"the length says {head[1]} octets, {max(0, len(data) - begin)} are present"
        known = len(data) > begin and data[begin] in FUNCTIONS
        return Cut("mbus", at, len(data), len(data), (FrameIssue("mbus-checksum", text, 1, 3),)) if known else None
    if data[end + 1] == STOP and data[begin] in FUNCTIONS and head[1] >= 3:
        return Cut("mbus", at, end + TRAILER, end + TRAILER)
    if not final and len(data) - begin < LONGEST_OVERFLOW and data[begin] in FUNCTIONS and head[1] < 3:
        return WAIT
    return None


def right_at(data: bytes, at: int, end: int) -> bool:
    """Whether a long frame with a right checksum begins at `at` and ends before `end`."""
    begin = at + HEADER
    check = begin + data[at + 1]
    return (
        check + 1 < end
        and check - begin >= 3
        and data[check + 1] == STOP
        and checksum(data[begin:check]) == data[check]
    )


def short_at(data: bytes, at: int, final: bool) -> Found:
    """A short frame: 10 C A checksum 16, five octets that all have to fit."""
    octets = data[at : at + 5]
    if len(octets) < 5:
        return None
    if octets[4] == STOP and octets[1] in FUNCTIONS and checksum(octets[1:3]) == octets[3]:
        return Cut("mbus", at, at + 5, at + 5)
    return None


def single_at(data: bytes, at: int, final: bool) -> Found:
    """E5 alone, or before another frame. One octet proves little, so it has to stand where a frame may: see `is_single`."""
    if at + 1 == len(data) or data[at + 1] in (LONG_START, SHORT_START, SINGLE):
        return Cut("mbus", at, at + 1, at + 1)
    return None


def is_single(cut: Cut) -> bool:
    """Whether a frame is nothing but E5, which is believed behind another frame, and where the octets begin."""
    return cut.framing == "mbus" and cut.end - cut.start == 1
