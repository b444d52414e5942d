"""Exports of UART decoders as CSV: Saleae Logic 1 and 2.

    Time [s],Value,Parity Error,Framing Error              Logic 1, and "export to TXT/CSV" of one analyser in Logic 2
    Time [s], Analyzer Name, Decoded Protocol Result       Logic 1, all analysers
    name,type,start_time,duration,data,error               the data table of Logic 2

A value stands there in the base that was chosen on the screen: 0x7E, 126, '126', 0b01111110, ~, '\\r', "~ (0x7E)".
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analyzer.model import Direction, Place, Record, SourceIssue, Trace
from analyzer.sources.directions import direction_in
from analyzer.sources.serial.joining import Octet, records_of
from analyzer.sources.timestamps import match_stamp

_IN_PARENTHESES = re.compile(r"\(0x([0-9A-Fa-f]{2})\)\s*$")
_HEX = re.compile(r"'?(?:0x|\\x)([0-9A-Fa-f]{1,2})'?")
_BITS = re.compile(r"0b([01]{1,8})(?:\s.*)?")
_QUOTED_NUMBER = re.compile(r"'(\d{1,3})'")
_NUMBER = re.compile(r"\d{1,3}")
_NAMED = {
    "\\r": 0x0D, "\\n": 0x0A, "\\t": 0x09, "\\\\": 0x5C, "\\0": 0, "COMMA": 0x2C, "' '": 0x20, "": 0x20, "SPACE": 0x20,
    "CR": 0x0D, "LF": 0x0A, "TAB": 0x09,
}  # fmt: skip
ISSUES = 100
LONGEST_CELL = 131_072


@dataclass(frozen=True, slots=True)
class _Columns:
    time: int
    value: int
    name: int | None
    kind: int | None
    errors: tuple[int, ...]


def wrote(lines: Sequence[str]) -> bool:
    """Whether the first lines of a text begin with the heading of an export."""
    return _heading(lines)[1] is not None


def _heading(lines: Sequence[str]) -> tuple[int, _Columns | None]:
    """The index of the first line that is not empty, and the columns that it names."""
    start = next((number for number, line in enumerate(lines[:5]) if line.lstrip("\ufeff").strip()), 0)
    return start, _columns(lines[start].lstrip("\ufeff")) if lines else None


def read(text: str, source: str) -> list[Trace] | None:
    """The one trace of an export; None for another text."""
    lines = text.lstrip("\ufeff").splitlines()
    start, columns = _heading(lines)
    if columns is None:
        return None
    rows = list(_rows(lines, start + 1))
    issues: list[SourceIssue] = []
    octets = _octets(rows, columns, issues)
    if not octets:
        return None
    records: list[Record] = records_of(octets)
    return [Trace(_stem(source), source, records, issues)]


def _columns(heading: str) -> _Columns | None:
    names = [name.strip().strip('"').lower() for name in heading.split(",")]
    place = {name: number for number, name in enumerate(names)}
    time = next((place[name] for name in ("time [s]", "time", "start_time", "start") if name in place), None)
    value = next((place[name] for name in ("value", "decoded protocol result", "data") if name in place), None)
    if time is None or value is None:
        return None
    errors = tuple(number for number, name in enumerate(names) if "error" in name)
    known = errors or "analyzer name" in place or "type" in place
    name = place.get("analyzer name", place.get("name"))
    return _Columns(time, value, name, place.get("type"), errors) if known else None


def _rows(lines: Sequence[str], start: int) -> Iterator[tuple[int, list[str]]]:
    """The number of each line and its cells; a quote or a comma as a value does not upset the others."""
    for number, line in enumerate(lines[start:], start + 1):
        if not line.strip():
            continue
        cells = (
            next(csv.reader([line]), []) if len(line) < LONGEST_CELL and line.count('"') % 2 == 0 else line.split(",")
        )
        yield number, cells


def _octets(rows: list[tuple[int, list[str]]], columns: _Columns, issues: list[SourceIssue]) -> list[Octet]:
    cells = [row[columns.value].strip() for _, row in rows if len(row) > columns.value]
    as_numbers = all(_NUMBER.fullmatch(cell) for cell in cells)  # else a lone digit is a character
    made: list[Octet] = []
    refused = 0
    for line, row in rows:
        if len(row) <= max(columns.time, columns.value):
            refused += 1
            continue
        kind = row[columns.kind].strip() if columns.kind is not None else "data"
        if kind != "data":
            continue  # start, stop, break: no octets
        value, at = _value(row[columns.value], as_numbers), _seconds(row[columns.time])
        if value is None or at is None:
            refused += 1
            _note(issues, line, f"found {row[columns.value][:24]!r} where an octet was expected: left out", len(made))
            continue
        for column in columns.errors:
            if column < len(row) and row[column].strip():
                said = f"the analyser marks octet {value:02X}: {row[column].strip()[:40]} error".replace(
                    "Error error", "error"
                )
                _note(issues, line, said, len(made))
        name = row[columns.name].strip() if columns.name is not None else ""
        made.append(Octet(value, _direction(name), at, line, row[columns.time].strip(), name))
    made.sort(key=lambda octet: octet.at or 0.0)
    return made


def _note(issues: list[SourceIssue], line: int, text: str, octet: int) -> None:
    if len(issues) < ISSUES:
        issues.append(SourceIssue("warning", text, Place(line, 1)))
    elif len(issues) == ISSUES:
        issues.append(SourceIssue("warning", "more places of this kind are not listed", Place(line, 1)))


def _value(cell: str, as_numbers: bool) -> int | None:
    """The octet that a cell shows."""
    text = cell.strip()
    found = _IN_PARENTHESES.search(text) or _HEX.fullmatch(text)
    if found is not None:
        return int(found[1], 16)
    found = _BITS.fullmatch(text)
    if found is not None:
        return int(found[1], 2)
    found = _QUOTED_NUMBER.fullmatch(text)
    if found is not None and (len(found[1]) > 1 or as_numbers):
        return _byte(found[1])
    if _NUMBER.fullmatch(text) and (as_numbers or len(text) > 1):
        return _byte(text)
    if text.strip("'") in _NAMED or text in _NAMED:
        return _NAMED[text] if text in _NAMED else _NAMED[text.strip("'")]
    bare = text[1:-1] if len(text) == 3 and text[0] == text[-1] == "'" else text
    return ord(bare) if len(bare) == 1 and ord(bare) < 256 else None


def _byte(text: str) -> int | None:
    return int(text) if int(text) < 256 else None


def _seconds(cell: str) -> float | None:
    """Seconds since the start, or a date and time as Logic 2 writes it on request."""
    try:
        return float(cell)
    except ValueError:
        stamp = match_stamp(cell.strip(), 0)
        return stamp[0].seconds if stamp is not None else None


def _direction(name: str) -> Direction:
    evidence = direction_in(name)
    return evidence.sender if evidence is not None else "unknown"


def _stem(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or source
