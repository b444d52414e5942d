"""Who sent a frame, where the log does not say: from the addresses, the frame, the APDU, the alternation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from analyzer.frame import Frame, addresses
from analyzer.model import Direction
from grammars.llc import COMMAND, RESPONSE
from grammars.tables.apdu import APDU_TAGS

CLIENT_FRAMES = frozenset({"SNRM", "DISC"})
METER_FRAMES = frozenset({"UA", "DM", "FRMR"})
CLIENT_TEXTS = frozenset({"sign-on", "option-select", "command"})  # of IEC 62056-21
METER_TEXTS = frozenset({"identification"})
CLIENT_TELEGRAMS = frozenset({"SND_NKE", "REQ_UD1", "REQ_UD2"})  # of M-Bus
METER_TELEGRAMS = frozenset({"RSP_UD", "SND_NR", "SND_IR", "ACK"})
# CI fields that only one side sends (EN 13757-3, table of CI fields): COSEM and OBIS data to the slave, and from it; commands;
# errors, alarms and answers of the slave. CI 00 to 1F, the DLMS transport, is of either side.
CONTROL_INFORMATION_SIDES: dict[int, Direction] = {
    **dict.fromkeys((0x50, 0x51, 0x52, 0x5A, 0x5B, 0x60, 0x61, 0x64, 0x65), "client"),
    **dict.fromkeys((0x6E, 0x6F, 0x70, 0x71, 0x72, 0x78, 0x7A, 0x7C, 0x7D, 0x7E, 0x7F), "meter"),
}
LIFE = 64  # frames in which what a damaged frame named for the first time has to come again
MOST_PAIRS = 8192  # pairs of addresses of which it is kept who sends so
DECISIVE = 20  # frames looked at before the log's own words for the directions are believed


class Senders:
    """Who sent each frame, one after the other: what the frames before have told.

    Noise, or a hostile capture, has ever new addresses. The first 8,192 pairs are kept, those of 4,096 meters; of a frame
    with any other it is told by the frame alone, and by the alternation of the two sides. A pair that only a damaged frame
    has named is forgotten, unless it comes again within 64 frames: its addresses may be what was damaged.
    """

    def __init__(self) -> None:
        self.previous: Direction = "unknown"
        self.pairs: dict[tuple[str, str], Direction] = {}  # (source, destination), see `frame.addresses`
        self.doubtful: dict[tuple[str, str], int] = {}  # of these pairs, frames within which they have to come again
        self.turned: bool | None = None  # whether the log means the other side by its words; None: not known yet
        self.held: list[Frame] = []  # frames that wait until it is known
        self._against = self._seen = 0
        self._record = 0

    def of(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        """Each frame with the direction that it has."""
        for frame in frames:
            yield from self.feed(frame)
        yield from self.end()

    def feed(self, frame: Frame) -> list[Frame]:
        """The frames whose direction is known with this one. No frame waits longer than it has to, since a trace may be
        live. The log means the other side by its words if its first frames show it twice and none shows the contrary."""
        if self.turned is not None:
            return [self._directed(frame, self.turned)]
        said = evident(frame)
        self._seen += 1
        if "unknown" not in (frame.direction, said):
            self._against += frame.direction != said
            self.turned = False if frame.direction == said else None
        if self.turned is None and self._seen < DECISIVE:
            if not self.held and frame.direction == "unknown":
                return [self._directed(frame, False)]  # there is nothing to turn
            self.held.append(frame)
            return []
        self.turned = self._against >= 2 if self.turned is None else self.turned
        return [self._directed(one, self.turned) for one in (*self._taken(), frame)]

    def end(self) -> list[Frame]:
        """The frames that still wait."""
        return [self._directed(frame, self._against >= 2) for frame in self._taken()]

    def _taken(self) -> list[Frame]:
        held, self.held = self.held, []
        return held

    def _directed(self, frame: Frame, turned: bool) -> Frame:
        return frame.directed(self.direction(frame, turned))

    def direction(self, frame: Frame, turned: bool = False) -> Direction:
        """Who sent the next frame; `turned` says that the log means the other side by its words."""
        direction = turn(frame.direction) if turned else frame.direction
        pair = addresses(frame)
        if self.doubtful:
            self.passed(pair)
        if direction == "unknown":
            direction = evident(frame)
        elif frame.records[0] == self._record:  # one direction was told for a line with the frames of both
            direction = (self.of_pair(pair) if pair else None) or _known(evident(frame), direction)
        self._record = frame.records[0]
        if direction == "unknown" and pair:
            direction = self.of_pair(pair) or _by_size(frame)
        if direction == "unknown" and frame.dlms_transport and frame.sequence:
            direction = self.previous  # who has begun an APDU goes on with it
        elif direction == "unknown" and frame.framing != "none":
            direction = turn(self.previous)
        if pair and direction != "unknown" and pair[0] != pair[1]:
            if pair not in self.pairs and self.of_pair(pair) is None and frame.damaged:
                self.doubtful[pair] = LIFE
            self.learn(pair, direction)
        self.previous = direction if direction != "unknown" else self.previous
        return direction

    def learn(self, pair: tuple[str, str], direction: Direction) -> None:
        """Takes who sends from the first address to the second; what was learnt first counts."""
        if len(self.pairs) < MOST_PAIRS:
            self.pairs.setdefault(pair, direction)

    def passed(self, pair: tuple[str, str] | None) -> None:
        """One more frame came, from and to these addresses: what of the doubtful pairs that settles."""
        for own, left in list(self.doubtful.items()):
            if pair is not None and pair in (own, own[::-1]):
                del self.doubtful[own]
            elif left > 1:
                self.doubtful[own] = left - 1
            else:
                del self.doubtful[own]
                self.pairs.pop(own, None)

    def has_room(self, pairs: Iterable[tuple[str, str]]) -> bool:
        """Whether all of these pairs can be kept."""
        return len(self.pairs) + sum(pair not in self.pairs for pair in pairs) <= MOST_PAIRS

    def of_pair(self, pair: tuple[str, str]) -> Direction | None:
        """Who sends from the first address to the second, as far as it has shown."""
        return self.pairs.get(pair) or (turn(self.pairs[pair[::-1]]) if pair[::-1] in self.pairs else None)


def _known(first: Direction, second: Direction) -> Direction:
    return second if first == "unknown" else first


def turn(direction: Direction) -> Direction:
    """The other side."""
    turned: dict[Direction, Direction] = {"client": "meter", "meter": "client", "unknown": "unknown"}
    return turned[direction]


def evident(frame: Frame) -> Direction:
    """Who must have sent a frame, from what only one side sends; "unknown" if either may have."""
    if frame.framing == "mbus" and frame.transport in CONTROL_INFORMATION_SIDES:
        return CONTROL_INFORMATION_SIDES[frame.transport]
    if frame.kind in CLIENT_FRAMES:
        return "client"
    if frame.kind in METER_FRAMES:
        return "meter"
    if (
        frame.framing == "p1"
        or frame.kind in METER_TEXTS
        or (frame.framing == "mbus" and frame.kind in METER_TELEGRAMS)
    ):
        return "meter"
    if frame.kind in CLIENT_TEXTS or (frame.framing == "mbus" and frame.kind in CLIENT_TELEGRAMS):
        return "client"
    if frame.dlms_transport and frame.sequence:
        return "unknown"  # what it carries begins in the middle of an APDU
    start, end = frame.payload
    octets = frame.data[start:end]
    if octets[:3] == COMMAND:
        return "client"
    if octets[:3] == RESPONSE:
        return "meter"
    return sender_of_apdu(octets[0]) if octets else "unknown"


def sender_of_apdu(tag: int) -> Direction:
    """Who sends an APDU with this tag: clients request, servers answer and notify."""
    return sender_of(APDU_TAGS.get(tag, ""))


def sender_of(name: str) -> Direction:
    """Who sends an APDU of this name."""
    if name.endswith(("-response", "aare", "rlre", "notification", "event-notification-request")):
        return "meter"
    if name.endswith(("confirmed-service-error", "information-report-request")):
        return "meter"
    return "client" if name.endswith(("-request", "aarq", "rlrq")) else "unknown"


def _by_size(frame: Frame) -> Direction:
    """HDLC: a client's address always has one octet, a server's often two or four."""
    source, destination = frame.field("source_address"), frame.field("destination_address")
    if not frame.carries_hdlc or not source or not destination:
        return "unknown"
    return by_size(source[3].octets, destination[3].octets)


def by_size(source: int, destination: int) -> Direction:
    """HDLC: who sends from an address of so many octets to one of so many."""
    if source == destination:
        return "unknown"
    return "client" if destination > source else "meter"
