"""What COSEM objects are: interface classes with their attributes and methods, and OBIS codes in words.

The tables are data files beside the other tables, read when they are first asked for.
"""

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

PHASES = {20: "L1", 40: "L2", 60: "L3"}
HARMONICS = 80  # group C: the highest quantity with harmonics in group E
INTEGRALS = frozenset({8, 9, 10, 29, 30, 58})  # group D: energy for a power, charge for a current


class InterfaceClass(NamedTuple):
    """A COSEM interface class in one version; attributes and methods by their index, from 1."""

    name: str
    attributes: dict[int, str]
    methods: dict[int, str]
    version: int
    provisional: bool


@cache
def _table(name: str) -> dict[str, Any]:
    return tomllib.loads(files("grammars.tables").joinpath(name).read_text("utf-8"))


class KnownList(NamedTuple):
    """A list that meters push: OBIS codes by the number of its values, scaler and unit by OBIS code."""

    version: str
    orders: dict[int, tuple[bytes, ...]]
    scales: dict[bytes, tuple[int, int]]


@cache
def interface_class(class_id: int, version: int | None = None) -> InterfaceClass | None:
    """A class by its number, None for one that is not known; in the version that the table describes if none is given,
    or if it holds nothing else for the one given."""
    row = _table("classes.toml").get(str(class_id))
    if row is None:
        return None
    other = row.get("versions", {}).get(str(version), {})
    attributes = other.get("attributes", row["attributes"][: other.get("attributes_to")])
    methods = other.get("methods", row.get("methods", [])[: other.get("methods_to")])
    return InterfaceClass(
        row["name"],
        {index: name for index, name in enumerate(attributes, 1) if name},
        {index: name for index, name in enumerate(methods, 1) if name},
        version if other and version is not None else row.get("version", 0),
        other.get("provisional", row.get("provisional", False)),
    )


def class_name(class_id: int) -> str:
    """The name of a class; empty for one that is not known."""
    found = interface_class(class_id)
    return found.name if found else ""


def attribute_name(class_id: int, index: int, version: int | None = None) -> str:
    """The name of an attribute, of a version of its class; 0 means all; negative ones are the manufacturer's own."""
    if index == 0:
        return "all attributes"
    found = interface_class(class_id, version)
    return "manufacturer specific" if index < 0 else found.attributes.get(index, "") if found else ""


def method_name(class_id: int, index: int, version: int | None = None) -> str:
    """The name of a method, of a version of its class."""
    found = interface_class(class_id, version)
    return "manufacturer specific" if index < 0 else found.methods.get(index, "") if found else ""


def times_of(class_id: int, index: int) -> tuple[int, ...]:
    """The lengths of octet-strings that are date-times, dates or times in an attribute: 12, 5 or 4 octets."""
    times = _table("classes.toml").get(str(class_id), {}).get("times", {})
    return tuple(times.get(str(index), ()))


def is_secret(class_id: int, index: int) -> bool:
    """Whether an attribute holds a password, a key or a code."""
    return index in _table("classes.toml").get(str(class_id), {}).get("secrets", ())


def obis_code(text: str) -> bytes:
    """The 6 octets of a code as A-B:C.D.E*F."""
    return bytes(map(int, text.replace("-", ".").replace(":", ".").replace("*", ".").split(".")))


@cache
def known_list(version: str) -> KnownList | None:
    """A list that meters push, by its version string; None for one that the table does not have."""
    row = _table("pushlists.toml").get(version)
    if row is None:
        return None
    orders = {int(size): tuple(map(obis_code, codes)) for size, codes in row.get("orders", {}).items()}
    return KnownList(version, orders, {obis_code(code): (pair[0], pair[1]) for code, pair in row["scales"].items()})


class StatusWord(NamedTuple):
    """What the bits of a status word mean, from bit 0, the lowest, and the specification that says so."""

    by: str
    bits: dict[int, str]


@cache
def status_word(code: bytes) -> StatusWord | None:
    """The status word that an OBIS code stands for; None for any other object."""
    if len(code) != 6:
        return None
    a, _, c, d, e, _ = code
    for row in _table("status.toml").values():
        if [a, c, d] == row["groups"][:3] and (len(row["groups"]) == 3 or e in row["groups"][3:]):
            return StatusWord(row.get("by", ""), {int(bit): text for bit, text in row.get("bits", {}).items()})
    return None


def status_text(code: bytes | None, value: int) -> str:
    """The bits of a status word that are set, with what they mean where a source tells; empty for any other object."""
    word = status_word(bytes(code)) if code is not None else None
    if word is None or isinstance(value, bool) or value <= 0:
        return ""
    said = [word.bits.get(n) or f"bit {n} set" for n in range(value.bit_length()) if value >> n & 1]
    known = any(n in word.bits for n in range(value.bit_length()) if value >> n & 1)
    return f"({word.by + ': ' if known and word.by else ''}{', '.join(said)})"


@cache
def obis_meaning(octets: bytes) -> str:
    """What an OBIS code stands for, in a few words; empty where nothing is known about it (IEC 62056-6-1)."""
    if len(octets) != 6:
        return ""
    a, b, c, d, e, f = octets
    table = _table("obis.toml")
    if a == 0:
        text = _longest(_ranges("abstract"), c, d, e)
    elif a == 1:
        text = _electricity(table, c, d, e) or _longest(_ranges("electricity"), c, d, e)
    else:
        medium = table["media"].get(str(a), "")
        text = f"{medium}, C {c}, D {d}" if medium else ""
    if not text:
        return "manufacturer specific" if any(128 <= group <= 254 for group in (b, c, d, e)) else ""
    channel = f", channel {b}" if 1 <= b <= 64 else ""
    if 65 <= b <= 199:
        channel = f", {'utility' if b < 128 else 'manufacturer'} specific channel {b}"
    billing = f", billing period {f}" if f < 100 or 101 <= f <= 125 else ""
    return text + channel + billing


@cache
def class_of(code: bytes) -> int | None:
    """The interface class of an OBIS code that only objects of one class have; None for any other."""
    if len(code) != 6 or code[0] != 0:
        return None
    found: int | None = _table("obis.toml")["classes"].get(f"{code[2]}.{code[3]}")
    return found


@cache
def _ranges(medium: str) -> dict[str, str]:
    """The names of a medium, those for a range of group E by each number of it."""
    rows: dict[str, str] = {}
    for key, text in _table("obis.toml")[medium].items():
        head, _, last = key.partition("-")
        group, _, first = head.rpartition(".")
        rows |= {f"{group}.{e}": text for e in range(int(first), int(last) + 1)} if last else {key: text}
    return rows


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
    elif e and d == 7 and e < 121 and c <= HARMONICS:
        parts.append(f"harmonic {e}")
    return ", ".join(part for part in parts if part)
