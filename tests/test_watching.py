"""What passes through a proxy or by serial ports, looked at while it passes; what is opened is closed again."""

from __future__ import annotations

import os
import pty
import socket
import threading
import time
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from analyzer.inputs import open_traces
from analyzer.recording.serial_port import Settings
from analyzer.sources import InputError
from analyzer.watching.passing import SerialPort, TcpProxy
from tests.support import CLOCK, GET_CLOCK, wrapped

REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)


def until(condition, seconds: float = 10.0) -> None:
    limit = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.005)


@contextmanager
def watched(source) -> Iterator[list]:
    """The arrivals, gathered in a thread; afterwards it has ended."""
    found: list = []

    def gather() -> None:
        for arrival in source.arrivals():
            found.append(arrival)

    thread = threading.Thread(target=gather)
    thread.start()
    try:
        yield found
    finally:
        source.stop()
        thread.join(10)
        assert not thread.is_alive()


def meter() -> socket.socket:
    """Answers every request."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer(connection: socket.socket) -> None:
        with connection:
            while connection.recv(4096):
                connection.sendall(ANSWER)

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    return server


def test_two_connections_at_once_through_the_proxy(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    with meter() as server:
        proxy = TcpProxy(("127.0.0.1", 0), server.getsockname(), str(out))
        with watched(proxy) as found:
            until(lambda: proxy.bound)
            with socket.create_connection(proxy.bound[0]) as one, socket.create_connection(proxy.bound[0]) as two:
                for client in (one, two, one, two):
                    client.sendall(REQUEST)
                    assert client.recv(4096) == ANSWER
                until(lambda: sum(len(a.records) for a in found) == 8)
            until(lambda: sum(a.ended for a in found) == 2)
            port = proxy.bound[0][1]
        traces = {id(a.trace): [r for b in found if b.trace is a.trace for r in b.records] for a in found}
        assert [[r.data for r in records] for records in traces.values()] == [[REQUEST, ANSWER] * 2] * 2
        assert [[r.number for r in records] for records in traces.values()] == [[1, 2, 3, 4]] * 2
        assert [len(trace) for trace in open_traces(str(out))] == [4, 4]
        with socket.create_server(("127.0.0.1", port)):  # the port is free again
            pass


def test_a_port_that_is_taken_is_one_line(tmp_path: Path) -> None:
    with meter() as server:
        proxy = TcpProxy(server.getsockname(), ("127.0.0.1", 1))
        with pytest.raises(InputError, match=r"listen"):
            list(proxy.arrivals())
        (tmp_path / "there").write_text("")
        with pytest.raises(InputError, match="never overwritten"):
            list(TcpProxy(("127.0.0.1", 0), ("127.0.0.1", 1), str(tmp_path / "there")).arrivals())


def test_a_serial_port_is_listened_to_and_closed(tmp_path: Path) -> None:
    pytest.importorskip("serial")
    master, slave = pty.openpty()
    tty.setraw(slave)
    name = os.ttyname(slave)
    port = SerialPort(name, Settings(), "meter", out=str(tmp_path / "out.pcapng"))
    with watched(port) as found:
        time.sleep(0.2)
        os.write(master, ANSWER[:10])
        os.write(master, ANSWER[10:])
        until(lambda: sum(len(r.data) for a in found for r in a.records) == len(ANSWER))
    assert {r.direction for a in found for r in a.records} == {"meter"}
    held = [os.path.realpath(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd")]
    assert held.count(name) == 1  # ours
    (trace,) = open_traces(str(tmp_path / "out.pcapng"))
    assert b"".join(r.data for r in trace) == ANSWER
    os.close(master)
    os.close(slave)


def test_a_port_that_goes_away_ends_it() -> None:
    pytest.importorskip("serial")
    master, slave = pty.openpty()
    tty.setraw(slave)
    port = SerialPort(os.ttyname(slave), Settings())
    with watched(port) as found:
        time.sleep(0.2)
        os.write(master, ANSWER)
        until(lambda: found)
        os.close(slave)
        os.close(master)
        until(lambda: port.note)
    assert "\n" not in port.note


def test_a_port_that_is_not_there() -> None:
    pytest.importorskip("serial")
    with pytest.raises(InputError, match="nowhere") as problem:
        list(SerialPort("/dev/nowhere", Settings()).arrivals())
    assert "\n" not in str(problem.value)
