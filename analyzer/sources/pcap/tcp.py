"""TCP reassembly: the octets of one direction in their order, each once. Sans-IO and in bounded memory.

Source: RFC 9293. What was sent again is left out, what overlaps is trimmed, what came too early waits. A gap that the
other side has acknowledged was lost by the capture and not by the network: some packets later the stream goes on behind it.
Where a capture starts in mid-stream, packets may come that precede the first one: they go before it, in `before`.
"""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

FIN, SYN, RST, ACK = 1, 2, 4, 16
MOST_WAITING = 1 << 18  # octets behind a gap, then it is taken for lost; four times the usual window
MOST_SEGMENTS = 512
PATIENCE = 8  # packets of the connection that may come in another order than they were sent
PATIENCE_UNHEARD = 64  # the same where the other side was not captured, so that nobody acknowledges
MOST_BEFORE = 16  # segments that precede the first one and are not joined to it yet
PATIENCE_AT_FIRST = 4  # where the capture starts in mid-stream, what was under way then is no loss
WRAP = 1 << 32


class Piece(NamedTuple):
    """Octets in their order; `lost` counts those missing before them."""

    data: bytes
    time: int | None
    lost: int


class Stream:
    """One direction of a connection."""

    __slots__ = (
        "_acknowledged",
        "_given_any",
        "_octets",
        "_patience",
        "_preceding",
        "_waiting",
        "acknowledged",
        "before",
        "begun",
        "first",
        "late",
        "lost",
        "next",
        "repeated",
    )

    def __init__(self) -> None:
        self.next: int | None = None  # the sequence number expected, counted on over the wrap
        self.begun: int | None = None  # of the SYN, as it was sent
        self.first: int | None = None  # where the capture starts in mid-stream: the first number that is expected
        self.before: list[Piece] = []  # what precedes all that was given on; whoever puts it there takes it away here
        self._preceding: dict[int, tuple[bytes, int | None]] = {}  # what precedes it, with a gap between
        self.late = 0  # octets that came too late to be put before the others
        self.acknowledged: int | None = None
        self._acknowledged: int | None = None  # the same as it was sent
        self.lost = 0  # octets missing before the next piece
        self.repeated = 0
        self._waiting: list[tuple[int, int, bytes, int, int | None]] = []
        self._octets = 0
        self._patience: float = PATIENCE_AT_FIRST
        self._given_any = False

    def syn(self, seq: int) -> None:
        """The stream begins behind this number."""
        self.begun = seq
        self._given_any = True
        self._patience = PATIENCE
        if self.next is None:
            self.next = seq + 1

    def acknowledge(self, ack: int) -> None:
        """The other side has everything before this number. In a capture that starts later, the stream begins there."""
        if ack == self._acknowledged:
            return
        if self.next is None:
            self.next = self.first = ack
        self._acknowledged = ack
        self.acknowledged = self._counted_on(ack)

    def add(self, seq: int, data: bytes, length: int, time: int | None) -> list[Piece]:
        """What can be given on, now that `length` octets at `seq` were sent, `data` of which were captured."""
        if self.next is None:
            self.next = self.first = seq
        ahead = self._counted_on(seq) - self.next
        if ahead == 0 and not self._waiting:  # nearly always
            self._patience, self._given_any = PATIENCE, True
            self.next += length
            return self._given(data, length, time)
        if ahead > 0:
            insort(self._waiting, (self.next + ahead, len(self._waiting), data, length, time), key=lambda part: part[0])
            self._octets += len(data)
            if self._octets > MOST_WAITING or len(self._waiting) > MOST_SEGMENTS:
                return self.give_up()
            return []
        return [*self._take(self.next + ahead, data, length, time), *self._follow()]

    def go_on(self, number: int) -> None:
        """Octets that follow each other were given on up to this number, as `add` does it for each."""
        self.next = number
        self._patience, self._given_any = PATIENCE, True

    def fin(self, seq: int) -> None:
        """The FIN counts as one octet, which matters where somebody goes on sending."""
        if self.next is not None and self._counted_on(seq) == self.next:
            self.next += 1

    def overdue(self) -> list[Piece]:
        """Asked at each packet of the connection: what comes behind a gap that has been acknowledged for long."""
        if not self._waiting or self.next is None:
            return []
        if self.acknowledged is None:
            self._patience -= PATIENCE / PATIENCE_UNHEARD
        elif self.acknowledged > self.next:
            self._patience -= 1
        return self.give_up() if self._patience < 0 else []

    @property
    def gap(self) -> bool:
        """Whether octets wait behind a gap."""
        return bool(self._waiting)

    def give_up(self) -> list[Piece]:
        """Takes the gap for lost and goes on behind it, up to the next gap."""
        if not self._waiting or self.next is None:
            return []
        if self._given_any:
            self.lost += self._waiting[0][0] - self.next
        self.next = self._waiting[0][0]
        return self._follow()

    def close(self) -> list[Piece]:
        """Everything that still waits."""
        pieces: list[Piece] = []
        while self._waiting:
            pieces += self.give_up()
        return pieces

    def _counted_on(self, number: int) -> int:
        """A 32-bit number as the one nearest to what is expected."""
        expected = self.next or 0
        return expected + ((number - expected + (WRAP >> 1)) % WRAP) - (WRAP >> 1)

    def _follow(self) -> list[Piece]:
        """What waited and is in order now."""
        pieces: list[Piece] = []
        while self._waiting and self.next is not None and self._waiting[0][0] <= self.next:
            at, _, data, length, time = self._waiting.pop(0)
            self._octets -= len(data)
            pieces += self._take(at, data, length, time)
        self._patience, self._given_any = PATIENCE, True
        return pieces

    def _take(self, at: int, data: bytes, length: int, time: int | None) -> list[Piece]:
        """A segment that begins at or before the number expected: what is new in it."""
        assert self.next is not None
        old = self.next - at
        if old:
            self.repeated += min(old, length)
            if self.first is not None and at < self.first and len(data) > 1:  # one octet is a keep-alive
                self._precede(at, data, time)
        if old >= length:
            return []
        self.next = at + length
        return self._given(data[old:], length - old, time)

    @property
    def early(self) -> int:
        """Octets that precede the first ones and could not be put before them."""
        return self.late + sum(len(data) for data, _ in self._preceding.values())

    def _precede(self, at: int, data: bytes, time: int | None) -> None:
        """A segment that begins before the first number: as much of it as is joined to that goes before it."""
        assert self.first is not None
        if at not in self._preceding and len(self._preceding) < MOST_BEFORE:
            self._preceding[at] = (data[: self.first - at], time)
        elif at not in self._preceding:
            self.late += min(self.first - at, len(data))
        for start in sorted(self._preceding, reverse=True):
            part, when = self._preceding[start]
            if start + len(part) >= self.first:
                del self._preceding[start]
                if start < self.first:
                    self.before.insert(0, Piece(part[: self.first - start], when, 0))
                    self.first = start

    def _given(self, data: bytes, length: int, time: int | None) -> list[Piece]:
        pieces = [Piece(data, time, self.lost)] if data else []
        self.lost = (0 if data else self.lost) + length - len(data)
        return pieces
