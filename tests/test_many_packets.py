"""Many packets at once give the same traces as one by one: over order, loss, repetition, other traffic between, wrap-around."""

from __future__ import annotations

import random
import struct
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.model import Record, SourceIssue, Trace
from analyzer.sources import InputError
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


# -- whatever stands in a capture -------------------------------------------------------------------------------------

OPTIONS = (b"", b"\x01\x01\x08\x0a" + bytes(8), b"\x02\x04\x05\xb4", b"\x01\x01\x05\x0a" + bytes(8))
CLOTHES = ("ethernet",) * 12 + ("vlan", "stacked vlan", "old stacked vlan", "snap", "pppoe", "mpls")
OTHER_LINKS = ("cooked", "cooked 2", "raw", "null", "ppp")
EXTENSIONS = ((), ((0, b"\0" + bytes(6)),), ((60, b"\x01" + bytes(14)), (43, b"\0" + bytes(6))))
ODD_FLAGS = (captured.FIN | captured.ACK, captured.RST, captured.RST | captured.ACK, captured.SYN, 0, 0x30, 0x50)


def segments(number: int, pick: random.Random) -> list[bytes]:
    """The datagrams of one connection, with whatever befalls it; sometimes its ports are used again."""
    six = pick.random() < 0.15
    server = (captured.METER6 if six else captured.METER)[0], pick.choice([4059, 4059, 4059, 5000])
    ends = (("fd00::5" if six else "10.1.0.5", 50000 + number), server)
    made: list[bytes] = []
    for _ in range(pick.choice([1, 1, 1, 2, 3])):
        talk = Connection(ends, starts=(pick.choice([0, 5000, 2**32 - 300]), pick.randrange(2**32)))
        said = pick.choice([(REQUEST, ANSWER), (REQUEST, ANSWER), (b"GET / HTTP/1.1\r\n\r\n" * 3, b"x" * 70)])
        for _ in range(pick.choice([0, 1, 5, 25])):
            size = pick.choice([7, 30, 1460])
            talk.say(0, said[0] * pick.choice([1, 1, 3]), size).say(1, said[1], size)
        if pick.random() < 0.6:
            talk.close()
        packets = talk.packets
        how = pick.randrange(7)
        if how == 1:
            packets = captured.reordered(packets, pick)
        elif how == 2:
            packets = captured.repeated(packets, pick)
        elif how == 3:
            packets = [packet for packet in packets if pick.random() > 0.05]
        elif how == 4:
            packets = packets[pick.randrange(10) :]
        elif how == 5:
            packets = [packet for packet in packets if packet.side == 0]
        odd = pick.choice([0, 0, 0.03])
        for sent in packets:
            (source, port), (destination, to_port) = talk.ends if sent.side == 0 else talk.ends[::-1]
            flags, ack = sent.flags, sent.ack
            if pick.random() < odd:
                flags = pick.choice(ODD_FLAGS)
            if pick.random() < odd:
                ack += pick.choice([1, 1 << 31, (1 << 31) - 30, 100])
            segment = captured.tcp(
                port,
                to_port,
                sent.seq % 2**32,
                ack % 2**32,
                flags,
                sent.data,
                pick.choice(OPTIONS[: 1 + 3 * (number % 2)]),
            )
            if six:
                made.append(captured.ipv6(source, destination, 6, segment, pick.choice(EXTENSIONS)))
            elif pick.random() < 0.03:
                made += captured.ipv4_fragments(source, destination, 6, segment, 16, pick.randrange(1 << 16))
            else:
                made.append(captured.ipv4(source, destination, 6, segment))
    return made


def header(pick: random.Random, captured_length: int, original: int, order: str) -> bytes:
    return struct.pack(
        order + "IIII", pick.choice([1_700_000_000, 0, 2**32 - 1]), pick.randrange(2**20), captured_length, original
    )


def capture_of(pick: random.Random) -> bytes:
    """A pcap of any kind; its end may be cut off, and its lengths may lie."""
    order, snap = pick.choice("<>"), pick.choice([262144, 262144, 262144, 60, 100, 54])
    magic, beside = pick.choice([(0xA1B2C3D4, b""), (0xA1B23C4D, b""), (0xA1B2CD34, bytes(8))])
    clothes = CLOTHES if pick.random() < 0.8 else [pick.choice(OTHER_LINKS)]
    link = captured.LINKS[clothes[0]][0]
    queues = [segments(number, pick) for number in range(pick.choice([1, 2, 6, 25]))]
    packets: list[bytes] = []
    while any(queues):
        queue = pick.choice([one for one in queues if one])
        packets += [
            captured.LINKS[pick.choice(clothes)][1](queue.pop(0)) for _ in range(min(len(queue), pick.randrange(1, 9)))
        ]
    for _ in range(pick.choice([0, 0, 3, 20])):
        other = pick.choice([
            b"",
            bytes(5),
            captured.ethernet(captured.ipv4("10.1.0.5", "10.9.9.9", 17, captured.udp(5000, 53, b"x"))),
            captured.ethernet(captured.ipv4("10.1.0.5", "10.1.0.9", 17, captured.udp(5000, 4059, REQUEST), pick.randrange(3))),
            b"\xff" * 12 + b"\x08\x06" + bytes(28),
            captured.ethernet(b"\x46" + captured.ipv4("10.1.0.5", "10.1.0.9", 6, bytes(20))[1:]),
            captured.ethernet(captured.ipv4("10.1.0.5", "10.1.0.9", 6, bytes(19))),
        ])  # fmt: skip
        packets.insert(pick.randrange(len(packets) + 1), other)
    made = [struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, snap, link)]
    for packet in packets:
        part = packet[:snap]
        made.append(header(pick, len(part), len(packet), order) + beside + part)
    if made[1:] and pick.random() < 0.3:
        lie = pick.choice([0, 1 << 30, 2**32 - 1, (16 << 20) + 1, 3 << 20, 200])
        made.insert(pick.randrange(1, len(made)), header(pick, lie, lie, order) + beside)
    data = b"".join(made)
    return data[: pick.randrange(24, len(data) + 1)] if pick.random() < 0.3 else data


def either_way(data: bytes, many: bool, window: int, ahead: int, looked: int, most: int) -> object:
    """Everything that is read, or why nothing is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(capture, "FEW", 0 if many else 1 << 30)
        patch.setattr("analyzer.sources.pcap.many.FEW", 2)
        patch.setattr("analyzer.sources.pcap.files.WINDOW", window)
        patch.setattr("analyzer.sources.pcap.files.AHEAD", ahead)
        for module in ("many", "connections"):
            patch.setattr(f"analyzer.sources.pcap.{module}.LOOKED_AT", looked)
        patch.setattr("analyzer.sources.pcap.connections.MOST_OPEN", most)
        try:
            made = read_capture(BytesIO(data), "x")
        except InputError as problem:
            return str(problem)
        return [(trace.name, trace.issues, list(trace)) for trace in made]


@settings(max_examples=80, deadline=None)
@given(
    st.integers(0, 1 << 32),
    st.sampled_from([300, 888, 7_000, 2 << 20]),
    st.sampled_from([100, 740, 3_000]),
    st.sampled_from([100, 8192]),
    st.sampled_from([5, 20_000]),
)
def test_any_capture(seed: int, window: int, ahead: int, looked: int, most: int) -> None:
    data = capture_of(random.Random(seed))
    assert either_way(data, True, window, ahead, looked, most) == either_way(data, False, window, ahead, looked, most)


def test_connections_that_are_forgotten_on_the_way() -> None:
    """Where there are more connections than are remembered, one that carries something else is counted anew."""
    other = Connection((("10.1.0.5", 40000), ("10.1.0.9", 80)))
    for _ in range(40):
        other.say(0, b"GET / HTTP/1.1\r\n\r\n").say(1, b"x" * 70)
    meter = Connection((("10.1.0.5", 50000), captured.METER)).say(0, REQUEST).say(1, ANSWER)
    crowd = [
        datagram
        for port in range(41000, 41030)
        for datagram in Connection((("10.1.0.5", port), ("10.1.0.9", 80))).datagrams()[:1]
    ]
    talk = other.datagrams()
    datagrams = [*meter.datagrams(), *talk[:-20], *crowd, *talk[-20:]]
    data = captured.pcap(captured.timed(datagrams, captured.ethernet), 1)
    for window in (7_000, 12_000):
        assert either_way(data, True, window, 100, 100, 5) == either_way(data, False, window, 100, 100, 5)


def test_an_acknowledgement_of_what_was_never_sent() -> None:
    """It stands for more or fewer octets than are expected, by where it comes; with a gap behind, that decides how long is
    waited."""
    talk = Connection((("10.1.0.5", 50000), captured.METER))
    for _ in range(200):
        talk.say(0, REQUEST).say(1, ANSWER)
    never = talk.packets[590].ack + (1 << 31) - 100
    sent = [*talk.packets[:590], *(replace(one, ack=never) if one.side == 0 else one for one in talk.packets[590:640])]
    del sent[601]
    frames = [captured.ethernet(talk.datagram(one)) for one in sent]
    data = captured.pcap(((n, frame) for n, frame in enumerate(frames)), 1)
    window = (16 * 600 + sum(map(len, frames[:600])) - 100) // 2
    assert either_way(data, True, window, 100, 100, 20_000) == either_way(data, False, window, 100, 100, 20_000)
