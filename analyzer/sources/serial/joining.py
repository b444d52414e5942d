"""Single octets joined to records: by who sends, by pauses on the line, and by the length that a frame tells.

A pause of ten octets ends a record; the standard lets HDLC frames pause longer, so a frame whose length says that more
follows is waited for, up to a second. Without times only the sender tells.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median_low

from analyzer.model import Direction, Place, Record

PAUSE = 10  # octets that could have been sent in a pause that ends a record
LONGEST_PAUSE = (
    1.0  # seconds within a frame; the inter octet time-out of IEC 62056-46 is 20 ms to 6 s, as a rule 200 ms
)
SAMPLED = 2000  # distances from which the time of one octet is estimated
LONGEST_RECORD = 1 << 16  # octets; a line that never pauses is cut into records


@dataclass(frozen=True, slots=True)
class Octet:
    """One octet of a line. `at` is its start in any unit, `channel` tells lines of the same direction apart."""

    value: int
    direction: Direction
    at: float | None
    line: int
    time: str | None = None
    channel: str = ""


def records_of(octets: Sequence[Octet], second: float | None = 1.0) -> list[Record]:
    """Records of octets that are in the order of their times; `second` is a second in the unit of `at`, None if unknown."""
    made: list[Record] = []
    for run in _runs(octets, second):
        first = run[0]
        seconds = first.at / second if first.at is not None and second else None
        data = bytes(octet.value for octet in run)
        made.append(Record(len(made) + 1, data, first.direction, first.time, seconds, Place(first.line, 1)))
    return made


def _runs(octets: Sequence[Octet], second: float | None) -> Iterator[list[Octet]]:
    pause = PAUSE * octet_time(octets)
    longest = LONGEST_PAUSE * second if second else 100 * pause
    run: list[Octet] = []
    for octet in octets:
        if run and _ends(run, octet, pause, longest):
            yield run
            run = []
        run.append(octet)
    if run:
        yield run


def _ends(run: list[Octet], octet: Octet, pause: float, longest: float) -> bool:
    last = run[-1]
    if octet.direction != last.direction or octet.channel != last.channel or len(run) >= LONGEST_RECORD:
        return True
    if octet.at is None or last.at is None or octet.at - last.at <= pause:
        return False
    return octet.at - last.at > longest or not _awaits_more(run)


def _awaits_more(run: list[Octet]) -> bool:
    """Whether the run is an HDLC frame, or a wrapper PDU, whose length says that more octets follow."""
    head = bytes(octet.value for octet in run[:8])
    if head[:1] == b"\x7e" and len(head) >= 3 and head[1] & 0xF0 == 0xA0:
        return len(run) < ((head[1] & 7) << 8 | head[2]) + 2
    if head[:2] == b"\x00\x01" and len(head) == 8:
        return len(run) < int.from_bytes(head[6:8], "big") + 8
    return False


def octet_time(octets: Iterable[Octet]) -> float:
    """The time from one octet to the next where they follow each other: the middle one of the shorter distances."""
    distances = []
    last: dict[tuple[str, str], float] = {}
    for octet in octets:
        if octet.at is None:
            continue
        key = (octet.direction, octet.channel)
        if key in last and octet.at > last[key]:
            distances.append(octet.at - last[key])
            if len(distances) == SAMPLED:
                break
        last[key] = octet.at
    return median_low(distances) if distances else 0.0
