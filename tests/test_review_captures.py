"""Captures as people have them: many short connections, pushes, lines tapped in the middle of a telegram."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from io import BytesIO

import pytest

from analyzer.capture_file import ETHERNET
from analyzer.decoding import decode
from analyzer.export import hexlog
from analyzer.export.bundle import Bundle
from analyzer.sources import InputError, read_input
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


HIDDEN = bytes.fromhex("DB084C474D0000BC614E153000000200") + bytes(17)


def directions(datagrams: Iterable[bytes]) -> list[str]:
    (trace,) = read_capture(capture(datagrams), "x")
    return [record.direction for record in trace]


@pytest.mark.parametrize("opening", [True, False])
@pytest.mark.parametrize("port", [4059, 5000])
def test_ciphered_pushes_come_from_the_meter_whoever_listens(opening: bool, port: int) -> None:
    """A meter connects to the head end, often at port 4059, and pushes what only the keys open."""
    push = Connection((("10.0.0.5", 50000), ("10.0.0.9", port))).say(0, wrapped(1, 102, HIDDEN))
    datagrams = push.say(0, wrapped(1, 102, HIDDEN)).close().datagrams()
    assert directions(datagrams if opening else datagrams[3:]) == ["meter", "meter"]


def test_ciphered_pushes_over_udp_come_from_the_meter() -> None:
    push = captured.udp(40000, 4059, wrapped(1, 102, HIDDEN))
    twice = [captured.ipv4("10.0.0.5", "10.0.0.9", 17, push, ident) for ident in (1, 2)]
    assert directions(twice) == ["meter", "meter"]


@pytest.mark.parametrize("opening", [True, False])
def test_ciphered_requests_that_are_answered_come_from_the_client(opening: bool) -> None:
    session = Connection((("10.0.0.5", 50000), ("10.0.0.9", 4059)))
    datagrams = session.say(0, wrapped(16, 1, HIDDEN)).say(1, wrapped(1, 16, HIDDEN)).close().datagrams()
    assert directions(datagrams if opening else datagrams[3:]) == ["client", "meter"]


TELEGRAM = b"/ABC5Meter\r\n\r\n1-0:1.8.1(000123.456*kWh)\r\n!0000\r\n"


@pytest.mark.parametrize("start", [0, 1, 3, 12, 30, len(TELEGRAM) - 3, len(TELEGRAM) - 8])
def test_telegrams_are_recognised_when_the_capture_starts_within_one(start: int) -> None:
    tapped = Connection((("10.0.0.5", 50000), ("10.0.0.9", 23)))
    for _ in range(3):
        tapped.say(1, TELEGRAM[start:] if len(tapped.said) == 0 else TELEGRAM)
    (trace,) = read_capture(capture(tapped.datagrams()[3:]), "x")
    assert {record.direction for record in trace} == {"meter"}
    assert b"".join(record.data for record in trace) == TELEGRAM[start:] + 2 * TELEGRAM


def test_a_sign_on_behind_zeros_that_wake_the_meter_is_recognised() -> None:
    optical = Connection((("10.0.0.5", 50000), ("10.0.0.9", 23))).say(0, bytes(30) + b"/?!\r\n")
    assert directions(optical.say(1, b"/ABC5Meter\r\n").datagrams()) == ["client", "meter"]


def test_connections_exported_as_hex_read_back_as_they_were() -> None:
    datagrams = []
    for port in (50000, 50001):
        datagrams += Connection((("10.0.0.5", port), ("10.0.0.9", 4059))).say(0, wrapped(16, 1, b"\x62\0")).datagrams()
    traces = read_capture(capture(datagrams), "x")
    text = "\n".join(hexlog.lines_of([Bundle(trace, list(decode(trace)), ()) for trace in traces]))
    again = read_input(text.encode(), "x.hex")
    assert [trace.name for trace in again] == [f"trace {trace.name}" for trace in traces]
    assert [[r.data for r in trace] for trace in again] == [[r.data for r in trace] for trace in traces]
    assert not [issue for trace in again for issue in trace.issues]


def test_radio_packets_without_a_payload_that_can_be_read_are_counted() -> None:
    secured = bytes.fromhex("49A801FFFF0100") + bytes(30)
    with pytest.raises(InputError, match=r"2 packets of IEEE 802\.15\.4 left out.*encrypted"):
        read_capture(BytesIO(captured.pcap([(0, secured), (1, secured)], 230)), "x")


def test_what_comes_too_late_at_the_start_in_mid_stream_is_said() -> None:
    """The first packet of each side overtook another one. What is joined to it is put before it; what is not is too late."""
    session = Connection((("10.0.0.5", 50000), ("10.0.0.9", 4059)))
    for _ in range(3):
        session.say(0, wrapped(16, 1, b"\x62\0")).say(1, wrapped(1, 16, b"\x63\0"))
    datagrams = session.datagrams()[3:]
    datagrams[0], datagrams[4] = datagrams[4], datagrams[0]
    (trace,) = read_capture(capture(datagrams), "x")
    assert sum(len(record.data) for record in trace) == 60 and not trace.issues
    apart = [datagram for datagram in session.datagrams()[3:] if len(datagram) > 40 and datagram[20:22] != b"\x0f\xdb"]
    (trace,) = read_capture(capture([apart[2], apart[0]]), "x")
    assert sum(len(record.data) for record in trace) == 10
    assert [issue.text.split(" left")[0] for issue in trace.issues] == ["10 octets"]
