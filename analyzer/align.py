"""Pairing the messages of two traces by what they are, in the order of both.

Equal heads and tails are paired at once; what lies between is aligned so that the likeness of all pairs is greatest
(Needleman and Wunsch), in pieces where it is long. A message that has no partner faces a gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher

from analyzer.message import Message
from grammars import readings
from grammars.kit.spec import find_raw

Pairing = list[tuple[int | None, int | None]]
Key = tuple[str, str, str, str]  # direction, kind of the frame, APDU inside all protection, object addressed

LARGEST_TABLE = 250_000  # cells; longer stretches are cut at messages that are exactly alike
SAME, SAME_APDU, SAME_FRAME, UNLIKE = 8, 5, 2, -1000


def align(a: Sequence[Message], b: Sequence[Message]) -> Pairing:
    """Pairs of indices into `a` and `b`; None for a gap. Every index occurs once, in its order."""
    return align_keys([key_of(message) for message in a], [key_of(message) for message in b])


def key_of(message: Message) -> Key:
    """What a message is, whatever it carries: what two runs of one exchange have in common."""
    plain = message.plain
    name = plain.name if plain is not None else ""
    target = ""
    if plain is not None and name.endswith("-request"):
        instance, index = find_raw(plain.nodes, "instance_id"), find_raw(plain.nodes, "attribute_id")
        index = index or find_raw(plain.nodes, "method_id")
        if instance is not None and isinstance(instance[3], bytes):
            target = f"{readings.obis(instance[3])} {index[3] if index else ''}"
    frame = message.frame or message.frames[0].framing
    return message.direction, frame, name, target


def align_keys(a: Sequence[Key], b: Sequence[Key]) -> Pairing:
    """As `align`, for keys."""
    head = 0
    while head < len(a) and head < len(b) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < len(a) - head and tail < len(b) - head and a[len(a) - 1 - tail] == b[len(b) - 1 - tail]:
        tail += 1
    middle = _middle(a, b, head, len(a) - tail, head, len(b) - tail)
    ends = zip(range(len(a) - tail, len(a)), range(len(b) - tail, len(b)), strict=True)
    return [*((n, n) for n in range(head)), *middle, *ends]


def _middle(a: Sequence[Key], b: Sequence[Key], a0: int, a1: int, b0: int, b1: int) -> Pairing:
    if (a1 - a0) * (b1 - b0) <= LARGEST_TABLE:
        return _table(a, b, a0, a1, b0, b1)
    pairs: Pairing = []
    matcher = SequenceMatcher(None, a[a0:a1], b[b0:b1], autojunk=True)
    for kind, i, j, k, m in matcher.get_opcodes():
        if kind == "equal":
            pairs += zip(range(a0 + i, a0 + j), range(b0 + k, b0 + m), strict=True)
        elif (j - i) * (m - k) <= LARGEST_TABLE:
            pairs += _table(a, b, a0 + i, a0 + j, b0 + k, b0 + m)
        else:
            pairs += [(n, None) for n in range(a0 + i, a0 + j)]
            pairs += [(None, n) for n in range(b0 + k, b0 + m)]
    return pairs


def _table(a: Sequence[Key], b: Sequence[Key], a0: int, a1: int, b0: int, b1: int) -> Pairing:
    """The best alignment of two stretches; of equally good ones that which pairs earliest."""
    rows, columns = a1 - a0, b1 - b0
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        below, here = best[i + 1], best[i]
        for j in range(columns - 1, -1, -1):
            here[j] = max(_likeness(a[a0 + i], b[b0 + j]) + below[j + 1], below[j], here[j + 1])
    pairs: Pairing = []
    i = j = 0
    while i < rows and j < columns:
        likeness = _likeness(a[a0 + i], b[b0 + j])
        if likeness > 0 and best[i][j] == likeness + best[i + 1][j + 1]:
            pairs.append((a0 + i, b0 + j))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((a0 + i, None))
            i += 1
        else:
            pairs.append((None, b0 + j))
            j += 1
    pairs += [(n, None) for n in range(a0 + i, a1)]
    pairs += [(None, n) for n in range(b0 + j, b1)]
    return pairs


def _likeness(a: Key, b: Key) -> int:
    if a == b:
        return SAME
    if a[0] != b[0] or a[1] != b[1]:
        return UNLIKE
    return SAME_APDU if a[2] == b[2] and a[2] else SAME_FRAME if a[1] in ("I", "UI", "wrapper", "none") else UNLIKE
