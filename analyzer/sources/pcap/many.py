"""Many packets at once, by NumPy: what is nearly all of a long capture, segments of connections that go their way.

A batch is looked at as a matrix of headers. Of a connection that has shown what it is and has no gap, segments that follow
each other are kept in one go; every other packet takes the way of `Connections.feed`. The result is the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from analyzer.sources.pcap.connections import Connections
from analyzer.sources.pcap.conversation import Conversation
from analyzer.sources.pcap.files import SECOND, Window
from analyzer.sources.pcap.ip import TCP
from analyzer.sources.pcap.links import ETHERNET, IPV4, MPLS, PPPOE, SNAP_BELOW, VLAN
from analyzer.sources.pcap.recognition import LOOKED_AT
from analyzer.sources.pcap.tcp import ACK, WRAP

Array = Any  # numpy.ndarray
FEW = 64  # packets that are not worth it
HEADERS = 14 + 20 + 20  # octets: Ethernet, IPv4 and TCP without options
IP, SOURCE, PORTS, SEQ, ACKED, OFFSET, FLAGS = 14, 26, 34, 38, 42, 46, 47  # where these are in a packet
FAR = WRAP >> 2  # octets that no window has
PLAIN = 0x18  # the flags of a segment that goes its way: ACK, and PSH or not
OTHERWISE = (IPV4, *VLAN, PPPOE, *MPLS)  # ethertypes that may bring the same connection in other clothes


def feed_windows(connections: Connections, windows: Iterable[Window]) -> None:
    """Feeds the packets of a pcap."""
    for window in windows:
        if window.pcap.link == ETHERNET and len(window.starts) >= FEW:
            _Batch(window).feed(connections)
        else:
            for index in range(len(window.starts)):
                connections.feed(window.packet(index))


class _Batch:
    """Packets of Ethernet in a row."""

    def __init__(self, window: Window) -> None:
        self.packet = window.packet
        self.count = len(window.starts)
        self.before = window.before
        self.octets = window.octets
        headers = np.array(window.starts, dtype=np.int64)
        self.starts = headers + window.pcap.size
        self.sizes = np.append(headers[1:], window.end) - self.starts
        self.pcap, self.headers = window.pcap, headers
        padded = self._padded()
        every = np.ndarray((len(padded) - HEADERS + 1,), dtype=f"V{HEADERS}", buffer=padded, strides=(1,))
        self.heads = heads = every[self.starts].view(np.uint8).reshape(-1, HEADERS)
        ethertype = _number(heads, 12, 2)
        total = _number(heads, IP + 2, 2).astype(np.int64)
        header = (heads[:, OFFSET] >> 4).astype(np.int64) * 4
        self.begin = IP + 20 + header
        self.length = IP + total - self.begin
        whole = (
            (self.sizes >= HEADERS) & (total > 20) & (IP + total <= self.sizes) & (header >= 20) & (self.length >= 0)
        )
        simple = (ethertype == 0x0800) & (heads[:, IP] == 0x45) & (_number(heads, IP + 6, 2) & 0x3FFF == 0)
        self.simple = simple & (heads[:, IP + 9] == TCP) & whole
        self.plain = self.simple & (heads[:, FLAGS] & ~np.uint8(PLAIN) == 0) & (heads[:, FLAGS] & ACK != 0)
        other = simple & (heads[:, IP + 9] != TCP)  # another protocol is another conversation
        dressed = np.isin(ethertype, OTHERWISE) | (ethertype < SNAP_BELOW)
        self.odd = np.flatnonzero(~self.simple & ~other & dressed)

    def _padded(self) -> Array:
        """The octets, with some behind the last packet so that its headers are inside."""
        octets = np.frombuffer(self.octets, dtype=np.uint8)
        if len(octets) >= int(self.starts[-1]) + HEADERS:
            return octets
        return np.concatenate((octets, np.zeros(HEADERS, dtype=np.uint8)))

    def times(self, rows: Array) -> bytes:
        """The times of packets, in nanoseconds as int64."""
        octets = np.frombuffer(self.octets, dtype=np.uint8)
        fields = np.ndarray((len(octets) - 7,), dtype="V8", buffer=octets, strides=(1,))[self.headers[rows]]
        both = fields.view(f"{self.pcap.order}u4").reshape(-1, 2).astype(np.int64)
        made: bytes = (both[:, 0] * SECOND + both[:, 1] * self.pcap.tick).tobytes()
        return made

    def feed(self, connections: Connections) -> None:
        """Feeds them: runs between packets that may belong to any connection."""
        at = 0
        for odd in [*self.odd.tolist(), self.count]:
            self._run(connections, at, odd)
            if odd < self.count:
                connections.feed(self.packet(odd))
            at = odd + 1
        connections.passed(self.packet(self.count - 1))

    def _run(self, connections: Connections, start: int, stop: int) -> None:
        slow = np.ones(stop - start, dtype=bool)
        if stop - start >= FEW:
            for conversation, rows, sides in self._conversations(connections, start, stop):
                if self._take(connections, conversation, rows, sides):
                    slow[rows - start] = False
        for row in np.flatnonzero(slow).tolist():
            connections.feed(self.packet(start + row))

    def _conversations(
        self, connections: Connections, start: int, stop: int
    ) -> Iterator[tuple[Conversation, Array, Array]]:
        """The connections that are known and have only plain segments here, with their rows and the side of each."""
        rows = start + np.flatnonzero(self.simple[start:stop])
        if not len(rows):
            return
        heads = self.heads[rows]
        addresses = np.ascontiguousarray(heads[:, SOURCE:PORTS]).view("<u8")[:, 0]
        ports = np.ascontiguousarray(heads[:, PORTS:SEQ]).view("<u4")[:, 0]
        mixed = addresses * np.uint64(0x9E3779B97F4A7C15) ^ ports.astype(np.uint64) * np.uint64(0xC2B2AE3D27D4EB4F)
        _, first, group = np.unique(mixed, return_index=True, return_inverse=True)
        if (addresses != addresses[first][group]).any() or (ports != ports[first][group]).any():
            return  # two connections that look the same to the hash
        found: dict[int, tuple[Conversation, list[tuple[int, Array]]]] = {}
        strangers = stop - start - len(rows)
        for number, row in enumerate(rows[first].tolist()):
            head = self.heads[row].tobytes()
            ends = [
                (head[at : at + 4], int.from_bytes(head[port : port + 2], "big"))
                for at, port in ((SOURCE, PORTS), (SOURCE + 4, PORTS + 2))
            ]
            known = connections.of_ends(ends[0], ends[1])
            if known is None:
                strangers += 1
            else:
                conversation, side = known
                found.setdefault(id(conversation), (conversation, []))[1].append((side, rows[group == number]))
        crowded = not connections.has_room(strangers)
        for conversation, parts in found.values():
            if crowded and conversation.state == "other":
                continue  # it may be forgotten on the way
            own = np.concatenate([part for _, part in parts])
            sides = np.concatenate([np.full(len(part), side, dtype=np.uint8) for side, part in parts])
            order = np.argsort(own, kind="stable")
            if self.plain[own].all():
                yield conversation, own[order], sides[order]

    def _take(self, connections: Connections, conversation: Conversation, rows: Array, sides: Array) -> bool:
        """Keeps the segments of a connection, if they follow each other and nothing else is to be done."""
        if conversation.state == "other":
            return True
        streams = conversation.streams
        if conversation.state != "dlms" or conversation.held or any(s.gap or s.lost or s.next is None for s in streams):
            return False
        sequence = _number(self.heads[rows], SEQ, 4).astype(np.int64)
        length = self.length[rows]
        carries = length > 0
        ends: list[int] = []
        acknowledged: list[int | None] = []
        for side in (0, 1):
            others = rows[sides != side]
            acknowledged.append(int(_number(self.heads[others[-1:]], ACKED, 4)[0]) if len(others) else None)
            if not _is_near(acknowledged[side], streams[side].next or 0):
                return False
            own = carries & (sides == side)
            if own.any() and (
                not conversation.heard[side]
                or (conversation.sign is None and len(conversation.heads[side]) < LOOKED_AT)
            ):
                return False
            expected = (streams[side].next or 0) + np.cumsum(length[own]) - length[own]
            if (sequence[own] != expected & 0xFFFFFFFF).any():
                return False
            ends.append((streams[side].next or 0) + int(length[own].sum()))
        for side in (0, 1):
            if (number := acknowledged[side]) is not None:
                streams[side].acknowledge(number)
            if ends[side] != streams[side].next:
                streams[side].go_on(ends[side])
        self._keep(connections, conversation, rows[carries], sides[carries], length[carries])
        return True

    def _keep(
        self, connections: Connections, conversation: Conversation, rows: Array, sides: Array, length: Array
    ) -> None:
        if not len(rows):
            return
        octets = self.octets
        begins = (self.starts[rows] + self.begin[rows]).tolist()
        payload = b"".join([octets[at : at + size] for at, size in zip(begins, length.tolist(), strict=True)])
        ends = np.cumsum(length).astype(np.uint64)
        connections.keep(
            conversation, sides.tobytes(), payload, ends.tolist(), self.times(rows), self.before + int(rows[-1]) + 1
        )


def _is_near(number: int | None, expected: int) -> bool:
    """Whether an acknowledgement means the same number of octets, wherever it stands among the segments of a batch."""
    return number is None or not FAR < (number - expected) % WRAP < WRAP - FAR


def _number(heads: Array, at: int, octets: int) -> Array:
    """A big-endian number out of the headers."""
    return np.ascontiguousarray(heads[:, at : at + octets]).view(f">u{octets}")[:, 0]
