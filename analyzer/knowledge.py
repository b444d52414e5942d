"""What a trace has told so far of the objects of each meter, and which attributes its answers carry.

Facts belong to the meter, whichever client read them: they are kept by the address of the server, and forgotten when a
meter with another system title answers there. What is told only later in the trace is never applied to what came before.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from analyzer.objects import (
    SCALED,
    Answer,
    Asked,
    Target,
    definitions,
    elements,
    scaler_unit,
)
from analyzer.profiles import BUFFER, CAPTURE_OBJECTS, CAPTURE_PERIOD, PROFILE_GENERIC, Column, Profile, columns_of
from grammars.kit.spec import RawNode
from grammars.meanings import interface_class

KEPT = 10_000  # objects of one meter
METERS = 1_000
OPEN = 16  # requests without an answer, on one link
ASSOCIATION_SN, ASSOCIATION_LN, PUSH_SETUP = 12, 15, 40
OBJECT_LIST = 2
CURRENT_ASSOCIATION = bytes.fromhex("0000280000FF")
ASSOCIATION_BASE = 0xFA00  # base name of the current association, reserved by IEC 62056-6-2
PER_ATTRIBUTE = 8  # short names from one attribute to the next


@dataclass(slots=True)
class Meter:
    """What is known of the objects of one meter; numbers are those of the messages that told it."""

    title: bytes | None = None
    scales: dict[bytes, tuple[int, int, int]] = field(default_factory=dict)  # scaler, unit, message
    captured: dict[bytes, list[tuple[Target, int]]] = field(default_factory=dict)
    periods: dict[bytes, int] = field(default_factory=dict)
    pushed: dict[bytes, tuple[list[tuple[Target, int]], int]] = field(default_factory=dict)  # push_object_list, message
    versions: dict[tuple[int, bytes], int] = field(default_factory=dict)
    short_names: dict[int, Target] = field(default_factory=dict)
    list_version: str = ""  # of the list that its last push followed

    def learn(self, target: Target, value: RawNode, message: int) -> None:
        """Takes the value of an attribute that tells something of values to come."""
        class_id, instance, index = target
        if class_id in SCALED and index == SCALED[class_id][1]:
            found = scaler_unit(value)
            if found is not None:
                _keep(self.scales, instance, (*found, message))
        elif class_id == PROFILE_GENERIC and index == CAPTURE_OBJECTS:
            columns = definitions(value)
            if columns is not None:
                _keep(self.captured, instance, list(columns))
        elif class_id == PROFILE_GENERIC and index == CAPTURE_PERIOD and isinstance(value[3], int):
            _keep(self.periods, instance, value[3])
        elif class_id == PUSH_SETUP and index == OBJECT_LIST:
            objects = definitions(value)
            if objects is not None:
                _keep(self.pushed, instance, (list(objects), message))
        elif class_id in (ASSOCIATION_LN, ASSOCIATION_SN) and index == OBJECT_LIST:
            self._list(class_id, value)

    def _list(self, association: int, value: RawNode) -> None:
        """The objects of an association: class, version, logical name; with short names their base names."""
        for item in elements(value)[:KEPT]:
            parts = [part[3] for part in elements(item)]
            if association == ASSOCIATION_SN:
                if len(parts) != 4 or not isinstance(parts[3], bytes):
                    continue
                base, class_id, version, instance = parts
            else:
                if len(parts) < 3 or not isinstance(parts[2], bytes):
                    continue
                base, (class_id, version, instance) = None, parts[:3]
            if not isinstance(class_id, int) or not isinstance(version, int):
                continue
            instance = bytes(instance)
            _keep(self.versions, (class_id, instance), version)
            if isinstance(base, int):
                for index in _attributes(class_id, version):
                    name = (base + PER_ATTRIBUTE * (index - 1)) & 0xFFFF
                    _keep(self.short_names, name, Target(class_id, instance, index))

    def scale(self, target: Target) -> tuple[int | None, int | None, str]:
        """Scaler and unit of a value, and where they were read; None where none apply or none are known."""
        attributes, _ = SCALED.get(target.class_id, ((), 0))
        found = self.scales.get(target.instance_id)
        if target.attribute_id not in attributes or found is None:
            return None, None, ""
        return found[0], found[1], f"scaler_unit read in message {found[2]}"

    def column(self, target: Target | None, data_index: int) -> Column:
        """A column of a profile, with scaler and unit of what it captures."""
        if target is None:
            return Column()
        scaler, unit, source = self.scale(target) if data_index == 0 else (None, None, "")
        return Column(target, data_index, scaler, unit, self.versions.get(target[:2]), source)

    def profile(self, asked: Asked, value: RawNode, octets: bytes) -> Profile:
        """A buffer as a table, by what is known now."""
        rows = elements(value)
        first = rows[0] if rows else None
        width = (len(elements(first)) if first[0].type in ("structure", "array") else 1) if first is not None else None
        known, notes = columns_of(asked, self.captured.get(asked.target.instance_id), width)
        columns = tuple(self.column(*column) for column in known)
        period = self.periods.get(asked.target.instance_id)
        return Profile(asked.target, columns, period, value, octets, tuple(notes))

    def answer(self, asked: Asked, value: RawNode | None, octets: bytes, buffer: int) -> Answer:
        """One value with what is known of its attribute."""
        target = asked.target
        scaler, unit, source = self.scale(target)
        is_buffer = target.class_id == PROFILE_GENERIC and target.attribute_id == BUFFER
        profile = None
        if is_buffer and value is not None and value[0].type in ("array", "compact-array"):
            profile = self.profile(asked, value, octets)
        version = self.versions.get(target[:2])
        return Answer(target, scaler, unit, value, octets, buffer, source, version, profile=profile)


def _attributes(class_id: int, version: int) -> Iterable[int]:
    known = interface_class(class_id, version)
    return range(1, max(known.attributes, default=1) + 1) if known is not None else range(1, 2)


def _keep(facts: dict[Any, Any], key: object, value: object) -> None:
    if key in facts or len(facts) < KEPT:
        facts[key] = value


@dataclass(slots=True)
class _Link:
    """The requests on one link: those without an answer by their invoke-id, and the last one."""

    open: dict[int, list[Asked | None]] = field(default_factory=dict)
    last: list[Asked | None] = field(default_factory=list)
    written: list[tuple[Asked, RawNode]] = field(default_factory=list)  # by a SET that is not confirmed yet


class Objects:
    """What a trace told so far, and which attributes were asked for."""

    def __init__(self) -> None:
        self._links: dict[object, _Link] = {}
        self._meters: dict[str, Meter] = {}

    def meter(self, address: str, title: bytes | None) -> Meter:
        """The meter at an address. Another system title there is another meter."""
        known = self._meters.get(address)
        if known is None or (title is not None and known.title is not None and known.title != title):
            known = self._meters[address] = Meter()
            while len(self._meters) > METERS:
                self._meters.pop(next(iter(self._meters)))
        known.title = title or known.title
        return known

    def asked(self, link: object, invoke: int | None, asked: list[Asked | None]) -> None:
        """Takes the attributes of a request; one for the next block names none and asks for what the first did."""
        if not asked:
            return
        state = self._link(link)
        state.last = asked
        state.open[invoke or 0] = asked
        while len(state.open) > OPEN:
            state.open.pop(next(iter(state.open)))

    def answered(self, link: object, invoke: int | None) -> list[Asked | None]:
        """What an answer answers: the request with its invoke-id, else the last one."""
        state = self._link(link)
        found = state.open.pop(invoke or 0, None)
        return found if found is not None else state.last

    def written(self, link: object, pairs: list[tuple[Asked, RawNode]]) -> None:
        """Takes the values of a SET.request."""
        self._link(link).written = pairs

    def confirmed(self, link: object) -> list[tuple[Asked, RawNode]]:
        """The values that the SET before wrote, for the meter has taken them."""
        state = self._link(link)
        pairs, state.written = state.written, []
        return pairs

    def forget(self, link: object, address: str) -> None:
        """A link that never was, and the meter at this address if nothing is known of it."""
        self._links.pop(link, None)
        if self._meters.get(address) == Meter():
            del self._meters[address]

    def _link(self, link: object) -> _Link:
        found = self._links.get(link)
        if found is None:
            found = self._links[link] = _Link()
            while len(self._links) > METERS:
                self._links.pop(next(iter(self._links)))
        return found
