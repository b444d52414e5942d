"""What values mean, and what a reader may take them for: scalers that were never read, time zones with the wrong sign."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from analyzer.diagnosis.case import Case, names, side_of
from analyzer.diagnosis.counted import Counted, Named, Place
from analyzer.diagnosis.registry import Hit, rule
from analyzer.message import Message
from analyzer.objects import NUMBERS, SCALED, Answer, scaler_unit, values_in
from grammars import readings
from grammars.kit.spec import RawNode

CLOCK, TIME, TIME_ZONE = 8, 2, 3  # class, and the attributes with the time and with minutes to UTC
DATE_TIME_OCTETS = 12
NOT_SPECIFIED = -0x8000
SUMMER = 0x80  # clock status: daylight saving is active
SUMMER_MINUTES = 60


Thing = tuple[int, bytes]  # class and logical name


@rule("scaler-ignored", once=True)
def scaler_ignored(case: Case) -> Iterator[Hit]:
    """Registers of which the trace reads the value and never scaler and unit. A part of a trace also tells of those of which
    it reads them, since another part may have the value."""
    read: dict[Thing, Message] = {}
    own = case.once(_scalers)
    for message in case.messages:
        for answer, value in _answered(message):
            thing = (answer.class_id, answer.instance_id)
            if (
                case.owns(message)
                and answer.attribute_id in SCALED.get(answer.class_id, ((), 0))[0]
                and value[0].type in NUMBERS
            ):
                if answer.scaler is None and thing not in own:
                    read.setdefault(thing, message)
    known: dict[Thing, int] = {}
    for other in case.others if read else ():
        scalers = other.once(_scalers)
        known |= {thing: scalers[thing] for thing in read if thing in scalers and thing not in known}
    matters = {thing: message for thing, message in read.items() if known.get(thing, 1) != 0}
    if not matters and (case.own is None or not own):
        return
    first = next(iter(matters.values()), None)
    things = {
        _called(thing): Place(f"{readings.obis(thing[1])} in message {m.number}", m.number, m.records[0])
        for thing, m in matters.items()
    }
    where = Named(things, frozenset(map(_called, own)) if case.own is not None else frozenset())
    told = {thing: known[thing] for thing in matters if thing in known}
    evidence: list[str] = [Counted(_never_read, where, least=1)]
    evidence += [
        f"another trace tells that the scaler of {readings.obis(t[1])} is {s}" for t, s in list(told.items())[:3]
    ]
    yield Hit(first, tuple(evidence), certainty="proven" if told else "possible")


def _called(thing: Thing) -> str:
    return f"{thing[0]} {thing[1].hex()}"


def _never_read(where: Named) -> str:
    more = f" and {where.many - 6} more" if where.many > 6 else ""
    return f"the value is read and its scaler and unit never: {', '.join(where.texts[:6])}{more}"


def _scalers(case: Case) -> dict[Thing, int]:
    """The scaler of each register of which the trace reads scaler and unit, as it is read first."""
    found: dict[Thing, int] = {}
    for message in case.messages:
        for answer, value in _answered(message):
            if answer.attribute_id == SCALED.get(answer.class_id, ((), 0))[1]:
                if (pair := scaler_unit(value)) is not None:
                    found.setdefault((answer.class_id, answer.instance_id), pair[0])
    return found


def _answered(message: Message) -> Iterator[tuple]:  # type: ignore[type-arg]
    """Answers of a message with the raw node of each value; errors left out."""
    plain = message.plain
    if plain is None or not message.answers:
        return
    for answer, value in zip(message.answers, values_in(plain.nodes), strict=False):
        if value is not None:
            yield answer, value


@rule("clock-deviation-sign", once=True)
def clock_deviation_sign(case: Case) -> Iterator[Hit]:
    """A deviation whose sign is not that of the time zone, or of another deviation, of the same meter."""
    zones: list[tuple[Message, int, str]] = []
    for message in case.messages:
        for answer, value in _answered(message):
            if (answer.class_id, answer.attribute_id) == (CLOCK, TIME_ZONE) and isinstance(value[3], int):
                zones.append((message, value[3], "the time zone of the clock object"))
        if message.plain is None or (message.direction != "meter" and not _sets_the_clock(message)):
            continue
        for octets in _date_times(message.plain.nodes):
            deviation = _deviation(octets)
            if deviation:
                what = "the deviation of a date-time" if message.direction == "meter" else "the deviation that is set"
                zones.append((message, deviation, what))
    for (one, a, what), (other, b, what_else) in pairwise(zones):
        if a and a == -b:
            said = f"{what} in {names(one)} is {a} minutes, {what_else} in {names(other)} is {b}"
            yield Hit(other, (said, "the same offset with the other sign"), certainty="likely", side=side_of(other))
            return


def _sets_the_clock(message: Message) -> bool:
    """Whether a message of the client writes the time of the clock: what the meter takes as its own from then on."""
    plain = message.plain
    if message.direction != "client" or plain is None or not plain.name.startswith("set-request"):
        return False
    return any((one.class_id, one.attribute_id) == (CLOCK, TIME) for one in message.carried if isinstance(one, Answer))


def _date_times(nodes: list[RawNode]) -> list[bytes]:
    """The octets of fields that are as long as a date-time, at any depth, in their order."""
    found = []
    for node in nodes:
        value = node[3]
        if isinstance(value, list):
            found += _date_times(value)
        elif isinstance(value, bytes) and len(value) == DATE_TIME_OCTETS:
            found.append(value)
    return found


def _deviation(octets: bytes) -> int | None:
    """The minutes from local standard time to UTC in a date-time, None where it is none or does not say."""
    if not readings.is_date_time(octets):
        return None
    minutes = int.from_bytes(octets[9:11], "big", signed=True)
    if minutes == NOT_SPECIFIED or abs(minutes) > 720:
        return None
    summer = octets[11] != 0xFF and octets[11] & SUMMER
    return minutes + SUMMER_MINUTES if summer and minutes < 0 else minutes - SUMMER_MINUTES if summer else minutes
