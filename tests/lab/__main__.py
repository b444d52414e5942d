"""`python -m tests.lab`: how the engine does on the laboratory, as tables. The options say how much of it.

Every conversation is written down as a log or capture and read back before it is diagnosed. A line that says what was
missed is followed by `python -m tests.lab.show NAME SEED`, which shows the conversation.
"""

from __future__ import annotations

import argparse
import os
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path

from tests.lab.faults import Fault, every_fault
from tests.lab.judge import Outcome, judged, sound
from tests.lab.pairs import HIDDEN, Both, fitting, hidden, pair_of
from tests.lab.several import among, fits

SHOWN = 3  # misses and untrue claims of a fault that are printed
CATALOGUE = Path(__file__).parents[2] / "analyzer" / "diagnosis" / "catalogue.toml"
# What no single trace shows, each with the reason.
NOT_INJECTED = {
    "hdlc-in-p1": "a fault of the reader; the trace is a sound push",
    "segments-decoded-separately": "a fault of the reader; the trace is a sound segmented answer",
}


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.lab", description="measures the diagnosis")
    options.add_argument("--healthy", type=int, default=2000, help="healthy conversations (2000)")
    options.add_argument("--seeds", type=int, default=20, help="conversations for each fault (20)")
    options.add_argument("--late", type=int, default=4, help="long conversations with each fault near the end (4)")
    options.add_argument("--several", type=int, default=4, help="inputs of three sessions with each fault in one (4)")
    options.add_argument("--gateway", type=int, default=2, help="conversations for each fault behind a gateway (2)")
    options.add_argument(
        "--prelude", type=int, default=1, help="conversations for each fault after another session (1)"
    )
    options.add_argument("--pairs", type=int, default=1500, help="pairs of faults, drawn from all (1500)")
    options.add_argument(
        "--only", default="", help="only faults with this word in code or name; no healthy ones, no pairs"
    )
    options.add_argument("--hidden", action="store_true", help="prints the table of pairs of which one hides the other")
    options.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes (as many as there are cores)")
    given = options.parse_args()
    if given.hidden:
        return print_hidden()
    chosen = [one for one in every_fault() if given.only in one.code or given.only in one.name]
    faults = [one for one in chosen if not one.beside]
    with ProcessPoolExecutor(given.jobs) as pool:
        silent = bool(given.only) or print_healthy(pool, given.healthy)
        print_faults("", faults, _runs(pool, faults, given.seeds, judged))
        late = [one for one in faults if can_be_late(one)]
        print_faults("late in a long conversation", late, _runs(pool, late, given.late, partial(judged, late=True)))
        several = [one for one in chosen if fits(one)]
        print_faults("in one of three sessions", several, _runs(pool, several, given.several, among))
        behind = [one for one in faults if can_be_behind(one)]
        print_faults("behind a gateway", behind, _runs(pool, behind, given.gateway, partial(judged, gateway=True)))
        after = can_be_after(behind)
        print_faults(
            "after a session of the public client",
            after,
            _runs(pool, after, given.prelude, partial(judged, prelude=True)),
        )
        if not given.only:
            print_pairs(list(pool.map(pair_of, range(given.pairs), chunksize=20)))
            print_missing(chosen)
    return 0 if silent else 1


def can_be_late(fault: Fault) -> bool:
    """Faults that have a place among the exchanges, or begin with a random APDU."""
    wanders = fault.stage in ("service", "anywhere")
    return wanders and True not in fault.needs["alone"] and not fault.change.__module__.endswith(".serial")


def can_be_behind(fault: Fault) -> bool:
    """Faults of APDUs on a carrier that gateways have."""
    layer = fault.change.__module__.rpartition(".")[2]
    carriers = set(fault.needs.get("framing", ("hdlc",)))
    return layer in ("acse", "security", "aad", "hls", "services") and bool(
        carriers & {"hdlc", "wrapper", "udp", "mode-e"}
    )


def can_be_after(faults: list[Fault]) -> list[Fault]:
    """Of these, faults of ciphered associations by HDLC or the wrapper: before them the counter is read."""
    carriers = {"hdlc", "wrapper", "udp"}
    return [
        one
        for one in faults
        if set(one.needs.get("framing", carriers)) <= carriers | {"mode-e"}
        and True in one.needs.get("ciphered", (True,))
    ]


def _runs(pool: ProcessPoolExecutor, faults: list[Fault], seeds: int, run: object) -> Iterator[list[Outcome]]:
    """The outcomes of each fault."""
    names = [one.name for one in faults for _ in range(seeds)]
    numbers = [seed for _ in faults for seed in range(1, seeds + 1)]
    done = iter(pool.map(run, names, numbers, chunksize=10))  # type: ignore[arg-type]
    return (list(islice(done, seeds)) for _ in faults) if seeds else iter(())


def print_healthy(pool: ProcessPoolExecutor, count: int) -> bool:
    found = list(pool.map(sound, range(count), chunksize=20))
    bad = [one for one in found if one.alarms or one.problem or not one.octets]
    print(
        f"{count} healthy conversations, each as it is and read back: errors or warnings in {sum(bool(one.alarms) for one in bad)}"
    )
    for one in bad[:20]:
        why = one.problem or (
            ", ".join(one.alarms)[:200] if one.octets else f"read back with other octets; {', '.join(one.alarms)[:100]}"
        )
        print(f"  seed {one.seed}, {one.form}: {why}")
    return not any(one.alarms and one.octets for one in bad)


def print_faults(title: str, faults: list[Fault], runs: Iterator[list[Outcome]]) -> None:
    everything: list[Outcome] = []
    if title:
        print(f"\n{title}:")
    for fault, outcomes in zip(faults, runs, strict=False):
        everything += outcomes
        bad = [one for one in outcomes if not one.first]
        untrue = [(one, claim) for one in outcomes for claim in one.claims if not claim[2]]
        if not title or bad:
            print(
                f"{fault.code:30} {fault.name:40} first {sum(one.first for one in outcomes):3} of {len(outcomes)}"
                f"  top three {sum(one.third for one in outcomes):3}"
                f"  proven {_share(outcomes, 'proven')}  likely {_share(outcomes, 'likely')}"
            )
        for line in [*map(str, bad[:SHOWN]), *(f"seed {one.seed}: {c[1]} {c[0]}: {c[3]}" for one, c in untrue[:SHOWN])]:
            print(f"    {line[:220]}")
    _total(everything)


def _share(outcomes: Iterable[Outcome], word: str) -> str:
    claims = [claim for one in outcomes for claim in one.claims if claim[0] == word]
    return f"{sum(claim[2] for claim in claims)}/{len(claims)}"


def _total(outcomes: list[Outcome]) -> None:
    if not outcomes:
        return
    for word, hits in (
        ("first", sum(one.first for one in outcomes)),
        ("among three", sum(one.third for one in outcomes)),
    ):
        print(f"{word}: {hits} of {len(outcomes)}, {hits / len(outcomes):.1%}")
    for word in ("proven", "likely"):
        print(f"{word}, and true: {_share(outcomes, word)}")
    changed = [one for one in outcomes if not one.octets]
    if changed:
        right = sum(one.first for one in outcomes if one.octets) / max(1, len(outcomes) - len(changed))
        print(f"read back with other octets: {len(changed)}; first in the others: {right:.1%}")
    broken = [one for one in outcomes if one.problem]
    if broken:
        print(f"broke: {len(broken)}")


def print_pairs(drawn: list[Both | None]) -> None:
    """How often both faults of a pair were found, and which faults were missed beside which."""
    played = [one for one in drawn if one is not None]
    if not played:
        return
    missed = Counter(name for one in played for name in one.missed)
    both = sum(not one.missed for one in played)
    alone = sum(not one.hard for one in played)
    print(
        f"\npairs: both found in {both} of {len(played)}, {both / len(played):.1%}; {len(fitting())} pairs fit into one conversation,"
    )
    print(f"  {sum(hidden(*pair) is not None for pair in fitting())} of them do not count, see --hidden")
    print(f"  without those of which a fault is not found alone either: {alone / len(played):.1%}")
    for broken in (one for one in played if one.problem):
        print(f"  broke: {broken.problem}, python -m tests.lab.show {broken.first} {broken.second} {broken.seed}")
    for name, times in missed.most_common(25):
        examples = [one for one in played if name in one.missed]
        hard = [one for one in examples if name in one.hard]
        one = (hard or examples)[0]
        print(
            f"  {name} missed {times} times ({len(hard)} of them found alone), as python -m tests.lab.show {one.first} {one.second} {one.seed}"
        )


def print_hidden() -> int:
    """The table of pairs that do not count, each row with its reason and how many pairs it has."""
    rows = Counter(row.name for pair in fitting() if (row := hidden(*pair)) is not None)
    for row in HIDDEN:
        print(f"{rows[row.name]:6}  {row.name}: {row.reason}")
    return 0


def print_missing(faults: list[Fault]) -> None:
    """Codes of the catalogue that no fault here injects."""
    have = {code for one in faults for code in one.codes}
    codes = tomllib.loads(CATALOGUE.read_text()).keys() - have
    print(f"\n{len(have)} codes are injected, {len(codes)} are not:")
    for code in sorted(codes):
        print(f"  {code}: {NOT_INJECTED.get(code, 'no fault yet')}")


if __name__ == "__main__":
    raise SystemExit(main())
