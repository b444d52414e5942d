"""The report of a fleet: as text and Markdown for people, as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from analyzer.sweep.fleet import JUMP, Fleet, Step
from grammars.readings import escaped

SHOWN = 20  # lines of one list in text; the JSON has all
CODES = ("code", "severity", "model", "findings", "captures", "meters")


def as_json(fleet: Fleet) -> dict[str, Any]:
    """The report for programs: every list whole."""
    return {
        "captures": fleet.captures,
        "unreadable": [{"capture": capture, "reason": reason} for capture, reason in fleet.unreadable],
        "failing": fleet.failing,
        "traces": fleet.traces,
        "messages": fleet.messages,
        "values": fleet.values,
        "keys": fleet.keys,
        "models": [
            {"model": model, "meters": meters, "captures": captures} for model, meters, captures in fleet.models
        ],
        "findings": [dict(zip(CODES, row, strict=True)) for row in fleet.codes],
        "counters": {
            "back": [_step(step) for step in fleet.back],
            "jumps": [_step(step) for step in fleet.jumps],
        },
        "silent": [
            {"meter": meter, "model": model, "requests": requests, "capture": capture}
            for meter, model, requests, capture in fleet.silent
        ],
    }


def _step(step: Step) -> dict[str, Any]:
    return {**asdict(step), "captures": list(step.captures)}


def as_text(fleet: Fleet) -> str:
    """The report for a terminal, a screen or two long."""
    lines = list(_head(fleet))
    for title, heads, rows in _tables(fleet):
        lines += ["", f"{title}:", *_columns(heads, rows[:SHOWN])]
        if len(rows) > SHOWN:
            lines.append(f"  and {len(rows) - SHOWN} more, in report.json")
    return "\n".join(escaped(line) for line in lines) + "\n"


def as_markdown(fleet: Fleet) -> str:
    """The report for a ticket or a wiki."""
    lines = ["# Fleet report", "", *_head(fleet)]
    for title, heads, rows in _tables(fleet):
        lines += ["", f"## {title}", "", f"| {' | '.join(heads)} |", "|" + " --- |" * len(heads)]
        lines += [f"| {' | '.join(_cell(cell) for cell in row)} |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    safe = escaped(text).replace("&", "&amp;").replace("<", "&lt;")
    return "".join("\\" + character if character in "\\`*_[]|" else character for character in safe)


def _head(fleet: Fleet) -> Iterator[str]:
    readable = fleet.captures - len(fleet.unreadable)
    yield (
        f"{_number(fleet.captures, 'capture')}: {readable - fleet.failing} ok, {fleet.failing} failing, "
        f"{len(fleet.unreadable)} unreadable."
    )
    meters = sum(row[1] for row in fleet.models)
    yield (
        f"{_number(fleet.messages, 'message')} of {_number(meters, 'meter')}, {_number(fleet.values, 'value')}; "
        f"ciphered APDUs: {fleet.keys['verified']} verified, {fleet.keys['unauthenticated']} unauthenticated, "
        f"{fleet.keys['failed']} failed, {fleet.keys['no_key']} without a key."
    )


def _number(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _tables(fleet: Fleet) -> Iterator[tuple[str, tuple[str, ...], Sequence[tuple[str, ...]]]]:
    """Title, heads and rows of each list that has something in it."""
    made: tuple[tuple[str, tuple[str, ...], list[tuple[str, ...]]], ...] = (
        ("Findings by code and meter model", CODES, [tuple(map(str, row)) for row in fleet.codes]),
        (
            "Invocation counters that go back or stand still between captures of a meter",
            ("meter", "model", "from", "before", "after", "captures", "in order of"),
            [_step_row(step) for step in fleet.back],
        ),
        (
            f"Invocation counters that jump by more than {JUMP} between captures of a meter",
            ("meter", "model", "from", "before", "after", "captures", "in order of"),
            [_step_row(step) for step in fleet.jumps],
        ),
        (
            "Requests, and nothing from the meter in the capture",
            ("meter", "model", "requests", "capture"),
            [tuple(map(str, row)) for row in fleet.silent],
        ),
        ("Captures that could not be read", ("capture", "reason"), list(fleet.unreadable)),
        ("Meter models", ("model", "meters", "captures"), [tuple(map(str, row)) for row in fleet.models]),
    )
    yield from (each for each in made if each[2])


def _step_row(step: Step) -> tuple[str, ...]:
    sender = f"{step.direction} {step.sender}".strip()
    return step.meter, step.model, sender, str(step.before), str(step.after), " -> ".join(step.captures), step.ordered


def _columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
