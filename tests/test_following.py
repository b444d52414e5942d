"""Captures that are still being written: from a pipe, in a file that grows; messages come while it goes on."""

from __future__ import annotations

import gzip
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.cli import main
from analyzer.fed import Fed
from analyzer.inputs import followed
from analyzer.message import Message
from analyzer.sources import InputError
from analyzer.sources.arrivals import Arrival
from analyzer.sources.pcap.capture import follow_capture
from tests import captured
from tests.captured import Connection
from tests.support import CLOCK, GET_CLOCK, ROOT, wrapped

REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)


def talk(ends=(captured.CLIENT, captured.METER), reads: int = 2) -> list[bytes]:
    connection = Connection(ends)
    for _ in range(reads):
        connection.say(0, REQUEST).say(1, ANSWER)
    return connection.datagrams()


class Pipe:
    """A stream that hands out a few octets at a time and says how many were read."""

    def __init__(self, data: bytes, step: int) -> None:
        self.stream = io.BytesIO(data)
        self.step = step

    def read(self, size: int, /) -> bytes:
        return self.stream.read(min(size, self.step))


def messages(arrivals) -> Iterator[tuple[str, Message]]:
    """The messages of each trace, when they are complete."""
    decoders: dict[int, Fed] = {}
    for arrival in arrivals:
        decoder = decoders.setdefault(id(arrival.trace), Fed())
        for record in arrival.records:
            yield from ((arrival.trace.name, message) for message in decoder.feed(record))


@pytest.mark.parametrize("step", [1, 7, 100])
def test_messages_come_before_the_capture_ends(step: int) -> None:
    pipe = Pipe(captured.pcapng(captured.timed(talk(reads=50)), 101), step)
    coming = messages(follow_capture(pipe, "pipe"))
    assert next(coming)[1].wire == REQUEST
    # the header, the handshake, the packet, and what was read ahead with it
    assert pipe.stream.tell() < 1000 + step
    assert [m.wire for _, m in coming] == [ANSWER, *[REQUEST, ANSWER] * 49]


def test_no_connection_waits_for_another() -> None:
    """Two that are open at once: each message comes with its packet, in the order of the packets."""
    one, two = talk(), talk((("10.1.0.6", 50000), captured.METER))
    packets = [datagram for pair in zip(one, two, strict=True) for datagram in pair]
    made = captured.pcap(captured.timed(packets), 101)
    found = list(messages(follow_capture(io.BytesIO(made[:-10]), "pipe")))
    names = ["10.1.0.5:51000 -> 10.1.0.9:4059", "10.1.0.6:50000 -> 10.1.0.9:4059"]
    assert [name for name, _ in found] == names * 4
    assert [m.wire for _, m in found] == [REQUEST, REQUEST, ANSWER, ANSWER] * 2


def test_a_connection_that_begins_late_and_one_that_goes_on_behind_its_end() -> None:
    one = Connection().say(0, REQUEST).say(1, ANSWER).close().datagrams()
    late = [captured.ipv4("10.1.0.5", "10.1.0.9", 6, captured.tcp(51000, 4059, 1002 + len(REQUEST), 0, 24, REQUEST))]
    two = talk((("10.1.0.6", 50000), captured.METER), 50)
    pipe = Pipe(captured.pcap(captured.timed([*one, *two, *late]), 101), 64)
    ended: list[str] = []

    def noted() -> Iterator[Arrival]:
        for arrival in follow_capture(pipe, "pipe"):
            ended.extend([arrival.trace.name] * arrival.ended)
            yield arrival

    coming = messages(noted())
    first = [next(coming) for _ in range(3)]
    assert [name[:8] for name, _ in first] == ["10.1.0.5", "10.1.0.5", "10.1.0.6"]
    assert set(ended) == {"10.1.0.5:51000 -> 10.1.0.9:4059"}
    assert pipe.stream.tell() < 2000
    rest = list(coming)
    assert len(rest) == 100
    assert (rest[-1][0][:8], rest[-1][1].number, rest[-1][1].wire) == ("10.1.0.5", 3, REQUEST)


def test_issues_are_complete_when_the_stream_has_ended() -> None:
    made = captured.pcap(captured.timed(talk()), 101) + b"\0\0\0"
    arrivals = list(follow_capture(io.BytesIO(made), "pipe"))
    assert [record.number for arrival in arrivals for record in arrival.records] == [1, 2, 3, 4]
    assert [issue.severity for issue in arrivals[0].trace.issues] == ["error"]


def test_without_dlms_one_line_says_so() -> None:
    with pytest.raises(InputError, match="no DLMS"):
        list(follow_capture(io.BytesIO(captured.pcap([], 101)), "pipe"))


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    made = captured.pcap(captured.timed(talk()), 101)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(made)))
    assert main(["decode", "-", "--format", "summary"]) == 0
    out = capsys.readouterr().out
    assert out.count("GET request") == 2
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(made)))
    assert main(["diagnose", "-"]) == 0
    assert "standard input" in capsys.readouterr().out


def test_a_file_that_grows_shows_a_message_within_half_a_second(tmp_path: Path) -> None:
    path = tmp_path / "growing.pcapng"
    packets = list(captured.timed(talk(reads=4)))
    path.write_bytes(captured.section() + captured.interface(101, resolution=9))
    command = [sys.executable, "-u", "-m", "analyzer.cli", "decode", str(path), "--follow", "--format", "summary"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
    ) as process:
        assert process.stdout is not None
        lines: list[tuple[float, str]] = []
        reader = threading.Thread(target=lambda: [lines.append((time.monotonic(), line)) for line in process.stdout])
        reader.start()
        try:
            delays = []
            for number, (moment, data) in enumerate(packets):
                with path.open("ab") as file:
                    file.write(captured.enhanced(data, moment))
                written, before = time.monotonic(), len(lines)
                if number < 3 or len(data) <= 40:
                    continue
                limit = time.monotonic() + (20 if not before else 5)  # the first waits for the program to start
                while not any("GET re" in line for _, line in lines[before:]) and time.monotonic() < limit:
                    time.sleep(0.005)
                found = [moment for moment, line in lines[before:] if "GET re" in line]
                assert found, lines
                delays.append(found[0] - written)
            assert len(delays) == 8
            assert sorted(delays[1:])[len(delays) // 2] < 0.5
        finally:
            process.terminate()
            reader.join()


def lines_of(path: Path, *options: str) -> tuple[subprocess.Popen[str], list[tuple[float, str]]]:
    command = [sys.executable, "-u", "-m", "analyzer.cli", "decode", str(path), "--follow", "--format", "summary"]
    process = subprocess.Popen([*command, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    lines: list[tuple[float, str]] = []
    threading.Thread(
        target=lambda: [lines.append((time.monotonic(), line)) for line in process.stdout or ()], daemon=True
    ).start()
    return process, lines


@pytest.mark.parametrize("text", [True, False], ids=["a log", "octets"])
def test_a_log_and_a_dump_that_grow(tmp_path: Path, text: bool) -> None:
    path = tmp_path / "growing"
    pieces = [REQUEST, ANSWER] * 4
    path.write_bytes(b"")
    process, lines = lines_of(path)
    try:
        delays = []
        for number, piece in enumerate(pieces):
            with path.open("ab") as file:
                file.write(f"{'RX' if number % 2 else 'TX'}: {piece.hex(' ')}\n".encode() if text else piece)
            written, before = time.monotonic(), len(lines)
            while not any("GET re" in line for _, line in lines[before:]) and time.monotonic() < written + 20:
                time.sleep(0.005)
            delays += [moment - written for moment, line in lines[before:] if "GET re" in line]
        assert len(delays) == len(pieces)
        assert sorted(delays[1:])[len(delays) // 2] < 0.5
        path.unlink()
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait()


def test_one_trace_of_several(tmp_path: Path) -> None:
    path = tmp_path / "two.log"
    path.write_text(f"FIRST\n=====\nTX: {REQUEST.hex(' ')}\n\nSECOND\n======\nTX: {ANSWER.hex(' ')}\n")
    followed_ = followed(f"{path}#2")
    arrival = next(iter(followed_.arrivals()))
    assert [record.data for record in arrival.records] == [ANSWER]


@pytest.mark.parametrize(("end", "said"), [("shorter", "shorter"), ("replaced", "replaced"), ("removed", "removed")])
def test_a_file_that_goes_away(tmp_path: Path, end: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analyzer.watching.file.GLANCE", 0.0)
    path = tmp_path / "going.log"
    path.write_text(f"TX: {REQUEST.hex(' ')}\n")
    watched = followed(str(path))
    coming = watched.arrivals()
    assert next(coming).records[0].data == REQUEST
    if end == "shorter":
        os.truncate(path, 3)
        with pytest.raises(InputError, match="has become shorter"):
            list(coming)
        return
    if end == "replaced":
        (tmp_path / "new").write_text("x")
        os.replace(tmp_path / "new", path)
    else:
        path.unlink()
    assert list(coming) == []
    assert said in watched.note


def test_stopping_ends_it_and_closes_the_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(f"TX: {REQUEST.hex(' ')}\n")
    watched, found = followed(str(path)), []
    thread = threading.Thread(target=lambda: found.extend(watched.arrivals()))
    thread.start()
    while not found:
        time.sleep(0.01)
    watched.stop()
    thread.join(5)
    assert not thread.is_alive()
    assert not [fd for fd in os.listdir("/proc/self/fd") if os.path.realpath(f"/proc/self/fd/{fd}") == str(path)]


def test_what_cannot_be_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hex.log"
    path.write_text("7E A0 07 03 21 93 0F 01 7E\n")
    assert main(["decode", str(path), "--follow", "--format", "json"]) == 2
    assert main(["decode", "--live", "lo", "--format", "json"]) == 2
    assert "jsonl" in capsys.readouterr().err
    assert main(["decode", "--live", "lo", str(path)]) == 2
    assert main(["decode", str(path), "--filter", "tcp"]) == 2
    assert "--reader wireshark" in capsys.readouterr().err
    assert main(["decode", f"{path}#meter", "--follow"]) == 2
    assert main(["decode", "-", "--follow"]) == 2
    assert main(["decode", str(tmp_path / "none"), "--follow"]) == 2
    packed = tmp_path / "log.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert main(["decode", str(packed), "--follow"]) == 2
    said = capsys.readouterr().err
    assert "by its number" in said and "takes a file" in said and "no such file" in said and "packed" in said
    assert said.count("\n") == 4


def test_mixed_connections_by_a_pipe(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = talk(), talk((("10.1.0.6", 50000), captured.METER))
    packets = [datagram for pair in zip(one, two, strict=True) for datagram in pair]
    for form in ("jsonl", "xml", "tree", "summary"):
        made = captured.pcap(captured.timed(packets), 101) + b"\0\0\0"
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(made)))
        assert main(["decode", "-", "--format", form]) == 0
        out, err = capsys.readouterr()
        if form == "jsonl":
            lines = [json.loads(line) for line in out.splitlines()]
            assert [line["trace"][:8] for line in lines] == ["10.1.0.5", "10.1.0.6"] * 4
            assert "breaks off" in err or "cut" in err or "ends" in err
        elif form == "summary":
            assert out.count("10.1.0.6:50000 -> 10.1.0.9:4059  (") == 4  # each time that the trace changes


def test_progress_is_shown_on_a_terminal_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from analyzer import inputs

    path = tmp_path / "big.pcap"
    path.write_bytes(captured.pcap(captured.timed(talk(reads=2000)), 101))
    monkeypatch.setattr(inputs, "PATIENCE", 0.0)
    monkeypatch.setattr(inputs, "POLL", 0.0)
    for terminal in (True, False):
        said = io.StringIO()
        said.isatty = lambda terminal=terminal: terminal  # type: ignore[method-assign]
        monkeypatch.setattr(sys, "stderr", said)
        (trace,) = inputs.open_traces(str(path))
        assert len(trace) == 4000
        assert ("reading big.pcap" in said.getvalue()) == terminal
        assert not terminal or said.getvalue().endswith("\r\033[K")
