"""Dotted paths in a tree: names from the root's children down, `name[2]` for the second of several with one name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from analyzer.model import Node


def labelled(children: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    """Siblings with what a path calls each: its name, or name[n] from 1 where several have it."""
    many = Counter(child.name for child in children)
    seen: Counter[str] = Counter()
    for child in children:
        seen[child.name] += 1
        yield (child.name if many[child.name] == 1 else f"{child.name}[{seen[child.name]}]"), child


def paths(root: Node, before: str = "") -> Iterator[tuple[str, Node]]:
    """Every node below `root` with its path, parents first."""
    for label, child in labelled(root.children):
        path = f"{before}{label}"
        yield path, child
        yield from paths(child, f"{path}.")


def located(root: Node, wanted: str) -> tuple[str, Node] | None:
    """The first node at a dotted path whose parts may skip levels, with its whole path."""
    first, _, rest = wanted.partition(".")
    for label, child in labelled(root.children):
        if first in (label, child.name):
            if not rest:
                return label, child
            found = located(child, rest)
        else:
            found = located(child, wanted)
        if found is not None:
            return f"{label}.{found[0]}", found[1]
    return None
