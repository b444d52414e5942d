"""Why does it fail? Rules over decoded traces: findings with proof, cause, cure and the octets that would be right.

`diagnose` runs every registered rule on every trace, links consequences to their causes, and ranks: the first finding
is the earliest sufficient cause. A rule is one function in the file of its layer, see `registry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from analyzer.diagnosis.case import Case, hls_proofs, protections
from analyzer.diagnosis.ranking import findings_of
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Finding, SourceIssue, Trace, Verdict


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What there is to say about one trace. `counts` are the ciphered APDUs by their verdict under the given keys,
    `statements` plain sentences about the keys, `wires` the octets of the messages that a corrected frame is for,
    `issues` what the reader of the input has to say about it."""

    trace: str
    source: str
    messages: int
    health: str
    counts: dict[Verdict, int]
    findings: tuple[Finding, ...]
    statements: tuple[str, ...]
    wires: dict[int, bytes] = field(default_factory=dict, repr=False)
    issues: tuple[SourceIssue, ...] = ()


def diagnose(traces: Sequence[tuple[Trace, Sequence[Message]]], keys: KeyProvider) -> list[Diagnosis]:
    """The diagnosis of each trace, given with its messages as `keys` opened them. Never raises on any octets."""
    from analyzer.diagnosis import rules  # noqa: F401 (the rules register themselves)
    from analyzer.diagnosis.statements import statements

    cases = [Case(trace, messages, keys) for trace, messages in traces]
    for case in cases:
        case.others = tuple(other for other in cases if other is not case)
    made = []
    for case in cases:
        findings = findings_of(case)
        failing = any(finding.severity == "error" for finding in findings)
        made.append(
            Diagnosis(
                trace=case.trace.name,
                source=case.trace.source,
                messages=len(case.given),
                health="failing" if failing else "ok",
                counts=verdicts(case.given),
                findings=findings,
                statements=statements(case, failing),
                wires={n: case.given[n - 1].wire for n in {f.message for f in findings if f.fixed_bytes} if n},
                issues=case.trace.issues,
            )
        )
    return made


def verdicts(messages: Sequence[Message]) -> dict[Verdict, int]:
    """How many protected APDUs have each verdict."""
    counts: dict[Verdict, int] = {"verified": 0, "unauthenticated": 0, "failed": 0, "no-key": 0}
    for message in messages:
        for _, security in protections(message):
            counts[security.verdict] += 1
    return counts


__all__ = ["Case", "Diagnosis", "diagnose", "hls_proofs", "verdicts"]
