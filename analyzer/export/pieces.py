"""The octets that go out as one: a record, or a frame where a record has frames of both sides, with what is secret covered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from analyzer import hiding
from analyzer.covered import Cover
from analyzer.export.stretches import Stretch
from analyzer.frame import Frame
from analyzer.message import Message
from analyzer.model import Direction, Record
from analyzer.redaction import Redactor

MASKED = 0x2A  # what stands in octets for one that was masked: an asterisk


@dataclass(frozen=True, slots=True)
class Piece:
    """Octets that go out as one: those of a record, or of one frame where a record has frames of both sides."""

    record: int
    data: bytes
    direction: Direction
    time: str | None
    seconds: float | None
    messages: tuple[int, ...]


def pieces_of(stretch: Stretch) -> list[Piece]:
    """The octets of a stretch in their order, each with its direction and the numbers of the messages that begin in it."""
    made = list(_of_records(stretch) if stretch.records else _of_frames(stretch.messages))
    return _masked(_without_values(made, stretch.messages), stretch.redactor)


def _of_records(stretch: Stretch) -> Iterator[Piece]:
    in_record: dict[int, list[Frame]] = {}
    begin_in: dict[int, list[tuple[Frame, tuple[int, ...]]]] = {}  # frames, with the message that begins with one
    first = stretch.records[0].number
    for message in stretch.messages:
        told: tuple[int, ...] = (message.number,)
        for frame in message.frames:
            begin_in.setdefault(max(first, frame.records[0]), []).append((frame, told))
            told = ()
            for number in frame.records:
                in_record.setdefault(number, []).append(frame)
    mixed = _mixed(stretch.records, in_record)
    for record in stretch.records:
        begun = begin_in.get(record.number, ())
        if record.number in mixed:
            for frame, told in begun:
                yield Piece(record.number, frame.data, frame.direction, record.time, record.seconds, told)
        else:
            frames = in_record.get(record.number)
            direction = frames[0].direction if frames else record.direction
            numbers = tuple(number for _, told in begun for number in told)
            yield Piece(record.number, record.data, direction, record.time, record.seconds, numbers)


def _mixed(records: Sequence[Record], in_record: Mapping[int, Sequence[Frame]]) -> set[int]:
    """The numbers of the records with frames of both sides, and of those that share a frame with one."""
    found: set[int] = set()
    run: list[int] = []
    reach, both = 0, False
    for record in records:
        if record.number > reach:
            found.update(run if both else ())
            run, both = [], False
        frames = in_record.get(record.number, ())
        run.append(record.number)
        both = both or len({frame.direction for frame in frames}) > 1
        reach = max(reach, record.number, *(frame.records[-1] for frame in frames))
    return found.union(run if both else ())


def _of_frames(messages: Sequence[Message]) -> Iterator[Piece]:
    for message in messages:
        told: tuple[int, ...] = (message.number,)
        for frame in message.frames:
            yield Piece(frame.records[0], frame.data, frame.direction, frame.time, frame.seconds, told)
            told = ()


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
            made[place] = replace(piece, data=data)
    return made


def masked(octets: bytes, redactor: Redactor) -> bytes:
    """Octets with every secret in them replaced by asterisks; the length stays."""
    return bytes(MASKED if "*" in pair else int(pair, 16) for pair in redactor.text(octets.hex(" ")).split())
