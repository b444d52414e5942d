"""The COSEM data that a message carries, as plain JSON: numbers, booleans, null, lists, text, hexadecimal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from analyzer.message import Message
from analyzer.objects import described
from grammars.kit.primitives import Bits
from grammars.kit.spec import RawNode, find_octets, find_raw, walk_raw

TEXTS = frozenset({"visible-string", "utf8-string"})
CARRIERS = frozenset({
    "get-response", "set-request", "action-request", "action-response", "read-response", "write-request",
    "unconfirmed-write-request", "data-notification", "event-notification-request", "information-report-request",
    "access-request", "access-response",
})  # fmt: skip


def values_of(message: Message) -> list[Any]:
    """The values in the innermost APDU of a message, in their order; selective access is no value.

    The last block of a transfer has the value that all its blocks carry."""
    plain = message.plain
    if message.frames[0].framing == "p1":
        return list(telegram_values(message.frames[0].parsed.nodes))
    if plain is not None and plain.name == "p1-telegram":
        return list(telegram_values(plain.nodes))
    if plain is None or plain.name not in CARRIERS:
        return []
    made = list(_values(plain.nodes, message.octets(plain.buffer)))
    joined = message.joined
    return made + (list(_values(joined.nodes, message.octets(joined.buffer))) if joined is not None else [])


def telegram_values(nodes: list[RawNode]) -> Iterator[dict[str, str | None]]:
    """The values of a P1 telegram: OBIS code, the text of the value, its unit or null."""
    for node in walk_raw(nodes):
        if node[0].name != "line" or not isinstance(node[3], list):
            continue
        obis = find_octets(node[3], "obis") or b""
        for value in walk_raw(node[3]):
            if value[0].name == "value_of_line" and isinstance(value[3], list):
                text, unit = find_octets(value[3], "value"), find_octets(value[3], "unit")
                yield {
                    "obis": obis.decode("ascii", "replace").strip(),
                    "value": (text or b"").decode("ascii", "replace"),
                    "unit": unit.decode("ascii", "replace") if unit is not None else None,
                }


def _values(nodes: list[RawNode], data: bytes) -> Iterator[Any]:
    for node in nodes:
        spec, _, _, value = node
        if spec.type:
            yield as_json(node, data)
        elif isinstance(value, list) and spec.name not in ("access_selection", "access_parameters"):
            yield from _values(value, data)


def as_json(node: RawNode, data: bytes) -> Any:
    """One value out of the buffer `data`. An attribute descriptor without tags is class, OBIS code and attribute. A date
    or time is the hexadecimal of its octets, a float that JSON does not know its name as text."""
    spec, _, end, value = node
    if spec.type == "compact-array":
        contents = find_raw(value, "array_contents") if isinstance(value, list) else None
        return [as_json(item, data) for item in contents[3] if item[0].type] if contents else []
    if (untagged := described(node)) is not None:
        (number, instance, index), item = untagged
        return [[number, instance.hex().upper(), index], as_json(item, data)]
    if spec.type in ("array", "structure"):
        return [as_json(item, data) for item in value if item[0].type] if isinstance(value, list) else []
    if isinstance(value, list):
        return bytes(data[value[0][1] : end]).hex().upper() if value else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace") if spec.type in TEXTS else value.hex().upper()
    if isinstance(value, Bits):
        return value.data.hex().upper()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
