"""Who does the work: worker processes of this machine, or a Dask cluster. Both lose only the capture that kills a worker.

A pool is a generator: captures in, each with its outcome out, as they come. Closing it ends or cancels what is under way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from itertools import islice
from typing import Any

from analyzer.bulk.crew import TRIES, Crew, place_of
from analyzer.export.parquet import ParquetMissing
from analyzer.sweep.examine import Outcome, examine, outcome_of, unreadable
from analyzer.sweep.places import Capture
from analyzer.sweep.settings import Settings

AHEAD = 4  # captures that wait at each worker
INLINE = 1 << 16  # octets of settings that go along with each task; larger ones are sent once
LOST = ("pending", "lost")  # states of a task that has no result, or no longer
Done = tuple[Capture, Outcome]


class ClusterMissing(RuntimeError):
    """Dask is not installed, or no cluster answers; says what to do."""


def local(settings: Settings, captures: Iterable[Capture], jobs: int) -> Iterator[Done]:
    """The outcomes by `jobs` worker processes; with 1 in this process, where nothing catches a crash."""
    if jobs == 1:
        for capture in captures:
            yield capture, examine(settings, capture)
        return
    coming = iter(captures)
    with Crew(jobs, examine, settings) as crew:
        while True:
            for capture in islice(coming, max(0, AHEAD * jobs - crew.open)):
                crew.give(capture, capture)
            if not crew.open:
                return
            done, result = crew.take()
            yield done, outcome_of(result)


def cluster(settings: Settings, captures: Iterable[Capture], address: str) -> Iterator[Done]:
    """The outcomes by the workers of a Dask cluster, which have to see the captures under the same names.

    Raises ClusterMissing.
    """
    try:
        distributed: Any = import_module("distributed")
    except ImportError:
        raise ClusterMissing("--cluster needs Dask: pip install 'dlmscope[cluster]'") from None
    try:
        client = distributed.Client(address, timeout="10s", set_as_default=False)
    except (OSError, ValueError, TimeoutError) as problem:
        raise ClusterMissing(f"no Dask scheduler answers at {address} ({type(problem).__name__})") from None
    with client:
        shared = _shared(client, settings)
        waiting: dict[Any, Capture] = {}
        coming = iter(captures)
        queue = distributed.as_completed(loop=client.loop, raise_errors=False)
        while True:
            room = AHEAD * max(1, sum(client.nthreads().values())) - len(waiting)
            for capture in islice(coming, max(0, room)):
                future = client.submit(examine, shared, capture, pure=False, retries=0)
                waiting[future] = capture
                queue.add(future)
            if not waiting:
                return
            future = next(queue)
            status = future.status
            if status in LOST:  # its result was on a worker that died; the scheduler has it computed anew
                queue.add(future)
                continue
            yield waiting.pop(future), _result(future, status)
            future.release()


def _shared(client: Any, settings: Settings) -> Any:
    """The settings for the tasks: themselves, or where they are large, as with the keys of a fleet, on every worker."""
    import pickle

    if len(pickle.dumps(settings)) <= INLINE:
        return settings
    return client.scatter(settings, broadcast=True, hash=False)


def _result(future: Any, status: str) -> Outcome:
    """The outcome of a task. A task that kills workers is given up by the scheduler."""
    if status == "finished":
        found: Outcome = future.result()
        return found
    if status != "error":
        raise ClusterMissing("the Dask cluster went away; the same command goes on where this one was")
    problem = future.exception()
    if type(problem).__name__ == "KilledWorker":
        return unreadable(f"its worker process died {TRIES} times")
    if isinstance(problem, ImportError | ParquetMissing):
        said = " ".join(str(problem).split())
        raise ClusterMissing(f"the workers of the cluster need dlmscope[cluster] as well: {said}")
    return unreadable(f"a defect of dlmscope: {place_of(problem)}")
