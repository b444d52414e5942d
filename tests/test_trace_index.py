"""The index of a trace of many records is exactly what the careful way finds: told and untold sides, mixed framings, echoes,
damage, frames over several records, segments."""

from __future__ import annotations

import random
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.index import batches, sides
from analyzer.index.trace import index_of
from analyzer.model import Direction, Record, Trace
from analyzer.sources.parts import Spool
from analyzer.sources.pcap.columns import Columns
from tests.hdlc_frames import CONTROLS, PAYLOADS, hdlc
from tests.support import wrapped
from tests.test_index import ALL_PAYLOADS, check_records

pytest.importorskip("numpy")

SIDES: tuple[Direction, ...] = ("client", "meter", "unknown")
REQUEST, ANSWER = ("0221", "03"), ("03", "0221")
OTHER = bytes.fromhex("680B0B6808016100011067AABBCC04169E16E5105B01DC16")  # telegrams of M-Bus, one damaged
hdlc_octets = st.builds(
    lambda ends, control, payload, more: b"\x7e" + hdlc(*ends, control, payload, more) + b"\x7e",
    st.sampled_from([REQUEST, ANSWER, ("21", "03"), ("03", "21"), ("03", "03"), ("0002FEFF", "03")]),
    st.sampled_from(CONTROLS),
    st.sampled_from(ALL_PAYLOADS),
    st.sampled_from([False, False, False, True]),
)
wrapper_octets = st.builds(
    lambda payload, ends: wrapped(bytes.fromhex(payload), *ends),
    st.sampled_from((*PAYLOADS, "DB0008", "99", "60", "61", "D8", "0F")),
    st.sampled_from([(16, 1), (1, 16), (1, 1), (102, 1), (1, 102)]),
)
others = st.one_of(
    st.just(OTHER), st.binary(max_size=12), st.sampled_from([b"", b"\x7e", b"\x00\x01", b"/?!\r\n", b"\x06050\r\n"])
)


def records_of(parts: list[tuple[Direction, bytes, float | None]], carrier: str = "") -> list[Record]:
    return [
        Record(number, data, side, None if time is None else str(time), time, carrier=carrier)
        for number, (side, data, time) in enumerate(parts, 1)
    ]


@st.composite
def traces(draw: st.DrawFn) -> list[Record]:
    """Clean records in runs, with something else between them."""
    sides = draw(st.sampled_from([("unknown",), ("client", "meter"), ("meter", "client"), SIDES]))
    kind = draw(st.sampled_from([hdlc_octets, wrapper_octets, st.one_of(hdlc_octets, wrapper_octets)]))
    pool = draw(st.lists(kind, min_size=1, max_size=6))
    parts: list[tuple[Direction, bytes, float | None]] = []
    for _ in range(draw(st.integers(1, 8))):
        for _ in range(draw(st.integers(0, 6))):
            data = b"".join(draw(st.sampled_from(pool)) for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))))
            parts.append((draw(st.sampled_from(sides)), data, draw(st.sampled_from([None, 1.5, 1700000000.123456]))))
        how = draw(st.integers(0, 5))
        if parts and how == 0:
            parts.append(parts[-1])
        elif parts and how == 1:
            side, data, time = parts.pop()
            at = draw(st.integers(0, len(data)))
            parts += [(side, data[:at], time), (side, data[at:], time)]
        elif parts and how == 2:
            side, data, time = parts.pop()
            at = draw(st.integers(0, max(0, len(data) - 1)))
            parts.append((side, data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :], time))
        elif how == 3:
            parts.append((draw(st.sampled_from(sides)), draw(others), None))
        elif parts and how == 4:
            parts[-1] = (parts[-1][0], parts[-1][1].removesuffix(b"\x7e"), None)
    return records_of(parts, draw(st.sampled_from(["", "tcp"])))


@settings(max_examples=300, deadline=None)
@given(traces(), st.sampled_from([1, 2, 8]), st.sampled_from([3, 1 << 14]), st.sampled_from([1, 20]))
def test_traces(records: list[Record], few: int, most: int, decisive: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "FEW", few)
        patch.setattr(batches, "MOST", most)
        patch.setattr(sides, "FEW", few)
        patch.setattr("analyzer.senders.DECISIVE", decisive)
        check_records(records)


def long_talk(seed: int, count: int = 4000) -> list[Record]:
    """A log of a client and a meter, with an echo, a damaged frame, a cut one and a transfer in segments now and then."""
    pick = random.Random(seed)
    parts: list[tuple[Direction, bytes, float | None]] = []
    for number in range(count):
        asks = number % 2 == 0
        ends, side = (REQUEST, SIDES[0]) if asks else (ANSWER, SIDES[1])
        apdu = ("C8" if asks else "CC") + "0A30" + f"{number:08X}" + "0102030405"
        payload = ("E6E600" if asks else "E6E700") + apdu
        data = b"\x7e" + hdlc(*ends, 0x10 | number % 8 << 5, payload, pick.random() < 0.01) + b"\x7e"
        if pick.random() < 0.01:
            parts.append((side, data[:9], number / 10))
            data = data[9:]
        elif pick.random() < 0.01:
            data = data[:12] + b"\x55" + data[13:]
        parts.append((side, data, number / 10))
    return records_of(parts)


def test_a_long_log() -> None:
    index = check_records(long_talk(1))
    assert index.messages < len(index) and "message" in index.columns


def test_a_log_with_echoes_from_one_place_on() -> None:
    records = long_talk(2, 400)
    echoed = [
        one
        for record in records[200:]
        for one in ((record, replace(record, direction="meter")) if record.direction == "client" else (record,))
    ]
    check_records([replace(record, number=number) for number, record in enumerate(records[:200] + echoed, 1)])


@pytest.mark.parametrize("spilled", [False, True])
def test_records_of_a_capture(spilled: bool) -> None:
    """Which are columns already: in memory, or partly in a temporary file."""
    pick, spool, columns = random.Random(3), Spool(), Columns("tcp")
    columns.sides = ("client", "meter", "unknown")
    for number in range(600):
        data = wrapped(bytes.fromhex(pick.choice(PAYLOADS[1:])), *((16, 1), (1, 16))[number % 2])
        if pick.random() < 0.02:
            data = data[:-1]
        columns.append(number % 2, data, None if number < 40 else 1_700_000_000_123_456_789 + 7_919 * number)
        if spilled and number % 250 == 249:
            columns.spill(spool)
    index = check_records(columns)
    assert index.columns.octets < 60 * (1 << 14)


def test_a_trace_needs_no_columns_that_say_nothing() -> None:
    records = records_of(
        [
            (SIDES[n % 2], b"\x7e" + hdlc(*(REQUEST, ANSWER)[n % 2], 0x10, PAYLOADS[1]) + b"\x7e", None)
            for n in range(60)
        ]
    )
    index = index_of(Trace("a", "a", records))
    assert len(index) == 60 and "time" not in index.columns and "message" not in index.columns
    assert index.columns["message"].tolist() == list(range(1, 61))


def test_threads_that_look_at_one_capture_see_the_same() -> None:
    """One goes through the records, which are in the temporary file, while others look at some."""
    spool, records = Spool(), Columns("tcp")
    for number in range(2000):
        records.append(0, number.to_bytes(4, "big") * 8, number)
        if number % 100 == 99:
            records.spill(spool)

    def looked(seed: int) -> bool:
        pick = random.Random(seed)
        places = [pick.randrange(2000) for _ in range(3000)]
        return all(records[place].data == place.to_bytes(4, "big") * 8 for place in places)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(3) as pool:
            assert all(pool.map(looked, range(3)))
    finally:
        sys.setswitchinterval(interval)
