"""What the engine says of the conversations of the laboratory.

`python -m tests.lab.measure [SEEDS] [FIRST]` counts everything that is said, so that nothing is left out in favour of the
engine: what `python -m tests.lab` judges are the faults that stand for themselves (roots, errors and warnings). Here are
also the consequences, of which most repeat what a meter answers, and the remarks, which are true and no faults.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.keyring import KeyRing
from analyzer.model import Finding, Trace
from tests.lab.conversation import healthy

Kind = tuple[str, str, str]  # root or consequence, fault or remark, certainty


@dataclass(frozen=True)
class Alarm:
    """An error or warning on a conversation that has no fault."""

    seed: int
    finding: Finding

    def __str__(self) -> str:
        found = self.finding
        return f"{found.code} ({found.severity}, {found.certainty}) seed {self.seed}: {'; '.join(found.evidence)}"


def diagnosed(trace: Trace, ring: KeyRing) -> Diagnosis:
    return diagnose([(trace, list(decode(trace, ring)))], ring)[0]


def alarms(seeds: Iterable[int]) -> list[Alarm]:
    """The errors and warnings on healthy conversations."""
    found = []
    for seed in seeds:
        diagnosis = diagnosed(*healthy(seed))
        found += [Alarm(seed, one) for one in diagnosis.findings if one.severity != "info"]
    return found


def kind_of(finding: Finding) -> Kind:
    stands = "root" if finding.because_of is None else "consequence"
    return stands, "remark" if finding.severity == "info" else "fault", finding.certainty


def everything_said(seeds: Iterable[int]) -> tuple[Counter[Kind], Counter[Kind], Counter[tuple[Kind, str]]]:
    """Of conversations with each fault: what is said by kind, how much of it names the fault or what follows from it, and
    the codes of the rest."""
    from tests.lab.faults import every_fault, talk_with

    said, meant, besides = Counter[Kind](), Counter[Kind](), Counter[tuple[Kind, str]]()
    for fault in every_fault():
        for seed in seeds:
            talk = talk_with(seed, fault)
            for finding in diagnosed(talk.play(), talk.ring()).findings:
                kind, right = kind_of(finding), finding.code in (*fault.codes, *fault.also)
                said[kind] += 1
                meant[kind] += right
                besides[kind, finding.code] += not right
    return said, meant, +besides


def main() -> None:
    given = [int(word) for word in sys.argv[1:3]]
    count, first = (*given, *(3, 1)[len(given) :])
    said, meant, besides = everything_said(range(first, first + count))
    for kind in sorted(said):
        rest = ", ".join(f"{code} {n}" for (own, code), n in besides.most_common() if own == kind)
        print(f"{' '.join(kind)}: {said[kind]} said, {meant[kind]} name the fault; besides: {rest or 'nothing'}")


if __name__ == "__main__":
    main()
