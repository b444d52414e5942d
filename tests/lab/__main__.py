"""`python -m tests.lab [--healthy N] [--seeds N] [--from N] [--only WORD]`: how the engine does on the laboratory, as tables.

`--from` chooses the first seed, so that conversations can be had that no rule was ever looked at with.
"""

from __future__ import annotations

import argparse
from collections import Counter

from tests.lab.faults import every_fault
from tests.lab.measure import Score, alarms, score
from tests.lab.pairs import pairs


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.lab", description="measures the diagnosis")
    options.add_argument("--healthy", type=int, default=2000, help="healthy conversations (2000)")
    options.add_argument("--seeds", type=int, default=20, help="conversations for each fault (20)")
    options.add_argument("--only", default="", help="only faults with this word in code or name")
    options.add_argument("--pairs", type=int, default=10, help="conversations for each pair of faults (10)")
    options.add_argument("--from", type=int, default=1, dest="first", help="the first seed (1)")
    options.add_argument(
        "--shown", type=int, default=3, help="misses and untrue claims of a fault that are printed (3)"
    )
    given = options.parse_args()
    silent = print_healthy(range(given.first - 1, given.first - 1 + given.healthy))
    scores = [
        print_score(score(one, range(given.first, given.first + given.seeds)), given.shown)
        for one in every_fault()
        if given.only in one.code or given.only in one.name
    ]
    print_total(scores)
    print_pairs(range(given.first, given.first + given.pairs))
    return 0 if silent else 1


def print_healthy(seeds: range) -> bool:
    found = alarms(seeds)
    print(f"{len(seeds)} healthy conversations: {len(found)} errors or warnings in {len({a.seed for a in found})}")
    for code, times in Counter(alarm.finding.code for alarm in found).most_common():
        print(f"  {code} {times} times, as {next(alarm for alarm in found if alarm.finding.code == code)}")
    return not found


def print_score(one: Score, shown: int) -> Score:
    proven, likely = one.claims["proven"], one.claims["likely"]
    print(
        f"{one.fault.code:32} {one.fault.name:34} first {one.first:3} of {one.seeds}  top three {one.third:3}"
        f"  proven {proven[1]}/{proven[0]}  likely {likely[1]}/{likely[0]}"
    )
    for line in (*one.misses[:shown], *one.lies[:shown]):
        print(f"    {line[:220]}")
    return one


def print_pairs(seeds: range) -> None:
    count, both = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    for first, second, _, codes in pairs(seeds):
        count[first, second] += 1
        both[first, second] += first in codes and second in codes
    for pair, times in count.items():
        if both[pair] < times:
            print(f"  {' and '.join(pair)}: both found in {both[pair]} of {times}")
    if count:
        print(f"pairs: both found in {both.total()} of {count.total()}, {both.total() / count.total():.1%}")


def print_total(scores: list[Score]) -> None:
    seeds = sum(one.seeds for one in scores)
    if not seeds:
        return
    for word, hits in (("first", sum(one.first for one in scores)), ("among three", sum(one.third for one in scores))):
        print(f"{word}: {hits} of {seeds}, {hits / seeds:.1%}")
    for word in ("proven", "likely"):
        said, true = (sum(one.claims[word][at] for one in scores) for at in (0, 1))
        print(f"{word}: {true} of {said} true" + (f", {true / said:.1%}" if said else ""))


if __name__ == "__main__":
    raise SystemExit(main())
