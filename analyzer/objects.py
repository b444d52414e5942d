"""COSEM objects in a message: which attribute a value belongs to, and the value in its unit.

A GET.response does not say which attribute it carries; the request before it does (`analyzer.knowledge`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from grammars.kit.primitives import Bits
from grammars.kit.spec import RawNode, find_int, find_octets, find_raw
from grammars.meanings import attribute_name, obis_meaning
from grammars.tables.units import UNITS

if TYPE_CHECKING:
    from analyzer.profiles import Profile

# class: (attributes with a value, attribute with its scaler_unit)
SCALED = {3: ((2,), 3), 4: ((2,), 3), 5: ((2, 3), 4), 61: ((2,), 4)}
NUMBERS = frozenset({
    "double-long", "double-long-unsigned", "integer", "long", "unsigned", "long-unsigned", "long64", "long64-unsigned",
})  # fmt: skip
TEXTS = frozenset({"visible-string", "utf8-string"})
COMPOSED = frozenset({"array", "structure", "compact-array"})
UNTAGGED = "untagged-structure"  # an attribute descriptor without tags, and the value of the attribute
EXPONENTS = 40  # a scaler beyond that is no scaler


class Target(NamedTuple):
    """An attribute of an object."""

    class_id: int
    instance_id: bytes
    attribute_id: int


class Asked(NamedTuple):
    """One attribute that a request names, with the selective access to it: selector and its parameters."""

    target: Target
    selector: int | None = None
    parameters: RawNode | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What one value is the value of, with the scaler and unit that apply; None where none is known.

    `value` is the raw node, None for a result that is an error; `octets` is the buffer that it lies in, `buffer` the
    number of that. `source` tells where scaler and unit were read, `version` is that of the class where the trace tells
    it, `profile` reads a profile buffer as a table.
    """

    target: Target
    scaler: int | None = None
    unit: int | None = None
    value: RawNode | None = field(default=None, repr=False, compare=False)
    octets: bytes = field(default=b"", repr=False, compare=False)
    buffer: int = 0
    source: str = ""
    version: int | None = None
    time: bytes | None = None
    profile: Profile | None = field(default=None, repr=False, compare=False)

    @property
    def class_id(self) -> int:
        """The class of the object."""
        return self.target.class_id

    @property
    def instance_id(self) -> bytes:
        """The logical name of the object."""
        return self.target.instance_id

    @property
    def attribute_id(self) -> int:
        """The index of the attribute."""
        return self.target.attribute_id

    @property
    def name(self) -> str:
        """The object in words, with the attribute where that is not simply its value."""
        return object_name(self.target, self.version)

    def scaled(self, value: int) -> str:
        """A value with its unit, exactly: 12345 with scaler -1 and unit 30 is 1234.5 Wh."""
        return with_unit(scaled(value, self.scaler), self.unit)


def object_name(target: Target, version: int | None = None, data_index: int = 0) -> str:
    """An object in words, with the attribute where that is not simply its value."""
    class_id, instance, index = target
    words = obis_meaning(instance)
    attribute = attribute_name(class_id, index, version) or f"attribute {index}"
    parts = [words] if words else []
    if not words or attribute not in ("value", "time", "buffer"):
        parts.append(attribute)
    if data_index:
        parts.append(f"[{data_index}]")
    return " ".join(parts)


def scaled(value: int, scaler: int | None) -> Decimal:
    """value x 10^scaler, exactly."""
    usable = scaler is not None and abs(scaler) <= EXPONENTS
    return Decimal(value).scaleb(scaler or 0) if usable else Decimal(value)


def with_unit(number: Decimal, unit: int | None) -> str:
    """A number and the symbol of its unit."""
    return f"{plain_number(number)} {unit_symbol(unit)}".strip()


def plain_number(number: Decimal) -> str:
    """A number without exponent; a whole one without decimals."""
    return format(number.to_integral_value() if number == number.to_integral_value() else number, "f")


def unit_symbol(unit: int | None) -> str:
    """The symbol of a unit; empty for none and for codes that are reserved."""
    return UNITS.get(unit or 0, ("", ""))[0]


def targets_of(nodes: list[RawNode]) -> list[Asked]:
    """The attributes that a request names, in their order, with their selective access."""
    found: list[Asked] = []
    _gather(nodes, found)
    return found


def _gather(nodes: list[RawNode], found: list[Asked]) -> None:
    for node in nodes:
        if not isinstance(node[3], list):
            continue
        target = _target(node[3])
        if target is not None:
            found.append(Asked(target))
        elif node[0].name == "access_selection" and found:
            selector = find_int(node[3], "access_selector")
            data = find_raw(node[3], "access_parameters")
            parameters = data[3][0] if data is not None and isinstance(data[3], list) and data[3] else None
            found[-1] = Asked(found[-1].target, selector, parameters)
        elif not node[0].type:
            _gather(node[3], found)


def _target(nodes: list[RawNode]) -> Target | None:
    """The attribute that the fields of a descriptor name."""
    names = [node[0].name for node in nodes]
    if names[:3] != ["class_id", "instance_id", "attribute_id"]:
        return None
    class_id, index, instance = nodes[0][3], nodes[2][3], find_octets(nodes, "instance_id")
    if not isinstance(class_id, int) or not isinstance(index, int) or instance is None:
        return None
    return Target(class_id, instance, index)


def values_in(nodes: list[RawNode]) -> list[RawNode | None]:
    """The value of each result of an answer, None for one that is an error."""
    if nodes and nodes[0][0].type:
        return [nodes[0]]
    found: list[RawNode | None] = []
    _results(nodes, found)
    return found


def _results(nodes: list[RawNode], found: list[RawNode | None]) -> None:
    for spec, _, _, value in nodes:
        if spec.name in ("data-access-result", "data-access-error"):
            found.append(None)
        elif isinstance(value, list) and not spec.type:
            if spec.name == "data" and value and value[0][0].type:
                found.append(value[0])
            else:
                _results(value, found)


def listed(nodes: list[RawNode], name: str) -> list[RawNode]:
    """The values of a list of Data with this name."""
    node = find_raw(nodes, name)
    if node is None or not isinstance(node[3], list):
        return []
    return [item for item in map(inner, node[3]) if item[0].type]


def inner(node: RawNode) -> RawNode:
    """The value in a field of type Data."""
    while not node[0].type and isinstance(node[3], list) and len(node[3]) == 1:
        node = node[3][0]
    return node


def elements(node: RawNode) -> list[RawNode]:
    """The elements of an array, a structure or a compact-array; of anything else none. Of a structure whose attribute
    descriptor has no tags only the value is one."""
    value = node[3]
    if node[0].type not in COMPOSED or not isinstance(value, list):
        return []
    if node[0].name == UNTAGGED:
        found = find_raw(value, "value")
        value = found[3] if found is not None and isinstance(found[3], list) else []
    if node[0].type == "compact-array":
        contents = find_raw(value, "array_contents")
        value = contents[3] if contents is not None and isinstance(contents[3], list) else []
    return [item for item in value if item[0].type]


def scalar(node: RawNode, octets: bytes) -> Any:
    """A simple value: a number, a boolean, None, text, or the octets of an octet-string, a date or a time."""
    spec, _, end, value = node
    if isinstance(value, list):
        return bytes(octets[value[0][1] : end]) if value else b""
    if isinstance(value, Bits):
        return str(value)
    if isinstance(value, bytes) and spec.type in TEXTS:
        return value.decode("utf-8", "replace")
    return bytes(value) if isinstance(value, bytes | bytearray | memoryview) else value


def scaler_unit(node: RawNode) -> tuple[int, int] | None:
    """Scaler and unit, of a structure that is a scaler_unit and nothing else."""
    parts = elements(node) if node[0].type == "structure" else []
    if [part[0].type for part in parts] != ["integer", "enum"]:
        return None
    scaler, unit = parts[0][3], parts[1][3]
    return (scaler, unit) if isinstance(scaler, int) and isinstance(unit, int) else None


def described(node: RawNode) -> tuple[Target, RawNode] | None:
    """The attribute that a structure without tags names, and its value; None for any other node and for one cut off."""
    if node[0].name != UNTAGGED or not isinstance(node[3], list):
        return None
    descriptor = find_raw(node[3], "cosem_attribute_descriptor")
    target = _target(descriptor[3]) if descriptor is not None and isinstance(descriptor[3], list) else None
    values = elements(node)
    return (target, values[0]) if target is not None and values else None


def definitions(node: RawNode) -> Iterator[tuple[Target, int]] | None:
    """The attributes that capture_objects or a push_object_list name, with data index; None for another value.

    Each is a structure of class_id, logical name, attribute index and data index; what follows is left out."""
    found = []
    for item in elements(node):
        parts = elements(item)
        kinds = [part[0].type for part in parts[:4]]
        if kinds != ["long-unsigned", "octet-string", "integer", "long-unsigned"] or len(parts[1][3]) != 6:
            return None
        found.append((Target(parts[0][3], bytes(parts[1][3]), parts[2][3]), parts[3][3]))
    return iter(found) if found or node[0].type == "array" else None
