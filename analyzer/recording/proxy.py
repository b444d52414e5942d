"""A TCP proxy between software and meter: whatever comes from one side goes to the other, at once and unchanged.

A side that only stops sending (half-close) stops only its direction; one that breaks off breaks off both, behind what it
had sent before. A side that reads slowly slows the other one down, not the memory of the proxy.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal, Protocol

from analyzer.recording.recorder import RecordedConnection, Recorder
from analyzer.tcp_packets import Address

End = Literal["client", "meter"]
OTHER: dict[End, End] = {"client": "meter", "meter": "client"}
HIGH_WATER = 256 << 10  # octets that may wait for a slow reader, each way
CONNECT_TIMEOUT = 20.0  # seconds
WHY_NOT = {
    errno.EADDRINUSE: "another program listens there already; choose another port",
    errno.EADDRNOTAVAIL: "this machine has no such address",
    errno.EACCES: "this user may not listen there; ports below 1024 are for the administrator",
    None: "this machine has no such address",  # later Pythons say it without a number
}


class Viewer(Protocol):
    """Who looks on: one conversation of `live`, or nobody."""

    def feed(self, direction: End, data: bytes, seconds: float, time: str) -> None:
        """Octets that passed."""
        ...

    def ended(self) -> None:
        """Nothing more comes."""
        ...


class Proxy:
    """Listens, and connects to `target` for each connection that comes."""

    def __init__(
        self,
        target: Address,
        recorder: Recorder | None,
        viewer: Callable[[str], Viewer | None],
        note: Callable[[str], None],
    ) -> None:
        self.target, self.recorder, self.viewer, self.note = target, recorder, viewer, note
        self.numbers = itertools.count(1)
        self._server: asyncio.Server | None = None
        self._pairs: set[Pair] = set()

    async def start(self, host: str, port: int) -> list[Address]:
        """Begins to listen; the addresses that were bound. Raises OSError, in words for people."""
        bound = await self.bind(host, port)
        await self.serve()
        return bound

    async def bind(self, host: str, port: int) -> list[Address]:
        """Takes the addresses, so that nobody else can, and does not answer there yet. Raises OSError."""
        loop = asyncio.get_running_loop()

        def pair() -> Side:
            return Pair(self).sides["client"]

        try:
            self._server = await loop.create_server(pair, host or None, port, backlog=256, start_serving=False)
        except OSError as problem:
            raise OSError(f"{host}:{port}: {_why_not(problem)}") from None
        return [bound.getsockname()[:2] for bound in self._server.sockets]

    async def serve(self) -> None:
        """Answers from now on. Raises OSError."""
        assert self._server is not None
        await self._server.start_serving()

    async def stop(self) -> None:
        """Stops listening and breaks off what is open."""
        if self._server is not None:
            self._server.close()
        for pair in list(self._pairs):
            pair.abort()
        await asyncio.sleep(0)

    def began(self, pair: Pair) -> None:
        """A connection came."""
        self._pairs.add(pair)

    def ended(self, pair: Pair) -> None:
        """Both its sides are gone."""
        self._pairs.discard(pair)


class Pair:
    """The two sides of one connection."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.sides: dict[End, Side] = {"client": Side(self, "client"), "meter": Side(self, "meter")}
        self.number = next(proxy.numbers)
        self.name = f"connection {self.number}"
        self.record: RecordedConnection | None = None
        self.view: Viewer | None = None
        self.octets: dict[End, int] = {"client": 0, "meter": 0}
        self._task: asyncio.Task[None] | None = None

    def accepted(self) -> None:
        """The software is there; the meter is called."""
        self.proxy.began(self)
        client = self.sides["client"]
        assert client.transport is not None
        client.transport.pause_reading()  # until there is somebody to forward to
        peer = client.transport.get_extra_info("peername") or ("", 0)
        self.name = f"connection {self.number} from {peer[0]}:{peer[1]}"
        self._task = asyncio.get_running_loop().create_task(self._call(peer[:2]))

    async def _call(self, client: Address) -> None:
        host, port = self.proxy.target
        loop = asyncio.get_running_loop()
        try:
            made = loop.create_connection(lambda: self.sides["meter"], host, port)
            transport, _ = await asyncio.wait_for(made, CONNECT_TIMEOUT)
        except (OSError, TimeoutError) as problem:
            why = _why_not_reached(problem)
            self.proxy.note(f"{self.name}: {host}:{port} cannot be reached: {why}")
            if self.proxy.recorder is not None and not isinstance(problem, socket.gaierror):
                self.proxy.recorder.attempt(client, (host, port), isinstance(problem, ConnectionRefusedError))
            self.abort()
            self.proxy.ended(self)
            return
        meter = (transport.get_extra_info("peername") or (host, port))[:2]
        if self.proxy.recorder is not None:
            self.record = self.proxy.recorder.connection(client, meter)
        self.view = self.proxy.viewer(self.name)
        self.proxy.note(f"{self.name}: opened")
        side = self.sides["client"]
        if side.transport is None or side.transport.is_closing():
            transport.abort()
        else:
            side.resume()

    def passed(self, end: End, data: bytes) -> None:
        """Octets of one end that have been forwarded."""
        self.octets[end] += len(data)
        if self.record is not None:
            self.record.sent(end, data)
        if self.view is not None:
            now = time.time()
            self.view.feed(end, data, now, f"{datetime.fromtimestamp(now):%H:%M:%S.%f}"[:-3])

    def lost(self, end: End, problem: Exception | None) -> None:
        """One end is gone: the other gets what still waits for it, then its end too."""
        if self.record is not None:
            if problem is not None:
                self.record.reset(end)
            else:
                self.record.closed(end)
        other = self.sides[OTHER[end]]
        if other.transport is not None and not other.gone:
            if problem is not None and not other.waiting:
                other.transport.abort()
            else:
                other.transport.close()  # behind what is buffered
        if self.sides["client"].gone and (self.sides["meter"].gone or self.sides["meter"].transport is None):
            if self.view is not None:
                self.view.ended()
            self.proxy.ended(self)
            counts = f"{self.octets['client']} octets to the meter, {self.octets['meter']} from it"
            self.proxy.note(f"{self.name}: closed; {counts}")

    def abort(self) -> None:
        """Breaks off both sides."""
        for side in self.sides.values():
            if side.transport is not None:
                side.transport.abort()


class Side(asyncio.Protocol):
    """One end of a connection, as asyncio sees it."""

    def __init__(self, pair: Pair, end: End) -> None:
        self.pair, self.end = pair, end
        self.transport: Any = None
        self.gone = False
        self.finished = False

    @property
    def waiting(self) -> bool:
        """Whether octets wait to be sent to this end."""
        return bool(self.transport is not None and self.transport.get_write_buffer_size())

    @property
    def other(self) -> Side:
        """The side across."""
        return self.pair.sides[OTHER[self.end]]

    def resume(self) -> None:
        """Reads on, if there is something left to read from."""
        if self.transport is not None and not self.transport.is_closing() and not self.finished:
            self.transport.resume_reading()

    def connection_made(self, transport: Any) -> None:
        """The connection stands; small frames are not to wait for each other."""
        self.transport = transport
        transport.set_write_buffer_limits(high=HIGH_WATER)
        raw = transport.get_extra_info("socket")
        if raw is not None:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.end == "client":
            self.pair.accepted()

    def data_received(self, data: bytes) -> None:
        """Forwards, then records and shows."""
        other = self.other
        if other.transport is not None and not other.transport.is_closing():
            other.transport.write(data)
        self.pair.passed(self.end, data)

    def eof_received(self) -> bool:
        """This end sends no more; it may still receive."""
        self.finished = True
        if self.pair.record is not None:
            self.pair.record.closed(self.end)
        other = self.other
        if other.transport is not None and not other.transport.is_closing() and other.transport.can_write_eof():
            other.transport.write_eof()
        return not other.finished  # when both have finished, the transport closes by itself

    def connection_lost(self, exc: Exception | None) -> None:
        """This end is gone."""
        self.gone = True
        self.pair.lost(self.end, exc)

    def pause_writing(self) -> None:
        """This end reads slowly: the other is not read for a while."""
        other = self.other
        if other.transport is not None and not other.transport.is_closing():
            other.transport.pause_reading()

    def resume_writing(self) -> None:
        """This end has caught up."""
        self.other.resume()


def _why_not(problem: OSError) -> str:
    """Why one cannot listen."""
    if isinstance(problem, socket.gaierror):
        return "no address is known by this name"
    return WHY_NOT.get(problem.errno) or os.strerror(problem.errno or 0)


def _why_not_reached(problem: OSError | TimeoutError) -> str:
    """Why the meter cannot be called."""
    if isinstance(problem, socket.gaierror):
        return "no address is known by this name"
    if problem.errno:
        return os.strerror(problem.errno)
    return str(problem) or f"no answer within {CONNECT_TIMEOUT:.0f} s"
