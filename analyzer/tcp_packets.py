"""A TCP connection as packets: what went through a proxy, or through a log, in the form that Wireshark follows.

Nobody captured these packets: Ethernet, IP and TCP around the octets are made, with handshake, sequence numbers and
checksums that hold. Ethernet addresses are locally administered ones; the octets and their times are the real ones.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterator
from typing import Literal

End = Literal["client", "meter"]
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
TCP, IPV4, IPV6 = 6, 0x0800, 0x86DD
MAC = {"client": b"\x02\0\0\0\0\x01", "meter": b"\x02\0\0\0\0\x02"}
LONGEST = 32 << 10  # octets of one packet; an IP packet ends at 65535
WINDOW = 0xFFFF
Address = tuple[str, int]  # an IP address as text, and a port


class Connection:
    """The packets of one connection. Each method gives whole Ethernet frames, in order."""

    def __init__(self, client: Address, meter: Address) -> None:
        self._ip = {"client": _ip(client[0]), "meter": _ip(meter[0])}
        if len(self._ip["client"]) != len(self._ip["meter"]):  # one side by IPv4, the other by IPv6
            self._ip = {end: _mapped(octets) for end, octets in self._ip.items()}
        self._port = {"client": client[1], "meter": meter[1]}
        self._next = {"client": 0, "meter": 0}
        self._closed: set[str] = set()
        self._identification = 0

    def opened(self) -> Iterator[bytes]:
        """SYN, SYN and ACK, ACK."""
        yield self._frame("client", SYN)
        self._next["client"] = 1
        yield self._frame("meter", SYN | ACK)
        self._next["meter"] = 1
        yield self._frame("client", ACK)

    def attempted(self, refused: bool) -> Iterator[bytes]:
        """SYN, and RST where it was refused; else there was no answer."""
        yield self._frame("client", SYN)
        if refused:
            self._next["client"] = 1
            yield self._frame("meter", RST | ACK)

    def sent(self, end: End, data: bytes) -> Iterator[bytes]:
        """Octets that one end sent."""
        for start in range(0, len(data), LONGEST):
            part = data[start : start + LONGEST]
            yield self._frame(end, PSH | ACK, part)
            self._next[end] = (self._next[end] + len(part)) & 0xFFFFFFFF

    def closed(self, end: End) -> Iterator[bytes]:
        """One end sends no more; the other may go on. Saying it twice changes nothing."""
        if end in self._closed:
            return
        self._closed.add(end)
        yield self._frame(end, FIN | ACK)
        self._next[end] = (self._next[end] + 1) & 0xFFFFFFFF
        yield self._frame("meter" if end == "client" else "client", ACK)

    def reset(self, end: End) -> Iterator[bytes]:
        """One end gave the connection up."""
        if len(self._closed) < 2:
            self._closed.update(("client", "meter"))
            yield self._frame(end, RST | ACK)

    def _frame(self, end: End, flags: int, data: bytes = b"") -> bytes:
        other: End = "meter" if end == "client" else "client"
        source, destination = self._ip[end], self._ip[other]
        acknowledged = self._next[other] if flags & ACK else 0
        head = struct.pack(
            ">HHIIBBHHH", self._port[end], self._port[other], self._next[end], acknowledged, 5 << 4, flags, WINDOW, 0, 0
        )
        segment = head + data
        pseudo = source + destination + struct.pack(">HH", TCP, len(segment))
        segment = segment[:16] + checksum(pseudo + segment).to_bytes(2, "big") + segment[18:]
        kind, packet = (IPV4, self._ipv4) if len(source) == 4 else (IPV6, _ipv6)
        return MAC[other] + MAC[end] + struct.pack(">H", kind) + packet(source, destination, len(segment)) + segment

    def _ipv4(self, source: bytes, destination: bytes, length: int) -> bytes:
        self._identification = (self._identification + 1) & 0xFFFF
        head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + length, self._identification, 0x4000, 64, TCP, 0)
        head += source + destination
        return head[:10] + checksum(head).to_bytes(2, "big") + head[12:]


def _ipv6(source: bytes, destination: bytes, length: int) -> bytes:
    return struct.pack(">IHBB", 6 << 28, length, TCP, 64) + source + destination


def checksum(octets: bytes) -> int:
    """The checksum of RFC 1071: the ones' complement of the sum of all 16-bit words.

    Words of 16 bits summed with end-around carry are the whole number modulo 65535."""
    if len(octets) % 2:
        octets += b"\0"
    total = int.from_bytes(octets, "big") % 0xFFFF
    return 0xFFFF - total if total else 0


def _ip(text: str) -> bytes:
    """The octets of an address; a name that is none gives 192.0.2.1, an address for documentation."""
    try:
        return ipaddress.ip_address(text.partition("%")[0]).packed
    except ValueError:
        return bytes([192, 0, 2, 1])


def _mapped(octets: bytes) -> bytes:
    """An IPv4 address in the form that IPv6 has for it."""
    return octets if len(octets) == 16 else bytes(10) + b"\xff\xff" + octets
