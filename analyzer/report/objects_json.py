"""What the values of a message are, and profile buffers as tables, as JSON (schemas/decode.schema.json)."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

from analyzer import hiding
from analyzer.message import Message
from analyzer.objects import NUMBERS, Answer, Target, scalar, scaled, unit_symbol
from analyzer.profiles import Cell, Column, Profile, unit_of
from analyzer.pushes import Pushed
from analyzer.report.objects_text import general, status_of, target_of
from analyzer.report.values import as_json
from grammars import readings
from grammars.kit.spec import RawNode

VALUES = ("value", "text", "scaled", "status", "time")  # members of an object that tell its value


def objects_of(message: Message) -> list[dict[str, Any]]:
    """Every value that could be told what it is, and every value of a push."""
    return [_object(one) for one in message.objects]


def profiles_of(message: Message) -> list[dict[str, Any]]:
    """The profile buffers that a message carries, as tables."""
    return [_profile(one.profile) for one in message.objects if one.profile is not None]


def _object(one: Answer | Pushed) -> dict[str, Any]:
    node = one.value
    value = scalar(node, one.octets) if node is not None and not _is_composed(node) else None
    number = one.scaler is not None and node is not None and node[0].type in NUMBERS and isinstance(value, int)
    return {
        "obis": readings.obis(one.instance_id) if one.instance_id else None,
        "class_id": one.class_id,
        "attribute_id": one.attribute_id,
        "name": one.name or None,
        "value": as_json(node, one.octets) if node is not None and one.profile is None else None,
        "text": _text(value, node[0].type, target_of(one)) if node is not None else None,
        "scaler": one.scaler,
        "unit": (unit_symbol(one.unit) or None) if one.scaler is not None else None,
        "scaled": _number(scaled(value, one.scaler)) if number and isinstance(value, int) else None,
        "status": status_of(one, value) or None,
        "time": readings.date_time(one.time) if one.time else None,
        "filled": (one.source or None) if number or one.scaler is None else None,
        "span": [one.buffer, node[1], node[2]] if node is not None else None,
    }


def _is_composed(node: RawNode) -> bool:
    return node[0].type in ("array", "structure", "compact-array")


def _text(value: Any, kind: str, target: Target | None) -> str | None:
    """The reading of octets that are a date, a time or text."""
    if not isinstance(value, bytes):
        return None
    return _time(value, kind, target) or readings.printable(value) or None


def _time(value: bytes, kind: str, target: Target | None) -> str:
    """Octets that are a date-time, a date or a time, by their type, their attribute or themselves; empty for others."""
    if target is not None and (said := readings.in_attribute(target.class_id, target.attribute_id, value)):
        return said
    if kind == "octet-string" and readings.is_date_time(value):
        return readings.date_time(value)
    reader = {"date-time": readings.date_time, "date": readings.date, "time": readings.time}.get(kind)
    return reader(value) if reader is not None else ""


def _profile(profile: Profile) -> dict[str, Any]:
    rows, filled = [], []
    for index, row in enumerate(profile.rows()):
        rows.append([_cell(profile, n, cell) for n, cell in enumerate(row)])
        filled += [{"row": index, "column": n, "why": cell.filled} for n, cell in enumerate(row) if cell.filled]
    return {
        "obis": readings.obis(profile.target.instance_id),
        "capture_period": profile.period,
        "columns": [_column(column) for column in profile.columns],
        "rows": rows,
        "filled": filled,
        "notes": list(profile.notes),
    }


def _column(column: Column) -> dict[str, Any]:
    target = column.target
    return {
        "obis": readings.obis(target.instance_id) if target else None,
        "class_id": target.class_id if target else None,
        "attribute_id": target.attribute_id if target else None,
        "data_index": column.data_index if target else None,
        "name": column.name or None,
        "scaler": column.scaler,
        "unit": unit_of(column) or None,
        "source": column.source or None,
    }


def _cell(profile: Profile, number: int, cell: Cell) -> Any:
    value = profile.numbers(number, cell)
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, tuple):
        return as_json(value, profile.octets)
    if isinstance(value, bytes):
        target = profile.columns[number].target if number < len(profile.columns) else None
        return _time(value, cell.type, target) or value.hex().upper()
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _number(value: Decimal) -> int | float:
    """A number of JSON: whole ones exactly, others as near as a float comes."""
    return int(value) if value == value.to_integral_value() else float(value)


def _covered(made: dict[str, Any]) -> dict[str, Any]:
    return {key: hiding.covered_json(item) if key in VALUES else item for key, item in made.items()}


def _covered_table(made: dict[str, Any]) -> dict[str, Any]:
    filled = [{**one, "why": general(one["why"])} for one in made["filled"]]
    return {**made, "rows": hiding.covered_json(made["rows"]), "filled": filled}


def add_to(made: dict[str, Any], message: Message) -> None:
    """Adds objects and tables to a message in JSON. `profile` is the first table, `profiles` all where there are more."""
    objects, profiles = objects_of(message), profiles_of(message)
    if hiding.are_hidden():
        objects, profiles = [_covered(one) for one in objects], [_covered_table(one) for one in profiles]
    if objects:
        made["objects"] = objects
    if profiles:
        made["profile"] = profiles[0]
    if len(profiles) > 1:
        made["profiles"] = profiles
