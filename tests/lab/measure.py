"""What the engine says of the conversations of the laboratory."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.keyring import KeyRing
from analyzer.model import Finding, Trace
from tests.lab.conversation import healthy


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
