"""Whether anybody still waits for a result. Long work asks now and then with `go_on`; whoever starts it says with `until`
how it shall know. Where nobody said anything, it goes on to its end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_stop: ContextVar[Callable[[], bool] | None] = ContextVar("stop", default=None)


class StoppedError(Exception):
    """The work was given up, because nobody waits for it."""


@contextmanager
def until(stop: Callable[[], bool]) -> Iterator[None]:
    """Work that is done inside ends with StoppedError soon after `stop` says so. A thread that is started inside has to
    say so again."""
    token = _stop.set(stop)
    try:
        yield
    finally:
        _stop.reset(token)


def go_on() -> None:
    """Raises StoppedError where nobody waits any more."""
    stop = _stop.get()
    if stop is not None and stop():
        raise StoppedError
