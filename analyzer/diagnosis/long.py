"""The diagnosis of a trace that is too long to be held: part after part, with what the parts say put together.

Parts overlap, so that no answer is missed at a seam: what is found in an overlap counts for the part in the middle of which
it lies. They are counted in frames, so that another process finds the same ones without what is before. The decoder goes
through the trace once and remembers everything, so only rules that compare messages that are far from each other see less
than they would of the whole.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import overload

from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose, diagnosis_of, verdicts
from analyzer.diagnosis.case import Case
from analyzer.diagnosis.gathered import SEARCHED as SEARCHED
from analyzer.diagnosis.gathered import Gathered, Said
from analyzer.diagnosis.registry import TALLIES
from analyzer.diagnosis.search import Search
from analyzer.framing import Piece, pieces_of
from analyzer.framings.hdlc import SEGMENTED
from analyzer.index.pages import Messages
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Finding, Trace, Verdict
from analyzer.patience import go_on
from grammars.hdlc import FLAG

LONG = 20_000  # messages; a trace that has more is diagnosed in parts
BEGINNING = 1000  # messages that are decoded before it is asked whether a trace is long
PART = 10_000  # frames of a part
OVERLAP = 200  # frames before and behind a part that are looked at with it

UNSEGMENTED = frozenset({"wrapper", "p1", "iec62056-21", "none"})  # framings without segments

Bundle = tuple[Trace, Sequence[Message]]
Again = Callable[[KeyProvider], Iterable[Message]]
Told = Callable[[Trace, int], None]


class LongMessages(Messages):
    """The messages of a trace that has more than LONG, decoded when one iterates over them. `known` is how many they are, as
    soon as somebody has counted them; before, their length is one more than LONG."""

    def __init__(self, trace: Trace, keys: KeyProvider) -> None:
        super().__init__(trace, keys)
        self.known = 0

    def __repr__(self) -> str:
        return f"LongMessages({self.known or f'more than {LONG}'})"

    def __len__(self) -> int:
        return self.known or LONG + 1

    @overload
    def __getitem__(self, index: int) -> Message: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Message]: ...
    def __getitem__(self, index: int | slice) -> Message | Sequence[Message]:
        """Messages at the beginning are cheap, others cost what is before them."""
        if isinstance(index, slice):
            return list(islice(self, *index.indices(len(self))))
        found = next(islice(self, range(len(self))[index], None), None)
        if found is None:
            raise IndexError("no such message")
        return found


def messages_of(trace: Trace, keys: KeyProvider) -> Sequence[Message]:
    """The messages of a trace: held where they are not too many, else decoded when one iterates over them. Where octets that
    are cut into frames show that there are too many, no more than a beginning is decoded."""
    coming = decode(trace, keys)
    held = list(islice(coming, min(BEGINNING, LONG + 1)))
    if len(held) < min(BEGINNING, LONG + 1):
        return held
    if not surely_long(trace):
        held += islice(coming, LONG + 1 - len(held))
        if len(held) <= LONG:
            return held
    return LongMessages(trace, keys)


def surely_long(trace: Trace) -> bool:
    """Whether a trace has more than LONG messages, as far as its frames tell before anything in them is read: one that says
    that no segment follows is the last of a message, or all of it. Most long traces show it in a tenth of the time that
    decoding takes; a trace of segments may be long, and this False."""
    whole = (piece for piece in pieces_of(trace) if _ends_a_message(piece))
    return next(islice(whole, LONG, None), None) is not None


def _ends_a_message(piece: Piece) -> bool:
    if piece.framing == "hdlc":
        return len(piece.data) > 1 and piece.data[0] == FLAG and not piece.data[1] & SEGMENTED
    return piece.framing in UNSEGMENTED


def diagnose_each(
    traces: Sequence[Bundle],
    keys: KeyProvider,
    against: Sequence[Bundle] = (),
    progress: Told = lambda _, __: None,
    long_one: Callable[[Trace, Told], Diagnosis] | None = None,
) -> list[Diagnosis]:
    """The diagnosis of each trace, as `diagnose` makes it; long ones are diagnosed part by part, and compared with none.
    `long_one` does that, if given, in place of `diagnose_long`."""
    short = [[one for one in side if len(one[1]) <= LONG] for side in (traces, against)]
    made = iter(diagnose(short[0], keys, short[1]))
    left_out = [
        f"It is not compared with {trace.name}, which has more than {LONG:,} messages."
        for trace, messages in against
        if len(messages) > LONG
    ]
    found = []
    for trace, messages in traces:
        uncompared = left_out
        if len(messages) <= LONG:
            one = next(made)
        else:
            uncompared = (
                [f"It is compared with no working trace: it has more than {LONG:,} messages."] if against else []
            )
            if long_one is not None:
                one = long_one(trace, progress)
            else:
                one = diagnose_long(trace, messages, keys, partial(Messages, trace), partial(progress, trace))
        found.append(replace(one, statements=(*one.statements, *uncompared)))
    return found


def diagnose_long(
    trace: Trace,
    messages: Iterable[Message],
    keys: KeyProvider,
    again: Again,
    progress: Callable[[int], None] = lambda _: None,
) -> Diagnosis:
    """What is wrong with a trace whose messages come one after the other, as `keys` opened them. `again` gives them once
    more, as other keys open them; `progress` is told how many messages are done. Never raises on any octets."""
    gathered = Gathered(trace, keys, PART)
    for part in diagnose_parts(trace, messages, keys, again):
        said = part.said
        del part  # it has messages, and the next one comes
        gathered.add(said)
        progress(said.last)
    return gathered.diagnosis()


@dataclass(frozen=True, slots=True)
class PartFound:
    """What there is to say about a part of a long trace. `messages` are its own, without the overlap, `counts` their ciphered
    APDUs by verdict, `findings` those in its own messages and those that are in no message. Later parts say again what holds
    for the whole trace. `made` is the diagnosis of the part with its overlap, `tallies` what is counted in each part."""

    messages: Sequence[Message]
    counts: dict[Verdict, int]
    findings: tuple[Finding, ...]
    made: Diagnosis
    tallies: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def said(self) -> Said:
        """The same without the messages."""
        wires = {f.message: self.made.wires[f.message] for f in self.findings if f.message in self.made.wires}
        last = self.messages[-1].number
        return Said(len(self.messages), last, self.counts, self.findings, wires, self.made.keys, self.tallies)


class Course:
    """What the parts of a trace up to now tell the next ones about its keys."""

    def __init__(self, again: Again) -> None:
        self.better = _Better(again)
        self.verified = 0

    def searches(self, number: int) -> bool:
        """Whether it is searched in a part why APDUs do not verify; where nothing ever does, the first parts tell."""
        return number < SEARCHED or self.verified > 0

    def passed(self, number: int, counts: dict[Verdict, int], keys: KeyProvider | None) -> None:
        """Takes what a part told: how many APDUs verify, and keys that the search found in it."""
        self.verified += counts["verified"]
        if number < SEARCHED and self.better.keys is None:
            self.better.keys = keys


def diagnose_parts(
    trace: Trace,
    messages: Iterable[Message],
    keys: KeyProvider,
    again: Again,
) -> Iterator[PartFound]:
    """The parts of a trace, each as soon as it is diagnosed; each message is in one of them, in order. The arguments are
    those of `diagnose_long`."""
    return diagnose_rest(trace, parts(messages), keys, Course(again))


def diagnose_rest(trace: Trace, coming: Iterable[Part], keys: KeyProvider, course: Course) -> Iterator[PartFound]:
    """The same of parts that come, behind those that told the course."""
    for part in coming:
        go_on()
        number = part.number
        found, best = diagnose_part(
            trace, part, keys, course.better.of(part), course.searches(number), course.better.keys
        )
        course.passed(number, found.counts, best)
        del part  # what its messages take is free before the next part is decoded
        yield found
        del found


def diagnose_part(
    trace: Trace,
    part: Part,
    keys: KeyProvider,
    again: Callable[[KeyProvider], Sequence[Message]],
    searches: bool,
    better: KeyProvider | None,
) -> tuple[PartFound, KeyProvider | None]:
    """What there is to say about a part, and the keys that its search found. Where it does not search, `better` are the keys
    that earlier parts have found."""
    from analyzer.diagnosis import rules  # noqa: F401 (the rules register themselves)

    case = Case(trace, part.messages, keys, again, range(part.core[0].number, part.core[-1].number + 1))
    counts = verdicts(part.core)
    if not searches:
        case.__dict__["search"] = Search(keys=better, left=sum(counts.values()))
    made = diagnosis_of(case)
    tallies = {name: count(case) for name, count in TALLIES.items()}
    return PartFound(part.core, counts, tuple(filter(part.owns, made.findings)), made, tallies), case.search.keys


@dataclass(frozen=True, slots=True)
class Part:
    """Messages in a row; those from `begin` to `end` are this part's own, the others the overlap."""

    number: int  # from 0
    messages: Sequence[Message]
    begin: int
    end: int

    @classmethod
    def of(cls, number: int, messages: Sequence[Message], places: Sequence[int], last: bool) -> Part:
        """The part with a number. `places` says how many frames were before each message; the last part has all the rest."""
        begin = bisect_left(places, number * PART)
        return cls(number, messages, begin, len(messages) if last else bisect_left(places, (number + 1) * PART))

    @property
    def core(self) -> Sequence[Message]:
        return self.messages[self.begin : self.end]

    def owns(self, finding: Finding) -> bool:
        """Whether a finding is in one of the own messages, or in none."""
        number = finding.message
        return number is None or self.messages[self.begin].number <= number <= self.messages[self.end - 1].number


def window(number: int) -> tuple[int, int]:
    """How many frames are at least, and less than how many, before a message that a part looks at. A part behind which no
    message comes is the last."""
    return max(0, number * PART - OVERLAP), (number + 1) * PART + OVERLAP


def parts(messages: Iterable[Message], number: int = 0, place: int = 0) -> Iterator[Part]:
    """The parts of a trace; each message is in the middle of one. The messages may begin before part `number` does, behind
    `place` frames."""
    source = _attended(messages)
    held: list[Message] = []
    places: list[int] = []  # how many frames were before each
    waiting = next(source, None)
    while waiting is not None or held:
        low, high = window(number)
        while waiting is not None and place < high:
            if place >= low:
                held.append(waiting)
                places.append(place)
            place += len(waiting.frames)
            waiting = next(source, None)
        part = Part.of(number, held, places, last=waiting is None)
        keep = bisect_left(places, window(number + 1)[0]) if waiting is not None else len(held)
        held, places, number = held[keep:], places[keep:], number + 1
        if part.core:  # a message may have more frames than a part
            yield part
        del part


def _attended(messages: Iterable[Message]) -> Iterator[Message]:
    """Messages that are decoded only as long as somebody waits for what is made of them."""
    for message in messages:
        go_on()
        yield message


class _Better:
    """The messages as keys open them that the search found: decoded a second time, in step with the parts."""

    def __init__(self, again: Again) -> None:
        self._again = again
        self.keys: KeyProvider | None = None
        self._source: Iterator[Message] | None = None
        self._held: list[Message] = []

    def of(self, part: Part) -> Callable[[KeyProvider], Sequence[Message]]:
        """What decodes the messages of a part again."""
        first, last = part.messages[0].number, part.messages[-1].number

        def decoded(keys: KeyProvider) -> Sequence[Message]:
            if self.keys is None:
                self.keys = keys
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
