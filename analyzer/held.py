"""Garbage collection held back while much is decoded.

Messages are made of many small objects that refer to each other in one direction only: they go when nobody needs them, and
the search for cycles finds none. It costs a third of the time where messages are kept, for it looks at all of them again
and again.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

OBJECTS = 100_000  # new ones until the youngest are searched; Python's own number is 700 or 2000


@contextmanager
def collection_held() -> Iterator[None]:
    """Searches for cycles rarely, and not among the objects that are there already; afterwards as before."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(OBJECTS, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
