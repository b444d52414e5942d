"""Long values in blocks, joined to what they carry."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.decoding import decode
from analyzer.report.values import values_of
from analyzer.tree import tree_of
from tests.support import CLIENT, GET_CLOCK, METER, Conversation, Station, diagnosed, keys

ROW = "02020906%s06%08X"
VALUE = bytes.fromhex("0103" + "".join(ROW % (obis, n) for n, obis in enumerate(
    ("0100010800FF", "0100020800FF", "0100030800FF"), 1)))  # fmt: skip
PLAIN = [[["0100010800FF", 1], ["0100020800FF", 2], ["0100030800FF", 3]]]


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[n : n + size] for n in range(0, len(data), size)]


def block(number: int, last: bool, data: bytes) -> bytes:
    return bytes([last]) + number.to_bytes(4, "big") + bytes([len(data)]) + data


def gbt(number: int, last: bool, data: bytes, acknowledged: int = 0) -> bytes:
    head = bytes([0xE0, last << 7 | (not last) << 6 | 1]) + number.to_bytes(2, "big") + acknowledged.to_bytes(2, "big")
    return head + bytes([len(data)]) + data


def got(size: int = 14, value: bytes = VALUE) -> Conversation:
    talk, parts = Conversation("wrapper").request(GET_CLOCK), cut(value, size)
    for number, part in enumerate(parts, 1):
        last = number == len(parts)
        head = bytes.fromhex("C402C1") + bytes([last]) + number.to_bytes(4, "big") + b"\x00" + bytes([len(part)])
        talk.reply(head + part)
        if not last:
            talk.request(bytes.fromhex("C002C1") + number.to_bytes(4, "big"))
    return talk


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 60))
def test_get(size: int) -> None:
    messages = list(decode(got(size).trace()))
    assert values_of(messages[-1]) == PLAIN
    assert [values_of(m) for m in messages[:-1]] == [[]] * (len(messages) - 1)
    assert not [n for n in tree_of(messages[-1]).walk() if n.error]
    assert diagnosed(got(size)).findings == ()


def test_get_with_list() -> None:
    value = bytes.fromhex("020006000000070104")
    assert values_of(list(decode(got(3, value).trace()))[-1]) == [7]


@pytest.mark.parametrize(
    ("first", "following"),
    [("C102C100080000010000FF0200", "C103C1"), ("C304C100080000010000FF01", "C306C1")],
    ids=["set", "action"],
)
def test_set_and_action(first: str, following: str) -> None:
    talk, parts = Conversation("wrapper"), cut(VALUE, 20)
    for number, part in enumerate(parts, 1):
        head = bytes.fromhex(first if number == 1 else following)
        talk.request(head + block(number, number == len(parts), part))
    assert values_of(list(decode(talk.trace()))[-1]) == PLAIN


def test_action_response_and_read_response() -> None:
    talk = Conversation("wrapper")
    for number, part in enumerate(cut(VALUE, 20), 1):
        talk.reply(bytes.fromhex("C702C1") + block(number, number == 3, part))
    assert values_of(list(decode(talk.trace()))[-1]) == PLAIN
    talk, parts = Conversation("wrapper"), cut(b"\x01\x00" + VALUE, 20)
    for number, part in enumerate(parts, 1):
        head = bytes([0x0C, 1, 2, number == len(parts)]) + number.to_bytes(2, "big")
        talk.reply(head + bytes([len(part)]) + part)
    assert values_of(list(decode(talk.trace()))[-1]) == PLAIN


def transferred(order: list[int], size: int = 20) -> Conversation:
    apdu = bytes.fromhex("C401C100") + VALUE
    parts = cut(apdu, size)
    talk = Conversation("wrapper").request(GET_CLOCK)
    for number in order:
        talk.reply(gbt(number, number == len(parts), parts[number - 1]))
    return talk


@pytest.mark.parametrize("order", [[1, 2, 3], [1, 1, 2, 2, 3], [1, 3, 2], [1, 3, 1, 2, 3]], ids=str)
def test_general_block_transfer(order: list[int]) -> None:
    messages = list(decode(transferred(order).trace()))
    assert PLAIN in [values_of(m) for m in messages]
    assert diagnosed(transferred(order)).health == "ok"


def test_a_block_that_never_comes() -> None:
    found = diagnosed(transferred([1, 3]))
    assert found.findings[0].code == "gbt-block-error"
    assert "block 2 never came" in found.findings[0].evidence[0]
    assert PLAIN not in [values_of(m) for m in decode(transferred([1, 3]).trace())]


def test_a_capture_from_the_middle_joins_nothing() -> None:
    assert [values_of(m) for m in decode(transferred([2, 3]).trace())] == [[], [], []]


def test_ciphered_blocks_and_a_ciphered_apdu_in_blocks() -> None:
    meter = Station(METER)
    talk, parts = Conversation("wrapper"), cut(VALUE, 20)
    for number, part in enumerate(parts, 1):
        head = bytes.fromhex("C402C1") + bytes([number == 3]) + number.to_bytes(4, "big") + b"\x00" + bytes([len(part)])
        talk.reply(meter.seal(head + part))
    sealed = meter.seal(bytes.fromhex("C401C100") + VALUE)
    for number, part in enumerate(cut(sealed, 30), 1):
        talk.reply(gbt(number, number == len(cut(sealed, 30)), part))
    ring = keys(client_title=CLIENT.hex(), server_title=METER.hex())
    messages = list(decode(talk.trace(), ring))
    assert values_of(messages[2]) == PLAIN and values_of(messages[-1]) == PLAIN
    assert messages[-1].security is not None and messages[-1].security.verdict == "verified"
    assert [b.how for b in messages[-1].buffers] == ["reassembled", "decrypted"]


def test_a_transfer_that_never_ends_is_bounded() -> None:
    from analyzer.blocks import LONGEST, Block, Transfers
    from analyzer.model import Span
    from grammars.kit.spec import Spec

    transfers, spec = Transfers(), Spec("block")
    for number in range(1, 300):
        assert transfers.add("key", Block(number, False, (spec, 0, 0, bytes(65536))), Span(0, 0, 0)) is None
    assert sum(t.size for t in transfers._open.values()) <= LONGEST
