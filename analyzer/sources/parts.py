"""Records as columns, in parts: the last ones in memory, those before in a temporary file, and Record objects only when asked
for. Memory does not grow with the length of a trace.
"""

from __future__ import annotations

import tempfile
from abc import abstractmethod
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Lock
from typing import IO, TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, overload
from weakref import ref

from analyzer.model import Record

if TYPE_CHECKING:  # an array takes no type when the program runs, up to Python 3.11
    Column = bytearray | array[int] | array[float]


PREFIX = "dlmscope-"  # of the names of temporary files, where a system has to name them
MOST_LOADED = 8  # traces of a spool that keep a part in memory which is in the spool as well


class Part(Protocol):
    """Some records in a row."""

    def __len__(self) -> int: ...

    def columns(self) -> Sequence[Column]:
        """What is kept of them."""
        ...

    def fill(self, columns: Sequence[bytes]) -> None:
        """Takes again, into an empty part, what `columns` gave."""
        ...


class Stretch(NamedTuple):
    """Some records in a row as they are kept: octets in a row, where each record ends in these, the number of the side of
    each, and what gives the seconds of those from an index to another, None where one has no time."""

    octets: bytearray
    ends: array[int]
    sides: bytearray
    seconds: Callable[[int, int], Sequence[float | None]]


P = TypeVar("P", bound=Part)


class Kept(NamedTuple):
    """Where a part is in the file, and the octets of each of its columns."""

    start: int
    sizes: tuple[int, ...]


@contextmanager
def temporarily() -> Iterator[None]:
    """Work with a temporary file. Raises OSError, which names the folder, where that has no room or is not to be written in."""
    try:
        yield
    except OSError as problem:
        why = problem.strerror or "cannot be used"
        folder = f"the temporary folder {tempfile.tempdir}: " if tempfile.tempdir is not None else ""
        raise OSError(problem.errno, f"{folder}{why[:1].lower()}{why[1:]}") from None


@contextmanager
def temporary_file() -> Iterator[IO[bytes]]:
    """One that nobody else sees, and that is gone at the end. Raises OSError, as `temporarily` does."""
    with temporarily():
        file = tempfile.TemporaryFile(prefix=PREFIX)  # noqa: SIM115 - closed below
    try:
        yield file
    finally:
        with suppress(OSError):  # that its last octets find no room matters to nobody any more
            file.close()


class Spool:
    """A temporary file for parts; it goes when nobody refers to it any more."""

    def __init__(self) -> None:
        self._file: IO[bytes] | None = None
        self._end = 0
        self._lock = Lock()  # one thread may go through a trace while another shows it
        self._loaders: list[ref[Records[Any]]] = []  # the last one that loaded a part at the end

    def put(self, part: Part) -> Kept:
        """Writes a part. Raises OSError, as `temporarily` does."""
        with self._lock, temporarily():
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix=PREFIX)  # noqa: SIM115 - as long as there are traces
            start = self._end
            self._file.seek(start)
            sizes = tuple(self._file.write(memoryview(column).cast("B")) for column in part.columns())
            self._file.flush()
            self._end += sum(sizes)
        return Kept(start, sizes)

    def get(self, kept: Kept, part: P, loader: Records[P]) -> P:
        """Reads it again, into an empty part. `loader` keeps it until enough others have loaded one."""
        assert self._file is not None
        with self._lock:
            self._file.seek(kept.start)
            columns = [self._file.read(size) for size in kept.sizes]
            self._loaders = [one for one in self._loaders if one() not in (None, loader)]
            self._loaders.append(ref(loader))
            oldest = self._loaders.pop(0)() if len(self._loaders) > MOST_LOADED else None
        if oldest is not None:
            oldest.unload()
        part.fill(columns)
        return part


class Records(Sequence[Record], Generic[P]):
    """The records of a trace in parts of one kind."""

    def __init__(self) -> None:
        self._part = self._empty()  # the last records; those before are in the spool
        self._spool: Spool | None = None
        self._kept: list[Kept] = []
        self._starts: list[int] = [0]  # the index of the first record of each part
        self._loaded: tuple[int, P] | None = None

    @abstractmethod
    def _empty(self) -> P:
        """A part without records."""

    @abstractmethod
    def _record(self, part: P, start: int, index: int) -> Record:
        """The record with an index, which is in a part whose first record has the index `start`."""

    def spill(self, spool: Spool) -> None:
        """Moves the records to the spool."""
        if len(self._part):
            self._spool = spool
            self._kept.append(spool.put(self._part))
            self._starts.append(len(self))
            self._part = self._empty()

    def unload(self) -> None:
        """Keeps no part in memory that is in the spool."""
        self._loaded = None

    def __len__(self) -> int:
        return self._starts[-1] + len(self._part)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | Sequence[Record]:
        if isinstance(index, slice):
            return [self[n] for n in range(*index.indices(len(self)))]
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError("no such record")
        start, part = self._part_of(index)
        return self._record(part, start, index)

    def __iter__(self) -> Iterator[Record]:
        index = 0
        while index < len(self):
            start, part = self._part_of(index)
            end = start + len(part)
            while index < end:
                yield self._record(part, start, index)
                index += 1

    def _part_of(self, index: int) -> tuple[int, P]:
        """The part that a record is in, and the index of its first record; the one that was used last stays in memory."""
        if index >= self._starts[-1]:
            return self._starts[-1], self._part
        number = bisect_right(self._starts, index) - 1
        loaded = self._loaded  # another thread may load another part meanwhile
        if loaded is None or loaded[0] != number:
            assert self._spool is not None
            loaded = self._loaded = (number, self._spool.get(self._kept[number], self._empty(), self))
        return self._starts[number], loaded[1]
