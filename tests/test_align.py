"""Pairing of messages: order, likeness, long traces, and that it does not matter which side comes first."""

import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.align import Key, Pairing, align_keys, key_of
from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.model import Record
from tests.support import CLIENT, GET_CLOCK, METER, Station, ciphered, keys, plain, thread


def get(target: str) -> Key:
    return ("client", "I", "get-request", target)


SNRM: Key = ("client", "SNRM", "", "")
UA: Key = ("meter", "UA", "", "")
ANSWER: Key = ("meter", "I", "get-response", "")
SET: Key = ("client", "I", "set-request", "x")


def align(a: list[Message], b: list[Message]) -> Pairing:
    return align_keys([key_of(message) for message in a], [key_of(message) for message in b])


def matched(pairs: Pairing) -> list[tuple[int, int]]:
    return [(i, j) for i, j in pairs if i is not None and j is not None]


def in_order(pairs: Pairing, a: list[Key], b: list[Key]) -> bool:
    left, right = [i for i, _ in pairs if i is not None], [j for _, j in pairs if j is not None]
    return left == list(range(len(a))) and right == list(range(len(b)))


def test_keys_of_messages() -> None:
    (_, manufacturer), (_, mine) = thread()
    assert key_of(manufacturer[0]) == ("client", "SNRM", "", "")
    assert key_of(manufacturer[2]) == key_of(mine[2]) == ("client", "I", "aarq", "")
    assert key_of(manufacturer[6]) == ("client", "I", "get-request", "1-0:0.2.8*255 2")
    assert key_of(manufacturer[4]) == ("client", "I", "action-request", "0-0:40.0.0*255 1")


def test_protection_makes_no_difference() -> None:
    opened = list(decode(ciphered("wrapper", Station(CLIENT), Station(METER)).trace(), keys()))
    bare = list(decode(plain("wrapper", 3).trace()))
    pairs = matched(align(opened, bare))
    names = [(opened[i].plain_apdu, bare[j].apdu) for i, j in pairs if bare[j].apdu.startswith("get")]  # type: ignore
    assert names == [("get-request", "get-request"), ("get-response", "get-response")] * 3


def test_a_request_of_another_object_has_no_better_partner() -> None:
    a = [get("clock"), ANSWER, get("register"), ANSWER]
    b = [get("clock"), ANSWER, get("profile"), ANSWER]
    assert align_keys(a, b) == [(n, n) for n in range(4)]


def test_of_two_candidates_the_same_object_is_taken() -> None:
    a = [get("register"), ANSWER]
    b = [get("clock"), ANSWER, get("register"), ANSWER]
    assert align_keys(a, b) == [(None, 0), (None, 1), (0, 2), (1, 3)]


def test_frames_of_the_link_face_frames_of_their_kind_alone() -> None:
    assert align_keys([SNRM], [("client", "DISC", "", "")]) == [(0, None), (None, 0)]
    assert align_keys([SNRM], [UA]) == [(0, None), (None, 0)]
    assert align_keys([SNRM], [("unknown", "SNRM", "", "")]) == [(0, 0)]


def test_client_and_meter_never_face_each_other() -> None:
    assert align_keys([get("x")], [("meter", "I", "get-request", "x")]) == [(0, None), (None, 0)]


@pytest.mark.parametrize("framing", ["wrapper", "none"])
def test_another_framing_still_carries_the_same_messages(framing: str) -> None:
    a, b = list(decode(plain("hdlc").trace())), list(decode(plain(framing).trace()))
    pairs = align(a, b)
    assert [a[i].apdu for i, j in pairs if i is not None and j is not None] == [m.apdu for m in b]
    assert [a[i].frame for i, j in pairs if i is not None and j is None] == ["SNRM", "UA", "DISC", "UA"]


def test_senders_that_one_log_does_not_tell() -> None:
    talk = plain("none")
    a = list(decode(talk.trace()))
    b = list(decode([Record(r.number, r.data, "unknown") for r in talk.records]))
    assert matched(align(a, b)) == [(n, n) for n in range(len(a))]


def test_nothing_and_noise() -> None:
    assert align([], []) == []
    assert align_keys([SNRM, UA], []) == [(0, None), (1, None)]
    noise: list[Message] = list(decode([Record(1, bytes(range(256)), "client"), Record(2, GET_CLOCK, "unknown")]))
    pairs = align(noise, list(decode(plain().trace())))
    assert [i for i, _ in pairs if i is not None] == list(range(len(noise)))


keyed = st.lists(
    st.sampled_from([*(get(t) for t in "ab"), SET, ANSWER, SNRM, UA, ("unknown", "none", "get-request", "a")]),
    max_size=14,
)


@settings(max_examples=300, deadline=None)
@given(keyed, keyed)
def test_every_message_once_and_either_side_first(a: list[Key], b: list[Key]) -> None:
    pairs = align_keys(a, b)
    assert in_order(pairs, a, b)
    assert sorted(matched(align_keys(b, a))) == sorted((j, i) for i, j in matched(pairs))
    for i, j in matched(pairs):
        assert a[i][0] == b[j][0] or "unknown" in (a[i][0], b[j][0])
    assert align_keys(a, a) == [(n, n) for n in range(len(a))]


def conversation(messages: int) -> list[Key]:
    """Seven objects read in turn, over and over: nothing in it is unique."""
    return [key for n in range(messages // 2) for key in (get(f"object {n % 7}"), ANSWER)]


LONG = conversation(100_000)
CHANGES = {
    "one in a thousand lost": ([k for n, k in enumerate(LONG) if n % 1000 != 5], 99_900),
    "three thousand lost in the middle": (LONG[:40_000] + LONG[43_000:], 97_000),
    "one in a hundred changed": ([SET if n % 100 == 0 else k for n, k in enumerate(LONG)], 99_000),
    "the head lost": (LONG[14:], 99_986),
}


@pytest.mark.parametrize("change", CHANGES)
def test_long_traces(change: str) -> None:
    b, equal = CHANGES[change]
    begun = time.process_time()
    pairs = align_keys(LONG, b)
    assert time.process_time() - begun < 4  # seconds; it takes 0.1 to 0.5
    assert in_order(pairs, LONG, b)
    assert sum(LONG[i] == b[j] for i, j in matched(pairs)) == equal


def test_long_traces_of_messages_that_occur_once() -> None:
    a = [get(str(n)) for n in range(20_000)]
    b = a[:7_000] + a[7_900:15_000] + [SET] + a[15_000:]
    assert sum(a[i] == b[j] for i, j in matched(align_keys(a, b))) == 19_100


def test_memory_does_not_grow_with_the_product() -> None:
    other = [("client", "I", "action-request", "y"), ("meter", "I", "action-response", "")] * 1_500
    tracemalloc.start()
    pairs = align_keys(LONG[:3_000], other)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert in_order(pairs, LONG[:3_000], other)
    assert peak < 20e6  # octets; a table of 3,000 by 3,000 takes 72 MB
