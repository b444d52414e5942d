"""Captures of a network from the formats' own descriptions: pcap and pcapng with Ethernet, IPv4, and TCP or UDP.

A TCP stream does not keep the borders of what was written: some segments carry half of a record, some two of them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from random import Random

from analyzer.model import Record

CLIENT, METER = (bytes((192, 0, 2, 1)), bytes((192, 0, 2, 9)))
EPOCH = 1_795_687_200  # 26 November 2026, 10:00 UTC
SYN, ACK, PUSH = 2, 16, 8
Packet = tuple[float, bytes]


def checksum(data: bytes) -> int:
    """RFC 1071."""
    total = sum(struct.unpack(f"!{(len(data) + 1) // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def ethernet(side: str, protocol: int, payload: bytes, number: int) -> bytes:
    source, destination = (CLIENT, METER) if side == "client" else (METER, CLIENT)
    head = struct.pack(
        "!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), number & 0xFFFF, 0, 64, protocol, 0, source, destination
    )
    head = head[:10] + checksum(head).to_bytes(2, "big") + head[12:]
    hosts = (
        (b"\x02\0\0\0\0\x09", b"\x02\0\0\0\0\x01") if side == "client" else (b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x09")
    )
    return b"".join(hosts) + b"\x08\x00" + head + payload


def _layer(side: str, protocol: int, made: bytes, at: int) -> bytes:
    """The octets of a transport layer with the checksum at `at` filled in."""
    source, destination = (CLIENT, METER) if side == "client" else (METER, CLIENT)
    pseudo = source + destination + struct.pack("!BBH", 0, protocol, len(made))
    return made[:at] + checksum(pseudo + made).to_bytes(2, "big") + made[at + 2 :]


def datagrams(records: Sequence[Record], port: int, own: int) -> Iterator[Packet]:
    """A datagram for each record."""
    for number, record in enumerate(records):
        ports = (own, port) if record.direction == "client" else (port, own)
        made = struct.pack("!HHHH", *ports, 8 + len(record.data), 0) + record.data
        yield record.seconds or 0.0, ethernet(record.direction, 17, _layer(record.direction, 17, made, 6), number)


def stream(records: Sequence[Record], port: int, own: int, chance: Random) -> Iterator[Packet]:
    """A TCP connection: handshake, the records in segments, acknowledgements."""
    following = {"client": chance.getrandbits(32), "meter": chance.getrandbits(32)}
    number = [0]

    def packet(side: str, flags: int, data: bytes = b"") -> bytes:
        other = "meter" if side == "client" else "client"
        ports = (own, port) if side == "client" else (port, own)
        seen = following[other] if flags & ACK else 0
        made = struct.pack("!HHIIBBHHH", *ports, following[side], seen, 0x50, flags, 8192, 0, 0) + data
        following[side] = (following[side] + len(data) + (flags & SYN > 0)) & 0xFFFFFFFF
        number[0] += 1
        return ethernet(side, 6, _layer(side, 6, made, 16), number[0])

    start = (records[0].seconds or 0.0) - 0.01
    for side, flags in (("client", SYN), ("meter", SYN | ACK), ("client", ACK)):
        yield start, packet(side, flags)
    for side, seconds, data in _segments(records, chance):
        yield seconds, packet(side, PUSH | ACK, data)
        yield seconds + 0.001, packet("meter" if side == "client" else "client", ACK)


def _segments(records: Sequence[Record], chance: Random) -> Iterator[tuple[str, float, bytes]]:
    held: tuple[str, float, bytes] | None = None
    for record in records:
        data, seconds = record.data, record.seconds or 0.0
        if held is not None and held[0] == record.direction:
            data, seconds = held[2] + data, held[1]
        elif held is not None:
            yield held
        held = None
        if len(data) > 3 and chance.random() < 0.1:
            cut = chance.randrange(1, len(data))
            yield record.direction, seconds, data[:cut]
            data = data[cut:]
        if chance.random() < 0.1:
            held = record.direction, seconds, data  # joined with what the same side sends next
        else:
            yield record.direction, seconds, data
    if held is not None:
        yield held


def _packets(conversations: Sequence[Sequence[Record]], kind: str, port: int, chance: Random) -> list[Packet]:
    made: list[Packet] = []
    for number, records in enumerate(conversations):
        if records:
            own = 50000 + number
            made += datagrams(records, port, own) if kind == "udp" else stream(records, port, own, chance)
    return made


def pcap(conversations: Sequence[Sequence[Record]], kind: str, port: int, chance: Random) -> bytes:
    """The classic format, microseconds, link type 1."""
    made = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for seconds, frame in _packets(conversations, kind, port, chance):
        whole, rest = divmod(round((EPOCH + seconds) * 1e6), 1_000_000)
        made += struct.pack("<IIII", whole, rest, len(frame), len(frame)) + frame
    return made


def pcapng(conversations: Sequence[Sequence[Record]], kind: str, port: int, chance: Random) -> bytes:
    """A section with one interface, microseconds."""

    def block(number: int, body: bytes) -> bytes:
        size = 12 + len(body)
        return struct.pack("<II", number, size) + body + struct.pack("<I", size)

    made = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 65535))
    for seconds, frame in _packets(conversations, kind, port, chance):
        moment = round((EPOCH + seconds) * 1e6)
        head = struct.pack("<IIIII", 0, moment >> 32, moment & 0xFFFFFFFF, len(frame), len(frame))
        made += block(6, head + frame + bytes(-len(frame) % 4))
    return made
