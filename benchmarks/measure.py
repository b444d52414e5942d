"""How rows of the table are measured: two things in turn, medians, and what was promised.

Measured in turn, so that whatever else the machine does hits both sides alike.
"""

from __future__ import annotations

import gc
import statistics
import time
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

ROUNDS = 9


class Row(NamedTuple):
    """One line: what was measured, the figure in words, what it has to be ("" where nothing is promised), and whether it
    is. `numbers` are for programs; modules that have none give the first four."""

    name: str
    figure: str
    budget: str
    kept: bool
    numbers: dict[str, float] = {}  # noqa: RUF012 - nobody writes to it


def per_call(function: Callable[[], object], at_least: float = 0.02) -> float:
    """Seconds a call takes, from as many calls as take `at_least` seconds together."""
    number = 1
    while True:
        started = time.process_time()
        for _ in range(number):
            function()
        spent = time.process_time() - started
        if spent >= at_least:
            return spent / number
        number *= 2


def in_turn(
    ours: Callable[[], object], theirs: Callable[[], object], rounds: int = ROUNDS
) -> tuple[float, float, float]:
    """Median seconds a call of each, and the median of the ratios of neighbours."""
    pairs = [(per_call(ours), per_call(theirs)) for _ in range(rounds)]
    mine, other = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
    return mine, other, statistics.median(pair[1] / pair[0] for pair in pairs)


def against(
    name: str,
    peer: str,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    budget: float | None = None,
    rounds: int = ROUNDS,
    each: int = 1,
) -> Row:
    """A row: the time of a peer over ours, which has to be at least `budget`. `each` is the number of things in a call.
    What the two give was compared before."""
    mine, other, ratio = in_turn(ours, theirs, rounds)
    figure = f"{_times(ratio)}  ({duration(mine / each)} against {duration(other / each)})"
    numbers = {"ratio": ratio, "ours_seconds": mine / each, "theirs_seconds": other / each}
    promised = f"at least {budget:,g}x" if budget is not None else ""
    return Row(f"{name}: {peer}", figure, promised, budget is None or ratio >= budget, numbers)


def peak(function: Callable[[], Any]) -> int:
    """Octets that a call holds at most, with what it gives."""
    function()
    gc.collect()
    tracemalloc.start()
    made = function()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    del made
    return held


def lighter(name: str, peer: str, ours: Callable[[], object], theirs: Callable[[], object]) -> Row:
    """A row: the memory of a peer over ours."""
    mine, other = peak(ours), peak(theirs)
    figure = f"{_times(other / mine)}  ({mine / 1024:,.0f} against {other / 1024:,.0f} KiB)"
    return Row(
        f"{name}: {peer}", figure, "", True, {"ratio": other / mine, "ours_octets": mine, "theirs_octets": other}
    )


def duration(seconds: float) -> str:
    """A time as people say it."""
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1 or unit == "µs":
            return f"{seconds * factor:.3g} {unit}"
    raise AssertionError


def _times(ratio: float) -> str:
    return f"{ratio:,.1f}x" if ratio < 100 else f"{ratio:,.0f}x"
