"""Captures as people have them: many short connections, pushes, lines tapped in the middle of a telegram."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO

import pytest

from analyzer.capture_file import ETHERNET
from analyzer.sources.pcap import connections
from analyzer.sources.pcap.capture import read_capture
from analyzer.sources.pcap.connections import Connections
from tests import captured
from tests.captured import Connection

GET = b"GET / HTTP/1.1\r\nHost: meter\r\n\r\n" + b"x" * 1000
NOTIFICATION = bytes.fromhex("0F00000001000203090C07E80B1A020A1E0F00FFC480")


def capture(datagrams: Iterable[bytes]) -> BytesIO:
    return BytesIO(captured.pcap(captured.timed(datagrams, captured.ethernet), ETHERNET))


def wrapped(source: int, destination: int, apdu: bytes) -> bytes:
    return b"\0\1" + b"".join(word.to_bytes(2, "big") for word in (source, destination, len(apdu))) + apdu


def counted(monkeypatch: pytest.MonkeyPatch, method: str) -> list[int]:
    """Notes each call of a method of Connections."""
    calls: list[int] = []
    true = getattr(Connections, method)

    def noted(self: Connections, *arguments: object) -> None:
        calls.append(1)
        true(self, *arguments)

    monkeypatch.setattr(Connections, method, noted)
    return calls


@pytest.mark.parametrize("closed", [True, False])
def test_many_connections_without_dlms_are_not_gone_through_at_each_packet(
    monkeypatch: pytest.MonkeyPatch, closed: bool
) -> None:
    monkeypatch.setattr(connections, "MEMORY", 1 << 16)
    calls = counted(monkeypatch, "_spill")
    many = 600

    def datagrams() -> Iterator[bytes]:
        for number in range(many):
            page = Connection(((f"10.0.{number >> 8}.{number & 255}", 50000), ("192.0.2.80", 80))).say(0, GET)
            yield from (page.close() if closed else page).datagrams()
        yield from Connection((("10.1.0.1", 50000), ("192.0.2.77", 4059))).say(0, wrapped(16, 1, b"\x62\0")).datagrams()

    (trace,) = read_capture(capture(datagrams()), "x")
    assert [record.data for record in trace] == [wrapped(16, 1, b"\x62\0")]
    assert f"{many} other connections" in trace.issues[0].text
    assert 1 <= len(calls) <= 2 * many * len(GET) // (1 << 16) + 2


def test_a_spilled_connection_keeps_its_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small connections that show themselves as DLMS only after they went to the temporary file."""
    monkeypatch.setattr(connections, "MEMORY", 1 << 12)
    aarq = wrapped(16, 1, b"\x62\0")
    sessions = [Connection(((f"10.0.0.{n}", 50000), ("192.0.2.77", 9000))).say(0, b"?" * 200) for n in range(90)]
    datagrams = [packet for session in sessions for packet in session.datagrams()]
    before = [len(session.datagrams()) for session in sessions]
    for session, known in zip(sessions, before, strict=True):
        datagrams += session.say(0, aarq).datagrams()[known:]
    traces = read_capture(capture(datagrams), "x")
    assert len(traces) == len(sessions)
    assert all(b"".join(record.data for record in trace) == b"?" * 200 + aarq for trace in traces)


def test_many_connections_with_dlms_are_not_gone_through_at_each_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "MOST_OPEN", 10)
    calls = counted(monkeypatch, "_forget_others")
    push = captured.udp(40000, 4059, wrapped(1, 16, NOTIFICATION))
    datagrams = [captured.ipv4(f"10.0.{n >> 8}.{n & 255}", "192.0.2.77", 17, push) for n in range(400)]
    traces = read_capture(capture(datagrams), "x")
    assert len(traces) == 400
    assert {record.direction for trace in traces for record in trace} == {"meter"}
    assert 1 <= len(calls) <= 10
