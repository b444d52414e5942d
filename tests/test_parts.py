"""A long record is read in parts: its frames do not depend on where these end."""

from __future__ import annotations

from functools import cache
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import framing
from analyzer.frame import Frame
from analyzer.framing import frames_of
from analyzer.inputs import open_traces
from analyzer.model import Record
from tests.test_pages import CAPTURES

LONG = 250  # octets; the frames here are no longer
MARGIN = 6200  # octets, three of the longest frames of HDLC: what tells the end of one that is damaged
SELECT, ACK, REQUEST, ANSWER = (
    bytes.fromhex(octets) for octets in ("1040014116", "E5", "107B017C16", "6808086808010001010203041516")
)
TEXTS = (
    b"/?!\r\n",
    b"/ABC5 METER\r\n",
    b"\x06250\r\n",
    b"\x021.8.0(001*kWh)\r\n!\r\n\x03\x07",
    b"\x01B0\x03q",
    b"\x15",
)
BETWEEN = (b"",) * 8 + (b"\x7e", b"\xe5", b"\xe5", b"\x00", b"\xff\x10", b"\x68", b"/", b"\x7e\x7e\x7e")


@cache
def samples() -> tuple[bytes, ...]:
    """Frames of every framing, out of the captures that come along, each kind a few times."""
    kinds: dict[tuple[str, str | None], list[bytes]] = {}
    for path in CAPTURES:
        for trace in open_traces(str(path)):
            for frame in frames_of(trace):
                known = kinds.setdefault((frame.framing, frame.kind), [])
                if len(known) < 6 and len(frame.data) <= LONG:
                    known.append(frame.data)
    assert {framing for framing, _ in kinds} >= {"hdlc", "wrapper", "mbus", "p1", "none"}
    return (SELECT, ACK, REQUEST, ANSWER, *TEXTS, *(data for known in kinds.values() for data in known))


def dump_of(pick: Random, wrapper: bool) -> bytes:
    """Frames of some framings after one another, with what may stand between, and damage."""
    chosen = [one for one in samples() if wrapper or b"\0\1" not in one]
    some = pick.sample(chosen, pick.randrange(1, 7))
    made = bytearray()
    for _ in range(pick.choice([1500, 3000]) if wrapper else pick.choice([20, 200, 400])):
        made += pick.choice(some) + pick.choice((*BETWEEN, b"\0\1") if wrapper else BETWEEN)
    for _ in range(pick.choice([0, 0, 3, 20])):
        made[pick.randrange(len(made))] = pick.choice([0x7E, 0xE5, 0x68, 0x10, 0x2F, 0xC0, 0xFF])
    return bytes(made)


def read_in_parts(data: bytes, part: int, margin: int = MARGIN) -> list[Frame]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(framing, "PART", part)
        patch.setattr(framing, "MARGIN", margin)
        return list(frames_of([Record(1, data)]))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 1 << 32), st.sampled_from([1, 64, 333, 1000, 3000]))
def test_frames_do_not_depend_on_the_parts(seed: int, part: int) -> None:
    data = dump_of(Random(seed), False)
    assert read_in_parts(data, part) == read_in_parts(data, 1 << 20)


@pytest.mark.parametrize("seed", range(6))
def test_neither_do_those_of_the_wrapper(seed: int) -> None:
    """Their lengths may lie by 64 KiB."""
    data = dump_of(Random(seed), True)
    assert read_in_parts(data, 20_000, framing.MARGIN) == read_in_parts(data, 1 << 20)
