"""COSEM objects as a trace tells of them: what each answer answers, and the scaler and unit that were read before.

A GET.response does not say which attribute it carries; the request before it does. Where the trace holds the
scaler_unit of a register, the value is given in its unit from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from grammars.kit.spec import RawNode, find_int, find_octets, walk_raw
from grammars.tables.units import UNITS

# class: (attributes with a value, attribute with its scaler_unit)
SCALED = {3: ((2,), 3), 4: ((2,), 3), 5: ((2, 3), 4), 61: ((2,), 4)}
KEPT = 10_000  # scalers and units of one trace
NUMBERS = frozenset({
    "double-long", "double-long-unsigned", "integer", "long", "unsigned", "long-unsigned", "long64", "long64-unsigned",
})  # fmt: skip


class Target(NamedTuple):
    """An attribute of an object."""

    class_id: int
    instance_id: bytes
    attribute_id: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What one result of an answer is the value of, with the scaler and unit that apply; None where none is known."""

    target: Target
    scaler: int | None = None
    unit: int | None = None

    def scaled(self, value: int) -> str:
        """A value with its unit, exactly: 12345 with scaler -1 and unit 30 is 1234.5 Wh."""
        number = Decimal(value).scaleb(self.scaler or 0)
        shown = format(number.to_integral_value() if number == number.to_integral_value() else number, "f")
        symbol = UNITS.get(self.unit or 0, ("", ""))[0]
        return f"{shown} {symbol}".strip()


def targets_of(nodes: list[RawNode]) -> list[Target]:
    """The attributes that a GET.request names, in their order."""
    found: list[Target] = []
    for node in walk_raw(nodes):
        if node[0].name in ("cosem_attribute_descriptor", "attribute") and isinstance(node[3], list):
            class_id, index = find_int(node[3], "class_id"), find_int(node[3], "attribute_id")
            instance = find_octets(node[3], "instance_id")
            if class_id is not None and index is not None and instance is not None:
                target = Target(class_id, instance, index)
                if not found or found[-1] != target:
                    found.append(target)
    return found


def values_in(nodes: list[RawNode]) -> list[RawNode | None]:
    """The value of each result of a GET.response, None for one that is an error."""
    found: list[RawNode | None] = []
    for node in walk_raw(nodes):
        if node[0].name == "data" and isinstance(node[3], list) and node[3] and node[3][0][0].type:
            found.append(node[3][0])
        elif node[0].name == "data-access-result":
            found.append(None)
    return found


class Objects:
    """What a trace told so far of the objects of each meter."""

    def __init__(self) -> None:
        self._asked: dict[object, list[Target]] = {}
        self._scales: dict[tuple[object, bytes], tuple[int, int]] = {}

    def asked(self, link: object, nodes: list[RawNode]) -> None:
        """Takes a GET.request; one for the next block asks for what the first did."""
        targets = targets_of(nodes)
        if targets:
            self._asked[link] = targets

    def answered(self, link: object, values: list[RawNode | None]) -> tuple[Answer, ...]:
        """Takes the values of an answer; what each of them is."""
        targets = self._asked.get(link, [])
        if len(targets) != len(values):
            return ()
        made = []
        for target, value in zip(targets, values, strict=True):
            self._learn(link, target, value)
            attributes, _ = SCALED.get(target.class_id, ((), 0))
            scaler, unit = self._scales.get((link, target.instance_id), (None, None))
            known = target.attribute_id in attributes and scaler is not None
            made.append(Answer(target, scaler if known else None, unit if known else None))
        return tuple(made)

    def _learn(self, link: object, target: Target, value: RawNode | None) -> None:
        _, index = SCALED.get(target.class_id, ((), 0))
        if target.attribute_id != index or value is None or not isinstance(value[3], list):
            return
        scaler, unit = find_int(value[3], "integer"), find_int(value[3], "enum")
        if value[0].type == "structure" and scaler is not None and unit is not None and len(self._scales) < KEPT:
            self._scales[(link, target.instance_id)] = (scaler, unit)
