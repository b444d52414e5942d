"""COSEM data as plain Python values, without tree and offsets: what most programs want of a load profile.

    array           list                        octet-string, date-time, date, time     bytes
    structure       tuple                       visible-string, utf8-string             str
    compact-array   list                        bit-string                              str of 0 and 1
    numbers         int, float                  boolean, null-data                      bool, None

They come out of the same grammar and the same parser as the tree. Of an array with equal elements no nodes are made.
"""

from itertools import zip_longest
from typing import Any, NamedTuple

from grammars.apdu import APDU
from grammars.data import DATA
from grammars.emit.rows import TEXTS, Run
from grammars.kit.primitives import Bits
from grammars.kit.spec import PLAIN, Issue, RawNode
from grammars.parse import parse

SELECTIONS = frozenset({"access_selection", "access_parameters"})


class Values(NamedTuple):
    """The values in some octets; what is to be said about these; where reading failed, if it did."""

    values: list[Any]
    issues: list[Issue]
    failed_at: int | None


def of_data(buffer: bytes, start: int = 0, end: int | None = None, grammar: Any = DATA) -> Values:
    """The value of COSEM data at buffer[start:end]. Never raises on any octets: of a value that is cut off, what there
    is."""
    parsed = parse(grammar, buffer, start, end, plain=True)
    return Values([plain(node, buffer) for node in parsed.nodes if node[0].type], parsed.issues, parsed.failed_at)


def of_apdu(buffer: bytes, start: int = 0, end: int | None = None) -> Values:
    """The values that an APDU carries, in their order. Selective access is no value. Never raises on any octets."""
    parsed = parse(APDU, buffer, start, end, plain=True)
    found: list[Any] = []
    _gather(parsed.nodes, buffer, found)
    return Values(found, parsed.issues, parsed.failed_at)


def columns_of_apdu(buffer: bytes, start: int = 0, end: int | None = None) -> Values:
    """The columns of the only table that an APDU carries, for instance of a profile's buffer: of each a sequence, where all
    rows are of one shape an `array.array` for numbers. Rows that end early are filled up with None. No columns where there is
    no table, or more than one. Never raises on any octets."""
    parsed = parse(APDU, buffer, start, end, plain=True)
    tables: list[RawNode] = []
    _tables(parsed.nodes, tables)
    found = _columns(tables[0], buffer) if len(tables) == 1 else []
    return Values(found, parsed.issues, parsed.failed_at)


def _tables(nodes: list[RawNode], found: list[RawNode]) -> None:
    for node in nodes:
        if node[0].type == "array":
            found.append(node)
        elif not node[0].type and isinstance(node[3], list) and node[0].name not in SELECTIONS:
            _tables(node[3], found)


def _columns(table: RawNode, buffer: bytes) -> list[Any]:
    parts = table[3]
    if len(parts) == 1 and parts[0][0] is PLAIN and isinstance(parts[0][3], Run):
        return parts[0][3].columns()
    rows = plain(table, buffer)
    return list(zip_longest(*rows)) if all(isinstance(row, tuple | list) for row in rows) else []


def _gather(nodes: list[RawNode], buffer: bytes, found: list[Any]) -> None:
    for node in nodes:
        spec, _, _, value = node
        if spec.type:
            found.append(plain(node, buffer))
        elif isinstance(value, list) and spec.name not in SELECTIONS:
            _gather(value, buffer, found)


def plain(node: RawNode, buffer: bytes) -> Any:
    """The value of a raw node of COSEM data, whose octets lie in `buffer`."""
    spec, _, end, value = node
    if isinstance(value, list):
        if spec.type == "array":
            return _elements(value, buffer)
        if spec.type == "structure":
            return tuple(_elements(value, buffer))
        if spec.type == "compact-array":
            contents = next((part[3] for part in value if part[0].name == "array_contents"), ())
            return _elements(contents, buffer) if isinstance(contents, list) else []
        return bytes(buffer[value[0][1] : end]) if value else b""  # a date or a time
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace") if spec.type in TEXTS else value
    return str(value) if isinstance(value, Bits) else value


def _elements(nodes: list[RawNode], buffer: bytes) -> list[Any]:
    made: list[Any] = []
    for node in nodes:
        if node[0] is PLAIN:
            made += node[3].rows() if isinstance(node[3], Run) else node[3]
        elif node[0].type:
            made.append(plain(node, buffer))
    return made
