"""Packets into conversations: one for each TCP or UDP connection, each serial adapter, each pair of radio addresses.

A connection shows itself as DLMS by its port or by what it carries (`recognition`); others are counted. Which side is the
client is told, in this order, by what it sends, by port 4059, by who opened the connection, by the SAPs, by the lower port.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from analyzer.model import Direction, SourceIssue
from analyzer.sources.pcap.columns import Columns
from analyzer.sources.pcap.files import Packet, counted
from analyzer.sources.pcap.ip import Datagrams, Endpoint, Segment
from analyzer.sources.pcap.links import (
    ETHERNET,
    IEEE802_15_4,
    IEEE802_15_4_NO_FCS,
    IEEE802_15_4_PHY,
    IEEE802_15_4_TAP,
    USB_LINUX,
    USB_LINUX_MMAPPED,
    USBPCAP,
    USER,
    carries_ip,
    ip_start,
    radio_payload,
)
from analyzer.sources.pcap.recognition import LOOKED_AT, PORT, PUBLIC_CLIENT, Sign, sign_in
from analyzer.sources.pcap.tcp import ACK, FIN, MOST_SEGMENTS, RST, SYN, Piece, Stream
from analyzer.sources.pcap.usb import Adapters

USB = frozenset({USB_LINUX, USB_LINUX_MMAPPED, USBPCAP})
RADIO = frozenset({IEEE802_15_4, IEEE802_15_4_NO_FCS, IEEE802_15_4_PHY, IEEE802_15_4_TAP})
FRAMINGS = ("ethernet", "ip", "hdlc", "wrapper", "mbus", "p1", "iec62056-21", "none")
MEMORY = 32 << 20  # octets of records that are kept; beyond, a capture is read again for each connection
MOST_OPEN = 20_000  # connections remembered; beyond, those without DLMS are only counted
LISTED = 20  # losses of a connection that are listed one by one
OUTWARD, INWARD, EITHER = 0, 1, 2  # sides of a link where the capture tells the way, and where it does not


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a capture is wanted: `everything`, also connections without DLMS; `framing`, what DLT_USER packets hold;
    `wireshark`, tshark as the reader, with a display filter of its."""

    everything: bool = False
    framing: str | None = None
    wireshark: bool = False
    display_filter: str | None = None


class Conversation:
    """One connection or line, while it is read. Sides are 0 and 1, in the order in which they were first seen."""

    __slots__ = (
        "client",
        "closed",
        "columns",
        "count",
        "heads",
        "held",
        "key",
        "label",
        "last",
        "losses",
        "lost",
        "ordinal",
        "ports",
        "scanned",
        "sign",
        "sign_side",
        "state",
        "streams",
        "syn_side",
        "unlisted",
    )

    def __init__(self, key: Hashable, label: tuple[str, str], ports: tuple[int, int], carrier: str) -> None:
        self.key = key
        self.label = label
        self.ports = ports
        self.columns = Columns(carrier)
        self.streams = (Stream(), Stream())
        self.heads = (bytearray(), bytearray(), bytearray())
        self.held: list[tuple[int, Piece]] = []
        self.scanned = [0, 0, 0]
        self.state: Literal["open", "dlms", "other"] = "open"
        self.sign: Sign | None = None
        self.sign_side = 0
        self.syn_side: int | None = None
        self.client: int | None = None
        self.closed = 0
        self.ordinal = 1
        self.count = 0
        self.last: int = 0
        self.lost = [0, 0, 0]
        self.losses: list[SourceIssue] = []
        self.unlisted = 0

    @property
    def name(self) -> str:
        """Client and meter with their addresses, the transport where it is not TCP, and which of several in a row."""
        first, second = self.label if self.client != 1 else self.label[::-1]
        carrier = self.columns.carrier
        name = f"{first} -> {second}" if second else first
        name += f" {carrier}" if carrier == "udp" else ""
        return f"{name} ({self.ordinal})" if self.ordinal > 1 else name

    def decide_sides(self) -> None:
        """Says which side is the client, by the evidence there is so far."""
        self.client = self._client()
        clients: dict[int | None, tuple[Direction, Direction]] = {0: ("client", "meter"), 1: ("meter", "client")}
        self.columns.sides = (*clients.get(self.client, ("unknown", "unknown")), "unknown")

    def _client(self) -> int | None:
        if self.sign is not None and self.sign.sender != "unknown" and self.sign_side != EITHER:
            return self.sign_side if self.sign.sender == "client" else 1 - self.sign_side
        here = [side for side in (0, 1) if self.ports[side] == PORT]
        if len(here) == 1:
            return 1 - here[0]
        if self.syn_side is not None:
            return self.syn_side
        if self.sign is not None and self.sign.saps is not None and self.sign_side != EITHER:
            source, destination = self.sign.saps
            if (source == PUBLIC_CLIENT) != (destination == PUBLIC_CLIENT):
                return self.sign_side if source == PUBLIC_CLIENT else 1 - self.sign_side
        if self.ports[0] != self.ports[1]:
            return 0 if self.ports[0] > self.ports[1] else 1
        # On serial lines the host reads the meter, as long as nothing tells otherwise.
        return None if self.columns.carrier == "radio" else OUTWARD


class Connections:
    """Takes packets and keeps conversations. `only` is one of them, by (key, ordinal): all others are passed over."""

    def __init__(self, choice: Choice, only: tuple[Hashable, int] | None = None) -> None:
        self.choice = choice
        self.only = only
        self.dlms: list[Conversation] = []
        self.overflown = False
        self.unknown_links: dict[int, int] = {}
        self.adapters = Adapters()
        self._datagrams = Datagrams()
        self._open: dict[Hashable, tuple[Conversation, int]] = {}
        self._ordinals: dict[Hashable, int] = {}
        self._forgotten = 0
        self._memory = 0
        self._packet = 0

    def feed(self, packet: Packet) -> None:
        """Takes one packet."""
        self._packet = packet.number
        link, data = packet.link, packet.data
        if link in USER and self.choice.framing in ("ethernet", "ip"):
            link = ETHERNET if self.choice.framing == "ethernet" else 101
        start = ip_start(link, data)
        if start is not None:
            segment = self._datagrams.segment(data, start, packet.time)
            if segment is not None:
                self.add(segment)
        elif link in USB:
            self._usb(packet)
        elif link in USER:
            side = {1: INWARD, 2: OUTWARD}.get(packet.way, EITHER)
            self._line(("link", link), (f"DLT_USER{link - USER.start}", ""), side, data, packet.time, "link")
        elif link in RADIO:
            self._radio(packet)
        elif not carries_ip(link):
            self.unknown_links[link] = self.unknown_links.get(link, 0) + 1

    def add(self, segment: Segment) -> None:
        """Takes one TCP segment or UDP datagram."""
        key = (segment.tcp, segment.source, segment.destination)
        found = self._open.get(key)
        if found is None:
            found = self._begin(segment)
            if found is None:
                return
        conversation, side = found
        if not segment.tcp:
            if conversation.state != "other" and segment.length:
                lost, conversation.lost[side] = conversation.lost[side], segment.length - len(segment.data)
                self._deliver(conversation, side, Piece(segment.data, segment.time, lost))
            return
        flags, seq = segment.flags, segment.seq
        streams = conversation.streams
        if flags & SYN:
            if _begins_again(streams[side], seq):
                conversation, side = self._renew(segment, conversation)
                streams = conversation.streams
            streams[side].syn(seq)
            conversation.syn_side = 1 - side if flags & ACK else side
            seq = seq + 1 & 0xFFFFFFFF
        if conversation.state == "other":
            return
        if flags & ACK and not flags & RST:
            streams[1 - side].acknowledge(segment.ack)
        pieces = streams[side].add(seq, segment.data, segment.length, segment.time) if segment.length else []
        if flags & FIN:
            streams[side].fin(seq + segment.length)
        if conversation.held or streams[0].gap or streams[1].gap:
            self._hold(conversation, side, pieces)
        else:
            for piece in pieces:
                self._deliver(conversation, side, piece)
        if flags & (FIN | RST):
            conversation.closed |= 3 if flags & RST else 1 << side

    def finish(self) -> None:
        """At the end of the capture: what still waits behind a gap is given on, what is undecided gets decided."""
        for conversation, side in list(self._open.values()):
            if side == 0:
                self._end(conversation)

    def left_out(self) -> int:
        """The number of conversations that carried no DLMS."""
        shown = sum(1 for conversation, side in self._open.values() if side == 0 and conversation.state == "dlms")
        return self._forgotten + sum(1 for _, side in self._open.values() if side == 0) - shown

    @property
    def incomplete(self) -> int:
        """Datagrams of which fragments are missing."""
        return self._datagrams.incomplete

    # -- beginning and end ------------------------------------------------------------------------------------

    def _begin(self, segment: Segment) -> tuple[Conversation, int] | None:
        ends = (segment.source, segment.destination)
        key = (segment.tcp, *sorted(ends))
        if self.only is not None and self.only[0] != key:
            return None
        if len(self._open) > 2 * MOST_OPEN:
            self._forget_others()
        conversation = Conversation(
            key, (shown(ends[0]), shown(ends[1])), (ends[0][1], ends[1][1]), "tcp" if segment.tcp else "udp"
        )
        conversation.ordinal = self._ordinals.get(key, 1)
        # Where both ends are the same, there is one side.
        self._open[(segment.tcp, *ends[::-1])] = (conversation, 1)
        found = self._open[(segment.tcp, *ends)] = (conversation, 0)
        return found

    def _renew(self, segment: Segment, old: Conversation) -> tuple[Conversation, int]:
        """The same addresses and ports again: another connection."""
        self._end(old)
        self._forgotten += old.state != "dlms"
        self._ordinals[old.key] = old.ordinal + 1
        found = self._begin(segment)
        assert found is not None
        return found

    def _end(self, conversation: Conversation) -> None:
        for side, stream in enumerate(conversation.streams):
            conversation.held += ((side, piece) for piece in stream.close())
        self._release(conversation)
        if conversation.state == "open":
            for side in (0, 1, 2):
                self._look(conversation, side)
        if conversation.state == "open" and conversation.count:
            self._dismiss(conversation)
        conversation.decide_sides()

    def _forget_others(self) -> None:
        """Makes room: connections without DLMS, and those that have carried nothing yet."""
        before = len(self._open)
        kept = {
            key: found for key, found in self._open.items() if found[0].state == "dlms" or
            (found[0].state == "open" and found[0].count)
        }  # fmt: skip
        if len(kept) > MOST_OPEN:
            kept = {key: found for key, found in kept.items() if found[0].state == "dlms"}
        self._open = kept
        self._forgotten += (before - len(kept)) // 2

    # -- lines that are no network --------------------------------------------------------------------------------

    def _usb(self, packet: Packet) -> None:
        chunk = self.adapters.chunk(packet.link, packet.data, packet.order)
        if chunk is None:
            return
        key = ("usb", chunk.bus, chunk.device)
        name = f"USB {chunk.bus}.{chunk.device} {self.adapters.kind(chunk.bus, chunk.device)}".strip()
        self._line(key, (name, ""), INWARD if chunk.inward else OUTWARD, chunk.data, packet.time, "usb")

    def _radio(self, packet: Packet) -> None:
        found = radio_payload(packet.link, packet.data)
        if found is None:
            return
        source, destination, data = found
        ends = sorted((source, destination))
        self._line(("radio", *ends), (ends[0], ends[1]), ends.index(source), data, packet.time, "radio")

    def _line(
        self, key: Hashable, label: tuple[str, str], side: int, data: bytes, time: int | None, carrier: str
    ) -> None:
        if self.only is not None and self.only[0] != key:
            return
        found = self._open.get(key)
        if found is None:
            found = self._open[key] = (Conversation(key, label, (0, 0), carrier), 0)
        conversation = found[0]
        if not conversation.count:
            conversation.label = label  # by then the capture has told what the adapter is
        if conversation.state != "other" and data:
            self._deliver(conversation, side, Piece(data, time, 0))

    # -- records ------------------------------------------------------------------------------------------------

    def _deliver(self, conversation: Conversation, side: int, piece: Piece) -> None:
        conversation.count += 1
        conversation.last = self._packet
        if piece.lost:
            self._note_loss(conversation, piece.lost)
        if not self.overflown or self.only is not None:
            conversation.columns.append(side, piece.data, piece.time, piece.lost)
            self._memory += len(piece.data) + 17
            if self._memory > MEMORY:
                self._overflow()
        heads = conversation.heads
        if conversation.sign is None and len(heads[side]) < LOOKED_AT:
            head = heads[side]
            head += piece.data[: LOOKED_AT - len(head)]
            # At each record while there are few octets; then whenever there is a good part more.
            if len(head) < 512 or len(head) > conversation.scanned[side] * 9 // 8:
                self._look(conversation, side)
        if conversation.state == "open":
            if PORT in conversation.ports or self.choice.everything or self._is_told(conversation):
                self._accept(conversation)
            elif len(heads[side]) >= LOOKED_AT:
                self._dismiss(conversation)

    def _hold(self, conversation: Conversation, side: int, pieces: list[Piece]) -> None:
        """While one side has a gap, what the other says waits as well, so that question and answer keep their order."""
        conversation.held += ((side, piece) for piece in pieces)
        streams = conversation.streams
        for other in (0, 1):
            conversation.held += ((other, piece) for piece in streams[other].overdue())
        if (not streams[0].gap and not streams[1].gap) or len(conversation.held) > MOST_SEGMENTS:
            self._release(conversation)

    def _release(self, conversation: Conversation) -> None:
        """Gives on what was held, by the time at which each octet could be read: not before those ahead of it."""
        latest: list[int] = [-1, -1]
        timed = []
        for side, piece in conversation.held:
            latest[side] = max(latest[side], piece.time or 0)
            timed.append((latest[side], side, piece))
        conversation.held.clear()
        for _, side, piece in sorted(timed, key=lambda one: one[0]):
            self._deliver(conversation, side, piece)

    def _is_told(self, conversation: Conversation) -> bool:
        return conversation.columns.carrier in ("link", "radio") and self.choice.framing is not None

    def _note_loss(self, conversation: Conversation, lost: int) -> None:
        if len(conversation.losses) >= LISTED:
            conversation.unlisted += 1
            return
        text = f"{counted(lost, 'octet')} before record {conversation.count} were lost by the capture"
        conversation.losses.append(SourceIssue("warning", text, record=conversation.count))

    def _look(self, conversation: Conversation, side: int) -> None:
        conversation.scanned[side] = len(conversation.heads[side])
        sign = sign_in(bytes(conversation.heads[side]))
        if sign is not None:
            conversation.sign, conversation.sign_side = sign, side
            if conversation.state == "open":
                self._accept(conversation)

    def _accept(self, conversation: Conversation) -> None:
        conversation.state = "dlms"
        conversation.decide_sides()
        if self.only is None or self.only[1] == conversation.ordinal:
            self.dlms.append(conversation)

    def _dismiss(self, conversation: Conversation) -> None:
        conversation.state = "other"
        self._memory -= conversation.columns.octets
        conversation.columns.take()
        for head in conversation.heads:
            head.clear()

    def _overflow(self) -> None:
        """Too much to keep: from here on records are only counted, and whoever wants them reads the capture again."""
        if self.only is not None:
            return
        self.overflown = True
        for conversation in self.dlms:
            conversation.columns.take()
        for conversation, _ in self._open.values():
            conversation.columns.take()


def issues_of(conversation: Conversation) -> Iterator[SourceIssue]:
    """What a reader of the trace has to know about how it was captured."""
    yield from conversation.losses
    if conversation.unlisted:
        yield SourceIssue("warning", f"{counted(conversation.unlisted, 'more gap')} of this kind are not listed")


def _begins_again(stream: Stream, seq: int) -> bool:
    """Whether a SYN with this number opens another connection, rather than being sent twice."""
    if stream.begun is not None:
        return stream.begun != seq
    return stream.next is not None and (stream.next - seq - 1) % (1 << 32) != 0


def shown(end: Endpoint) -> str:
    """An endpoint as people write it."""
    address = str(ip_address(end[0]))
    return f"[{address}]:{end[1]}" if ":" in address else f"{address}:{end[1]}"
