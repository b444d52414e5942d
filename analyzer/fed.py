"""A decoder that is fed: records of one conversation in, one at a time, and at once what they complete.

`decode` asks for records and gives messages. Where several conversations come mixed, none of them may wait for its next
record, so each has a decoder in a thread of its own, which runs only while its `feed` waits for it: nothing happens at
the same time, and the order is always the same.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator

from analyzer.decoding import NO_KEYS, Decoder
from analyzer.framing import frames_of
from analyzer.keyring import KeyProvider
from analyzer.message import Message
from analyzer.model import Record
from analyzer.reassembly import units_of

MOST = 256  # threads; beyond, the conversation that was silent longest gives its own back

_running: OrderedDict[int, weakref.ref[Fed]] = OrderedDict()
_registry = threading.Lock()


class Fed:
    """Decodes one conversation. `end` gives what is unfinished; feeding may go on behind it."""

    def __init__(self, keys: KeyProvider | None = None) -> None:
        self._decoder = Decoder(keys or NO_KEYS)
        self._line: _Line | None = None
        self._late: list[Message] = []  # what was unfinished when the thread was given back
        self._lock = threading.RLock()

    def feed(self, record: Record) -> list[Message]:
        """The messages that are complete with this record. Never raises on any octets."""
        with self._lock:
            made, self._late = self._late, []
            if self._line is None:
                self._line = _Line(self._decoder)
                weakref.finalize(self, self._line.close)
            made += self._line.pass_on(record)
        self._note()
        return made

    def end(self) -> list[Message]:
        """The messages of what is unfinished."""
        with self._lock:
            made, self._late = self._late, []
            if self._line is not None:
                made += self._line.pass_on(None)
                self._line = None
        with _registry:
            _running.pop(id(self), None)
        return made

    def _note(self) -> None:
        """This one was fed last; the one that was not for longest gives its thread back, if there are too many."""
        with _registry:
            key = id(self)
            _running[key] = weakref.ref(self, lambda _: _running.pop(key, None))
            _running.move_to_end(key)
            silent = _running.popitem(last=False)[1]() if len(_running) > MOST else None
        if silent is not None and silent._lock.acquire(blocking=False):
            try:
                late = silent.end()
                silent._late = late
            finally:
                silent._lock.release()


class _Line:
    """The thread of a decoder, and the way to it and back. It knows nobody who knows it, so that it can be forgotten."""

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._given, self._wanted = threading.Semaphore(0), threading.Semaphore(0)
        self._record: Record | None = None
        self._made: list[Message] = []
        self._problem: BaseException | None = None
        self._over = False
        threading.Thread(target=self._run, name="dlmscope decoder", daemon=True).start()

    def pass_on(self, record: Record | None) -> list[Message]:
        """Hands a record over, None at the end, and waits until the decoder wants the next."""
        self._record = record
        self._given.release()
        self._wanted.acquire()
        if self._problem is not None:
            raise self._problem
        made, self._made = self._made, []
        return made

    def close(self) -> None:
        """Lets the thread end, for nobody wants what it has."""
        if not self._over:
            self._record = None
            self._given.release()

    def _records(self) -> Iterator[Record]:
        self._given.acquire()
        while (record := self._record) is not None:
            yield record
            self._wanted.release()
            self._given.acquire()

    def _run(self) -> None:
        try:
            for message in self._decoder.messages(units_of(frames_of(self._records()))):
                self._made.append(message)
        except BaseException as problem:  # a defect: whoever feeds is to see it
            self._problem = problem
        self._over = True
        self._wanted.release()
