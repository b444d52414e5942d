"""An APDU whose last segment never comes holds up nothing for ever, and no octet is lost over it."""

from __future__ import annotations

import pickle
from collections.abc import Iterable

import pytest

from analyzer import reassembly
from analyzer.decoding import decode
from analyzer.frame import Frame
from analyzer.framing import frames_of
from analyzer.model import Record, Trace
from analyzer.reassembly import Joiner, Unit, units_of
from tests.hdlc_frames import PAYLOADS, four, hdlc

SEGMENT = hdlc("03", "0221", 0x10, "E6E700C4010101", True)


def framed(*frames: bytes) -> list[Frame]:
    return list(frames_of([Record(n, b"\x7e" + frame + b"\x7e") for n, frame in enumerate(frames, 1)]))


def asked(address: str, sequence: int = 0) -> bytes:
    return hdlc(address, "03", 0x10 | sequence % 8 << 1, PAYLOADS[1])


def most_kept(frames: Iterable[Frame]) -> tuple[int, list[Unit]]:
    """How many frames wait at most, and all units."""
    joiner, most, given, made = Joiner(), 0, 0, []
    for count, frame in enumerate(frames, 1):
        units = joiner.feed(frame)
        given += sum(len(unit.frames) for unit in units)
        made += units
        most = max(most, count - given)
    return most, made + joiner.end()


def test_an_end_that_never_comes_on_one_of_many_links(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reassembly, "SILENT", 100)
    frames = framed(SEGMENT, *(asked(four(n), n) for n in range(1000)))
    most, units = most_kept(frames)
    assert most == 101
    assert [unit.frames[0].data for unit in units] == [frame.data for frame in frames]
    assert [unit.complete for unit in units] == [False, *[True] * 1000]


def test_segments_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reassembly, "LONGEST", 300)
    frames = framed(*(hdlc("03", "0221", 0x10 | n % 8 << 1, f"{n:08x}", True) for n in range(2000)))
    most, units = most_kept(frames)
    assert most == 301
    assert b"".join(unit.wire for unit in units) == b"".join(frame.data for frame in frames)
    assert not any(unit.complete for unit in units)


def test_many_links_with_an_open_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each goes on now and then; units come out in the order in which they begin all the same."""
    monkeypatch.setattr(reassembly, "SILENT", 100)
    monkeypatch.setattr(reassembly, "LONGEST", 300)
    frames = framed(
        *(hdlc("03", four(n % 70), 0x10 | n // 70 % 8 << 1, f"E6E700{n:08x}", n % 13 > 0) for n in range(3000))
    )
    most, units = most_kept(frames)
    assert most <= 301
    begun = [frames.index(unit.frames[0]) for unit in units]
    assert begun == sorted(begun)
    assert sum(len(unit.frames) for unit in units) == len(frames)


def test_what_waits_can_be_put_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reassembly, "SILENT", 20)
    frames = framed(SEGMENT, *(asked(four(n), n) for n in range(60)), SEGMENT)
    joiner, made = Joiner(), []
    for frame in frames:
        made += joiner.feed(frame)
        joiner = pickle.loads(pickle.dumps(joiner))
    assert [*made, *joiner.end()] == list(units_of(frames))


def test_the_longest_answer_of_one_meter_stays_whole() -> None:
    """64 KiB in segments of 32 octets, each acknowledged."""
    records = [b"\x7e" + hdlc("0221", "03", 0x10, PAYLOADS[1]) + b"\x7e"]
    for n in range(2048):
        head = "E6E700C401C10009820000" if n == 0 else ""
        records.append(b"\x7e" + hdlc("03", "0221", 0x10 | n % 8 << 1, head + f"{n:064x}", n < 2047) + b"\x7e")
        records.append(b"\x7e" + hdlc("0221", "03", 0x11 | (n + 1) % 8 << 5, "") + b"\x7e")
    trace = Trace("t", "t", tuple(Record(n, data) for n, data in enumerate(records, 1)))
    (answer,) = (message for message in decode(trace) if len(message.frames) > 1)
    assert answer.complete and len(answer.frames) == 2048
