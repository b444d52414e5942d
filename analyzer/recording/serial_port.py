"""Serial ports: one that is listened to, or two that are bridged so that what passes between them can be seen.

A thread for each port. Octets are forwarded when they are read, recorded in the pieces in which they came, and shown.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from analyzer.model import Direction

AT_ONCE = 4096  # octets of one read
IDLE = 0.1  # seconds after which a silent port is asked whether to go on
BITS = {"7": 7, "8": 8}
FRAMES = ("8N1", "7E1", "7O1", "7N1", "8E1", "8O1", "7N2", "8N2", "7E2")


class SerialMissing(RuntimeError):
    """pyserial is not installed; says what to do."""


class Octets(Protocol):
    """Where octets of a port go: the record, the view."""

    def __call__(self, direction: Direction, data: bytes, seconds: float, time: str, /) -> None:
        """Takes octets that passed."""
        ...


@dataclass(frozen=True, slots=True)
class Settings:
    """Speed, data bits, parity and stop bits, as 9600 and 8N1."""

    baud: int = 9600
    frame: str = "8N1"

    def __str__(self) -> str:
        return f"{self.baud} {self.frame}"


def opened(name: str, settings: Settings) -> Any:
    """A port, by its name or a URL of pyserial. Raises OSError with one line, SerialMissing."""
    try:
        import serial
    except ImportError:
        raise SerialMissing("serial ports need pyserial: pip install 'dlmscope[serial]'") from None
    bits, parity, stop = tuple(settings.frame)
    try:
        return serial.serial_for_url(
            name,
            baudrate=settings.baud,
            bytesize=BITS[bits],
            parity=parity,
            stopbits=int(stop),
            timeout=IDLE,
            write_timeout=None,
        )
    except ValueError as problem:
        raise OSError(f"{name}: {problem}") from None
    except serial.SerialException as problem:
        raise OSError(f"{name}: {_why_not(problem)}") from None


def _why_not(problem: OSError) -> str:
    """Why a port cannot be opened, in words."""
    if problem.errno == errno.ENOENT:
        from serial.tools.list_ports import comports

        there = ", ".join(sorted(port.device for port in comports()))
        return f"there is no such port; there {f'are {there}' if there else 'is none at all'}"
    if problem.errno == errno.EACCES:
        return "this user may not open it; on Linux the group dialout may"
    if problem.errno:
        return os.strerror(problem.errno)
    text = str(problem)
    return "is no serial port" if "configure port" in text else text


class Line:
    """Reads one or two ports until it is stopped. `towards` of each port is where its octets go on, None for nowhere."""

    def __init__(self, passed: Octets, note: Callable[[str], None]) -> None:
        self._passed, self._note = passed, note
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._turn = threading.Lock()  # an answer is not recorded before the request that it answers

    def listen(self, port: Any, direction: Direction, towards: Any = None) -> None:
        """Begins to read a port whose octets are of one direction."""
        thread = threading.Thread(target=self._read, args=(port, direction, towards), daemon=True)
        self._threads.append(thread)
        thread.start()

    @property
    def running(self) -> bool:
        """Whether a port is still read."""
        return any(thread.is_alive() for thread in self._threads)

    def stop(self) -> None:
        """Ends reading, after what is being read."""
        self._stop.set()
        for thread in self._threads:
            thread.join(10 * IDLE)

    def _read(self, port: Any, direction: Direction, towards: Any) -> None:
        try:
            while not self._stop.is_set():
                data = port.read(1)
                if not data:
                    continue
                waiting = port.in_waiting
                if waiting:
                    data += port.read(min(waiting, AT_ONCE))
                now = time.time()
                with self._turn:
                    if towards is not None:
                        towards.write(data)
                    self._passed(direction, data, now, f"{datetime.fromtimestamp(now):%H:%M:%S.%f}"[:-3])
        except OSError as problem:  # pyserial's own errors are of this kind
            if not self._stop.is_set():
                self._note(f"{getattr(port, 'name', 'port')}: {problem.strerror or problem}")
                self._stop.set()
