"""A long trace in ranges of frames, which workers decode at once though each begins with what those before it left.

The state at the begin of a range is guessed: that of the last place at which it is known. A worker takes snapshots on its
way. When the ranges before are done, the true state is known, and compared. Where it is another, such as a counter that
went on, the begin of the range is decoded again from the true state, up to the first snapshot that agrees: from there on
everything is the same. States agree if all is the same in them that was looked at from there on; what was not is not
changed either. So the outcome never hangs on a guess; a wrong one costs time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, repeat
from typing import Any, NamedTuple

from analyzer.bulk.forms import Form, made
from analyzer.bulk.stages import NO_LOOKS, Looks, Snapshot, Stages, since
from analyzer.framing import Piece
from analyzer.framings.hdlc import SEGMENTED
from analyzer.keyring import KeyProvider
from analyzer.message import Message

RANGE_OCTETS = 1 << 16  # of one range, a tenth of a second of work or two: so much is lost with a wrong guess
RANGE_PIECES = 4096
OVER = 512  # pieces by which a range may be longer, to end behind an answer
FEW = 4  # workers; of more each has smaller ranges
AT_ONCE = 64  # messages that are kept until they are shown together
TAIL = (256, 64, 16, 4)  # pieces before the end of a range where a snapshot is tried

Rest = tuple[Snapshot, Iterator[Piece]]  # a true state, and the pieces behind it
COMMAND = b"\xe6\xe6\x00"  # LLC header of a request


class Chunk(NamedTuple):
    """What was made of the messages since the chunk before, up to a piece; the state there, None at the end of a trace, and
    how the stores were looked at from there on."""

    piece: int
    content: Any
    snapshot: Snapshot | None
    looks: Looks = ()


@dataclass(slots=True)
class Range:
    """Pieces that a worker decodes, behind a guessed state; `last` says that the trace ends with them, `noted` that it is to be
    noted what is looked at."""

    pieces: list[Piece]
    guess: Snapshot | None
    last: bool
    form: Form
    noted: bool = False

    def __reduce__(self) -> tuple[Any, ...]:
        """On the way to a worker its pieces are packed."""
        return _unpacked, (packed(self.pieces), self.guess, self.last, self.form, self.noted)


def _unpacked(pieces: tuple[Any, ...], *rest: Any) -> Range:
    return Range(unpacked(*pieces), *rest)


def packed(pieces: Sequence[Piece]) -> tuple[bytes, list[int], list[Any]]:
    """Pieces with their octets as one string, and what all have in common once; for `unpacked`."""
    rest = [(p[0], p[2], p[3], p[4], p[5], p[6]) for p in pieces]
    common = rest[:1] if rest and rest.count(rest[0]) == len(rest) else rest
    return b"".join([piece.data for piece in pieces]), [len(piece.data) for piece in pieces], common


def unpacked(octets: bytes, sizes: list[int], rest: list[Any]) -> list[Piece]:
    """The pieces again."""
    make, pieces, at = tuple.__new__, [], 0  # a named tuple in half the time
    for size, (framing, *more) in zip(sizes, rest if len(rest) == len(sizes) else repeat(rest[0]), strict=False):
        pieces.append(make(Piece, (framing, octets[at : at + size], *more)))
        at += size
    return pieces


@dataclass(slots=True)
class Passage:
    """A way through the pieces of a range, in this process: gives chunks, and knows where it stopped."""

    stages: Stages
    form: Form
    others: dict[int, Chunk] = field(default_factory=dict)  # by piece; it stops where the state of one agrees
    snapshot: Snapshot | None = None  # the last one that was taken
    piece: int = 0  # where it was taken
    stopped: Chunk | None = None  # the one that agrees

    def chunks(self, pieces: Sequence[Piece], last: bool) -> Iterator[Chunk]:
        """Chunks up to places where nothing is open. With `last` the trace ends here, and what is unfinished comes out as
        well; without, messages behind the last chunk are for whoever goes on there."""
        batch = _Batch(self.form)
        ready: deque[Chunk] = deque()

        def fed() -> Iterator[Piece]:
            marks = marks_of(len(pieces))
            for index, piece in enumerate(pieces):
                due = marks and index >= marks[0]
                if (due or index in self.others) and self._taken(index):
                    ready.append(Chunk(index, batch.taken(), self.snapshot))
                    while marks and index >= marks[0]:
                        marks.popleft()
                    if self.stopped is not None:
                        raise Enough
                yield piece
            if not last:
                if self._taken(len(pieces)):
                    ready.append(Chunk(len(pieces), batch.taken(), self.snapshot))
                raise Enough

        try:
            for message in self.stages.messages(fed()):
                while ready:
                    yield ready.popleft()
                batch.add(message)
        except Enough:
            yield from ready
            return
        yield from ready
        yield Chunk(len(pieces), batch.taken(), None)

    def _taken(self, index: int) -> bool:
        """Whether a snapshot could be taken before a piece."""
        taken = self.stages.snapshot()
        if taken is None:
            return False
        self.snapshot, self.piece = taken, index
        other = self.others.get(index)
        if other is not None and other.snapshot is not None and other.snapshot.agrees(taken, other.looks):
            self.stopped = other
        return True


def alone(stages: Stages, form: Form, pieces: Iterator[Piece], stop: int | None) -> Generator[Any, None, Rest | None]:
    """What a form makes of all messages, a few at once. With `stop` it ends behind so many pieces, where nothing is open,
    and gives the state there and the pieces that are left; None where there are none."""
    batch = _Batch(form)
    left: list[Rest] = []

    def fed() -> Iterator[Piece]:
        for index, piece in enumerate(pieces):
            if stop is not None and index >= stop and (taken := stages.snapshot()) is not None:
                left.append((taken, chain([piece], pieces)))
                raise Enough
            yield piece

    try:
        for message in stages.messages(fed()):
            batch.add(message)
            if batch.done:
                yield batch.taken()
    except Enough:
        pass
    yield batch.taken()
    return left[0] if left else None


class _Batch:
    """Messages that are shown together, so that what each would cost anew is paid once."""

    def __init__(self, form: Form) -> None:
        self._form = form
        self._waiting: list[Message] = []
        self._size = 1  # the first goes out at once
        self.done: list[Any] = []

    def add(self, message: Message) -> None:
        self._waiting.append(message)
        if len(self._waiting) >= self._size:
            self._size = min(AT_ONCE, 2 * self._size)
            self._show()

    def taken(self) -> Any:
        """What was made since it was asked last."""
        self._show()
        parts, self.done = self.done, []
        return joined(parts)

    def _show(self) -> None:
        self.done.append(made(self._form, self._waiting))
        self._waiting.clear()


class Enough(Exception):
    """The stages are not asked for more; what they have open stays open."""


def joined(parts: Sequence[Any]) -> Any:
    """Contents one after the other, as one."""
    if len(parts) == 1:
        return parts[0]
    if isinstance(parts[0], str):
        return "".join(parts)
    if isinstance(parts[0], set):
        return set().union(*parts)
    return [row for part in parts for row in part]


def marks_of(size: int) -> deque[int]:
    """From where on in so many pieces snapshots are taken: often at the begin, where two states grow together, and at the
    end."""
    powers = [1 << n for n in range(3, size.bit_length()) if 1 << n < size]
    return deque(sorted({0, *powers, *(size - before for before in TAIL if size > before)}))


def work(keys: KeyProvider, job: Range) -> list[Chunk]:
    """What a worker makes of a range: chunks, of which only the last has a whole state. See `Crew`."""
    stages = Stages(keys, job.guess, job.noted)
    chunks = list(Passage(stages, job.form).chunks(job.pieces, job.last))
    with_state = [chunk for chunk in chunks if chunk.snapshot is not None]
    looks = stages.looks[1:]
    if with_state:
        looks.append(stages.looked() if job.last else NO_LOOKS)
    behind = iter(since(looks, [chunk.snapshot for chunk in with_state if chunk.snapshot is not None]))
    light = [chunk if chunk.snapshot is None else _light(chunk, next(behind)) for chunk in chunks]
    whole = [light[-1]._replace(snapshot=chunks[-1].snapshot)] if chunks else []
    return [*light[:-1], *whole]


def _light(chunk: Chunk, looks: Looks) -> Chunk:
    """A chunk whose state is only what was looked at behind it."""
    assert chunk.snapshot is not None
    return chunk._replace(snapshot=chunk.snapshot.narrowed(looks), looks=looks)


def ranges_of(pieces: Iterator[Piece], jobs: int) -> Iterator[list[Piece]]:
    """Pieces in lists that end, where they can, before a request: then nothing is open as a rule. What many workers hold
    together is no more than what a few do."""
    share = max(1, jobs // FEW)
    most, most_octets = RANGE_PIECES // share, RANGE_OCTETS // share
    gathered: list[Piece] = []
    octets = 0
    for piece in pieces:
        full = octets >= most_octets or len(gathered) >= most
        if full and (_begins(piece) or len(gathered) >= most + OVER):
            yield gathered
            gathered, octets = [], 0
        gathered.append(piece)
        octets += len(piece.data)
    if gathered:
        yield gathered


def _begins(piece: Piece) -> bool:
    """Whether a piece begins something, by a glance: the client asks, or a link is set up."""
    return piece.direction == "client" or (piece.direction == "unknown" and COMMAND in piece.data[:16])


def messages_in(pieces: Sequence[Piece]) -> int:
    """How many messages pieces make, by a glance: segments count as one with what follows. Only guesses hang on it."""
    return len(pieces) - sum(1 for p in pieces if p.framing == "hdlc" and len(p.data) > 1 and p.data[1] & SEGMENTED)
