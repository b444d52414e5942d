"""What is copied of a message: a field, frames, JSON."""

from __future__ import annotations

import json
from itertools import accumulate

from analyzer import hiding
from analyzer.message import Message
from analyzer.model import Node
from analyzer.report import message_json


def field_text(message: Message, node: Node) -> str:
    """The octets of a group or of octets in hexadecimal, else the value."""
    if node.children or isinstance(node.value, bytes):
        return " ".join(_cells(message, node.buffer)[node.start : node.end])
    return str(node.value)


def frame_text(message: Message, frame: int | None = None) -> str:
    """A frame in hexadecimal, by its index; without one all frames of the message, a line each."""
    cells, ends = _cells(message, 0), list(accumulate((len(one.data) for one in message.frames), initial=0))
    wanted = range(len(message.frames)) if frame is None else (frame,)
    return "\n".join(" ".join(cells[ends[n] : ends[n + 1]]) for n in wanted)


def _cells(message: Message, buffer: int) -> list[str]:
    """The octets of a buffer in hexadecimal, but for those that are covered."""
    data, cover = message.octets(buffer), hiding.cover_of(message)
    return cover.octets(buffer, data) if cover is not None else [f"{octet:02X}" for octet in data]


def json_text(message: Message) -> str:
    """The message as `dlmscope decode --format json` gives it."""
    return json.dumps(message_json.render(message), indent=2, ensure_ascii=False)
