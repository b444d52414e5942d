"""What is the same in two messages before trees are made of them: groups of fields of which a comparison needs no parts."""

from __future__ import annotations

from collections.abc import Sequence

from analyzer.message import Layer, Message
from grammars.kit.spec import RawNode

Range = tuple[int, int]
Side = tuple[bytes, Sequence[Range]]  # octets, and where in them another layer stands
NOTHING: frozenset[int] = frozenset()


def same_groups(a: Message, b: Message) -> frozenset[int]:
    """The identities of raw nodes of both, in pairs: of equal octets and read equally, all that is in them too, with no
    other layer inside. Good as long as the messages live. Only of messages of one frame each, in one framing."""
    one, other = a.frames[0], b.frames[0]
    if len(a.frames) != 1 or len(b.frames) != 1 or one.framing != other.framing:
        return NOTHING
    if _is_remarked(a) or _is_remarked(b):
        return NOTHING
    found: set[int] = set()
    _groups(one.parsed.nodes, other.parsed.nodes, (one.data, [one.payload]), (other.data, [other.payload]), found)
    if a.layer is not None and b.layer is not None:
        _layers(a.layer, b.layer, a, b, found)
    return frozenset(found)


def _is_remarked(message: Message) -> bool:
    """Whether something is wrong anywhere: it is said on the innermost node at its place, so all nodes are needed."""
    layers = message.layer.walk() if message.layer is not None else ()
    return bool(message.frames[0].parsed.issues) or any(layer.parsed.issues for layer in layers)


def _layers(one: Layer, other: Layer, a: Message, b: Message, found: set[int]) -> None:
    if one.name != other.name or len(one.inner) != len(other.inner):
        return
    sides = [
        (message.octets(layer.buffer), [inner.hole for inner in layer.inner if inner.hole is not None])
        for layer, message in ((one, a), (other, b))
    ]
    _groups(one.nodes, other.nodes, sides[0], sides[1], found)
    for pair in zip(one.inner, other.inner, strict=True):
        _layers(*pair, a, b, found)


def _groups(a: list[RawNode], b: list[RawNode], one: Side, other: Side, found: set[int]) -> None:
    """Of siblings, if they are the same fields one by one: else others may face each other than stand in one place."""
    if len(a) != len(b) or any(x[0] is not y[0] for x, y in zip(a, b, strict=True)):
        return
    for x, y in zip(a, b, strict=True):
        group = isinstance(x[3], list)
        if group != isinstance(y[3], list) or not (group or x[0].parts is not None):
            continue
        equal = one[0][x[1] : x[2]] == other[0][y[1] : y[2]] and _same(x, y)
        if equal and not (group and (_touched(x, one[1]) or _touched(y, other[1]))):
            found.update((id(x), id(y)))
        elif group:
            _groups(x[3], y[3], one, other, found)


def _same(x: RawNode, y: RawNode) -> bool:
    if x[0] is not y[0] or x[2] - x[1] != y[2] - y[1]:
        return False
    if isinstance(x[3], list) and isinstance(y[3], list):
        return len(x[3]) == len(y[3]) and all(map(_same, x[3], y[3]))
    return type(x[3]) is type(y[3]) and bool(x[3] == y[3])


def _touched(node: RawNode, holes: Sequence[Range]) -> bool:
    return any(start < node[2] and node[1] < end for start, end in holes)
