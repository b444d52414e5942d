"""Lines that are written like one before: most lines of a long log. They are read along the same track, without a closer look.

A track is the beginning of a line as it was read, with any digits where the time and the numbers stood, up to the first octets.
A line is on it only where the rules for lines (`headings`, `loglines`, `payload`) cannot come to anything else than they did
for the line that the track was learned from:

- what stands before the octets is the same but for digits that are no part of a word and no word themselves ("client 2 meter");
- each place in it that can be a time is one: it is read anew, and has to be of the same kind and length;
- the octets begin the same, with a decimal digit in their first two, and are at least three pairs, each a space apart, or at
  least sixteen digits in a row, with nothing behind them: so they are a heading, a row of a dump or a word in no case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from analyzer.sources.loglines import Entry
from analyzer.sources.payload import Payload
from analyzer.sources.prefix import read_prefix
from analyzer.sources.timestamps import Stamp, clock_seconds, match_stamp, may_be_stamp

MOST = 8  # tracks that are known at a time
# Lines that are learned from in any case, and lines in a row on no track after which the tracks are given up.
TRIED = 64
SELDOM = 1024  # afterwards one line in so many is learned from: that takes as long as three closer looks
LONGEST = 200  # characters before the octets
PAIRS, DIGITS = 3, 16  # at least: no heading has them, and no number
_PAIRS = re.compile(r"[0-9A-Fa-f]{2}(?: [0-9A-Fa-f]{2}){2,}")
_DIGITS = re.compile(r"(?:[0-9A-Fa-f]{2}){8,}")
_HEAD = re.compile(r"[0-9A-Fa-f]{2} ?[0-9A-Fa-f]{2}")
_NUMBER = re.compile(r"[0-9]+")
_APART = re.compile(r"(?<![A-Za-z_0-9])[0-9]+(?![A-Za-z_0-9])")
# Behind a time that begins with the name of a day: 2026 is of it, 1826 is not.
_YEAR = re.compile(r" [0-9]{4}(?![0-9A-Za-z])")
_OFFSET = re.compile(r"[0-9]{3}:\s")  # "000: 7E" is an offset, "001: 7E" a number
_REMARK = re.compile(r"\([0-9]{1,6}\):? ?")  # a number of octets that could be one
_CLOCK = re.compile(
    r"(?P<day>.*?)(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]+))?"
)


@dataclass(slots=True)
class Found:
    """A line on a track: what `parse_line` makes of it, its octets, and the index of the first."""

    entry: Entry
    data: bytes
    first: int
    unbroken: bool


class Tracks:
    """The tracks of a text: `known` ones, the last one that was used first."""

    def __init__(self) -> None:
        self.known: list[_Track] = []
        self._tried = self._read = 0
        self._missed = 0  # in a row

    def follow(self, text: str) -> Found | None:
        """A line, without white space at its end, that is on a track. What comes is good until the next call."""
        for track in self.known:
            if track.pattern.match(text) is not None:
                found = track.read(text)
                if found is not None:
                    self._read += 1
                    self._missed = 0
                    if track is not self.known[0]:
                        self.known.remove(track)
                        self.known.insert(0, track)
                return found
        return None

    def learn(self, text: str, entry: Entry, payload: Payload) -> None:
        """A line that was read with a closer look; `text` as it stands in the log, without white space at its end.

        Most lines are not learned from where learning came to nothing before: a log none of whose lines show a track, or each
        another one, is read nearly as fast as without.
        """
        self._read += 1
        self._missed += 1
        if self._missed > TRIED:
            self.known.clear()
        if self._tried >= TRIED and self._read < (self._tried - TRIED) * SELDOM:
            return
        self._tried += 1
        track = _track(text, entry, payload)
        if track is not None:
            self.known.insert(0, track)
            del self.known[MOST:]


@dataclass(slots=True)
class _Track:
    """Where things stand in the lines of a track: octets from `first` on, `times`, of which `told` is the one that counts, and
    the announced number of octets."""

    pattern: re.Pattern[str]
    found: Found
    times: tuple[_Time, ...]
    told: int
    announced: tuple[int, int] | None

    def read(self, text: str) -> Found | None:
        found, first = self.found, self.found.first
        try:
            data = bytes.fromhex(text[first:])
        except ValueError:
            return None
        count, size = len(data), len(text) - first
        if found.unbroken:
            if size != 2 * count or size < DIGITS:
                return None
        elif size != 3 * count - 1 or count < PAIRS or text.count(" ", first) != count - 1 or "  " in text[first:]:
            return None
        for number, time in enumerate(self.times):
            stamp = time.read(text)
            if stamp is None:
                return None
            if number == self.told:
                found.entry.stamp = stamp
        if self.announced is not None:
            found.entry.announced = int(text[slice(*self.announced)])
        found.data = data
        return found


@dataclass(slots=True)
class _Time:
    """A place where the lines of a track have a time of some kind; `days` has midnight of those seen lately, by what stands
    before a clock time."""

    start: int
    end: int
    stamp: Stamp
    days: dict[str, float] = field(default_factory=dict)

    def read(self, text: str) -> Stamp | None:
        """The time that stands there; None where it is none, or one of another kind or length."""
        written, kind = text[self.start : self.end], self.stamp.kind
        clock, seconds = _CLOCK.fullmatch(written), None
        if clock is not None:
            seconds = clock_seconds(int(clock["hour"]), int(clock["minute"]), int(clock["second"]), clock["fraction"])
            if (midnight := self.days.get(clock["day"])) is not None:
                return Stamp(written, kind, midnight + seconds) if seconds is not None else None
        found = match_stamp(text, self.start)
        if found is None or found[1] != self.end or found[0].kind != kind:
            return None
        if clock is not None and seconds is not None and kind != "elapsed":
            midnight = float(round(found[0].seconds - seconds))
            if midnight + seconds == found[0].seconds:
                if len(self.days) >= MOST:
                    self.days.clear()
                self.days[clock["day"]] = midnight
        return found[0]


def _track(text: str, entry: Entry, payload: Payload) -> _Track | None:
    """The track that a line shows, where it shows one."""
    first, before = payload.first, text[: payload.first]
    octets = (_PAIRS if text[first + 2 : first + 3] == " " else _DIGITS).fullmatch(text, first)
    head = _HEAD.match(text, first)
    if octets is None or head is None or not _is_plain(text, entry, payload):
        return None
    times = _times(text, first)
    told = next((n for n, time in enumerate(times or ()) if time.stamp == entry.stamp), -1)
    if times is None or (told < 0) != (entry.stamp is None):
        return None
    timed = {place for time in times for place in range(time.start, time.end)}
    varying = [n.span() for n in _APART.finditer(before) if timed.isdisjoint(range(*n.span()))]
    varying = [span for span in varying if not _is_between_words(before, *span)]
    announced = None
    if entry.announced is not None:
        said = [n.span() for n in _NUMBER.finditer(before) if int(n[0]) == entry.announced]
        if len(said) != 1 or not timed.isdisjoint(range(*said[0])):
            return None
        announced = said[0] if said[0] in varying else None
    timed |= {place for span in varying for place in range(*span)}
    any_digit = {place for place in timed if text[place] in "0123456789"}
    written = "".join("[0-9]" if place in any_digit else re.escape(letter) for place, letter in enumerate(before))
    found = Found(replace(entry), b"", first, octets.re is _DIGITS)
    return _Track(re.compile(written + re.escape(head[0])), found, times, told, announced)


def _is_between_words(before: str, start: int, end: int) -> bool:
    """Whether a number may be a word: "client 2 meter" tells a direction, "client 3 meter" tells none."""
    return end - start == 1 and before[:start].rstrip()[-1:].isalpha() and before[end:].lstrip()[:1].isalpha()


def _is_plain(text: str, entry: Entry, payload: Payload) -> bool:
    """Whether nothing but the beginning of a line and its octets have made it what it is."""
    start, first, before = payload.start, payload.first, text[: payload.first]
    if payload.flaws or payload.written or payload.joined or payload.apart:
        return False
    if payload.carry is not None or payload.announced is not None:
        return False
    if (
        len(before) > LONGEST
        or not (entry.apart or not before)
        or not any(c.isdigit() for c in text[first : first + 2])
    ):
        return False
    if before[-1:].isalnum() or before[-1:] == "_" or before.lstrip()[:1] == "{" or "/*" in before:
        return False
    if start != first and _REMARK.fullmatch(text, start, first) is None:
        return False
    return _OFFSET.search(before) is None and read_prefix(text).end == start


def _times(text: str, first: int) -> tuple[_Time, ...] | None:
    """The times before the octets; None where a place might have one and has none, or one that is no piece of the line."""
    times: list[_Time] = []
    pieces = read_prefix(text).ends
    place = 0
    while place < first:
        end = place + 1
        if may_be_stamp(text, place):
            found = match_stamp(text, place)
            if found is None or found[1] > first:
                return None
            stamp, end = found
            if text[place].isalpha() and _YEAR.match(text, end):
                return None
            times.append(_Time(place, end, stamp))
        place = end
    if len(times) > 1 and not all(_is_piece(text, pieces, time.start, time.end) for time in times):
        return None
    return tuple(times)


def _is_piece(text: str, pieces: Sequence[int], start: int, end: int) -> bool:
    """Whether a time is a piece of the line, in brackets or not."""
    if text[start - 1 : start] in ("[", "(") and text[end : end + 1] in ("]", ")"):
        start, end = start - 1, end + 1
    return start in pieces and end in pieces
