"""What every export starts from: a trace with its messages, what the diagnosis says of them, and what to mask."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from analyzer import hiding
from analyzer.covered import Cover
from analyzer.message import Message
from analyzer.model import Direction, Finding, Trace
from analyzer.redaction import Redactor

MASKED = 0x2A  # what stands in octets for one that was masked: an asterisk
STEP = 1_000_000  # nanoseconds between records that nobody timed
# The time stamp of a packet, as readers of captures write it.
EXACT = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)\.(\d{1,9})Z")


@dataclass(frozen=True, slots=True)
class Bundle:
    """One trace, ready to go out. `redactor` is None where nothing is masked."""

    trace: Trace
    messages: Sequence[Message]
    findings: Sequence[Finding] = ()
    redactor: Redactor | None = None

    def text(self, text: str) -> str:
        """A text with what is secret in it covered."""
        return self.redactor.text(text) if self.redactor is not None else text


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets that go out as one: those of a record, or of one frame where a record has frames of both sides."""

    record: int
    data: bytes
    direction: Direction
    time: str | None
    seconds: float | None
    messages: tuple[int, ...]


def pieces_of(bundle: Bundle) -> list[Piece]:
    """The octets of a trace in their order, each with its direction and the numbers of the messages that begin in it."""
    in_record: dict[int, list[tuple[int, Direction, bytes]]] = {}
    begun: dict[int, list[int]] = {}
    for message in bundle.messages:
        begun.setdefault(message.records[0], []).append(message.number)
        for frame in message.frames:
            for number in frame.records:
                in_record.setdefault(number, []).append((message.number, frame.direction, frame.data))
    made: list[Piece] = []
    for record in bundle.trace:
        frames = in_record.get(record.number, [])
        sides = {direction for _, direction, _ in frames}
        numbers = tuple(begun.get(record.number, ()))
        if len(sides) > 1:
            told: set[int] = set()
            for number, direction, data in frames:
                new = number in numbers and number not in told
                told.add(number)
                made.append(
                    Piece(record.number, data, direction, record.time, record.seconds, (number,) if new else ())
                )
        else:
            direction = next(iter(sides)) if sides else record.direction
            made.append(Piece(record.number, record.data, direction, record.time, record.seconds, numbers))
    return _masked(_without_values(made, bundle.messages), bundle.redactor)


def _without_values(pieces: list[Piece], messages: Sequence[Message]) -> list[Piece]:
    """The same with the values of messages covered by their place. Pieces whose octets are not those of the frame that
    they brought, since they had to be restored, are covered whole."""
    if not hiding.are_hidden():
        return pieces
    data = [bytearray(piece.data) for piece in pieces]
    for side in ("client", "meter", "unknown"):
        places = [(place, at) for place, piece in enumerate(pieces) if piece.direction == side
                  for at in range(len(piece.data))]  # fmt: skip
        stream, at = bytes(data[place][n] for place, n in places), 0
        for message in messages:
            cells, begin = Cover(message).octets(0, message.wire), 0
            for frame in message.frames:
                own, begin = cells[begin : begin + len(frame.data)], begin + len(frame.data)
                if frame.direction != side or "**" not in own:
                    continue
                found = stream.find(frame.data, at)
                if found < 0:
                    for place, n in places:
                        if pieces[place].record in frame.records:
                            data[place][n] = MASKED
                    continue
                at = found + len(frame.data) - 1  # two frames may share a flag
                for n, cell in enumerate(own):
                    if cell == "**":
                        place, offset = places[found + n]
                        data[place][offset] = MASKED
    return [replace(piece, data=bytes(octets)) for piece, octets in zip(pieces, data, strict=True)]


def _masked(pieces: list[Piece], redactor: Redactor | None) -> list[Piece]:
    """The same with secrets covered, also those that go from one piece of a side into the next."""
    if redactor is None:
        return pieces
    made = list(pieces)
    for side in ("client", "meter", "unknown"):
        places = [place for place, piece in enumerate(pieces) if piece.direction == side]
        octets = masked(b"".join(pieces[place].data for place in places), redactor)
        at = 0
        for place in places:
            piece = pieces[place]
            data = octets[at : at + len(piece.data)]
            at += len(piece.data)
            made[place] = Piece(piece.record, data, piece.direction, piece.time, piece.seconds, piece.messages)
    return made


def masked(octets: bytes, redactor: Redactor) -> bytes:
    """Octets with every secret in them replaced by asterisks; the length stays."""
    return bytes(MASKED if "*" in pair else int(pair, 16) for pair in redactor.text(octets.hex(" ")).split())


def times_of(pieces: Sequence[Piece], start: int = 0) -> list[int]:
    """A time for each piece, in nanoseconds since 1970: that of the capture, or a step after the one before. What comes
    before the first that was timed gets its time; where none was, the first comes a step after `start`."""
    known = next((time for piece in pieces if (time := nanoseconds_of(piece)) is not None), None)
    made: list[int] = []
    last, step = (start, STEP) if known is None else (known, 0)
    for piece in pieces:
        time = nanoseconds_of(piece)
        last, step = (last + step, step) if time is None else (time, STEP)
        made.append(last)
    return made


def nanoseconds_of(piece: Piece) -> int | None:
    """The time of a piece, exactly where its text tells it: seconds as a float hold a date of today to 238 ns."""
    if piece.seconds is None:
        return None
    found = EXACT.fullmatch(piece.time or "")
    near = round(piece.seconds * 1e6) * 1000
    if found is None:
        return near
    whole = int(datetime.fromisoformat(found[1] + "+00:00").timestamp()) * 1_000_000_000 + int(found[2].ljust(9, "0"))
    return whole if abs(whole - near) < 1000 else near
