"""A time for each packet that goes out: that of the capture, or one that keeps the order where nobody captured any."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from analyzer.model import Record

STEP = 1_000_000  # nanoseconds between records that nobody timed
# The time stamp of a packet, as readers of captures write it.
EXACT = re.compile(r"(\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d)\.(\d{1,9})Z")


class Clock:
    """Tells the times of the records of a trace, one after the other, in nanoseconds since 1970. What comes before the
    first that was timed gets its time; where none was, the first comes a step after `start`."""

    def __init__(self, records: Iterable[Record], start: int = 0) -> None:
        timed = next((record for record in records if record.seconds is not None), None)
        known = nanoseconds_of(timed.time, timed.seconds) if timed is not None else None
        self.last, self._step = (start, STEP) if known is None else (known, 0)

    def time(self, stamp: str | None, seconds: float | None) -> int:
        """The time of the next one: its own, or a step after the one before."""
        own = nanoseconds_of(stamp, seconds)
        self.last, self._step = (self.last + self._step, self._step) if own is None else (own, STEP)
        return self.last


def nanoseconds_of(stamp: str | None, seconds: float | None) -> int | None:
    """A time exactly where its text tells it: seconds as a float hold a date of today to 238 ns."""
    if seconds is None:
        return None
    found = EXACT.fullmatch(stamp or "")
    near = round(seconds * 1e6) * 1000
    if found is None:
        return near
    whole = int(datetime.fromisoformat(found[1] + "+00:00").timestamp()) * 1_000_000_000 + int(found[2].ljust(9, "0"))
    return whole if abs(whole - near) < 1000 else near
