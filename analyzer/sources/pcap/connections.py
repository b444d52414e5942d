"""Packets into conversations: one for each TCP or UDP connection, each serial adapter, each pair of radio addresses.

A connection shows itself as DLMS by its port or by what it carries (`recognition`); others are counted.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

from analyzer.model import SourceIssue
from analyzer.sources.parts import Spool
from analyzer.sources.pcap.attempts import Attempts
from analyzer.sources.pcap.columns import BESIDE
from analyzer.sources.pcap.conversation import CLOSED, EITHER, INWARD, OUTWARD, Conversation, shown
from analyzer.sources.pcap.files import Packet, counted
from analyzer.sources.pcap.ip import Datagrams, Endpoint, Segment
from analyzer.sources.pcap.links import (
    ETHERNET,
    USB_LINUX,
    USB_LINUX_MMAPPED,
    USBPCAP,
    USER,
    carries_ip,
    ip_start,
)
from analyzer.sources.pcap.radio import RADIO, radio_payload
from analyzer.sources.pcap.recognition import LOOKED_AT, PORT, resembles, sign_in
from analyzer.sources.pcap.tcp import ACK, FIN, MOST_SEGMENTS, RST, SYN, Piece, Stream
from analyzer.sources.pcap.usb import Adapters

USB = frozenset({USB_LINUX, USB_LINUX_MMAPPED, USBPCAP})
FRAMINGS = ("ethernet", "ip", "hdlc", "wrapper", "mbus", "p1", "iec62056-21", "none")
MEMORY = 4 << 20  # octets of records that are kept in memory; beyond, they go to a temporary file
SMALL = 1 << 16  # octets of a conversation that are not worth a place in that file
MOST_OPEN = 20_000  # connections remembered; beyond, those without DLMS are only counted
UNDECIDED = 16 << 20  # octets of connections that may still turn out to be DLMS; beyond, those that said much are none
MOST_DOUBTFUL = 100  # connections that only begin like DLMS, of which the octets are kept
MUCH = 1024  # octets of a side, which hold whole messages of any kind


@dataclass(frozen=True, slots=True)
class Choice:
    """What of a capture is wanted: `everything`, also connections without DLMS; `framing`, what DLT_USER packets hold;
    `wireshark`, tshark as the reader, with a display filter of its."""

    everything: bool = False
    framing: str | None = None
    wireshark: bool = False
    display_filter: str | None = None


class Connections:
    """Takes packets and keeps conversations."""

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.dlms: list[Conversation] = []
        self.touched: dict[Conversation, None] = {}  # with DLMS, that had records or ended since `taken`
        self._doubtful: list[Conversation] = []  # shown where nothing else is DLMS
        self._spool = Spool()
        self.unknown_links: dict[int, int] = {}
        self.no_radio_payload = 0  # packets
        self.adapters = Adapters()
        self._datagrams = Datagrams()
        self._open: dict[Hashable, tuple[Conversation, int]] = {}
        self._ordinals: dict[Hashable, int] = {}
        self._forgotten = 0
        self._room = 2 * MOST_OPEN  # a connection has two keys
        self._memory = 0
        self._packet = 0
        self._now: int | None = None  # the time of the last packet
        self.attempts = Attempts()

    def passed(self, packet: Packet) -> None:
        """Says how far the capture was read."""
        self._packet, self._now = packet.number, packet.time

    def feed(self, packet: Packet) -> None:
        """Takes one packet."""
        self._packet, self._now = packet.number, packet.time
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
            key = ("link", link, packet.interface, packet.name)
            self._line(key, (_line_name(packet), ""), side, data, packet.time, "link")
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
            if not conversation.syns:
                conversation.syn_time = segment.time
            conversation.syns += 1
            seq = seq + 1 & 0xFFFFFFFF
        if conversation.state == "other":
            return
        if flags & ACK and not flags & RST:
            streams[1 - side].acknowledge(segment.ack)
        pieces = streams[side].add(seq, segment.data, segment.length, segment.time) if segment.length else []
        if flags & FIN:
            streams[side].fin(seq + segment.length)
        if streams[side].before:
            pieces = self._put_before(conversation, side) + pieces
        if conversation.held or streams[0].gap or streams[1].gap:
            self._hold(conversation, side, pieces)
        else:
            for piece in pieces:
                self._deliver(conversation, side, piece)
        if flags & (FIN | RST):
            conversation.closed |= CLOSED if flags & RST else 1 << side
            if flags & RST and conversation.syn_side == 1 - side:
                conversation.refused = True
            if conversation.state == "dlms":
                self.touched[conversation] = None

    def of_ends(self, source: Endpoint, destination: Endpoint) -> tuple[Conversation, int] | None:
        """The TCP connection between two ends, and which of its sides the first is."""
        return self._open.get((True, source, destination))

    def has_room(self, more: int) -> bool:
        """Whether none has to be forgotten where so many more come."""
        return len(self._open) + 2 * more <= self._room

    def keep(
        self, conversation: Conversation, sides: bytes, octets: bytes, ends: Sequence[int], times: bytes, packet: int
    ) -> None:
        """Takes records of a connection that has shown that it is DLMS, the last of which packet `packet` brought; see
        `Columns.extend`."""
        conversation.count += len(ends)
        conversation.last = packet
        conversation.columns.extend(sides, octets, ends, times)
        self._memory += len(octets) + BESIDE * len(ends)
        if self._memory > MEMORY:
            self._spill()
        self.touched[conversation] = None

    def finish(self) -> None:
        """At the end of the capture: what still waits behind a gap is given on, what is undecided gets decided."""
        for conversation, side in list(self._open.values()):
            if side == 0:
                self._end(conversation)
        if self.dlms:
            return
        still = {id(conversation) for conversation, _ in self._open.values()}
        for conversation in self._doubtful:
            conversation.doubtful = True
            self._forgotten -= id(conversation) not in still
            self._accept(conversation)

    def taken(self) -> list[Conversation]:
        """The conversations with DLMS that had records, or ended, since this was last asked."""
        taken = list(self.touched)
        self.touched.clear()
        return taken

    def left_out(self) -> int:
        """The number of conversations that carried something else."""
        shown = sum(1 for conversation, side in self._open.values() if side == 0 and conversation.state == "dlms")
        every = self._forgotten + sum(1 for _, side in self._open.values() if side == 0)
        return every - shown - self.attempts.count(self._servers())

    def in_vain(self) -> Iterator[SourceIssue]:
        """What is to be said of connections to meters that never came about."""
        yield from self.attempts.issues(self._servers())
        for said, count in self._datagrams.refused.items():
            yield SourceIssue("warning", f"{said} (ICMP, {counted(count, 'packet')})")

    def _servers(self) -> set[str]:
        """The ends that spoke DLMS with somebody who called them."""
        called = (c for c in self.dlms if c.columns.carrier == "tcp" and c.syn_side is not None)
        return {conversation.label[1 - (conversation.syn_side or 0)] for conversation in called}

    @property
    def incomplete(self) -> int:
        """Datagrams of which fragments are missing."""
        return self._datagrams.incomplete

    @property
    def repeated(self) -> int:
        """UDP datagrams that were captured twice, and are shown once."""
        return self._datagrams.repeated

    # -- beginning and end ------------------------------------------------------------------------------------

    def _begin(self, segment: Segment) -> tuple[Conversation, int]:
        ends = (segment.source, segment.destination)
        key = (segment.tcp, *sorted(ends))
        if len(self._open) > self._room:
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
        return self._begin(segment)

    def _end(self, conversation: Conversation) -> None:
        for side, stream in enumerate(conversation.streams):
            conversation.held += ((side, piece) for piece in stream.close())
        self._release(conversation)
        self._decide(conversation)
        conversation.ended = True
        conversation.decide_sides()
        self.attempts.note(conversation, self._now)

    def _decide(self, conversation: Conversation) -> None:
        """Nothing more comes that could tell: it has shown DLMS by now, or it has none."""
        if conversation.state == "open":
            for side in (0, 1, 2):
                self._look(conversation, side)
        if conversation.state == "open" and conversation.count:
            self._dismiss(conversation)

    def _forget_others(self) -> None:
        """Makes room: connections without DLMS, and those that have carried nothing yet."""
        before = len(self._open)
        kept = {
            key: found for key, found in self._open.items() if found[0].state in ("dlms", "doubtful") or
            (found[0].state == "open" and found[0].count)
        }  # fmt: skip
        if len(kept) > MOST_OPEN:
            kept = {key: found for key, found in kept.items() if found[0].state == "dlms"}
        for key in self._open.keys() - kept.keys():
            conversation, side = self._open[key]
            if side == 0:
                self.attempts.note(conversation, self._now)
        self._open = kept
        self._room = max(2 * MOST_OPEN, 2 * len(kept))  # where all are DLMS, they are not gone through at each new one
        self._forgotten += (before - len(kept)) // 2

    # -- lines that are no network --------------------------------------------------------------------------------

    def _usb(self, packet: Packet) -> None:
        chunk = self.adapters.chunk(packet.link, packet.data, packet.order)
        if chunk is None:
            return
        key = ("usb", chunk.bus, chunk.device, chunk.interface)
        side = INWARD if chunk.inward else OUTWARD
        self._line(key, (self.adapters.name(chunk), ""), side, chunk.data, packet.time, "usb")

    def _radio(self, packet: Packet) -> None:
        found = radio_payload(packet.link, packet.data)
        if found is None:
            self.no_radio_payload += 1
            return
        source, destination, data = found
        ends = sorted((source, destination))
        self._line(("radio", *ends), (ends[0], ends[1]), ends.index(source), data, packet.time, "radio")

    def _line(
        self, key: Hashable, label: tuple[str, str], side: int, data: bytes, time: int | None, carrier: str
    ) -> None:
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
        if not conversation.heard[side]:
            conversation.heard[side] = True
            if conversation.state == "dlms":
                conversation.decide_sides()
        if piece.lost:
            conversation.note_loss(piece.lost)
        conversation.columns.append(side, piece.data, piece.time, piece.lost)
        self._memory += len(piece.data) + BESIDE
        if self._memory > MEMORY:
            self._spill()
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
        if conversation.state == "dlms":
            self.touched[conversation] = None

    def _hold(self, conversation: Conversation, side: int, pieces: list[Piece]) -> None:
        """While one side has a gap, what the other says waits as well, so that question and answer keep their order."""
        conversation.held += ((side, piece) for piece in pieces)
        streams = conversation.streams
        for other in (0, 1):
            conversation.held += ((other, piece) for piece in streams[other].overdue())
        if (not streams[0].gap and not streams[1].gap) or len(conversation.held) > MOST_SEGMENTS:
            self._release(conversation)

    def _put_before(self, conversation: Conversation, side: int) -> list[Piece]:
        """Puts what came late, and precedes all that its side has said, before that; what is to be given on instead, where
        nothing of the side has been given on."""
        stream = conversation.streams[side]
        pieces = stream.before
        stream.before = []
        held = next((at for at, (other, _) in enumerate(conversation.held) if other == side), None)
        if conversation.heard[side]:
            for piece in reversed(pieces):
                if conversation.put_before(side, piece):
                    self._memory += len(piece.data) + BESIDE
                else:
                    stream.late += len(piece.data)
            return []
        if held is None:
            return pieces
        conversation.held[held:held] = ((side, piece) for piece in pieces)
        return []

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

    def _look(self, conversation: Conversation, side: int) -> None:
        conversation.scanned[side] = len(conversation.heads[side])
        sign = sign_in(bytes(conversation.heads[side]))
        if sign is not None:
            conversation.sign, conversation.sign_side = sign, side
            for head in conversation.heads:
                head.clear()
            if conversation.state == "open":
                self._accept(conversation)

    def _accept(self, conversation: Conversation) -> None:
        conversation.state = "dlms"
        conversation.decide_sides()
        self.dlms.append(conversation)
        self.touched[conversation] = None

    def _dismiss(self, conversation: Conversation) -> None:
        if len(self._doubtful) < MOST_DOUBTFUL and any(resembles(bytes(head)) for head in conversation.heads):
            conversation.state = "doubtful"
            self._doubtful.append(conversation)
            return
        conversation.state = "other"
        self._memory -= conversation.columns.memory
        conversation.columns.take()
        for head in conversation.heads:
            head.clear()

    def _spill(self) -> None:
        """Too much to keep in memory. Afterwards half of it is free, so that this is not done at each packet."""
        every = list({id(c): c for c in (*self.dlms, *self._doubtful, *(c for c, _ in self._open.values()))}.values())
        undecided = 0
        for conversation in every:
            if conversation.state == "open":
                heard = max(map(len, conversation.heads))
                undecided += heard
                over = conversation.closed == CLOSED and not conversation.held
                if over or (heard > MUCH and undecided > UNDECIDED):
                    self._decide(conversation)
        for least in (SMALL, 0):  # small ones only where there are very many
            for conversation in every:
                if conversation.columns.memory > least:
                    conversation.columns.spill(self._spool)
            self._memory = sum(conversation.columns.memory for conversation in every)
            if self._memory <= MEMORY // 2:
                break


def _line_name(packet: Packet) -> str:
    """What a line is called: as the file calls its interface, else by its link type."""
    if packet.name:
        return packet.name
    return f"DLT_USER{packet.link - USER.start}" + (f" interface {packet.interface}" if packet.interface else "")


def _begins_again(stream: Stream, seq: int) -> bool:
    """Whether a SYN with this number opens another connection, rather than being sent twice."""
    if stream.begun is not None:
        return stream.begun != seq
    return stream.next is not None and (stream.next - seq - 1) % (1 << 32) != 0
