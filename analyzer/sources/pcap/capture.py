"""A capture as traces: read whole from a file, or while it is still being written.

Either way it is read once. Records are kept as columns, in memory up to a bound and then in a temporary file (`columns`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from typing import Protocol, overload

from analyzer.model import Record, SourceIssue, Trace
from analyzer.sources import InputError
from analyzer.sources.pcap.connections import Choice, Connections
from analyzer.sources.pcap.conversation import CLOSED, Conversation, issues_of
from analyzer.sources.pcap.files import PCAP_MAGIC, PCAPNG_MAGIC, CaptureFile, Packet, counted
from analyzer.sources.pcap.packed import GZIP, ZSTD, PackedError, Stream, unpacked

MAGIC = (*PCAP_MAGIC, PCAPNG_MAGIC)
PACKED = (GZIP, ZSTD)


class Packets(Protocol):
    """Packets in their order, once. Afterwards `damage` says why they end before the end, and `strays` counts those that
    could not be placed."""

    damage: str
    strays: int

    def __iter__(self) -> Generator[Packet, None, None]: ...


def is_capture(head: bytes) -> bool:
    """Whether the first four octets of an (unpacked) input are those of a capture."""
    return head[:4] in MAGIC


def read_capture(stream: Stream, source: str, choice: Choice | None = None) -> list[Trace]:
    """The traces of a capture, at least one. Raises InputError, in one line, where there is nothing to show."""
    return collect(_file(stream, source), source, choice or Choice())


def collect(packets: Packets, source: str, choice: Choice) -> list[Trace]:
    """The same for packets from anywhere."""
    connections = Connections(choice)
    feed = connections.feed
    for packet in packets:
        feed(packet)
    connections.finish()
    made = [Trace(c.name, source, c.columns, tuple(issues_of(c))) for c in connections.dlms]
    _add_notes(made, connections, packets, source)
    return made


def follow_capture(stream: Stream, source: str, choice: Choice | None = None) -> Generator[Trace, None, None]:
    """The traces of a capture that is still being written, each as soon as its first octets are there.

    The records of a trace come as the packets do, and pass once; those of other connections wait for their turn. A trace
    ends where the stream does, or with this iterator, or where its connection was closed and another one waits; only then
    are its issues complete.
    """
    return follow_packets(_file(stream, source), source, choice or Choice())


def follow_packets(packets: Packets, source: str, choice: Choice) -> Generator[Trace, None, None]:
    """The same for packets from anywhere."""
    live = _Live(packets, choice)
    made: list[Trace] = []
    try:
        while (conversation := live.conversation(len(made))) is not None:
            trace = Trace(conversation.name, source, _LiveRecords(live, conversation))
            made.append(trace)
            yield trace
            for _ in trace.records:
                pass  # a reader who stopped early still gets the issues right
            trace.issues = tuple(issues_of(conversation))
        for trace, conversation in zip(made.copy(), live.connections.dlms, strict=False):
            if conversation.columns:  # sent after both sides had closed, which does happen
                yield Trace(f"{trace.name}, after its end", source, conversation.columns.take())
        _add_notes(made, live.connections, packets, source)
    finally:
        live.close()


def _file(stream: Stream, source: str) -> CaptureFile:
    try:
        return CaptureFile(unpacked(stream))
    except PackedError as problem:
        raise InputError(f"{source} {problem}") from None


def _add_notes(traces: list[Trace], connections: Connections, file: Packets, source: str) -> None:
    """What is to be said of the capture as a whole: what was left out, and where it breaks off."""
    notes = list(_notes(connections, file))
    if not traces:
        said = "; ".join(note.text for note in notes) or "it has no packet with a payload"
        raise InputError(f"{source}: no DLMS found in this capture (pcap or pcapng): {said}")
    last = max(range(len(traces)), key=lambda index: connections.dlms[index].last)
    for note in notes:
        trace = traces[last] if note.severity == "error" else traces[0]
        trace.issues = (*trace.issues, note)


def _notes(connections: Connections, file: Packets) -> Iterator[SourceIssue]:
    if file.damage:
        yield SourceIssue("error", file.damage)
    if file.strays:
        yield SourceIssue("warning", f"{counted(file.strays, 'packet')} of interfaces that no block describes left out")
    yield from connections.attempts.issues()
    if left := connections.left_out():
        others = counted(left, "other connection")
        yield SourceIssue("info", f"{others} without DLMS left out; --all-connections shows them")
    if connections.incomplete:
        text = f"{counted(connections.incomplete, 'datagram')} left out of which fragments are missing"
        yield SourceIssue("warning", text)
    if connections.no_radio_payload:
        text = (
            f"{counted(connections.no_radio_payload, 'packet')} of IEEE 802.15.4 left out: beacons, acknowledgements, "
        )
        yield SourceIssue("info", text + "commands, and data that the MAC has encrypted or whose frame is of version 2")
    for link, count in sorted(connections.unknown_links.items()):
        text = f"{counted(count, 'packet')} of link type {link} not read; --reader wireshark may know it"
        yield SourceIssue("warning", text)


class _Live:
    """Packets as they come, for several readers in turn."""

    def __init__(self, packets: Packets, choice: Choice) -> None:
        self.connections = Connections(choice)
        self._packets = iter(packets)
        self._ended = False

    def more(self) -> bool:
        """Takes one more packet; False at the end."""
        if self._ended:
            return False
        packet = next(self._packets, None)
        if packet is None:
            self._ended = True
            self.connections.finish()
        else:
            self.connections.feed(packet)
        return True

    def close(self) -> None:
        """No more packets are wanted."""
        self._ended = True
        self._packets.close()

    def others_wait(self, conversation: Conversation) -> bool:
        """Whether a conversation is over and another one has begun, which somebody may want to see now."""
        return conversation.closed == CLOSED and self.connections.dlms[-1] is not conversation

    def conversation(self, index: int) -> Conversation | None:
        """The conversation with this index, as soon as there is one."""
        while len(self.connections.dlms) <= index:
            if not self.more():
                return None
        return self.connections.dlms[index]


class _LiveRecords(Sequence[Record]):
    """The records of one conversation while it goes on. They pass once."""

    def __init__(self, live: _Live, conversation: Conversation) -> None:
        self._live = live
        self._conversation = conversation

    def __iter__(self) -> Iterator[Record]:
        while True:
            if self._conversation.columns:
                yield from self._conversation.columns.take()
            elif self._live.others_wait(self._conversation) or not self._live.more():
                return

    def __len__(self) -> int:
        return self._conversation.count

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        raise IndexError("the records of a live capture pass once, in their order")
