"""The reader by way of tshark: the same records as the reader of files, its own errors in one line, nothing left running."""

from __future__ import annotations

import asyncio
import builtins
import gc
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

from analyzer.inputs import open_traces
from analyzer.model import Trace
from analyzer.sources import InputError
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.wireshark import _nanoseconds, read_with_wireshark
from analyzer.watching.interface import Interface
from tests import captured
from tests.captured import CLIENT6, LINKS, METER6, Connection
from tests.support import CLOCK, GET_CLOCK, ROOT, plain, wrapped

REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def wireshark(path: Path, display_filter: str | None = None) -> list[Trace]:
    return open_traces(str(path), None, Choice(wireshark=True, display_filter=display_filter))


def talk(ends=(captured.CLIENT, captured.METER)) -> Connection:
    return Connection(ends).say(0, REQUEST).say(1, ANSWER * 40, 600).say(0, REQUEST, 5).close()


def saved(path: Path, packets: list[bytes], link: int, wrap=lambda data: data) -> Path:
    path.write_bytes(captured.pcapng(captured.timed(packets, wrap), link))
    return path


@needs_tshark
@pytest.mark.parametrize("name", ["ethernet", "stacked vlan", "cooked", "cooked 2", "raw", "null", "ppp"])
@pytest.mark.parametrize("ends", [(captured.CLIENT, captured.METER), (CLIENT6, METER6)], ids=["IPv4", "IPv6"])
def test_both_readers_give_the_same_records(tmp_path: Path, name: str, ends) -> None:
    link, wrap = LINKS[name]
    path = saved(tmp_path / "both.pcapng", talk(ends).datagrams(), link, wrap)
    own, theirs = open_traces(str(path)), wireshark(path)
    assert [list(trace) for trace in theirs] == [list(trace) for trace in own]
    assert [trace.name for trace in theirs] == [trace.name for trace in own]
    assert len(own[0]) == 8


@needs_tshark
@pytest.mark.parametrize("name", ["hdlc-tcp/session.pcap", "wrapper-tcp/session.pcapng", "usb-serial/session.pcap"])
def test_the_same_of_the_examples(name: str) -> None:
    """hdlc-tcp has a segment that Wireshark takes for a repetition, and gives no payload of."""
    path = ROOT / "captures" / name
    assert [(trace.name, trace.issues, list(trace)) for trace in wireshark(path)] == [
        (trace.name, trace.issues, list(trace)) for trace in open_traces(str(path))
    ]


@needs_tshark
def test_the_same_of_lost_segments_udp_and_fragments(tmp_path: Path) -> None:
    datagrams = talk().datagrams()
    del datagrams[9]
    datagrams += captured.ipv4_fragments("10.1.0.5", "10.1.0.9", 17, captured.udp(4059, 4059, ANSWER), 16, 9)
    path = saved(tmp_path / "both.pcapng", datagrams, 101)
    own, theirs = open_traces(str(path)), wireshark(path)
    assert [(trace.name, trace.issues, list(trace)) for trace in theirs] == [
        (trace.name, trace.issues, list(trace)) for trace in own
    ]
    assert own[0].issues


@needs_tshark
@pytest.mark.parametrize(("link", "maker"), [(220, captured.usbmon), (249, captured.usbpcap)])
def test_the_same_of_usb(tmp_path: Path, link: int, maker) -> None:
    said = [(0 if record.direction == "client" else 1, record.data) for record in plain().records]
    path = saved(tmp_path / "usb.pcapng", captured.bulk(maker, said, captured.ftdi), link)
    assert [list(trace) for trace in wireshark(path)] == [list(trace) for trace in open_traces(str(path))]


@needs_tshark
def test_the_same_of_lines_on_several_interfaces(tmp_path: Path) -> None:
    made = captured.section() + b"".join(captured.interface(147, name=name) for name in (b"COM5", b"COM6"))
    for number, record in enumerate(plain().records):
        made += b"".join(captured.enhanced(record.data, 1000 + number, index, way=2 - number % 2) for index in (0, 1))
    path = tmp_path / "ports.pcapng"
    path.write_bytes(made)
    own, theirs = open_traces(str(path)), wireshark(path)
    assert [(trace.name, list(trace)) for trace in theirs] == [(trace.name, list(trace)) for trace in own]
    assert [trace.name for trace in own] == ["COM5", "COM6"]


@needs_tshark
def test_display_filters(tmp_path: Path) -> None:
    other = Connection((("10.1.0.6", 50000), captured.METER)).say(0, REQUEST)
    path = saved(tmp_path / "two.pcapng", talk().datagrams() + other.datagrams(), 101)
    assert len(wireshark(path)) == 2
    (trace,) = wireshark(path, "ip.addr == 10.1.0.6")
    assert [record.data for record in trace] == [REQUEST]
    with pytest.raises(InputError, match="tshark says"):
        wireshark(path, "ip.addr ===")
    with pytest.raises(InputError, match="does not understand the display filter"):
        wireshark(path, "ip.adr == 10.1.0.6")  # the last line of its error is only a mark below the word
    with pytest.raises(InputError, match="no DLMS"):
        wireshark(path, "udp")


@needs_tshark
def test_a_file_that_breaks_off(tmp_path: Path) -> None:
    path = saved(tmp_path / "cut.pcapng", talk().datagrams(), 101)
    path.write_bytes(path.read_bytes()[:-70])
    (trace,) = wireshark(path)
    assert len(trace) == 8
    assert [issue.severity for issue in trace.issues] == ["error"]
    assert "cut short" in trace.issues[0].text


@needs_tshark
def test_inside_a_running_event_loop_and_in_threads(tmp_path: Path) -> None:
    path = saved(tmp_path / "loop.pcapng", talk().datagrams(), 101)
    expected = [list(trace) for trace in open_traces(str(path))]

    async def inside() -> list[list[object]]:
        return [list(trace) for trace in wireshark(path)]

    assert asyncio.run(inside()) == expected
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append([list(t) for t in wireshark(path)])) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3
    assert [list(trace) for trace in wireshark(path)] == expected


@needs_tshark
def test_nothing_is_left_running(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "left.pcapng", talk().datagrams() * 200, 101)
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        from analyzer.sources.wireshark import TsharkPackets

        packets = iter(
            TsharkPackets(
                lambda pyshark, loop: pyshark.FileCapture(
                    str(path), eventloop=loop, use_json=True, include_raw=True, keep_packets=False
                ),
                "left",
            )
        )
        assert next(packets).data
        packets.close()  # as when a reader stops early
        gc.collect()
    assert not [thread for thread in threading.enumerate() if thread.name == "tshark"]
    assert not _children()
    assert "Unknown child" not in capfd.readouterr().err


def _children() -> list[str]:
    me = str(Path("/proc/self").resolve().name)
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, _, rest = stat.read_text().partition("(")[2].rpartition(")")
        except OSError:
            continue
        if rest.split()[1] == me and name in ("tshark", "dumpcap"):
            found.append(name)
    return found


def test_without_tshark_one_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path / "x.pcapng", talk().datagrams(), 101)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr("os.path.exists", lambda name: False)
    with pytest.raises(InputError, match="tshark is not installed: install tshark") as problem:
        read_with_wireshark(str(path), "x.pcapng")
    assert "\n" not in str(problem.value)


def test_without_pyshark_one_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def missing(name: str, *rest: object, **named: object) -> object:
        if name == "pyshark":
            raise ImportError(name)
        return real(name, *rest, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(InputError, match="pip install pyshark"):
        read_with_wireshark("x.pcapng", "x.pcapng")


@pytest.mark.parametrize(
    ("text", "time_"),
    [
        ("1700000000.000001000", 1_700_000_000_000_001_000),
        ("1700000000", 1_700_000_000_000_000_000),
        ("2023-11-14T22:13:20.000001000Z", 1_700_000_000_000_001_000),
        ("never", None),
    ],
)
def test_times_as_the_versions_of_tshark_write_them(text: str, time_: int | None) -> None:
    assert _nanoseconds(text) == time_


def may_capture() -> bool:
    """Whether this user may capture on the loopback interface at all."""
    if shutil.which("dumpcap") is None:
        return False
    tried = subprocess.run(["dumpcap", "-i", "lo", "-d", "-f", "tcp port 9"], capture_output=True, check=False)
    return tried.returncode == 0


@needs_tshark
@pytest.mark.skipif(not may_capture(), reason="this user may not capture on the loopback interface")
def test_a_live_interface_shows_messages_and_ends_its_tshark() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [
            sys.executable,
            "-m",
            "analyzer.cli",
            "decode",
            "--live",
            "lo",
            "--filter",
            f"tcp port {port}",
            "--format",
            "summary",
        ]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        ) as process:
            try:
                said: list[str] = []
                assert process.stdout is not None
                reader = threading.Thread(target=lambda: said.extend(iter(process.stdout.readline, "")))
                reader.start()
                limit = time.monotonic() + 25
                while not any("GET request" in line for line in said) and time.monotonic() < limit:
                    with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
                        client.sendall(REQUEST)  # again and again: nobody tells when dumpcap is ready
                        time.sleep(0.3)
                assert any("GET request" in line for line in said)
                process.send_signal(signal.SIGINT)
                assert process.wait(10) == 130
                reader.join(5)
            finally:
                process.kill()
    left = subprocess.run(["pgrep", "-f", f"tcp port {port}"], capture_output=True, text=True, check=False).stdout
    assert not left


@needs_tshark
def test_an_interface_that_is_not_there_and_a_filter_that_is_none() -> None:
    with pytest.raises(InputError, match="there is no interface 'nowhere7'"):
        next(iter(Interface("nowhere7").arrivals()))
    if may_capture():
        with pytest.raises(InputError, match="dumpcap says: Invalid capture filter") as problem:
            next(iter(Interface("lo", "tcp prt 4059").arrivals()))
        assert "\n" not in str(problem.value)
    assert not _children()


@needs_tshark
@pytest.mark.skipif(not may_capture(), reason="this user may not capture on the loopback interface")
def test_a_live_interface_is_quick_and_ends_when_it_is_stopped() -> None:
    delays: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        interface, found = Interface("lo", f"tcp port {server.getsockname()[1]}"), []
        thread = threading.Thread(target=_gather, args=(interface, found))
        thread.start()
        with socket.create_connection(server.getsockname()) as client, server.accept()[0]:
            limit = time.monotonic() + 20
            while len(delays) < 5 and time.monotonic() < limit:
                sent, before = time.monotonic(), len(found)
                client.sendall(REQUEST)
                while len(found) == before and time.monotonic() < sent + 1:
                    time.sleep(0.005)
                delays += [time.monotonic() - sent] if len(found) > before else []
        interface.stop()
        thread.join(10)
    assert not thread.is_alive()
    assert not _children()
    assert sorted(delays)[2] < 0.5


def _gather(interface: Interface, found: list[object]) -> None:
    for arrival in interface.arrivals():
        found.append(arrival)


def test_without_dumpcap_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(InputError, match="tshark is not installed: install tshark"):
        next(iter(Interface("lo").arrivals()))
