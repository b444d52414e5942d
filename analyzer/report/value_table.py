"""What was read, written and pushed, as rows for people: code, name, value, unit, time; profiles and series as tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzer.export.tables import object_rows, telegram_rows
from analyzer.message import Message
from analyzer.objects import Answer, Target, object_name
from analyzer.profiles import Column, Profile, cell_text, unit_of
from analyzer.pushes import Pushed
from analyzer.report.objects_text import value_text

How = Literal["read", "written", "pushed"]
FILLED = "*"
REGISTER = 3  # class_id
DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Reading:
    """One value: of which message, how it came, of which object, its text, its number where it is one, its unit, and the
    time that it is of: that of the value, else that of the message. `profile` where the value is a whole buffer."""

    message: int
    how: How
    obis: str
    name: str
    value: str
    number: float | None
    unit: str
    time: str
    profile: Profile | None = field(default=None, repr=False)

    @property
    def key(self) -> tuple[list[int], str, int]:
        """What orders readings by object, those without a code last."""
        digits = [int(part) for part in DIGITS.findall(self.obis)]
        return digits or [999], self.name, self.message


@dataclass(frozen=True, slots=True)
class ValueTable:
    """A table of texts with the numbers behind them. `heads` are name and unit of each column, `time` the column that
    holds the time, None where none does."""

    title: str
    heads: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[tuple[float | None, ...], ...] = field(repr=False)
    time: int | None = None
    notes: tuple[str, ...] = ()

    def plottable(self) -> list[int]:
        """The columns that hold numbers, but for the time."""
        return [
            n
            for n in range(len(self.heads))
            if n != self.time and any(n < len(row) and row[n] is not None for row in self.numbers)
        ]

    def csv(self) -> Iterator[str]:
        """The lines of a CSV file after RFC 4180."""
        yield _line([f"{name} [{unit}]" if unit else name for name, unit in self.heads])
        for row in self.rows:
            yield _line([text.removesuffix(f" {FILLED}") for text in row])


def readings_of(messages: Sequence[Message]) -> Iterator[Reading]:
    """Every value of some messages, a profile as one."""
    for message in messages:
        when = message.time or ""
        for obis, _, _, name, value_time, value, number, unit in telegram_rows(message):
            called = name or _named(obis or "")
            yield Reading(message.number, "pushed", obis or "", called, value or "-", number, unit or "",
                          value_time or when)  # fmt: skip
        answers = {id(one) for one in message.answers}
        for one in message.objects:
            how: How = "read" if id(one) in answers else "pushed" if isinstance(one, Pushed) else "written"
            yield from _object(message, one, how, when)


def _named(code: str) -> str:
    """What the code of a telegram names, A-B:C.D.E with or without F."""
    digits = [int(part) for part in DIGITS.findall(code)]
    if len(digits) not in (5, 6) or max(digits) > 255:
        return ""
    return object_name(Target(REGISTER, bytes((*digits, 255)[:6]), 2))


def _object(message: Message, one: Answer | Pushed, how: How, when: str) -> Iterator[Reading]:
    if one.value is None:
        return
    if one.profile is not None:
        target = one.profile.target
        code = Column(target).heading.partition(" attribute")[0]
        said = value_text(one)
        yield Reading(message.number, how, code, one.name, said, None, "", when, one.profile)
        return
    for obis, _, _, name, value_time, value, number, unit in object_rows(one):
        text = value if value is not None else "-"
        shown = value_text(one)
        if number is None and shown and shown != "-":
            text = shown
        yield Reading(message.number, how, obis or "", name or "", text, number, unit or "", value_time or when)


def table_of(reading: Reading) -> ValueTable:
    """The rows of a profile, as cells in the unit of their column; what does not stand in the octets has a mark."""
    profile = reading.profile
    assert profile is not None
    rows, numbers, width = [], [], len(profile.columns)
    for row in profile.rows():
        texts, values = [], []
        for n, cell in enumerate(row):
            exact = profile.numbers(n, cell)
            target = profile.columns[n].target if n < len(profile.columns) else None
            mark = f" {FILLED}" if cell.filled else ""
            texts.append(cell_text(exact, cell.type, target) + mark)
            is_number = not isinstance(exact, bool | str | bytes | tuple) and exact is not None
            values.append(_float(exact) if is_number else None)
        width = max(width, len(row))
        rows.append(tuple(texts))
        numbers.append(tuple(values))
    heads = tuple(_head(profile, n) for n in range(width))
    time = next((n for n, column in enumerate(profile.columns) if column.is_clock), None)
    marked = any(text.endswith(f" {FILLED}") for row in rows for text in row)
    notes = (*((f"{FILLED} filled in, does not stand in the octets",) if marked else ()), *profile.notes)
    return ValueTable(f"{reading.name or reading.obis}", heads, tuple(rows), tuple(numbers), time, notes)


def series_of(readings: Sequence[Reading], like: Reading) -> ValueTable:
    """Every reading of one object in the order of the trace."""
    same = sorted((r for r in readings if (r.obis, r.name) == (like.obis, like.name)), key=lambda r: r.message)
    rows = tuple((str(r.message), r.time, r.value) for r in same)
    numbers = tuple((float(r.message), None, r.number) for r in same)
    heads = (("message", ""), ("time", ""), (like.name or like.obis, like.unit))
    return ValueTable(f"{like.obis} {like.name}".strip(), heads, rows, numbers, 1 if any(r.time for r in same) else 0)


def _float(value: object) -> float | None:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return None


def _head(profile: Profile, number: int) -> tuple[str, str]:
    if number >= len(profile.columns):
        return f"column {number + 1}", ""
    column = profile.columns[number]
    return column.name or column.heading or f"column {number + 1}", unit_of(column)


def _line(cells: Sequence[str]) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(cells)
    return buffer.getvalue()
