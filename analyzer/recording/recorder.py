"""The record of what passed, as a pcapng file that is whole at every moment: a block goes to the system in one write.

Serial octets become packets of DLT_USER0 with their direction, connections become TCP. May be used from several threads.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Literal

from analyzer import __version__
from analyzer.capture_file import ETHERNET, USER0, CaptureFile
from analyzer.tcp_packets import Address, Connection

End = Literal["client", "meter"]


class Recorder:
    """Writes one file. When the disk is full, or the file cannot be written, `warn` is told once and recording stops;
    forwarding goes on."""

    def __init__(self, path: str, warn: Callable[[str], None], comment: str = "") -> None:
        """Creates the file. Raises OSError where it cannot, and FileExistsError where it is there already."""
        self.path = path
        self.failed = False
        self._warn = warn
        self._lock = threading.Lock()
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        self._capture = CaptureFile(self, f"dlmscope {__version__}", comment)
        self._ethernet: int | None = None

    def write(self, data: bytes) -> None:
        """A block, written whole; a part of one would make the rest of the file unreadable."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def serial(self, name: str, description: str = "") -> int:
        """An interface for a serial port."""
        with self._lock:
            return self._capture.interface(USER0, name, description)

    def octets(self, interface: int, direction: str, data: bytes) -> None:
        """What came from a serial port."""
        now = time.time_ns()
        self._guarded(lambda: self._capture.packet(interface, now, data, direction))

    def connection(self, client: Address, meter: Address) -> RecordedConnection:
        """A connection that was opened now."""
        self._describe_proxy()
        made = RecordedConnection(self, Connection(client, meter))
        made.opened()
        return made

    def attempt(self, client: Address, meter: Address, refused: bool) -> None:
        """A connection to the meter that did not come about: refused, or not answered."""
        self._describe_proxy()
        self.frames(lambda: Connection(client, meter).attempted(refused))

    def _describe_proxy(self) -> None:
        """Describes the interface of the proxy, once."""

        def describe() -> None:
            if self._ethernet is None:
                self._ethernet = self._capture.interface(ETHERNET, "proxy", "made from what a TCP proxy forwarded")

        self._guarded(describe)

    def frames(self, make: Callable[[], Iterator[bytes]]) -> None:
        """Ethernet frames, at one time; they are made under the lock, so that numbers and order agree."""
        now = time.time_ns()

        def put() -> None:
            for frame in make():
                self._capture.packet(self._ethernet or 0, now, frame)

        self._guarded(put)

    def close(self) -> None:
        """Ends the record. Nothing is lost without it."""
        with self._lock:
            self.failed = True
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

    def _guarded(self, act: Callable[[], None]) -> None:
        with self._lock:
            if self.failed:
                return
            try:
                act()
            except OSError as problem:
                self.failed = True
                self._warn(f"{self.path}: {problem.strerror or problem}; forwarding goes on without a record")


class RecordedConnection:
    """One connection in the record."""

    def __init__(self, recorder: Recorder, connection: Connection) -> None:
        self._recorder = recorder
        self._connection = connection

    def opened(self) -> None:
        """The handshake."""
        self._recorder.frames(self._connection.opened)

    def sent(self, end: End, data: bytes) -> None:
        """Octets that one end sent."""
        self._recorder.frames(lambda: self._connection.sent(end, data))

    def closed(self, end: End) -> None:
        """One end sends no more."""
        self._recorder.frames(lambda: self._connection.closed(end))

    def reset(self, end: End) -> None:
        """One end is gone."""
        self._recorder.frames(lambda: self._connection.reset(end))
