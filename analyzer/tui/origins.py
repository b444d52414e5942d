"""Where the octets of a field come from, or what was made of them: the other buffer, lit as well."""

from __future__ import annotations

from analyzer.message import Message
from analyzer.model import Node
from analyzer.tui.widgets.bytes_view import Lit


def origin(message: Message, node: Node, opened: int) -> list[Lit]:
    """For a field of an opened buffer the octets on the wire that this was made from; for a field of the wire inside of
    those, all of the buffer `opened` (0: none)."""
    if node.buffer:
        number = node.buffer
        for _ in message.buffers:
            spans = next(buffer.sources for buffer in message.buffers if buffer.id == number)
            if not spans or spans[0].message not in (None, message.number):
                return []
            if spans[0].buffer == 0:
                return [Lit(span.start, span.end, "around") for span in spans if span.buffer == 0]
            number = spans[0].buffer
        return []
    if not opened or node.end == node.start:
        return []
    buffer = next(buffer for buffer in message.buffers if buffer.id == opened)
    inside = any(s.buffer == 0 and s.start <= node.start and node.end <= s.end for s in buffer.sources)
    return [Lit(0, len(buffer.data), "around")] if inside else []
