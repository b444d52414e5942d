"""What passes between software and meter: through a proxy, by a serial port, or between a pair of ports.

It is forwarded and recorded by the threads of `recording`; what they pass on waits here until somebody looks.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import queue
import threading
from collections.abc import Iterator
from typing import Any

from analyzer.model import Direction, Record, Trace
from analyzer.recording.proxy import Proxy
from analyzer.recording.recorder import Recorder
from analyzer.recording.serial_port import Line, Settings, opened
from analyzer.sources import InputError
from analyzer.sources.arrivals import Arrival
from analyzer.tcp_packets import Address
from analyzer.watching import POLL

LONGEST = 8 << 20  # octets that wait to be looked at; beyond, the view leaves some out, and the record has them
LEAVE = 3.0  # seconds that connections get to close


class _Passing:
    """A queue between the threads that forward and the one that looks."""

    def __init__(self, name: str, out: str) -> None:
        self.name, self.note = name, ""
        self._out = out
        self._queue: queue.SimpleQueue[Arrival | None] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._waiting = self._left_out = 0
        self._lock = threading.Lock()
        self._recorder: Recorder | None = None

    def stop(self) -> None:
        """Ends it."""
        self._stopped.set()

    def _say(self, text: str) -> None:
        self.note = text

    def _record(self) -> Recorder | None:
        """The record, if one is wanted. Raises InputError where it cannot be written."""
        if self._out:
            try:
                self._recorder = Recorder(self._out, self._say)
            except FileExistsError:
                raise InputError(f"{self._out}: is there already; a capture is never overwritten") from None
        return self._recorder

    def _put(self, arrival: Arrival, octets: int = 0) -> bool:
        """Hands over what passed; whether there was room for it."""
        with self._lock:
            if self._waiting + octets > LONGEST:
                self._left_out += octets
                self.note = f"the view fell behind, {self._left_out:,} octets are not shown"
                return False
            self._waiting += octets
        self._queue.put(arrival)
        return True

    def _taken(self) -> Iterator[Arrival]:
        """What waits, until it is stopped or a None says that nothing more comes."""
        while not self._stopped.is_set():
            try:
                arrival = self._queue.get(timeout=POLL)
            except queue.Empty:
                continue
            if arrival is None:
                return
            with self._lock:
                self._waiting -= sum(len(record.data) for record in arrival.records)
            yield arrival


class SerialPort(_Passing):
    """A port that is listened to, or two that are bridged: `far` is the one towards the meter."""

    def __init__(
        self, port: str, settings: Settings, direction: Direction = "unknown", far: str = "", out: str = ""
    ) -> None:
        name = f"{port} and {far}" if far else port
        super().__init__(f"{name} at {settings}", out)
        self._trace = Trace(name, name, [])
        self._names, self._settings, self._direction = (port, far), settings, direction
        self._numbers = itertools.count(1)

    def arrivals(self) -> Iterator[Arrival]:
        """What passes, until the port is gone. Raises InputError or OSError where it cannot be opened."""
        ports: list[Any] = []
        line = Line(self._passed, self._say)
        try:
            with _as_input_error():
                ports.append(opened(self._names[0], self._settings))
                ports += [opened(self._names[1], self._settings)] if self._names[1] else []
            recorder = self._record()
            self._interface = recorder.serial(self._trace.name, str(self._settings)) if recorder is not None else 0
            line.listen(ports[0], self._direction if len(ports) == 1 else "client", *ports[1:])
            if len(ports) > 1:
                line.listen(ports[1], "meter", ports[0])
            watch = threading.Thread(target=self._until_ended, args=(line,), daemon=True)
            watch.start()
            yield from self._taken()
        finally:
            line.stop()
            for port in ports:
                port.close()
            if self._recorder is not None:
                self._recorder.close()

    def _until_ended(self, line: Line) -> None:
        while line.running and not self._stopped.wait(POLL):
            pass
        self._queue.put(None)

    def _passed(self, direction: Direction, data: bytes, seconds: float, time: str) -> None:
        if self._recorder is not None:
            self._recorder.octets(self._interface, direction, data)
        record = Record(next(self._numbers), data, direction, time, seconds)
        if not self._put(Arrival(self._trace, [record]), len(data)):
            self._numbers = itertools.count(record.number)


class TcpProxy(_Passing):
    """A proxy: the software connects to `listen`, and each of its connections goes on to `target`."""

    def __init__(self, listen: Address, target: Address, out: str = "") -> None:
        super().__init__(f"{listen[0]}:{listen[1]} -> {target[0]}:{target[1]}", out)
        self._listen, self._target = listen, target
        self._problem: Exception | None = None
        self.bound: list[Address] = []  # where it listens

    def arrivals(self) -> Iterator[Arrival]:
        """What passes. Raises InputError where it cannot listen."""
        recorder = self._record()
        thread = threading.Thread(target=self._run, args=(recorder,), name="proxy", daemon=True)
        thread.start()
        try:
            yield from self._taken()
        finally:
            self._stopped.set()
            thread.join(LEAVE)
            if recorder is not None:
                recorder.close()
        if self._problem is not None:
            why = getattr(self._problem, "strerror", None) or str(self._problem)
            where = f"{self._listen[0]}:{self._listen[1]}"
            raise InputError(why if where in why else f"{where} cannot be listened on: {why.lower()}")

    def _run(self, recorder: Recorder | None) -> None:
        try:
            asyncio.run(self._serve(recorder))
        except (OSError, OverflowError) as problem:
            self._problem = problem
        self._queue.put(None)

    async def _serve(self, recorder: Recorder | None) -> None:
        proxy = Proxy(self._target, recorder, lambda name: _Connection(self, name), self._say)
        self.bound = await proxy.start(*self._listen)
        self.note = "listening on " + ", ".join(f"{host}:{port}" for host, port in self.bound)
        while not self._stopped.is_set():
            await asyncio.sleep(POLL)
        await proxy.stop()


class _Connection:
    """One connection of the proxy, as the proxy sees who looks on."""

    def __init__(self, proxy: TcpProxy, name: str) -> None:
        self._proxy, self._trace, self._count = proxy, Trace(name, proxy.name, []), 0

    def feed(self, direction: Direction, data: bytes, seconds: float, time: str) -> None:
        """Octets that passed."""
        record = Record(self._count + 1, data, direction, time, seconds, carrier="tcp")
        self._count += self._proxy._put(Arrival(self._trace, [record]), len(data))

    def ended(self) -> None:
        """Nothing more comes."""
        self._proxy._put(Arrival(self._trace, ended=True))


@contextlib.contextmanager
def _as_input_error() -> Iterator[None]:
    """What keeps a port from being opened, in one line."""
    try:
        yield
    except (OSError, RuntimeError) as problem:
        raise InputError(" ".join(str(problem).split())) from None
