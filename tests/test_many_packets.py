"""Many packets at once give the same traces as one by one: over order, loss, repetition, other traffic between, wrap-around."""

from __future__ import annotations

import random
from io import BytesIO

import pytest

from analyzer.model import Record, SourceIssue, Trace
from analyzer.sources.pcap import capture
from analyzer.sources.pcap.capture import read_capture
from tests import captured
from tests.captured import Connection
from tests.support import CLOCK, GET_CLOCK, wrapped

pytest.importorskip("numpy")
REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)


def traces(
    data: bytes, many: bool, monkeypatch: pytest.MonkeyPatch
) -> list[tuple[str, list[Record], tuple[SourceIssue, ...]]]:
    """Read either way."""
    with monkeypatch.context() as patch:
        patch.setattr(capture, "FEW", 0 if many else 1 << 30)
        if many:
            patch.setattr("analyzer.sources.pcap.many.FEW", 2)
            patch.setattr("analyzer.sources.pcap.files.WINDOW", 7_000)
            patch.setattr("analyzer.sources.pcap.files.AHEAD", 500)
        made: list[Trace] = read_capture(BytesIO(data), "x")
        return [(trace.name, list(trace), trace.issues) for trace in made]


def connection(number: int, pick: random.Random) -> Connection:
    made = Connection((("10.1.0.5", 50000 + number), captured.METER), starts=(pick.choice([0, 2**32 - 300]), 7))
    for _ in range(pick.randrange(20, 60)):
        size = pick.choice([7, 30, 1460])
        made.say(0, REQUEST * pick.choice([1, 1, 1, 3]), size).say(1, ANSWER, size)
    return made.close() if pick.random() < 0.5 else made


@pytest.mark.parametrize("seed", range(30))
def test_the_same_as_one_by_one(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pick = random.Random(seed)
    queues = []
    for number in range(5):
        made = connection(number, pick)
        packets = made.packets
        how = pick.randrange(5)
        if how == 1:
            packets = captured.reordered(packets, pick)
        elif how == 2:
            packets = captured.repeated(packets, pick)
        elif how == 3:
            packets = [packet for packet in packets if pick.random() > 0.03]
        elif how == 4:
            packets = packets[pick.randrange(10) :]
        queues.append([captured.ethernet(made.datagram(sent)) for sent in packets])
    frames: list[bytes] = []
    while any(queues):
        queue = pick.choice([one for one in queues if one])
        frames += [queue.pop(0) for _ in range(min(len(queue), pick.randrange(1, 9)))]
    for _ in range(pick.choice([0, 3, 40])):
        other = pick.choice([
            captured.ethernet(captured.ipv4("10.1.0.5", "10.9.9.9", 17, captured.udp(5000, 53, b"x"))),
            b"\xff" * 12 + b"\x08\x06" + bytes(28),
            captured.ethernet(captured.ipv4("10.1.0.5", "10.2.0.9", 6, b"\x00" * 20, fragment=0x2000)),
            bytes(5),
        ])  # fmt: skip
        frames.insert(pick.randrange(len(frames)), other)
    data = captured.pcap(((n * 1_000_000, frame) for n, frame in enumerate(frames)), 1)
    assert traces(data, True, monkeypatch) == traces(data, False, monkeypatch)


def test_segments_in_vlans_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same connection in other clothes keeps its order."""
    pick = random.Random(1)
    made = connection(1, pick)
    frames = [
        captured.ethernet(datagram, bytes.fromhex("81000005") if pick.random() < 0.2 else b"")
        for datagram in made.datagrams()
    ]
    data = captured.pcap(((n * 1_000_000, frame) for n, frame in enumerate(frames)), 1)
    assert traces(data, True, monkeypatch) == traces(data, False, monkeypatch)


def test_most_packets_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick way is taken, or it would prove nothing."""
    fed = []
    monkeypatch.setattr(capture, "FEW", 100)
    monkeypatch.setattr("analyzer.sources.pcap.files.AHEAD", 500)
    feed = capture.Connections.feed
    monkeypatch.setattr(capture.Connections, "feed", lambda self, packet: (fed.append(1), feed(self, packet))[1])
    made = Connection((("10.1.0.5", 50000), captured.METER))
    for _ in range(500):
        made.say(0, REQUEST).say(1, ANSWER)
    frames = [captured.ethernet(datagram) for datagram in made.datagrams()]
    (trace,) = read_capture(BytesIO(captured.pcap(((n, frame) for n, frame in enumerate(frames)), 1)), "x")
    assert len(trace) == 1000
    assert len(fed) < 200 < len(frames)
