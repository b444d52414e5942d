"""The buffer of a Profile generic (class 7) as a table, and what a meter leaves out of it filled in.

Rows come one by one, since a buffer may be large. Whatever does not stand in the octets is marked as filled in, with the
rule that it follows from (IEC 62056-6-2, Profile generic; null-data and delta values rest on one source each):

- null-data stands for the value of the row before; for the clock, for the time before plus capture_period;
- a delta value is a difference to the value before in the same column, in the range of the type of that.

Names of columns come from capture_objects, or from the columns that the request selects.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from analyzer.objects import (
    COMPOSED,
    NUMBERS,
    Asked,
    Target,
    definitions,
    elements,
    object_name,
    scalar,
    scaled,
    unit_symbol,
)
from grammars import readings
from grammars.kit.spec import RawNode

BUFFER = 2  # attributes of class 7
CAPTURE_OBJECTS = 3
CAPTURE_PERIOD = 4
PROFILE_GENERIC = 7
CLOCK = (8, 2)  # class and attribute of the time
BY_RANGE, BY_ENTRY = 1, 2  # selectors
WIDTHS = {
    "integer": (8, True), "long": (16, True), "double-long": (32, True), "long64": (64, True),
    "unsigned": (8, False), "long-unsigned": (16, False), "double-long-unsigned": (32, False),
    "long64-unsigned": (64, False),
}  # fmt: skip
AS_BEFORE = "null-data: as in the row before"


class Cell(NamedTuple):
    """One value of a row: what it is, of which COSEM type, and how it was filled in, empty where it stands there.

    A value that is a structure or an array is its raw node."""

    value: Any
    type: str
    filled: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds; `target` is None where the trace does not tell. `source` tells where scaler and unit are from."""

    target: Target | None = None
    data_index: int = 0
    scaler: int | None = None
    unit: int | None = None
    version: int | None = None
    source: str = ""

    @property
    def is_clock(self) -> bool:
        """Whether the column holds the time of a clock."""
        return self.target is not None and (self.target.class_id, self.target.attribute_id) == CLOCK

    @property
    def name(self) -> str:
        """The object in words, with the attribute where it is not simply its value; empty if it is not known."""
        return object_name(self.target, self.version, self.data_index) if self.target is not None else ""

    @property
    def heading(self) -> str:
        """The object as A-B:C.D.E*F, with the attribute where it is not 2."""
        if self.target is None:
            return ""
        index = "" if self.target.attribute_id == 2 else f" attribute {self.target.attribute_id}"
        return readings.obis(self.target.instance_id) + index


@dataclass(frozen=True, slots=True)
class Profile:
    """A buffer as a table. `period` is capture_period in seconds, None where the trace does not tell it; `octets` is
    what the raw nodes lie in; `notes` say what is not sure about the columns."""

    target: Target
    columns: tuple[Column, ...]
    period: int | None = None
    node: RawNode | None = field(default=None, repr=False)
    octets: bytes = field(default=b"", repr=False)
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """How many rows there are."""
        return len(elements(self.node)) if self.node is not None else 0

    def rows(self) -> Iterator[tuple[Cell, ...]]:
        """The rows in the order of the buffer, with what was left out filled in."""
        before: list[Cell | None] = [None] * len(self.columns)
        for node in elements(self.node) if self.node is not None else ():
            cells = elements(node) if node[0].type in ("structure", "array") else [node]
            before += [None] * (len(cells) - len(before))
            row = tuple(self._cell(cell, n, before[n]) for n, cell in enumerate(cells))
            yield row
            before[: len(row)] = row

    def _cell(self, node: RawNode, number: int, before: Cell | None) -> Cell:
        kind = node[0].type
        if kind in COMPOSED:
            return Cell(node, kind)
        column = self.columns[number] if number < len(self.columns) else Column()
        value = scalar(node, self.octets)
        if kind == "null-data":
            return self._left_out(column, before)
        if kind.startswith("delta-"):
            return _moved(value, kind, before)
        return Cell(value, kind)

    def _left_out(self, column: Column, before: Cell | None) -> Cell:
        if before is None:
            return Cell(None, "null-data")
        looks = column.target is None and isinstance(before.value, bytes) and readings.is_date_time(before.value)
        if not column.is_clock and not looks:
            known = before.value is not None
            return Cell(before.value, before.type, AS_BEFORE) if known else Cell(None, "null-data")
        if not self.period:
            return Cell(None, "null-data")
        later = later_time(before.value, self.period) if isinstance(before.value, bytes) else None
        if later is None:
            return Cell(None, "null-data")
        guess = ", if this column is the clock" if looks else ""
        return Cell(later, before.type, f"null-data: the time before + capture_period of {self.period} s{guess}")

    def numbers(self, column: int, cell: Cell) -> Any:
        """The value of a cell in the unit of its column: a Decimal for a number, else the value as it is."""
        known = self.columns[column].scaler if column < len(self.columns) else None
        if known is not None and cell.type in NUMBERS and isinstance(cell.value, int):
            return scaled(cell.value, known)
        return cell.value


def _moved(delta: int, kind: str, before: Cell | None) -> Cell:
    """A difference added to the value before, in the range of its type."""
    width = WIDTHS.get(before.type) if before is not None else None
    if before is None or width is None or not isinstance(before.value, int):
        return Cell(None, kind)
    bits, signed = width
    value = (before.value + delta) % (1 << bits)
    if signed and value >= 1 << (bits - 1):
        value -= 1 << bits
    return Cell(value, before.type, f"{kind} {delta:+d} to the row before")


def later_time(octets: bytes, seconds: int) -> bytes | None:
    """A date-time some seconds later, deviation and status as they were; None where it is not specified in full."""
    if len(octets) != 12:
        return None
    year, weekday = int.from_bytes(octets[:2], "big"), octets[4]
    try:
        moment = datetime.datetime(year, octets[2], octets[3], octets[5], octets[6], octets[7])
        moment += datetime.timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None
    day_of_week = 0xFF if weekday == 0xFF else moment.isoweekday()
    date = moment.year.to_bytes(2, "big") + bytes((moment.month, moment.day, day_of_week))
    return date + bytes((moment.hour, moment.minute, moment.second)) + octets[8:]


def columns_of(
    asked: Asked, captured: Sequence[tuple[Target, int]] | None, width: int | None
) -> tuple[list[tuple[Target | None, int]], list[str]]:
    """The columns of a buffer by what was captured and what the request selects of it, and what is to be said of that.

    `width` is the number of values of its first row: names that do not fit it are left out."""
    notes: list[str] = []
    known: list[tuple[Target | None, int]] = list(captured or [])
    parts = elements(asked.parameters) if asked.parameters is not None else []
    if asked.selector == BY_RANGE and len(parts) >= 4:
        chosen = list(definitions(parts[3]) or ())
        if chosen:
            kept = [column for column in known if column in chosen]
            if known and kept != chosen:
                notes.append(
                    "columns are named in the order of the request; the meter may keep that of capture_objects"
                )
            elif not known:
                notes.append("columns are named by the request, since the trace does not hold capture_objects")
            known = list(chosen)
    elif asked.selector == BY_ENTRY and len(parts) >= 4 and all(isinstance(part[3], int) for part in parts[:4]):
        first, last = max(parts[2][3], 1), parts[3][3]
        known = known[first - 1 : last or None]
    if width is not None and known and len(known) != width:
        notes = [f"the first row has {width} values, {len(known)} columns are known: columns are not named"]
        known = []
    if not known:
        known = [(None, 0)] * (width or 0)
    return known, notes


def cell_text(value: Any, kind: str, target: Target | None = None) -> str:
    """A value of a cell for people: dates and times as such, numbers without exponent, octets in hexadecimal, texts with
    escapes for what a terminal would obey. `target` is the attribute that it belongs to: in some, octets are always a
    time."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return f"{value[0].name} of {len(elements(value))}"
    if isinstance(value, bytes):
        if target is not None and (said := readings.in_attribute(target.class_id, target.attribute_id, value)):
            return said
        if kind == "date-time" or (kind == "octet-string" and readings.is_date_time(value)):
            return readings.date_time(value)
        if kind == "octet-string" and len(value) == 6 and value[5] == 0xFF:
            return readings.obis(value)
        reader = {"date": readings.date, "time": readings.time}.get(kind)
        return reader(value) if reader is not None else readings.printable(value) or value.hex(" ").upper() or "empty"
    return format(value, "f") if isinstance(value, Decimal) else readings.escaped(str(value))


def unit_of(column: Column) -> str:
    """The symbol of the unit of a column."""
    return unit_symbol(column.unit) if column.scaler is not None else ""
