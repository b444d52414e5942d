"""One conversation of a capture, while it is read: its streams, its records, and which side is the client.

That is told, in this order, by what the sides send, by port 4059, by who opened the connection, by the SAPs, by the lower
port. Ciphered APDUs that nobody answers are pushes of a meter, also to port 4059. On serial lines the host is the client, as
long as nothing tells otherwise.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from ipaddress import ip_address
from typing import Literal

from analyzer.model import Direction, SourceIssue
from analyzer.sources.pcap.columns import Columns
from analyzer.sources.pcap.files import counted
from analyzer.sources.pcap.ip import Endpoint
from analyzer.sources.pcap.recognition import PORT, PUBLIC_CLIENT, Sign
from analyzer.sources.pcap.tcp import Piece, Stream

LISTED = 20  # losses of a connection that are listed one by one
CLOSED = 3  # both sides have, bit by bit
OUTWARD, INWARD, EITHER = 0, 1, 2  # sides of a link where the capture tells the way, and where it does not


class Conversation:
    """One connection or line, while it is read. Sides are 0 and 1, in the order in which they were first seen."""

    __slots__ = (
        "client",
        "closed",
        "columns",
        "count",
        "doubtful",
        "ended",
        "heads",
        "heard",
        "held",
        "key",
        "label",
        "last",
        "losses",
        "lost",
        "ordinal",
        "ports",
        "refused",
        "scanned",
        "sign",
        "sign_side",
        "state",
        "streams",
        "syn_side",
        "syn_time",
        "syns",
        "unlisted",
    )

    def __init__(self, key: Hashable, label: tuple[str, str], ports: tuple[int, int], carrier: str) -> None:
        self.key = key
        self.label = label
        self.ports = ports
        self.columns = Columns(carrier)
        self.streams = (Stream(), Stream())
        self.heads = (bytearray(), bytearray(), bytearray())
        self.heard = [False, False, False]  # which sides have said something
        self.held: list[tuple[int, Piece]] = []
        self.scanned = [0, 0, 0]
        self.state: Literal["open", "dlms", "other", "doubtful"] = "open"
        self.doubtful = False  # shown though nothing in it is right, because nothing else in the capture is
        self.sign: Sign | None = None
        self.sign_side = 0
        self.syn_side: int | None = None
        self.syn_time: int | None = None  # of the first one
        self.syns = 0
        self.refused = False  # a reset answered the SYN
        self.client: int | None = None
        self.closed = 0
        self.ended = False  # no packet comes any more
        self.ordinal = 1
        self.count = 0
        self.last: int = 0
        self.lost = [0, 0, 0]
        self.losses: list[tuple[int, int]] = []  # octets, and the record that they are missing before
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

    def note_loss(self, lost: int) -> None:
        """Octets are missing before the record that was counted last."""
        if len(self.losses) >= LISTED:
            self.unlisted += 1
            return
        self.losses.append((lost, self.count))

    def put_before(self, side: int, piece: Piece) -> bool:
        """Puts a record before the first of its side; False where that one is out of reach."""
        index = self.columns.put_before(side, piece.data, piece.time)
        if index is None:
            return False
        self.count += 1
        if self.sign is None:
            self.heads[side][:0] = piece.data
        self.losses = [(lost, record + (record > index)) for lost, record in self.losses]
        return True

    def _client(self) -> int | None:
        if self.sign is not None and self.sign.sender != "unknown" and self.sign_side != EITHER:
            return self.sign_side if self.sign.sender == "client" else 1 - self.sign_side
        if self._pushes():
            return 1 - self.sign_side
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

    def _pushes(self) -> bool:
        """Whether one side alone speaks, and begins with an APDU that hides what it is. A client would be answered; while
        the connection is open, the answer may still come, and only who has just opened it is taken for a meter."""
        if self.sign is None or not self.sign.hidden or self.sign_side == EITHER or self.heard[1 - self.sign_side]:
            return False
        return self.syn_side == self.sign_side or self.columns.carrier == "udp" or self.ended


def issues_of(conversation: Conversation) -> Iterator[SourceIssue]:
    """What a reader of the trace has to know about how it was captured."""
    if conversation.doubtful:
        text = (
            "nothing in this connection is right as DLMS, no check and no length; shown because it begins like it and "
        )
        yield SourceIssue("warning", text + "nothing else in the capture is DLMS")
    for lost, record in conversation.losses:
        text = f"{counted(lost, 'octet')} before record {record} were lost by the capture"
        yield SourceIssue("warning", text, record=record)
    if early := sum(stream.early for stream in conversation.streams):
        text = f"{counted(early, 'octet')} left out that precede the start of the capture but came in after it"
        yield SourceIssue("info", text)
    if conversation.unlisted:
        yield SourceIssue("warning", f"{counted(conversation.unlisted, 'more gap')} of this kind are not listed")


def shown(end: Endpoint) -> str:
    """An endpoint as people write it."""
    address = str(ip_address(end[0]))
    return f"[{address}]:{end[1]}" if ":" in address else f"{address}:{end[1]}"
