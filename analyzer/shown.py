"""What is shown in a few words: counts with their noun, and fields of a tree: octets in hexadecimal, numbers with what they
mean, groups by what is in them."""

from __future__ import annotations

from analyzer.model import Node
from grammars.kit.primitives import Bits, Extended

LONGEST = 24  # octets of a value that are shown
SHORT = 8  # octets of a group that are shown beside its parts
PARTS = 4
QUIET = frozenset({"tag", "length", "count", "presence", "unused_bits", "unused"})


def counted(number: int, thing: str, things: str = "") -> str:
    """A number with its noun: 1 frame, 2,000 frames."""
    return f"{number:,} {thing if number == 1 else things or f'{thing}s'}"


def shown(node: Node, data: bytes = b"") -> str:
    """A node in a few words; `data` are the octets of its buffer, for groups. Never empty."""
    if node.value is not None or not node.children:
        return value_text(node) or "present"
    octets = data[node.start : node.end]
    parts = list(_parts(node))
    text = ", ".join(parts[:PARTS]) + (" ..." if len(parts) > PARTS else "")
    if octets and len(octets) <= SHORT:
        text = f"{octets.hex(' ').upper()} {text}".strip()
    return node.meaning or text or "present"


def _parts(node: Node) -> list[str]:
    """The leaves that say something: of single bits those that are set, of numbers with a symbol the symbol."""
    found = []
    for leaf in node.walk():
        if leaf.children or leaf is node or leaf.name in QUIET:
            continue
        if leaf.bits is not None and leaf.bits[1] == 1:
            found += [leaf.name] if leaf.value else []
        elif leaf.value is not None and not (leaf.name.startswith("reserved") and leaf.value == 0):
            found.append(f"{leaf.name} {leaf.meaning or value_text(leaf)}")
    return found


def value_text(node: Node) -> str:
    """The value of a node and its meaning."""
    value = node.value
    if value is None:
        return node.meaning or ("absent" if node.end - node.start <= 1 else "")
    if isinstance(value, bytes):
        text = value[:LONGEST].hex(" ").upper() + (f" ... ({len(value)} octets)" if len(value) > LONGEST else "")
        text = text or "empty"
    elif isinstance(value, Extended | Bits):
        return str(value)
    elif node.name == "bits" and isinstance(value, int):
        text = f"{value:0{2 * (node.end - node.start)}X}"
    elif node.name.endswith("check_sequence") and isinstance(value, int):
        text = f"{value:04X}"
    else:
        text = str(value)
    return f"{text} {node.meaning}" if node.meaning and node.meaning != text else text
