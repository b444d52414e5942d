"""Captures that are still being written: from a pipe, in a file that grows; messages come while it goes on."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
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


@pytest.mark.parametrize("step", [1, 7, 100])
def test_messages_come_before_the_capture_ends(step: int) -> None:
    pipe = Pipe(captured.pcapng(captured.timed(talk(reads=50)), 101), step)
    coming = follow_capture(pipe, "pipe")
    messages = decode(next(coming))
    first = next(messages)
    assert first.wire == REQUEST
    # the header, the handshake, the packet, and what was read ahead with it
    assert pipe.stream.tell() < 1000 + step
    assert [m.wire for m in messages] == [ANSWER, *[REQUEST, ANSWER] * 49]
    assert not list(coming)


def test_connections_that_wait_for_their_turn() -> None:
    one, two = talk(), talk((("10.1.0.6", 50000), captured.METER))
    packets = [datagram for pair in zip(one, two, strict=True) for datagram in pair]
    made = captured.pcap(captured.timed(packets), 101)
    found = [
        (trace.name, [record.data for record in trace]) for trace in follow_capture(io.BytesIO(made[:-10]), "pipe")
    ]
    assert [name for name, _ in found] == ["10.1.0.5:51000 -> 10.1.0.9:4059", "10.1.0.6:50000 -> 10.1.0.9:4059"]
    assert all(data == [REQUEST, ANSWER] * 2 for _, data in found)


def test_a_closed_connection_makes_room_for_the_next() -> None:
    """Software that connects anew for each reading: nobody waits for the end of the capture to see the second one."""
    one = Connection().say(0, REQUEST).say(1, ANSWER).close().datagrams()
    late = [captured.ipv4("10.1.0.5", "10.1.0.9", 6, captured.tcp(51000, 4059, 1002 + len(REQUEST), 0, 24, REQUEST))]
    two = talk((("10.1.0.6", 50000), captured.METER), 50)
    pipe = Pipe(captured.pcap(captured.timed([*one, *two, *late]), 101), 64)
    coming = follow_capture(pipe, "pipe")
    assert [record.data for record in next(coming)] == [REQUEST, ANSWER]
    second = iter(next(coming))
    assert next(second).data == REQUEST
    assert pipe.stream.tell() < 2000
    assert len(list(second)) == 99
    (rest,) = coming
    assert (rest.name, [record.data for record in rest]) == (
        "10.1.0.5:51000 -> 10.1.0.9:4059, after its end",
        [REQUEST],
    )


def test_issues_are_complete_when_the_stream_has_ended() -> None:
    made = captured.pcap(captured.timed(talk()), 101) + b"\0\0\0"
    traces = []
    for trace in follow_capture(io.BytesIO(made), "pipe"):
        traces.append(trace)
        assert [record.number for record in trace] == [1, 2, 3, 4]
    assert [issue.severity for issue in traces[0].issues] == ["error"]


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


def test_what_cannot_be_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "hex.log"
    path.write_text("7E A0 07 03 21 93 0F 01 7E\n")
    assert main(["decode", str(path), "--follow"]) == 2
    assert "only captures" in capsys.readouterr().err
    assert main(["decode", str(path), "--follow", "--format", "json"]) == 2
    assert main(["decode", "--live", "lo", "--format", "json"]) == 2
    assert "jsonl" in capsys.readouterr().err
    assert main(["decode", "--live", "lo", str(path)]) == 2
    assert main(["decode", str(path), "--filter", "tcp"]) == 2
    assert "--reader wireshark" in capsys.readouterr().err


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
