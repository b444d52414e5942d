"""Work in threads, so that typing never waits: a newer job of a group cancels the older one.

The threads are daemons: whoever quits does not wait for a search that cannot be interrupted.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Callable
from typing import TypeVar

from analyzer.keyring import KeyProviderError
from analyzer.meter_keys import KeyFileError
from analyzer.patience import StoppedError, until
from analyzer.sources import InputError
from analyzer.sources.mapped import LostFileError
from analyzer.tui.session import Stop

Result = TypeVar("Result")
Deliver = Callable[[Callable[[], None]], None]


class Background:
    """Runs jobs. `deliver` calls a function in the thread of the interface; there `failed` is told what went wrong, and
    `lost` what was open and is gone."""

    def __init__(self, deliver: Deliver, failed: Callable[[str], None], lost: Callable[[str], None]) -> None:
        self._deliver, self._failed, self._lost = deliver, failed, lost
        self._lock = threading.Lock()
        self._jobs: dict[str, threading.Event] = {}
        self.busy = 0

    def run(
        self, group: str, work: Callable[[Stop], Result], done: Callable[[Result], None], delay: float = 0.0
    ) -> None:
        """Cancels the job of this group, waits `delay` seconds, does `work` in a thread and gives its result to `done`
        in the thread of the interface. `work` gets a function that says whether it shall stop."""
        stopped = threading.Event()
        with self._lock:
            if (older := self._jobs.get(group)) is not None:
                older.set()
            self._jobs[group] = stopped
            self.busy += 1
        threading.Thread(
            target=contextvars.copy_context().run,  # what is to be covered is covered there as well
            args=(self._run, stopped, work, done, delay),
            daemon=True,
            name=f"dlmscope {group}",
        ).start()

    def cancel(self, group: str) -> None:
        """Cancels the job of a group, if there is one."""
        with self._lock:
            if (job := self._jobs.pop(group, None)) is not None:
                job.set()

    def cancel_all(self) -> None:
        """Cancels everything."""
        for group in list(self._jobs):
            self.cancel(group)

    def _run(
        self, stopped: threading.Event, work: Callable[[Stop], Result], done: Callable[[Result], None], delay: float
    ) -> None:
        said, failed = "", self._failed
        try:
            if delay and stopped.wait(delay):
                self._finished()
                return
            with until(stopped.is_set):
                result = work(stopped.is_set)
        except StoppedError:
            self._finished()
            return
        except (InputError, KeyFileError, KeyProviderError, OSError) as problem:
            said = " ".join(str(problem).split())
            failed = self._lost if isinstance(problem, LostFileError) else failed
        except Exception as problem:
            if os.environ.get("DLMSCOPE_TRACEBACK"):
                raise
            said = f"a defect of dlmscope: {type(problem).__name__}; please report it"  # its text may hold secrets
        if said:
            self._deliver(lambda: self._end(stopped, lambda: failed(said)))
        else:
            self._deliver(lambda: self._end(stopped, lambda: done(result)))

    def _end(self, stopped: threading.Event, then: Callable[[], None]) -> None:
        self._finished()
        if not stopped.is_set():
            then()

    def _finished(self) -> None:
        with self._lock:
            self.busy -= 1
