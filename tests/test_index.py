"""The index is exactly what the careful way finds: rows, frames, directions; over clean, damaged and arbitrary streams."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from math import isnan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.frame import Frame, addresses
from analyzer.framing import frames_of
from analyzer.index import checks, clean, sides
from analyzer.index.row import row_of
from analyzer.index.sides import Links
from analyzer.index.trace import TraceIndex, index_of
from analyzer.model import Record
from analyzer.reassembly import units_of
from grammars.hdlc import GOOD_RESIDUE, crc16_x25
from tests.hdlc_frames import ADDRESSES, CONTROLS, PAYLOADS, four, hdlc

np = pytest.importorskip("numpy")

BEGUN = (
    "E6E700CC8203FC300000000701020304",
    "E6E700DB084B464D102030405081F0110000000901",
    "E6E600C87F30000000",
    "CB05300000000A",
)
ALL_PAYLOADS = (*PAYLOADS, *BEGUN)
frames = st.builds(
    hdlc,
    st.sampled_from(ADDRESSES),
    st.sampled_from(ADDRESSES),
    st.sampled_from(CONTROLS),
    st.sampled_from(ALL_PAYLOADS),
    st.booleans(),
)
between = st.sampled_from(
    [b"\x7e\x7e"] * 6 + [b"\x7e"] * 3 + [b"\x7e\x7e\x7e", b"\x7e\x00\x7e", b"\x7e/?!\r\n\x7e", b""]
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Frames of a line, with whatever stands between them, and damage."""
    made = bytearray(b"\x7e")
    for frame in draw(st.lists(frames, max_size=12)):
        made += frame + draw(between)
    for _ in range(draw(st.integers(0, 3)) if made else 0):
        at = draw(st.integers(0, len(made)))
        how = draw(st.integers(0, 3))
        if how == 0:
            made[at : at + 1] = b""
        elif how == 1:
            made[at:at] = draw(st.sampled_from([b"\x7e", b"\x00", b"\xa0", b"/ABC5x\r\n", b"\xe6\xe6\x00\xc0"]))
        elif how == 2 and at < len(made):
            made[at] ^= draw(st.integers(1, 255))
        else:
            del made[at + draw(st.integers(0, 20)) :]
    return bytes(made)


def check(data: bytes) -> None:
    """Index and careful way agree about a stream, and no octet is lost."""
    index = check_records([Record(1, data)])
    end = 0
    for row in index.columns.rows():
        assert row["start"] in (end, end - 1), "two frames share at most a flag"
        end = row["start"] + row["length"]
    assert end == len(data)


def check_records(records: Sequence[Record]) -> TraceIndex:
    """Index and careful way agree about a trace: rows, frames, and the message that each is a part of."""
    wanted = list(frames_of(records))
    index = index_of(records)
    assert list(index.frames()) == wanted
    links: dict[object, int] = {}
    messages = numbered(wanted)
    assert index.messages == max(messages, default=0)
    for row, frame, message in zip(index.columns.rows(), wanted, messages, strict=True):
        place, start = int(row["record"]), int(row["start"])
        assert records[place].number == frame.records[0]
        octets = records[place].data[start : start + len(frame.data)]
        assert frame.data.startswith(octets) and octets
        assert octets == frame.data or len(frame.records) > 1
        time = row.pop("time")
        assert time == frame.seconds or (frame.seconds is None and isnan(time))
        link = links.setdefault(addresses(frame), min(len(links), Links.MOST))
        expected = row_of(frame, start, link)
        expected.pop("time", None)
        assert row == {**expected, "record": place, "message": message}
    return index


def numbered(frames: list[Frame]) -> list[int]:
    """The number of the message of each frame, as the joiner says by itself."""
    made = [0] * len(frames)
    marked = [replace(frame, records=(row,)) for row, frame in enumerate(frames)]
    for number, unit in enumerate(units_of(marked), 1):
        for frame in unit.frames:
            made[frame.records[0]] = number
    return made


@settings(max_examples=400, deadline=None)
@given(streams(), st.sampled_from([40, 97, 1 << 18]), st.sampled_from([1, 32]))
def test_streams(data: bytes, window: int, few: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clean, "WINDOW", window)
        patch.setattr(checks, "FEW", 2)
        patch.setattr(sides, "FEW", few)
        check(data)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_arbitrary_octets(data: bytes) -> None:
    check(data)


def conversation(count: int, seed: int = 1) -> Iterator[bytes]:
    """Frames of many kinds, with their flags."""
    pick = random.Random(seed)
    for _ in range(count):
        frame = hdlc(pick.choice(ADDRESSES), pick.choice(ADDRESSES), pick.choice(CONTROLS), pick.choice(PAYLOADS))
        yield b"\x7e" + frame + (b"\x7e" if pick.random() < 0.9 else b"")


def test_a_long_stream_over_several_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clean, "WINDOW", 1 << 15)
    check(b"".join(conversation(8_000)))


@pytest.mark.parametrize("behind", range(38, 62))
def test_a_stream_that_ends_soon_behind_a_window(behind: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = (b"\x7e" + hdlc("0221", "03", 0x10, "E6E600C0" + "11" * 60) + b"\x7e") * 20
    monkeypatch.setattr(clean, "WINDOW", len(data) - behind)
    check(data)


def test_damage_everywhere_in_a_long_stream() -> None:
    data = bytearray(b"".join(conversation(8_000, 2)))
    pick = random.Random(3)
    for _ in range(300):
        data[pick.randrange(len(data))] ^= 1 << pick.randrange(8)
    check(bytes(data))


def test_the_thread_that_it_was_born_from_has_frames_without_llc() -> None:
    check(bytes.fromhex("7EA00AFEFF03410000537E".replace(" ", "")))


def test_very_many_different_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a column can number, and more in one window than are looked for one by one."""
    monkeypatch.setattr(Links, "MOST", 1500)
    monkeypatch.setattr("analyzer.index.sides.STRANGE", 900)
    monkeypatch.setattr("analyzer.index.clean.STRANGE", 900)
    monkeypatch.setattr("analyzer.index.batches.STRANGE", 900)
    pick = random.Random(4)
    made = (
        hdlc(*pick.choice([(four(n), "03"), ("03", four(n))]), pick.choice(CONTROLS), pick.choice(PAYLOADS))
        for n in (*range(2_000), *(pick.randrange(2_000) for _ in range(500)))
    )
    check(b"".join(b"\x7e" + frame + b"\x7e" for frame in made))


@pytest.mark.parametrize("most", [0, 1, 4])
def test_more_addresses_than_are_kept(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a frame may come as that of one side first, and as that of the other later: an echo."""
    monkeypatch.setattr("analyzer.senders.MOST_PAIRS", most)
    monkeypatch.setattr("analyzer.index.rows.MOST_PAIRS", most)
    monkeypatch.setattr("analyzer.index.sides.FEW", 1)
    frames = [b"\x7e" + hdlc(*ends, 0x11, "") + b"\x7e" for ends in (("21", "23"), ("23", "21"), ("25", "27"))]
    first = b"\x7e" + hdlc("31", "33", 0x93, "") + b"\x7e"
    for seed in range(30):
        pick = random.Random(seed)
        check(first + b"".join(pick.choice(frames) for _ in range(40)))


@pytest.mark.parametrize("most", [1, 5])
def test_crowded_windows(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.index.sides.CROWDED", most)
    monkeypatch.setattr("analyzer.index.sides.MANY", most)
    check(b"".join(conversation(3_000, 5)))


@pytest.mark.parametrize("most", [1, 4, 9])
def test_more_pairs_of_addresses_than_are_kept(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends is then told by each frame alone, in the index as well."""
    monkeypatch.setattr("analyzer.senders.MOST_PAIRS", most)
    check(b"".join(conversation(2_000, 7)))


@pytest.mark.parametrize("octets", ["7E", "7EA0", "7EA007", "00", "10", "E500", "68", "A0", "0001", "2F414243"])
def test_noise(octets: str) -> None:
    """The same octets for ever, behind a frame and before one."""
    frame = b"\x7e" + hdlc("0221", "03", 0x10, PAYLOADS[1]) + b"\x7e"
    check(frame + bytes.fromhex(octets) * 9_000 + frame)


def test_a_line_that_idles_is_cut_at_the_same_places_in_any_parts() -> None:
    """Nothing but flags for longer than what is read in one go."""
    frame = b"\x7e" + hdlc("0221", "03", 0x10, PAYLOADS[1]) + b"\x7e"
    data = frame + b"\x7e" * 600_000 + frame
    check(data)
    assert max(len(one.data) for one in frames_of([Record(1, data)])) < 5_000


def test_lengths_that_lie_tell_no_counter() -> None:
    """Octets behind the APDU, wherever the frame stands: the careful way says the same."""
    frames = [hdlc("0221", "03", 0x10, "E6E600" + "C80730000000020102" + "FF" * n) for n in range(4)]
    check(b"".join(b"\x7e" + frame + b"\x7e" for frame in frames))
    check(b"".join(b"\x00\x7e" + frame + b"\x7e" for frame in frames))


@given(st.integers(2, 200), st.integers(1, 60), st.randoms(use_true_random=False))
def test_check_sequences_of_many_frames(length: int, count: int, pick: random.Random) -> None:
    made = []
    for _ in range(count):
        octets = pick.randbytes(length - 2)
        made.append(octets + crc16_x25(octets).to_bytes(2, "little") if pick.random() < 0.7 else pick.randbytes(length))
    data = np.frombuffer(b"".join(made), dtype=np.uint8)
    starts = np.arange(count, dtype=np.int64) * length
    right = checks.are_right(data, starts, np.full(count, length, dtype=np.int64))
    assert right.tolist() == [crc16_x25(frame) == GOOD_RESIDUE for frame in made]


def test_memory_of_the_columns() -> None:
    index = index_of([Record(1, b"".join(list(conversation(2_000)) * 10))])
    assert index.columns.octets < 2 * 27 * len(index)
    assert isinstance(index, TraceIndex)
