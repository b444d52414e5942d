"""A capture as traces: read whole from a file, or while it is still being written.

Either way it is read once. Records are kept as columns, in memory up to a bound and then in a temporary file (`columns`).
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Protocol

from analyzer.model import SourceIssue, Trace
from analyzer.sources import InputError
from analyzer.sources.arrivals import Arrival
from analyzer.sources.pcap.connections import Choice, Connections
from analyzer.sources.pcap.conversation import CLOSED, Conversation, issues_of
from analyzer.sources.pcap.files import PCAP_MAGIC, PCAPNG_MAGIC, CaptureFile, Packet, counted
from analyzer.sources.pcap.packed import BZIP2, GZIP, XZ, ZSTD, PackedError, Stream, unpacked

MAGIC = (*PCAP_MAGIC, PCAPNG_MAGIC)
FEW = 4096  # packets, which are read before NumPy would be loaded
PACKED = (GZIP, ZSTD, XZ, BZIP2)


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
    _feed_all(connections, packets)
    connections.finish()
    made = [Trace(c.name, source, c.columns, tuple(issues_of(c))) for c in connections.dlms]
    _add_notes(made, connections, packets, source)
    return made


def _feed_all(connections: Connections, packets: Packets) -> None:
    """Feeds all packets; those of a long pcap by NumPy, where it is there."""
    if isinstance(packets, CaptureFile):
        for part in packets.lists():
            for packet in part:
                connections.feed(packet)
            if packets.is_pcap and packets.count >= FEW:
                break
        else:
            return
        try:
            from analyzer.sources.pcap.many import feed_windows
        except ImportError:  # without NumPy: the same, packet by packet
            pass
        else:
            feed_windows(connections, packets.windows())
    for packet in packets:
        connections.feed(packet)


def follow_capture(stream: Stream, source: str, choice: Choice | None = None) -> Generator[Arrival, None, None]:
    """The records of a capture that is still being written, as they come, of all its conversations mixed.

    The issues of a trace are complete when this ends: with the stream, or when it is closed. Raises InputError where it
    ends without any DLMS.
    """
    return follow_packets(_file(stream, source), source, choice or Choice())


def follow_packets(packets: Packets, source: str, choice: Choice) -> Generator[Arrival, None, None]:
    """The same for packets from anywhere."""
    connections = Connections(choice)
    traces: dict[Conversation, Trace] = {}
    coming = iter(packets)
    try:
        for packet in coming:
            connections.feed(packet)
            if connections.touched:
                yield from _arrived(connections, traces, source)
        connections.finish()
        yield from _arrived(connections, traces, source)
        for conversation, trace in traces.items():
            trace.issues = tuple(issues_of(conversation))
        made = [traces[conversation] for conversation in connections.dlms]
        _add_notes(made, connections, packets, source)
    finally:
        coming.close()


def _arrived(connections: Connections, traces: dict[Conversation, Trace], source: str) -> Iterator[Arrival]:
    """What the conversations have had since it was last asked."""
    for conversation in connections.taken():
        trace = traces.get(conversation)
        if trace is None:
            trace = traces[conversation] = Trace(conversation.name, source, [])
        yield Arrival(trace, list(conversation.columns.take()), ended=conversation.closed == CLOSED)


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
    yield from connections.in_vain()
    if left := connections.left_out():
        others = counted(left, "other connection")
        yield SourceIssue("info", f"{others} without DLMS left out; --all-connections shows them")
    if connections.incomplete:
        text = f"{counted(connections.incomplete, 'datagram')} left out of which fragments are missing"
        yield SourceIssue("warning", text)
    if connections.repeated:
        yield SourceIssue("info", f"{counted(connections.repeated, 'UDP datagram')} captured twice, and shown once")
    if connections.no_radio_payload:
        text = f"{counted(connections.no_radio_payload, 'packet')} of IEEE 802.15.4 left out: beacons, "
        yield SourceIssue("info", text + "acknowledgements, commands, and data that the MAC has encrypted")
    for link, count in sorted(connections.unknown_links.items()):
        text = f"{counted(count, 'packet')} of link type {link} not read; --reader wireshark may know it"
        yield SourceIssue("warning", text)
