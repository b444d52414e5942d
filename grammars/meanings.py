"""What COSEM objects are: interface classes with their attributes and methods, and OBIS codes in words.

The tables are data files beside the other tables, read when they are first asked for.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

PHASES = {20: "L1", 40: "L2", 60: "L3"}
INTEGRALS = frozenset({8, 9, 10, 29, 30, 58})  # group D: energy for a power, charge for a current


class InterfaceClass(NamedTuple):
    """A COSEM interface class; attributes and methods by their index, from 1."""

    name: str
    attributes: dict[int, str]
    methods: dict[int, str]
    version: int
    provisional: bool


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("grammars.tables").joinpath(name).read_text("utf-8"))


@cache
def interface_class(class_id: int) -> InterfaceClass | None:
    """A class by its number, None for one that is not known."""
    row = _table("classes.toml").get(str(class_id))
    if row is None:
        return None
    return InterfaceClass(
        row["name"],
        {index: name for index, name in enumerate(row["attributes"], 1) if name},
        {index: name for index, name in enumerate(row.get("methods", []), 1) if name},
        row.get("version", 0),
        row.get("provisional", False),
    )


def class_name(class_id: int) -> str:
    """The name of a class; empty for one that is not known."""
    found = interface_class(class_id)
    return found.name if found else ""


def attribute_name(class_id: int, index: int) -> str:
    """The name of an attribute; 0 means all; negative ones are the manufacturer's own."""
    if index == 0:
        return "all attributes"
    found = interface_class(class_id)
    return "manufacturer specific" if index < 0 else found.attributes.get(index, "") if found else ""


def method_name(class_id: int, index: int) -> str:
    """The name of a method."""
    found = interface_class(class_id)
    return "manufacturer specific" if index < 0 else found.methods.get(index, "") if found else ""


@cache
def obis_meaning(octets: bytes) -> str:
    """What an OBIS code stands for, in a few words; empty where nothing is known about it (IEC 62056-6-1)."""
    if len(octets) != 6:
        return ""
    a, b, c, d, e, f = octets
    table = _table("obis.toml")
    if a == 0:
        text = _longest(table["abstract"], c, d, e)
    elif a == 1:
        text = _electricity(table, c, d, e) or _longest(table["electricity"], c, d, e)
    else:
        medium = table["media"].get(str(a), "")
        text = f"{medium}, C {c}, D {d}" if medium else ""
    if not text:
        return "manufacturer specific" if any(128 <= group <= 254 for group in (b, c, d, e)) else ""
    channel = f", channel {b}" if 1 <= b <= 64 else ""
    billing = f", billing period {f}" if f < 100 or 101 <= f <= 125 else ""
    return text + channel + billing


def _longest(rows: dict[str, str], c: int, d: int, e: int) -> str:
    return rows.get(f"{c}.{d}.{e}") or rows.get(f"{c}.{d}") or rows.get(str(c)) or ""


def _electricity(table: dict[str, Any], c: int, d: int, e: int) -> str:
    """A measured quantity: what, how it was processed, which phase, which tariff."""
    phase = next((name for base, name in PHASES.items() if base < c <= base + 20), "")
    number = c - next((base for base, name in PHASES.items() if name == phase), 0)
    quantity, processing = table["quantity"].get(str(number)), table["processing"].get(str(d))
    if quantity is None or processing is None:
        return ""
    if d in INTEGRALS and "power" in quantity and "factor" not in quantity:
        quantity, processing = quantity.replace("power", "energy"), {8: "", 9: "since reset"}.get(d, processing)
    parts = [quantity, phase, processing]
    if e and d not in (7, 11) and e < 64:
        parts.append(f"tariff {e}")
    elif e and d == 7 and e < 121:
        parts.append(f"harmonic {e}")
    return ", ".join(part for part in parts if part)
