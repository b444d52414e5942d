"""A message in one line, for lists: number, time, direction, frame, and what it is."""

from __future__ import annotations

from analyzer.message import Message
from analyzer.report.colors import palette
from analyzer.report.summary import summary
from grammars.readings import escaped

ARROWS = {"client": "-->", "meter": "<--", "unknown": "---"}


def render(message: Message, color: bool = False) -> str:
    """One line without its end."""
    colors = palette(color)
    time = f"{escaped(message.time)}  " if message.time else ""
    frame = message.frame or message.frames[0].framing
    arrow = ARROWS[message.direction]
    return f"{message.number:>4}  {time}{arrow} {colors.dim(f'{frame:<5}')} {escaped(summary(message))}"
