"""The trace as it should have been: every frame that can be corrected in its place, the others as they were captured.

What a meter answered only because a frame was wrong is left out: what it would have answered to the right one is not
known, and nothing is made up. Where the numbers of the link or the association went on from that answer, the rest of
the session is left out as well, and the next one begins a trace of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.diagnosis.ranking import corrected
from analyzer.frame import Frame
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Direction, Record, Trace
from analyzer.rebuild import SAME_COUNTER

ROUNDS = 3  # of correcting and looking again


@dataclass(frozen=True, slots=True)
class Line:
    """One frame of the patched trace, a remark without octets, or the heading of a further trace."""

    direction: Direction = "unknown"
    time: str | None = None
    data: bytes = field(default=b"", repr=False)
    remark: str = ""
    heading: str = ""


@dataclass(slots=True)
class Fix:
    """What a message should have been, and the faults that are then gone."""

    data: bytes
    resealed: bool
    codes: dict[str, None]


def patched(diagnosis: Diagnosis, messages: Sequence[Message], keys: KeyProvider) -> list[Line]:
    """The frames of a trace in the order of their records, corrected where they can be; remarks stand before what they
    speak of. `messages` are those that the diagnosis was made of, opened with `keys`."""
    placed: list[tuple[int, Line]] = []
    for message, lines in _by_message(diagnosis, messages, keys):
        first = message.frames[0].records[0]
        places = [frame.records[0] for frame in message.frames]  # other frames may stand between two segments
        frames = 0
        for line in lines:
            place = places[min(frames, len(places) - 1)] if line.data else first
            frames += bool(line.data)
            placed.append((place, line))
    return _joined(sorted(placed, key=lambda row: row[0]))


def _joined(placed: Sequence[tuple[int, Line]]) -> list[Line]:
    """Frames of one record on one line, as they came: an octet between two frames is no record."""
    made: list[Line] = []
    before = -1
    for place, line in placed:
        last = made[-1] if made else None
        if last and last.data and line.data and place == before and line.direction == last.direction:
            made[-1] = replace(last, data=last.data + line.data)
        else:
            made.append(line)
        before = place
    return made


def _by_message(
    diagnosis: Diagnosis, messages: Sequence[Message], keys: KeyProvider
) -> Iterator[tuple[Message, list[Line]]]:
    """Each message that stays with its lines."""
    fixes = _fixes(diagnosis, messages, keys)
    lost, silent = _consequences(diagnosis, fixes)
    cut = False
    for message in messages:
        number, lines = message.number, []
        if cut and not _begins_session(message):
            continue
        if cut:
            cut = False
            lines.append(Line(heading=f"{diagnosis.trace} from message {number}"))
        if number in lost:
            cut = message.frames[0].carries_hdlc or message.before.state == "requested"
            rest = " and what follows in this session are" if cut else " is"
            why = f"it answers the frame as it was ({', '.join(lost[number])})"
            lines.append(Line(remark=f"message {number}{rest} left out: {why}"))
        elif number in fixes:
            note = f"; {SAME_COUNTER}" if fixes[number].resealed else ""
            lines.append(Line(remark=f"message {number} is corrected: {', '.join(fixes[number].codes)}{note}"))
            pieces = _frames(message, fixes[number].data)
            lines += [_line(frame, data) for frame, data in zip(message.frames, pieces, strict=True)]
            if number in silent:
                cut = True
                lines.append(Line(remark="what follows in this session is left out: it goes on from silence"))
        else:
            lines += _as_it_was(diagnosis, message)
        yield message, lines


def _frames(message: Message, data: bytes) -> list[bytes]:
    """The octets of a corrected message by its frames."""
    if len(message.frames) == 1:
        return [data]
    pieces = []
    while data:  # HDLC: the length, in 11 bits, counts neither flag
        end = ((data[1] & 0x07) << 8 | data[2]) + 2
        pieces.append(data[:end])
        data = data[end:]
    return pieces


def _fixes(diagnosis: Diagnosis, messages: Sequence[Message], keys: KeyProvider) -> dict[int, Fix]:
    """Corrections, then those of what only shows when the first are made: a proof in an APDU that did not verify."""
    fixes: dict[int, Fix] = {}
    current, latest = list(messages), diagnosis
    for _ in range(ROUNDS):
        new = {}
        for number, one in latest.corrections.items():
            made = corrected(one, latest.keys or keys)
            if made is not None and made[0] != one.message.wire:
                new[number] = Fix(*made, {**one.codes})
        for number, fix in new.items():
            if number in fixes:
                fix = Fix(fix.data, fix.resealed or fixes[number].resealed, {**fixes[number].codes, **fix.codes})
            fixes[number] = fix
        if not new:
            break
        records: list[Record] = []
        for message in messages:
            fixed = fixes.get(message.number)
            pieces = _frames(message, fixed.data) if fixed is not None else [frame.data for frame in message.frames]
            for frame, whole in zip(message.frames, pieces, strict=True):
                records.append(Record(len(records) + 1, whole, frame.direction, frame.time, frame.seconds))
        trace = Trace(diagnosis.trace, diagnosis.source, records)
        current = list(decode(trace, keys))
        if len(current) != len(messages):
            break
        latest = diagnose([(trace, current)], keys)[0]
    return fixes


def _as_it_was(diagnosis: Diagnosis, message: Message) -> Iterator[Line]:
    for finding in diagnosis.findings:
        root = finding.message == message.number and finding.severity == "error" and finding.because_of is None
        if root and finding.side != "analyst":
            yield Line(remark=f"message {message.number} is left as it was: {finding.code} cannot be corrected here")
    yield from (_line(frame, frame.data) for frame in message.frames)


def _begins_session(message: Message) -> bool:
    return message.frame == "SNRM" or (message.apdu == "aarq" and not message.frames[0].carries_hdlc)


def _line(frame: Frame, data: bytes) -> Line:
    return Line(frame.direction, frame.time, data)


def _consequences(diagnosis: Diagnosis, fixed: Collection[int]) -> tuple[dict[int, list[str]], set[int]]:
    """The answers that follow from a frame that is corrected, with what the findings call them; and the corrected
    requests that nobody answered."""
    by_id = {finding.id: finding for finding in diagnosis.findings}
    lost: dict[int, list[str]] = {}
    silent: set[int] = set()
    for finding in diagnosis.findings:
        cause, seen = by_id.get(finding.because_of_id or 0), {finding.id}
        while cause is not None and cause.because_of_id and cause.id not in seen:
            seen.add(cause.id)
            cause = by_id.get(cause.because_of_id)
        if (
            cause is None
            or finding.message is None
            or cause.message is None
            or cause.message not in fixed
            or finding.side == "analyst"
        ):
            continue
        if finding.message > cause.message:
            lost.setdefault(finding.message, []).append(finding.code)
        elif finding.message == cause.message and finding.code == "no-reply":
            silent.add(finding.message)
    return lost, silent
