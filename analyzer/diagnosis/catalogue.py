"""The fault catalogue: every code that a finding can carry, with what a person needs to understand it.

The facts are data, in catalogue.toml beside this file. Rules look their code up here and add the evidence.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from functools import cache
from importlib.resources import files
from typing import Any, get_args

from analyzer.model import Severity, Side

# In the order of the diagnosis: from the wire to the meaning.
LAYERS = (
    "serial", "HDLC", "addressing", "LLC", "wrapper", "transport", "IEC-21", "M-Bus",
    "ACSE", "HLS", "security", "xDLMS", "GBT", "A-XDR", "COSEM", "push",
)  # fmt: skip


class CatalogueError(ValueError):
    """The catalogue itself is malformed. The message names the code and the entry."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of fault. `severity` and `side` are the rule; a finding may state them otherwise."""

    code: str
    title: str
    layer: str
    severity: Severity
    side: Side
    cause: str
    fix: str
    explanation: str
    source: str


@cache
def load_catalogue() -> dict[str, Fault]:
    """All faults by code, in the order of the file. Raises CatalogueError where an entry is malformed."""
    return read_catalogue(files("analyzer.diagnosis").joinpath("catalogue.toml").read_text("utf-8"))


def read_catalogue(text: str) -> dict[str, Fault]:
    """Faults by code out of a TOML text. Raises CatalogueError with the code and what is wrong with it."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise CatalogueError(f"the fault catalogue is no TOML: {problem}") from problem
    return {code: _fault(code, table) for code, table in tables.items()}


def _fault(code: str, table: object) -> Fault:
    if not isinstance(table, dict):
        raise CatalogueError(f"{code}: expected a table, found {type(table).__name__}")
    wanted = {field.name for field in fields(Fault)} - {"code"}
    if missing := wanted - table.keys():
        raise CatalogueError(f"{code}: {', '.join(sorted(missing))} missing")
    if unknown := table.keys() - wanted:
        raise CatalogueError(f"{code}: unknown entry {', '.join(sorted(unknown))}")
    for name, value in table.items():
        if not isinstance(value, str) or not value.strip():
            raise CatalogueError(f"{code}: {name} must be a text that is not empty")
    allowed = {"layer": LAYERS, "severity": get_args(Severity), "side": get_args(Side)}
    for name, values in allowed.items():
        if table[name] not in values:
            raise CatalogueError(f"{code}: {name} is {table[name]!r}, expected one of {', '.join(values)}")
    entries: dict[str, Any] = {name: " ".join(value.split()) for name, value in table.items()}
    return Fault(code=code, **entries)
