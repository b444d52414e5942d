"""What each side sent, captured in two files, put together to one trace.

Where both captures have times on one clock, times decide. Raw dumps have none: then the order is derived. The client
speaks first and the meter answers; who goes on is told by the protocol:

- HDLC: a side sends until a frame with the poll or final bit; a frame repeated octet for octet was not answered (in other
  framings only where there are fewer answers than requests).
- IEC 62056-21: each line or block is answered by one, a readout by its whole block.
- Wrapper, APDUs without framing and others: one request, one answer. Notifications of the meter answer nothing.

The reader is told that the order is derived, since nothing in two dumps proves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzer.frame import Frame
from analyzer.framing import frames_of
from analyzer.model import Direction, Record, SourceIssue, Trace
from analyzer.senders import evident
from grammars.kit.spec import find_int
from grammars.tables.apdu import APDU_TAGS

NO_ANSWER = frozenset({"UI"})
BY_ITSELF = ("data-notification", "event-notification-request", "information-report-request")
POLL_FINAL = 0x10


def together(client: Trace, meter: Trace, name: str) -> Trace:
    """One trace of what the client and what the meter sent. Records are numbered anew; every octet of both is in it."""
    if _says(client) == "meter" and _says(meter) == "client":
        client, meter = meter, client
        turned = SourceIssue("info", "the two files are exchanged: the one given for the client is what the meter sent")
        client = Trace(client.name, client.source, client.records, (turned, *client.issues))
    sides = _told(client, "client"), _told(meter, "meter")
    issues = (*client.issues, *meter.issues)
    source = f"{client.source} + {meter.source}"
    records: list[Record] = []
    if all(record.seconds is not None for side in sides for record in side):
        records = sorted((*sides[0], *sides[1]), key=lambda record: record.seconds or 0.0)
    else:
        records = list(_derived(*sides))
        said = "neither file has times: the order of the two sides is derived, requests first, each with its answer"
        issues = (*issues, SourceIssue("info", said))
    numbered = tuple(replace(record, number=number) for number, record in enumerate(records, 1))
    return Trace(name, source, numbered, tuple(replace(issue, record=None) for issue in issues))


def _says(trace: Trace) -> Direction:
    """Whose octets these are by what only one side sends; "unknown" where frames of both are, or none that tells."""
    said = {evident(frame) for frame in frames_of(_told(trace, "unknown"))} - {"unknown"}
    return said.pop() if len(said) == 1 else "unknown"


def _told(trace: Trace, direction: Direction) -> list[Record]:
    return [replace(record, direction=direction) for record in trace]


def _derived(client: Sequence[Record], meter: Sequence[Record]) -> Iterator[Record]:
    """The frames of both sides in turns, each a record."""
    requests, answers = _frames(client), _frames(meter)
    sent = heard = 0
    to_answer, turns = sum(map(_answered, requests)), sum(map(_ends_turn, answers))  # that are left
    while sent < len(requests) or heard < len(answers):
        while heard < len(answers) and _unasked(answers[heard]):
            yield _record(answers[heard], meter)
            heard += 1
        while sent < len(requests):
            frame = requests[sent]
            yield _record(frame, client)
            sent += 1
            if not _answered(frame):
                continue
            repeated = sent < len(requests) and requests[sent].data == frame.data
            enough = not frame.carries_hdlc and turns >= to_answer  # then it was a poll, and not sent again
            to_answer -= 1
            if not repeated or enough:
                break
        while heard < len(answers):
            frame = answers[heard]
            yield _record(frame, meter)
            heard += 1
            if _ends_turn(frame):
                turns -= 1
                break


def _frames(records: Sequence[Record]) -> list[Frame]:
    """The frames of one side without what the alternation of two sides would make of their directions."""
    return list(frames_of(records))


def _record(frame: Frame, records: Sequence[Record]) -> Record:
    """A frame as a record of its own."""
    first = next(record for record in records if record.number == frame.records[0])
    return replace(first, data=frame.data)


def _unasked(frame: Frame) -> bool:
    """Whether a frame of the meter is no answer: a push."""
    if frame.kind in NO_ANSWER or frame.framing == "p1":
        return True
    start, end = frame.payload
    octets = frame.data[start:end]
    octets = octets[3:] if octets[:2] in (b"\xe6\xe7", b"\xe6\xe6") else octets
    return bool(octets) and APDU_TAGS.get(octets[0], "").endswith(BY_ITSELF)


def _answered(frame: Frame) -> bool:
    """Whether the meter has its turn behind a frame of the client."""
    return _polls(frame) and not _stray(frame)


def _ends_turn(frame: Frame) -> bool:
    return _polls(frame) and not _unasked(frame) and not _stray(frame)


def _stray(frame: Frame) -> bool:
    """Whether a frame is octets that nothing tells what they are. APDUs without framing end where their own length says."""
    return frame.framing == "none" and bool(frame.issues)


def _polls(frame: Frame) -> bool:
    """Whether HDLC hands the turn over with this frame; other framings always do."""
    if not frame.carries_hdlc:
        return True
    control = find_int(frame.parsed.nodes, "control")
    return control is None or bool(control & POLL_FINAL)
