"""The decoder that is fed: the same messages as from all records at once, each with the record that completes it."""

from __future__ import annotations

import threading

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.decoding import decode
from analyzer.fed import Fed
from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.model import Record
from tests.support import CLOCK, GET_CLOCK, ROOT, wrapped

THREAD = ROOT / "captures/gurux-forum-2017/thread.log"
KEYS = KeyRing.from_options(ek="00" * 16, ak="00" * 16)
REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)


def test_the_same_messages_as_all_at_once() -> None:
    for trace in open_traces(str(THREAD)):
        fed = Fed(KEYS)
        made = [message for record in trace for message in fed.feed(record)]
        made += fed.end()
        assert made == list(decode(trace, KEYS))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["client", "meter", "unknown"]), st.binary(max_size=40)), max_size=12))
def test_the_same_for_any_octets(chunks) -> None:
    records = [Record(number, data, direction) for number, (direction, data) in enumerate(chunks, 1)]
    fed = Fed()
    assert [m for record in records for m in fed.feed(record)] + fed.end() == list(decode(records))


def test_a_message_comes_with_the_record_that_completes_it() -> None:
    fed = Fed()
    assert fed.feed(Record(1, REQUEST[:9], "client")) == []
    (message,) = fed.feed(Record(2, REQUEST[9:], "client"))
    assert message.wire == REQUEST
    assert [m.wire for m in fed.feed(Record(3, ANSWER, "meter"))] == [ANSWER]
    assert fed.feed(Record(4, REQUEST[:9], "client")) == []
    assert [m.wire for m in fed.end()] == [REQUEST[:9]]
    assert fed.end() == []
    (late,) = fed.feed(Record(5, REQUEST, "client"))
    assert (late.wire, late.number) == (REQUEST, 4)


def test_keys_that_were_agreed_before_an_end_still_serve() -> None:
    trace = open_traces(f"{THREAD}#1")[0]
    fed, made = Fed(KEYS), []
    for record in trace:
        made += fed.feed(record) + fed.end()
    assert [m.security and m.security.verdict for m in made] == [
        m.security and m.security.verdict for m in decode(trace, KEYS)
    ]


def test_many_conversations_need_no_threads() -> None:
    before = threading.active_count()
    every = [Fed() for _ in range(300)]
    for fed in every:
        assert fed.feed(Record(1, REQUEST[:9], "client")) == []
    made = [fed.feed(Record(2, REQUEST[9:], "client")) for fed in every]
    assert [[m.wire for m in one] for one in made] == [[REQUEST]] * 300
    assert threading.active_count() == before
