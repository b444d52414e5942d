"""What is found equal before trees are made changes nothing of what a comparison says."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.alike import same_groups
from analyzer.comparison import diff
from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.model import Record
from analyzer.tree import tree_of
from tests.support import CLIENT, METER, Station, ciphered, frame, keys, plain, thread

LATER = ciphered("hdlc", Station(CLIENT, counter=40), Station(METER, counter=70))
TALKS = [
    ciphered().records,
    LATER.records,
    plain("hdlc", 4).records,
    plain("wrapper", 4).records,
    plain("none").records,
]


def checked(a: list[Message], b: list[Message]) -> None:
    """The comparison is the one that is made of whole trees."""
    found = diff(a, b)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("analyzer.comparison.same_groups", lambda a, b: frozenset())
        assert diff(a, b) == found


def test_of_an_answer_with_another_value_the_rest_is_left_out() -> None:
    one, other = (
        next(decode([Record(1, frame(0x30, bytes.fromhex(f"E6E700C401810006000000{n:02X}")), "meter")])) for n in (1, 2)
    )
    same = same_groups(one, other)
    whole, bare = (list(tree.walk()) for tree in (tree_of(one), tree_of(one, same)))
    assert len(bare) < len(whole) * 0.7
    names = [node.name for node in bare]
    assert "double-long-unsigned" in names and "send_sequence_number" not in names
    assert {(n.name, n.start, n.end) for n in bare} < {(n.name, n.start, n.end) for n in whole}
    checked([one], [other])


def test_groups_around_another_layer_stay_whole() -> None:
    one, other = (list(decode(talk.trace(), keys())) for talk in (ciphered(), LATER))
    for a, b in zip(one, other, strict=True):
        same = same_groups(a, b)
        names = {node.name for node in tree_of(a, same).walk()}
        assert a.plain_apdu is None or a.plain_apdu in names


def test_a_remark_on_one_layer_may_stand_in_another() -> None:
    """The length of the wrapper is too long: that is said where its octets would be, in the APDU."""
    bare = bytes.fromhex("000100010010000D") + bytes.fromhex("C001C100080000010000FF0200")
    long = bare.replace(b"\x00\x0d", b"\x00\x2d")
    checked(*(list(decode([Record(1, octets, "client")])) for octets in (bare, long)))


def test_the_thread() -> None:
    (_, manufacturer), (_, mine) = thread()
    checked(manufacturer, mine)
    checked(mine, manufacturer)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_damaged_traces(data: st.DataObject) -> None:
    chosen = st.sampled_from(TALKS)
    records, others = data.draw(chosen), data.draw(chosen)
    made = [Record(record.number, record.data, record.direction) for record in others]
    for _ in range(data.draw(st.integers(0, 3))):
        number = data.draw(st.integers(0, len(made) - 1))
        octets = bytearray(made[number].data)
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
        made[number] = replace(made[number], data=bytes(octets))
    checked(list(decode(records, keys())), list(decode(made, keys())))
