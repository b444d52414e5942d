"""Why does it fail? Rules over decoded traces: findings with proof, cause, cure and the octets that would be right.

`diagnose` runs every registered rule on every trace, links consequences to their causes, and ranks: the first finding
is the earliest sufficient cause. A rule is one function in the file of its layer, see `registry`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from analyzer import hiding
from analyzer.covered import Cover
from analyzer.diagnosis.against import compared_with, reference_of
from analyzer.diagnosis.case import Case, hls_proofs, protections
from analyzer.diagnosis.counted import Counted
from analyzer.diagnosis.ranking import Correction, changes_of, findings_of, hits_of
from analyzer.diagnosis.registry import Hit
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Finding, SourceIssue, Trace, Verdict


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What there is to say about one trace. `counts` are the ciphered APDUs by their verdict under the given keys,
    `statements` plain sentences about the keys, `wires` the octets of the messages that a corrected frame is for,
    `issues` what the reader of the input has to say about it, `corrections` what makes each faulty message right,
    `keys` those to seal it with, and `covers` what of the messages with findings must not be shown."""

    trace: str
    source: str
    messages: int
    health: str
    counts: dict[Verdict, int]
    findings: tuple[Finding, ...]
    statements: tuple[str, ...]
    wires: dict[int, bytes] = field(default_factory=dict, repr=False)
    issues: tuple[SourceIssue, ...] = ()
    corrections: dict[int, Correction] = field(default_factory=dict, repr=False)
    keys: KeyProvider | None = field(default=None, repr=False)
    covers: dict[int, Cover] = field(default_factory=dict, repr=False)


def diagnose(
    traces: Sequence[tuple[Trace, Sequence[Message]]],
    keys: KeyProvider,
    against: Sequence[tuple[Trace, Sequence[Message]]] = (),
) -> list[Diagnosis]:
    """The diagnosis of each trace, given with its messages as `keys` opened them. Never raises on any octets.

    A failing trace is compared with a working one: the first of `against` that talks to the same meter or, where none
    were given, the first healthy trace of the same meter among `traces`."""
    from analyzer.diagnosis import rules  # noqa: F401 (the rules register themselves)

    cases = [Case(trace, messages, keys) for trace, messages in traces]
    working = [Case(trace, messages, keys) for trace, messages in against]
    for case in (*cases, *working):
        case.others = tuple(other for other in (*working, *cases) if other is not case)
    hits = [hits_of(case) for case in cases]
    ranked = [findings_of(case, own) for case, own in zip(cases, hits, strict=True)]
    healthy = [case for case, found in zip(cases, ranked, strict=True) if not _failing(found)]
    made = []
    for case, own, found in zip(cases, hits, ranked, strict=True):
        reference = _reference(case, found, working, healthy)
        said: list[str] = []
        if reference is not None:
            found, said = compared_with(case, reference, own, found, asked=bool(against))
        made.append(_diagnosis(case, own, found, said))
    return made


def diagnosis_of(case: Case) -> Diagnosis:
    """The diagnosis of one case by itself."""
    own = hits_of(case)
    return _diagnosis(case, own, findings_of(case, own), [])


def _reference(case: Case, found: Sequence[Finding], working: list[Case], healthy: list[Case]) -> Case | None:
    """What to compare a trace with: what the user names in any case, else a healthy trace for a failing one."""
    if working:
        return reference_of(case, working) or working[0]
    return reference_of(case, healthy) if _failing(found) else None


def _failing(findings: Sequence[Finding]) -> bool:
    return any(finding.severity == "error" for finding in findings)


def _diagnosis(case: Case, hits: list[tuple[str, Hit]], findings: tuple[Finding, ...], said: list[str]) -> Diagnosis:
    from analyzer.diagnosis.statements import statements

    failing = _failing(findings)
    covers: dict[int, Cover] = {}
    if hiding.are_hidden():
        covers = {n: Cover(case.captured_at(n)) for n in {finding.message for finding in findings} if n}
        findings = tuple(_without_values(finding, covers.get(finding.message or 0)) for finding in findings)
    return Diagnosis(
        trace=case.trace.name,
        source=case.trace.source,
        messages=len(case.given),
        health="failing" if failing else "ok",
        counts=verdicts(case.given),
        findings=findings,
        statements=(*statements(case, failing), *said),
        wires={n: case.given_at(n).wire for n in {f.message for f in findings if f.fixed_bytes} if n},
        issues=case.trace.issues,
        corrections=changes_of(case, hits, elsewhere=True),
        keys=case.keys,
        covers=covers,
    )


def _without_values(finding: Finding, cover: Cover | None) -> Finding:
    """A finding whose words do not tell the values of its message."""
    if cover is None:
        return finding
    return replace(
        finding,
        evidence=tuple(
            one.covered(cover.words) if isinstance(one, Counted) else cover.words(one) for one in finding.evidence
        ),
        title=cover.words(finding.title),
        fixed_note=cover.words(finding.fixed_note),
    )


def verdicts(messages: Sequence[Message]) -> dict[Verdict, int]:
    """How many protected APDUs have each verdict."""
    counts: dict[Verdict, int] = {"verified": 0, "unauthenticated": 0, "failed": 0, "no-key": 0}
    for message in messages:
        for _, security in protections(message):
            counts[security.verdict] += 1
    return counts


__all__ = ["Case", "Diagnosis", "diagnose", "hls_proofs", "verdicts"]
