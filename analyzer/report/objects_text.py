"""What the values of a message are, under its tree: one line a value, a profile as a table of aligned columns.

A `*` marks what was filled in and does not stand in the octets; below the table stands what it follows from.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from analyzer import hiding
from analyzer.message import Message
from analyzer.objects import (
    COMPOSED,
    NUMBERS,
    Answer,
    Target,
    elements,
    plain_number,
    scalar,
    scaled,
    scaler_unit,
    unit_symbol,
)
from analyzer.profiles import Cell, Profile, cell_text, unit_of
from analyzer.pushes import Pushed
from analyzer.report.colors import Palette
from grammars import readings
from grammars.meanings import class_of, status_text

INDENT = " " * 4
CODE = 18  # columns of an OBIS code
NAME = 46
LONGEST = 60  # characters of a value
MEASURED = 500  # rows that the widths of the columns come from
FILLED = "*"
FEW = 3


def lines(message: Message, colors: Palette) -> Iterator[str]:
    """Lines for the values of a message that could be told what they are, and for those of a push."""
    told = [(one, one.value) for one in message.objects if one.value is not None]
    if not told:
        return
    yield f"{INDENT}{colors.strong('values')}"
    sources: dict[str, list[str]] = {}
    for one, value in told:
        code = readings.obis(one.instance_id) if one.instance_id else ""
        yield f"{INDENT}{code:<{CODE}}{one.name or '(not named)':<{NAME}}  {value_text(one)}".rstrip()
        if one.profile is not None:
            yield from _table(one.profile, colors)
        elif one.source and (one.scaler is None or value[0].type in NUMBERS):
            sources.setdefault(one.source, []).append(code)
    for source, codes in sources.items():
        whose = ", ".join(codes) if len(codes) <= FEW else f"{len(codes)} values"
        yield colors.dim(f"{INDENT}{whose}: {source}")


def value_text(one: Answer | Pushed) -> str:
    """A value in its unit, with what a status word means."""
    value = one.value
    if value is None:
        return "-"
    if one.profile is not None:
        return f"{len(one.profile)} rows of {len(one.profile.columns)} columns"
    kind = value[0].type
    if (pair := scaler_unit(value)) is not None:
        return f"x 10^{pair[0]} {unit_symbol(pair[1])}".rstrip()
    if kind in COMPOSED:
        return f"{kind} of {len(elements(value))}"
    plain = scalar(value, one.octets)
    if one.scaler is not None and kind in NUMBERS and isinstance(plain, int):
        return f"{hiding.said(plain_number(scaled(plain, one.scaler)))} {unit_symbol(one.unit)}".strip()
    text = cell_text(plain, kind, target_of(one))
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    return f"{hiding.said(text)}  {status_of(one, plain)}".rstrip()


def target_of(one: Answer | Pushed) -> Target | None:
    """The attribute that a value belongs to, where its class is known or its OBIS code leaves only one."""
    if one.class_id is None and one.instance_id is not None and (only := class_of(bytes(one.instance_id))) is not None:
        return Target(only, one.instance_id, one.attribute_id or 2)
    if one.class_id is None or one.instance_id is None or one.attribute_id is None:
        return None
    return Target(one.class_id, one.instance_id, one.attribute_id)


def status_of(one: Answer | Pushed, value: object) -> str:
    """The bits of a value that is a status word."""
    if hiding.are_hidden() or not isinstance(value, int) or one.attribute_id not in (None, 2):
        return ""
    return status_text(one.instance_id, value)


def _table(profile: Profile, colors: Palette) -> Iterator[str]:
    rows = profile.rows()
    first = list(itertools.islice(rows, MEASURED))
    if not first:
        return
    number = max(max(len(row) for row in first), len(profile.columns))
    heads = [_heads(profile, n) for n in range(number)]
    right = [_is_number(profile, first, n) for n in range(number)]
    starred = [any(n < len(row) and row[n].filled for row in first) for n in range(number)]
    kinds = list(zip(right, starred, strict=True))
    shown = [_texts(profile, row, kinds) for row in first]
    widths = [
        max([len(line) for line in heads[n]] + [len(row[n]) for row in shown if n < len(row)]) for n in range(number)
    ]
    for level in range(3):
        if any(head[level] for head in heads):
            yield colors.dim(_row([head[level] for head in heads], widths, right))
    why: dict[str, None] = {}
    for row in itertools.chain(first, rows):
        why.update((general(cell.filled), None) for cell in row if cell.filled)
        yield _row(_texts(profile, row, kinds), widths, right)
    for reason in sorted(why):
        yield colors.dim(f"{INDENT}{FILLED} filled in, {reason}")
    for note in (*profile.notes, *sorted({f"{unit_of(c)}: {c.source}" for c in profile.columns if c.source})):
        yield colors.dim(f"{INDENT}  {note}")


def general(reason: str) -> str:
    """A reason without the number of one row."""
    if reason.startswith("delta-"):
        return "delta values: the difference added to the row before"
    return reason


def _heads(profile: Profile, number: int) -> tuple[str, str, str]:
    if number >= len(profile.columns):
        return f"column {number + 1}", "", ""
    column = profile.columns[number]
    return column.name or f"column {number + 1}", column.heading, unit_of(column)


def _texts(profile: Profile, row: Sequence[Cell], kinds: Sequence[tuple[bool, bool]]) -> list[str]:
    """The texts of a row. Numbers of a column with marks leave room for one, so that they stay in line."""
    made = []
    for n, cell in enumerate(row):
        target = profile.columns[n].target if n < len(profile.columns) else None
        text = hiding.said(cell_text(profile.numbers(n, cell), cell.type, target))
        said = _status(target, cell.value)
        right, starred = kinds[n] if n < len(kinds) else (False, False)
        mark = f" {FILLED}" if cell.filled else "  " if right and starred else ""
        made.append(f"{text}{' ' + said if said else ''}{mark}")
    return made


def _status(target: Target | None, value: object) -> str:
    """The bits of a status word, where a number is the value of its object and no other attribute."""
    if hiding.are_hidden() or target is None or target.attribute_id != 2 or not isinstance(value, int):
        return ""
    return status_text(target.instance_id, value)


def _is_number(profile: Profile, rows: Sequence[Sequence[Cell]], number: int) -> bool:
    """Whether a column holds numbers and nothing else; the bits of a status word are words beside a number."""
    target = profile.columns[number].target if number < len(profile.columns) else None
    values = [row[number].value for row in rows if number < len(row) and row[number].value is not None]
    if any(_status(target, value) for value in values):
        return False
    return bool(values) and all(isinstance(value, int | float) for value in values)


def _row(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    """One row; what goes beyond the columns that were measured follows as it is."""
    cells = []
    for n, text in enumerate(texts):
        width, is_number = (widths[n], right[n]) if n < len(widths) else (0, False)
        cells.append(f"{text:>{width}}" if is_number else f"{text:<{width}}")
    return f"{INDENT}  {'  '.join(cells)}".rstrip()
