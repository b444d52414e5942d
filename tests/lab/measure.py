"""What the engine says of the conversations of the laboratory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.keyring import KeyRing
from analyzer.model import Finding, Trace
from tests.lab.conversation import healthy
from tests.lab.faults import Fault


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


@dataclass
class Score:
    """How one fault was found. `claims` are the roots of severity error or warning by certainty: (said, true)."""

    fault: Fault
    seeds: int = 0
    first: int = 0
    third: int = 0
    claims: dict[str, list[int]] = field(default_factory=lambda: {"proven": [0, 0], "likely": [0, 0]})
    misses: list[str] = field(default_factory=list)
    lies: list[str] = field(default_factory=list)


def score(fault: Fault, seeds: Iterable[int]) -> Score:
    """One fault on conversations of many seeds."""
    result = Score(fault)
    for seed in seeds:
        findings = diagnosed(*fault.make(seed)).findings
        # Remarks about what is true and no fault do not stand before another remark, which is all that some faults are.
        codes = [finding.code for finding in findings if finding.severity != "info" or finding.code == fault.code]
        result.seeds += 1
        result.first += codes[:1] == [fault.code]
        result.third += fault.code in codes[:3]
        if codes[:1] != [fault.code]:
            result.misses.append(f"seed {seed}: {', '.join(codes[:4]) or 'nothing'}")
        for finding in findings:
            if finding.because_of is None and finding.severity != "info" and finding.certainty in result.claims:
                true = finding.code in (fault.code, *fault.also)
                result.claims[finding.certainty][0] += 1
                result.claims[finding.certainty][1] += true
                if not true:
                    result.lies.append(
                        f"seed {seed}: {finding.code} {finding.certainty}: {'; '.join(finding.evidence)}"
                    )
    return result
