"""What is copied of a message: a field, frames, JSON."""

from __future__ import annotations

import json

from analyzer.message import Message
from analyzer.model import Node
from analyzer.report import message_json


def field_text(message: Message, node: Node) -> str:
    """The octets of a group or of octets in hexadecimal, else the value."""
    octets = message.octets(node.buffer)[node.start : node.end]
    return octets.hex(" ").upper() if node.children or isinstance(node.value, bytes) else str(node.value)


def frame_text(message: Message, frame: int | None = None) -> str:
    """A frame in hexadecimal, by its index; without one all frames of the message, a line each."""
    frames = message.frames if frame is None else (message.frames[frame],)
    return "\n".join(one.data.hex(" ").upper() for one in frames)


def json_text(message: Message) -> str:
    """The message as `dlmscope decode --format json` gives it."""
    return json.dumps(message_json.render(message), indent=2, ensure_ascii=False)
