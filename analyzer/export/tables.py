"""Traces as two tables for pandas, DuckDB and spreadsheets: a row for each message, a row for each value.

A row is a tuple in the order of the columns. Times are those of the capture; `value_time` is the meter's own for values
that carry one (a row of a load profile, a push). What is not known is None.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import chain
from typing import Any

from analyzer import hiding
from analyzer.export.bundle import Bundle
from analyzer.frame import addresses
from analyzer.message import Message
from analyzer.objects import COMPOSED, NUMBERS, Answer, scalar, scaled, unit_symbol
from analyzer.profiles import Column, Profile, cell_text, unit_of
from analyzer.pushes import Pushed
from analyzer.report.summary import summary
from analyzer.report.values import as_json, telegram_values
from grammars import readings

# name: type of the column, as the tables of other programs call it
MESSAGES = {
    "trace": "text", "source": "text", "message": "integer", "time": "text", "seconds": "number", "direction": "text",
    "framing": "text", "frame": "text", "apdu": "text", "plain_apdu": "text", "verdict": "text",
    "invocation_counter": "integer", "system_title": "text", "octets": "integer", "summary": "text",
    "findings": "text", "bytes": "text", "plaintext": "text",
}  # fmt: skip
VALUES = {
    "trace": "text", "source": "text", "message": "integer", "time": "text", "seconds": "number", "meter": "text",
    "obis": "text", "class_id": "integer", "attribute_id": "integer", "name": "text", "value_time": "text",
    "value": "text", "number": "number", "unit": "text",
}  # fmt: skip
TABLES = {"messages": MESSAGES, "values": VALUES}
Row = tuple[Any, ...]


def rows_of(table: str, bundles: Iterable[Bundle]) -> Iterator[Row]:
    """The rows of a table by its name, with what is secret in their texts covered."""
    make = message_rows if table == "messages" else value_rows
    for bundle in bundles:
        for row in chain.from_iterable(map(make, bundle.parts())):
            yield tuple(readings.escaped(bundle.text(cell)) if isinstance(cell, str) else cell for cell in row)


def message_rows(bundle: Bundle) -> Iterator[Row]:
    """A row for each message."""
    codes: dict[int | None, list[str]] = {}
    for finding in bundle.findings:
        codes.setdefault(finding.message, []).append(finding.code)
    for message in bundle.messages:
        security = message.security
        plaintext = security.plaintext if security is not None else None
        title = security.system_title if security is not None else None
        yield (
            bundle.trace.name,
            bundle.trace.source,
            message.number,
            message.time,
            message.frames[0].seconds,
            message.direction,
            message.frames[0].framing,
            message.frame,
            message.apdu,
            message.plain_apdu,
            security.verdict if security is not None else None,
            security.invocation_counter if security is not None else None,
            title.hex().upper() if title is not None else None,
            len(message.wire),
            summary(message),
            " ".join(codes.get(message.number, ())),
            hiding.octets(message, message.wire),
            hiding.octets(message, plaintext) if plaintext is not None else None,
        )


def value_rows(bundle: Bundle) -> Iterator[Row]:
    """A row for each value that answers, pushes and telegrams carry; a row of a profile gives one for each column."""
    for message in bundle.messages:
        meter = meter_of(message)
        head = (bundle.trace.name, bundle.trace.source, message.number, message.time, message.frames[0].seconds, meter)
        for row in telegram_rows(message):
            yield (*head, *_shown(row))
        for one in message.objects:
            for row in object_rows(one):
                yield (*head, *_shown(row))


def _shown(row: Row) -> Row:
    """The columns of a value as they are, or its time, text and number covered."""
    if not hiding.are_hidden():
        return row
    obis, class_id, attribute_id, name, when, value, _, unit = row
    return obis, class_id, attribute_id, name, when and hiding.said(when), value and hiding.said(value), None, unit


def meter_of(message: Message) -> str:
    """Which meter: its system title, its name in a telegram, or its address on the link."""
    after = message.after
    if after.server_title:
        return after.server_title.hex().upper()
    if message.security is not None and message.security.system_title and message.direction == "meter":
        return message.security.system_title.hex().upper()
    name = message.frames[0].field("identification") if message.frames[0].framing == "p1" else None
    if name is not None and isinstance(name[3], bytes):
        return name[3].decode("ascii", "replace").strip()
    frame, sends = message.frames[0], message.direction == "meter"
    if frame.carries_hdlc:
        node = frame.field("source_address" if sends else "destination_address")
        return str(node[3]) if node is not None and node[3] is not None else ""
    pair = addresses(frame)
    return pair[0 if sends else 1] if pair is not None else ""


def telegram_rows(message: Message) -> Iterator[Row]:
    """The lines of a P1 telegram: (obis, class, attribute, name, value time, value, number, unit)."""
    plain = message.plain
    if message.frames[0].framing == "p1":
        nodes = message.frames[0].parsed.nodes
    elif plain is not None and plain.name == "p1-telegram":
        nodes = plain.nodes
    else:
        return
    for value in telegram_values(nodes):
        text = value["value"] or ""
        yield value["obis"], None, None, None, None, text, _number(text), value["unit"]


def object_rows(one: Answer | Pushed) -> Iterator[Row]:
    """The rows of one value, as `telegram_rows` has them; of a profile one for each cell."""
    if one.value is None:
        return
    if one.profile is not None:
        yield from _of_profile(one.profile)
        return
    kind = one.value[0].type
    value: str | None = None
    number: float | None = None
    if kind in COMPOSED:
        value = _composed(as_json(one.value, one.octets))
    else:
        raw = scalar(one.value, one.octets)
        known = isinstance(raw, int) and not isinstance(raw, bool) and kind in NUMBERS
        exact: Any = scaled(raw, one.scaler) if known and one.scaler is not None else raw
        value, number = _text(exact, kind), _number(exact)
    code = readings.obis(one.instance_id) if one.instance_id is not None else None
    unit = unit_symbol(one.unit) if one.unit is not None else None
    when = readings.date_time(one.time) if one.time is not None and len(one.time) == 12 else None
    yield code, one.class_id, one.attribute_id, one.name or None, when, value, number, unit or None


def _of_profile(profile: Profile) -> Iterator[Row]:
    """Every cell; the time of its row is that of the clock column."""
    heads = [_head(column, profile) for column in profile.columns]
    for row in profile.rows():
        heads += [_head(Column(), profile)] * (len(row) - len(heads))
        when = None
        for head, cell in zip(heads, row, strict=False):
            if head is None and cell.value is not None:
                when = cell_text(cell.value, cell.type)
        for place, (head, cell) in enumerate(zip(heads, row, strict=False)):
            if head is None:
                continue
            exact = profile.numbers(place, cell)
            composed = isinstance(exact, tuple)
            value = _composed(as_json(exact, profile.octets)) if composed else _text(exact, cell.type)
            number = None if composed else _number(exact)
            name, unit = head[3:]
            yield *head[:3], name, when, value, number, unit


def _head(column: Column, profile: Profile) -> tuple[str, int, int, str | None, str | None] | None:
    """What is the same in every cell of a column: OBIS code, class, attribute, name, unit; None for the clock."""
    if column.is_clock:
        return None
    class_id, instance, attribute = column.target or profile.target
    return readings.obis(instance), class_id, attribute, column.name or None, unit_of(column) or None


def _composed(value: Any) -> str:
    """An array or structure as JSON, which DuckDB and others take apart."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def _text(value: Any, kind: str) -> str | None:
    """A simple value for people; None for a value that is absent."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return format(value, "f")
    return None if value is None else cell_text(value, kind)


def _number(value: Any) -> float | None:
    """A value as a number, where it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return None
    try:
        return float(value) if not isinstance(value, str) or value[:1] in "-.0123456789" else None
    except (ValueError, OverflowError):
        return None
