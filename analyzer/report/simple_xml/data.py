"""COSEM data in Simple XML: numbers in hexadecimal with all digits, strings as text, rows of a compact array as text."""

from __future__ import annotations

from analyzer.objects import described
from analyzer.report.simple_xml.elements import Comment, Element, Item, is_character, value
from analyzer.report.simple_xml.names import DATA_TYPES
from grammars import readings
from grammars.kit.primitives import Bits
from grammars.kit.spec import RawNode
from grammars.meanings import obis_meaning

SIZES = {
    "integer": 1, "long": 2, "double-long": 4, "long64": 8, "unsigned": 1, "long-unsigned": 2,
    "double-long-unsigned": 4, "long64-unsigned": 8, "enum": 1, "bcd": 1, "float32": 4, "float64": 8, "date-time": 12,
    "date": 5, "time": 4,
}  # fmt: skip
TEXTS = frozenset({"visible-string", "utf8-string"})


def data_items(node: RawNode, data: bytes) -> list[Item]:
    """One value out of the buffer `data`, with a remark where Gurux makes one too."""
    spec, start, end, found = node
    tag = DATA_TYPES.get(spec.type)
    octets = data[start:end]
    if tag is None:
        return [Comment(f"{spec.type} {octets.hex().upper()}")]
    if (untagged := described(node)) is not None:
        (class_id, instance, index), item = untagged
        named = (
            value("ClassId", f"{class_id:04X}"),
            value("InstanceId", instance.hex().upper()),
            value("AttributeId", f"{index & 0xFF:02X}"),
        )
        return [Element(tag, (("Qty", "02"),), (Element("AttributeDescriptor", (), named), *data_items(item, data)))]
    if spec.type in ("array", "structure") and isinstance(found, list):
        items = tuple(item for child in found for item in data_items(child, data))
        return [Element(tag, (("Qty", f"{len(found):02X}"),), items)]
    if spec.type == "compact-array" and isinstance(found, list):
        return [Element(tag, (), tuple(item for part in found for item in _compact(part, data)))]
    if spec.type == "null-data":
        return [Element(tag)]
    if spec.type == "boolean" and isinstance(found, bool | int):
        number = octets[-1:] if octets[-1:] not in (b"\0", b"\1") else b""
        said: list[Item] = [Comment(f"boolean {number.hex().upper()}")] if number else []
        return [*said, value(tag, "True" if found else "False")]
    if isinstance(found, Bits):
        return [value(tag, str(found))]
    if spec.type in TEXTS and isinstance(found, bytes):
        return [value(tag, _text(found, spec.type))]
    if spec.type == "octet-string" and isinstance(found, bytes):
        return [*_remark(octet_meaning(found)), value(tag, found.hex().upper())]
    size = SIZES.get(spec.type, 0)
    if found is None or not 0 < size <= len(octets):
        return [Comment(f"{spec.type} {octets.hex().upper()}")]  # cut off
    return [*_remark(_meaning(node, octets[-size:])), value(tag, octets[-size:].hex().upper())]


def _meaning(node: RawNode, octets: bytes) -> str:
    kind, found = node[0].type, node[3]
    if kind in ("float32", "float64"):
        return f"{found:g}" if isinstance(found, float) else ""
    if kind == "date-time":
        return readings.date_time(octets)
    return {"date": readings.date, "time": readings.time}[kind](octets) if kind in ("date", "time") else ""


def octet_meaning(octets: bytes) -> str:
    """What an octet-string may be: a logical name, a date-time, text."""
    if len(octets) == 6 and octets[5] == 0xFF:
        return logical_name(octets)
    if readings.is_date_time(octets):
        return readings.date_time(octets)
    return readings.printable(octets)


def logical_name(octets: bytes) -> str:
    """A logical name as Gurux writes it, six numbers with dots between, and what it stands for."""
    return f"{'.'.join(map(str, octets))} {obis_meaning(octets)}".rstrip()


def _remark(text: str) -> list[Item]:
    return [Comment(text)] if text else []


def _text(octets: bytes, kind: str) -> str:
    """The text of a string; its octets in hexadecimal, with spaces, where it is none that XML can carry."""
    try:
        text = octets.decode("ascii" if kind == "visible-string" else "utf-8")
    except UnicodeDecodeError:
        return octets.hex(" ").upper()
    usable = all(is_character(c) and (c >= " ") and not 0x7F <= ord(c) < 0xA0 for c in text)
    return text if usable else octets.hex(" ").upper()


def _compact(part: RawNode, data: bytes) -> list[Item]:
    """Description or contents of a compact array."""
    spec, start, end, found = part
    if spec.name == "contents_description" and isinstance(found, list):
        return [Element("ContentsDescription", (), tuple(item for kind in found for item in _described(kind, data)))]
    if spec.name == "array_contents" and isinstance(found, list):
        rows = tuple(_row(item, data, ";") for item in found if item[0].type)
        others = [item for item in found if not item[0].type]
        return [
            Element("ArrayContents", (), (), rows),
            *(Comment(f"{n[0].name} {data[n[1] : n[2]].hex().upper()}") for n in others),
        ]
    return [Comment(f"{spec.name} {data[start:end].hex().upper()}")]


def _described(node: RawNode, data: bytes) -> list[Item]:
    spec, start, end, found = node
    if spec.name == "number_of_elements":
        return [Comment(f"number of elements {found}")]
    tag = DATA_TYPES.get(spec.type)
    if tag is None and isinstance(found, list):
        return [item for child in found for item in _described(child, data)]
    if tag is None:
        return [Comment(f"{spec.type or spec.name} {data[start:end].hex().upper()}")]
    children = found if isinstance(found, list) else []
    return [Element(tag, (), tuple(item for child in children for item in _described(child, data)))]


def _row(node: RawNode, data: bytes, between: str) -> str:
    """One element of a compact array as text: numbers in decimal, octets in hexadecimal, parts apart by `between`."""
    spec, start, end, found = node
    if spec.type in ("array", "structure") and isinstance(found, list):
        return between.join(_row(item, data, ",") for item in found)
    if spec.type == "boolean":
        return "True" if found else "False"
    if spec.type in TEXTS and isinstance(found, bytes):
        return _text(found, spec.type)
    if isinstance(found, int | float | Bits):
        return str(found)
    return found.hex().upper() if isinstance(found, bytes) else data[start:end].hex().upper()
