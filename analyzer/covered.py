"""Where the values of a message lie: the octets that must not be seen when its payload is redacted.

By structure, not by what the values look like: each simple COSEM value, the pieces of block transfers, the values of P1
and IEC 62056-21, octets that nothing could read, and the check sequences that would tell a value of a few octets. What a
buffer was put together from is covered with it. Tags, lengths, names of fields and ciphertext stay.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import replace

from analyzer.frame import Frame
from analyzer.message import Message
from analyzer.model import Buffer, Node, Span
from analyzer.objects import COMPOSED
from grammars.kit.primitives import Bits, Extended
from grammars.kit.spec import RawNode, walk_raw

MASK = "*"
ABSENT = "-"
COVERED = re.compile(r'[^\s"]')
ONE_OCTET = frozenset({"integer", "unsigned", "boolean", "enum", "bcd", "delta-integer", "delta-unsigned"})
FIGURES = re.compile(r"\b(?=\w*\d)\w+|\b[0-9A-F]{2,}\b")  # numbers and octets in the words of a remark
QUOTED = re.compile(r"\b[0-9A-F]{2}(?: [0-9A-F]{2})+\b")  # octets in a sentence
NUMBER = re.compile(r"(?<![\w.])(?<!message )\d+(?:\.\d+)?(?![\w])")
CHECK = re.compile(r"check|crc|computed", re.IGNORECASE)
FIGURE = re.compile(r"\b(?:[0-9A-F]{2}){1,2}\b")
SMALLEST = 10  # smaller numbers stand in any sentence
UNREAD = frozenset({"undecoded", "rest"})
TIMES = frozenset({"date_time"})  # when a push was sent
DATE_TIME = 12  # octets; fewer say that there is none
CHECKS = frozenset({"frame_check_sequence", "block_check_character", "checksum", "crc"})
PARAMETERS = frozenset({"SNRM", "UA"})  # frames whose information is no payload
Ranges = list[tuple[int, int]]


def masked(text: str) -> str:
    """A text with every character covered but blanks and quotation marks, and but for the sign of an absent value."""
    return text if text == ABSENT else COVERED.sub(MASK, text)


class Cover:
    """The covered octets of one message, by buffer."""

    def __init__(self, message: Message) -> None:
        found: dict[int, Ranges] = {}
        for frame, offset in _frames(message):
            found.setdefault(0, []).extend((a + offset, b + offset) for a, b in _of_frame(frame, message))
        for layer in message.layer.walk() if message.layer is not None else ():
            found.setdefault(layer.buffer, []).extend(_of_nodes(layer.nodes))
        for buffer in reversed(message.buffers):
            for span in _copied(buffer, message):
                found.setdefault(span.buffer, []).extend(_moved(found.get(buffer.id, []), span, buffer))
        layers = list(message.layer.walk()) if message.layer is not None else []
        self._data = {0: message.wire, **{buffer.id: buffer.data for buffer in message.buffers}}
        self._numbers = {text for layer in layers for text in _numbers(layer.nodes)}
        if any(a < b for a, b in found.get(0, [])):
            for frame, offset in _frames(message):
                checks = (node for node in walk_raw(frame.parsed.nodes) if node[0].name in CHECKS)
                found[0] += [(node[1] + offset, node[2] + offset) for node in checks]
        self._ranges = {buffer: _merged(ranges) for buffer, ranges in found.items()}
        self._starts = {buffer: [a for a, _ in ranges] for buffer, ranges in self._ranges.items()}

    def touches(self, buffer: int, start: int, end: int) -> bool:
        """Whether a covered octet lies in a range."""
        ranges = self._ranges.get(buffer, [])
        place = bisect_right(self._starts.get(buffer, []), start)
        before = place > 0 and ranges[place - 1][1] > start
        return start < end and (before or (place < len(ranges) and ranges[place][0] < end))

    def octets(self, buffer: int, data: bytes, start: int = 0) -> list[str]:
        """Octets in hexadecimal, with asterisks for those that are covered; `start` is where the first one lies."""
        cells = [f"{octet:02X}" for octet in data]
        ranges = self._ranges.get(buffer, [])
        first = max(bisect_right(self._starts.get(buffer, []), start) - 1, 0)
        for a, b in ranges[first:]:
            if a >= start + len(data):
                break
            for n in range(max(a - start, 0), min(b - start, len(data))):
                cells[n] = MASK * 2
        return cells

    def words(self, text: str) -> str:
        """A sentence about the message: octets that it quotes and numbers that are values in it, covered."""
        if CHECK.search(text) and self._ranges.get(0):  # a right check sequence would tell a short value
            text = FIGURE.sub(lambda found: masked(found[0]), text)
        text = QUOTED.sub(lambda found: " ".join(self.quoted(found[0])), text)
        return NUMBER.sub(lambda found: masked(found[0]) if found[0] in self._numbers else found[0], text)

    def quoted(self, text: str) -> list[str]:
        """Octets in hexadecimal as they may be shown, wherever in the message they come from."""
        octets = bytes.fromhex(text)
        cells = [f"{octet:02X}" for octet in octets]
        for buffer, data in self._data.items():
            at = data.find(octets)
            while at >= 0:
                if self.touches(buffer, at, at + len(octets)):
                    hidden = self.octets(buffer, octets, at)
                    cells = [
                        max(cell, hide, key=lambda c: c == MASK * 2) for cell, hide in zip(cells, hidden, strict=True)
                    ]
                at = data.find(octets, at + 1)
        return cells

    def tree(self, node: Node) -> Node:
        """A tree without its values; whatever says something of a covered field is covered with it."""
        children = tuple(map(self.tree, node.children))
        if not self.touches(node.buffer, node.start, node.end):
            return replace(node, children=children) if children else node  # plain text lies in another buffer
        if children and all(child.bits is not None for child in node.children):
            children = ()  # single bits: their names would tell the value
        return replace(
            node,
            value=self._value(node),
            meaning=masked(node.meaning),
            error=self._remark(node.error, not children) if node.error else node.error,
            children=children,
        )

    def _remark(self, text: str, about_value: bool) -> str:
        return FIGURES.sub(lambda found: masked(found[0]), text) if about_value else self.words(text)

    def _value(self, node: Node) -> object:
        if node.value is None:
            return None
        if isinstance(node.value, bytes):
            return " ".join(self.octets(node.buffer, node.value, node.end - len(node.value)))
        return masked(str(node.value)) if isinstance(node.value, Bits | Extended) else MASK * len(str(node.value))


def _frames(message: Message) -> Iterator[tuple[Frame, int]]:
    offset = 0
    for frame in message.frames:
        yield frame, offset
        offset += len(frame.data)


def _of_frame(frame: Frame, message: Message) -> Iterator[tuple[int, int]]:
    """The values in a frame that no APDU holds."""
    start, end = frame.payload
    if message.layer is None:
        if not frame.parsed.nodes:
            yield 0, len(frame.data)
        elif frame.kind not in PARAMETERS:
            yield start, end
    for node in walk_raw(frame.parsed.nodes):
        if node[0].name == "content" and frame.framing == "iec62056-21":
            yield node[1], node[2]
    yield from _of_nodes(frame.parsed.nodes)


def _of_nodes(nodes: list[RawNode]) -> Iterator[tuple[int, int]]:
    for spec, start, end, value in walk_raw(nodes):
        if spec.name == "value_of_line" and isinstance(value, list):
            yield from ((part[1], part[2]) for part in value if part[0].name == "value")
        elif (
            spec.name in UNREAD
            or (spec.type and spec.type not in COMPOSED)
            or spec.hole == "block"
            or (spec.name in TIMES and end - start >= DATE_TIME)
        ):
            yield _content((spec, start, end, value))


def _numbers(nodes: list[RawNode]) -> Iterator[str]:
    """The numbers among the values, as they are written, but for single digits."""
    for spec, _, _, value in walk_raw(nodes):
        if spec.type and isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= SMALLEST:
            yield f"{abs(value):g}" if isinstance(value, float) else str(abs(value))


def _content(node: RawNode) -> tuple[int, int]:
    """The octets of a value without its tag and length; in a compact-array it has none."""
    spec, start, end, value = node
    if value is None:
        return end, end
    if isinstance(value, list):
        return (value[0][1] if value else end), end
    if isinstance(value, bytes | bytearray | memoryview):
        return end - len(value), end
    if isinstance(value, Bits):
        return end - len(value.data), end
    size = 1 if spec.type in ONE_OCTET else 1 << max((end - start).bit_length() - 1, 0)
    return end - size, end


def _copied(buffer: Buffer, message: Message) -> Iterable[Span]:
    """What a buffer was copied from, where its octets stand there as they are."""
    own = [span for span in buffer.sources if span.message is None or span.message == message.number]
    if len(own) != len(buffer.sources):
        return ()  # pieces in other messages are covered there, since each is a piece of a block transfer
    data = b"".join(message.octets(span.buffer)[span.start : span.end] for span in own)
    return own if data == buffer.data else ()


def _moved(ranges: Ranges, span: Span, buffer: Buffer) -> Iterator[tuple[int, int]]:
    """Ranges of a buffer as ranges of one of its sources."""
    at = 0
    for source in buffer.sources:
        if source is span:
            break
        at += source.end - source.start
    for a, b in ranges:
        start, end = max(a - at, 0), min(b - at, span.end - span.start)
        if start < end:
            yield span.start + start, span.start + end


def _merged(ranges: Ranges) -> Ranges:
    made: Ranges = []
    for a, b in sorted(one for one in ranges if one[0] < one[1]):
        if made and a <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], b))
        else:
            made.append((a, b))
    return made
