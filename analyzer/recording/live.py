"""What passes, shown while it passes. Each conversation is decoded in a thread of its own, behind a queue.

The view never holds up what it shows: when it falls behind by `LONGEST` octets, it leaves some out and says so. They are
in the record all the same.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator

from analyzer.decoding import decode
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Direction, Record

LONGEST = 1 << 20  # octets that wait to be decoded, of one conversation
Show = Callable[[str, Message], None]


class Live:
    """Makes the conversations. `show` gets the name of the conversation and each message, in any thread."""

    def __init__(self, keys: KeyProvider, show: Show, note: Callable[[str], None]) -> None:
        self._keys, self._show, self._note = keys, show, note
        self._open: list[Conversation] = []
        self._lock = threading.Lock()

    def conversation(self, name: str, carrier: str = "") -> Conversation:
        """A conversation that begins now. `carrier` is "tcp" where both sides may send at once."""
        made = Conversation(name, carrier, self._keys, self._show, self._note)
        with self._lock:
            self._open = [one for one in self._open if one.running]
            self._open.append(made)
        return made

    @property
    def waiting(self) -> int:
        """Octets that wait to be decoded, of all conversations."""
        with self._lock:
            return sum(one.waiting for one in self._open)

    def close(self, patience: float = 2.0) -> None:
        """Lets every conversation finish what waits, for a while."""
        with self._lock:
            for one in self._open:
                one.ended()
            for one in self._open:
                one.wait(patience)


class Conversation:
    """One conversation: octets in, messages to the view."""

    def __init__(self, name: str, carrier: str, keys: KeyProvider, show: Show, note: Callable[[str], None]) -> None:
        self._name, self._carrier, self._keys, self._show, self._note = name, carrier, keys, show, note
        self._queue: queue.SimpleQueue[Record | None] = queue.SimpleQueue()
        self.waiting = 0
        self._left_out = 0
        self._number = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether there is still something to show."""
        return self._thread is None or self._thread.is_alive()

    def feed(self, direction: Direction, data: bytes, seconds: float, time: str) -> None:
        """Octets that passed; returns at once."""
        with self._lock:
            if self.waiting + len(data) > LONGEST:
                self._left_out += len(data)
                return
            self.waiting += len(data)
            self._number += 1
            self._queue.put(Record(self._number, data, direction, time, seconds, carrier=self._carrier))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"view of {self._name}", daemon=True)
                self._thread.start()

    def ended(self, left_out: int = 0) -> None:
        """Nothing more comes. `left_out` are octets that did not even get here."""
        with self._lock:
            self._left_out += left_out
        self._queue.put(None)

    def wait(self, patience: float) -> None:
        """Waits until all is shown, at most so many seconds."""
        if self._thread is not None:
            self._thread.join(patience)

    def _run(self) -> None:
        for message in decode(self._records(), self._keys):
            self._show(self._name, message)

    def _records(self) -> Iterator[Record]:
        while (record := self._queue.get()) is not None:
            with self._lock:
                self.waiting -= len(record.data)
            self._tell()
            yield record
        self._tell()

    def _tell(self) -> None:
        """Says what was left out since it was last said."""
        with self._lock:
            left_out, self._left_out = self._left_out, 0
        if left_out:
            self._note(f"{self._name}: the view fell behind, {left_out} octets are not shown; the record has them")
