"""pcap and pcapng, packed and damaged, over every link layer: the records are what the builder put in, each octet once."""

from __future__ import annotations

import bz2
import gzip
import lzma
import random
import shutil
import subprocess
import tracemalloc
from io import BytesIO
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analyzer.inputs import open_traces
from analyzer.model import Trace
from analyzer.sources import InputError, read_input
from analyzer.sources.pcap.capture import follow_capture, read_capture
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.pcap.packed import Opened, unpacked
from analyzer.sources.pcap.radio import radio_payload
from analyzer.sources.pcap.zstd_frames import ZstdFrames
from tests import captured
from tests.captured import CLIENT, CLIENT6, LINKS, METER, METER6, START, Connection
from tests.example_captures import EXAMPLES
from tests.support import CLOCK, GET_CLOCK, plain, wrapped

REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)


def talk(ends=(CLIENT, METER), reads: int = 3) -> Connection:
    connection = Connection(ends)
    for _ in range(reads):
        connection.say(0, REQUEST).say(1, ANSWER)
    return connection.close()


def traces(data: bytes, **choice: object) -> list[Trace]:
    return read_capture(BytesIO(data), "test.pcap", Choice(**choice))  # type: ignore[arg-type]


def what(trace: Trace) -> list[tuple[str, bytes]]:
    return [(record.direction, record.data) for record in trace]


THREE_READS = [("client", REQUEST), ("meter", ANSWER)] * 3


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_pcap_in_both_byte_orders_and_units_of_time(order: str, nano: bool) -> None:
    (trace,) = traces(captured.pcap(captured.timed(talk().datagrams()), 101, order, nano))
    assert what(trace) == THREE_READS
    assert trace[0].time == "2023-11-14T22:13:20.003000Z"
    assert trace[0].seconds == pytest.approx(START / 1e9 + 0.003)
    assert trace[1].seconds - trace[0].seconds == pytest.approx(0.002, abs=1e-6)
    assert not trace.issues
    assert trace.name == "10.1.0.5:51000 -> 10.1.0.9:4059"


def test_old_pcap_with_longer_packet_headers() -> None:
    made = captured.pcap(captured.timed(talk().datagrams()), 101)
    packets = b"".join(made[at : at + 16] + bytes(8) + made[at + 16 : at + 16 + size] for at, size in _packets_of(made))
    (trace,) = traces(b"\x34\xcd\xb2\xa1" + made[4:24] + packets)
    assert what(trace) == THREE_READS


def _packets_of(made: bytes) -> list[tuple[int, int]]:
    at, found = 24, []
    while at < len(made):
        size = int.from_bytes(made[at + 8 : at + 12], "little")
        found.append((at, size))
        at += 16 + size
    return found


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_in_both_byte_orders(order: str) -> None:
    (trace,) = traces(captured.pcapng(captured.timed(talk().datagrams()), 101, order))
    assert what(trace) == THREE_READS
    assert trace[0].time == "2023-11-14T22:13:20.003000Z"


def test_pcapng_every_block_that_carries_packets() -> None:
    """Enhanced, simple and old packet blocks; several interfaces and sections of both byte orders; units and offsets."""
    datagrams = talk().datagrams()
    made = (
        captured.section("<")
        + captured.interface(101)
        + captured.interface(1, resolution=0x80 | 10, offset=1_700_000_000)
    )
    made += captured.block(4, bytes(8)) + captured.block(0x0BAD, b"\0\0\x7e\xd9custom") + captured.block(5, bytes(12))
    blocks = []
    for index, datagram in enumerate(datagrams[:6]):
        if index % 3 == 0:
            blocks.append(captured.enhanced(datagram, (START + index) // 1000))
        elif index % 3 == 1:
            blocks.append(captured.enhanced(captured.ethernet(datagram), index, 1, way=index % 2 + 1))
        else:
            size = len(datagram)
            body = (
                captured.struct.pack("<HHIIII", 0, 0, 0, 0, size, size)
                + datagram
                + bytes(-size % 4)
                + captured.option(0, b"")
            )
            blocks.append(captured.block(2, body))
    made += b"".join(blocks)
    made += captured.section(">") + captured.interface(101, ">")
    made += b"".join(captured.block(3, len(d).to_bytes(4, "big") + d, ">") for d in datagrams[6:])
    (trace,) = traces(made)
    assert what(trace) == THREE_READS
    assert [record.time is None for record in trace] == [False, False, True, True, True, True]
    assert trace[0].time == "2023-11-14T22:13:20.000000Z"  # microseconds, where nothing is said
    assert not trace.issues


def test_times_that_no_calendar_has() -> None:
    made = captured.section() + captured.interface(101, resolution=0, offset=-5)
    made += b"".join(captured.enhanced(d, (1 << 64) - 1 if n % 2 else n) for n, d in enumerate(talk().datagrams()))
    (trace,) = traces(made)
    assert what(trace) == THREE_READS
    assert {record.time for record in trace} <= {
        None,
        "1969-12-31T23:59:59.000000Z",
        *(f"1970-01-01T00:00:{n:02}.000000Z" for n in range(20)),
    }


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("ends", [(CLIENT, METER), (CLIENT6, METER6)], ids=["IPv4", "IPv6"])
def test_every_link_layer(name: str, ends: tuple[tuple[str, int], tuple[str, int]]) -> None:
    link, wrap = LINKS[name]
    (trace,) = traces(captured.pcapng(captured.timed(talk(ends).datagrams(), wrap), link))
    assert what(trace) == THREE_READS


def test_ipv4_in_fragments_in_any_order() -> None:
    random_ = random.Random(4)
    connection = talk(reads=20)
    packets = []
    for ident, sent in enumerate(connection.packets):
        datagram = connection.datagram(sent)
        ends = ("10.1.0.5", "10.1.0.9") if sent.side == 0 else ("10.1.0.9", "10.1.0.5")
        parts = captured.ipv4_fragments(*ends, 6, datagram[20:], 16, ident)
        random_.shuffle(parts)
        packets += [*parts, parts[0]] if len(parts) > 1 and ident % 5 == 0 else parts
    (trace,) = traces(captured.pcap(captured.timed(packets), 101))
    assert [data for _, data in what(trace)] == [REQUEST, ANSWER] * 20


def test_fragments_that_never_come_are_told() -> None:
    parts = captured.ipv4_fragments("10.1.0.5", "10.1.0.9", 17, captured.udp(5000, 4059, REQUEST), 8, 77)
    (trace,) = traces(captured.pcap(captured.timed([*talk().datagrams(), *parts[:-1]]), 101))
    assert [issue.text for issue in trace.issues] == ["1 datagram left out of which fragments are missing"]


def test_fragments_captured_twice_are_no_missing_ones() -> None:
    """A number used again begins another datagram all the same."""
    ends = "10.1.0.5", "10.1.0.9", 17
    first, second = (
        captured.ipv4_fragments(*ends, captured.udp(5000, 4059, data), 8, 77) for data in (REQUEST, ANSWER)
    )
    (trace,) = traces(captured.pcap(captured.timed([*first, first[0], first[-1], *second, second[1]]), 101))
    assert [data for _, data in what(trace)] == [REQUEST, ANSWER]
    assert not trace.issues


@pytest.mark.parametrize("size", [8, 16, 2000])
def test_udp_that_was_captured_twice_is_shown_once(size: int) -> None:
    """By a mirror port, or on two interfaces; under another number, later, or behind an answer it was sent twice."""
    ends, data = ("10.1.0.5", "10.1.0.9", 17), captured.udp(5000, 4059, REQUEST)
    first, second = (captured.ipv4_fragments(*ends, data, size, number) for number in (77, 78))
    made = [*((START + n, part) for part in first for n in (0, 5000)), *((START + 9000, part) for part in second)]
    answer = captured.ipv4("10.1.0.9", "10.1.0.5", 17, captured.udp(4059, 5000, ANSWER), 5)
    made += [*((START + 90_000_000, part) for part in second), (START + 91_000_000, answer)]
    made += [(START + 92_000_000, part) for part in second]
    (trace,) = traces(captured.pcap(made, 101))
    assert [data for _, data in what(trace)] == [REQUEST] * 3 + [ANSWER, REQUEST]
    assert [issue.text for issue in trace.issues] in ([], ["1 UDP datagram captured twice, and shown once"])
    assert bool(trace.issues) == (size == 2000)  # of fragments, the second ones are dropped as they come


def test_fragments_wait_only_as_long_as_a_host_would() -> None:
    parts = captured.ipv4_fragments("10.1.0.5", "10.1.0.9", 17, captured.udp(5000, 4059, REQUEST), 16, 77)
    packets = [(START, parts[0]), *((START + 100_000_000_000 + n, part) for n, part in enumerate(parts[1:] + parts))]
    (trace,) = traces(captured.pcap(packets, 101))
    assert [data for _, data in what(trace)] == [REQUEST]
    assert [issue.text for issue in trace.issues] == ["1 datagram left out of which fragments are missing"]


def test_ipv6_behind_extension_headers_and_in_fragments() -> None:
    hop, destination = (0, b"\0" + bytes(6)), (60, b"\x01" + bytes(14))
    connection = talk((CLIENT6, METER6))
    packets = []
    for ident, datagram in enumerate(connection.datagrams()):
        segment, ends = (
            datagram[40:],
            (str(captured.ip_address(datagram[8:24])), str(captured.ip_address(datagram[24:40]))),
        )
        half = len(segment) // 2 & ~7
        tag = ident.to_bytes(4, "big")
        if half:
            packets.append(captured.ipv6(*ends, 6, segment[half:], [hop, (44, b"\0" + half.to_bytes(2, "big") + tag)]))
            packets.append(captured.ipv6(*ends, 6, segment[:half], [hop, (44, b"\0\0\x01" + tag)]))
        else:
            packets.append(captured.ipv6(*ends, 6, segment, [hop, destination, (44, b"\0\0\0" + tag)]))
    (trace,) = traces(captured.pcap(captured.timed(packets), 101))
    assert what(trace) == THREE_READS
    assert trace.name == "[fd00::5]:51000 -> [fd00::9]:4059"


def test_udp() -> None:
    datagrams = []
    for _ in range(3):
        datagrams.append(captured.ipv4("10.1.0.5", "10.1.0.9", 17, captured.udp(40000, 40001, REQUEST)))
        datagrams.append(captured.ipv4("10.1.0.9", "10.1.0.5", 17, captured.udp(40001, 40000, ANSWER)))
    (trace,) = traces(captured.pcap(captured.timed(datagrams), 101))
    assert what(trace) == THREE_READS
    assert {record.carrier for record in trace} == {"udp"}
    assert trace.name == "10.1.0.5:40000 -> 10.1.0.9:40001 udp"


@pytest.mark.parametrize("six", [False, True])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_packets_that_a_host_or_router_refuses_are_named(six: bool, transport: str) -> None:
    """ICMP quotes the packet; what it says of packets to other ports is nobody's concern here."""
    client, meter, router = ("fd00::5", "fd00::9", "fd00::1") if six else ("10.1.0.5", "10.1.0.9", "10.1.0.1")
    make, number = (captured.ipv6, 58) if six else (captured.ipv4, 1)
    kind = {
        (False, "UDP"): b"\x03\x03",
        (False, "TCP"): b"\x03\x0d",
        (True, "UDP"): b"\x01\x04",
        (True, "TCP"): b"\x01\x01",
    }
    made = []
    for port in (4059, 4059, 80):
        sent = captured.udp(5000, port, REQUEST) if transport == "UDP" else captured.tcp(5000, port, 1, 0, captured.SYN)
        packet = make(client, meter, 17 if transport == "UDP" else 6, sent)
        made += [
            packet,
            make(router, client, number, kind[six, transport] + bytes(6) + packet[: (40 if six else 20) + 8]),
        ]
        made += [make(router, client, number, kind[six, transport] + bytes(size)) for size in (0, 6, 20)]
    (trace, *_) = traces(captured.pcap(captured.timed([*talk().datagrams(), *made]), 101))
    said = [issue.text for issue in trace.issues if "ICMP" in issue.text]
    to = "[fd00::9]:4059" if six else "10.1.0.9:4059"
    why = "port unreachable: nobody listens there" if transport == "UDP" else "prohibited by a firewall"
    assert said == [f"{transport} from {client} to {to}: {router} answers {why} (ICMP, 2 packets)"]


def test_hdlc_on_any_port_and_what_is_no_dlms_left_out() -> None:
    http = Connection((("10.1.0.5", 50001), ("10.1.0.7", 80)))
    http.say(0, b"GET /index.html HTTP/1.1\r\nHost: x\r\n\r\n").say(
        1, b"HTTP/1.1 200 OK\r\n\r\n" + bytes(range(256)) * 40
    )
    meter = Connection((("10.1.0.5", 50002), ("10.1.0.9", 10001)))
    for record in plain().records:
        meter.say(0 if record.direction == "client" else 1, record.data, 7)
    dns = captured.ipv4(
        "10.1.0.5", "10.1.0.1", 17, captured.udp(5353, 53, b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\x05meter\0\0\1\0\1")
    )
    packets = (
        [d for pair in zip(http.datagrams(), meter.datagrams(), strict=False) for d in pair]
        + meter.datagrams()[len(http.packets) :]
        + [dns]
    )
    made = captured.pcap(captured.timed(packets), 101)
    (trace,) = traces(made)
    assert b"".join(data for side, data in what(trace) if side == "client") == meter.stream(0)
    assert b"".join(data for side, data in what(trace) if side == "meter") == meter.stream(1)
    assert [issue.text for issue in trace.issues] == [
        "2 other connections without DLMS left out; --all-connections shows them"
    ]
    shown = traces(made, everything=True)
    assert len(shown) == 3
    assert b"".join(r.data for r in shown[0] if r.direction == "client") == http.stream(0)


def test_a_pcapng_cut_off_in_its_first_block_says_so() -> None:
    with pytest.raises(InputError, match="after 0 packets: the header of a section is cut off"):
        traces(captured.section()[:10])


def test_without_any_dlms_one_line_says_so() -> None:
    http = Connection((CLIENT, ("10.1.0.7", 80))).say(0, b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(InputError, match=r"no DLMS found.*1 other connection"):
        traces(captured.pcap(captured.timed(http.datagrams()), 101))


# A wrong check, another frame type, a wrapper whose length is too great, M-Bus with a wrong sum, eight data bits as seven.
BROKEN = [
    "7EA0210002005B03930C4E8180120501C80601F80704000000010804000000010000 7E",
    "7E80210002005B039370848180120501C80601F80704000000010804000000010000 7E",
    "00010010000100FF 99",
    "68030368530F1000 16",
    "7E20210002005B0313 0C4E0100120501480601780704000000010804000000010000 7E",
]


@pytest.mark.parametrize("octets", BROKEN)
def test_a_broken_meter_alone_in_a_capture_is_shown(octets: str) -> None:
    """No check is right and no length fits, but nothing else in the capture is DLMS: whoever looks wants to see it."""
    data = bytes.fromhex(octets)
    odd = Connection((CLIENT, ("10.1.0.7", 4001))).say(0, data).say(1, b"\x15").say(0, data).close()
    http = Connection((CLIENT, ("10.1.0.7", 80))).say(0, b"GET / HTTP/1.1\r\n\r\n")
    for packets in (odd.datagrams(), odd.datagrams() + http.datagrams()):
        made = captured.pcap(captured.timed(packets), 101)
        (trace,) = traces(made)
        assert what(trace) == [("client", data), ("meter", b"\x15"), ("client", data)]
        assert "nothing else in the capture is DLMS" in trace.issues[0].text
        arrivals = list(follow_capture(BytesIO(made), "x"))
        assert [r.data for arrival in arrivals for r in arrival.records] == [data, b"\x15", data]
    meter = Connection((CLIENT, ("10.1.0.9", 4059))).say(0, REQUEST)
    (trace,) = traces(captured.pcap(captured.timed(odd.datagrams() + meter.datagrams()), 101))
    assert "10.1.0.9" in trace.name and "1 other connection" in trace.issues[0].text


@pytest.mark.parametrize("data", [b"~", b"\x00\x01\x02", b"hello", bytes(40), b"\xff" * 40])
def test_whatever_comes_at_the_port_of_dlms_is_shown(data: bytes) -> None:
    odd = Connection((CLIENT, ("10.1.0.7", 4059))).say(0, data).say(1, data)
    (trace,) = traces(captured.pcap(captured.timed(odd.datagrams()), 101))
    assert what(trace) == [("client", data), ("meter", data)]


@pytest.mark.parametrize("opener", [0, 1])
@pytest.mark.parametrize("port", [4059, 1234])
def test_the_meter_that_pushes_opens_the_connection(opener: int, port: int) -> None:
    """A data-notification comes from a meter, whoever opened the connection and on which port."""
    push = wrapped(bytes.fromhex("0F00000001000203"), 1, 16)
    ends = (("10.1.0.9", 50000), ("10.1.0.5", port))
    connection = Connection(ends if opener == 0 else ends[::-1]).say(opener, push)
    (trace,) = traces(captured.pcap(captured.timed(connection.datagrams()), 101))
    assert what(trace) == [("meter", push)]


# -- packed ---------------------------------------------------------------------------------------------------------


def zstd(data: bytes) -> bytes:
    return pytest.importorskip("zstandard").ZstdCompressor().compress(data)


PACKS = [gzip.compress, zstd, lzma.compress, bz2.compress]


@pytest.mark.parametrize("pack", [*PACKS, lambda data: gzip.compress(lzma.compress(data))])
def test_packed(pack) -> None:
    made = captured.pcapng(captured.timed(talk().datagrams()), 101)
    (trace,) = traces(pack(made))
    assert what(trace) == THREE_READS
    (trace,) = read_input(pack(made), "capture.gz")
    assert what(trace) == THREE_READS
    (trace,) = traces(pack(made[:500]) + pack(made[500:]))
    assert what(trace) == THREE_READS


@pytest.mark.parametrize("pack", PACKS)
def test_packed_and_cut_off(pack) -> None:
    # Random payloads, so that packing does not shrink them to nothing.
    noise = random.Random(1).randbytes(3_000_000)
    connection = talk().say(0, noise)
    packed = pack(captured.pcap(captured.timed(connection.datagrams()), 101))
    (trace,) = traces(packed[: len(packed) * 3 // 4])
    assert what(trace)[:6] == THREE_READS
    assert len(trace) > 20
    (issue,) = trace.issues
    assert issue.severity == "error"
    assert issue.text.startswith("the capture ends before its end, after ")
    assert issue.text.endswith("file is cut off")


@pytest.mark.parametrize("pack", PACKS)
@given(data=st.data())
def test_packed_logs_that_are_cut_off_say_so(
    pack, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Also two files one behind the other, cut in the second; between the two nobody can know."""
    log = b"".join(b"TX: %s\n" % record.data.hex(" ").encode() for record in plain().records)
    parts = [pack(log[:200]), pack(log[200:])]
    whole = b"".join(parts)
    cut = data.draw(st.integers(7, len(whole) - 1))
    path = tmp_path_factory.mktemp("packed", numbered=True) / "x.log"
    path.write_bytes(whole[:cut])
    try:
        (trace,) = open_traces(str(path))
    except InputError as problem:
        assert "is cut off" in str(problem)
    else:
        said = [issue.text for issue in trace.issues if "cut off" in issue.text]
        assert len(said) == (cut != len(parts[0]))


@pytest.mark.parametrize("name", ["xz", "bzip2"])
def test_packed_and_damaged(name: str) -> None:
    packed = bytearray({"xz": lzma.compress, "bzip2": bz2.compress}[name](random.Random(2).randbytes(3_000_000)))
    packed[len(packed) // 2] ^= 0xFF
    stream = unpacked(BytesIO(bytes(packed)))
    assert len(stream.read(4 << 20)) < 3_000_000
    assert stream.problem == f"the {name} file is damaged"


@pytest.mark.parametrize("checked", [False, True])
@pytest.mark.parametrize("sized", [False, True])
@given(st.lists(st.binary(max_size=2000).map(lambda data: data * 100), min_size=1, max_size=3), st.integers(1, 5000))
def test_where_frames_of_zstd_end(sized: bool, checked: bool, contents: list[bytes], step: int) -> None:
    zstandard = pytest.importorskip("zstandard")
    packer = zstandard.ZstdCompressor(write_content_size=sized, write_checksum=checked)
    frames = ZstdFrames()
    made = [b"\x53\x2a\x4d\x18\x03\0\0\0abc", *(packer.compress(content) for content in contents)]
    for packed in made:
        frames.feed(packed[:-1])
        assert not frames.whole
        frames.feed(packed[-1:])
        assert frames.whole
    again = ZstdFrames()
    for at in range(0, len(b"".join(made)), step):
        again.feed(b"".join(made)[at : at + step])
    assert again.whole


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("container", [captured.pcap, captured.pcapng])
@given(data=st.data())
def test_cut_anywhere(container, data: st.DataObject) -> None:
    """What is before the cut is shown, one finding says where it ends."""
    packets = list(captured.timed(talk().datagrams()))
    whole = container(packets, 101)
    made = whole[: data.draw(st.integers(0, len(whole) - 1))]
    try:
        (trace,) = traces(made)
    except InputError as problem:
        assert "no DLMS" in str(problem) or "cut off" in str(problem)
        return
    shown = what(trace)
    assert shown[:-1] == THREE_READS[: len(shown) - 1]
    assert THREE_READS[len(shown) - 1][1].startswith(shown[-1][1])
    ends = [len(container(packets[:n], 101)) for n in range(len(packets) + 1)]
    assert [issue.severity for issue in trace.issues if issue.severity == "error"] == (
        [] if len(made) in ends else ["error"]
    )


@pytest.mark.parametrize("container", [captured.pcap, captured.pcapng])
@given(data=st.data())
def test_changed_anywhere(container, data: st.DataObject) -> None:
    """Any octet may be anything: traces or one line, never an exception of another kind."""
    made = bytearray(container(captured.timed(talk().datagrams()), 101))
    for _ in range(data.draw(st.integers(1, 5))):
        made[data.draw(st.integers(0, len(made) - 1))] = data.draw(st.integers(0, 255))
    try:
        for trace in traces(bytes(made)):
            assert sum(len(record.data) for record in trace) <= len(made)
    except InputError as problem:
        assert "\n" not in str(problem)


@given(st.binary(max_size=600))
def test_random_octets_behind_a_good_header(noise: bytes) -> None:
    packets = list(captured.timed(talk().datagrams()))
    for container in (captured.pcap, captured.pcapng):
        trace = traces(container(packets, 101) + noise)[0]
        assert what(trace)[:6] == THREE_READS


@pytest.mark.parametrize("claimed", [1 << 20, 0x7FFFFFFF, 0xFFFFFFFF])
def test_nothing_is_allocated_for_a_length_that_the_file_claims(claimed: int) -> None:
    size = claimed.to_bytes(4, "little")
    packets = list(captured.timed(talk().datagrams()))
    liars = [
        captured.pcap(packets, 101) + bytes(8) + size + size + b"few octets",
        captured.pcapng(packets, 101) + b"\x06\0\0\0" + (claimed & ~3).to_bytes(4, "little") + bytes(30),
    ]
    for made in liars:
        tracemalloc.start()
        (trace,) = traces(made)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert what(trace) == THREE_READS
        assert [issue.severity for issue in trace.issues] == ["error"]
        assert str(claimed & ~3)[:4] in trace.issues[0].text
        assert peak < 2 << 20


@pytest.mark.parametrize("pack", PACKS)
def test_a_bomb_is_unpacked_only_as_far_as_it_is_read(pack) -> None:
    bomb = pack(captured.pcap(captured.timed(talk().datagrams()), 101) + b"\xff" * 16 + bytes(200 << 20))
    tracemalloc.start()
    stream = Opened(BytesIO(bomb))
    (trace,) = read_capture(stream, "bomb")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert what(trace) == THREE_READS
    assert peak < (16 << 20 if pack is lzma.compress else 8 << 20)  # xz asks for a window of 8 MiB


def test_packets_cut_by_the_capture_are_a_loss_of_these_octets() -> None:
    long = wrapped(bytes.fromhex("C401C10009") + b"\x81\xc8" + bytes(200), 1, 16)
    connection = Connection().say(0, REQUEST).say(1, long).say(0, REQUEST).say(1, ANSWER)
    (trace,) = traces(captured.pcap(captured.timed(connection.datagrams()), 101, snap=100))
    assert what(trace) == [("client", REQUEST), ("meter", long[:60]), ("client", REQUEST), ("meter", ANSWER)]
    assert [record.lost for record in trace] == [0, 0, 0, len(long) - 60]
    assert "record 4" in trace.issues[0].text


def test_link_types_that_nobody_knows_are_told() -> None:
    made = captured.section() + captured.interface(101) + captured.interface(999)
    made += b"".join(captured.enhanced(d, 5) for d in talk().datagrams()) + captured.enhanced(b"what", 5, 1)
    made += captured.enhanced(b"what", 5, 7)
    (trace,) = traces(made)
    texts = " ".join(issue.text for issue in trace.issues)
    assert "1 packet of link type 999 not read" in texts
    assert "1 packet of interfaces that no block describes" in texts


# -- serial lines in captures ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [147, 155, 162])
def test_user_link_types_carry_the_octets_of_a_line(link: int) -> None:
    """The direction is that of the packet at its interface, where the capture tells it."""
    frames = [record.data for record in plain().records]
    made = captured.section() + captured.interface(link)
    made += b"".join(captured.enhanced(data, 1, way=2 - index % 2) for index, data in enumerate(frames))
    (trace,) = traces(made)
    assert [data for _, data in what(trace)] == frames
    assert [side for side, _ in what(trace)] == ["client", "meter"] * 5
    (trace,) = traces(captured.pcap(((1, data) for data in frames), link))
    assert {side for side, _ in what(trace)} == {"unknown"}


@pytest.mark.parametrize(
    ("names", "shown"),
    [((b"COM5", b"COM6"), ["COM5", "COM6"]), ((b"", b""), ["DLT_USER0", "DLT_USER0 interface 1"]),
     ((b"COM5", b"COM5"), ["COM5", "COM5"]), ((b"a\nb \xff", b""), ["a b \ufffd", "DLT_USER0 interface 1"])],
)  # fmt: skip
def test_each_interface_of_a_line_is_a_trace(names: tuple[bytes, bytes], shown: list[str]) -> None:
    """Two ports recorded at once, packet by packet in turns; a second section goes on with what it calls the same."""
    frames = [record.data for record in plain().records]
    made = b""
    for part in (frames[:4], frames[4:]):
        made += captured.section() + b"".join(captured.interface(147, name=name) for name in names)
        made += b"".join(captured.enhanced(data, 1, index) for data in part for index in (0, 1))
    found = traces(made)
    assert [[data for _, data in what(trace)] for trace in found] == [frames, frames]
    assert [trace.name for trace in found] == shown


def test_user_link_types_with_a_framing_given() -> None:
    packets = list(captured.timed(talk().datagrams()))
    (trace,) = traces(captured.pcap(packets, 147), framing="ip")
    assert what(trace) == THREE_READS
    (trace,) = traces(captured.pcap(((t, captured.ethernet(d)) for t, d in packets), 147), framing="ethernet")
    assert what(trace) == THREE_READS
    (trace,) = traces(captured.pcap([(1, b"\x7e\xa0")], 147), framing="hdlc")
    assert what(trace) == [("unknown", b"\x7e\xa0")]


@pytest.mark.parametrize(
    ("link", "before", "after"),
    [(195, b"", b"\0\0"), (230, b"", b""), (283, bytes.fromhex("0000 0c00 0000 0100 01000000"), b"\0\0")],
)
def test_ieee_802_15_4(link: int, before: bytes, after: bytes) -> None:
    there, back = (
        bytes.fromhex("4188") + b"\x01" + bytes.fromhex("CDAB 0900 0500"),
        bytes.fromhex("4188") + b"\x02" + bytes.fromhex("CDAB 0500 0900"),
    )
    packets = [(1, before + (there if n % 2 == 0 else back) + r.data + after) for n, r in enumerate(plain().records)]
    packets.append((1, before + bytes.fromhex("0200 01") + after))  # an acknowledgement
    (trace,) = traces(captured.pcap(packets, link))
    assert [data for _, data in what(trace)] == [record.data for record in plain().records]
    assert [side for side, _ in what(trace)] == ["client", "meter"] * 5
    assert trace.name == "0005 -> 0009"


# Header elements end with 7F (the payload follows) or 7E (payload elements follow, up to their own termination).
ELEMENTS = {
    "none": b"",
    "header": bytes.fromhex("020D AABB 803F"),
    "header and payload": bytes.fromhex("003F 0388 112233 00F8"),
}


SIZES = [(2, 2), (2, 8), (8, 2), (8, 8), (0, 2), (8, 0), (0, 0)]  # octets of destination and source
COMBINED = list(product(SIZES, (0, 1), (None, 7), ELEMENTS.values()))


def radio_ends(sizes: tuple[int, int]) -> tuple[bytes, bytes]:
    return bytes.fromhex("0011223344556609")[: sizes[0]], bytes.fromhex("0011223344556605")[: sizes[1]]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_ieee_802_15_4_of_version_2(sizes: tuple[int, int]) -> None:
    """TSCH and Wi-SUN: sequence numbers may be left out, information elements stand before the payload."""
    ends = radio_ends(sizes)
    names = [end.hex().upper() or "-" for end in ends]
    for compressed, sequence, elements in product((0, 1), (None, 7), ELEMENTS.values()):
        packets = [captured.radio_2(r.data, *ends, compressed, sequence, elements) for r in plain().records]
        (trace,) = traces(captured.pcap(captured.timed(packets), 230))
        assert [data for _, data in what(trace)] == [record.data for record in plain().records]
        assert trace.name in (f"{names[0]} -> {names[1]}", f"{names[1]} -> {names[0]}")
        assert not trace.issues


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_ieee_802_15_4_of_version_2_as_tshark_reads_it(tmp_path: Path) -> None:
    frame = plain().records[0].data
    packets = [captured.radio_2(frame, *radio_ends(sizes), *rest) for sizes, *rest in COMBINED]
    path = tmp_path / "radio.pcap"
    path.write_bytes(captured.pcap(captured.timed(packets), 230))
    fields = ["-T", "fields", "-e", "data.data", "--disable-protocol", "6lowpan", "--disable-protocol", "zbee_nwk"]
    said = subprocess.run(["tshark", "-r", str(path), *fields], capture_output=True, text=True, check=True).stdout
    assert [bytes.fromhex(line) for line in said.splitlines()] == [frame] * len(COMBINED)
    assert [radio_payload(230, packet)[2] for packet in packets] == [frame] * len(COMBINED)  # type: ignore[index]


def test_a_big_capture_goes_to_a_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the bound records are not kept in memory: the same records, by iteration, index and slice."""
    both = zip(talk(reads=90).datagrams(), talk((CLIENT6, METER6), 90).datagrams(), strict=True)
    packets = [datagram for pair in both for datagram in pair]
    made = captured.pcap(captured.timed(packets), 101)
    kept = traces(made)
    monkeypatch.setattr("analyzer.sources.pcap.connections.MEMORY", 2000)
    for small in (10, 1 << 16):
        monkeypatch.setattr("analyzer.sources.pcap.connections.SMALL", small)
        spilled = traces(made)
        assert [list(trace) for trace in spilled] == [list(trace) for trace in kept]
        for here, there in zip(spilled, kept, strict=True):
            assert here.records.memory < 3000 < there.records.memory  # type: ignore[attr-defined]
            assert (len(here), here[0], here[-1], here[7:99]) == (len(there), there[0], there[-1], there[7:99])
            with pytest.raises(IndexError):
                here[len(there)]


KNOWN = sorted({link for link, _ in LINKS.values()} | {189, 195, 215, 220, 230, 249, 283, 147})


@given(st.lists(st.tuples(st.sampled_from(KNOWN), st.binary(max_size=120)), max_size=12), st.booleans())
@example([(283, bytes.fromhex("0000FFFF"))] * 2, True)
@example([(230, bytes.fromhex("0132"))], True)
def test_any_packet_of_any_link_type(packets: list[tuple[int, bytes]], everything: bool) -> None:
    """Nothing but traces or one line, and no octet that was not there."""
    made = captured.section() + b"".join(captured.interface(link) for link in KNOWN)
    made += b"".join(captured.enhanced(data, n, KNOWN.index(link)) for n, (link, data) in enumerate(packets))
    try:
        found = traces(made, everything=everything)
    except InputError as problem:
        assert "\n" not in str(problem)
    else:
        assert sum(len(r.data) for trace in found for r in trace) <= sum(len(data) for _, data in packets)


def mutate(made: bytes, random_: random.Random) -> bytes:
    """Octets changed, taken out and put in."""
    octets = bytearray(made)
    for _ in range(random_.choice([1, 3, 20])):
        at = random_.randrange(len(octets))
        way = random_.randrange(3)
        if way == 0:
            octets[at] = random_.randrange(256)
        elif way == 1:
            del octets[at : at + random_.randrange(1, 30)]
        else:
            octets[at:at] = random_.randbytes(random_.randrange(1, 30))
    return bytes(octets)


@pytest.mark.parametrize("rounds", [400, pytest.param(100_000, marks=pytest.mark.fuzz)])
def test_mutated_captures_read_whole_and_as_they_come_alike(rounds: int) -> None:
    """No exception but InputError, and both ways of reading give the same octets."""
    random_ = random.Random(rounds)
    examples = [build() for build in EXAMPLES.values()]
    for _ in range(rounds):
        made = mutate(random_.choice(examples), random_)
        try:
            whole = [list(trace) for trace in read_capture(BytesIO(made), "mutated")]
        except InputError as problem:
            assert "\n" not in str(problem)
            continue
        coming = list(follow_capture(BytesIO(made), "mutated"))
        assert sum(len(r.data) for arrival in coming for r in arrival.records) == sum(
            len(r.data) for t in whole for r in t
        ), made.hex()
