"""A live interface, by tshark."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer.sources.arrivals import Arrival
from analyzer.sources.pcap.capture import follow_packets
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.wireshark import live_packets


class Interface:
    """What comes by an interface that passes a capture filter, as for tcpdump ("tcp port 4059")."""

    def __init__(self, interface: str, capture_filter: str | None = None, choice: Choice | None = None) -> None:
        self.name = f"{interface}, {capture_filter}" if capture_filter else interface
        self.note = ""
        self._interface, self._choice = interface, choice or Choice()
        self._packets = live_packets(interface, capture_filter)

    def arrivals(self) -> Iterator[Arrival]:
        """What comes, until tshark ends or is stopped."""
        yield from follow_packets(self._packets, self._interface, self._choice)

    def stop(self) -> None:
        """Ends tshark."""
        self._packets.stop()
