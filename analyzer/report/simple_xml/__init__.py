"""The Simple XML that users of Gurux tools know (GXDLMSTranslator, output type SIMPLE_XML), from decoded messages.

Elements, attributes and the way of writing numbers are those of the translator, as of gurux_dlms 1.0.203. What it has no
element for stands in a comment with our name and the octets. A trace is one element `Messages`; several traces of one
output stand in an element `Traces`. Where the output knowingly differs is listed and held in tests/test_simple_xml.py.
"""

from __future__ import annotations

from collections.abc import Sequence

from analyzer import hiding
from analyzer.message import Message
from analyzer.model import SourceIssue
from analyzer.report import source_issues
from analyzer.report.simple_xml.elements import Comment, Cover, Element, Item, lines
from analyzer.report.simple_xml.frames import frame_items
from analyzer.report.simple_xml.hidden import without_values
from analyzer.report.summary import summary

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
SEVERAL, TRACE = "Traces", "Messages"


def render(message: Message, cover: Cover = str) -> str:
    """One message: a comment that sums it up, and its frames. `cover` masks what must not be seen in texts and values."""
    head = [f"#{message.number}", message.direction, *([message.time] if message.time else []), summary(message)]
    items: Sequence[Item] = frame_items(message)
    if (places := hiding.cover_of(message)) is not None:
        items = list(without_values(items, places))
    return "\n".join(lines([Comment("  ".join(head)), *items], cover, 1))


def beginning(alone: bool) -> list[str]:
    """The lines before all traces; `alone` if there is only one, which is then the root."""
    return [DECLARATION] if alone else [DECLARATION, f"<{SEVERAL}>"]


def end(alone: bool) -> list[str]:
    """The lines behind all traces."""
    return [] if alone else [f"</{SEVERAL}>"]


def opening(name: str, source: str) -> str:
    """The line that begins a trace."""
    return next(lines([Element(TRACE, (("Name", name), ("Source", source)))])).removesuffix(" />") + ">"


def closing(issues: Sequence[SourceIssue] = (), cover: Cover = str) -> list[str]:
    """The lines that end a trace: what is to be said of its source, and the end of its element."""
    said = source_issues.as_lines(issues)
    return [*lines([Comment(text) for text in said], cover, 1), f"</{TRACE}>"]
