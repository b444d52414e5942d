"""Which octets of two messages to light: what differs, what differs as expected, and the field that is chosen."""

from __future__ import annotations

from analyzer.comparison import FieldDifference, Pair
from analyzer.message import Message
from analyzer.model import Node
from analyzer.paths import located
from analyzer.report.diagnosis_text import changed
from analyzer.tree import tree_of
from analyzer.tui.widgets.bytes_view import Lit

LARGEST = 2048  # octets that are matched; longer ones are compared place by place


def differing(a: bytes, b: bytes) -> tuple[set[int], set[int]]:
    """The places of octets that the other side has not."""
    if max(len(a), len(b)) <= LARGEST:
        return changed(a, b)
    places = {n for n, (one, other) in enumerate(zip(a, b, strict=False)) if one != other}
    shorter = min(len(a), len(b))
    return places | set(range(shorter, len(a))), places | set(range(shorter, len(b)))


def joined(places: set[int], look: str = "changed") -> list[Lit]:
    """Places as ranges."""
    made: list[Lit] = []
    for place in sorted(places):
        if made and made[-1].end == place:
            made[-1] = Lit(made[-1].start, place + 1, look)  # type: ignore[arg-type]
        else:
            made.append(Lit(place, place + 1, look))  # type: ignore[arg-type]
    return made


def field_node(message: Message | None, field: FieldDifference | None) -> Node | None:
    """The node that a difference is about, None where this side has none."""
    if message is None or field is None:
        return None
    path = field.path.partition(", only on")[0]
    found = located(tree_of(message), path)
    return found[1] if found is not None else None


def lit_of(a: Message | None, b: Message | None, pair: Pair, buffers: tuple[int, int]) -> tuple[list[Lit], list[Lit]]:
    """What to light on either side in one buffer of each: octets that differ, those of expected fields quietly."""
    if a is None or b is None:
        return [], []
    octets = a.octets(buffers[0]), b.octets(buffers[1])
    found = differing(*octets)
    sides: list[list[Lit]] = []
    for side, (message, places) in enumerate(zip((a, b), found, strict=True)):
        root = tree_of(message)
        quiet: set[int] = set()
        for field in pair.fields:
            if field.status != "expected":
                continue
            node = located(root, field.path)
            if node is not None and node[1].buffer == buffers[side]:
                quiet |= set(range(node[1].start, node[1].end))
        loud: set[int] = set()
        for field in pair.fields:
            if field.status == "different":
                node = located(root, field.path)
                if node is not None and node[1].buffer == buffers[side] and not node[1].children:
                    loud |= set(range(node[1].start, node[1].end))
        quiet -= loud
        sides.append([*joined(places & quiet, "expected"), *joined(places - quiet)])
    return sides[0], sides[1]
