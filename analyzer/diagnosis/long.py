"""The diagnosis of a trace that is too long to be held: part after part, with what the parts say put together.

Parts overlap, so that no answer is missed at a seam: what is found in an overlap counts for the part in the middle of which
it lies. The decoder goes through the trace once and remembers everything, so only rules that compare messages that are far
from each other see less than they would of the whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice

from analyzer.diagnosis import Diagnosis, diagnose, diagnosis_of, verdicts
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.search import Search
from analyzer.index.pages import Messages
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Finding, Trace, Verdict
from analyzer.patience import go_on

LONG = 20_000  # messages; a trace that has more is diagnosed in parts
PART = 10_000  # messages of a part
OVERLAP = 200  # messages before and behind a part that are looked at with it
SEARCHED = 3  # parts in which it is searched why nothing verifies


def diagnose_each(
    traces: Sequence[tuple[Trace, Sequence[Message]]],
    keys: KeyProvider,
    against: Sequence[tuple[Trace, Sequence[Message]]] = (),
    progress: Callable[[Trace, int], None] = lambda _, __: None,
) -> list[Diagnosis]:
    """The diagnosis of each trace, as `diagnose` makes it; long ones are diagnosed part by part, and compared with none."""
    short = [[one for one in side if len(one[1]) <= LONG] for side in (traces, against)]
    made = iter(diagnose(short[0], keys, short[1]))
    return [
        next(made)
        if len(messages) <= LONG
        else diagnose_long(trace, messages, keys, partial(Messages, trace), partial(progress, trace))
        for trace, messages in traces
    ]


def diagnose_long(
    trace: Trace,
    messages: Iterable[Message],
    keys: KeyProvider,
    again: Callable[[KeyProvider], Iterable[Message]],
    progress: Callable[[int], None] = lambda _: None,
) -> Diagnosis:
    """What is wrong with a trace whose messages come one after the other, as `keys` opened them. `again` gives them once
    more, as other keys open them; `progress` is told how many messages are done. Never raises on any octets."""
    found = Gathered(trace, keys)
    for part in diagnose_parts(trace, messages, keys, again):
        found.add(part)
        progress(part.messages[-1].number)
    return found.diagnosis()


@dataclass(frozen=True, slots=True)
class PartFound:
    """What there is to say about a part of a long trace. `messages` are its own, without the overlap, `counts` their ciphered
    APDUs by verdict, `findings` those in its own messages and those that are in no message. Later parts say again what holds
    for the whole trace. `made` is the diagnosis of the part with its overlap."""

    messages: Sequence[Message]
    counts: dict[Verdict, int]
    findings: tuple[Finding, ...]
    made: Diagnosis


def diagnose_parts(
    trace: Trace,
    messages: Iterable[Message],
    keys: KeyProvider,
    again: Callable[[KeyProvider], Iterable[Message]],
) -> Iterator[PartFound]:
    """The parts of a trace, each as soon as it is diagnosed; each message is in one of them, in order. The arguments are
    those of `diagnose_long`."""
    from analyzer.diagnosis import rules  # noqa: F401 (the rules register themselves)

    better = _Better(again)
    verified = 0
    for number, part in enumerate(_parts(messages)):
        go_on()
        case = Case(trace, part.messages, keys, again=better.of(part))
        counts = verdicts(part.core)
        if number >= SEARCHED and not verified:
            case.__dict__["search"] = Search(keys=better.keys, left=sum(counts.values()))
        made = diagnosis_of(case)
        if number < SEARCHED:
            better.found(case)
        verified += counts["verified"]
        yield PartFound(part.core, counts, tuple(one for one in made.findings if part.owns(one)), made)


@dataclass(frozen=True, slots=True)
class _Part:
    """Messages in a row; those from `begin` to `end` are this part's own, the others the overlap."""

    messages: Sequence[Message]
    begin: int
    end: int

    @property
    def core(self) -> Sequence[Message]:
        return self.messages[self.begin : self.end]

    def owns(self, finding: Finding) -> bool:
        """Whether a finding is in one of the own messages, or in none."""
        number = finding.message
        return number is None or self.messages[self.begin].number <= number <= self.messages[self.end - 1].number


def _parts(messages: Iterable[Message]) -> Iterator[_Part]:
    """The parts of a trace; each message is in the middle of one."""
    source = _attended(messages)
    held = list(islice(source, PART + OVERLAP))
    begin = 0
    while len(held) > begin:
        more = list(islice(source, 1)) if len(held) >= begin + PART + OVERLAP else []
        end = begin + PART if more else len(held)
        yield _Part(held, begin, end)
        keep = max(0, end - OVERLAP)
        held, begin = held[keep:] + more, end - keep
        held += islice(source, PART - len(more))


def _attended(messages: Iterable[Message]) -> Iterator[Message]:
    """Messages that are decoded only as long as somebody waits for what is made of them."""
    for message in messages:
        go_on()
        yield message


class _Better:
    """The messages as keys open them that the search found: decoded a second time, in step with the parts."""

    def __init__(self, again: Callable[[KeyProvider], Iterable[Message]]) -> None:
        self._again = again
        self.keys: KeyProvider | None = None
        self._source: Iterator[Message] | None = None
        self._held: list[Message] = []

    def found(self, case: Case) -> None:
        """Takes the keys that the search found in a part, the first time that it did."""
        if self.keys is None and case.search.keys is not None:
            self.keys = case.search.keys

    def of(self, part: _Part) -> Callable[[KeyProvider], Sequence[Message]]:
        """What decodes the messages of a part again."""

        def decoded(keys: KeyProvider) -> Sequence[Message]:
            if self.keys is None:
                self.keys = keys
            first, last = part.messages[0].number, part.messages[-1].number
            if self._source is None:
                self._source = iter(self._again(self.keys))
            self._held = [message for message in self._held if message.number >= first]
            for message in self._source:
                if message.number >= first:
                    self._held.append(message)
                if message.number >= last:
                    break
            return [message for message in self._held if message.number <= last]

        return decoded


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
    parts: int = 0
    messages: int = 0
    counts: dict[Verdict, int] = field(default_factory=dict)
    kept: dict[tuple[str, str, str], _Kept] = field(default_factory=dict)
    first: Diagnosis | None = None
    wires: dict[int, bytes] = field(default_factory=dict)

    def add(self, part: PartFound) -> None:
        """Takes what was found in a part."""
        made = part.made
        self.parts += 1
        self.messages += len(part.messages)
        for verdict, count in part.counts.items():
            self.counts[verdict] = self.counts.get(verdict, 0) + count
        for finding in part.findings:
            key = (finding.code, finding.side, finding.severity)
            known = self.kept.get(key)
            if known is None:
                self.kept[key] = _Kept(finding)
                if finding.message in made.wires:
                    self.wires[finding.message] = made.wires[finding.message]
            else:
                known.more += 1
                known.last = finding.message
        self.first = self.first or made

    def diagnosis(self) -> Diagnosis:
        """All of it."""
        findings = tuple(_numbered([_told(one) for one in self.kept.values()]))
        failing = any(finding.severity == "error" for finding in findings)
        right, total = self.counts.get("verified", 0), sum(self.counts.values())
        said = [f"{right:,} of {total:,} ciphered APDUs verify with the given keys."] if total else []
        said.append(f"The trace is long: it was diagnosed in {self.parts} parts of {PART:,} messages.")
        empty: dict[Verdict, int] = verdicts(())
        return Diagnosis(
            trace=self.trace.name,
            source=self.trace.source,
            messages=self.messages,
            health="failing" if failing else "ok",
            counts={**empty, **self.counts},
            findings=findings,
            statements=tuple(said),
            wires=self.wires,
            issues=self.trace.issues,
            keys=self.first.keys if self.first is not None else self.keys,
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
