"""The session without any interface: what is kept, what is dropped, stopping, long traces."""

import threading
from pathlib import Path

import pytest

from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from analyzer.patience import StoppedError, until
from analyzer.sources import read_input
from analyzer.sources.arrivals import Arrival
from analyzer.tui import session as module
from analyzer.tui.session import Session

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


def test_of_a_long_trace_only_what_is_looked_at_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of it is there all the same, and is diagnosed and compared."""
    monkeypatch.setattr(module, "HELD", 60)
    monkeypatch.setattr("analyzer.diagnosis.long.LONG", 60)
    session = Session([long_trace(130), long_trace(50)])
    messages = session.messages(0)
    assert session.is_long(0) and not session.is_cut(0)
    assert [m.number for m in messages] == list(range(1, 131))
    assert [messages[n].wire for n in (129, 0, 64)] == [session.traces[0][n].data for n in (129, 0, 64)]
    session.messages(1)
    assert not session.is_long(1)
    assert [one.messages for one in session.diagnosis()] == [130, 50]
    assert len(session.diff(0, 1).pairs) == 130


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


def request(number: int) -> Record:
    return Record(number, RR, "client")


def test_a_trace_that_is_watched_grows_and_is_decoded_once() -> None:
    session, told = Session(), []
    session.subscribe(told.append)
    one, two = Trace("one", "live", []), Trace("two", "live", [])
    session.arrived(Arrival(one, [request(1)]))
    session.arrived(Arrival(two, [request(1), Record(2, RR[:4], "client")]))
    first = session.so_far(0)[0][0]
    session.arrived(Arrival(one, [request(2)]))
    assert [trace.name for trace in session.traces] == ["one", "two"]
    assert [len(session.messages(n)) for n in (0, 1)] == [2, 1]
    assert session.so_far(0)[0][0] is first
    assert session.growth == 3
    assert told == []
    session.end_growth()
    assert [m.wire for m in session.messages(1)] == [RR, RR[:4]]
    assert len(session.traces[1]) == 2
    session.arrived(Arrival(two, [request(1)], anew=True))
    assert [m.wire for m in session.messages(1)] == [RR]


def test_other_keys_decode_a_growing_trace_again_and_it_goes_on() -> None:
    traces = open_traces(f"{THREAD}#1")
    records, live = list(traces[0]), Trace("live", "live", [])
    session = Session((), KeyRing())
    session.arrived(Arrival(live, records[:6]))
    before = session.messages(0)
    assert {m.security.verdict for m in before if m.security} == {"no-key"}
    session.set_keys(KeyRing.from_options(ek="00" * 16, ak="00" * 16))
    session.arrived(Arrival(live, records[6:]))
    session.end_growth()
    assert session.messages(0) == list(Session(traces, session.keys).messages(0))
    assert session.diagnosis()[0].health == Session(traces, session.keys).diagnosis()[0].health


def test_findings_of_a_growing_trace_are_those_of_what_is_there() -> None:
    session, live = Session(), Trace("live", "live", [])
    session.arrived(Arrival(live, [request(1)]))
    known = session.diagnosis()
    assert session.diagnosis() is known
    session.arrived(Arrival(live, [Record(2, RR[:-2] + b"\0\x7e", "client")]))
    assert session.diagnosis() is not known
    assert session.diagnosis()[0].messages == 2


def test_a_long_growing_trace_is_cut_and_goes_on_when_wanted() -> None:
    session, live = Session(), Trace("live", "live", [])
    session.arrived(Arrival(live, [request(1)]))
    session._decoded[0].limit = 3
    for number in range(2, 9):
        session.arrived(Arrival(live, [request(number)]))
    assert (len(session.messages(0)), session.is_cut(0), len(session.traces[0])) == (3, True, 8)
    session.want_more(0)
    assert len(session.messages(0)) == 8


def test_two_screens_that_ask_at_once_get_one_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    session, made = thread(), []
    diagnose = module.diagnose_each
    monkeypatch.setattr(module, "diagnose_each", lambda *given: (made.append(1), diagnose(*given))[1])
    threads = [threading.Thread(target=session.diagnosis) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert made == [1]


def test_a_diagnosis_and_the_reading_of_a_text_stop_when_nobody_waits(tmp_path: Path) -> None:
    session, asked = thread(KeyRing()), []

    def stop() -> bool:
        asked.append(1)
        return len(asked) > 30

    with pytest.raises(StoppedError):
        session.diagnosis(stop)
    assert session.diagnosis()  # nothing of it was kept
    path = tmp_path / "long.log"
    path.write_text("TX: 7E A0 07 03 21 93 0F 01 7E\n" * 1000)
    with pytest.raises(StoppedError), until(lambda: True):
        open_traces(str(path))
    text = path.read_bytes()
    with pytest.raises(StoppedError), until(lambda: True):
        read_input(text, "long.log")


def test_the_messages_of_a_long_trace_are_counted_before_all_are_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numpy")
    monkeypatch.setattr(module, "MANY", 100)
    dump = Trace("dump", "dump.bin", [Record(1, RR * 300)])
    session = Session([long_trace(130), long_trace(99), dump])
    assert [session.is_worth_counting(index) for index in range(3)] == [True, False, True]
    for index in (0, 2):
        session.count(index)
    assert [session.expected(index) for index in range(3)] == [130, None, 300]
    assert not session.is_worth_counting(0)
    assert [len(session.messages(index)) for index in (0, 2)] == [130, 300]
    with pytest.raises(StoppedError):
        session.count(0, lambda: True)
    session.set_keys(KeyRing())
    monkeypatch.setattr(module, "PATIENCE", -1.0)
    session.count(0)
    assert session.expected(0) is None, "it was given up"
