"""IPv4 and IPv6: datagrams out of fragments and from behind extension headers, into TCP segments and UDP datagrams.

Sources: RFC 791 and 815 (fragments), RFC 8200 (extension headers), RFC 9293 (TCP header), RFC 768 (UDP).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from analyzer.sources.pcap.icmp import ICMP, ICMP6, refusal
from analyzer.sources.pcap.recognition import PORT

TCP, UDP, FRAGMENT, NO_NEXT = 6, 17, 44, 59
EXTENSIONS = frozenset(
    {0, 43, 60, 135, 139, 140, 253, 254}
)  # hop-by-hop, routing, destination, mobility, HIP, shim6 ...
AUTHENTICATION = 51
FRAGMENTED = 256  # datagrams that wait for fragments at a time
LISTED = 20  # different refusals that are said
RECENT = 1000  # pairs of addresses whose last UDP datagram is remembered
AT_ONCE = 10_000_000  # nanoseconds within which a mirror port shows a packet again
LONGEST_DATAGRAM = 65535
PATIENCE = (
    60_000_000_000  # nanoseconds: RFC 1122, 3.3.2, waits 60 to 120 s for fragments; then the number may be used again
)
CHAIN = 16  # extension headers in a row

_IPV4 = Struct("!BxHHHxBxx4s4s").unpack_from
_TCP = Struct("!HHIIBB").unpack_from
_made = tuple.__new__  # of a named tuple, without the detour by its keywords
_UDP = Struct("!HHH").unpack_from

Endpoint = tuple[bytes, int]  # address in network order, port
_Key = tuple[bytes, bytes, int, int]  # source, destination, identification, protocol


class Segment(NamedTuple):
    """The payload of one TCP segment or UDP datagram; `length` is its length on the wire, where the capture cut it."""

    tcp: bool
    source: Endpoint
    destination: Endpoint
    data: bytes
    length: int
    time: int | None
    seq: int = 0
    ack: int = 0
    flags: int = 0


@dataclass(slots=True)
class _Parts:
    """The fragments of one datagram so far. `before` are those of the last whole datagram of the same number, as hashes."""

    time: int | None
    before: dict[int, int]
    parts: dict[int, bytes] = field(default_factory=dict)
    total: int | None = None

    def repeats(self) -> bool:
        """Whether all this was in a datagram that is whole already: captured twice, on two interfaces or by a mirror port."""
        return all(self.before.get(offset) == hash(data) for offset, data in self.parts.items())

    def late(self, time: int | None) -> bool:
        """Whether fragments of now belong to another datagram."""
        return time is not None and self.time is not None and abs(time - self.time) > PATIENCE

    def joined(self) -> bytes | None:
        """The whole, once nothing is missing. Overlaps keep what came first."""
        if self.total is None:
            return None
        whole = bytearray()
        for offset in sorted(self.parts):
            if offset > len(whole):
                return None
            whole += self.parts[offset][len(whole) - offset :]
        return bytes(whole[: self.total]) if len(whole) >= self.total else None


class Datagrams:
    """Takes IP packets and gives segments. `incomplete` counts datagrams of which fragments never came."""

    def __init__(self) -> None:
        self._waiting: dict[_Key, _Parts] = {}
        self._whole: dict[_Key, dict[int, int]] = {}  # hashes of the fragments of datagrams that are whole
        self._given_up = 0
        # By source and destination: number and hash of the last UDP datagram, and its time.
        self._last: dict[tuple[bytes, bytes], tuple[int, int, int | None]] = {}
        self.refused: dict[str, int] = {}  # what ICMP says of packets to the port of DLMS, and how often
        self.repeated = 0  # UDP datagrams that were captured twice

    @property
    def incomplete(self) -> int:
        return self._given_up + sum(not parts.repeats() for parts in self._waiting.values())

    def segment(self, data: bytes, at: int, time: int | None) -> Segment | None:
        """The segment in the datagram at `at`; None for other protocols, fragments before the last, and damaged headers."""
        version = data[at] >> 4 if at < len(data) else 0
        if version == 4 and len(data) - at >= 20:
            first, total, identification, fragment, protocol, source, destination = _IPV4(data, at)
            begin = at + (first & 15) * 4
            # 0 is written by segmentation offload, where the card would have filled it in
            end = at + total if total > 20 else len(data)
            if fragment & 0x3FFF:
                key = (source, destination, identification, protocol)
                return self._fragment(key, (fragment & 0x1FFF) * 8, fragment & 0x2000, data[begin:end], time)
            if (
                protocol == UDP
                and identification
                and self._again(source, destination, identification, data[begin:end], time)
            ):
                return None
            if protocol == ICMP:
                self._refused(protocol, source, data[:end], begin)
            return _transport(protocol, source, destination, data, begin, end, time)
        if version == 6 and len(data) - at >= 40:
            return self._ipv6(data, at, time)
        return None

    def _ipv6(self, data: bytes, at: int, time: int | None) -> Segment | None:
        payload = int.from_bytes(data[at + 4 : at + 6], "big")
        following, source, destination = data[at + 6], data[at + 8 : at + 24], data[at + 24 : at + 40]
        end = at + 40 + payload if payload else len(data)
        begin = at + 40
        for _ in range(CHAIN):
            if following in (TCP, UDP):
                return _transport(following, source, destination, data, begin, end, time)
            if begin + 8 > min(end, len(data)):
                return None
            if following == ICMP6:
                self._refused(following, source, data[:end], begin)
                return None
            if following == FRAGMENT:
                word = int.from_bytes(data[begin + 2 : begin + 4], "big")
                key = (source, destination, int.from_bytes(data[begin + 4 : begin + 8], "big"), data[begin])
                if word & 0xFFF9:
                    return self._fragment(key, word & 0xFFF8, word & 1, data[begin + 8 : end], time)
                size = 8  # an atomic fragment is the whole
            elif following in EXTENSIONS:
                size = (data[begin + 1] + 1) * 8
            elif following == AUTHENTICATION:
                size = (data[begin + 1] + 2) * 4
            else:
                return None
            following, begin = data[begin], begin + size
        return None

    def _fragment(self, key: _Key, offset: int, more: int, data: bytes, time: int | None) -> Segment | None:
        if offset + len(data) > LONGEST_DATAGRAM:
            return None
        parts = self._waiting.get(key)
        if parts is not None and (parts.late(time) or (parts.parts.get(offset, data) != data and parts.repeats())):
            self._give_up(key)  # the number is used again
            parts = None
        if parts is None:
            if len(self._waiting) >= FRAGMENTED:
                self._give_up(next(iter(self._waiting)))
            parts = self._waiting[key] = _Parts(time, self._whole.get(key, {}))
        parts.parts.setdefault(offset, data)
        if not more:
            parts.total = offset + len(data)
        whole = parts.joined()
        if whole is None:
            return None
        del self._waiting[key]
        self._whole.pop(key, None)
        if len(self._whole) >= FRAGMENTED:
            del self._whole[next(iter(self._whole))]
        self._whole[key] = {offset: hash(part) for offset, part in parts.parts.items()}
        source, destination, identification, protocol = key
        if protocol == UDP and self._again(source, destination, identification, whole, time):
            return None
        return _transport(protocol, source, destination, whole, 0, len(whole), time)

    def _refused(self, protocol: int, source: bytes, data: bytes, at: int) -> None:
        said = refusal(protocol, source, data, at, PORT)
        if said is not None and (said in self.refused or len(self.refused) < LISTED):
            self.refused[said] = self.refused.get(said, 0) + 1

    def _again(self, source: bytes, destination: bytes, identification: int, data: bytes, time: int | None) -> bool:
        """Whether a UDP datagram is the one before it once more: captured on two interfaces, or by a mirror port. It has the
        same number, comes at once, and no answer stands between. TCP sorts such things out by itself."""
        self._last.pop((destination, source), None)
        before = self._last.pop((source, destination), None)
        self._last[source, destination] = (identification, hash(data), time)
        if len(self._last) > RECENT:
            del self._last[next(iter(self._last))]
        if before is None or before[:2] != (identification, hash(data)) or time is None or before[2] is None:
            return False
        twice = abs(time - before[2]) < AT_ONCE
        self.repeated += twice
        return twice

    def _give_up(self, key: _Key) -> None:
        self._given_up += not self._waiting.pop(key).repeats()


def _transport(
    protocol: int, source: bytes, destination: bytes, data: bytes, begin: int, end: int, time: int | None
) -> Segment | None:
    """The segment whose header begins at `begin`; the capture may hold less than up to `end`."""
    present = len(data) - begin
    if protocol == TCP and present >= 20:
        port, to_port, seq, ack, offset, flags = _TCP(data, begin)
        start = begin + (offset >> 4) * 4
        if start > end or offset < 0x50:
            return None
        payload = data[start:end]
        ends = (source, port), (destination, to_port)
        return _made(Segment, (True, *ends, payload, end - start, time, seq, ack, flags))
    if protocol == UDP and present >= 8:
        port, to_port, length = _UDP(data, begin)
        start, stop = begin + 8, min(end, begin + length) if length >= 8 else end
        return Segment(False, (source, port), (destination, to_port), data[start:stop], stop - start, time)
    return None
