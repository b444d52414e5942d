"""Traces through workers: what a form makes of their messages, in order, the same with any number of processes.

Short traces go to a worker whole; a long one in ranges, see `ranges`. What is not worth it is done in this process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, count, islice
from typing import Any

from analyzer.bulk.crew import Crew, Lost
from analyzer.bulk.forms import Form
from analyzer.bulk.ranges import (
    RANGE_PIECES,
    Chunk,
    Passage,
    Range,
    Rest,
    alone,
    messages_in,
    ranges_of,
    work,
)
from analyzer.bulk.shared import SharedKeys
from analyzer.bulk.stages import Snapshot, Stages
from analyzer.framing import Piece, pieces_of
from analyzer.keyring import KeyRing
from analyzer.model import Record

HEAD = 2048  # pieces of a trace that this process decodes: the first answer, and the first state to guess by
WORTH = 3 * HEAD  # pieces, of one trace or of many, below which no worker is started
LOOK = 4 * WORTH  # pieces of traces whose turn comes
LATE = 8  # the part of a range that is decoded again before what waits is guessed anew: an eighth
AHEAD = 2  # ranges or traces that wait beside those that workers have
MANY = 64  # entries of a state; more hardly ever agree as a whole
MISSES = 3  # ranges one after the other of which no part could be used: then guessing is given up for a while
PAUSE = 8 * RANGE_PIECES  # pieces until it is tried again; twice as many each time

Contents = Iterator[Any]


@dataclass(slots=True)
class _Plan:
    """A trace whose turn comes."""

    pieces: Iterator[Piece]
    head: list[Piece]
    form: Form
    job: int | None = None  # the whole is with a worker


@dataclass(slots=True)
class _Given:
    """A range that a worker has."""

    job: int
    content: Range
    messages: int  # before it, as it was guessed


def worker(shared: SharedKeys, job: Range) -> list[Chunk]:
    """What a worker process does with a job."""
    return work(shared.ring(), job)


class Bulk:
    """Decodes traces with up to `jobs` worker processes. A context manager."""

    def __init__(self, keys: KeyRing, jobs: int) -> None:
        self.keys, self.jobs = keys, jobs
        self._crew = Crew(jobs, worker, SharedKeys.of(keys))
        self._numbers = count(1)
        self._results: dict[int, Any] = {}
        self._given_up: set[int] = set()
        self._seen = 0
        self.lost: list[str] = []  # what could not be decoded, in words

    def __enter__(self) -> Bulk:
        return self

    def __exit__(self, *problem: object) -> None:
        self._crew.__exit__(*problem)

    def each(self, traces: Iterable[tuple[Iterable[Record], Form]]) -> Iterator[Contents]:
        """For each trace what its form makes of it, piece by piece; each is used up before the next is asked for."""
        plans: deque[_Plan] = deque()
        coming = iter(traces)
        while True:
            while len(plans) <= self.jobs * AHEAD and sum(len(plan.head) for plan in plans) < LOOK:
                found = next(coming, None)
                if found is None:
                    break
                plans.append(self._plan(*found))
            if not plans:
                return
            yield self._contents(plans.popleft())

    def _plan(self, records: Iterable[Record], form: Form) -> _Plan:
        pieces = pieces_of(records)
        plan = _Plan(pieces, list(islice(pieces, WORTH + 1)), form)
        self._seen += len(plan.head)
        if self.jobs > 1 and self._seen > WORTH >= len(plan.head):
            plan.job = self.give(Range(plan.head, None, True, form))
        return plan

    def _contents(self, plan: _Plan) -> Contents:
        if plan.job is not None:
            result = self.result(plan.job)
            if isinstance(result, Lost):
                self.lost.append(f"{plan.form.trace}: {result.reason}")
            else:
                yield from (chunk.content for chunk in result)
        elif self.jobs > 1 and len(plan.head) > WORTH:
            yield from self._long(chain(plan.head, plan.pieces), plan.form)
        else:
            yield from alone(Stages(self.keys, noted=False), plan.form, chain(plan.head, plan.pieces), None)

    def _long(self, pieces: Iterator[Piece], form: Form) -> Contents:
        """A long trace: its head in this process, then ranges at once, as long as guessing pays."""
        size, pause = HEAD, PAUSE
        truth: Snapshot | None = None
        noted = False
        while True:
            left = yield from alone(Stages(self.keys, truth, noted=False), form, pieces, size)
            if left is None:
                return
            ranges = _Ranges(self, left, form, noted)
            left = yield from ranges.contents()
            if left is None:
                return
            noted = ranges.noted
            if ranges.right >= pause:
                pause = PAUSE
            (truth, pieces), size, pause = left, pause, 2 * pause

    def give(self, job: Range) -> int:
        """Hands a job over; its number."""
        number = next(self._numbers)
        self._crew.give(number, job)
        return number

    def forget(self, jobs: Collection[int]) -> None:
        """What comes of these jobs is not wanted any more."""
        running = {job for job in jobs if self._results.pop(job, None) is None}
        self._given_up |= running - self._crew.forget(running)

    def result(self, job: int) -> Any:
        """What came of a job; waits for it."""
        while job not in self._results:
            number, result = self._crew.take()
            if number in self._given_up:
                self._given_up.discard(number)
            else:
                self._results[number] = result
        return self._results.pop(job)


class _Ranges:
    """A long trace on its way through the workers, from a known state on."""

    def __init__(self, bulk: Bulk, rest: Rest, form: Form, noted: bool) -> None:
        self._bulk, self._form = bulk, form
        self.noted = noted  # whether states differed; then it is noted what is looked at in them
        self._truth, pieces = rest
        self._open: list[Piece] = []  # pieces behind the true state in no range: something was open at the end of one
        self._ranges = ranges_of(pieces, bulk.jobs)
        self._following = next(self._ranges, None)
        self._given: deque[_Given] = deque()
        self._misses = 0
        self.right = 0  # pieces that were decoded by workers, and not again

    def contents(self) -> Generator[Any, None, Rest | None]:
        """What the form makes of it; what is left, with the state behind what was done, where guessing does not pay."""
        while True:
            self._fill()
            one = self._given.popleft()
            job = one.content
            chunks = self._bulk.result(one.job)
            if isinstance(chunks, Lost):
                self._lose(job, chunks.reason)
            else:
                yield from self._taken(job, chunks)
            if job.last:
                return None
            if self._misses and (self._misses >= MISSES or len(self._open) >= RANGE_PIECES):
                return self._left()
            if not self._open and self._given and self._given[0].messages != self._truth.count:
                self._guess_anew(self._truth)  # the next one has the numbers of its messages wrong

    def _fill(self) -> None:
        """Gives the workers enough to do."""
        while self._following is not None and len(self._given) < self._bulk.jobs + AHEAD:
            own, self._following = self._following, next(self._ranges, None)
            guess = self._truth.ahead(messages_in(self._open))
            self._given.append(self._guessed(Range(own, None, self._following is None, self._form), guess, self._given))

    def _guessed(self, job: Range, guess: Snapshot, before: Iterable[_Given]) -> _Given:
        """Hands a range over as it is guessed from a state, behind which come those before it."""
        ahead = sum(messages_in(one.content.pieces) for one in before)
        guess = guess.ahead(ahead)
        job = Range(job.pieces, guess, job.last, job.form, self.noted or guess.entries > MANY)
        return _Given(self._bulk.give(job), job, guess.count)

    def _guess_anew(self, guess: Snapshot) -> None:
        """What came in the range that was taken may be in the state of all behind it, so those that wait are guessed from
        there, or each would be wrong in its turn."""
        self.noted = True
        waiting = list(self._given)
        self._bulk.forget([one.job for one in waiting])
        self._given.clear()
        for one in waiting:
            self._given.append(self._guessed(one.content, guess, self._given))

    def _taken(self, job: Range, chunks: list[Chunk]) -> Contents:
        """What a worker made of a range, as far as it is right. What it is not is decoded again, from the true state up to
        where that of the worker agrees."""
        pieces = [*self._open, *job.pieces]
        others = {len(self._open) + chunk.piece: chunk for chunk in chunks if chunk.snapshot is not None}
        passage = Passage(Stages(self._bulk.keys, self._truth), job.form, others)
        late: int | None = len(self._open) + len(job.pieces) // LATE
        for own in passage.chunks(pieces, job.last):
            yield own.content
            if late is not None and own.piece >= late and own.snapshot is not None and passage.stopped is None:
                self._guess_anew(own.snapshot.ahead(messages_in(pieces[own.piece :])))
                late = None
        agreed = passage.stopped
        if agreed is None:
            self._misses += 1
            self._truth, self._open = passage.snapshot or self._truth, pieces[passage.piece :]
            return
        assert passage.snapshot is not None
        self._misses = 0
        self.right += len(job.pieces) - agreed.piece
        yield from (chunk.content for chunk in chunks if chunk.snapshot is None or chunk.piece > agreed.piece)
        end = chunks[-1]
        if end.snapshot is not None:
            self._truth, self._open = passage.snapshot.behind(end.snapshot, agreed.looks), job.pieces[end.piece :]

    def _lose(self, job: Range, reason: str) -> None:
        skipped = messages_in(self._open) + messages_in(job.pieces)
        self._bulk.lost.append(
            f"{self._form.trace}: about {skipped} messages from {self._truth.count + 1} on: {reason}"
        )
        self._truth, self._open = self._truth.moved(skipped), []

    def _left(self) -> Rest:
        self._bulk.forget([one.job for one in self._given])
        following = [self._following] if self._following is not None else []
        rest = [self._open, *(one.content.pieces for one in self._given), *following]
        return self._truth, chain(chain.from_iterable(rest), chain.from_iterable(self._ranges))
