"""Which fields of two trees face each other: by name, an APDU with an APDU, whatever stands between them on one side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from analyzer.model import Node
from grammars.tables.apdu import APDU_TAGS

APDU_NAMES = frozenset(APDU_TAGS.values())
ALIASES = {"conformance_block_old": "conformance_block"}  # one field in two encodings


def facing(a: Node, b: Node) -> Iterable[tuple[str, Node | None, Node | None]]:
    """Children by what paths call them, in the order of both. APDUs face each other whatever they are."""
    names = [_name(child) for child in a.children]
    if names == [_name(child) for child in b.children] and len(set(names)) == len(names):
        return zip(names, a.children, b.children, strict=True)
    return _merged_children(a, b)


def innermost(apdu: Node) -> Node:
    """The APDU inside all protection of one."""
    for node in apdu.walk():
        if node.name == "ciphered_text":
            for child in node.children:
                if child.name in APDU_NAMES:
                    return innermost(child)
    return apdu


def _merged_children(a: Node, b: Node) -> Iterator[tuple[str, Node | None, Node | None]]:
    many = {
        name
        for children in (a.children, b.children)
        for name, count in Counter(_name(child) for child in children).items()
        if count > 1
    }
    left, right = _labels(a, many), _labels(b, many)
    apdus = [[label for label in own if label in APDU_NAMES and label not in other] for own, other in
             ((left, right), (right, left))]  # fmt: skip
    if len(apdus[0]) == len(apdus[1]) == 1:
        right = {(apdus[0][0] if label == apdus[1][0] else label): node for label, node in right.items()}
    for label in _merged(list(left), list(right)):
        yield label, left.get(label), right.get(label)


def _name(node: Node) -> str:
    return ALIASES.get(node.name, node.name)


def _labels(node: Node, many: set[str]) -> dict[str, Node]:
    """Children by name, with an index where one side has several of it."""
    seen: Counter[str] = Counter()
    made: dict[str, Node] = {}
    for child in node.children:
        name = _name(child)
        seen[name] += 1
        made[f"{name}[{seen[name]}]" if name in many else name] = child
    return made


def _merged(a: list[str], b: list[str]) -> list[str]:
    """The labels of both, each in its order; one of `a` alone comes before one of `b` alone."""
    known, later = set(a), set(b)
    merged: list[str] = []
    at = 0
    for label in b:
        if label in known:
            while at < len(a) and a[at] != label and a[at] not in later:
                merged.append(a[at])
                at += 1
            if at < len(a) and a[at] == label:
                at += 1
                merged.append(label)
            continue
        merged.append(label)
    placed = set(merged)
    return merged + [label for label in a if label not in placed]
