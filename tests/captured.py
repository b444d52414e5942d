"""Builds captures with a known truth: containers, link layers, IP, TCP with every disorder, USB. Nothing of the readers.

The byte layouts are written down here a second time, from the specifications, so that a reader and its test cannot be
wrong in the same way by sharing code.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
START = 1_700_000_000_000_000_000  # nanoseconds: 2023-11-14T22:13:20Z
CLIENT, METER = ("10.1.0.5", 51000), ("10.1.0.9", 4059)
CLIENT6, METER6 = ("fd00::5", 51000), ("fd00::9", 4059)

Octets = bytes
Timed = tuple[int, bytes]  # nanoseconds, octets of a packet


# -- containers -------------------------------------------------------------------------------------------------


def pcap(packets: Iterable[Timed], link: int, order: str = "<", nano: bool = False, snap: int = 262144) -> bytes:
    """A pcap file."""
    made = [struct.pack(order + "IHHiIII", 0xA1B23C4D if nano else 0xA1B2C3D4, 2, 4, 0, 0, snap, link)]
    for time, data in packets:
        seconds, fraction = divmod(time, 1_000_000_000)
        fraction = fraction if nano else fraction // 1000
        made.append(struct.pack(order + "IIII", seconds, fraction, len(data[:snap]), len(data)) + data[:snap])
    return b"".join(made)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = len(body) + 12
    return struct.pack(order + "II", kind, size) + body + struct.pack(order + "I", size)


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1) + option(3, b"tests", order), order)


def interface(
    link: int, order: str = "<", resolution: int | None = None, offset: int = 0, name: bytes = b"eth0"
) -> bytes:
    body = struct.pack(order + "HHI", link, 0, 0) + (option(2, name, order) if name else b"")
    body += option(9, bytes([resolution]), order) if resolution is not None else b""
    body += option(14, struct.pack(order + "q", offset), order) if offset else b""
    return block(1, body + option(0, b"", order), order)


def enhanced(data: bytes, ticks: int, index: int = 0, order: str = "<", way: int = 0) -> bytes:
    body = struct.pack(order + "IIIII", index, ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data))
    body += data + bytes(-len(data) % 4)
    body += option(2, struct.pack(order + "I", way), order) + option(0, b"", order) if way else b""
    return block(6, body, order)


def pcapng(packets: Iterable[Timed], link: int, order: str = "<") -> bytes:
    """A pcapng file of one section, with nanoseconds."""
    made = [section(order), interface(link, order, resolution=9)]
    return b"".join([*made, *(enhanced(data, time, 0, order) for time, data in packets)])


# -- network ------------------------------------------------------------------------------------------------------


def checksum(data: bytes) -> int:
    data += bytes(len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4(source: str, destination: str, protocol: int, payload: bytes, ident: int = 1, fragment: int = 0) -> bytes:
    ends = ip_address(source).packed + ip_address(destination).packed
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + payload


def ipv4_fragments(source: str, destination: str, protocol: int, payload: bytes, size: int, ident: int) -> list[bytes]:
    """Fragments of `size` octets, a multiple of 8."""
    made = []
    for at in range(0, len(payload), size):
        more = 0x2000 if at + size < len(payload) else 0
        made.append(ipv4(source, destination, protocol, payload[at : at + size], ident, more | at // 8))
    return made


def ipv6(
    source: str, destination: str, protocol: int, payload: bytes, extensions: Iterable[tuple[int, bytes]] = ()
) -> bytes:
    """Extension headers are (number, body behind the next-header field)."""
    chain, following = b"", protocol
    for number, body in reversed(list(extensions)):
        chain, following = bytes([following]) + body + chain, number
    payload = chain + payload
    ends = ip_address(source).packed + ip_address(destination).packed
    return struct.pack("!IHBB", 6 << 28, len(payload), following, 64) + ends + payload


def tcp(
    source: int, destination: int, seq: int, ack: int, flags: int, data: bytes = b"", options: bytes = b""
) -> bytes:
    offset = (20 + len(options)) // 4 << 4
    return struct.pack("!HHIIBBHHH", source, destination, seq, ack, offset, flags, 8192, 0, 0) + options + data


def udp(source: int, destination: int, data: bytes) -> bytes:
    return struct.pack("!HHHH", source, destination, 8 + len(data), 0) + data


# -- link layers: the number of the link type, and what stands before an IPv4 or IPv6 datagram -------------------------


def _type(datagram: bytes) -> bytes:
    return b"\x08\x00" if datagram[0] >> 4 == 4 else b"\x86\xdd"


def ethernet(datagram: bytes, tags: bytes = b"") -> bytes:
    frame = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02" + tags + _type(datagram) + datagram
    return frame + bytes(max(0, 60 - len(frame)))  # padding, which is no payload


def _ppp(datagram: bytes) -> bytes:
    return b"\0\x21" if datagram[0] >> 4 == 4 else b"\0\x57"


LINKS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "ethernet": (1, ethernet),
    "vlan": (1, lambda d: ethernet(d, b"\x81\0\0\x05")),
    "stacked vlan": (1, lambda d: ethernet(d, b"\x88\xa8\0\x05\x81\0\0\x06")),
    "old stacked vlan": (1, lambda d: ethernet(d, b"\x91\0\0\x05\x81\0\0\x06")),
    "snap": (1, lambda d: bytes(12) + struct.pack("!H", len(d) + 8) + b"\xaa\xaa\x03\0\0\0" + _type(d) + d),
    "pppoe": (1, lambda d: bytes(12) + b"\x88\x64\x11\0\0\x01" + struct.pack("!H", len(d) + 2) + _ppp(d) + d),
    "mpls": (1, lambda d: bytes(12) + b"\x88\x47\0\x01\x00\x40\0\x02\x01\x40" + d),
    "cooked": (113, lambda d: b"\0\0\0\x01\0\x06" + bytes(8) + _type(d) + d),
    "cooked 2": (276, lambda d: _type(d) + bytes(18) + d),
    "raw": (101, lambda d: d),
    "raw ip of BSD": (12, lambda d: d),
    "null": (0, lambda d: struct.pack("<I", 2 if d[0] >> 4 == 4 else 30) + d),
    "null, big-endian": (0, lambda d: struct.pack(">I", 2 if d[0] >> 4 == 4 else 24) + d),
    "loop": (108, lambda d: struct.pack(">I", 2 if d[0] >> 4 == 4 else 24) + d),
    "ppp": (9, lambda d: b"\xff\x03" + _ppp(d) + d),
    "ppp, compressed": (9, lambda d: _ppp(d)[1:] + d),
    "ppp of HDLC": (50, lambda d: b"\xff\x03" + _ppp(d) + d),
    "ppp with direction": (204, lambda d: b"\x01\xff\x03" + _ppp(d) + d),
}


# -- TCP conversations with disorders ------------------------------------------------------------------------------


@dataclass
class Sent:
    """One packet of a connection before anything befalls it."""

    side: int
    seq: int
    ack: int
    flags: int
    data: bytes = b""


@dataclass
class Connection:
    """A TCP connection: `say` what each side says, then take its packets. Sides: 0 opened it."""

    ends: tuple[tuple[str, int], tuple[str, int]] = (CLIENT, METER)
    starts: tuple[int, int] = (1000, 70000)
    packets: list[Sent] = field(default_factory=list)
    said: list[tuple[int, bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.next = [start + 1 for start in self.starts]
        self.packets += [
            Sent(0, self.starts[0], 0, SYN),
            Sent(1, self.starts[1], self.next[0], SYN | ACK),
            Sent(0, self.next[0], self.next[1], ACK),
        ]

    def say(self, side: int, data: bytes, size: int = 1460) -> Connection:
        """Octets in segments of `size`, each acknowledged."""
        self.said.append((side, data))
        for at in range(0, len(data), size):
            part = data[at : at + size]
            self.packets.append(Sent(side, self.next[side], self.next[1 - side], ACK | PSH, part))
            self.next[side] += len(part)
            self.packets.append(Sent(1 - side, self.next[1 - side], self.next[side], ACK))
        return self

    def close(self) -> Connection:
        for side in (0, 1):
            self.packets.append(Sent(side, self.next[side], self.next[1 - side], FIN | ACK))
            self.next[side] += 1
        self.packets.append(Sent(0, self.next[0], self.next[1], ACK))
        return self

    def stream(self, side: int) -> bytes:
        """Everything that one side said."""
        return b"".join(data for who, data in self.said if who == side)

    def datagram(self, sent: Sent) -> bytes:
        (source, port), (destination, to_port) = self.ends if sent.side == 0 else self.ends[::-1]
        segment = tcp(port, to_port, sent.seq % (1 << 32), sent.ack % (1 << 32), sent.flags, sent.data)
        return (ipv6 if ":" in source else ipv4)(source, destination, 6, segment)

    def datagrams(self) -> list[bytes]:
        return [self.datagram(sent) for sent in self.packets]


def repeated(packets: list[Sent], random_: random.Random) -> list[Sent]:
    """Segments sent again, at once or later, also with the next one in the same segment or only a part of it."""
    made: list[Sent] = []
    for index, sent in enumerate(packets):
        made.append(sent)
        if not sent.data or random_.random() > 0.4:
            continue
        again = sent
        later = next((p for p in packets[index + 1 :] if p.side == sent.side and p.data), None)
        way = random_.randrange(4)
        if way == 1 and later is not None and later.seq == sent.seq + len(sent.data):
            again = Sent(sent.side, sent.seq, sent.ack, sent.flags, sent.data + later.data)
        elif way == 2 and len(sent.data) > 1:
            cut = random_.randrange(1, len(sent.data))
            again = Sent(sent.side, sent.seq + cut, sent.ack, sent.flags, sent.data[cut:])
        elif way == 3:
            again = Sent(sent.side, sent.seq - 1, sent.ack, ACK, b"\0")  # a keep-alive
        made.append(again)
    return made


def reordered(packets: list[Sent], random_: random.Random, within: int = 6) -> list[Sent]:
    """Packets behind the handshake come up to some places later than they were sent."""
    keys = [(index + (random_.randrange(within) if index > 2 else 0), index) for index in range(len(packets))]
    return [packets[index] for _, index in sorted(keys)]


def timed(
    datagrams: Iterable[bytes], wrap: Callable[[bytes], bytes] = lambda d: d, step: int = 1_000_000
) -> Iterator[Timed]:
    """Packets a millisecond apart."""
    for index, datagram in enumerate(datagrams):
        yield START + index * step, wrap(datagram)


# -- IEEE 802.15.4 --------------------------------------------------------------------------------------------------

# Which networks stand in a frame of version 2: (destination, source, compression) -> (of the destination, of the source).
# Modes of addresses: 0 none, 2 short, 3 extended. IEEE 802.15.4-2020, table 7-2.
NETWORKS = {
    (0, 0, 0): (0, 0), (0, 0, 1): (1, 0), (2, 0, 0): (1, 0), (3, 0, 0): (1, 0), (2, 0, 1): (0, 0), (3, 0, 1): (0, 0),
    (0, 2, 0): (0, 1), (0, 3, 0): (0, 1), (0, 2, 1): (0, 0), (0, 3, 1): (0, 0), (3, 3, 0): (1, 0), (3, 3, 1): (0, 0),
    (2, 2, 0): (1, 1), (2, 3, 0): (1, 1), (3, 2, 0): (1, 1), (2, 2, 1): (1, 0), (2, 3, 1): (1, 0), (3, 2, 1): (1, 0),
}  # fmt: skip


def radio_2(
    payload: bytes, to: bytes, sender: bytes, compressed: int = 0, sequence: int | None = 1, elements: bytes = b""
) -> bytes:
    """A data frame of version 2, without its check sequence. Addresses of 0, 2 or 8 octets as people write them."""
    modes = {0: 0, 2: 2, 8: 3}[len(to)], {0: 0, 2: 2, 8: 3}[len(sender)]
    word = (
        1 | compressed << 6 | (sequence is None) << 8 | bool(elements) << 9 | modes[0] << 10 | 2 << 12 | modes[1] << 14
    )
    networks = [b"\xcd\xab" if there else b"" for there in NETWORKS[*modes, compressed]]
    head = struct.pack("<H", word) + (b"" if sequence is None else bytes([sequence]))
    return head + networks[0] + to[::-1] + networks[1] + sender[::-1] + elements + payload


# -- USB ----------------------------------------------------------------------------------------------------------


def usbmon(
    ident: int,
    done: bool,
    kind: int,
    endpoint: int,
    data: bytes,
    setup: bytes = b"",
    device: int = 5,
    mapped: bool = True,
) -> bytes:
    """A packet of Linux usbmon; `kind` 2 control, 3 bulk; `endpoint` with its direction bit."""
    inward = bool(endpoint & 0x80)
    present = data if done == inward or setup else b""
    head = struct.pack(
        "<QBBBBHBB",
        ident,
        0x43 if done else 0x53,
        kind,
        endpoint,
        device,
        1,
        0 if setup else 0x2D,
        0 if present else 0x3C,
    )
    head += struct.pack("<qiiII", START // 10**9, 0, 0 if done else -115, len(data), len(present)) + setup.ljust(
        8, b"\0"
    )
    return head + (bytes(16) if mapped else b"") + present


def usbpcap(
    ident: int, done: bool, kind: int, endpoint: int, data: bytes, setup: bytes = b"", device: int = 5
) -> bytes:
    """A packet of USBPcap."""
    payload = setup + (data if done == bool(endpoint & 0x80) else b"")
    head = struct.pack("<QIHBHHBBI", ident, 0, 9, int(done), 1, device, endpoint, kind, len(payload))
    head += bytes([0 if not done else 3]) if kind == 2 else b""
    return struct.pack("<H", len(head) + 2) + head + payload


def bulk(
    maker: Callable[..., bytes],
    talk: Iterable[tuple[int, bytes]],
    chip: Callable[[bytes], bytes] = lambda d: d,
    endpoints: tuple[int, int] = (0x02, 0x81),
) -> list[bytes]:
    """Submissions and completions of both directions: side 0 is the host. `chip` is what an adapter puts around IN data."""
    made = []
    for number, (side, data) in enumerate(talk, 100):
        endpoint = endpoints[side]
        octets = chip(data) if side else data
        made += [maker(number, False, 3, endpoint, octets), maker(number, True, 3, endpoint, octets)]
    return made


def ftdi(data: bytes, packet: int = 64) -> bytes:
    """FTDI's status before each packet of an IN transfer."""
    step = packet - 2
    return b"".join(b"\x01\x60" + data[at : at + step] for at in range(0, len(data), step)) or b"\x01\x60"


def device_descriptor(vendor: int, product: int = 0x6001, kind: int = 0) -> bytes:
    return bytes([18, 1, 0, 2, kind, 0, 0, 64]) + struct.pack("<HHH", vendor, product, 0x600) + bytes([1, 2, 3, 1])


def configuration_descriptor(interfaces: Iterable[tuple[int, int]]) -> bytes:
    """A configuration whose interfaces have a bulk endpoint out and one in each."""
    made = b""
    for number, (out, in_) in enumerate(interfaces):
        made += bytes([9, 4, number, 0, 2, 0xFF, 0xFF, 0xFF, 0])
        made += b"".join(bytes([7, 5, address, 2]) + struct.pack("<H", 64) + b"\0" for address in (out, in_))
    count = made.count(b"\x09\x04")
    return struct.pack("<BBHBBBBB", 9, 2, 9 + len(made), count, 1, 0, 0x80, 50) + made
