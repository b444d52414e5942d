"""TCP reassembly against every disorder: the octets of each side come out as they were said."""

from __future__ import annotations

import random
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.decoding import decode
from analyzer.model import Trace
from analyzer.sources import InputError
from analyzer.sources.pcap.capture import read_capture
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.pcap.tcp import MOST_SEGMENTS, MOST_WAITING, Stream
from tests import captured
from tests.captured import ACK, CLIENT, METER, PSH, RST, SYN, Connection, Sent
from tests.support import CLOCK, GET_CLOCK, wrapped

REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)


def read(packets: list[bytes]) -> list[Trace]:
    made = captured.pcap(captured.timed(packets), 101)
    return read_capture(BytesIO(made), "test.pcap", Choice())


def said(trace: Trace, side: str) -> bytes:
    return b"".join(record.data for record in trace if record.direction == side)


def conversation(random_: random.Random, ends=(CLIENT, METER), starts=(1000, 70000), turns: int = 12) -> Connection:
    """Wrapper PDUs of all sizes in segments of all sizes."""
    connection = Connection(ends, starts)
    for _ in range(turns):
        size = random_.choice([0, 1, 90, 1400, 5000])
        apdu = bytes.fromhex("C401C1000982") + size.to_bytes(2, "big") + random_.randbytes(size)
        connection.say(0, REQUEST, random_.choice([3, 1460])).say(
            1, wrapped(apdu, 1, 16), random_.choice([7, 536, 1460])
        )
    return connection.close()


@given(st.integers(0, 1 << 30), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=60, deadline=None)
def test_repeated_overlapping_reordered_and_wrapping(seed: int, repeat: bool, reorder: bool, wrap: bool) -> None:
    random_ = random.Random(seed)
    starts = ((1 << 32) - random_.randrange(3000), (1 << 32) - random_.randrange(40000)) if wrap else (7, 9)
    connection = conversation(random_, starts=starts)
    packets = connection.packets
    packets = captured.repeated(packets, random_) if repeat else packets
    packets = captured.reordered(packets, random_) if reorder else packets
    (trace,) = read([connection.datagram(sent) for sent in packets])
    assert said(trace, "client") == connection.stream(0)
    assert said(trace, "meter") == connection.stream(1)
    assert not trace.issues
    assert not any(record.lost for record in trace)
    times = [record.seconds for record in trace if record.direction == "client"]
    assert times == sorted(times) or reorder


@given(st.integers(0, 1 << 30))
@settings(max_examples=40, deadline=None)
def test_interleaved_connections(seed: int) -> None:
    random_ = random.Random(seed)
    made = [conversation(random_, (("10.1.0.5", 50000 + n), METER), turns=4) for n in range(5)]
    queues = [[connection.datagram(sent) for sent in connection.packets] for connection in made]
    packets = []
    while any(queues):
        queue = random_.choice([queue for queue in queues if queue])
        packets.append(queue.pop(0))
    found = {trace.name: trace for trace in read(packets)}
    assert len(found) == 5
    for connection in made:
        trace = found[f"10.1.0.5:{connection.ends[0][1]} -> 10.1.0.9:4059"]
        assert (said(trace, "client"), said(trace, "meter")) == (connection.stream(0), connection.stream(1))


@given(st.integers(0, 1 << 30))
@settings(max_examples=60, deadline=None)
def test_lost_segments_are_told_and_the_stream_goes_on(seed: int) -> None:
    """Each gap is on the record behind it, with its octets; everything that was captured is there, in order."""
    random_ = random.Random(seed)
    connection = conversation(random_)
    full = [index for index, sent in enumerate(connection.packets) if sent.data]
    gone = set(random_.sample(full[1:-1], min(5, len(full) - 2)))
    (trace,) = read([connection.datagram(sent) for index, sent in enumerate(connection.packets) if index not in gone])
    for side, name in ((0, "client"), (1, "meter")):
        sent = [
            (index in gone, packet.data)
            for index, packet in enumerate(connection.packets)
            if packet.side == side and packet.data
        ]
        assert said(trace, name) == b"".join(data for lost, data in sent if not lost)
        missing, expected = 0, []
        for lost, data in sent:
            missing += len(data) if lost else 0
            if missing and not lost:
                expected.append(missing)
                missing = 0
        assert [record.lost for record in trace if record.direction == name and record.lost] == expected
    assert len(trace.issues) == sum(1 for record in trace if record.lost)
    assert {issue.severity for issue in trace.issues} <= {"warning"}


def test_what_comes_behind_a_gap_is_decoded() -> None:
    """The first half of a PDU that was lost in part does not swallow the PDUs behind it."""
    connection = Connection()
    long = wrapped(bytes.fromhex("C401C100098203E8") + bytes(1000), 1, 16)
    connection.say(0, REQUEST).say(1, long, 500)
    for _ in range(4):
        connection.say(0, REQUEST).say(1, ANSWER)
    lost = next(n for n, sent in enumerate(connection.packets) if sent.side == 1 and sent.data) + 2
    packets = [connection.datagram(sent) for n, sent in enumerate(connection.packets) if n != lost]
    (trace,) = read(packets)
    messages = list(decode(trace))
    assert [m.apdu for m in messages if m.direction == "meter"].count("get-response") == 5  # four whole, one cut
    assert [m.wire for m in messages].count(ANSWER) == 4
    assert [m.wire for m in messages].count(REQUEST) == 5
    assert [(issue.severity, issue.record) for issue in trace.issues] == [("warning", 3)]


@pytest.mark.parametrize("start", [1, 2, 3, 4, 5, 8])
def test_a_capture_that_starts_in_mid_stream(start: int) -> None:
    """What was sent before is no loss, and nobody needs the SYN."""
    connection = Connection((("10.1.0.5", 50000), ("10.1.0.9", 10001)))
    for _ in range(4):
        connection.say(0, REQUEST).say(1, ANSWER)
    kept = connection.packets[start:]
    (trace,) = read([connection.datagram(sent) for sent in kept])
    assert said(trace, "client") == b"".join(sent.data for sent in kept if sent.side == 0)
    assert said(trace, "meter") == b"".join(sent.data for sent in kept if sent.side == 1)
    assert not trace.issues


@given(st.integers(0, 1 << 30), st.integers(2, 40))
@settings(max_examples=80, deadline=None)
def test_disorder_at_the_start_of_a_capture_in_mid_stream(seed: int, first: int) -> None:
    """What comes behind the first packet of its side, and precedes it without a gap, is put before it."""
    random_ = random.Random(seed)
    connection = conversation(random_, turns=6)
    kept = connection.packets[first:]
    mixed = captured.reordered([*kept[:3], *captured.repeated(kept[3:], random_)], random_)
    head = kept[:3]
    random_.shuffle(head)
    packets = [*head, *(sent for sent in mixed if sent not in head)]
    if not any(sent.data for sent in packets):
        return
    traces = read([connection.datagram(sent) for sent in packets])
    for side, name in ((0, "client"), (1, "meter")):
        assert b"".join(said(trace, name) for trace in traces) == b"".join(p.data for p in kept if p.side == side)
    assert not any(issue.severity != "info" or "precede" in issue.text for trace in traces for issue in trace.issues)


def test_losses_are_at_their_records_where_one_was_put_before() -> None:
    parts = [ANSWER[:9], ANSWER[9:], ANSWER, ANSWER]
    connection = Connection()
    for part in parts:
        connection.say(1, part)
    data = [sent for sent in connection.packets if sent.data]
    acknowledged = Sent(0, connection.next[0], connection.next[1], ACK)
    (trace,) = read([connection.datagram(sent) for sent in (data[1], data[3], *[acknowledged] * 12, data[0])])
    assert [record.data for record in trace] == [parts[0], parts[1], parts[3]]
    assert [record.lost for record in trace] == [0, 0, len(ANSWER)]
    assert [(issue.record, "before record 3" in issue.text) for issue in trace.issues] == [(3, True)]


def test_in_flight_when_the_capture_started_is_no_loss() -> None:
    """The first packet acknowledges less than the other side has already sent."""
    packets = [Sent(0, 500, 9000, ACK)]
    connection = Connection()
    for n in range(3):
        packets.append(Sent(1, 9100 + n * len(ANSWER), 500, ACK | PSH, ANSWER))
        packets.append(Sent(0, 500, 9100 + (n + 1) * len(ANSWER), ACK))
    packets += [Sent(0, 500, 9100 + 3 * len(ANSWER), ACK)] * 5
    (trace,) = read([connection.datagram(sent) for sent in packets])
    assert said(trace, "meter") == ANSWER * 3
    assert not trace.issues


def test_a_port_used_again_is_another_connection() -> None:
    first, second = Connection(starts=(10, 20)), Connection(starts=(5000, 6000))
    first.say(0, REQUEST).say(1, ANSWER)
    second.say(0, REQUEST * 2).say(1, ANSWER)
    syn_again = [first.datagram(first.packets[0])] * 2
    made = [*syn_again, *first.datagrams(), first.datagram(Sent(1, 99, 0, RST)), *second.datagrams()]
    traces = read(made)
    assert [trace.name for trace in traces] == [
        "10.1.0.5:51000 -> 10.1.0.9:4059",
        "10.1.0.5:51000 -> 10.1.0.9:4059 (2)",
    ]
    assert [said(trace, "client") for trace in traces] == [REQUEST, REQUEST * 2]


def attempts(server: tuple[str, int], answer: int | None, tries: int = 3, again: bool = True) -> list[bytes]:
    """Connections that never come about: SYN, sent again where nobody answers, or a reset."""
    made = []
    for n in range(tries):
        connection = Connection((("10.1.0.5", 40000 + n), server))
        connection.packets = [Sent(0, 1000, 0, SYN)] * (2 if again and answer is None else 1)
        connection.packets += [] if answer is None else [Sent(1, 0, 1001, answer)]
        made += connection.datagrams()
    return made


def test_connections_that_are_refused_or_not_answered_are_named() -> None:
    talk = Connection().say(0, REQUEST).say(1, ANSWER).close()
    refused, silent = attempts(("10.1.0.8", 4059), RST | ACK), attempts(("10.1.0.7", 4059), None, 1)
    (trace,) = read([*refused, *silent, *talk.datagrams()])
    assert [(issue.severity, issue.text.partition(": ")[2].partition(": ")[0]) for issue in trace.issues] == [
        ("warning", "3 connections refused (SYN answered by RST)"),
        ("warning", "no answer to the SYN of 1 connection"),
    ]
    assert [issue.text.partition(": ")[0] for issue in trace.issues] == [
        "TCP from 10.1.0.5 to 10.1.0.8:4059",
        "TCP from 10.1.0.5 to 10.1.0.7:4059",
    ]
    with pytest.raises(InputError, match=r"no DLMS found.*3 connections refused"):
        read(refused)


def test_a_meter_on_another_port_that_refuses_now_and_then() -> None:
    """Who has spoken DLMS there is named on any port; a web server that refuses is not."""
    ends = (("10.1.0.5", 50000), ("10.1.0.8", 4060))
    talk = Connection(ends).say(0, REQUEST).say(1, ANSWER).close().datagrams()
    (trace,) = read([*attempts(ends[1], RST | ACK, 2), *talk, *attempts(("10.1.0.8", 80), RST | ACK)])
    assert [issue.text.partition(": nobody")[0] for issue in trace.issues] == [
        "TCP from 10.1.0.5 to 10.1.0.8:4060: 2 connections refused (SYN answered by RST)",
        "3 other connections without DLMS left out; --all-connections shows them",
    ]


def test_a_scan_of_the_port_is_said_in_few_words() -> None:
    scan = [packet for n in range(3000) for packet in attempts((f"10.2.{n >> 8}.{n & 255}", 4059), RST | ACK, 1)]
    talk = Connection().say(0, REQUEST).say(1, ANSWER).close().datagrams()
    (trace,) = read([*scan, *talk])
    assert len(trace.issues) == 21
    assert trace.issues[-1].text == "2980 more connections refused or not answered"


def test_what_is_no_refusal() -> None:
    """A SYN at the very end, ports that are not DLMS's, one direction alone, a connection that is reset later."""
    one_side = [Sent(0, 1000, 0, SYN), Sent(0, 1001, 5001, ACK), Sent(0, 1001, 5001, RST)]
    later = [*Connection().packets, Sent(1, 70001, 1001, RST | ACK)]
    connection = Connection((("10.1.0.6", 40000), ("10.1.0.8", 4059)))
    http = attempts(("10.1.0.8", 80), RST | ACK)
    made = [connection.datagram(sent) for sent in (*one_side, *later)]
    talk = Connection().say(0, REQUEST).say(1, ANSWER).close().datagrams()
    (trace,) = read([*http, *made, *talk, *attempts(("10.1.0.7", 4059), None, 1, again=False)])
    assert not [issue for issue in trace.issues if issue.severity != "info"]


def test_only_one_direction_was_captured() -> None:
    connection = conversation(random.Random(3))
    (trace,) = read([connection.datagram(sent) for sent in connection.packets if sent.side == 1])
    assert said(trace, "meter") == connection.stream(1)
    assert {record.direction for record in trace} == {"meter"}


def test_data_in_the_syn_and_behind_the_fin() -> None:
    connection = Connection()
    connection.packets = [Sent(0, 1000, 0, SYN, REQUEST)]
    connection.next[0] = 1001 + len(REQUEST)
    connection.say(1, ANSWER).close().say(0, REQUEST)
    (trace,) = read(connection.datagrams())
    assert said(trace, "client") == REQUEST * 2
    assert not any(record.lost for record in trace)


def test_many_connections_are_remembered_only_up_to_a_bound() -> None:
    """A port scan of 50,000 connections, and a meter in the middle of it."""
    scan = [
        Connection(((f"10.2.{n >> 8}.{n & 255}", 1), ("10.1.0.9", 80))).datagram(Sent(0, 1, 0, SYN))
        for n in range(50_000)
    ]
    meter = Connection().say(0, REQUEST).say(1, ANSWER)
    half = len(meter.packets) // 2
    packets = [*scan[:100], *meter.datagrams()[:half], *scan, *meter.datagrams()[half:]]
    (trace,) = read(packets)
    assert said(trace, "client") == REQUEST
    assert said(trace, "meter") == ANSWER
    assert any("50" in issue.text and "left out" in issue.text for issue in trace.issues)


def test_what_waits_behind_a_gap_is_bounded() -> None:
    stream = Stream()
    stream.syn(0)
    given_on = 0
    for n in range(3000):
        given_on += len(stream.add(1000 + n * 100, bytes(100), 100, None))
    assert given_on > 3000 - max(MOST_SEGMENTS, MOST_WAITING // 100) - 1
    many = Stream()
    many.syn(0)
    waiting = 0
    for n in range(MOST_SEGMENTS * 2):  # every other octet
        waiting += 1 - len(many.add(10 + 2 * n, b"x", 1, None))
        assert waiting <= MOST_SEGMENTS + 1
