"""The records of a log, kept in parts in a temporary file: they are what they would be all in memory, wherever the parts end."""

from __future__ import annotations

import errno
import gzip
import io
import os
import random
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import inputs
from analyzer.inputs import open_traces
from analyzer.model import Direction, Place, Record
from analyzer.sources import InputError, logrecords, read_input
from analyzer.sources.hexlog import read_hexlog
from analyzer.sources.logrecords import LogRecords
from analyzer.sources.parts import Spool
from analyzer.sources.serial import seven_bits
from analyzer.sources.text import Text
from analyzer.sources.timestamps import DAY, Stamp
from tests.test_tracks import log

stamps = st.one_of(
    st.none(),
    st.builds(Stamp, st.text(max_size=5), st.just("clock"), st.sampled_from([0.0, 10.5, 43199.0, 43201.25, 86399.999])),
    st.builds(
        Stamp, st.text(max_size=5), st.just("date"), st.sampled_from([3 * DAY, 3.5 * DAY + 0.125, DAY, 1.7e9 + 0.1])
    ),
    st.builds(Stamp, st.text(max_size=5), st.just("elapsed"), st.sampled_from([0.0, 0.1, 0.7, 5.0])),
)
rows = st.lists(
    st.tuples(
        st.binary(max_size=9),
        st.sampled_from(["unknown", "unknown", "client", "meter"]),
        st.sampled_from([None, -1, 0, 4, 8, 12, 16]),
        stamps,
    ),
    max_size=40,
)


def seconds_of(marks: list[Stamp | None]) -> list[float | None]:
    """The rules for the times of a trace, with all of them at hand."""
    dates = [mark.seconds for mark in marks if mark is not None and mark.kind == "date"]
    absolute = any(mark is not None and mark.kind != "elapsed" for mark in marks)
    elapsed = [mark.seconds for mark in marks if mark is not None and mark.kind == "elapsed"]
    day, last, total = dates[0] // DAY * DAY if dates else 0.0, None, 0.0
    made: list[float | None] = []
    for mark in marks:
        if mark is None or (mark.kind == "elapsed" and absolute):
            made.append(None)
        elif mark.kind == "date":
            day, last = mark.seconds // DAY * DAY, mark.seconds % DAY
            made.append(mark.seconds)
        elif mark.kind == "clock":
            day += DAY if last is not None and mark.seconds < last - DAY / 2 else 0
            last = mark.seconds
            made.append(day + mark.seconds)
        else:
            total = mark.seconds if elapsed == sorted(elapsed) else total + mark.seconds
            made.append(total)
    return made


@settings(max_examples=300, deadline=None)
@given(rows, st.sampled_from([1, 2, 7, 1000]), st.sampled_from([1, 20, 1 << 20]), st.booleans())
def test_records_of_any_parts(rows: list[tuple[bytes, Direction, int | None, Stamp | None]], most: int, largest: int,
                              unknown: bool) -> None:  # fmt: skip
    if unknown:  # so that indentation may tell
        rows = [(data, "unknown", indent, stamp) for data, _, indent, stamp in rows]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(logrecords, "MOST", most)
        patch.setattr(logrecords, "LARGEST", largest)
        made = LogRecords(Spool())
        for number, (data, direction, indent, stamp) in enumerate(rows, 1):
            made.append(data, direction, indent, stamp, Place(number * 3, number))
        told = made.settle()
    indents = sorted({indent for _, _, indent, _ in rows if indent is not None})
    named = any(direction != "unknown" for _, direction, _, _ in rows)
    assert told == (not named and len(indents) == 2 and indents[0] >= 0)
    sides: dict[int | None, Direction] = {indents[0]: "client", indents[1]: "meter"} if told else {}
    seconds = seconds_of([stamp for *_, stamp in rows])
    expected = [
        Record(
            number, data, sides.get(indent, direction), stamp.text if stamp else None, second, Place(number * 3, number)
        )
        for number, ((data, direction, indent, stamp), second) in enumerate(zip(rows, seconds, strict=True), 1)
    ]
    assert list(made) == expected
    assert [made[index] for index in reversed(range(len(made)))] == expected[::-1]
    assert made[1:5] == expected[1:5]
    assert list(made.directed()) == [(record.direction, record.data) for record in expected]
    octets, times = b"", []
    for stretch in made.stretches():
        octets += stretch.octets
        times += stretch.seconds(0, len(stretch.ends))
    assert octets == b"".join(record.data for record in expected) and times == seconds


def test_the_index_of_a_log_is_that_of_its_records(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")
    from analyzer.index.trace import index_of

    monkeypatch.setattr(logrecords, "MOST", 50)
    sides = (
        "TX: 7E A0 07 03 21 93 0F 01 7E",
        "RX: 7E A0 07 21 03 73 2C 74 7E",
        "RX: 7E A0 07 21 03 73 2C",
        "TX: E6 E6 00",
    )
    rng = random.Random(3)
    text = "\n".join(f"10:{n // 60:02}:{n % 60:02} " + sides[rng.choice((0, 1, 0, 1, 0, 1, 2, 3))] for n in range(3000))
    records = read_hexlog(text, "x")[0].records
    one, other = index_of(records), index_of(list(records))
    assert len(one) == len(other) > 2500
    assert [one.frame(row) for row in range(len(one))] == [other.frame(row) for row in range(len(other))]


# -- memory ---------------------------------------------------------------------------------------------------------


def test_memory_does_not_grow_with_a_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = "2026-11-26 10:00:{:02}.{:03} TX: 7E A0 19 03 21 93 EC 6C E6 E6 00 C0 01 C1 00 08 00 00 01 00 00 FF 02 00 60 1A 7E\n"
    monkeypatch.setattr(inputs, "MAPPED_TEXT", 1 << 17)
    monkeypatch.setattr(logrecords, "MOST", 1 << 8)
    peaks = []
    for count in (4_000, 16_000):
        path = tmp_path / f"{count}.log"
        path.write_text("".join(line.format(number // 1000 % 60, number % 1000) for number in range(count)))
        tracemalloc.start()
        (trace,) = open_traces(str(path))
        assert sum(len(record.data) for record in trace) == 27 * count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] * 1.3


def test_a_long_text_out_of_its_packing_or_by_a_pipe_is_read_as_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "".join(f"RX: 7E A0 07 21 03 73 2C 74 7E {number}\n" for number in range(3000)).encode()
    (tmp_path / "a.log").write_bytes(text)
    (tmp_path / "b.log.gz").write_bytes(gzip.compress(text))
    whole = [open_traces(str(tmp_path / name)) for name in ("a.log", "b.log.gz")]
    monkeypatch.setattr(inputs, "MAPPED_TEXT", 1000)
    for name, (known,) in zip(("a.log", "b.log.gz"), whole, strict=True):
        (trace,) = open_traces(str(tmp_path / name))
        assert list(trace) == list(known) and trace.issues == known.issues and len(trace) == 3000


@pytest.mark.parametrize(
    "data", [b"no bytes here, only words\n" * 5000, b"\x21\x93\x0f\x01" * 30_000, b"7E A0\xff" * 30_000]
)
def test_what_is_no_log_is_told_alike_when_it_is_long(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> list[Record] | str:
        try:
            return [
                replace(record, data=record.data[:]) for trace in open_traces(str(tmp_path / "x")) for record in trace
            ]
        except InputError as problem:
            return str(problem)

    (tmp_path / "x").write_bytes(data)
    short = told()
    monkeypatch.setattr(inputs, "MAPPED_TEXT", 1000)
    assert told() == short


# -- lines ----------------------------------------------------------------------------------------------------------


def written(text: str) -> Iterator[str | bytes]:
    yield text
    if not any("\ud800" <= letter <= "\udfff" for letter in text):
        yield text.encode()
        yield text.encode("utf-16")


@given(st.lists(st.tuples(st.text("ab >&é\u2028", max_size=3), st.sampled_from(["\n", "\r\n", "\r", "\r\r\n", "\r\r\r\n"]))),
       st.text("ab", max_size=2))  # fmt: skip
def test_lines_are_the_same_in_any_encoding_and_with_any_ends(parts: list[tuple[str, str]], last: str) -> None:
    text = "".join(line + end for line, end in parts) + last
    for one in written(text):
        lines = list(Text(one).lines())
        if "\r" not in {end for _, end in parts}:
            assert [line.rstrip("\r\n") for line in lines] == [line for line, _ in parts] + [last] * bool(last)
        assert "".join(Text(one).blocks()) == text.replace("\r\n", "\n").replace("\r", "\n")
        assert [Text(one).holds(marks) for marks in (">", "&gt;", "zz")] == [
            marks in text for marks in (">", "&gt;", "zz")
        ]
        assert Text(one).whole().lstrip("\ufeff") == text


def test_an_end_that_went_through_windows_twice_is_one() -> None:
    text = "a\r\r\nb\r\r\r\nc\r\rd\r\n\r\ne\r\r"
    assert [line.rstrip("\r\n") for line in Text(text).lines()] == ["a", "b", "c", "", "d", "", "e", ""]


def test_marks_are_found_where_blocks_meet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.sources.text._BLOCK", 5)
    for at in range(20):
        assert Text(b"x" * at + b"&gt;" + b"x" * 7).holds("&gt;")
    assert not Text(b"&g" * 20).holds("&gt;")


# -- parity ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("window", [1, 64, 1 << 18])
def test_wrong_parity_is_seen_wherever_the_looks_end(window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oracle is to go through all records in any case."""
    monkeypatch.setattr(seven_bits, "_WINDOW", window)
    rng = random.Random(window)
    even = bytes(
        octet | (octet.bit_count() % 2) << 7
        for octet in b"/ISK5ME382-1003\r\n\x020.0.0(12345678)\r\n1.8.0(000123.4*kWh)\r\n!\r\n\x03"
    )
    frame = bytes.fromhex("7EA00A0002FEFF035352547E")
    for _ in range(60):
        pieces = [
            rng.choice((even, frame, rng.randbytes(rng.randrange(9)), b"\x8d\x0a", frame * 40))
            for _ in range(rng.randint(1, 9))
        ]
        if rng.random() < 0.3:
            pieces = [piece for piece in pieces if piece != even]
        octets = b"".join(pieces)
        cuts = sorted(rng.randrange(len(octets) + 1) for _ in range(5))
        records = [
            Record(number, octets[start:end], rng.choice(("client", "meter", "meter")))
            for number, (start, end) in enumerate(zip([0, *cuts], [*cuts, len(octets)], strict=True), 1)
        ]
        trace = seven_bits.Trace("x", "x", records)
        quick = seven_bits.undone(trace)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(seven_bits, "_may_be_wrong", lambda _: ["client", "meter"])
            careful = seven_bits.undone(trace)
        assert (list(quick), quick.issues) == (list(careful), careful.issues)


def test_octets_that_only_could_be_wrong_are_no_reason_to_hold_the_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logrecords, "MOST", 100)
    line = f"10:00:00 RX: {b'1-0:1.8.0(000123.4*kWh)'.hex(' ')}\n"
    text = line.encode() * 10_000
    read_input(text[: len(line) * 100], "x.log", "hex")
    tracemalloc.start()
    (trace,) = read_input(text, "x.log", "hex")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(trace.records, LogRecords) and len(trace) == 10_000
    assert peak < 2 << 20


def test_logs_in_small_parts_read_as_in_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = random.Random(11)
    texts = [log(rng) for _ in range(60)]

    def plain(text: str) -> object:
        try:
            return [(t.name, list(t), t.issues) for t in read_input(text.encode(), "x.log", "hex")]
        except InputError as problem:
            return str(problem)

    known = [plain(text) for text in texts]
    monkeypatch.setattr(logrecords, "MOST", 3)
    assert [plain(text) for text in texts] == known


# -- many traces, and where the disk is full ------------------------------------------------------------------------


def test_memory_does_not_grow_with_the_traces_of_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.sources.logreader.HELD", 1 << 14)
    part = "TX: 7E A0 19 03 21 93 EC 6C E6 E6 00 C0 01 C1 00 08 00 00 01 00 00 FF 02 00 60 1A 7E\n" * 300
    text = "".join(f"## Trace {number} of log\n{part}" for number in range(80))
    known = [trace[299] for trace in read_hexlog(text, "x")]
    tracemalloc.start()
    traces = read_hexlog(text, "x")
    assert [trace[299] for trace in traces] == known and len(traces) == 80
    assert sum(len(record.data) for trace in traces for record in trace) == 80 * 300 * 27
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert held < 80 * 300 * 27


FULL = OSError(errno.ENOSPC, "No space left on device")


def full(*_: object, **__: object) -> NoReturn:
    raise FULL


def test_a_full_disk_is_told_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log"
    path.write_text("TX: 7E A0 07 03 21 93 0F 01 7E\n" * 50)
    monkeypatch.setattr(logrecords, "MOST", 20)
    monkeypatch.setattr("tempfile.tempdir", "/some/folder")
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    with pytest.raises(InputError, match=r"a\.log: the temporary folder /some/folder: no space left on device$"):
        open_traces(str(path))


def test_what_is_short_needs_no_temporary_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.log.gz"
    path.write_bytes(gzip.compress(b"TX: 7E A0 07 03 21 93 0F 01 7E\n" * 4000))
    monkeypatch.setattr("tempfile.TemporaryFile", full)
    assert len(open_traces(str(path))[0]) == 4000
    monkeypatch.setattr(inputs, "MAPPED_TEXT", 50_000)
    with pytest.raises(InputError, match=r"a.log.gz: .*no space left on device$"):
        open_traces(str(path))


# -- files that somebody cuts off while they are read -----------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_that_becomes_shorter_is_told_on_a_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, terminal, at = tmp_path / "a.log", Terminal(), inputs._Progress.at
    path.write_bytes(b"TX: 7E A0 07 03 21 93 0F 01 7E\n" * 50_000)

    def look(self: inputs._Progress, octets: int) -> None:
        at(self, octets)
        if octets >= 1 << 19:
            os.truncate(path, 100)

    for name, value in (("MAPPED_TEXT", 1 << 17), ("PATIENCE", 0.0), ("_Progress.at", look)):
        monkeypatch.setattr(f"analyzer.inputs.{name}", value)
    monkeypatch.setattr("sys.stderr", terminal)
    with pytest.raises(InputError, match=r"^a\.log: the file became shorter while it was open"):
        open_traces(str(path))
    assert "reading a.log" in terminal.getvalue() and terminal.getvalue().endswith("\r\033[K")
