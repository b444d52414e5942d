"""Framing and deviant data: what a review proved to be read wrongly, and how it should be read."""

import pytest
from support import diagnosed, frame, wrapped
from test_power_line import GET

from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.model import Record, Trace
from grammars.apdu import APDU
from grammars.kit.spec import find_int, find_octets
from grammars.parse import parse

LETTERS = bytes.fromhex("0F40000001 00 09 10 000102030405060708090A0B0C0D0E0F")
DESCRIBED = (
    "0F 00000001 00 0202 1601 0103 0202 0001 00002A0000FF 02 0909454744303132333435"
    "0202 0003 0100010700FF 02 06 00000003 0202 0003 0100010800FF 02 06 {energy}"
)


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


def described(energy: str = "00000008") -> bytes:
    return octets(DESCRIBED.format(energy=energy))


def trace(*records: bytes) -> Trace:
    return Trace("t", "t", tuple(Record(number, data) for number, data in enumerate(records, 1)))


def messages(*records: bytes) -> list[Message]:
    return list(decode(trace(*records)))


def found(*records: bytes) -> list[tuple[str, str]]:
    return [(finding.code, finding.severity) for finding in diagnosed(trace(*records)).findings]


def pushed(apdu: bytes) -> Message:
    (message,) = messages(wrapped(apdu, 1, 16))
    return message


def test_a_bare_push_that_is_cut_off_is_no_wrapper_of_another_length() -> None:
    """00 01 stands in most pushes: a class, an OBIS code. Proven errors come of it: wrapper length, DLMS version."""
    rows = "".join(f"0202 0001 00{n:02X}60030AFF 03 1601" for n in range(20))
    cut = octets(f"0F00000001 00 0202 1601 0114 {rows}")[:-1]
    assert not {code for code, _ in found(cut)} & {"wrapper-length-wrong", "dlms-version-wrong"}
    assert not any(m.frames[0].framing == "wrapper" for m in messages(cut))


def test_two_bare_pushes_in_one_record_are_no_wrapper() -> None:
    assert not any(m.frames[0].framing == "wrapper" for m in messages(LETTERS + LETTERS))


def test_the_beginning_of_the_next_frame_is_not_taken_for_octets_behind_an_apdu() -> None:
    follows = frame(0x10, b"\xe6\xe6\0" + GET)
    read = messages(LETTERS + follows[:3], follows[3:])
    assert [m.apdu for m in read] == ["data-notification", "get-request"]


def test_a_line_of_text_is_no_ciphered_apdu() -> None:
    assert not any(m.layer for m in messages(b"- Meter 7 is connected now, fine!!"))


def test_octets_that_only_begin_as_a_line_frame_eat_no_hdlc_frames() -> None:
    good = frame(0x10, b"\xe6\xe6\0" + GET)
    read = messages(octets("AABB 6C6C 0102030405") + good * 4)
    assert [m.frames[0].framing for m in read].count("hdlc") == 4


def test_llc_of_prime_in_a_stream() -> None:
    one = b"\x90\x01\x10" + GET
    assert [m.apdu for m in messages(one[:6], one[6:])] == ["get-request"]


@pytest.mark.parametrize("energy", ["09000008", "0938A4B1"])
def test_a_register_that_begins_with_09_is_a_number_in_an_untagged_push_too(energy: str) -> None:
    """From 150,994,944 to 167,772,159 Wh the whole push cannot be read: 06 09 is always taken for swapped octets."""
    parsed = parse(APDU, described(energy))
    assert parsed.whole and not any(issue.severity == "error" for issue in parsed.issues)


def test_a_register_that_begins_with_09_beside_swapped_codes() -> None:
    body = "0102 0202 0609 01001F0700FF 06 09000001 0202 0906 0100020700FF 06 00000002"
    parsed = parse(APDU, octets("0F40000001 00" + body))
    assert parsed.whole and not any(issue.severity == "error" for issue in parsed.issues)


def test_an_untagged_push_that_is_cut_off_is_read_as_far_as_it_goes() -> None:
    parsed = parse(APDU, described()[:-3])
    assert find_octets(parsed.nodes, "instance_id") == octets("00002A0000FF")


def test_an_untagged_push_with_octets_behind_it() -> None:
    assert find_int(parse(APDU, described() + b"\0\0").nodes, "class_id") == 1


def test_a_null_and_padding_are_no_attribute_descriptor() -> None:
    """An ordinary structure of null and octet-string with two octets behind it: class 9, 8-1:2.3.4*5 is claimed."""
    parsed = parse(APDU, octets("0F40000001 00 0202 00 0908 0102030405060902 0000"))
    assert find_int(parsed.nodes, "class_id") is None
    assert find_octets(parsed.nodes, "octet-string") == octets("0102030405060902")


def test_a_date_time_with_its_tag_25_before_it() -> None:
    parsed = parse(APDU, octets("0F40000001 19 07E60B03040F2619FFFFC400 06 00001234"))
    assert parsed.whole and find_int(parsed.nodes, "double-long-unsigned") == 0x1234


@pytest.mark.parametrize("apdu", ["C401C100 09 8103 414243", "C401C100 09 80", "C401C100 02 820001 1101"])
def test_lengths_that_are_not_minimal_have_a_remark(apdu: str) -> None:
    assert [issue.severity for issue in parse(APDU, octets(apdu)).issues] == ["info"]


def test_apdus_without_framing_one_after_the_other_and_cut_anywhere() -> None:
    stream = LETTERS + b"\x90\x01\x10" + GET + LETTERS
    assert [m.apdu for m in messages(stream)] == ["data-notification", "get-request", "data-notification"]
    for cut in range(13, len(LETTERS)):
        assert [m.apdu for m in messages(LETTERS[:cut], LETTERS[cut:])] == ["data-notification"], cut


def test_an_apdu_that_is_cut_off_says_so_and_is_read_as_far_as_it_goes() -> None:
    (message,) = messages(described()[:-3])
    assert message.apdu == "data-notification" and message.frames[0].issues[0].code == "apdu-cut"
    assert "apdu-cut" in {code for code, _ in found(described()[:-3])}
