"""A decoded message as a tree for people: place, field, value, meaning, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator

from analyzer import hiding
from analyzer.message import Message
from analyzer.model import Node
from analyzer.report import objects_text
from analyzer.report.colors import Palette, palette
from analyzer.report.summary import summary
from analyzer.tree import root_of
from grammars.kit.primitives import Bits, Extended
from grammars.readings import escaped

PLACE = 11  # columns of the place
NAME = 38  # columns of the name, indentation included
HIDDEN = frozenset({"tag", "length", "count", "presence", "marker"})  # shown by what they lead to
OCTETS = 16  # a row of octets


def render(message: Message, color: bool = False, width: int = 100) -> str:
    """The heading of a message and its tree, a line a field."""
    colors = palette(color)
    head = [f"#{message.number}", message.direction]
    head += [escaped(message.time)] if message.time else []
    lines = [f"{colors.strong('  '.join(head))}  {escaped(summary(message))}"]
    depth = 0
    if len(message.frames) > 1:
        _add(root_of(message), 0, colors, max(width, 60), lines)
        depth = 1
    for part in hiding.parts(message):
        _add(part, depth, colors, max(width, 60), lines)
    lines += objects_text.lines(message, colors)
    lines += _decrypted(message, colors)
    return "\n".join([*lines, ""])


def _decrypted(message: Message, colors: Palette) -> Iterator[str]:
    cover = hiding.cover_of(message)
    for buffer in message.buffers:
        cells = cover.octets(buffer.id, buffer.data) if cover is not None else buffer.data.hex(" ").upper().split()
        rows = [" ".join(cells[n : n + 2 * OCTETS]) for n in range(0, len(cells), 2 * OCTETS)]
        for number, row in enumerate(rows):
            label = f"{buffer.how} {buffer.id}" if number == 0 else ""
            yield colors.dim(f"{label:>{PLACE + 2}}  {row}")


def _add(node: Node, depth: int, colors: Palette, width: int, lines: list[str]) -> None:
    """Adds the lines of a node and of those below it."""
    children, group = _shown(node), _bit_group(node)
    place = _place(node)
    name = "  " * depth + node.name
    value = "" if children and not group else _value(node)
    meaning = node.meaning if node.meaning != value else ""
    if group:
        children, said = _bits(node)
        meaning = "  ".join(filter(None, [meaning, said]))
    text = f"{place:>{PLACE}}  {name:<{NAME}}"
    room = width - len(text) - 1
    lead = " " * len(text)
    shown = value if not meaning else f"{value}  {meaning}" if value else meaning
    rows = _wrapped(shown, room)
    lines.append(f"{text} {colors.error(rows[0]) if node.error else rows[0]}".rstrip())
    lines += [f"{lead} {row}" for row in rows[1:]]
    if node.error:
        lines += [f"{lead} {colors.error(row)}" for row in _wrapped(f"! {node.error}", room)]
    for child in children:
        _add(child, depth + 1, colors, width, lines)


def _shown(node: Node) -> tuple[Node, ...]:
    """The children that get a line: the octets in front of a content are left to the place of the field."""
    return tuple(child for child in node.children if child.name not in HIDDEN or child.error)


def _bit_group(node: Node) -> bool:
    return bool(node.children) and all(child.bits is not None for child in node.children)


def _bits(node: Node) -> tuple[tuple[Node, ...], str]:
    """Parts of a bit group: those with a width or a meaning as lines, single bits that are set in a few words."""
    flags = [child for child in node.children if child.bits is not None and child.bits[1] == 1 and not child.meaning]
    rest = tuple(child for child in node.children if child not in flags or child.error)
    on = [child.name for child in flags if child.value]
    return rest, ", ".join(on)


def _place(node: Node) -> str:
    where = f"{node.start}" if node.end - node.start <= 1 else f"{node.start}-{node.end - 1}"
    if node.end == node.start:
        where = f"{node.start}:"
    if node.bits is not None:
        where = ""
    return f"[{node.buffer}] {where}" if node.buffer and where else where


def _value(node: Node) -> str:
    value = node.value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.hex(" ").upper()
    if isinstance(value, Extended | Bits):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return str(value)
    if node.bits is not None:
        return str(value)
    size = node.end - node.start
    return f"{value} (0x{value:0{2 * size}X})" if value > 9 and size <= 4 else str(value)


def _wrapped(text: str, room: int) -> list[str]:
    """A text in rows of at most `room` columns, broken at blanks; nothing in it reaches a terminal as a command."""
    room, text = max(room, 20), escaped(text)
    rows: list[str] = []
    start, size = 0, len(text)
    while size - start > room:  # by position: to cut off the rest again for each row would be quadratic
        cut = text.rfind(" ", start, start + room + 1)
        cut = cut if cut > start else start + room
        rows.append(text[start:cut].rstrip())
        start = cut
        while start < size and text[start].isspace():
            start += 1
    return [*rows, text[start:]]
