"""All stages from pieces to messages, with a state that can be kept between two frames and taken up by another process.

Decoding is sequential: associations, transfers of blocks, objects that were learned, directions. A snapshot has all of
that. One is only taken where nothing is open: no segment, no block waits, and no frame of the client for its echo.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from analyzer.decoding import Decoder
from analyzer.echoes import Echoes
from analyzer.frame import Frame
from analyzer.framing import Piece, read
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.reassembly import Joiner, Unit
from analyzer.senders import Senders
from grammars.kit.spec import Spec

BESIDE = ("count", "objects")  # of what a decoder has learnt: what stands beside it


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state behind `count` messages. Equal digests mean equal states but for the number of messages."""

    count: int
    digest: bytes
    state: bytes = field(repr=False)

    def same(self, other: Snapshot) -> bool:
        """Whether all that comes is decoded alike from here and from there, numbers of messages included."""
        return self.count == other.count and self.digest == other.digest


class Stages:
    """The stages of one trace, at its begin or behind a snapshot."""

    def __init__(self, keys: KeyProvider, snapshot: Snapshot | None = None) -> None:
        self._senders, self._echoes, self._joiner, self._decoder = Senders(), Echoes(), Joiner(), Decoder(keys)
        self._taken = self._made = 0  # frames that went in, frames of messages that came out
        if snapshot is not None:
            parts = pickle.loads(snapshot.state)
            *others, learnt = ({name: _with_sets(value) for name, value in values.items()} for values in parts)
            stages = (self._senders, self._echoes, self._joiner, self._decoder.objects)
            for stage, values in zip(stages, others, strict=True):
                vars(stage).update(values)
            self._decoder.restore({**learnt, "count": snapshot.count})

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
        senders = vars(self._senders)
        echoes = {"returned": self._echoes.returned}
        joiner = self._joiner.remembered()
        state = self._decoder.state()
        learnt = {name: _without_sets(value) for name, value in state.items() if name not in BESIDE}
        objects = {name: _without_sets(value) for name, value in vars(self._decoder.objects).items()}
        try:
            dumped = _dumped((senders, echoes, joiner, objects, learnt))
        except (_Open, pickle.PicklingError, TypeError, AttributeError):
            return None  # in pieces, or of a kind that no process can hand over: one process goes on alone
        return Snapshot(self._decoder.count, hashlib.blake2b(dumped, digest_size=16).digest(), dumped)


class _Sets(list[tuple[Any, Any]]):
    """A dictionary whose keys are sets, as a list: each process goes through a set of texts in another order."""


def _without_sets(value: Any) -> Any:
    if isinstance(value, dict) and value and all(isinstance(key, frozenset) for key in value):
        return _Sets((tuple(sorted(key)), item) for key, item in value.items())
    return value


def _with_sets(value: Any) -> Any:
    return {frozenset(key): item for key, item in value} if isinstance(value, _Sets) else value


class _Open(Exception):
    """Something that a later frame may still finish."""


class _Dumper(pickle.Pickler):
    """Pickles states so that equal ones give equal octets."""

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream, protocol=5)
        self.fast = True  # without the places where an object stood before, which hang on how a state came about

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, Spec):  # of a value that a later answer refers to; only its name and type are asked for
            return _spec, (value.name, value.type)
        if isinstance(value, Frame | Message):
            raise _Open
        return NotImplemented


def _dumped(value: Any) -> bytes:
    stream = io.BytesIO()
    _Dumper(stream).dump(value)
    return stream.getvalue()


def _spec(name: str, kind: str) -> Spec:
    made = Spec(name)
    made.type = kind
    return made
