"""The view in a process of its own, so that decoding never takes the interpreter away from forwarding.

What passes goes through a pipe, by a thread that waits for the other process in the place of the proxy. When more than
`LONGEST` octets wait there, the view leaves some out and says so; the record has them.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from analyzer.model import Direction
from analyzer.recording.live import Conversation, Live

LONGEST = 4 << 20  # octets
FAR_BEHIND = 1 << 20  # octets that wait to be decoded
GLANCE = 0.01  # seconds
LESS_IMPORTANT = 10  # how much nicer the view is than the proxy
PATIENCE = 5.0  # seconds for what waits to be shown when recording ends
OPEN, PASSED, ENDED = "open", "passed", "ended"


class ViewProcess:
    """Starts the process. `make` gives the view there, from `options`; both have to survive pickling."""

    def __init__(self, make: Callable[[Any], Live], options: Any) -> None:
        context = multiprocessing.get_context("spawn")
        receiving, self._sending = context.Pipe(duplex=False)
        self._process = context.Process(target=_watch, args=(receiving, make, options), daemon=True)
        self._process.start()
        receiving.close()
        self._queue: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._waiting = 0
        self._count = 0
        self._thread = threading.Thread(target=self._pass_on, name="view", daemon=True)
        self._thread.start()

    def conversation(self, name: str, carrier: str = "") -> RemoteConversation:
        """A conversation that begins now."""
        self._count += 1
        self._queue.put((self._count, OPEN, name, carrier))
        return RemoteConversation(self, self._count)

    def put(self, number: int, direction: Direction, data: bytes, seconds: float, when: str) -> bool:
        """Octets for the view; False where it is too far behind."""
        with self._lock:
            if self._waiting + len(data) > LONGEST:
                return False
            self._waiting += len(data)
        self._queue.put((number, PASSED, direction, data, seconds, when))
        return True

    def end(self, number: int, left_out: int) -> None:
        """A conversation is over."""
        self._queue.put((number, ENDED, left_out))

    def close(self) -> None:
        """Lets the process finish what waits, for a while."""
        self._queue.put(None)
        self._thread.join(PATIENCE)
        self._sending.close()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.terminate()

    def _pass_on(self) -> None:
        with contextlib.suppress(OSError):  # whoever looked on has gone
            while (item := self._queue.get()) is not None:
                if item[1] == PASSED:
                    with self._lock:
                        self._waiting -= len(item[3])
                self._sending.send(item)
            self._sending.send(None)


class RemoteConversation:
    """One conversation on this side of the pipe."""

    def __init__(self, view: ViewProcess, number: int) -> None:
        self._view, self._number = view, number
        self._left_out = 0

    def feed(self, direction: Direction, data: bytes, seconds: float, when: str) -> None:
        """Octets that passed; returns at once."""
        if not self._view.put(self._number, direction, data, seconds, when):
            self._left_out += len(data)

    def ended(self) -> None:
        """Nothing more comes."""
        self._view.end(self._number, self._left_out)


def _watch(receiving: Connection, make: Callable[[Any], Live], options: Any) -> None:
    """The other process: shows what comes through the pipe until it is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the proxy, which then closes the pipe
    if hasattr(os, "nice"):
        os.nice(LESS_IMPORTANT)
    live = make(options)
    conversations: dict[int, Conversation] = {}
    with contextlib.suppress(EOFError, OSError):
        while (item := receiving.recv()) is not None:
            number, what, *rest = item
            while live.waiting > FAR_BEHIND:
                time.sleep(GLANCE)  # so that what is left out is left out before it costs the proxy anything
            if what == OPEN:
                conversations[number] = live.conversation(*rest)
            elif what == PASSED:
                conversations[number].feed(*rest)
            else:
                conversations.pop(number).ended(*rest)
    live.close(PATIENCE)
