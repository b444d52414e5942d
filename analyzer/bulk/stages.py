"""All stages from pieces to messages, with a state that can be kept between two frames and taken up by another process.

Decoding is sequential: associations, transfers of blocks, objects that were learned, directions. A snapshot has all of
that. One is only taken where nothing is open: no segment, no block waits, and no frame of the client for its echo. Stages
also tell what they looked at since a snapshot, so that they need not have begun in just the state that is the true one.
"""

from __future__ import annotations

import math
import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, NamedTuple

from analyzer import blocks, decoding, knowledge, reassembly, senders
from analyzer.bulk.stores import Bounds, Look, Open, Packed, Requests, Store, octets_of
from analyzer.decoding import Decoder
from analyzer.echoes import Echoes
from analyzer.frame import Frame
from analyzer.framing import Piece, read
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.opening import NOT_LEARNT
from analyzer.reassembly import Joiner, Unit
from analyzer.senders import Senders

Looks = tuple[Look, ...]  # of each store

# What a state does not have, by stage: what is a stage of its own or given, and what is empty where a snapshot is taken.
BESIDE = {
    "joiner": ("_waiting", "_open", "_fed"),
    "decoder": ("keys", "opener", "transfers", "objects", "count"),
    "transfers": ("taken",),  # by the message before; only the next damaged one asks for its own
    "opener": NOT_LEARNT,
}


class _Kept(NamedTuple):
    """A dictionary that is a store: of which stage, its name, how many entries it keeps, and of what kind it is."""

    stage: str
    name: str
    bounds: Bounds
    kind: type[Store] = Store


STORES = (
    _Kept("senders", "pairs", (lambda: senders.MOST_PAIRS,)),
    _Kept("joiner", "_joined", (lambda: reassembly.SENDERS,)),
    _Kept("objects", "_links", (lambda: knowledge.METERS, lambda: knowledge.OPEN), Requests),
    _Kept("objects", "_meters", (lambda: knowledge.METERS,)),
    _Kept("decoder", "associations", (lambda: decoding.LINKS,)),
    _Kept("transfers", "_open", (lambda: blocks.OPEN,)),
    *(_Kept("opener", name, (lambda: math.inf,)) for name in ("moved", "session", "offered", "whole")),
)
NO_LOOKS: Looks = tuple(Look() for _ in STORES)
ALL: Looks = tuple(Look(whole=True) for _ in STORES)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state behind `count` messages: `rest` is what all messages hang on, the stores what only some do."""

    count: int
    rest: bytes = field(repr=False)
    stores: tuple[Packed, ...] = field(repr=False)

    def moved(self, messages: int) -> Snapshot:
        """The same behind so many more messages."""
        return replace(self, count=self.count + messages)

    def ahead(self, messages: int) -> Snapshot:
        """A guess of the state behind so many more messages: the requests that wait for an answer have it by then."""
        stores = zip(self.stores, STORES, strict=True)
        return replace(
            self.moved(messages),
            stores=tuple(kept.kind.ahead(packed) if messages else packed for packed, kept in stores),
        )

    @property
    def entries(self) -> int:
        """How many there are in the stores."""
        return sum(map(len, self.stores))

    def narrowed(self, looks: Looks) -> Snapshot:
        """Without what was not looked at from here on."""
        return replace(self, stores=tuple(look.narrowed(one) for look, one in zip(looks, self.stores, strict=True)))

    def agrees(self, other: Snapshot, looks: Looks) -> bool:
        """Whether from the other one all is decoded as it was from here, numbers of messages included. `looks` says how the
        stores were looked at from here on."""
        return (
            self.count == other.count
            and self.rest == other.rest
            and all(
                look.agrees(own, its, kept.bounds)
                for look, own, its, kept in zip(looks, self.stores, other.stores, STORES, strict=True)
            )
        )

    def behind(self, end: Snapshot, looks: Looks) -> Snapshot:
        """The state to which this one leads, where another one that agrees has led to `end`."""
        stores = zip(looks, self.stores, end.stores, strict=True)
        return replace(end, stores=tuple(look.onto(begin, its) for look, begin, its in stores))


def joined(looks: Iterable[Looks]) -> Looks:
    """How stores were looked at on stretches in a row."""
    return reduce(lambda one, other: tuple(a | b for a, b in zip(one, other, strict=True)), looks, NO_LOOKS)


def since(looks: Sequence[Looks], snapshots: Sequence[Snapshot]) -> list[Looks]:
    """How stores were looked at from each snapshot on up to the end: `looks` are those behind each. Where a store may have
    thrown something out, all of it counts."""
    made: list[Looks] = []
    behind = NO_LOOKS
    for own, snapshot in zip(reversed(looks), reversed(snapshots), strict=True):
        behind = joined((own, behind))
        settled = zip(behind, snapshot.stores, STORES, strict=True)
        made.append(tuple(look.settled(store, kept.bounds) for look, store, kept in settled))
    return made[::-1]


class Stages:
    """The stages of one trace, at its begin or behind a snapshot. `looks` says how the stores were looked at before each
    snapshot that was taken, since the one before it or the begin. To note it takes a twentieth of the time: without `noted`
    all counts as looked at."""

    def __init__(self, keys: KeyProvider, snapshot: Snapshot | None = None, noted: bool = True) -> None:
        self._senders, self._echoes, self._joiner, self._decoder = Senders(), Echoes(), Joiner(), Decoder(keys)
        self._taken = self._made = 0  # frames that went in, frames of messages that came out
        self.looks: list[Looks] = []
        self._noted = noted
        decoder = self._decoder
        self._stages: dict[str, Any] = {
            "senders": self._senders, "echoes": self._echoes, "joiner": self._joiner, "decoder": decoder,
            "objects": decoder.objects, "transfers": decoder.transfers, "opener": decoder.opener,
        }  # fmt: skip
        if snapshot is not None:
            for stage, values in zip(self._stages.values(), pickle.loads(snapshot.rest), strict=True):
                vars(stage).update({name: _with_sets(value) for name, value in values.items()})
            decoder.count = snapshot.count
        for kept, packed in zip(STORES, snapshot.stores if snapshot is not None else ({},) * len(STORES), strict=True):
            self._values(kept)[kept.name] = kept.kind(packed) if noted else kept.kind.plain(packed)

    def messages(self, pieces: Iterable[Piece]) -> Iterator[Message]:
        """The messages of these pieces. What they leave unfinished comes out at their end."""
        for unit in self._units(self._echoes.of(self._senders.of(self._read(pieces)))):
            self._made += len(unit.frames)
            yield self._decoder.message(unit)

    def _units(self, frames: Iterable[Frame]) -> Iterator[Unit]:
        for frame in frames:
            yield from self._joiner.feed(frame)
        yield from self._joiner.end()

    def _read(self, pieces: Iterable[Piece]) -> Iterator[Frame]:
        for piece in pieces:
            self._taken += 1
            yield read(piece)

    def snapshot(self) -> Snapshot | None:
        """The state now, None where something is open. To be asked when the next piece is wanted."""
        if self._taken != self._made or self._echoes.sent or self._decoder.damaged or self._senders.turned is None:
            return None
        try:
            if self._noted:
                packed = tuple(store.packed() for store in self._stores())
            else:
                packed = tuple(kept.kind.packed_of(self._values(kept)[kept.name]) for kept in STORES)
            rest = octets_of([self._rest(name) for name in self._stages])
        except (Open, pickle.PicklingError, TypeError, AttributeError):
            return None  # in pieces, or of a kind that no process can hand over: one process goes on alone
        if self._noted:
            self.looks.append(tuple(store.taken(own) for store, own in zip(self._stores(), packed, strict=True)))
        else:
            self.looks.append(ALL)
        return Snapshot(self._decoder.count, rest, packed)

    def looked(self) -> Looks:
        """How the stores were looked at since the last snapshot. To be asked at the end."""
        return tuple(store.look() for store in self._stores()) if self._noted else ALL

    def _stores(self) -> Iterator[Store]:
        for kept in STORES:
            values = self._values(kept)
            if not isinstance(values[kept.name], Store):  # the stage made another dictionary
                values[kept.name] = kept.kind.of(values[kept.name])
            yield values[kept.name]

    def _values(self, kept: _Kept) -> dict[str, Any]:
        values: dict[str, Any] = vars(self._stages[kept.stage])
        return values

    def _rest(self, stage: str) -> dict[str, Any]:
        """What is neither a store nor beside the state, of a stage."""
        left_out = {*BESIDE.get(stage, ()), *(kept.name for kept in STORES if kept.stage == stage)}
        return {n: _without_sets(value) for n, value in vars(self._stages[stage]).items() if n not in left_out}


class _Sets(list[tuple[Any, Any]]):
    """A dictionary whose keys are sets, as a list: each process goes through a set of texts in another order."""


def _without_sets(value: Any) -> Any:
    if isinstance(value, dict) and value and all(isinstance(key, frozenset) for key in value):
        return _Sets((tuple(sorted(key)), item) for key, item in value.items())
    return value


def _with_sets(value: Any) -> Any:
    return {frozenset(key): item for key, item in value} if isinstance(value, _Sets) else value
