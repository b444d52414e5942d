"""Which attribute each value of a message belongs to: by the request before it, or by the message itself.

GET, SET and ACCESS name attributes by class and logical name. Read and write name them by short names, which an object
list of the association tells. A push says in one of several ways what it carries (`analyzer.pushes`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

from analyzer.knowledge import ASSOCIATION_BASE, ASSOCIATION_SN, CURRENT_ASSOCIATION, PER_ATTRIBUTE, Meter, Objects
from analyzer.message import Layer, Message
from analyzer.objects import Answer, Asked, Target, inner, listed, scalar, targets_of, values_in
from analyzer.pushes import Pushed, pushed
from grammars.kit.spec import RawNode, find_int, find_octets, find_raw, holes_in

LONG_INVOKE = 0xFFFFFF
INVOKE = 0x0F
SUCCESS = 0
OBJECT_LIST_SN = ASSOCIATION_BASE + PER_ATTRIBUTE
Askeds = Sequence[Asked | None]


def named(objects: Objects, link: object, message: Message) -> Message:
    """The message with what its values are, as far as the trace has told up to now; `objects` learns from it."""
    plain = message.plain
    reader = READERS.get(plain.name) if plain is not None else None
    if plain is None or reader is None:
        return message
    association = message.after
    meter = objects.meter(association.server_address, association.server_title)
    said = reader(_Reading(objects, link, meter, message, plain))
    versions = {}
    if meter.versions:
        found = {asked.target[:2] for asked in targets_of(plain.nodes)}
        versions = {key: meter.versions[key] for key in found if key in meter.versions}
    return message.told(said.answers, said.carried, versions) if versions or said is not NOTHING else message


class Said(NamedTuple):
    """What the values of a message are: those that answer, and those that it brings by itself."""

    answers: tuple[Answer, ...] = ()
    carried: tuple[Answer | Pushed, ...] = ()


NOTHING = Said()


class _Reading:
    """One message that is read."""

    def __init__(self, objects: Objects, link: object, meter: Meter, message: Message, plain: Layer) -> None:
        self.objects, self.link, self.meter, self.message, self.plain = objects, link, meter, message, plain
        self.nodes = plain.nodes
        joined = message.joined
        self.values = joined if joined is not None else plain  # the layer with the values
        self.octets = message.octets(self.values.buffer)

    @property
    def invoke(self) -> int | None:
        """The invoke-id; None for services without one."""
        number = find_int(self.nodes, "invoke_id_and_priority")
        if number is not None:
            return number & INVOKE
        number = find_int(self.nodes, "long_invoke_id_and_priority")
        return number & LONG_INVOKE if number is not None else None

    @property
    def in_pieces(self) -> bool:
        """Whether this is a block of what is not whole yet."""
        return self.message.joined is None and any(
            node[0].hole == "block" and isinstance(node[3], bytes) for node in holes_in(self.nodes)
        )

    def answers(self, asked: Askeds, values: Sequence[RawNode | None], learn: bool = True) -> tuple[Answer, ...]:
        """Values with what they are the values of; nothing where their numbers differ or one has no attribute."""
        if len(asked) != len(values):
            return ()
        made = []
        for one, value in zip(asked, values, strict=True):
            if one is None:
                continue
            if learn and value is not None:
                self.meter.learn(one.target, value, self.message.number)
            made.append(self.meter.answer(one, value, self.octets, self.values.buffer))
        return _with_times(made)


def _asks(reading: _Reading) -> Said:
    reading.objects.asked(reading.link, reading.invoke, list(targets_of(reading.nodes)))
    return NOTHING


def _answers(reading: _Reading) -> Said:
    if reading.in_pieces:
        return NOTHING
    asked = reading.objects.answered(reading.link, reading.invoke)
    return Said(answers=reading.answers(asked, values_in(reading.values.nodes)))


def _sets(reading: _Reading) -> Said:
    """A SET.request names the attributes itself; in blocks, its first block does."""
    asked: Askeds = targets_of(reading.nodes)
    if asked:
        reading.objects.asked(reading.link, reading.invoke, list(asked))
    if reading.in_pieces:
        return NOTHING
    if reading.message.joined is not None:
        asked = asked or reading.objects.answered(reading.link, reading.invoke)
        nodes = reading.values.nodes
        values = [nodes[0]] if len(asked) == 1 and nodes else [inner(node) for node in nodes]
    else:
        one = find_raw(reading.nodes, "value")
        values = [inner(one)] if one is not None else listed(reading.nodes, "value_list")
    return _written(reading, asked, [value for value in values if value[0].type])


def _written(reading: _Reading, asked: Askeds, values: list[RawNode]) -> Said:
    carried = reading.answers(asked, values, learn=False)
    if len(asked) == len(values):
        pairs = [(one, value) for one, value in zip(asked, values, strict=True) if one is not None]
        reading.objects.written(reading.link, pairs if len(pairs) == len(values) else [])
    return Said(carried=carried)


def _confirms(reading: _Reading) -> Said:
    """The answer to a SET or a write: what the meter has taken holds from now on."""
    results = [node[3] for node in _results(reading.nodes)]
    if not results:
        return NOTHING
    pairs = reading.objects.confirmed(reading.link)
    if len(pairs) == len(results):
        for (one, value), result in zip(pairs, results, strict=True):
            if result == SUCCESS or result is None:
                reading.meter.learn(one.target, value, reading.message.number)
    return NOTHING


def _results(nodes: list[RawNode]) -> list[RawNode]:
    found = []
    for node in nodes:
        if node[0].name in ("result", "data_access_result", "success", "data-access-error"):
            if not isinstance(node[3], list):
                found.append(node)
                continue
        if isinstance(node[3], list) and not node[0].type:
            found += _results(node[3])
    return found


def _access_asks(reading: _Reading) -> Said:
    asked = _specified(reading.nodes)
    reading.objects.asked(reading.link, reading.invoke, asked)
    values = listed(reading.nodes, "access_request_list_of_data")
    writing = _services(reading.nodes)
    if len(values) != len(asked):
        return NOTHING
    chosen = [(one, value) for one, value, service in zip(asked, values, writing, strict=True) if "set" in service]
    carried = reading.answers([one for one, _ in chosen], [value for _, value in chosen], learn=False)
    return Said(carried=carried)


def _access_answers(reading: _Reading) -> Said:
    asked = _specified(reading.nodes) or reading.objects.answered(reading.link, reading.invoke)
    values = listed(reading.nodes, "access_response_list_of_data")
    results = find_raw(reading.nodes, "access_response_specification")
    services = [node for node in results[3] if isinstance(node[3], int)] if results and results[3] else []
    if not (len(asked) == len(values) == len(services)):
        return NOTHING
    kept: list[tuple[Asked | None, RawNode | None]] = []
    for one, value, service in zip(asked, values, services, strict=True):
        if service[0].name == "access-response-get":
            kept.append((one, value if service[3] == SUCCESS else None))
    return Said(answers=reading.answers([one for one, _ in kept], [value for _, value in kept]))


def _specifications(nodes: list[RawNode]) -> list[RawNode]:
    found = find_raw(nodes, "access_request_specification")
    return [node for node in found[3] if isinstance(node[3], list)] if found is not None and found[3] else []


def _specified(nodes: list[RawNode]) -> list[Asked | None]:
    """One attribute for each part of an ACCESS; None for an action."""
    return [next(iter(targets_of([node])), None) for node in _specifications(nodes)]


def _services(nodes: list[RawNode]) -> list[str]:
    return [node[0].name for node in _specifications(nodes)]


def _reads(reading: _Reading) -> Said:
    reading.objects.asked(reading.link, None, _variables(reading))
    return NOTHING


def _writes(reading: _Reading) -> Said:
    asked = _variables(reading)
    return _written(reading, asked, listed(reading.nodes, "list_of_data")) if asked else NOTHING


def _reports(reading: _Reading) -> Said:
    values = listed(reading.nodes, "list_of_data")
    answers = reading.answers(_variables(reading), values, learn=False)
    if answers:
        return Said(carried=answers)
    carried = [
        one for value in values for one in pushed(value, reading.octets, reading.plain.buffer, reading.meter, None)
    ]
    return Said(carried=tuple(carried))


def _variables(reading: _Reading) -> list[Asked | None]:
    """The attributes that short names stand for, None for one whose base name the trace has not told."""
    found = find_raw(reading.nodes, "variable_access_specification")
    made: list[Asked | None] = []
    for node in found[3] if found is not None and isinstance(found[3], list) else ():
        if node[0].name not in ("variable-name", "parameterized-access"):
            return []
        name = find_int([node], "variable_name")
        target = reading.meter.short_names.get(name if name is not None else -1)
        if target is None and name == OBJECT_LIST_SN:
            target = Target(ASSOCIATION_SN, CURRENT_ASSOCIATION, 2)
        parameter = find_raw([node], "parameter")
        made.append(
            Asked(target, find_int([node], "selector"), inner(parameter) if parameter is not None else None)
            if target is not None
            else None
        )
    return made


def _event(reading: _Reading) -> Said:
    value = find_raw(reading.nodes, "attribute_value")
    carried = reading.answers(targets_of(reading.nodes), [inner(value)] if value is not None else [], learn=False)
    time = _time(reading)
    return Said(carried=tuple(replace(one, time=one.time or time) for one in carried))


def _notified(reading: _Reading) -> Said:
    body = find_raw(reading.nodes, "notification_body")
    if body is None or not inner(body)[0].type:
        return NOTHING
    carried = pushed(inner(body), reading.octets, reading.plain.buffer, reading.meter, _time(reading))
    return Said(carried=carried)


def _time(reading: _Reading) -> bytes | None:
    """The octets of the date-time in a notification."""
    for name in ("date_time", "tagged_date_time"):
        node = find_raw(reading.nodes, name)
        while node is not None and isinstance(node[3], list) and len(node[3]) == 1:
            node = node[3][0]
        if node is not None and isinstance(node[3], list) and node[3]:
            octets = scalar(node, reading.octets)
            return octets if isinstance(octets, bytes) and len(octets) == 12 else None
        if node is not None and isinstance(node[3], bytes) and len(node[3]) == 12:
            return find_octets([node], node[0].name)
    return None


def _with_times(answers: list[Answer]) -> tuple[Answer, ...]:
    """Values of extended and demand registers with their capture_time, where that came along."""
    captures = {4: 5, 5: 6}
    times = {}
    for one in answers:
        if one.attribute_id == captures.get(one.class_id) and one.value is not None:
            octets = scalar(one.value, one.octets)
            if isinstance(octets, bytes) and len(octets) == 12:
                times[one.target[:2]] = octets
    if not times:
        return tuple(answers)
    return tuple(
        replace(one, time=times[one.target[:2]]) if one.target[:2] in times and one.scaler is not None else one
        for one in answers
    )


READERS: dict[str, Callable[[_Reading], Said]] = {
    "get-request": _asks,
    "get-response": _answers,
    "set-request": _sets,
    "set-response": _confirms,
    "access-request": _access_asks,
    "access-response": _access_answers,
    "read-request": _reads,
    "read-response": _answers,
    "write-request": _writes,
    "write-response": _confirms,
    "unconfirmed-write-request": _writes,
    "information-report-request": _reports,
    "event-notification-request": _event,
    "data-notification": _notified,
}
