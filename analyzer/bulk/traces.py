"""Traces through workers: what a form makes of their messages, in order, the same with any number of processes.

Short traces go to a worker whole; a long one in ranges, see `ranges`. What is not worth it is done in this process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable, Iterator
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
AHEAD = 2  # ranges or traces that wait beside those that workers have
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


def worker(shared: SharedKeys, job: Range) -> list[Chunk]:
    """What a worker process does with a job."""
    return work(shared.ring(), job)


class Bulk:
    """Decodes traces with up to `jobs` worker processes. A context manager."""

    def __init__(self, keys: KeyRing, jobs: int) -> None:
        self._keys, self._jobs = keys, jobs
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
            while len(plans) <= self._jobs * AHEAD and sum(len(plan.head) for plan in plans) < LOOK:
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
        if self._jobs > 1 and self._seen > WORTH >= len(plan.head):
            plan.job = self._give(Range(plan.head, None, True, form))
        return plan

    def _contents(self, plan: _Plan) -> Contents:
        if plan.job is not None:
            result = self._result(plan.job)
            if isinstance(result, Lost):
                self.lost.append(f"{plan.form.trace}: {result.reason}")
            else:
                yield from (chunk.content for chunk in result)
        elif self._jobs > 1 and len(plan.head) > WORTH:
            yield from self._long(chain(plan.head, plan.pieces), plan.form)
        else:
            yield from alone(Stages(self._keys), plan.form, chain(plan.head, plan.pieces), None)

    def _long(self, pieces: Iterator[Piece], form: Form) -> Contents:
        """A long trace: its head in this process, then ranges at once, as long as guessing pays."""
        size, pause = HEAD, PAUSE
        truth: Snapshot | None = None
        while True:
            left = yield from alone(Stages(self._keys, truth), form, pieces, size)
            if left is None:
                return
            left = yield from self._at_once(*left, form)
            if left is None:
                return
            (truth, pieces), size, pause = left, pause, 2 * pause

    def _at_once(self, truth: Snapshot, pieces: Iterator[Piece], form: Form) -> Generator[Any, None, Rest | None]:
        """Ranges in workers; what is left, with the state behind what was done, where guessing does not pay."""
        ranges = ranges_of(pieces, self._jobs)
        following = next(ranges, None)
        given: deque[_Given] = deque()
        open_: list[
            Piece
        ] = []  # pieces behind the true state that are in no range: something was open at the end of one
        misses = 0
        while True:
            while following is not None and len(given) < self._jobs + AHEAD:
                own, following = following, next(ranges, None)
                ahead = messages_in(open_) + sum(messages_in(one.content.pieces) for one in given)
                guess = Snapshot(truth.count + ahead, truth.digest, truth.state)
                job = Range(own, guess, following is None, form)
                given.append(_Given(self._give(job), job))
            one = given.popleft()
            chunks = self._result(one.job)
            job, last = one.content, one.content.last
            if isinstance(chunks, Lost):
                skipped = messages_in(open_) + messages_in(job.pieces)
                self.lost.append(f"{form.trace}: about {skipped} messages from {truth.count + 1} on: {chunks.reason}")
                truth, open_ = Snapshot(truth.count + skipped, truth.digest, truth.state), []
                if last:
                    return None
                continue
            assert job.guess is not None
            done = 0
            if open_ or not job.guess.same(truth):
                passage = yield from self._mended(truth, open_, job, chunks)
                if not passage.stopped:
                    if last:
                        return None
                    truth, open_ = passage.snapshot or truth, [*open_, *job.pieces][passage.piece :]
                    misses += 1
                    if misses < MISSES and len(open_) < RANGE_PIECES:
                        continue
                    self._given_up |= {other.job for other in given}
                    rest = [open_, *(other.content.pieces for other in given), *([following] if following else [])]
                    return truth, chain(chain.from_iterable(rest), chain.from_iterable(ranges))
                done = passage.piece - len(open_)
            misses = 0
            yield from (chunk.content for chunk in chunks if chunk.snapshot is None or chunk.piece > done)
            if last:
                return None
            end = chunks[-1] if chunks else None
            if end is not None and end.snapshot is not None:
                truth, open_ = end.snapshot, job.pieces[end.piece :]
            else:
                open_ = [*open_, *job.pieces]

    def _mended(
        self, truth: Snapshot, open_: list[Piece], job: Range, chunks: list[Chunk]
    ) -> Generator[Any, None, Passage]:
        """Decodes the begin of a range from the true state, until a snapshot of its worker agrees; else all of it."""
        pieces = [*open_, *job.pieces]
        others = {len(open_) + chunk.piece: chunk.snapshot for chunk in chunks if chunk.snapshot is not None}
        passage = Passage(Stages(self._keys, truth), job.form, others)
        for chunk in passage.chunks(pieces, job.last):
            yield chunk.content
        return passage

    def _give(self, job: Range) -> int:
        number = next(self._numbers)
        self._crew.give(number, job)
        return number

    def _result(self, job: int) -> Any:
        while job not in self._results:
            number, result = self._crew.take()
            if number in self._given_up:
                self._given_up.discard(number)
            else:
                self._results[number] = result
        return self._results.pop(job)
