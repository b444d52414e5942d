"""One part of a long trace: decoded and diagnosed by a worker, though it begins with what all before it left.

The state at the begin is guessed, and a few frames before the part are decoded from it; on the way the guess becomes the
true state, as a rule: counters go on, and sides are told. A worker says in which state it was right before its part, and in
which one the next part begins. If the first is what the worker before it says, all that it found is right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, overload

from analyzer.bulk.ranges import Enough, packed, unpacked
from analyzer.bulk.stages import Looks, Snapshot, Stages, joined, since
from analyzer.diagnosis import verdicts
from analyzer.diagnosis.case import DUMP
from analyzer.diagnosis.gathered import Said
from analyzer.diagnosis.long import Part, diagnose_part, window
from analyzer.diagnosis.search import FoundKeys
from analyzer.framing import Piece
from analyzer.hiding import values_hidden
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.meter_keys import KeyRole
from analyzer.model import Record, SourceIssue, Trace

LEAD = 64  # frames before a part that are decoded from a guessed state
CLOSED = 16  # frames before a part, at one of which nothing should be open
BEHIND = 512  # frames behind a part, which its last message may need

Again = Callable[[Part], Callable[[KeyProvider], Sequence[Message]]]


class Excerpt(Sequence[Record]):
    """Records of a trace from one on, at their places; of a dump that has more than a part only that it is there."""

    def __init__(self, trace: Sequence[Record], pieces: Sequence[Piece]) -> None:
        numbers = [number for piece in pieces for number in piece.records]
        self._first = min(numbers, default=1)
        records = trace[self._first - 1 : max(numbers, default=0)]
        self._records = [replace(one, data=b"") if len(one.data) > DUMP else one for one in records]

    def __len__(self) -> int:
        return self._first - 1 + len(self._records)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        return self._records[index - self._first + 1]


class Starts(NamedTuple):
    """The states of a trace at one place: with the given keys and, where others are looked at too, with those."""

    given: Snapshot | None  # None at the begin of the trace
    found: Snapshot | None = None


class Stretch(NamedTuple):
    """How the stores were looked at from the begin of a part on: up to what the part looks at last, and up to where the next
    one begins."""

    whole: Looks
    own: Looks

    @classmethod
    def of(cls, begin: Snapshot, looks: Sequence[Looks], own: int) -> Stretch:
        """`looks` are those from the begin on, the first `own` of them up to the part behind."""
        return cls(since([joined(looks)], [begin])[0], joined(looks[: max(own, 0)]))


class Mark(NamedTuple):
    """A place where nothing is open: how many frames are before it, and the states there."""

    frame: int
    starts: Starts


@dataclass(slots=True)
class Job:
    """Frames of a part and around it. `first` is how many come before them, `last` says that the trace ends with them,
    `known` that the state before them is no guess.
    `found` are keys that take the place of given ones where it is not searched for others."""

    number: int
    pieces: list[Piece]
    first: int
    last: bool
    starts: Starts
    known: bool
    searches: bool
    found: dict[KeyRole, bytes] = field(repr=False)
    name: str
    source: str
    issues: tuple[SourceIssue, ...]
    records: Excerpt
    hidden: bool

    @property
    def begun(self) -> bool:
        """Whether there is a state to begin with as the found keys open the messages."""
        return bool(self.found) and (not self.first or self.starts.found is not None)

    def __reduce__(self) -> tuple[Any, ...]:
        """On the way to a worker the octets are one string."""
        rest = (getattr(self, name) for name in ("first", "last", "starts", "known", "searches", "found", "name", "source",
                                                 "issues", "records", "hidden"))  # fmt: skip
        return _unpacked, (self.number, packed(self.pieces), *rest)


def _unpacked(number: int, pieces: tuple[Any, ...], *rest: Any) -> Job:
    return Job(number, unpacked(*pieces), *rest)


@dataclass(slots=True)
class Outcome:
    """What a worker says of a part. `said` is None where the frames that it got were not enough to tell: nothing was closed
    before the part, or its end is missing. `end` says that the trace has no further part, `sealed` that something in it is
    ciphered, so that keys matter."""

    begin: Mark | None = None
    following: Mark | None = None
    said: Said | None = None
    end: bool = False
    sealed: bool = False
    looks: tuple[Stretch | None, Stretch | None] = (None, None)  # from the begin on, with the keys of each state there
    best: KeyProvider | None = field(default=None, repr=False)  # keys that its search found

    def begins(self, truth: Mark) -> tuple[bool, bool]:
        """Whether a part that was guessed began in the true state, and in the true one with the found keys, in all that it
        looked at."""
        if self.begin is None or self.begin.frame != truth.frame:
            return False, False
        given, found = (
            stretch is not None and one is not None and other is not None and one.agrees(other, stretch.whole)
            for stretch, one, other in zip(self.looks, self.begin.starts, truth.starts, strict=True)
        )
        return given, found

    def rebased(self, truth: Mark) -> None:
        """Puts the true states in the place of those that were guessed, and behind the part those to which they lead."""
        right = self.begins(truth)
        self.begin = truth
        if self.following is not None:
            led = [
                one.behind(end, stretch.own)
                if ok and one is not None and end is not None and stretch is not None
                else None
                for ok, one, end, stretch in zip(right, truth.starts, self.following.starts, self.looks, strict=True)
            ]
            self.following = Mark(self.following.frame, Starts(*led))


class _Elsewhere(Exception):
    """The messages are needed as other keys open them, which has to begin at the begin of the trace."""


@dataclass(slots=True)
class _Way:
    """The messages of a part, from a state on, and the states that are met."""

    messages: list[Message] = field(default_factory=list)
    places: list[int] = field(default_factory=list)  # how many frames were before each
    begin: tuple[int, Snapshot | None] | None = None
    following: tuple[int, Snapshot | None] | None = None
    looks: Stretch | None = None  # None where the state at the begin is no guess
    whole: bool = False
    end: bool = False


def _through(keys: KeyProvider, start: Snapshot | None, job: Job) -> _Way:
    low, high = window(job.number)
    next_low = window(job.number + 1)[0]
    way = _Way(begin=(job.first, start) if job.known else None)
    stages = Stages(keys, start)
    place = job.first
    begin = following = 0  # how many snapshots were taken with each

    def fed() -> Iterator[Piece]:
        nonlocal place, begin, following
        for frame, piece in enumerate(job.pieces, job.first):
            if low - CLOSED <= frame <= low and (taken := stages.snapshot()) is not None:
                way.begin, place = (frame, taken), frame  # whatever was open before, here as many are through
                begin = len(stages.looks)
            if next_low - CLOSED <= frame <= next_low and (taken := stages.snapshot()) is not None:
                way.following = frame, taken
                following = len(stages.looks)
            yield piece
        if not job.last:
            raise Enough

    try:
        for message in stages.messages(fed()):
            if place >= high:
                way.whole = True
                break
            if place >= low and way.begin is not None:
                way.messages.append(message)
                way.places.append(place)
            place += len(message.frames)
        else:
            way.whole = way.end = True
    except Enough:
        return way
    if begin and way.begin is not None and way.begin[1] is not None:
        looks = [*stages.looks, stages.looked()]
        way.looks = Stretch.of(way.begin[1], looks[begin:], following - begin)
    return way


def work(keys: KeyProvider, job: Job, again: Again | None = None) -> Outcome:
    """What there is to say about a part. `again` decodes its messages with other keys, where these are needed and the job has
    no state for it to begin with; a worker leaves such a part to the process that can."""
    with values_hidden(job.hidden):
        way = _through(keys, job.starts.given, job)
        better = FoundKeys(keys, job.found) if job.found else None
        second = _through(better, job.starts.found, job) if better is not None and job.begun else None
        if way.begin is None or not way.whole:
            return Outcome()
        outcome = Outcome(_mark(way, second, "begin"), _mark(way, second, "following"), end=way.end)
        part = Part.of(job.number, way.messages, way.places, way.end)
        outcome.looks = way.looks, second.looks if second is not None else None
        outcome.sealed = any(verdicts(part.messages).values())
        if not part.core:
            outcome.said = Said(0, 0, {}, ())
            return outcome

        def decoded(other: KeyProvider) -> Sequence[Message]:
            if second is not None and second.places == way.places:
                return second.messages
            if again is None:
                raise _Elsewhere
            return again(part)(other)

        trace = Trace(job.name, job.source, job.records, job.issues)
        try:
            found, outcome.best = diagnose_part(trace, part, keys, decoded, job.searches, better)
            outcome.said = found.said
        except _Elsewhere:
            pass
        return outcome


def following(keys: KeyProvider, job: Job) -> Snapshot | None:
    """The state before the part behind, as other keys open the first part."""
    way = _through(keys, None, job)
    return way.following[1] if way.following is not None else None


def _mark(way: _Way, second: _Way | None, place: Literal["begin", "following"]) -> Mark | None:
    own, found = getattr(way, place), getattr(second, place, None)
    if own is None or (found is not None and found[0] != own[0]):
        return None
    return Mark(own[0], Starts(own[1], found[1] if found is not None else None))
