"""What the parts of a long trace say, put together: the same finding once, and how often it came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Sequence
from dataclasses import dataclass, field, replace

from analyzer.diagnosis import Diagnosis, verdicts
from analyzer.diagnosis.counted import Counted, Told, enough, with_counts
from analyzer.diagnosis.ranking import SAME_MANY
from analyzer.keyring import KeyProvider
from analyzer.model import Finding, Trace, Verdict

SEARCHED = 3  # parts in which it is searched why nothing verifies


@dataclass(frozen=True, slots=True)
class Said:
    """What there is to say about a part, without its messages: how many they are and the number of the last, their ciphered
    APDUs by verdict, the findings, and the octets of the messages that a corrected frame is for. `keys` are the best, `tallies`
    what is counted in each part, whatever is found in it."""

    messages: int
    last: int
    counts: dict[Verdict, int]
    findings: tuple[Finding, ...]
    wires: dict[int, bytes] = field(default_factory=dict, repr=False)
    keys: KeyProvider | None = field(default=None, repr=False)
    tallies: dict[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(slots=True)
class _Kept:
    """A finding, and how often the same was found."""

    finding: Finding
    more: int = 0
    last: int | None = None
    parts: int = 1  # that said it


@dataclass(slots=True)
class Gathered:
    """What the parts of a trace said up to now: the diagnosis of all of them is that of the trace."""

    trace: Trace
    keys: KeyProvider
    frames: int  # of a part
    parts: int = 0
    messages: int = 0
    counts: dict[Verdict, int] = field(default_factory=lambda: verdicts(()))
    kept: dict[tuple[str, ...], _Kept] = field(default_factory=dict)
    best: KeyProvider | None = field(default=None, repr=False)
    wires: dict[int, bytes] = field(default_factory=dict, repr=False)
    lost: list[str] = field(default_factory=list)
    tallies: dict[str, tuple[int, ...]] = field(default_factory=dict)

    def add(self, said: Said) -> None:
        """Takes what was found in a part."""
        self.parts += said.messages > 0
        self.messages += said.messages
        self.best = self.best or said.keys
        for verdict, count in said.counts.items():
            self.counts[verdict] += count
        for name, numbers in said.tallies.items():
            known = self.tallies.get(name, (0,) * len(numbers))
            self.tallies[name] = tuple(a + b for a, b in zip(known, numbers, strict=True))
        for finding in said.findings:
            self._take(finding, said)

    def _take(self, finding: Finding, said: Said) -> None:
        told = finding if isinstance(finding, Told) else None
        kind: tuple[str, ...] = (finding.code, finding.side, finding.severity)
        key = (finding.code, told.once) if told is not None and told.once else kind
        if key not in self.kept and key is not kind:
            if sum(len(one) == len(key) and one[0] == finding.code for one in self.kept) >= SAME_MANY:
                key = kind  # each is another one, and there are too many
        known = self.kept.get(key)
        if known is None:
            known = self.kept[key] = _Kept(finding)
            if finding.message in said.wires:
                self.wires[finding.message] = said.wires[finding.message]
        elif key is not kind:
            known.parts += 1
            evidence = with_counts(known.finding.evidence, finding.evidence)
            if known.finding.message is None:
                known.finding = finding  # it is known now where it is
            known.finding = replace(known.finding, evidence=evidence)
        elif finding.message is not None:  # else it holds for the whole trace, and each part says so
            known.more, known.last = known.more + 1, max(known.last or 0, finding.message)
        if told is not None and told.more:
            known.more, known.last = known.more + told.more, max(known.last or 0, told.last or 0) or None

    def diagnosis(self) -> Diagnosis:
        """All of it."""
        kept = {key: one for key, one in self.kept.items() if self._holds(one)}
        told = [_told(one, self.tallies) for key, one in kept.items() if not _unless(one.finding, kept)]
        findings = tuple(_numbered(told))
        failing = any(finding.severity == "error" for finding in findings)
        right, total = self.counts["verified"], sum(self.counts.values())
        said = [f"{right:,} of {total:,} ciphered APDUs verify with the given keys."] if total else []
        said.append(f"The trace is long: it was diagnosed in {self.parts} parts of {self.frames:,} frames.")
        if total and not right and self.parts > SEARCHED:
            said.append(f"Why APDUs do not verify was searched in the first {SEARCHED} parts alone.")
        said += [f"Not diagnosed: {text}." for text in self.lost]
        return Diagnosis(
            trace=self.trace.name,
            source=self.trace.source,
            messages=self.messages,
            health="failing" if failing else "ok",
            counts=self.counts,
            findings=findings,
            statements=tuple(said),
            wires=self.wires,
            issues=self.trace.issues,
            keys=self.best or self.keys,
        )

    def _holds(self, kept: _Kept) -> bool:
        """Whether something is said of the trace."""
        finding = kept.finding
        throughout = isinstance(finding, Told) and finding.throughout
        return enough(finding.evidence) and (not throughout or kept.parts == self.parts)


def _unless(finding: Finding, others: Container[tuple[str, ...]]) -> bool:
    """Whether something else is said in place of a finding."""
    return isinstance(finding, Told) and bool(finding.unless) and (finding.code, finding.unless) in others


class Limits:
    """What of the findings of parts goes out where none can wait for the end of the trace: as many as a short trace has."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        self._once: set[tuple[str, ...]] = set()

    def within(self, findings: Sequence[Finding], last: int) -> list[Finding]:
        """Those of the findings of a part that go out, in their order. `last` is the number of its last message: what they
        count is counted up to there."""
        taken = []
        there = {(one.code, one.once) for one in findings if isinstance(one, Told)} | self._once
        for finding in sorted(findings, key=lambda one: one.message or 0):
            told = finding if isinstance(finding, Told) else None
            kind = finding.code, finding.side
            once = (finding.code, told.once) if told is not None and told.once else (*kind, finding.severity)
            single = (told is not None and told.once) or finding.message is None
            if self._counts[kind] >= SAME_MANY or (single and once in self._once) or not enough(finding.evidence):
                continue
            if _unless(finding, there):
                continue
            self._counts[kind] += 1
            if single:
                self._once.add(once)
            taken.append(finding.id)
        return [_so_far(finding, last) for finding in findings if finding.id in taken]


def _so_far(finding: Finding, last: int) -> Finding:
    """A finding that says how far its counts go."""
    if not isinstance(finding, Told):
        return finding
    plain = finding.plain()
    if not finding.once or not any(isinstance(one, Counted) for one in finding.evidence):
        return plain
    return replace(plain, evidence=(*plain.evidence, f"counted up to message {last:,}"))


def _told(kept: _Kept, tallies: dict[str, tuple[int, ...]]) -> Finding:
    """A finding, with how often it came, and with what is counted in the whole trace."""
    finding = kept.finding
    if isinstance(finding, Told):
        whole = (one.counting(tallies.get(one.key)) if isinstance(one, Counted) else one for one in finding.evidence)
        finding = replace(finding, evidence=tuple(whole)).plain()
    if not kept.more:
        return finding
    where = f", the last time in message {kept.last}" if kept.last is not None else ""
    times = "once more" if kept.more == 1 else f"{kept.more:,} times more"
    return replace(finding, evidence=(*finding.evidence, f"the same was found {times}{where}"))


def _numbered(findings: Sequence[Finding]) -> list[Finding]:
    """Causes before what follows from them, errors first, else in the order in which they were found."""
    order = {"error": 0, "warning": 1, "info": 2}
    ranked = sorted(findings, key=lambda f: (f.because_of is not None, order[f.severity]))
    ids = {finding.code: number for number, finding in reversed(list(enumerate(ranked, 1)))}
    return [
        replace(finding, id=number, because_of_id=ids.get(finding.because_of or ""))
        for number, finding in enumerate(ranked, 1)
    ]
