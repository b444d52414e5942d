"""Pairing the messages of two traces by what they are, in the order of both.

Equal heads and tails are paired at once; what lies between is aligned so that the likeness of all pairs is greatest
(Needleman and Wunsch). A long stretch is cut before that: at messages that each side has once, then along the
shortest edit script (Myers), of which a bounded number of edits is followed at a time. So time is near linear where
two traces agree, and memory never grows with the product of their lengths.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from analyzer.message import Message
from grammars import readings
from grammars.kit.spec import find_raw

Pairing = list[tuple[int | None, int | None]]
Key = tuple[str, str, str, str]  # direction, kind of the frame, APDU inside all protection, object addressed
Run = tuple[int, int, int]  # so many pairs of a and b that follow each other, from these indices on
Cut = tuple[int, int, int, int]  # a stretch: first and end in a, first and end in b

LARGEST_TABLE = 40_000  # cells
MOST_EDITS = 300  # followed at a time; what lies between them is less than a table
SAME, SAME_REQUEST, SAME_APDU, SAME_FRAME, UNLIKE = 16, 13, 10, 4, -1000
CARRIERS = frozenset(
    {"I", "UI", "wrapper", "none", "mbus", "plc", "prime"}
)  # frames that carry an APDU, of whatever kind


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
    """Pairs of indices into `a` and `b`; None for a gap. Every index occurs once, in its order. align_keys(b, a) gives the
    same pairs, turned round."""
    return list(aligned(a, b))


def aligned(a: Sequence[Key], b: Sequence[Key]) -> Iterator[tuple[int | None, int | None]]:
    """The pairs of `align_keys` one by one. Held are the runs of pairs between two gaps, not the pairs."""
    swapped = _is_less(b, a)  # of equally good pairings one is taken, whichever side comes first
    runs = sorted(run for run in (_matches(b, a) if swapped else _matches(a, b)) if run[2])
    at = [0, 0]
    for first, second, length in [*runs, (len(b), len(a), 0) if swapped else (len(a), len(b), 0)]:
        i, j = (second, first) if swapped else (first, second)
        for n in range(at[0], i):
            yield n, None
        for n in range(at[1], j):
            yield None, n
        for n in range(length):
            yield i + n, j + n
        at = [i + length, j + length]


def _is_less(a: Sequence[Key], b: Sequence[Key]) -> bool:
    """As `tuple(a) < tuple(b)`, without these tuples."""
    for one, other in zip(a, b, strict=False):
        if one != other:
            return one < other
    return len(a) < len(b)


def _matches(a: Sequence[Key], b: Sequence[Key]) -> Iterator[Run]:
    """The pairs without gaps, as runs in no order, some of them empty."""
    waiting = [((0, len(a), 0, len(b)), False)]  # stretches, and whether anchors were looked for in them
    while waiting:
        (a0, a1, b0, b1), anchored = waiting.pop()
        head = tail = 0
        while a0 + head < a1 and b0 + head < b1 and a[a0 + head] == b[b0 + head]:
            head += 1
        yield a0, b0, head
        a0, b0 = a0 + head, b0 + head
        while a0 < a1 - tail and b0 < b1 - tail and a[a1 - tail - 1] == b[b1 - tail - 1]:
            tail += 1
        a1, b1 = a1 - tail, b1 - tail
        yield a1, b1, tail
        cut = (a0, a1, b0, b1)
        if a0 == a1 or b0 == b1:
            continue
        if (a1 - a0) * (b1 - b0) <= LARGEST_TABLE:
            yield from _runs(_table(a, b, cut))
        elif not anchored and (anchors := list(_runs(_anchors(a, b, cut)))):
            yield from anchors
            waiting += [(part, True) for part in _between(anchors, cut)]
        else:
            steps, (a_end, b_end) = _edits(a, b, cut)
            yield from steps
            for part in _between(steps, (a0, a_end, b0, b_end)):  # small: a table's, since the edits are counted
                yield from _runs(_table(a, b, part))
            waiting.append(((a_end, a1, b_end, b1), True))


def _runs(pairs: Iterable[tuple[int, int]]) -> Iterator[Run]:
    """Ascending pairs, those that follow each other without a gap as one."""
    i = j = length = 0
    for m, n in pairs:
        if (m, n) == (i + length, j + length):
            length += 1
            continue
        if length:
            yield i, j, length
        i, j, length = m, n, 1
    if length:
        yield i, j, length


def _between(runs: Sequence[Run], cut: Cut) -> Iterator[Cut]:
    """The stretches that ascending runs leave of one."""
    i, j = cut[0], cut[2]
    for m, n, length in [*runs, (cut[1], cut[3], 0)]:
        if i < m and j < n:
            yield i, m, j, n
        i, j = m + length, n + length


def _anchors(a: Sequence[Key], b: Sequence[Key], cut: Cut) -> list[tuple[int, int]]:
    """Messages that each side has once in a stretch, the most of them that stand in one order (patience sorting)."""
    a0, a1, b0, b1 = cut
    once_a, once_b = Counter(a[a0:a1]), Counter(b[b0:b1])
    places = {b[j]: j for j in range(b0, b1) if once_b[b[j]] == 1}
    pairs = [(i, places[a[i]]) for i in range(a0, a1) if once_a[a[i]] == 1 and a[i] in places]
    tops: list[int] = []  # the least end of a chain of each length, and the pair that it ends with
    ends: list[int] = []
    before: list[int] = []
    for n, (_, j) in enumerate(pairs):
        k = bisect_left(tops, j)
        before.append(ends[k - 1] if k else -1)
        tops[k : k + 1], ends[k : k + 1] = [j], [n]
    chain: list[tuple[int, int]] = []
    n = ends[-1] if ends else -1
    while n >= 0:
        chain.append(pairs[n])
        n = before[n]
    return chain[::-1]


def _edits(a: Sequence[Key], b: Sequence[Key], cut: Cut) -> tuple[list[Run], tuple[int, int]]:
    """Equal pairs along the furthest of the shortest edit scripts, and the place that it has reached."""
    a0, a1, b0, b1 = cut
    rows, columns = a1 - a0, b1 - b0
    furthest: dict[int, int] = {1: 0}  # by diagonal, which is the row less the column
    history: list[dict[int, int]] = []
    best = (0, 0, 0)  # progress, diagonal, row
    for edits in range(MOST_EDITS + 1):
        reached: dict[int, int] = {}
        for k in range(-min(edits, columns), min(edits, rows) + 1):
            if (k - edits) % 2:
                continue
            left, up = furthest.get(k - 1, -2) + 1, furthest.get(k + 1, -1)
            x = max(left, up)
            if x < 0 or x > rows or x - k > columns:
                continue
            while x < rows and x - k < columns and a[a0 + x] == b[b0 + x - k]:
                x += 1
            reached[k] = x
            best = max(best, (2 * x - k, k, x))
        history.append(furthest)
        furthest = reached
        if best[0] == rows + columns or not reached:
            break
    return _traced(history, furthest, best, (a0, b0)), (a0 + best[2], b0 + best[2] - best[1])


def _traced(
    history: list[dict[int, int]], last: dict[int, int], best: tuple[int, int, int], origin: tuple[int, int]
) -> list[Run]:
    """The equal pairs on the way to `best`, which some round has reached, from the start on."""
    rounds = [*history[1:], last]
    _, k, x = best
    edits = next(n for n, found in enumerate(rounds) if found.get(k) == x)
    runs: list[Run] = []
    for n in range(edits, -1, -1):
        earlier = history[n]
        left, up = earlier.get(k - 1, -2) + 1, earlier.get(k + 1, -1)
        start = max(left, up)
        if x > start:
            runs.append((origin[0] + start, origin[1] + start - k, x - start))
        k, x = (k - 1, left - 1) if left >= up else (k + 1, up)
    return runs[::-1]


def _table(a: Sequence[Key], b: Sequence[Key], cut: Cut) -> Iterator[tuple[int, int]]:
    """The best alignment of a stretch; of equally good ones that which pairs earliest."""
    a0, a1, b0, b1 = cut
    rows, columns = a1 - a0, b1 - b0
    known: dict[tuple[Key, Key], int] = {}
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        below, here, key = best[i + 1], best[i], a[a0 + i]
        for j in range(columns - 1, -1, -1):
            both = (key, b[b0 + j])
            likeness = known.get(both)
            if likeness is None:
                likeness = known[both] = _likeness(*both)
            paired = likeness + below[j + 1]
            skipped = below[j] if below[j] > here[j + 1] else here[j + 1]
            here[j] = paired if paired > skipped else skipped
    i = j = 0
    while i < rows and j < columns:
        likeness = known[a[a0 + i], b[b0 + j]]
        if likeness > 0 and best[i][j] == likeness + best[i + 1][j + 1]:
            yield a0 + i, b0 + j
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            i += 1
        else:
            j += 1


def _likeness(a: Key, b: Key) -> int:
    """How much two messages have in common; UNLIKE for two that never face each other."""
    if a == b:
        return SAME
    if a[0] != b[0] and "unknown" not in (a[0], b[0]):
        return UNLIKE
    other = (a[0] != b[0]) + (a[1] != b[1])
    if a[1] not in CARRIERS or b[1] not in CARRIERS:
        return UNLIKE if a[1] != b[1] else SAME - other  # the same frame of the link, its sender not known on one side
    if a[2] and a[2] == b[2]:
        return (SAME_REQUEST if a[3] == b[3] else SAME_APDU) - other
    return SAME_FRAME - other if a[1] == b[1] or (a[2] and b[2]) else UNLIKE
