"""What is open: traces, keys, and what the core made of them. No Textual here, and no protocol.

Everything that takes time is a plain call that a worker thread makes: `messages`, `diagnosis`, `diff`, `arrived`. Results
are kept until traces or keys change, or a trace grows. A call that was begun before a change gives its result to its caller,
and is not kept.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from analyzer.comparison import Diff, Pair, compared, gathered
from analyzer.diagnosis import Diagnosis
from analyzer.diagnosis.long import diagnose_each
from analyzer.fed import Fed
from analyzer.index.pages import Messages
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record, Trace
from analyzer.patience import StoppedError, go_on, until
from analyzer.sources.arrivals import Arrival

# Other traces; other keys; more messages are decoded; what is watched has given more; it has given nothing for a while.
Change = Literal["traces", "keys", "decoded", "grown", "settled"]
Stop = Callable[[], bool]
STEP = 16  # messages between two looks at whether anybody still wants them
FROZEN = 1024  # messages between two times that the collector is told to leave them alone
COURTESY = 0.002  # seconds that the thread of the interface gets each time
ANNOUNCED = 4096  # messages between two announcements
HELD = 20_000  # messages of a trace that are simply kept; of a longer one, those that are looked at
MANY = 20_000  # records, or frames of one, of a trace whose messages are counted before all are decoded
SHORT = 16  # octets of a frame
PATIENCE = 4.0  # seconds until that is given up
LIMIT = 50_000  # messages of a trace that is watched, which are kept until somebody wants more: about 300 MB


def _never() -> bool:
    return False


def _until(pairs: Iterable[Pair], stop: Stop) -> Iterator[Pair]:
    """The pairs, until somebody says that nobody wants them any more."""
    for pair in pairs:
        if stop():
            raise StoppedError
        yield pair


class _Attended(Sequence[Record]):
    """Records that are read only as long as somebody waits for what is made of them."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def __iter__(self) -> Iterator[Record]:
        for record in self._records:
            go_on()
            yield record

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]
        return self._records[index]


def _as_now(trace: Trace) -> Trace:
    """A trace as it is now, if it grows."""
    records = tuple(trace.records) if isinstance(trace.records, list) else trace.records
    return Trace(trace.name, trace.source, _Attended(records), trace.issues)


def _grown(decoded: Decoded, keys: KeyRing) -> Iterator[Message]:
    """The messages that the records kept so far complete, from where it was left."""
    if decoded.fed is None:
        decoded.fed, decoded.position = Fed(keys), 0
    assert decoded.kept is not None
    while decoded.position < len(decoded.kept):
        record = decoded.kept[decoded.position]
        decoded.position += 1
        yield from decoded.fed.feed(record)
    if decoded.ended:
        yield from decoded.fed.end()


@dataclass(slots=True)
class Decoded:
    """The messages of one trace under one set of keys, while they are made and when they are there.

    `complete` is true when as many as were wanted are there, `cut` when the trace goes on behind them. A trace that is
    watched grows: it has `kept` records, of which the first `position` have been `fed` to its decoder."""

    trace: Trace
    messages: Sequence[Message] = field(default_factory=list, repr=False)
    complete: bool = False
    cut: bool = False
    limit: int = LIMIT
    rest: Iterator[Message] | None = field(default=None, repr=False)
    kept: list[Record] | None = field(default=None, repr=False)
    fed: Fed | None = field(default=None, repr=False)
    position: int = 0
    ended: bool = False
    heard: float = 0.0
    expected: int | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Session:
    """The traces and keys that the screens look at. May be used from any thread."""

    def __init__(self, traces: Sequence[Trace] = (), keys: KeyRing | None = None) -> None:
        self._lock = threading.RLock()
        self._listeners: list[Callable[[Change], None]] = []
        self._decoded: list[Decoded] = []
        self._diagnosing = threading.Lock()
        self._diagnosis: list[Diagnosis] | None = None
        self._diffs: dict[tuple[int, int], Diff] = {}
        self.keys: KeyRing = keys or KeyRing()
        self.generation = 0
        self.epoch = 0  # counts how often what is open was replaced
        self.learn: Callable[[list[Message], KeyRing], None] | None = None
        self.growth = 0  # counts what came of traces that are watched
        self._hold(traces)

    def __repr__(self) -> str:
        return f"Session({len(self._decoded)} traces)"

    @property
    def traces(self) -> tuple[Trace, ...]:
        """The open traces."""
        return tuple(decoded.trace for decoded in self._decoded)

    def subscribe(self, listener: Callable[[Change], None]) -> None:
        """Calls `listener` after each change, in the thread that made it."""
        self._listeners.append(listener)

    def set_traces(self, traces: Sequence[Trace]) -> None:
        """Closes what is open and opens these."""
        with self._lock:
            self._hold(traces)
            self.epoch += 1
        self._tell("traces")

    def add_traces(self, traces: Sequence[Trace]) -> int:
        """Opens further traces; the index of the first of them. What is decoded of the others stays."""
        with self._lock:
            first = len(self._decoded)
            self._decoded = [*self._decoded, *map(Decoded, traces)]
            self._diagnosis = None
            self.generation += 1
        self._tell("traces")
        return first

    def set_keys(self, keys: KeyRing) -> None:
        """Other keys: everything is decoded again when it is next wanted."""
        with self._lock:
            self.keys = keys
            self._hold(self.traces)
        self._tell("keys")

    def begin_growth(self) -> int:
        """Closes what is open, for what is watched from now on; its number is for `arrived`."""
        with self._lock:
            self._hold(())
            self.epoch += 1
            epoch = self.epoch
        self._tell("traces")
        return epoch

    def arrived(self, arrival: Arrival, epoch: int | None = None) -> bool:
        """Takes what came of a trace that is watched, and decodes it; False where other traces were opened since the
        `epoch` began. Tells nobody: `growth` shows it."""
        with self._lock:
            if epoch is not None and epoch != self.epoch:
                return False
            decoded = next((one for one in self._decoded if one.trace is arrival.trace), None)
            if decoded is None:
                kept: list[Record] = []
                arrival.trace.records = kept
                decoded = Decoded(arrival.trace, kept=kept)
                self._decoded = [*self._decoded, decoded]
            assert decoded.kept is not None
            keys = self.keys
        with decoded.lock:
            if arrival.anew:
                decoded.kept.clear()
                decoded.messages, decoded.rest, decoded.fed, decoded.cut = [], None, None, False
            decoded.kept += arrival.records
            decoded.ended = decoded.ended or arrival.ended
            decoded.heard = time.monotonic()
            if not decoded.cut:
                decoded.complete = False
                self._decode(decoded, keys, _never)
        with self._lock:
            self.growth += 1
            self._diagnosis, self._diffs = None, {}
        return True

    def end_growth(self, epoch: int | None = None) -> None:
        """Nothing comes any more of the traces that were watched: what is unfinished of them is shown as it is."""
        for decoded in self._decoded:
            if decoded.kept is not None and not decoded.ended:
                self.arrived(Arrival(decoded.trace, ended=True), epoch)

    def heard(self, index: int) -> float:
        """When something came of a trace that is watched, on a monotonic clock; 0 for others."""
        return self._decoded[index].heard

    def tell(self, change: Change) -> None:
        """Lets everybody know of a change that was made without a word."""
        self._tell(change)

    def messages(self, index: int, stop: Stop = _never) -> Sequence[Message]:
        """The messages of a trace, decoded now if they are not yet: all, or the first LIMIT of one that is watched. Those of
        a long trace are decoded again when they are looked at.

        Raises StoppedError when `stop` says so.
        """
        with self._lock:
            decoded, keys, generation = self._decoded[index], self.keys, self.generation
        while not decoded.lock.acquire(timeout=0.05):
            if stop():
                raise StoppedError
        try:
            fresh = not decoded.complete
            if fresh:
                self._decode(decoded, keys, stop)
        finally:
            decoded.lock.release()
        if fresh and generation == self.generation:
            self._tell("decoded")
        return decoded.messages

    def so_far(self, index: int) -> tuple[Sequence[Message], bool]:
        """The messages of a trace that are there by now, and whether these are all. There may still come more."""
        decoded = self._decoded[index]
        return decoded.messages, decoded.complete

    def expected(self, index: int) -> int | None:
        """How many messages a trace will have that is being decoded, where `count` has told it."""
        return self._decoded[index].expected

    def is_worth_counting(self, index: int) -> bool:
        """Whether `count` may tell how many messages a trace has, and decoding does not tell it as soon."""
        decoded = self._decoded[index]
        if decoded.kept is not None or decoded.complete or decoded.expected is not None:
            return False
        count = len(decoded.trace)
        return count >= MANY or (count > 0 and len(decoded.trace[0].data) >= MANY * SHORT)

    def count(self, index: int, stop: Stop = _never) -> None:
        """Finds out how many messages a long trace has, without decoding it; gives it up where that takes long too."""
        with self._lock:
            decoded = self._decoded[index]
        try:
            from analyzer.index.trace import TraceIndex
        except ImportError:  # without NumPy: nobody knows before all are decoded
            return
        end = time.monotonic() + PATIENCE
        made = TraceIndex(decoded.trace)
        try:
            with until(lambda: stop() or time.monotonic() > end):
                for _ in made.build():
                    go_on()
                    time.sleep(COURTESY)
        except StoppedError:
            if stop():
                raise
            return
        decoded.expected = made.messages

    def is_cut(self, index: int) -> bool:
        """Whether a trace goes on behind the messages that are decoded."""
        return self._decoded[index].cut

    def want_more(self, index: int) -> None:
        """Lets `messages` decode as many more."""
        decoded = self._decoded[index]
        with decoded.lock:
            if decoded.cut:
                decoded.limit += LIMIT
                decoded.complete = decoded.cut = False
        with self._lock:
            self._diagnosis, self._diffs = None, {}

    def is_long(self, index: int) -> bool:
        """Whether a trace has more messages, as far as is known, than are simply kept."""
        return len(self._decoded[index].messages) > HELD

    def diagnosis(self, stop: Stop = _never) -> list[Diagnosis]:
        """What is wrong with each trace. Several callers at once wait for one result."""
        while not self._diagnosing.acquire(timeout=0.05):
            if stop():
                raise StoppedError
        try:
            with self._lock:
                known, state, keys = self._diagnosis, self._state, self.keys
            if known is not None:
                return known
            bundles = [(_as_now(trace), self.messages(n, stop)) for n, trace in enumerate(self.traces)]
            with until(stop):
                made = diagnose_each(bundles, keys)
            with self._lock:
                if state == self._state:
                    self._diagnosis = made
            return made
        finally:
            self._diagnosing.release()

    def diff(self, a: int, b: int, stop: Stop = _never) -> Diff:
        """Two traces compared, by their indexes."""
        with self._lock:
            known, state = self._diffs.get((a, b)), self._state
        if known is not None:
            return known
        made = gathered(_until(compared(self.messages(a, stop), self.messages(b, stop)), stop))
        with self._lock:
            if state == self._state:
                self._diffs[a, b] = made
        return made

    @property
    def _state(self) -> tuple[int, int]:
        """What results are kept for."""
        return self.generation, self.growth

    def _hold(self, traces: Sequence[Trace]) -> None:
        growing = {id(one.trace): (one.kept, one.ended) for one in self._decoded if one.kept is not None}
        self._decoded = []
        for trace in traces:
            kept, ended = growing.get(id(trace), (None, False))
            self._decoded.append(Decoded(trace, kept=kept, ended=ended))
        self._diagnosis = None
        self._diffs = {}
        self.generation += 1

    def _decode(self, decoded: Decoded, keys: KeyRing, stop: Stop) -> None:
        """Goes on where it was stopped."""
        learn = self.learn

        def before(message: Message) -> None:  # anybody can see it
            if learn is not None:
                learn([message], keys)

        if decoded.rest is None and decoded.kept is None:
            decoded.messages = Messages(decoded.trace, keys, HELD)
            decoded.rest = decoded.messages.advance(before)
        elif decoded.rest is None:
            decoded.rest = _grown(decoded, keys)
        for message in decoded.rest:
            if isinstance(decoded.messages, list):
                before(message)
                decoded.messages.append(message)
            number = len(decoded.messages)
            if decoded.kept is not None and number >= decoded.limit:
                decoded.complete = decoded.cut = True
                return
            if number % STEP == 0:
                if stop():
                    raise StoppedError
                time.sleep(COURTESY)
            if number % FROZEN == 0 and number <= HELD:
                gc.freeze()  # else each full collection looks at millions of fields, and typing waits for it
            if number % ANNOUNCED == 0 or number == STEP:
                self._tell("decoded")
        decoded.complete = True
        if decoded.kept is not None:
            decoded.rest = None

    def _tell(self, change: Change) -> None:
        for listener in list(self._listeners):
            listener(change)
