"""Differences that two healthy runs also show, and those beside them that matter."""

import pytest

from analyzer.comparison import diff
from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.model import Record
from grammars import p1
from tests.support import (
    CLIENT,
    CLOCK,
    CTOS,
    GET_CLOCK,
    INITIATE_REQUEST,
    INITIATE_RESPONSE,
    METER,
    STOC,
    Conversation,
    Station,
    aare,
    aarq,
    frame,
    keys,
    plain,
)
from tests.test_diff import by_name, matter, messages

GET_REGISTER = bytes.fromhex("C001C100030100010800FF0200")
GET_DATA = bytes.fromhex("C001C100010000600100FF0200")
REGISTER = bytes.fromhex("C401C10006000012C8")


def healthy(
    draw: int,
    *,
    invoke_id: int = 1,
    second: int = 15,
    register: int = 0x12C8,
    ctos: bytes = CTOS,
    stoc: bytes = STOC,
    dedicated: bytes | None = None,
) -> Conversation:
    """A healthy ciphered exchange: HLS GMAC, clock and register read. `draw` is where its counters begin."""
    client, meter = Station(CLIENT, counter=draw), Station(METER, counter=2 * draw)
    number = bytes([0xC0 | invoke_id])
    initiate = INITIATE_REQUEST
    if dedicated:
        initiate = b"\x01\x01\x10" + dedicated + INITIATE_REQUEST[2:]
    talk = Conversation().connect()
    talk.request(aarq(client.seal(initiate), context=3, mechanism=5, challenge=ctos, title=CLIENT))
    answer = meter.seal(INITIATE_RESPONSE)
    talk.reply(aare(answer, context=3, diagnostic=14, mechanism=5, challenge=stoc, title=METER))
    client.dedicated = meter.dedicated = dedicated
    pass_3 = b"\xc3\x01" + number + bytes.fromhex("000F0000280000FF01010911") + client.proof(stoc)
    pass_4 = b"\xc7\x01" + number + bytes.fromhex("0001000911") + meter.proof(ctos)
    talk.request(client.seal(pass_3)).reply(meter.seal(pass_4))
    clock = CLOCK.replace(bytes.fromhex("0A1E0F"), bytes([0x0A, 0x1E, second]))
    value = REGISTER[:5] + register.to_bytes(4, "big")
    for request, reply in ((GET_CLOCK, clock), (GET_REGISTER, value)):
        talk.request(client.seal(request[:2] + number + request[3:]))
        talk.reply(meter.seal(reply[:2] + number + reply[3:]))
    return talk.close()


def test_two_healthy_runs_differ_in_what_is_expected_alone() -> None:
    later = healthy(900, invoke_id=7, second=59, register=0x1300, ctos=b"8octets!", stoc=b"8 other.")
    one, two = messages(healthy(3), keys()), messages(later, keys())
    assert all(m.security is None or m.security.verdict == "verified" for m in one + two)
    assert [inner.verdict for m in two if m.security for inner in m.security.inner] == ["verified"] * 2
    result = diff(one, two)
    assert matter(one, two) == []
    assert result.first_divergence is None
    assert [p.status for p in result.pairs] == ["same"] * 2 + ["expected"] * 8 + ["same"] * 2
    names = {f.path.rpartition(".")[2] for p in result.pairs for f in p.fields}
    assert {"charstring", "invocation_counter", "ciphered_text", "authentication_tag", "invoke_id"} <= names
    assert {"octet-string", "double-long-unsigned", "frame_check_sequence"} <= names
    assert all(f.why and f.a is not None and f.b is not None for p in result.pairs for f in p.fields)


def test_dedicated_keys_are_drawn() -> None:
    one, two = (messages(healthy(n, dedicated=bytes([n] * 16)), keys()) for n in (5, 50))
    assert [m.plain_apdu for m in one][6:10] == ["get-request", "get-response"] * 2
    result = diff(one, two)
    assert matter(one, two) == []
    field = by_name(result.pairs[2].fields, "expected")["dedicated_key"]
    assert field.why == "a dedicated key is random"
    none = messages(healthy(5), keys())
    paths = [path.rpartition("initiate-request.")[2] for path, _, _ in matter(none, one)]
    assert {"dedicated_key", "apdu"} <= set(paths)  # ded- instead of glo-
    assert not any(path.startswith("information.glo-get") for path in paths)  # and inside all is the same


def test_a_challenge_of_another_length_matters() -> None:
    one, two = messages(healthy(1), keys()), messages(healthy(1, ctos=b"0123456789abcdef"), keys())
    path = "information.aarq.calling_authentication_value.charstring.length"
    assert matter(one, two) == [(path, "8 octets", "16 octets")]


def test_a_password_is_no_challenge() -> None:
    one, two = (
        messages(Conversation().connect().request(aarq(INITIATE_REQUEST, mechanism=1, challenge=secret)))
        for secret in (b"12345678", b"87654321")
    )
    assert [path.rpartition(".")[2] for path, _, _ in matter(one, two)] == ["charstring"]


def test_a_proof_that_fails_matters() -> None:
    good = healthy(3)
    wrong = Conversation()
    wrong.records = list(good.records)
    station = Station(CLIENT, counter=4)
    pass_3 = bytes.fromhex("C301C1000F0000280000FF01010911") + station.proof(b"no such challenge")
    wrong.records[4] = Record(5, frame(0x32, bytes.fromhex("E6E600") + station.seal(pass_3)), "client")
    found = matter(messages(good, keys()), messages(wrong, keys()))
    assert ("security.hls.verdict", "verified", "failed") in found


def read(request: bytes, *replies: bytes) -> list[Message]:
    """An exchange without protection: the same request, answered each time otherwise."""
    talk = Conversation().connect().request(aarq(INITIATE_REQUEST)).reply(aare(INITIATE_RESPONSE))
    for reply in replies:
        talk.request(request).reply(reply)
    return messages(talk)


def test_clocks_go_on() -> None:
    later = CLOCK.replace(bytes.fromhex("0A1E0F"), bytes.fromhex("0B0203"))
    result = diff(read(GET_CLOCK, CLOCK), read(GET_CLOCK, later))
    assert result.first_divergence is None and result.pairs[-1].status == "expected"


@pytest.mark.parametrize(
    ("request_", "one", "two", "status"),
    [
        (GET_REGISTER, REGISTER, REGISTER[:5] + b"\0\0\x99\x99", "expected"),
        (GET_DATA, REGISTER, REGISTER[:5] + b"\0\0\x99\x99", "different"),  # a setting may be what matters
        (GET_REGISTER, REGISTER, bytes.fromhex("C401C1001212C8"), "different"),  # another type
        (GET_REGISTER, REGISTER, bytes.fromhex("C401C10103"), "different"),  # refused
        (GET_DATA, bytes.fromhex("C401C1000902AABB"), bytes.fromhex("C401C1000902AABC"), "different"),
        (GET_DATA, bytes.fromhex("C401C100010111 05".replace(" ", "")), bytes.fromhex("C401C1000102 11051106"), "different"),
    ],
)  # fmt: skip
def test_values_that_were_read(request_: bytes, one: bytes, two: bytes, status: str) -> None:
    a, b = read(request_, one), read(request_, two)
    assert diff(a, b).pairs[-1].status == diff(b, a).pairs[-1].status == status


def test_an_element_more_makes_an_index_and_a_count() -> None:
    a, b = (read(GET_DATA, bytes.fromhex(f"C401C100{data}")) for data in ("01011105", "010211051106"))
    fields = diff(a, b).pairs[-1].fields
    alone = [f for f in fields if f.status == "different"]
    assert [(f.path.rpartition(".")[2], f.a, f.b) for f in alone] == [("unsigned[2]", None, "6")]
    assert by_name(fields, "expected")["count"].why == "follows from another difference"


def blocks(value: bytes, sizes: tuple[int, int] = (10, 99)) -> list[Message]:
    """A profile read in two blocks."""
    talk = Conversation("wrapper").request(bytes.fromhex("C001C100070100630100FF0200"))
    for number, part in enumerate((value[: sizes[0]], value[sizes[0] :]), 1):
        head = bytes.fromhex("C402C1") + bytes([number == 2]) + number.to_bytes(4, "big") + b"\x00"
        talk.reply(head + bytes([len(part)]) + part)
        if number == 1:
            talk.request(bytes.fromhex("C002C100000001"))
    return messages(talk)


def test_values_in_blocks_are_compared_where_they_are_whole() -> None:
    row = "01010202090C07E80B1A040A{:02X}0000FFC480{}"
    first, later = (bytes.fromhex(row.format(*row_)) for row_ in ((30, "0600000007"), (45, "0600000009")))
    result = diff(blocks(first), blocks(later))
    assert [p.status for p in result.pairs] == ["same", "same", "same", "expected"]
    result = diff(blocks(first, (17, 99)), blocks(later, (17, 99)))
    assert [p.status for p in result.pairs] == ["same", "expected", "same", "expected"]
    assert "compared there" in result.pairs[1].fields[0].why
    other_type = bytes.fromhex(row.format(45, "0903000009"))
    found = matter(blocks(first, (17, 99)), blocks(other_type, (17, 99)))
    assert sorted(path.rpartition(".")[2] for path, _, _ in found) == ["double-long-unsigned", "octet-string[2]"]
    cut_off = blocks(first, (17, 99))[:2], blocks(later, (17, 99))[:2]
    assert [p.rpartition(".")[2] for p, _, _ in matter(*cut_off)] == [
        "raw-data"
    ]  # no block follows: nothing is certain


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"1-0:1.8.1(000124.000*kWh)", "expected"),
        (b"1-0:1.8.1(000124.00*kWh)", "different"),
        (b"1-0:1.8.1(000124.000*kW)", "different"),
        (b"1-0:1.8.2(000123.456*kWh)", "different"),
    ],
)
def test_p1_telegrams(line: bytes, status: str) -> None:
    def telegram(time: bytes, reading: bytes) -> list[Message]:
        text = b"/KFM5KAIFA\r\n\r\n0-0:1.0.0(" + time + b")\r\n" + reading + b"\r\n0-0:96.14.0(0002)\r\n!"
        return list(decode([Record(1, text + b"%04X\r\n" % p1.crc16_arc(text), "unknown")]))

    one, two = telegram(b"101209112500W", b"1-0:1.8.1(000123.456*kWh)"), telegram(b"101209113500W", line)
    (pair,) = diff(one, two).pairs
    assert pair.status == status
    assert {"value", "crc"} <= by_name(pair.fields, "expected").keys()


def test_pushes() -> None:
    push = "0F{:08X}0C07E80B1A040A1E{:02X}00FFC4800202090601000108{:02X}FF06{:08X}"
    one, two, three = (
        list(decode([Record(1, bytes.fromhex(push.format(*values)), "meter")]))
        for values in ((1, 1, 0, 70), (2, 31, 0, 90), (2, 31, 1, 90))
    )
    assert diff(one, two).pairs[0].status == "expected"
    assert [path.rpartition(".")[2] for path, _, _ in matter(one, three)] == ["octet-string"]


def test_link_numbers_shift_behind_a_gap() -> None:
    head = [GET_CLOCK, GET_REGISTER, GET_CLOCK]
    one, two = Conversation().connect(), Conversation().connect()
    for request in head:
        one.request(request).reply(REGISTER if request == GET_REGISTER else CLOCK)
        if request != GET_REGISTER:
            two.request(request).reply(CLOCK)
    result = diff(messages(one), messages(two))
    assert [p.status for p in result.pairs] == ["same"] * 4 + ["only-a"] * 2 + ["expected"] * 2
    first = result.first_divergence
    assert first is not None and (first.a, first.b) == (5, None)
    assert by_name(result.pairs[-1].fields, "expected")["send_sequence_number"].why.startswith("link numbers, shifted")


def test_a_link_number_out_of_step_matters() -> None:
    one, two = plain(), plain()
    two.records[4] = Record(5, frame(0x36, bytes.fromhex("E6E600") + GET_CLOCK), "client")  # N(S) 3 instead of 1
    assert matter(messages(one), messages(two)) == [("control.send_sequence_number", "1", "3")]


def test_captures_may_begin_in_the_middle_of_a_link() -> None:
    one, two = Conversation(), Conversation()
    two.sent = [5, 2]
    for talk in (one, two):
        talk.request(GET_CLOCK).reply(CLOCK).request(GET_CLOCK).reply(CLOCK)
    result = diff(messages(one), messages(two))
    assert {p.status for p in result.pairs} == {"expected"}


def test_a_wrong_check_matters_and_a_check_over_other_octets_does_not() -> None:
    one, two = plain(), plain()
    damaged = bytearray(two.records[4].data)
    damaged[-3] ^= 0xFF
    two.records[4] = Record(5, bytes(damaged), "client")
    found = by_name(diff(messages(one), messages(two)).pairs[4].fields)
    assert "frame_check_sequence" in found and found["frame_check_sequence"].why.startswith("wrong on one side")


def test_a_length_that_its_content_does_not_explain_matters() -> None:
    request = aarq(INITIATE_REQUEST)
    lying = request[:1] + bytes([request[1] + 2]) + request[2:]
    one, two = (messages(Conversation().request(apdu)) for apdu in (request, lying))
    assert any(path.endswith("length") for path, _, _ in matter(one, two))
