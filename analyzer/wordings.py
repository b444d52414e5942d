"""What `dlmscope explain` knows beside the catalogue: error texts of libraries, symbols of the standard.

The texts are data, in wordings.toml beside this file; the symbols come from the tables of the grammars.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from grammars.tables import enums
from grammars.tables.units import UNITS

SHORTEST_SYMBOL = 8  # shorter ones (other, read, null) are words that any text may hold

Tables = tuple[tuple[str, enums.Symbols], ...]

DATA_ACCESS: Tables = (("data-access-result", enums.DATA_ACCESS_RESULTS),)
ACTION: Tables = (("action-result", enums.ACTION_RESULTS),)
EXCEPTION: Tables = (
    ("exception-response, state-error", enums.EXCEPTION_STATE_ERRORS),
    ("exception-response, service-error", enums.EXCEPTION_SERVICE_ERRORS),
)
DIAGNOSTIC: Tables = (("AARE, diagnostic of the user", enums.DIAGNOSTICS_USER),)
ASSOCIATION: Tables = (("AARE, result", enums.ASSOCIATION_RESULTS), *DIAGNOSTIC)
CLASSES: Tables = (("confirmed-service-error, class", enums.SERVICE_ERROR_CLASSES),)
MECHANISM: Tables = (("authentication mechanism", enums.MECHANISMS),)
CONTEXT: Tables = (("application context", enums.APPLICATION_CONTEXTS),)

# A phrase with numbers behind it: what the numbers mean, one after the other.
ENUMERATIONS: tuple[tuple[str, Tables], ...] = (
    (r"data[ -_]?access[ -_]?(result|error)|\bdar\b", DATA_ACCESS),
    (r"action[ -_]?result", ACTION),
    (r"exception([ -_]?response)?", EXCEPTION),
    (r"association[ -_]?result|\baare\b[ -_]?(result)?", ASSOCIATION),
    (r"diagnostics?", DIAGNOSTIC),
    (r"mechanism|authentication level", MECHANISM),
    (r"context", CONTEXT),
    (r"\bunit", (("unit", UNITS),)),
    (r"\bdata type", (("COSEM data type", enums.DATA_TYPES),)),
    (r"security suite", (("security suite", enums.SECURITY_SUITES),)),
)


@dataclass(frozen=True, slots=True)
class Topic:
    """Something people meet as a text: how to recognise it, what it is, which findings to look at."""

    title: str
    text: str
    codes: tuple[str, ...]
    pattern: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """The contents of wordings.toml."""

    topics: Mapping[str, Topic]
    aliases: Mapping[str, str]
    related: Mapping[str, tuple[str, ...]]
    octets: Mapping[int, str]


@cache
def knowledge() -> Knowledge:
    """wordings.toml, read once."""
    raw = tomllib.loads(files("analyzer").joinpath("wordings.toml").read_text("utf-8"))
    topics = {
        name: Topic(
            entry["title"],
            entry["text"],
            tuple(entry["codes"]),
            re.compile("|".join(entry["patterns"]), re.I) if entry["patterns"] else None,
        )
        for name, entry in raw["topic"].items()
    }
    related = {symbol: tuple(codes) for symbol, codes in raw["related"].items()}
    octets = {int(octet, 16): text for octet, text in raw["octets"].items()}
    return Knowledge(topics, raw["aliases"], related, octets)


def squashed(text: str) -> str:
    """Letters and digits only, so that read-write-denied and READ_WRITE_DENIED are one."""
    return re.sub(r"[^a-z0-9]", "", text.lower())


@cache
def symbol_index() -> dict[str, list[tuple[str, int, str]]]:
    """symbol -> (where it is used, its value, its meaning)."""
    errors = tuple(
        (f"confirmed-service-error, class {number} ({enums.SERVICE_ERROR_CLASSES[number][0]})", table)
        for number, table in enums.SERVICE_ERRORS.items()
    )
    provider: Tables = (("AARE, diagnostic of the provider", enums.DIAGNOSTICS_PROVIDER),)
    tables = DATA_ACCESS + ACTION + EXCEPTION + ASSOCIATION + provider + CLASSES + errors + MECHANISM + CONTEXT
    index: dict[str, list[tuple[str, int, str]]] = {}
    for title, table in tables:
        for value, (symbol, meaning) in table.items():
            if len(squashed(symbol)) >= SHORTEST_SYMBOL:
                index.setdefault(symbol, []).append((title, value, meaning))
    for bit, symbol, meaning in enums.CONFORMANCE:
        if "-" in symbol and "reserved" not in symbol:
            index.setdefault(symbol, []).append(("conformance bit", bit, meaning))
    return index
