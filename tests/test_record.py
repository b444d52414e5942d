"""Recording: what passes is unchanged, what is recorded is what passed, also when somebody is killed in the middle."""

from __future__ import annotations

import asyncio
import contextlib
import io
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record, Trace
from analyzer.recording.live import LONGEST, Live
from analyzer.recording.proxy import Proxy
from analyzer.recording.recorder import Recorder
from analyzer.recording.serial_port import Line, Settings, opened
from analyzer.sources import read_input
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.pcap.files import CaptureFile
from analyzer.sources.pcap.packed import Opened
from tests.support import GET_CLOCK, ROOT, Conversation, ciphered, keys, plain

Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[Any, Any, None]]


async def proxied(path: Path, meter: Peer, client: Peer, connections: int = 1) -> None:
    """Runs clients against a meter through a proxy that records to a file."""
    server = await asyncio.start_server(meter, "127.0.0.1", 0)
    notes: list[str] = []
    recorder = Recorder(str(path), notes.append)
    proxy = Proxy(server.sockets[0].getsockname()[:2], recorder, lambda name: None, notes.append)
    ((host, port),) = await proxy.start("127.0.0.1", 0)

    async def one() -> None:
        reader, writer = await asyncio.open_connection(host, port)
        await client(reader, writer)
        writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    for _ in range(200):
        if sum("closed;" in note for note in notes) == connections:
            break
        await asyncio.sleep(0.01)
    await proxy.stop()
    server.close()
    recorder.close()
    assert sum("closed;" in note for note in notes) == connections, notes


def everything(path: Path) -> Trace:
    """The only trace of a capture, also one of a connection that never had a whole frame."""
    (trace,) = open_traces(str(path), choice=Choice(everything=True))
    return trace


def sides(trace: Trace) -> dict[str, bytes]:
    return {side: b"".join(r.data for r in trace if r.direction == side) for side in ("client", "meter")}


@pytest.mark.parametrize("framing", ["hdlc", "wrapper"])
def test_a_session_passes_and_its_capture_has_the_same_messages(framing: str, tmp_path: Path) -> None:
    talk = ciphered(framing)

    async def meter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for record in talk.records:
            if record.direction == "client":
                assert await reader.readexactly(len(record.data)) == record.data
            else:
                writer.write(record.data)
        writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for record in talk.records:
            if record.direction == "client":
                writer.write(record.data)
            else:
                assert await reader.readexactly(len(record.data)) == record.data
        assert await reader.read() == b""

    asyncio.run(proxied(tmp_path / "x.pcapng", meter, client))
    (trace,) = read_input((tmp_path / "x.pcapng").read_bytes(), "x.pcapng")
    told = [(m.direction, m.wire, m.plain_apdu) for m in decode(trace, keys())]
    assert told == [(m.direction, m.wire, m.plain_apdu) for m in decode(talk.trace(), keys())]


def test_half_close_stops_one_direction_only(tmp_path: Path) -> None:
    async def meter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read()  # until the client has ended
        await asyncio.sleep(0.05)
        writer.write(request[::-1])
        writer.write_eof()
        writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"/?!\r\n")
        writer.write_eof()
        assert await reader.read() == b"\n\r!?/"

    asyncio.run(proxied(tmp_path / "x.pcapng", meter, client))


@pytest.mark.parametrize("who", ["client", "meter"])
@pytest.mark.parametrize("how", ["close", "reset"])
def test_either_side_may_go_in_the_middle_of_a_frame(who: str, how: str, tmp_path: Path) -> None:
    frames = [record.data for record in plain().records[:2]]

    async def leave(writer: asyncio.StreamWriter) -> None:
        await writer.drain()
        await asyncio.sleep(0.05)
        if how == "reset":
            raw = writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.close()

    async def meter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(len(frames[0]) if who == "meter" else 4)
        if who == "meter":
            writer.write(frames[1][:5])
            await leave(writer)
        else:
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frames[0] if who == "meter" else frames[0][:4])
        if who == "client":
            await leave(writer)
        else:
            assert await reader.readexactly(5) == frames[1][:5]
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)

    asyncio.run(proxied(tmp_path / "x.pcapng", meter, client))
    trace = everything(tmp_path / "x.pcapng")
    expected = (
        {"client": frames[0], "meter": frames[1][:5]} if who == "meter" else {"client": frames[0][:4], "meter": b""}
    )
    assert sides(trace) == expected


def test_what_was_sent_before_a_side_closed_arrives(tmp_path: Path) -> None:
    data = random.Random(1).randbytes(3 << 20)

    async def meter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        writer.close()  # while the client has not read anything yet

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        assert await reader.read(-1) == data

    asyncio.run(proxied(tmp_path / "x.pcapng", meter, client))


def test_a_meter_that_is_not_there_is_told(tmp_path: Path) -> None:
    async def run() -> list[str]:
        notes: list[str] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            target = free.getsockname()
        recorder = Recorder(str(tmp_path / "x.pcapng"), notes.append)
        proxy = Proxy(target, recorder, lambda name: None, notes.append)
        ((host, port),) = await proxy.start("127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(host, port)
        with pytest.raises(ConnectionError):
            await reader.readexactly(1) if await reader.read(1) else (_ for _ in ()).throw(ConnectionError)
        writer.close()
        await proxy.stop()
        return notes

    notes = asyncio.run(run())
    (note,) = [note for note in notes if "cannot be reached" in note]
    assert note.endswith(": Connection refused")
    packets = list(CaptureFile(Opened(io.BytesIO((tmp_path / "x.pcapng").read_bytes()))))
    assert [packet.data[47] for packet in packets] == [2, 4 | 16]  # SYN, and RST with ACK


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(bytes(octet ^ 0xFF for octet in data[:1]) + data[1:])
        await writer.drain()
    writer.close()


def test_many_connections_at_once_keep_their_octets(tmp_path: Path) -> None:
    size, count = 40_000, 12

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data = os.urandom(size)
        writer.write(data)
        writer.write_eof()
        answer = await reader.read(-1)
        assert len(answer) == size and sum(a != b for a, b in zip(answer, data, strict=True)) < size / 100

    asyncio.run(proxied(tmp_path / "x.pcapng", echo, client, count))


MARK = 0xB0  # with a number: an octet that begins no frame


def sessions(count: int) -> list[list[tuple[str, bytes]]]:
    """Conversations that differ: HDLC and wrapper, long and short answers, the last frame cut in the middle."""
    made = []
    for number in range(count):
        random_ = random.Random(number)
        talk = Conversation("wrapper" if number % 2 else "hdlc")
        talk.connect()
        for _ in range(random_.randrange(1, 12)):
            size = random_.choice([1, 100, 2000, 9000]) if number % 2 else random_.randrange(1, 100)
            talk.request(GET_CLOCK)
            talk.reply(bytes.fromhex("C401C1000982") + size.to_bytes(2, "big") + random_.randbytes(size))
        said = [(record.direction, record.data) for record in talk.records]
        last = len(said) - 1 - number // 2 % 2  # that of the meter, or of the client
        side, data = said[last]
        made.append([*said[:last], (side, data[: len(data) // 2])])
    return made


@pytest.mark.parametrize("how", ["close", "reset"])
def test_the_capture_of_many_connections_has_the_messages_that_were_sent(how: str, tmp_path: Path) -> None:
    """In pieces of any size, side by side, whoever goes in the middle of a frame."""
    talks = sessions(16)

    async def part(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, own: str, number: int) -> None:
        random_, talk = random.Random(f"{own} {number}"), talks[number]
        for direction, data in talk:
            if direction == own:
                at = 0
                while at < len(data):
                    step = random_.choice([1, 3, 700, 1 << 16])
                    writer.write(data[at : at + step])
                    await writer.drain()
                    at += step
                    await asyncio.sleep(0)
            else:
                assert await reader.readexactly(len(data)) == data
        if direction == own:
            await arrived[number].wait()  # a reset would take away what the other side has not read
            if how == "reset":
                raw = writer.get_extra_info("socket")
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        else:
            arrived[number].set()
            with contextlib.suppress(ConnectionError):
                assert await reader.read() == b""
        writer.close()

    async def meter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await part(reader, writer, "meter", (await reader.readexactly(1))[0] - MARK)

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = next(numbers)
        writer.write(bytes([MARK + number]))  # which conversation
        await part(reader, writer, "client", number)

    numbers = itertools.count()
    arrived = [asyncio.Event() for _ in talks]
    asyncio.run(proxied(tmp_path / "x.pcapng", meter, client, len(talks)))
    found = open_traces(str(tmp_path / "x.pcapng"), choice=Choice(everything=True))
    expected = [[("client", bytes([MARK + number])), *talk] for number, talk in enumerate(talks)]
    told = [told_by(decode(trace)) for trace in found]
    assert sorted(told, key=repr) == sorted((told_by(decode(as_trace(talk))) for talk in expected), key=repr)
    assert all(sides(trace) == sides(as_trace(expected[sides(trace)["client"][0] - MARK])) for trace in found)


def as_trace(talk: Sequence[tuple[str, bytes]]) -> Trace:
    records = [Record(n, data, side, carrier="tcp") for n, (side, data) in enumerate(talk, 1)]  # type: ignore[arg-type]
    return Trace("sent", "sent", records)


def told_by(messages: Iterable[Message]) -> dict[str, list[tuple[str | None, bytes]]]:
    made: dict[str, list[tuple[str | None, bytes]]] = {"client": [], "meter": []}
    for message in messages:
        made[message.direction].append((message.apdu, message.wire))
    return made


@pytest.mark.slow
def test_fifty_connections_of_ten_megabytes_each_way(tmp_path: Path) -> None:
    size, count = 10 << 20, 50
    data = [random.Random(n).randbytes(1 << 20) * 10 for n in range(2)]

    async def meter(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sending = asyncio.create_task(_pour(writer, data[0]))
        assert await _same(reader, data[1])
        await sending
        writer.close()

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sending = asyncio.create_task(_pour(writer, data[1]))
        assert await _same(reader, data[0])
        await sending

    asyncio.run(proxied(tmp_path / "x.pcapng", meter, client, count))
    assert (tmp_path / "x.pcapng").stat().st_size > 2 * size * count
    (tmp_path / "x.pcapng").unlink()  # a gigabyte


async def _pour(writer: asyncio.StreamWriter, data: bytes) -> None:
    for at in range(0, len(data), 1 << 16):
        writer.write(data[at : at + (1 << 16)])
        await writer.drain()
    writer.write_eof()


async def _same(reader: asyncio.StreamReader, expected: bytes) -> bool:
    at = 0
    while part := await reader.read(1 << 18):
        if expected[at : at + len(part)] != part:
            return False
        at += len(part)
    return at == len(expected)


# -- the record ------------------------------------------------------------------------------------------------------


def test_a_record_is_never_written_over(tmp_path: Path) -> None:
    (tmp_path / "x.pcapng").write_bytes(b"dear")
    with pytest.raises(FileExistsError):
        Recorder(str(tmp_path / "x.pcapng"), print)
    assert (tmp_path / "x.pcapng").read_bytes() == b"dear"


def test_a_full_disk_is_told_once_and_stops_only_the_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []
    recorder = Recorder(str(tmp_path / "x.pcapng"), notes.append)
    interface = recorder.serial("COM5")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    for _ in range(3):
        recorder.octets(interface, "client", b"\x7e")
    assert len(notes) == 1 and "No space left" in notes[0]


# -- the view --------------------------------------------------------------------------------------------------------


def test_messages_are_shown_as_soon_as_they_have_passed() -> None:
    shown: list[Message] = []
    live = Live(KeyRing(()), lambda name, message: shown.append(message), print)
    conversation = live.conversation("line")
    for number, record in enumerate(plain().records, 1):
        for octet in range(len(record.data)):
            conversation.feed(record.direction, record.data[octet : octet + 1], 0.0, "")
        deadline = time.monotonic() + 2
        while len(shown) < number and time.monotonic() < deadline:
            time.sleep(0.005)
        assert len(shown) == number
    live.close()


def test_a_view_that_falls_behind_says_so_and_holds_nothing_up() -> None:
    notes: list[str] = []
    gate = threading.Event()
    live = Live(KeyRing(()), lambda name, message: gate.wait(5) and None, notes.append)
    conversation = live.conversation("line")
    data = plain().records[0].data
    conversation.feed("client", data, 0.0, "")
    for _ in range(6):
        conversation.feed("client", bytes(LONGEST // 4), 0.0, "")
    conversation.feed("client", data, 0.0, "")
    gate.set()
    time.sleep(0.2)
    conversation.feed("client", data, 0.0, "")
    live.close(10)
    assert any("are not shown" in note for note in notes)


# -- serial ports ----------------------------------------------------------------------------------------------------


class Terminal:
    """A pseudo-terminal: what a program has open as a serial port, and the other end of it."""

    def __init__(self) -> None:
        self.far, near = os.openpty()
        self.name = os.ttyname(near)
        self._near = near

    def send(self, data: bytes) -> None:
        os.write(self.far, data)

    def receive(self, size: int) -> bytes:
        made = b""
        deadline = time.monotonic() + 5
        while len(made) < size and time.monotonic() < deadline:
            made += os.read(self.far, size - len(made))
        return made

    def close(self) -> None:
        os.close(self.far)
        os.close(self._near)


needs_terminals = pytest.mark.skipif(not hasattr(os, "openpty"), reason="pseudo-terminals are needed")


@needs_terminals
def test_a_bridged_pair_forwards_and_records_both_ways(tmp_path: Path) -> None:
    pytest.importorskip("serial")
    software, meter = Terminal(), Terminal()
    notes: list[str] = []
    recorder = Recorder(str(tmp_path / "x.pcapng"), notes.append)
    interface = recorder.serial("pair", "9600 8N1")
    line = Line(lambda direction, data, seconds, when: recorder.octets(interface, direction, data), notes.append)
    near, far = opened(software.name, Settings()), opened(meter.name, Settings())
    line.listen(near, "client", far)
    line.listen(far, "meter", near)
    talk = ciphered()
    for record in talk.records:
        source, destination = (software, meter) if record.direction == "client" else (meter, software)
        source.send(record.data)
        assert destination.receive(len(record.data)) == record.data
    line.stop()
    recorder.close()
    (trace,) = read_input((tmp_path / "x.pcapng").read_bytes(), "x.pcapng")
    assert [(m.direction, m.wire) for m in decode(trace)] == [(r.direction, r.data) for r in talk.records]
    assert not notes
    software.close()
    meter.close()


@needs_terminals
def test_a_port_that_goes_away_is_told() -> None:
    pytest.importorskip("serial")
    terminal = Terminal()
    notes: list[str] = []
    line = Line(lambda *_: None, notes.append)
    port = opened(terminal.name, Settings(2400, "8N1"))
    line.listen(port, "unknown")
    terminal.close()
    deadline = time.monotonic() + 5
    while line.running and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not line.running and len(notes) == 1


def test_a_port_that_is_not_there_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("serial")
    assert main(["record", "--port", str(tmp_path / "none"), "-o", str(tmp_path / "x.pcapng")]) == 2
    printed = capsys.readouterr().err
    assert printed.count("\n") == 1 and "none" in printed and "Errno" not in printed
    assert not (tmp_path / "x.pcapng").exists()


def test_a_file_that_is_no_port_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("serial")
    (tmp_path / "file").touch()
    assert main(["record", "--port", str(tmp_path / "file"), "-o", str(tmp_path / "x.pcapng")]) == 2
    assert capsys.readouterr().err == f"dlmscope: {tmp_path / 'file'}: is no serial port\n"


# -- the command -----------------------------------------------------------------------------------------------------


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "analyzer.cli", "record", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@needs_terminals
def test_killing_the_command_loses_nothing(tmp_path: Path) -> None:
    pytest.importorskip("serial")
    terminal, out = Terminal(), tmp_path / "x.pcapng"
    process = started("--port", terminal.name, "-o", str(out))
    assert process.stderr is not None and process.stdout is not None
    assert "listening" in process.stderr.readline()
    talk = plain()
    for record in talk.records:
        terminal.send(record.data)
        assert process.stdout.readline()  # shown, and recorded before that
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (trace,) = read_input(out.read_bytes(), "x.pcapng")
    assert [(m.direction, m.wire) for m in decode(trace)] == [(r.direction, r.data) for r in talk.records]
    terminal.close()
    process.stdout.close()
    process.stderr.close()


def test_the_proxy_command_shows_messages_and_ends_with_a_signal(tmp_path: Path) -> None:
    out, talk = tmp_path / "x.pcapng", plain("wrapper")
    with socket.create_server(("127.0.0.1", 0)) as meter:
        process = started("--listen", "127.0.0.1:0", "--to", f"127.0.0.1:{meter.getsockname()[1]}", "-o", str(out))
        assert process.stderr is not None and process.stdout is not None
        port = int(process.stderr.readline().partition("127.0.0.1:")[2].split()[0])
        with socket.create_connection(("127.0.0.1", port)) as software:
            peer, _ = meter.accept()
            with peer:
                for record in talk.records:
                    a, b = (software, peer) if record.direction == "client" else (peer, software)
                    a.sendall(record.data)
                    assert b.recv(len(record.data), socket.MSG_WAITALL) == record.data
                shown = [process.stdout.readline() for _ in range(len(talk.records) + 1)]
        assert shown[0].startswith("connection 1 from 127.0.0.1:") and "AARQ" in shown[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        process.stdout.close()
        process.stderr.close()
    (trace,) = read_input(out.read_bytes(), "x.pcapng")
    assert sides(trace) == {s: b"".join(r.data for r in talk.records if r.direction == s) for s in ("client", "meter")}


@pytest.mark.parametrize("where", ["127.0.0.1:{taken}", "192.0.2.99:0", "no-such-host.invalid:0"])
def test_where_nobody_can_listen_is_one_line_and_no_file(
    where: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = where.format(taken=taken.getsockname()[1])
        out = tmp_path / "x.pcapng"
        assert main(["record", "--listen", where, "--to", "127.0.0.1:1", "-o", str(out)]) == 2
    printed = capsys.readouterr().err
    assert printed.startswith(f"dlmscope: {where}: ") and printed.count("\n") == 1 and "Errno" not in printed
    assert not out.exists()


def test_a_record_that_cannot_be_made_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "none" / "x.pcapng"
    assert main(["record", "--listen", "127.0.0.1:0", "--to", "127.0.0.1:1", "-o", str(out)]) == 2
    assert capsys.readouterr().err == f"dlmscope: {out}: no such file or directory\n"


@pytest.mark.parametrize(
    "arguments",
    [[], ["--listen", "127.0.0.1:0"], ["--to", "x:1"], ["--bridge", "x"], ["--listen", "x", "--to", "y:1"],
     ["--listen", ":0", "--to", ":4059"], ["--port", "x", "--frame", "9N9"], ["--port", "x", "--listen", ":0"]],
)  # fmt: skip
def test_wrong_usage_is_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["record", *arguments, "-o", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
