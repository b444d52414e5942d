"""Captures that scapy makes, an independent builder: link layers, IP with options and fragments, TCP, UDP, 802.15.4."""

from __future__ import annotations

import random
from io import BytesIO
from pathlib import Path

import pytest

scapy = pytest.importorskip("scapy.all")

from scapy.contrib.mpls import MPLS  # noqa: E402
from scapy.layers.dot15d4 import Dot15d4, Dot15d4Data  # noqa: E402

from analyzer.inputs import open_traces  # noqa: E402
from analyzer.model import Trace  # noqa: E402
from analyzer.sources.pcap.capture import read_capture  # noqa: E402
from tests.support import CLOCK, GET_CLOCK, plain, wrapped  # noqa: E402

REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK + bytes(3000), 1, 16)
TALK = [(0, REQUEST), (1, ANSWER), (0, REQUEST), (1, ANSWER[:40]), (1, ANSWER[40:])]
STREAMS = [b"".join(data for side, data in TALK if side == which) for which in (0, 1)]
MACS = {"src": "02:00:00:00:00:01", "dst": "02:00:00:00:00:02"}  # given, or scapy would ask the network for them
LINKS = {
    "ethernet": lambda: scapy.Ether(**MACS),
    "vlan": lambda: scapy.Ether(**MACS) / scapy.Dot1Q(vlan=5),
    "provider bridge": lambda: scapy.Ether(type=0x88A8, **MACS) / scapy.Dot1AD(vlan=7) / scapy.Dot1Q(vlan=5),
    "mpls": lambda: scapy.Ether(type=0x8847, **MACS) / MPLS(label=16, s=0) / MPLS(label=17, s=1),
    "snap": lambda: scapy.Dot3(**MACS) / scapy.LLC(dsap=0xAA, ssap=0xAA, ctrl=3) / scapy.SNAP(),
    "pppoe": lambda: scapy.Ether(**MACS) / scapy.PPPoE(sessionid=3) / scapy.PPP(),
    "cooked": lambda: scapy.CookedLinux(),
    "cooked 2": lambda: scapy.CookedLinuxV2(),
    "loopback": lambda: scapy.Loopback(),
    "ppp": lambda: scapy.PPP(),
    "raw": lambda: None,
}


def network(version: int, side: int):
    """The IP layer of one side, with what may stand in it: options, extension headers."""
    ends = ("10.1.0.5", "10.1.0.9") if version == 4 else ("fd00::5", "fd00::9")
    source, destination = ends if side == 0 else ends[::-1]
    if version == 4:
        return scapy.IP(src=source, dst=destination, options=[scapy.IPOption(b"\x94\x04\0\0")])
    options = scapy.IPv6ExtHdrHopByHop() / scapy.IPv6ExtHdrDestOpt()
    return scapy.IPv6(src=source, dst=destination) / options


def segments(version: int, size: int):
    """The packets of one TCP connection, with options in the header of TCP."""
    ports, numbers = (50000, 4059), [7, (1 << 32) - 100]
    stamps = [("Timestamp", (1, 2)), ("NOP", None), ("NOP", None)]

    def packet(side: int, flags: str, data: bytes = b""):
        acknowledged = numbers[1 - side] if "A" in flags else 0
        head = scapy.TCP(
            sport=ports[side], dport=ports[1 - side], seq=numbers[side], ack=acknowledged, flags=flags, options=stamps
        )
        numbers[side] = (numbers[side] + len(data) + ("S" in flags or "F" in flags)) % (1 << 32)
        return network(version, side) / head / scapy.Raw(data) if data else network(version, side) / head

    made = [packet(0, "S"), packet(1, "SA"), packet(0, "A")]
    for side, data in TALK:
        for at in range(0, len(data), size):
            made += [packet(side, "PA", data[at : at + size]), packet(1 - side, "A")]
    return [*made, packet(0, "FA"), packet(1, "FA"), packet(0, "A")]


def framed(name: str, packets):
    return [LINKS[name]() / packet if LINKS[name]() is not None else packet for packet in packets]


def saved(path: Path, packets, form: str = "pcap") -> list[Trace]:
    """What the project reads of what scapy writes."""
    for number, packet in enumerate(packets):
        packet.time = 1_700_000_000 + number / 1000
    (scapy.wrpcap if form == "pcap" else scapy.wrpcapng)(str(path), packets)
    return open_traces(str(path))


def streams(trace: Trace) -> list[bytes]:
    return [b"".join(r.data for r in trace if r.direction == side) for side in ("client", "meter")]


@pytest.mark.parametrize("name", LINKS)
@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_every_link_layer_of_scapy(name: str, version: int, form: str, tmp_path: Path) -> None:
    (trace,) = saved(tmp_path / "x", framed(name, segments(version, 1000)), form)
    assert streams(trace) == STREAMS
    assert not trace.issues
    assert trace[0].time == "2023-11-14T22:13:20.003000Z"


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("transport", ["tcp", "udp"])
def test_fragments_of_scapy_in_any_order(version: int, transport: str, tmp_path: Path) -> None:
    random_ = random.Random(version)
    packets = []
    if transport == "tcp":
        whole = segments(version, 2000)
    else:
        ports = (4059, 4059)
        whole = [
            network(version, side) / scapy.UDP(sport=ports[0], dport=ports[1]) / scapy.Raw(d) for side, d in TALK[:4]
        ]
    for number, packet in enumerate(whole, 1):
        if version == 4:
            packet[scapy.IP].id = number
            parts = scapy.fragment(packet, fragsize=176)
        else:
            parts = scapy.fragment6(with_fragment_header(packet, number), 400)
        parts = list(parts)
        random_.shuffle(parts)
        packets += parts
    (trace,) = saved(tmp_path / "x", packets)
    expected = STREAMS if transport == "tcp" else [REQUEST * 2, ANSWER + ANSWER[:40]]
    assert streams(trace) == expected
    assert not trace.issues


def with_fragment_header(packet, number: int):
    """An IPv6 packet whose transport stands behind a fragment header, where scapy cuts it."""
    transport = packet[scapy.TCP] if scapy.TCP in packet else packet[scapy.UDP]
    head = packet.copy()
    head[scapy.IPv6ExtHdrDestOpt].remove_payload()
    return head / scapy.IPv6ExtHdrFragment(id=number) / transport


def test_ieee_802_15_4_of_scapy() -> None:
    frames = []
    for record in plain().records:
        ends = (0x0005, 0x0009) if record.direction == "client" else (0x0009, 0x0005)
        head = Dot15d4(fcf_panidcompress=True, fcf_srcaddrmode=2, fcf_destaddrmode=2, seqnum=len(frames))
        data = Dot15d4Data(src_addr=ends[0], dest_addr=ends[1], dest_panid=0xABCD)
        frames.append(bytes(head / data / scapy.Raw(record.data)))
    stream = BytesIO()
    writer = scapy.RawPcapWriter(stream, linktype=230)
    writer.write_header(None)
    for number, octets in enumerate(frames):
        writer.write_packet(octets, sec=number, usec=0)
    (trace,) = read_capture(BytesIO(stream.getvalue()), "x")
    assert [(r.direction, r.data) for r in trace] == [(r.direction, r.data) for r in plain().records]
    assert trace.name == "0005 -> 0009"
