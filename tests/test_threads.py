"""Messages of a long trace, looked at from several threads at once: the same as in one."""

from __future__ import annotations

import random
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO

import pytest

from analyzer.decoding import decode
from analyzer.index import pages
from analyzer.index.pages import Messages
from analyzer.model import Record, Trace
from analyzer.sources.pcap import connections
from analyzer.sources.pcap.capture import read_capture
from tests import captured, support
from tests.captured import Connection
from tests.support import CLOCK, GET_CLOCK, wrapped
from tests.test_pages import shown

REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Threads take turns all the time, and little is kept."""
    monkeypatch.setattr(pages, "EVERY", 5)
    monkeypatch.setattr(pages, "PAGES", 2)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def spooled(monkeypatch: pytest.MonkeyPatch) -> Trace:
    """A capture of which nearly all is in a temporary file."""
    monkeypatch.setattr(connections, "MEMORY", 2_000)
    monkeypatch.setattr(connections, "SMALL", 0)
    talk = Connection()
    for number in range(150):
        talk.say(0, REQUEST[:10] + bytes([0xC0 | number % 8]) + REQUEST[11:]).say(1, ANSWER * (1 + number % 3))
    data = captured.pcap(captured.timed(talk.datagrams(), captured.ethernet), 1)
    return read_capture(BytesIO(data), "x")[0]


def dump() -> Trace:
    frames = [line for line in (support.THREAD / "thread.log").read_text("utf-8").splitlines() if line.startswith("7E")]
    return Trace("x", "x", (Record(1, b"".join(map(bytes.fromhex, frames)) * 25),))


def together(work: Sequence[Callable[[], None]]) -> list[BaseException]:
    """Runs them in threads; what they raised."""
    raised: list[BaseException] = []

    def guarded(one: Callable[[], None]) -> None:
        try:
            one()
        except BaseException as problem:
            raised.append(problem)

    threads = [threading.Thread(target=guarded, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


@pytest.mark.parametrize("kind", ["spooled", "dump"])
@pytest.mark.parametrize("hold", [0, 40])
@pytest.mark.parametrize("states", [48 << 20, 20_000])
def test_one_goes_through_and_others_look(kind: str, hold: int, states: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "STATES", states)
    monkeypatch.setattr(pages, "SMALL", 700)
    trace = spooled(monkeypatch) if kind == "spooled" else dump()
    keys = support.thread_keys()
    wanted = [shown(message) for message in decode(trace, keys)]
    messages = Messages(trace, keys, hold)

    def go_through() -> None:
        assert [shown(message) for message in messages.advance()] == wanted

    def look(seed: int) -> None:
        pick, late = random.Random(seed), 0
        while late < 20:
            late += messages.complete
            if count := len(messages):
                index = pick.randrange(count)
                assert shown(messages[index]) == wanted[index]
                start = pick.randrange(count)
                part = messages[start : start + pick.randrange(4)]
                assert [shown(message) for message in part] == wanted[start : start + len(part)]

    def iterate() -> None:
        assert [shown(message) for message in messages] == wanted

    assert together([go_through, lambda: look(1), lambda: look(2), iterate]) == []


def test_records_in_the_temporary_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several threads read them at any places."""
    trace = spooled(monkeypatch)
    wanted = list(trace)

    def look(seed: int) -> None:
        pick = random.Random(seed)
        for _ in range(1500):
            index = pick.randrange(len(wanted))
            assert trace[index] == wanted[index]

    assert together([lambda: look(1), lambda: look(2), lambda: look(3)]) == []
