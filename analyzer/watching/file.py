"""A file that somebody still writes: a capture, a log with hexadecimal in it, or the octets of a line."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import BinaryIO

from analyzer.model import Trace
from analyzer.sources import CAPTURES, InputError
from analyzer.sources.arrivals import Arrival
from analyzer.sources.growing import Growing
from analyzer.sources.pcap.capture import follow_capture, is_capture
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.pcap.packed import CHUNK, Opened, PackedError, unpacked
from analyzer.watching import POLL

QUIET = 0.2  # seconds without an octet after which a line without an end is read as it is
GLANCE = 1.0  # seconds between two looks whether the file is still the same


class GrowingFile:
    """Follows a file. Ends when the file is removed or replaced; raises InputError where it becomes shorter.

    With `number`, only the trace that begins as the so-manieth, from 1."""

    def __init__(self, path: str, kind: str | None = None, choice: Choice | None = None, number: int = 0) -> None:
        self.name = os.path.basename(path) or path
        self.note = ""
        self._path, self._kind, self._choice, self._number = path, kind, choice, number
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Reads no more."""
        self._stopped.set()

    def arrivals(self) -> Iterator[Arrival]:
        """What is in the file, and what comes to it."""
        try:
            with open(self._path, "rb", buffering=0) as file:
                stream = _Stream(file, self._path, self._stopped, self._gone)
                begun: list[Trace] = []
                for arrival in self._read(stream):
                    if not any(arrival.trace is trace for trace in begun):
                        begun.append(arrival.trace)
                    if not self._number or (self._number <= len(begun) and arrival.trace is begun[self._number - 1]):
                        yield arrival
        except PackedError as problem:
            raise InputError(f"{self.name} {problem}") from None
        except OSError as problem:
            raise InputError(f"{self.name}: {(problem.strerror or 'cannot be read').lower()}") from None

    def _gone(self, how: str) -> None:
        self.note = how

    def _read(self, stream: _Stream) -> Iterator[Arrival]:
        source = Opened(stream) if self._kind in ("hex", "raw") else unpacked(stream)
        if self._kind in CAPTURES or (self._kind is None and is_capture(source.peek(4))):
            yield from follow_capture(source, self.name, self._choice)
            return
        if type(source) is not Opened:
            raise InputError(f"{self.name}: is packed; of packed files only captures can be followed")
        growing = Growing(self.name, self._kind)
        data, quiet = source.read1(CHUNK), float("inf")
        while True:
            if data:
                began = time.monotonic()
                yield from growing.more(data)
                quiet = time.monotonic() + QUIET
                self._stopped.wait(quiet - QUIET - began)  # a text that takes long to read is not read all the time
            elif time.monotonic() > quiet:
                yield from growing.quiet()
                quiet = float("inf")
            self.note = self.note if stream.ended else growing.problem and f"so far the file {growing.problem}"
            if stream.ended:
                yield from growing.quiet()
                return
            data = stream.there()


class _Stream:
    """The octets of the file: `read` waits for more at its end, `there` gives what is there."""

    def __init__(self, file: BinaryIO, path: str, stopped: threading.Event, gone: Callable[[str], None]) -> None:
        self._file, self._path, self._stopped, self._gone = file, path, stopped, gone
        self._at = 0
        self._next = 0.0
        self.ended = False

    def read(self, size: int, /) -> bytes:
        """At least one octet; none when the file is gone, or nobody wants more."""
        while not (data := self.there(size)):
            if self.ended:
                return b""
        return data

    def there(self, size: int = CHUNK, /) -> bytes:
        """What is there, perhaps nothing after a while."""
        if self._stopped.is_set():
            self.ended = True
            return b""
        data = self._file.read(size)
        self._at += len(data)
        if not data and not self._lost():
            self._stopped.wait(POLL)
        return data

    def _lost(self) -> bool:
        """Whether the file is no longer the one that was opened. Raises InputError where it is shorter than it was."""
        if time.monotonic() < self._next:
            return self.ended
        self._next = time.monotonic() + GLANCE
        mine = os.fstat(self._file.fileno())
        if mine.st_size < self._at:
            raise InputError(f"{os.path.basename(self._path)}: has become shorter; open it again")
        try:
            same = os.path.samestat(mine, os.stat(self._path))
            how = "was replaced by another file"
        except OSError:
            same, how = False, "was removed"
        if not same and not self.ended:
            self.ended = True
            self._gone(how)
        return self.ended
