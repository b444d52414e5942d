"""Time stamps of log lines: what counts as one, and what second of a clock it names.

The forms are those that terminals, loggers and protocol tools print: a clock time with or without a date,
ISO 8601, seconds since 1970, month names, and seconds elapsed. Only differences between the seconds of one
trace mean anything: a date without a zone is read as UTC, one without a year as of the year 2000.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

DAY = 86400.0
YEAR_WHEN_NONE = 2000  # a leap year, so that Feb 29 exists

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


DATE, CLOCK, ELAPSED = 1, 2, 3
STAMP_KINDS = {"date": DATE, "clock": CLOCK, "elapsed": ELAPSED}


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp as written, and its seconds: since 1970 ("date"), since midnight ("clock") or "elapsed"."""

    text: str
    kind: Literal["date", "clock", "elapsed"]
    seconds: float


# A fraction after a comma or a colon has 3 or 6 digits, so that "10:00:02,12,34" stays time and two bytes.
# What follows must not go on as colon separated bytes: 10:00:02:7E:A0 is hex, 10:00:02: 7E A0 is not.
_CLOCK = (
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2})"
    r"(?::(?P<second>\d{2})(?P<fraction>\.\d{1,9}|[,:](?:\d{6}|\d{3}))?)?"
    r"(?:[ ]?(?P<half>[AaPp])\.?[Mm]\b\.?)?"
    r"(?P<zone>[ ]?Z|[+-]\d{2}:?\d{2})?"
    r"(?![0-9A-Za-z])(?!:[0-9A-Fa-f]{2}(?:[:]|\s*$))"
)
_GAP = r"(?:[T_]|,?[ \t]{1,4}(?:(?:-|at)[ \t]{1,2})?)"
_NAME = r"(?P<name>[A-Za-z]{3,9})\.?"
_WEEKDAY = r"(?:(?P<weekday>(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6}),?[ ]{1,2})?"

_DATED = tuple(
    re.compile(pattern, re.ASCII | re.IGNORECASE)
    for pattern in (
        rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_GAP}{_CLOCK}",
        rf"(?P<year>\d{{4}})(?P<month>\d{{2}})(?P<day>\d{{2}}){_GAP}{_CLOCK}",
        r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})T(?P<hour>\d{2})(?P<minute>\d{2})(?P<second>\d{2})"
        r"(?P<fraction>[.,]\d{1,9})?(?P<half>(?!))?(?P<zone>Z|[+-]\d{2}:?\d{2})?(?![0-9A-Za-z])",
        rf"(?P<first>\d{{1,2}})(?P<mark>[./-])(?P<other>\d{{1,2}})(?P=mark)(?P<year>\d{{4}}|\d{{2}}){_GAP}{_CLOCK}",
        rf"{_WEEKDAY}(?P<day>\d{{1,2}})[ -]{_NAME}[ -](?P<year>\d{{4}}|\d{{2}}){_GAP}{_CLOCK}",
        rf"{_WEEKDAY}{_NAME}[ ]{{1,2}}(?P<day>\d{{1,2}}),?[ ]{{1,2}}(?:(?P<year>\d{{4}}),?[ ]{{1,2}})?(?:at[ ])?"
        rf"{_CLOCK}(?(weekday)(?:[ ](?P<late>(?:19|20)\d{{2}})(?![0-9A-Za-z]))?)",
    )
)
_CLOCK_ONLY = re.compile(_CLOCK, re.ASCII | re.IGNORECASE)
_DATE_ONLY = re.compile(
    r"(?:(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{2})(?P=mark)(?P<day>\d{2})"
    r"|(?P<first>\d{1,2})(?P<dot>[./])(?P<other>\d{1,2})(?P=dot)(?P<late>\d{4}))(?![\w:.-])",
    re.ASCII,
)
_SINCE_1970 = re.compile(r"(?P<whole>1\d{9}\.\d{1,9}|1\d{12})(?![\w.])", re.ASCII)
_ELAPSED = re.compile(
    r"(?:(?:T?\+)[ ]?\d{1,9}(?:\.\d{1,9}(?:[ ]?(?P<u1>ms|us|µs|ns|s|sec|min))?|[ ]?(?P<u2>ms|us|µs|ns|s|sec|min))"
    r"|\d{1,9}(?:\.\d{1,9})?[ ]?(?P<u3>ms|us|µs|ns|sec|s)"
    r"|\d{1,9}\.\d{3,9})(?![\w.])",
    re.ASCII,
)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0, "min": 60.0}
_DIGIT = re.compile(r"\d", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)
_PLAUSIBLE = re.compile(
    r"\d{1,2}:\d|\d{1,4}[-/.]\d|\d{8}[T _,]|\d{1,2}[ -][A-Z]{3}|\d{13}|\d{5,10}\.\d"
    r"|\d{1,9}(?:\.\d{1,9})?[ ]?(?:ms|us|µs|ns|s)|[T+]"
    r"|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|Mon|Tue|Wed|Thu|Fri|Sat|Sun)",
    re.ASCII | re.IGNORECASE,
)


def match_stamp(text: str, position: int) -> tuple[Stamp, int] | None:
    """The time stamp that begins at a position of a line, and the position after it."""
    # A bounded window: no form is longer, and a line of 10 MB must not be looked through.
    window = text[position : position + 80]
    if _PLAUSIBLE.match(window) is None:
        return None
    lettered = window[0].isalpha()
    for pattern in _DATED[4:] if lettered else _DATED:
        found = pattern.match(window)
        if found is not None:
            stamp = _dated(found)
            if stamp is not None:
                return stamp, position + found.end()
    if lettered and window[0] not in "Tt":
        return None
    return _undated(window, position)


def may_be_stamp(text: str, position: int) -> bool:
    """Whether a time stamp could begin at a position of a line, were its digits others."""
    window = _DIGIT.sub("1", text[position : position + 80])
    return any(pattern.match(window) for pattern in (*_DATED, _CLOCK_ONLY, _SINCE_1970, _ELAPSED, _DATE_ONLY))


def _undated(window: str, position: int) -> tuple[Stamp, int] | None:
    found = _CLOCK_ONLY.match(window)
    if found is not None:
        seconds = _seconds_of_day(found)
        if seconds is not None:
            return Stamp(found[0], "clock", seconds), position + found.end()
        return None
    found = _SINCE_1970.match(window)
    if found is not None:
        number = found["whole"]
        return Stamp(number, "date", float(number) if "." in number else int(number) / 1000), position + found.end()
    found = _ELAPSED.match(window)
    if found is not None:
        unit = found["u1"] or found["u2"] or found["u3"] or "s"
        amount = _NUMBER.search(found[0])
        assert amount is not None  # every branch of the pattern has a digit
        return Stamp(found[0], "elapsed", float(amount[0]) * _UNITS[unit]), position + found.end()
    found = _DATE_ONLY.match(window)
    if found is not None:
        day = _midnight(found.groupdict() | {"year": found["year"] or found["late"]}, found["dot"] or "-")
        if day is not None:
            return Stamp(found[0], "date", day.timestamp()), position + found.end()
    return None


def _seconds_of_day(found: re.Match[str]) -> float | None:
    """The seconds since midnight of a matched clock time; None when no clock shows it (25:61:02 is hex)."""
    hour, minute, second = int(found["hour"]), int(found["minute"]), int(found["second"] or 0)
    half = (found["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "p" else 0)
    fraction = found["fraction"]
    return clock_seconds(hour, minute, second, fraction[1:] if fraction else None)


def clock_seconds(hour: int, minute: int, second: int, fraction: str | None) -> float | None:
    """The seconds since midnight of a clock time; None when no clock shows it."""
    if hour > 23 or minute > 59 or second > 60:
        return None
    return hour * 3600 + minute * 60 + second + (float("0." + fraction) if fraction else 0.0)


def _dated(found: re.Match[str]) -> Stamp | None:
    """The stamp of a matched date with time. A date that no calendar has leaves the clock time alone."""
    seconds = _seconds_of_day(found)
    if seconds is None:
        return None
    groups = found.groupdict()
    if groups.get("late"):
        groups["year"] = groups["late"]
    if "name" in groups and groups["name"][:3].lower() not in _MONTHS:
        return None
    day = _midnight(groups, groups.get("mark") or "", american=bool(found["half"]))
    if day is None:
        return Stamp(found[0], "clock", seconds)
    return Stamp(found[0], "date", day.timestamp() + seconds - _zone_offset(found["zone"]))


def _midnight(groups: dict[str, str | None], mark: str, american: bool = False) -> datetime | None:
    """Midnight of a date. 3/4/2021 is the fourth of March, 04.03.2021 and 04-03-2021 also: the mark tells."""
    year = int(groups.get("year") or YEAR_WHEN_NONE)
    if year < 100:
        year += 2000
    if groups.get("name"):
        month, day = _MONTHS.index((groups["name"] or "")[:3].lower()) + 1, int(groups["day"] or 0)
    elif groups.get("first"):
        day, month = int(groups["first"] or 0), int(groups["other"] or 0)
        if month > 12 or (day <= 12 and (mark == "/" or american)):
            day, month = month, day
    else:
        month, day = int(groups["month"] or 0), int(groups["day"] or 0)
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def _zone_offset(zone: str | None) -> float:
    """Seconds east of UTC of Z, +0100 or +01:00."""
    if not zone or zone.strip() in "Zz":
        return 0.0
    digits = zone[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:])).total_seconds()
    return -offset if zone[0] == "-" else offset


@dataclass(slots=True)
class ClockState:
    """How the clock of a trace stands: the midnight that clock times count from (from the day of the first dated stamp while
    `dated` is not set), the last time of day, and the sum of elapsed times."""

    day: float = 0.0
    dated: bool = False
    last: float | None = None
    total: float = 0.0

    def step(self, kind: int, seconds: float) -> None:
        """Takes the next stamp. A step back of more than half a day is midnight."""
        if kind == DATE:
            self.day, self.last, self.dated = seconds // DAY * DAY, seconds % DAY, True
        elif kind == CLOCK:
            if self.last is not None and seconds < self.last - DAY / 2:
                self.day += DAY
            self.last = seconds
        elif kind == ELAPSED:
            self.total += seconds


class TraceClock:
    """The seconds of each stamp on one clock for the whole trace, known when all stamps were noted.

    Clock times without a date take the day of the dated stamp before them (or of the first one of the
    trace), and a step back of more than half a day is midnight. Elapsed times that never step back count
    from the start of the trace; otherwise each counts from the record before it. Beside absolute times an
    elapsed one has no known origin and has no seconds.
    """

    def __init__(self) -> None:
        self._state = ClockState()
        self._first_day: float | None = None
        self._absolute = False
        self._from_start = True
        self._elapsed = float("-inf")

    def note(self, kinds: Iterable[int], seconds: Iterable[float]) -> None:
        """The next stamps: the kind of each, as a number of `STAMP_KINDS`, 0 where there is none, and its seconds."""
        for kind, second in zip(kinds, seconds, strict=True):
            if kind == ELAPSED:
                self._from_start = self._from_start and second >= self._elapsed
                self._elapsed = second
            elif kind:
                self._absolute = True
                if kind == DATE and self._first_day is None:
                    self._first_day = second // DAY * DAY
            self._state.step(kind, second)

    def state(self) -> ClockState:
        """How the clock stands behind the stamps so far."""
        return replace(self._state)

    def seconds(self, kinds: Iterable[int], seconds: Iterable[float], state: ClockState) -> list[float | None]:
        """The seconds of stamps in a row, as `note` took them, the clock standing so before them."""
        clock, first_day = replace(state), self._first_day or 0.0
        result: list[float | None] = []
        for kind, second in zip(kinds, seconds, strict=True):
            if not kind:
                result.append(None)
                continue
            clock.step(kind, second)
            if kind == DATE:
                result.append(second)
            elif kind == CLOCK:
                result.append((clock.day if clock.dated else first_day + clock.day) + second)
            elif self._absolute:
                result.append(None)
            else:
                result.append(second if self._from_start else clock.total)
        return result
