"""The session without any interface: what is kept, what is dropped, stopping, long traces."""

import threading
from pathlib import Path

import pytest

from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from analyzer.tui import session as module
from analyzer.tui.session import Session, StoppedError

ROOT = Path(__file__).parents[2]
THREAD = ROOT / "captures/gurux-forum-2017/thread.log"
RR = bytes.fromhex("7EA0070321930F017E")
SECRET = "3B0E55C17D92A4F8066B9A2D41E7C35F"


def thread(keys: KeyRing | None = None) -> Session:
    return Session(open_traces(str(THREAD)), keys or KeyRing.from_options(ek="00" * 16, ak="00" * 16))


def long_trace(records: int) -> Trace:
    return Trace("long", "long.log", [Record(n, RR, "client") for n in range(1, records + 1)])


def test_results_are_kept_until_keys_change() -> None:
    session = thread()
    messages, diagnosis, diff = session.messages(0), session.diagnosis(), session.diff(0, 1)
    assert session.messages(0) is messages
    assert session.diagnosis() is diagnosis
    assert session.diff(0, 1) is diff
    assert [one.health for one in diagnosis] == ["ok", "failing"]
    session.set_keys(KeyRing.from_options(ek="11" * 16, ak="00" * 16))
    assert session.messages(0) is not messages
    assert session.diagnosis()[0].counts["failed"] == 6


def test_changes_are_told() -> None:
    session, told = thread(), []
    session.subscribe(told.append)
    session.messages(0)
    session.messages(0)
    assert told == ["decoded"]  # what is there already is no change
    session.set_keys(KeyRing())
    assert session.add_traces([long_trace(3)]) == 2
    session.set_traces(())
    assert told == ["decoded", "keys", "traces", "traces"]
    assert session.traces == ()


def test_a_stopped_call_goes_on_where_it_was() -> None:
    session = Session([long_trace(200)])
    with pytest.raises(StoppedError):
        session.messages(0, lambda: True)
    there, complete = session.so_far(0)
    assert 0 < len(there) < 200 and not complete
    messages = session.messages(0)
    assert [message.number for message in messages] == list(range(1, 201))
    assert session.so_far(0) == (messages, True)


def test_a_long_trace_is_cut_and_goes_on_when_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 60)
    session = Session([long_trace(130)])
    session._decoded[0].limit = 60
    for expected, cut in ((60, True), (120, True), (130, False)):
        assert [m.number for m in session.messages(0)] == list(range(1, expected + 1))
        assert session.is_cut(0) is cut
        session.want_more(0)


def test_two_threads_decode_once() -> None:
    session = thread()
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(session.messages(0))) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(20)
    assert len(found) == 4
    assert all(one is found[0] for one in found)
    assert len(session.messages(0)) == 10


def test_no_key_in_repr() -> None:
    session = thread(KeyRing.from_options(ek=SECRET, ak=SECRET))
    assert SECRET not in repr(session) + repr(session._decoded)
