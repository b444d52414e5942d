"""A crew of worker processes. Each has one job at a time; one that dies loses only its job, which another takes up.

`concurrent.futures` gives up as a whole when a worker dies, which a capture that exhausts the memory would bring about.
Here a job that killed three workers is given back as `Lost`, and the others go on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzer.held import collection_held
from analyzer.keyring import KeyProviderError
from analyzer.meter_keys import KeyFileError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.process import BaseProcess

TRIES = 3  # workers that one job may kill


@dataclass(frozen=True, slots=True)
class Lost:
    """What became of a job that gave no result: `reason` in words, without anything out of the capture."""

    reason: str


@dataclass(slots=True)
class _Job:
    key: Any
    content: Any
    deaths: int = 0


@dataclass(slots=True)
class _Worker:
    process: BaseProcess
    line: Connection
    job: _Job | None = None


class Crew:
    """Worker processes that each call `function(shared, job)`. A context manager: leaving it ends them all at once.

    `function` is one of a module, `shared` goes to each worker once. Both, jobs and results can be pickled.
    """

    def __init__(self, size: int, function: Callable[[Any, Any], Any], shared: Any) -> None:
        self.size = size
        self._function, self._shared = function, shared
        self._workers: list[_Worker] = []
        self._waiting: deque[_Job] = deque()
        self._done: deque[tuple[Any, Any]] = deque()

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.line.close()
        self._workers.clear()

    @property
    def open(self) -> int:
        """How many jobs were given and not taken yet."""
        busy = sum(1 for worker in self._workers if worker.job is not None)
        return busy + len(self._waiting) + len(self._done)

    @property
    def processes(self) -> list[int]:
        """The numbers of the worker processes."""
        return [worker.process.pid for worker in self._workers if worker.process.pid is not None]

    def give(self, key: Any, content: Any) -> None:
        """Hands a job over; a worker takes it as soon as one has nothing to do."""
        self._waiting.append(_Job(key, content))
        self._distribute()

    def forget(self, keys: Collection[Any]) -> set[Any]:
        """Takes back those of these jobs that no worker has begun; which these are. What others give is still taken."""
        taken_back = {job.key for job in self._waiting if job.key in keys}
        self._waiting = deque(job for job in self._waiting if job.key not in taken_back)
        return taken_back

    def take(self) -> tuple[Any, Any]:
        """Key and result of a job that is done, `Lost` for one that has no result; waits for it. One has to be open."""
        from multiprocessing.connection import wait

        while not self._done:
            self._distribute()
            busy = [worker for worker in self._workers if worker.job is not None]
            assert busy, "no job was given"
            ready = wait([worker.line for worker in busy])
            for worker in busy:
                if worker.line in ready:
                    self._hear(worker)
        self._distribute()
        return self._done.popleft()

    def _hear(self, worker: _Worker) -> None:
        job = worker.job
        assert job is not None
        try:
            result = worker.line.recv()
        except (EOFError, OSError):
            self._bury(worker, job)
            return
        worker.job = None
        self._done.append((job.key, result))

    def _bury(self, worker: _Worker, job: _Job) -> None:
        worker.line.close()
        worker.process.join()
        self._workers.remove(worker)
        job.deaths += 1
        if job.deaths < TRIES:
            self._waiting.appendleft(job)
            return
        self._done.append((job.key, Lost(f"its worker process died {TRIES} times ({_why(worker.process.exitcode)})")))

    def _distribute(self) -> None:
        for worker in list(self._workers):
            if not self._waiting:
                return
            if worker.job is None:
                self._send(worker)
        while self._waiting and len(self._workers) < self.size:
            self._send(self._started())

    def _send(self, worker: _Worker) -> None:
        job = worker.job = self._waiting.popleft()
        try:
            worker.line.send(job.content)
        except OSError:  # it died while it had nothing to do
            self._bury(worker, job)

    def _started(self) -> _Worker:
        import multiprocessing  # takes as long as the rest of a short command

        # To fork a process with threads may bring a worker that waits for ever for a lock that nobody holds.
        forks = sys.platform == "linux" and threading.active_count() == 1
        context: Any = multiprocessing.get_context("fork" if forks else "spawn")
        own, other = context.Pipe()
        foreign = [*(worker.line for worker in self._workers), own] if forks else []
        process = context.Process(
            target=_serve, args=(other, foreign, self._function, self._shared), daemon=True, name="dlmscope worker"
        )
        held = _interrupts_held()  # a worker that was not told yet to leave Ctrl-C to us would complain
        try:
            process.start()
        finally:
            _let_go(held)
        other.close()
        worker = _Worker(process, own)
        self._workers.append(worker)
        return worker


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _interrupts_held() -> set[int]:
    """Keeps Ctrl-C waiting; gives what has to be let go again."""
    if not hasattr(signal, "pthread_sigmask"):
        return set()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    return set() if signal.SIGINT in before else {signal.SIGINT}


def _let_go(held: set[int]) -> None:
    if held and hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, held)


def _serve(line: Connection, foreign: list[Connection], function: Callable[[Any, Any], Any], shared: Any) -> None:
    """What a worker does until its line ends, which is when the process that has it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all; the first process ends the others
    _let_go({signal.SIGINT})
    for one in foreign:  # ends of lines that a fork inherits would keep other workers waiting
        one.close()
    with contextlib.suppress(EOFError, OSError), collection_held():
        while True:
            content = line.recv()
            line.send(_answer(function, shared, content))


def _answer(function: Callable[[Any, Any], Any], shared: Any, content: Any) -> Any:
    try:
        return function(shared, content)
    except MemoryError:
        return Lost("there is not enough memory for it")
    except (KeyFileError, KeyProviderError) as problem:  # in one line, made to be shown
        return Lost(str(problem))
    except Exception as problem:  # its text may hold what must not be shown
        return Lost(f"a defect of dlmscope: {place_of(problem)}")


def place_of(problem: BaseException) -> str:
    """Where a defect showed, without its text."""
    at = problem.__traceback__
    while at is not None and at.tb_next is not None:
        at = at.tb_next
    if at is None:
        return type(problem).__name__
    name = os.path.basename(at.tb_frame.f_code.co_filename)
    return f"{type(problem).__name__} in {name}, line {at.tb_lineno}"


def _why(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-exitcode).name}"
    return f"exit status {exitcode}"
