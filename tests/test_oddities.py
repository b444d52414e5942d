"""What meters and clients of the field write otherwise than the standard: read all the same, said plainly, never fatal."""

import pytest
from support import Conversation, diagnosed, frame, plain, tlv, wrapped

from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.model import Record
from analyzer.report.tree_text import render
from analyzer.report.values import values_of
from grammars.apdu import APDU
from grammars.kit.spec import find_int, find_octets, find_raw
from grammars.parse import Parsed, build, interpret, parse

INITIATE = bytes.fromhex("01000000065F1F0400007E1FFFFF")
CONTEXT = bytes.fromhex("060760857405080101")
PUSH = "0F 40000001"
TIME = "07E60B03 04 0F2619 FF FFC4 00"


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


def read(apdu: bytes) -> Parsed:
    """Parsed both ways, which agree."""
    parsed = parse(APDU, apdu)
    assert parsed == interpret(APDU, apdu)
    assert parsed.whole and not any(issue.severity == "error" for issue in parsed.issues)
    return parsed


def remarks(apdu: bytes) -> list[str]:
    return [issue.text for issue in read(apdu).issues]


def only(data: bytes) -> Message:
    (message,) = decode([Record(1, data)])
    return message


def pushed(body: str, time: str = "00") -> bytes:
    return octets(f"{PUSH} {time} {body}")


def codes(apdu: bytes) -> list[tuple[str, str, str]]:
    talk = Conversation("wrapper")
    talk.reply(apdu)
    diagnosis = diagnosed(talk)
    assert diagnosis.health == "ok"
    return [(f.code, f.severity, f.side) for f in diagnosis.findings]


def indefinite(tag: int, content: bytes) -> bytes:
    return bytes((tag, 0x80)) + content + b"\0\0"


# -- lengths ---------------------------------------------------------------------------------------------------


def test_indefinite_lengths_of_an_aarq() -> None:
    apdu = indefinite(0x60, indefinite(0xA1, CONTEXT) + indefinite(0xBE, b"\x04\x0e" + INITIATE))
    parsed = read(apdu)
    assert find_octets(parsed.nodes, "object_identifier") == CONTEXT[2:]
    assert [i.spec.name for i in parsed.issues] == ["aarq", "application_context_name", "user_information"]
    assert all("indefinite" in issue.text for issue in parsed.issues)
    message = only(wrapped(apdu, 16, 1))
    assert message.after.state == "requested" and message.layer_named("initiate-request") is not None
    assert build(APDU, parsed.nodes) == tlv(0x60, tlv(0xA1, CONTEXT) + tlv(0xBE, b"\x04\x0e" + INITIATE))


def test_an_indefinite_length_that_nothing_ends_goes_to_the_end() -> None:
    apdu = b"\x60\x80" + tlv(0xA1, CONTEXT) + tlv(0xBE, b"\x04\x0e" + INITIATE)
    assert find_octets(read(apdu).nodes, "user_information.octet_string") == INITIATE


def test_an_unknown_field_of_indefinite_length_is_kept_whole() -> None:
    odd = indefinite(0xA0, b"\x04\x01\x55")
    parsed = read(tlv(0x60, odd + tlv(0xA1, CONTEXT)))
    assert find_octets(parsed.nodes, "unknown_field") == odd
    assert find_octets(parsed.nodes, "object_identifier") == CONTEXT[2:]


def test_end_of_contents_is_not_looked_for_outside_the_field() -> None:
    apdu = tlv(0x60, tlv(0xA1, CONTEXT) + b"\xbe\x80\x04\x01\x55") + b"\0\0"
    assert [i.spec.name for i in read(apdu).issues] == ["user_information", "undecoded"]


@pytest.mark.parametrize("length", ["0F", "81 0F", "82 00 0F", "83 00 00 0F", "84 00 00 00 0F"])
def test_lengths_that_are_longer_than_they_need_be(length: str) -> None:
    apdu = octets("C401C100 09") + octets(length) + b"DLMSCOPE-LENGTH"
    assert find_octets(read(apdu).nodes, "octet-string") == b"DLMSCOPE-LENGTH"
    title = octets("A6") + octets(length.replace("0F", "0A")) + octets("04084D4D4D0000BC614E")
    parsed = read(tlv(0x60, tlv(0xA1, CONTEXT) + title))
    assert find_octets(parsed.nodes, "calling_ap_title.octet_string") == octets("4D4D4D0000BC614E")


# -- octets behind ---------------------------------------------------------------------------------------------


def test_octets_behind_an_apdu_are_kept_and_said() -> None:
    apdu = octets("C401C100060000123400 00")
    message = only(wrapped(apdu, 1, 16))
    assert values_of(message) == [0x1234]
    assert "2 octets not decoded" in render(message, False, 100)
    assert codes(apdu) == [("octets-behind-apdu", "info", "meter")]


def test_octets_behind_an_apdu_without_framing() -> None:
    message = only(octets("C401C100 0910 000102030405060708090A0B0C0D0E0F 0000"))
    assert message.apdu == "get-response" and message.layer is not None
    assert find_octets(message.layer.nodes, "undecoded") == b"\0\0"


def test_the_same_remark_comes_once_for_all_messages() -> None:
    talk = Conversation("wrapper")
    for _ in range(20):
        talk.reply(octets("C401C100060000123400"))
    (finding,) = diagnosed(talk).findings
    assert finding.evidence[-1] == "the same in messages 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 9 more"


# -- dates -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "name", "remark"),
    [
        ("0C", "date_time", None),
        ("09 0C", "tagged_date_time", None),
        ("0C 09", "swapped_date_time", "tag and length are swapped: 0C 09 stands for 09 0C"),
        ("", "bare_date_time", "the date-time has no length before it"),
    ],
)
def test_a_time_with_and_without_tag_and_length(before: str, name: str, remark: str | None) -> None:
    apdu = pushed("06 00001234", f"{before} {TIME}")
    parsed = read(apdu)
    node = find_raw(parsed.nodes, name)
    assert node is not None and find_int(node[3], "year") == 2022 and find_int(node[3], "deviation") == -60
    assert [issue.text for issue in parsed.issues] == ([remark] if remark else [])
    assert build(APDU, parsed.nodes) == apdu
    assert values_of(only(apdu)) == [0x1234]
    found = codes(apdu)
    assert found == ([("unusual-encoding", "info", "meter")] if remark else
                     [("date-time-tagged", "info", "meter")] if before == "09 0C" else [])  # fmt: skip


# -- bits, texts -----------------------------------------------------------------------------------------------


def test_reserved_bits() -> None:
    assert remarks(octets("C001F100010100000208FF0200")) == ["reserved bits are set: 11"]
    assert remarks(octets("C001C100010100000208FF0200")) == []
    assert remarks(octets("0F 05000001 00 00")) == ["reserved bits are set: 0101"]
    assert remarks(octets("C401C100 19 07E60B03040F2619FFFFC410")) == ["reserved bits are set: 001"]
    assert remarks(octets("C401C100 19 07E60B03040F2619FFFFC4FF")) == []


def test_a_suite_that_is_reserved() -> None:
    sealed = octets("C8 12 37 00000001 00112233445566778899AABBCC")
    assert remarks(sealed) == ["security_suite 7 is not a value the standard defines"]


@pytest.mark.parametrize(
    ("text", "said"), [("41 00", True), ("1B5B324A", True), ("7F", True), ("C3A9", False), ("", False)]
)
@pytest.mark.parametrize("tag", ["0A", "0C"])
def test_control_characters_in_a_text(tag: str, text: str, said: bool) -> None:
    content = octets(text)
    apdu = octets(f"C401C100 {tag}") + bytes([len(content)]) + content
    assert [t.partition(",")[0] for t in remarks(apdu)] == (["control characters in the text"] if said else [])
    shown = render(only(wrapped(apdu, 1, 16)), False, 100)
    assert all(c == "\n" or c.isprintable() for c in shown)


# -- values ----------------------------------------------------------------------------------------------------


def test_tag_and_length_swapped() -> None:
    body = "01 02 0203 0906 0100020700FF 06 00000000 0202 0F00 161B 0203 0609 01001F0700FF 10 00F4 0202 0FFE 1621"
    apdu = pushed(body)
    parsed = read(apdu)
    assert "length and tag are swapped: 06 09 stands for 09 06" in [issue.text for issue in parsed.issues]
    assert build(APDU, parsed.nodes) == apdu
    assert values_of(only(apdu)) == [[["0100020700FF", 0, [0, 27]], ["01001F0700FF", 244, [-2, 33]]]]
    assert {code for code, _, _ in codes(apdu)} == {"unusual-encoding"}


def test_06_09_is_a_number_where_the_standard_can_read_it() -> None:
    apdu = pushed("02 02 06 09010203 06 00000001")
    assert remarks(apdu) == [] and values_of(only(apdu)) == [[0x09010203, 1]]


def test_untagged_structures() -> None:
    body = "0202 1601 0102 0202 0001 00002A0000FF 02 0903414243 0202 0003 0100010700FF 02 06 00000003"
    apdu = pushed(body)
    parsed = read(apdu)
    said = "a structure of two: the attribute descriptor has no tags"
    assert [issue.text for issue in parsed.issues].count(said) == 2
    assert build(APDU, parsed.nodes) == apdu
    found = find_raw(parsed.nodes, "untagged-structure")
    assert found is not None and find_octets(found[3], "instance_id") == octets("00002A0000FF")
    assert find_int(found[3], "attribute_id") == 2


def test_what_nobody_can_mean_stays_an_error() -> None:
    parsed = parse(APDU, pushed("02 02 06 09010203 07"))
    assert not parsed.whole and not any(issue.severity == "info" for issue in parsed.issues)


# -- frames ----------------------------------------------------------------------------------------------------


def test_a_push_without_llc() -> None:
    message = only(frame(0x13, pushed("06 00001234"), to_server=False))
    assert (message.frame, message.llc, message.apdu) == ("UI", "missing", "data-notification")
    assert values_of(message) == [0x1234]


@pytest.mark.parametrize("title", ["", "4D4D4D00", "4D4D4D0000BC614E0102"])
def test_titles_that_do_not_have_eight_octets(title: str) -> None:
    sealed = "20 00000001 00112233445566778899AABBCC"
    apdu = octets("DB") + bytes([len(octets(title))]) + octets(title) + b"\x12" + octets(sealed)
    parsed = read(apdu)
    assert find_octets(parsed.nodes, "system_title") == octets(title)
    message = only(wrapped(apdu, 1, 16))
    assert message.security is not None and message.security.verdict == "no-key"


def test_fields_of_an_aare_in_any_order() -> None:
    fields = [tlv(0xA1, CONTEXT), tlv(0xA2, octets("020100")), tlv(0xA3, octets("A103020100")),
              tlv(0xBE, b"\x04\x0e" + octets("0800065F1F040000301D00800007"))]  # fmt: skip
    for turned in range(4):
        apdu = tlv(0x61, b"".join(fields[turned:] + fields[:turned]))
        assert build(APDU, read(apdu).nodes) == apdu
        message = only(wrapped(apdu, 1, 16))
        assert message.layer_named("initiate-response") is not None


def test_healthy_conversations_have_no_such_remark() -> None:
    for framing in ("hdlc", "wrapper"):
        found = diagnosed(plain(framing)).findings
        assert not {f.code for f in found} & {"unusual-encoding", "octets-behind-apdu"}
