"""The Simple XML that users of Gurux tools know (GXDLMSTranslator, output type SIMPLE_XML), from decoded messages.

Elements, attributes and the way of writing numbers are those of the translator, as of gurux_dlms 1.0.203. What it has no
element for stands in a comment with our name and the octets. A trace is one element `Messages`; several traces of one
output stand in an element `Traces`. Where the output knowingly differs is listed and held in tests/test_simple_xml.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analyzer.message import Message
from analyzer.model import SourceIssue
from analyzer.report.simple_xml.elements import Comment, Cover, Element, lines
from analyzer.report.simple_xml.frames import frame_items
from analyzer.report.summary import summary

DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
SEVERAL, TRACE = "Traces", "Messages"


def render(message: Message, cover: Cover = str) -> str:
    """One message: a comment that sums it up, and its frames. `cover` masks what must not be seen in texts and values."""
    head = [f"#{message.number}", message.direction, *([message.time] if message.time else []), summary(message)]
    return "\n".join(lines([Comment("  ".join(head)), *frame_items(message)], cover, 1))


def opening(name: str, source: str, issues: Sequence[SourceIssue] = (), cover: Cover = str) -> Iterator[str]:
    """The lines that begin a trace."""
    empty = Element(TRACE, (("Name", name), ("Source", source)))
    yield next(lines([empty], cover)).removesuffix(" />") + ">"
    yield from lines([Comment(f"{issue.severity}: {issue.text}") for issue in issues], cover, 1)


def closing() -> str:
    """The line that ends a trace."""
    return f"</{TRACE}>"
