"""The diagnosis of a long trace by several processes: the same as by one, whatever is in the trace.

This process cuts the frames out and hands them over part by part, with a guess of the state before each; see `parts`. It takes
what the workers found in the order of the parts, and does one itself where the guess was wrong. Where guessing does not pay,
or nothing is ever closed, it goes on alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, count, islice
from typing import NamedTuple

from analyzer import hiding
from analyzer.bulk.crew import Crew, Lost
from analyzer.bulk.parts import BEHIND, LEAD, Excerpt, Job, Mark, Outcome, Starts, following, work
from analyzer.bulk.ranges import messages_in
from analyzer.bulk.shared import SharedKeys
from analyzer.bulk.stages import Stages
from analyzer.diagnosis import Diagnosis, long, verdicts
from analyzer.diagnosis.gathered import Gathered
from analyzer.diagnosis.long import SEARCHED, Course, diagnose_rest, parts, window
from analyzer.diagnosis.search import FoundKeys
from analyzer.framing import Piece, pieces_of
from analyzer.index.pages import Messages
from analyzer.keyring import KeyRing
from analyzer.meter_keys import KeyRole
from analyzer.model import Trace

AHEAD = 1  # parts that wait beside those that workers have
MISSES = 3  # parts one after the other whose state was guessed wrongly, or not closed: then this process goes on alone


@dataclass(slots=True)
class Slice:
    """The frames that a part may need. `messages` are about how many the trace has before the first of them."""

    number: int
    pieces: list[Piece]
    first: int
    last: bool
    messages: int


class _Given(NamedTuple):
    """A part that a worker has or will have. A part that is given again has another ticket."""

    part: Slice
    job: Job
    ticket: int


def slices_of(pieces: Iterator[Piece]) -> Iterator[Slice]:
    """The slices of a trace, one for each part; the last may be needed by none."""
    held: list[Piece] = []
    first = number = messages = 0
    while True:
        low, high = window(number)
        begin, end = max(0, low - LEAD), high + BEHIND
        messages += messages_in(held[: begin - first])
        held, first = held[begin - first :], begin
        held += islice(pieces, max(0, end - first - len(held)))
        if first + len(held) <= number * long.PART:
            return
        yield Slice(number, held, first, len(held) < end - first, messages)
        number += 1


def worker(shared: SharedKeys, job: Job) -> Outcome:
    """What a worker process does with a part. Keys stay with it."""
    outcome = work(shared.ring(), job)
    outcome.best = None
    if outcome.said is not None:
        outcome.said = replace(outcome.said, keys=None)
    return outcome


class Diagnoser:
    """Diagnoses long traces with up to `jobs` worker processes. A context manager."""

    def __init__(self, keys: KeyRing, jobs: int) -> None:
        self._keys, self.jobs = keys, jobs
        self.crew = Crew(jobs, worker, SharedKeys.of(keys))
        self.serials = count(1)  # of traces
        self.lost: list[str] = []  # what could not be diagnosed, in words

    def __enter__(self) -> Diagnoser:
        return self

    def __exit__(self, *problem: object) -> None:
        self.crew.__exit__(*problem)

    def diagnosis(self, trace: Trace, progress: Callable[[Trace, int], None] = lambda _, __: None) -> Diagnosis:
        """The diagnosis of a long trace. `progress` is told how many messages are done. Never raises on any octets."""
        run = _Run(trace, self._keys, self, partial(progress, trace))
        run.run()
        self.lost += [f"{trace.name}: {text}" for text in run.gathered.lost]
        return run.gathered.diagnosis()


class _Run:
    """One trace on its way through the workers."""

    def __init__(self, trace: Trace, keys: KeyRing, diagnoser: Diagnoser, progress: Callable[[int], None]) -> None:
        self.gathered = Gathered(trace, keys, long.PART)
        self._trace, self._keys, self._progress = trace, keys, progress
        self._crew, self._jobs, self._serial = diagnoser.crew, diagnoser.jobs, next(diagnoser.serials)
        self._course = Course(partial(Messages, trace))
        self._slices = slices_of(pieces_of(trace))
        self._given: deque[_Given] = deque()
        self._results: dict[int, Outcome | Lost] = {}  # by ticket
        self._tickets = count(1)
        self._known: tuple[Slice, Mark] | None = None  # the last place at which the states are known
        self._next = 0  # the part that is to be taken next
        self._blind = False  # the part before was lost, and the state behind it

    def run(self) -> None:
        """Gathers what all parts say."""
        first = next(self._slices, None)
        if first is None:
            return
        self._known = first, Mark(0, Starts(None))
        outcome = self._here(first)
        misses = int(outcome.following is None)
        while outcome.said is not None and not outcome.end and misses < MISSES:
            self._fill()
            if not self._given:
                return
            part, job = self._given[0].part, self._given[0].job
            result = self._result(self._given[0].ticket)
            if isinstance(result, Lost):
                self._lose(part, result.reason)
            elif self._blind and (result.said is None or job.starts.given is None):
                self._lose(part, "what is before it is not known")
            elif self._blind or self._right(result, job):
                if not self._blind and not job.known:
                    result.rebased(self._known[1])
                outcome = self._taken(part, result)
                misses = misses + 1 if job.known and outcome.following is None else 0
            else:
                wrong = part.number >= SEARCHED and outcome.following is not None  # else there was nothing to guess by
                outcome = self._here(part)
                misses += wrong or outcome.following is None
                if outcome.said is None:
                    break
                self._given_anew()
            self._given.popleft()
        if not outcome.end:
            self._alone()

    def _fill(self) -> None:
        """Gives the workers enough to do; one part, where no state is there yet that others could be guessed by."""
        assert self._known is not None
        most = self._jobs + AHEAD if self._known[1].starts.given is not None else 1
        while len(self._given) < most and (part := next(self._slices, None)) is not None:
            self._given.append(self._give(self._from_known(part)))

    def _give(self, part: Slice) -> _Given:
        given = _Given(part, self._job(part), next(self._tickets))
        self._crew.give((self._serial, given.ticket), given.job)
        return given

    def _given_anew(self) -> None:
        """Behind a part that was guessed wrongly: what came there may be in the state of all parts behind it, so those that
        wait are guessed from there, or each would be wrong in its turn."""
        first, *others = self._given
        self._crew.forget([(self._serial, other.ticket) for other in others])
        self._results.clear()
        self._given = deque([first, *(self._give(self._from_known(other.part)) for other in others)])

    def _job(self, part: Slice) -> Job:
        """The job of a part. Of the next one the state before it is known, of all others it is guessed."""
        assert self._known is not None
        starts = self._known[1].starts
        known = self._is_next(part)
        if not known:
            ahead = part.messages - self._messages_before()
            starts = Starts(*(one and one.ahead(ahead) for one in starts))
        trace, searches = self._trace, self._course.searches(part.number)
        return Job(
            part.number, part.pieces, part.first, part.last, starts, known, searches, self._found(),
            trace.name, trace.source, trace.issues, Excerpt(trace, part.pieces), hiding.are_hidden(),
        )  # fmt: skip

    def _is_next(self, part: Slice) -> bool:
        """Whether all before a part is done, so that the state before it is known."""
        return part.number == self._next and not self._blind

    def _from_known(self, part: Slice) -> Slice:
        """The next part from the place on at which the states are known: far before it, where something is open at its
        begin. Any other as it is."""
        assert self._known is not None
        if not self._is_next(part):
            return part
        slice_, mark = self._known
        pieces = list(_joined([slice_, part], mark.frame))
        return Slice(part.number, pieces, mark.frame, part.last, self._messages_before())

    def _messages_before(self) -> int:
        """About how many messages come before the place at which the states are known."""
        assert self._known is not None
        slice_, mark = self._known
        return slice_.messages + messages_in(slice_.pieces[: mark.frame - slice_.first])

    def _found(self) -> dict[KeyRole, bytes]:
        """The keys that were found, as long as nothing verifies under the given ones."""
        better = self._course.better.keys
        return better.found if isinstance(better, FoundKeys) and not self._course.verified else {}

    def _right(self, outcome: Outcome, job: Job) -> bool:
        """Whether a worker began with the true state, and looked for what had to be looked for."""
        assert self._known is not None
        if outcome.said is None or outcome.begin is None:
            return False
        given, found = (True, job.begun) if job.known else outcome.begins(self._known[1])
        if not given:
            return False
        if not outcome.sealed:
            return True
        known = found or not job.found
        searches = self._course.searches(job.number)
        return known and job.searches == searches and (searches or job.found == self._found())

    def _here(self, part: Slice) -> Outcome:
        """A part diagnosed by this process, from the true state."""
        part = self._from_known(part)
        job = self._job(part)
        outcome = work(self._keys, job, self._course.better.of)
        if outcome.said is None:
            return outcome
        self._taken(part, outcome)
        if not part.number and outcome.following is not None and (found := self._found()):
            state = following(FoundKeys(self._keys, found), job)
            mark = Mark(outcome.following.frame, Starts(outcome.following.starts.given, state))
            self._known = part, mark
        return outcome

    def _taken(self, part: Slice, outcome: Outcome) -> Outcome:
        said = outcome.said
        assert said is not None
        self.gathered.add(said)
        self._course.passed(part.number, {**verdicts(()), **said.counts}, outcome.best)
        self._next, self._blind = part.number + 1, False
        if (mark := outcome.following or outcome.begin) is not None:
            self._known = part, mark
        if said.messages:
            self._progress(said.last)
        return outcome

    def _lose(self, part: Slice, reason: str) -> None:
        self._next, self._blind = part.number + 1, True
        first = part.messages + messages_in(part.pieces[: part.number * long.PART - part.first]) + 1
        self.gathered.lost.append(f"about {long.PART:,} messages from about {first:,} on: {reason}")

    def _alone(self) -> None:
        """The rest of the trace by this process, frame after frame."""
        assert self._known is not None
        slice_, mark = self._known
        stages = Stages(self._keys, mark.starts.given, noted=False)
        coming = chain([slice_], (given.part for given in self._given), self._slices)
        rest = parts(stages.messages(_joined(coming, mark.frame)), self._next, mark.frame)
        for found in diagnose_rest(self._trace, rest, self._keys, self._course):
            said = found.said
            del found  # it has messages, and the next one comes
            self.gathered.add(said)
            self._progress(said.last)

    def _result(self, ticket: int) -> Outcome | Lost:
        wanted = {given.ticket for given in self._given}
        while ticket not in self._results:
            (serial, other), result = self._crew.take()
            if serial == self._serial and other in wanted:
                self._results[other] = result
        return self._results.pop(ticket)


def _joined(slices: Iterable[Slice], frame: int) -> Iterator[Piece]:
    """The frames from one on; slices overlap."""
    for one in slices:
        yield from one.pieces[frame - one.first :]
        frame = one.first + len(one.pieces)
