"""What the parts of a long trace say, put together: the same finding once, and how often it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from analyzer.diagnosis import Diagnosis, verdicts
from analyzer.keyring import KeyProvider
from analyzer.model import Finding, Trace, Verdict


@dataclass(frozen=True, slots=True)
class Said:
    """What there is to say about a part, without its messages: how many they are and the number of the last, their ciphered
    APDUs by verdict, the findings, and the octets of the messages that a corrected frame is for. `keys` are the best."""

    messages: int
    last: int
    counts: dict[Verdict, int]
    findings: tuple[Finding, ...]
    wires: dict[int, bytes] = field(default_factory=dict, repr=False)
    keys: KeyProvider | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Kept:
    """A finding, and how often the same was found."""

    finding: Finding
    more: int = 0
    last: int | None = None


@dataclass(slots=True)
class Gathered:
    """What the parts of a trace said up to now: the diagnosis of all of them is that of the trace."""

    trace: Trace
    keys: KeyProvider
    frames: int  # of a part
    parts: int = 0
    messages: int = 0
    counts: dict[Verdict, int] = field(default_factory=lambda: verdicts(()))
    kept: dict[tuple[str, str, str], _Kept] = field(default_factory=dict)
    best: KeyProvider | None = field(default=None, repr=False)
    wires: dict[int, bytes] = field(default_factory=dict, repr=False)
    lost: list[str] = field(default_factory=list)

    def add(self, said: Said) -> None:
        """Takes what was found in a part."""
        self.parts += said.messages > 0
        self.messages += said.messages
        self.best = self.best or said.keys
        for verdict, count in said.counts.items():
            self.counts[verdict] += count
        for finding in said.findings:
            key = (finding.code, finding.side, finding.severity)
            known = self.kept.get(key)
            if known is None:
                self.kept[key] = _Kept(finding)
                if finding.message in said.wires:
                    self.wires[finding.message] = said.wires[finding.message]
            elif finding.message is not None:  # else it holds for the whole trace, and each part says so
                known.more += 1
                known.last = finding.message

    def diagnosis(self) -> Diagnosis:
        """All of it."""
        findings = tuple(_numbered([_told(one) for one in self.kept.values()]))
        failing = any(finding.severity == "error" for finding in findings)
        right, total = self.counts["verified"], sum(self.counts.values())
        said = [f"{right:,} of {total:,} ciphered APDUs verify with the given keys."] if total else []
        said.append(f"The trace is long: it was diagnosed in {self.parts} parts of {self.frames:,} frames.")
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


def _told(kept: _Kept) -> Finding:
    """A finding, with how often it came."""
    if not kept.more:
        return kept.finding
    where = f", the last time in message {kept.last}" if kept.last is not None else ""
    times = "once more" if kept.more == 1 else f"{kept.more:,} times more"
    return replace(kept.finding, evidence=(*kept.finding.evidence, f"the same was found {times}{where}"))


def _numbered(findings: Sequence[Finding]) -> list[Finding]:
    """Causes before what follows from them, errors first, else in the order in which they were found."""
    order = {"error": 0, "warning": 1, "info": 2}
    ranked = sorted(findings, key=lambda f: (f.because_of is not None, order[f.severity]))
    ids = {finding.code: number for number, finding in reversed(list(enumerate(ranked, 1)))}
    return [
        replace(finding, id=number, because_of_id=ids.get(finding.because_of or ""))
        for number, finding in enumerate(ranked, 1)
    ]
