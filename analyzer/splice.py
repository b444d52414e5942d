"""An APDU with some fields changed, all others as their sender wrote them.

Building writes the shortest lengths and 01 for TRUE. Senders need not: what they wrote otherwise stays where a change
keeps the size of its field.
"""

from __future__ import annotations

from collections.abc import Iterator

from grammars.apdu import APDU
from grammars.kit.spec import RawNode
from grammars.parse import build, parse


def build_like(original: bytes, start: int, nodes: list[RawNode], changed: list[RawNode]) -> bytes:
    """The octets of `changed`, written as `original` is, whose nodes `nodes` count their octets from `start`. Raises
    what building raises."""
    made = build(APDU, changed)
    canonical = build(APDU, nodes)
    if canonical == original or len(canonical) != len(made):
        return made
    written, usual = list(_leaves(nodes)), list(_leaves(parse(APDU, canonical).nodes))
    if [leaf[0] for leaf in written] != [leaf[0] for leaf in usual]:
        return made
    spliced = bytearray(original)
    for (_, at, end, _), (_, begin, stop, _) in zip(written, usual, strict=True):
        alike = next((n for n in range(begin, stop) if canonical[n] != made[n]), stop)
        octets = made[alike:stop]
        if len(octets) > end - at:
            return made
        spliced[end - start - len(octets) : end - start] = octets  # what is alike, a longer length, stands before it
    return bytes(spliced)


def _leaves(nodes: list[RawNode]) -> Iterator[RawNode]:
    for node in nodes:
        if isinstance(node[3], list):
            yield from _leaves(node[3])
        else:
            yield node
