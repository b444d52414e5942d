"""Nothing that is shown reaches the terminal as a command: names of files and traces, and texts, may hold anything."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

# Control characters and their pictures: U+2400 to U+2421; those of 8 bits, and what turns the direction of writing, as one.
PICTURES = {code: 0x2400 + code for code in range(32)} | {0x7F: 0x2421}
PICTURES |= dict.fromkeys([*range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), 0x2028, 0x2029], 0xFFFD)


class PlainLines(LineFilter):
    """Shows control characters as their pictures, in every line that is drawn."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """A line without commands."""
        if all(segment.text.isprintable() or segment.control for segment in segments):
            return segments
        return [
            segment
            if segment.control or segment.text.isprintable()
            else Segment(segment.text.translate(PICTURES), segment.style)
            for segment in segments
        ]
