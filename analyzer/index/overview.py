"""What is in a trace, from its index alone: how many frames of which kind each side sent, their APDUs and counters, damage,
times. Nothing is decrypted, and of the frames only one for each pair of addresses is read again.

Addresses are believed of frames that are not damaged. An APDU that comes in segments is counted by the first one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from analyzer.frame import Frame
from analyzer.index import columns
from analyzer.index.columns import FRAMINGS, SIDES, Array
from analyzer.index.row import CIPHERED
from analyzer.index.trace import TraceIndex, index_of
from analyzer.model import Direction, Trace
from grammars.hdlc import CONTROL, FLAG
from grammars.kit.primitives import Extended
from grammars.mbus import FUNCTIONS
from grammars.tables.apdu import APDU_TAGS

OTHER = "other"  # control fields and APDU tags that nobody assigned
BROADCAST = 0x40  # of the security control: which of the two global keys
_HDLC, _MBUS, _PLC, _NONE = (FRAMINGS.index(name) for name in ("hdlc", "mbus", "plc", "none"))
_DEDICATED = np.array([APDU_TAGS.get(tag, "").startswith(("ded-", "general-ded")) for tag in range(256)])
_CIPHERED = np.array([tag in CIPHERED for tag in range(256)])


@dataclass(frozen=True, slots=True)
class Counters:
    """The invocation counters that one side showed under one key: how often the next one was less than the one before, and
    how often it was the same."""

    key: str  # global, global broadcast, dedicated
    controls: Mapping[int, int]  # APDUs by their security control
    count: int
    lowest: int
    highest: int
    back: int
    repeated: int


class Moment(NamedTuple):
    """A time stamp as it was written, and in seconds on the clock of the trace."""

    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Way:
    """What went from one address to another."""

    source: str | None
    destination: str | None
    side: Direction
    frames: int
    octets: int
    kinds: Mapping[str, int]  # frames by their control field
    apdus: Mapping[str, int]  # by their names
    ciphered: int  # APDUs under a global or dedicated key; of those in segments the counters are not seen
    counters: tuple[Counters, ...]
    first: Moment | None
    last: Moment | None


@dataclass(frozen=True, slots=True)
class Link:
    """Two addresses, and what went both ways."""

    framing: str
    ways: tuple[Way, ...]

    @property
    def frames(self) -> int:
        """The frames of both ways."""
        return sum(way.frames for way in self.ways)


@dataclass(frozen=True, slots=True)
class Overview:
    """What is in a trace. `silence` is the longest time between two frames, with the time before it."""

    trace: Trace
    frames: int
    octets: int
    messages: int
    framings: Mapping[str, int]
    damaged: int
    stray: int  # octets between frames
    strays: int  # places with such
    idle: int  # flags between frames
    echoes: int
    first: Moment | None
    last: Moment | None
    silence: tuple[float, Moment] | None
    links: tuple[Link, ...] = field(repr=False)


def overview_of(trace: Trace) -> Overview:
    """The overview of a trace, which is gone through once."""
    return _Survey(trace, index_of(trace)).made()


class _Survey:
    """Counts the rows of an index."""

    def __init__(self, trace: Trace, index: TraceIndex) -> None:
        self.trace, self.index, self.rows = trace, index, index.columns
        flags, framing = self.rows["flags"], self.rows["framing"]
        self.stray = flags & columns.STRAY != 0
        odd_none = (flags & columns.ODD != 0) & (framing == _NONE)
        self.idle = odd_none & ~self.stray & (self.rows["tag"] == FLAG)
        self.damaged = (flags & columns.DAMAGED != 0) & ~self.stray
        self.echo = flags & columns.ECHO != 0
        self.frame = ~(self.stray | self.idle)

    def made(self) -> Overview:
        length, framing = self.rows["length"], self.rows["framing"]
        found = np.bincount(framing[self.frame], minlength=len(FRAMINGS)).tolist()
        timed = np.flatnonzero(~np.isnan(self.rows["time"])) if "time" in self.rows else np.zeros(0, dtype=np.int64)
        return Overview(
            self.trace,
            int(self.frame.sum()),
            int(length.sum(dtype=np.int64)),
            self.index.messages,
            {name: count for name, count in zip(FRAMINGS, found, strict=True) if count},
            int(self.damaged.sum()),
            int(length[self.stray].sum(dtype=np.int64)),
            int(self.stray.sum()),
            int(length[self.idle].sum(dtype=np.int64)),
            int((self.echo & self.frame).sum()),
            self._moment(int(timed[0])) if len(timed) else None,
            self._moment(int(timed[-1])) if len(timed) else None,
            self._silence(timed),
            tuple(sorted(self._links(), key=lambda link: -link.frames)),
        )

    def _silence(self, timed: Array) -> tuple[float, Moment] | None:
        if len(timed) < 2:
            return None
        waits = np.diff(self.rows["time"][timed])
        longest = int(np.argmax(waits))
        return max(0.0, float(waits[longest])), self._moment(int(timed[longest]))

    def _moment(self, row: int) -> Moment:
        one = self.rows.row(row)
        return Moment(self.trace[int(one["record"])].time or "", one["time"])

    def _links(self) -> Iterator[Link]:
        """The ways by their pairs of addresses, both ways together; the client's first."""
        found: dict[tuple[str, frozenset[str] | None], list[Way]] = {}
        for framing, pair, way in _Ways(self).made():
            found.setdefault((framing, None if pair is None else frozenset(pair)), []).append(way)
        for (framing, _), ways in found.items():
            yield Link(framing, tuple(sorted(ways, key=lambda way: (way.side != "client", way.side != "meter"))))


class _Ways:
    """The frames by framing, addresses and sender: a group for each. Damaged frames and echoes are left out."""

    def __init__(self, survey: _Survey) -> None:
        self.survey, self.index = survey, survey.index
        rows = survey.rows
        self.chosen = np.flatnonzero(survey.frame & ~survey.damaged & ~survey.echo)
        key = rows["framing"].astype(np.int32) << 18 | rows["link"].astype(np.int32) << 2 | rows["side"]
        counts = np.bincount(key[self.chosen], minlength=1)
        self.keys = np.flatnonzero(counts)
        self.counts = counts[self.keys].tolist()
        numbers = np.zeros(len(counts), dtype=np.int32)
        numbers[self.keys] = np.arange(len(self.keys), dtype=np.int32)
        self.group = numbers[key[self.chosen]]

    def made(self) -> Iterator[tuple[str, tuple[str, str] | None, Way]]:
        """Each with its framing and its addresses as the index tells them apart."""
        rows = self.index.columns
        octets = np.bincount(self.group, rows["length"][self.chosen], len(self.keys)).astype(np.int64).tolist()
        kinds, apdus = self._kinds(), self._apdus()
        counters: dict[int, list[Counters]] = {}
        for number, one in self._counters():
            counters.setdefault(number, []).append(one)
        begins = self._ends(slice(None, None, -1), slice(None))
        times = self._ends(slice(None, None, -1), self._timed()), self._ends(slice(None), self._timed())
        for number, (key, frames) in enumerate(zip(self.keys.tolist(), self.counts, strict=True)):
            framing, pair = FRAMINGS[key >> 18], self.index.links.pairs[key >> 2 & 0xFFFF]
            source, destination = _addresses(self.index.frame(int(begins[number])), pair) if pair else (None, None)
            first, last = (self.survey._moment(int(at[number])) if at[number] >= 0 else None for at in times)
            named = {APDU_TAGS.get(tag, OTHER): 0 for tag in apdus.get(number, {})}
            for tag, count in apdus.get(number, {}).items():
                named[APDU_TAGS.get(tag, OTHER)] += count
            way = Way(
                source, destination, SIDES[key & 3], frames, octets[number], kinds.get(number, {}), _most_first(named),
                sum(count for tag, count in apdus.get(number, {}).items() if _CIPHERED[tag]),
                tuple(counters.get(number, ())), first, last,
            )  # fmt: skip
            yield framing, pair, way

    def _timed(self) -> Array:
        rows = self.index.columns
        if "time" not in rows:
            return np.zeros(len(self.chosen), dtype=bool)
        return ~np.isnan(rows["time"][self.chosen])

    def _ends(self, order: slice, some: Array | slice) -> Array:
        """The last row of each group in an order, of some of them; -1 where there is none."""
        made = np.full(len(self.keys), -1, dtype=np.int64)
        made[self.group[some][order]] = self.chosen[some][order]
        return made

    def _kinds(self) -> dict[int, dict[str, int]]:
        made: dict[int, dict[str, int]] = {}
        for number, controls in _counted(self.group, self.index.columns["control"][self.chosen]).items():
            framing = int(self.keys[number]) >> 18
            named: dict[str, int] = {}
            for control, count in controls.items():
                name = _kind(framing, control)
                if name:
                    named[name] = named.get(name, 0) + count
            made[number] = _most_first(named)
        return made

    def _first_parts(self) -> Array:
        """Of the chosen rows, whether a message begins with each."""
        if "message" not in self.index.columns:
            return np.ones(len(self.chosen), dtype=bool)
        begins = np.zeros(len(self.index), dtype=bool)
        begins[np.unique(self.index.columns["message"], return_index=True)[1]] = True
        return begins[self.chosen]

    def _apdus(self) -> dict[int, dict[int, int]]:
        """Frames of each group by the tag of the APDU that begins in them."""
        rows = self.index.columns
        tag = rows["tag"][self.chosen]
        carries = self._first_parts() & ((tag != 0) | (rows["flags"][self.chosen] & columns.LLC != 0))
        return _counted(self.group[carries], tag[carries])

    def _counters(self) -> Iterator[tuple[int, Counters]]:
        """The counters of each group, by key."""
        rows = self.index.columns
        shows = (rows["flags"][self.chosen] & columns.COUNTED != 0) & self._first_parts()
        chosen = self.chosen[shows]
        if not len(chosen):
            return
        tag, control, counter = (rows[name][chosen] for name in ("tag", "security", "counter"))
        key = self.group[shows].astype(np.int64) << 2 | _DEDICATED[tag].astype(np.int64) << 1
        key |= (control & BROADCAST != 0) & ~_DEDICATED[tag]
        controls = _counted(key, control)
        order = np.argsort(key, kind="stable")
        key, counter = key[order], counter[order].astype(np.int64)
        step, same = np.diff(counter), np.diff(key) == 0
        begins = np.concatenate(([0], np.flatnonzero(~same) + 1))
        back = np.add.reduceat(np.concatenate(([False], same & (step < 0))).astype(np.int64), begins)
        repeated = np.add.reduceat(np.concatenate(([False], same & (step == 0))).astype(np.int64), begins)
        lowest, highest = np.minimum.reduceat(counter, begins), np.maximum.reduceat(counter, begins)
        for at, one in enumerate(key[begins].tolist()):
            name = ("global", "global broadcast", "dedicated")[one & 3]
            yield one >> 2, Counters(
                name, controls[one], sum(controls[one].values()), int(lowest[at]), int(highest[at]), int(back[at]),
                int(repeated[at]),
            )  # fmt: skip


FEW_GROUPS = 1 << 14  # groups that are counted in a table of 256 values for each


def _counted(group: Array, value: Array) -> dict[int, dict[int, int]]:
    """How often each value (uint8) stands in each group."""
    both = group.astype(np.int64) << 8 | value
    if not len(both):
        return {}
    if int(group.max()) < FEW_GROUPS:
        table = np.bincount(both)
        keys = np.flatnonzero(table)
        counts = table[keys]
    else:
        keys, counts = np.unique(both, return_counts=True)
    made: dict[int, dict[int, int]] = {}
    for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
        made.setdefault(key >> 8, {})[key & 0xFF] = count
    return made


def _kind(framing: int, control: int) -> str:
    """What a control field is called; nothing where the framing has none."""
    if framing == _MBUS:
        return FUNCTIONS.get(control, (OTHER,))[0]
    if framing == _HDLC or (framing == _PLC and control):
        return str(CONTROL.table.get(control, (OTHER,))[0])
    return ""


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _addresses(frame: Frame, pair: tuple[str, str]) -> tuple[str, str]:
    """Source and destination as people write them: of HDLC the upper and the lower address with a stroke between."""
    ends = (frame.field("source_address"), frame.field("destination_address"))
    first, second = (_written(end[3]) if end is not None and isinstance(end[3], Extended) else "" for end in ends)
    return (first, second) if first and second else pair


def _written(address: Extended) -> str:
    halves = address.halves
    return f"{halves[0]}/{halves[1]}" if halves else str(address.number)
