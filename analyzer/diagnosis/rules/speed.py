"""A port at a wrong speed: what a receiver that is too fast makes of each bit.

A UART waits for a falling edge, takes the eight bits behind it at its own speed, and waits for the next edge; where the
stop bit is missing, some wait for the line to be idle first, and some begin the next octet at once. At k times the speed
of the sender it sees each bit k times, so the beginning of a frame, 7E A0, reads as a pattern of its own. One that is too
slow skips bits, and the beginning of a frame has too few to tell; that of an answer to known addresses has enough. The
frame cannot be computed back, since bits between a missing stop bit and the next edge are not seen: nothing is proven.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from analyzer.diagnosis.case import Case, hexed
from analyzer.diagnosis.registry import Hit, rule
from grammars.hdlc import crc16_x25

RATIOS = (2, 4, 8)  # 9600 at 19200, 2400 at 9600, 300 at 2400
TELLING = 3  # octets that chance does not make
ENOUGH = 20  # octets, of which chance does not make nearly all runs of equal bits
SHARE = 0.8
STARTS = 64  # octets of the trace in which a frame has to begin
RUNS = frozenset(octet for octet in range(256) if sum((octet >> n ^ octet >> n + 1) & 1 for n in range(7)) <= 1)
SLOWER, PAIRS = (2, 4), 4  # times that a port is too slow, and pairs of addresses that are tried
ANSWERS = (0x73, 0x1F, 0x30)  # the controls of UA, DM and the first I frame
FLAG, TYPE_3, LENGTHS = 0x7E, 0xA0, range(7, 256)


@dataclass(frozen=True, slots=True)
class Receiver:
    """A UART between two octets: levels that it has not looked at yet, and whether it waits for the line to be idle."""

    levels: tuple[int, ...] = ()
    broken: bool = False

    def hears(self, octet: int, ratio: int) -> tuple[Receiver, list[int]]:
        """What it makes of one more octet at its speed divided by `ratio`; 8N1, with nothing before the start bit."""
        bits = (0, *(octet >> n & 1 for n in range(8)), 1)
        levels = self.levels + tuple(bit for bit in bits for _ in range(ratio))
        made, at, broken = [], 0, self.broken
        while at < len(levels):
            if broken and levels[at] == 0:
                at += 1  # a stop bit was missing: the line has to be idle first
                continue
            broken = False
            if levels[at] == 1:
                at += 1
                continue
            if at + 10 > len(levels):
                break
            made.append(sum(levels[at + 1 + n] << n for n in range(8)))
            broken = levels[at + 9] == 0
            at += 10
        return Receiver(levels[at:], broken), made


def sent_as(octets: bytes, ratio: int) -> bytes:
    """What a receiver that is `ratio` times too fast makes of octets that follow each other."""
    state, made = Receiver(), []
    for octet in octets:
        state, heard = state.hears(octet, ratio)
        made += heard
    return bytes(made)


def taken_as(octets: bytes, ratio: float) -> bytes:
    """The same of a receiver that looks into the middle of each bit and does not mind a stop bit that is low: the next
    octet begins at once then."""
    line = [bit for octet in octets for bit in (0, *(octet >> n & 1 for n in range(8)), 1)]
    made, at = bytearray(), 0.0
    while True:
        if int(at) < len(line) and line[int(at)]:
            edge = next((n for n in range(int(at) + 1, len(line)) if not line[n]), None)
            if edge is None:
                return bytes(made)
            at = float(edge)
        if at + 9.5 / ratio > len(line):
            return bytes(made)
        made.append(sum(line[int(at + (1.5 + n) / ratio)] << n for n in range(8)))
        at += 9.5 / ratio


@rule("baud-mismatch")
def baud_mismatch(case: Case) -> Iterator[Hit]:
    """Octets of a side that has no frame at all, and that a receiver at a wrong speed would make of one."""
    for side in ("client", "meter", "unknown"):
        numbers = {record.number for record in case.records_by_side.get(side, ())}
        framed = (m for m in case.messages if m.layer is not None or any(f.framing != "none" for f in m.frames))
        if any(not numbers.isdisjoint(m.records) for m in framed):
            continue
        messages = [m for m in case.messages if not numbers.isdisjoint(m.records)]
        octets = case.heard(side)
        if not messages or len(octets) < 2:
            continue
        found = _begins(octets)
        if found is None and side == "meter" and (answer := _answers(case, octets)) is not None:
            slower, begin, sent = answer
            said = (
                f"{hexed(begin)} is what a port at 1/{slower} of the speed of the sender makes of {hexed(sent, len(sent))}, the "
                "beginning of an answer to the addresses of the request"
            )
            yield Hit(
                messages[0],
                (said, "no frame begins anywhere"),
                certainty="likely",
                once=f"baud-mismatch {side}",
                fix=f"Multiply the speed of the port by {slower}; try the other usual speeds then.",
            )
            continue
        runs = sum(octet in RUNS for octet in octets)
        if found is not None:
            ratio, place, begin = found
            said = (
                f"{hexed(begin)} at octet {place + 1} is what a port at {ratio} times the speed of the sender makes of "
                "7E A0 and a length, the beginning of a frame"
            )
            yield Hit(
                messages[0],
                (said, "no frame begins anywhere"),
                certainty="likely",
                once=f"baud-mismatch {side}",
                fix=f"Divide the speed of the port by {ratio}; try the other usual speeds then.",
            )
        elif len(octets) >= ENOUGH and runs >= SHARE * len(octets) and len(set(octets)) > 2:
            said = f"{runs} of {len(octets)} octets are runs of equal bits: {hexed(octets, 8)}"
            evidence = (said, "no frame begins anywhere")
            yield Hit(messages[0], evidence, certainty="possible", once=f"baud-mismatch {side}")


@cache
def _beginnings() -> dict[bytes, list[tuple[int, bytes]]]:
    """What the beginnings of frames of every length become: by their first octets, the ratio and all octets."""
    made: dict[bytes, list[tuple[int, bytes]]] = {}
    for ratio in RATIOS:
        for length in LENGTHS:
            for model in (sent_as, taken_as):
                begin = model(bytes([FLAG, TYPE_3, length]), ratio)
                if len(begin) >= TELLING:
                    made.setdefault(begin[:TELLING], []).append((ratio, begin))
    return made


def _answers(case: Case, octets: bytes) -> tuple[int, bytes, bytes] | None:
    """What a receiver that is too slow makes of the beginning of an answer: how many times it is too slow, the octets, and
    the beginning. It hears few octets of each frame, so the addresses have to be those of a request in the trace."""
    requests: dict[tuple[bytes, ...], None] = {}
    for message in case.sent_by("client"):
        frame = message.frames[0]
        nodes = frame.field("destination_address"), frame.field("source_address")
        if frame.carries_hdlc and nodes[0] is not None and nodes[1] is not None:
            requests[tuple(frame.data[node[1] : node[2]] for node in nodes if node is not None)] = None
    for called, caller in list(requests)[:PAIRS]:
        for control in ANSWERS:
            for length in LENGTHS:
                head = bytes((TYPE_3, length)) + caller + called + bytes((control,))
                sent = bytes((FLAG,)) + head + crc16_x25(head).to_bytes(2, "little")
                for slower in SLOWER:
                    begin = taken_as(sent, 1 / slower)[:-1]  # of the last octet not all bits are there
                    if len(begin) >= TELLING and octets.startswith(begin):
                        return slower, begin, sent
    return None


def _begins(octets: bytes) -> tuple[int, int, bytes] | None:
    """The ratio, the place and the octets of the first beginning of HDLC at a wrong speed."""
    for place in range(min(STARTS, len(octets))):
        for ratio, begin in _beginnings().get(octets[place : place + TELLING], ()):
            if octets.startswith(begin, place):
                return ratio, place, begin
    return None
