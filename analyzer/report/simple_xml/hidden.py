"""Simple XML without values: data and blocks covered by the elements that they stand in, octets by their place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from analyzer.covered import Cover, masked
from analyzer.report.simple_xml.elements import Comment, Element, Item
from analyzer.report.simple_xml.names import DATA_TYPES

VALUES = frozenset(DATA_TYPES.values()) - {"Array", "Structure"} | {"ArrayContents"}
BLOCKS = frozenset({"RawData", "BlockData", "NextFrame"})
OCTETS = re.compile(r"\b(?:[0-9A-F]{2}){2,}\b|(?<=undecoded )[0-9A-F]{2}\b")  # in remarks
READING = re.compile(r"(?<==).*")  # a value of a P1 telegram


def without_values(items: Sequence[Item], cover: Cover, data: bool = False) -> Iterator[Item]:
    """The same items, covered. `data` says that they stand in a value, where remarks tell it."""
    inside = data or any(isinstance(item, Element) and item.tag in VALUES for item in items)
    for item in items:
        if isinstance(item, Comment):
            text = masked(item.text) if inside else _remark(item.text, cover)
            yield Comment(text, tuple(without_values(item.children, cover)))
        elif item.tag in VALUES | BLOCKS:
            attributes = tuple((name, masked(text) if name == "Value" else text) for name, text in item.attributes)
            children = tuple(without_values(item.children, cover, True))
            yield replace(item, attributes=attributes, children=children, text=tuple(map(masked, item.text)))
        else:
            within = inside and item.tag in ("Array", "Structure")
            yield replace(item, children=tuple(without_values(item.children, cover, within)))


def _remark(text: str, cover: Cover) -> str:
    text = READING.sub(lambda found: masked(found[0]), text)
    return cover.words(OCTETS.sub(lambda found: "".join(cover.quoted(found[0])), text))
