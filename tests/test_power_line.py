"""Power line: S-FSK frames, the LLC of 4-32, CIASE, the gateway prefix. The frames are built by the grammars themselves."""

import pytest

from analyzer.decoding import decode
from analyzer.edit import edited
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.model import Record
from analyzer.rebuild import NotBuildable
from grammars import ciase, plc
from grammars.apdu import APDU
from grammars.hdlc import FRAME
from grammars.kit.primitives import Extended
from grammars.kit.spec import find_int, find_octets
from grammars.parse import build, parse

GET = bytes.fromhex("C001C100010100000208FF0200")
ANSWER = bytes.fromhex("C401C1000600001234")
TITLE = bytes.fromhex("4D4D4D0000BC614E")


def host_frame(apdu: bytes, source: int, destination: int, dsap: int, ssap: int) -> bytes:
    padding = -(plc.HOST_HEADER - 2 + 3 + len(apdu) + plc.HOST_CHECK) % plc.SUBFRAME
    addresses = {"source_address": source, "destination_address": destination}
    return build(
        plc.HOST_FRAME,
        {
            "start": 2,
            "command": 0x50,
            "credit": {"initial_credit": 7, "current_credit": 7},
            "mac_addresses": addresses,
            "pad_length": padding,
            "llc_control": 0x90,
            "destination_lsap": dsap,
            "source_lsap": ssap,
            "apdu": apdu,
            "padding": bytes(padding),
            "frame_check_sequence": 0,
        },
    )


def line_frame(msdu: bytes, source: int = 0xC01, destination: int = 0x012) -> bytes:
    size = plc.LINE_HEADER + len(msdu) + plc.LINE_CHECK
    padding = -size % plc.SUBFRAME
    count = (size + padding) // plc.SUBFRAME
    number = next(number for number, (shown, _) in plc.SUBFRAMES.items() if int(shown) == count)
    addresses = (source << 12 | destination).to_bytes(3, "big")
    return number.to_bytes(2, "big") + b"\xfc" + addresses + bytes([padding]) + msdu + bytes(padding) + b"\x11\x22\x33"


def messages(*records: bytes) -> list[Message]:
    return list(decode([Record(number, data) for number, data in enumerate(records, 1)]))


def test_a_request_and_its_answer_between_modem_and_host() -> None:
    asked, answered = messages(host_frame(GET, 0xC00, 0x012, 1, 16), host_frame(ANSWER, 0x012, 0xC00, 16, 1))
    assert (asked.frames[0].framing, asked.direction, asked.apdu) == ("plc", "client", "get-request")
    assert (answered.frames[0].framing, answered.direction, answered.apdu) == ("plc", "meter", "get-response")
    assert find_int(answered.frames[0].parsed.nodes, "mac_addresses") == 0x012C00
    assert not asked.frames[0].parsed.issues
    assert len(asked.wire) == 2 + asked.wire[1] + asked.wire[plc.HOST_HEADER - 1]


def test_frames_follow_each_other_in_a_stream_that_is_cut_anywhere() -> None:
    stream = host_frame(GET, 0xC00, 0x012, 1, 16) * 3
    for cut in range(1, len(stream)):
        assert [m.apdu for m in messages(stream[:cut], stream[cut:])] == ["get-request"] * 3, cut


def test_a_check_sequence_that_is_wrong_is_said() -> None:
    damaged = bytearray(host_frame(GET, 0xC00, 0x012, 1, 16))
    damaged[-1] ^= 1
    (message,) = messages(bytes(damaged))
    assert [issue.spec.name for issue in message.frames[0].parsed.issues] == ["frame_check_sequence"]


@pytest.mark.parametrize("size", [13, 40, 100, 200])
def test_a_frame_of_the_line_has_one_to_seven_subframes(size: int) -> None:
    apdu = build(APDU, ("data-notification", {
        "long_invoke_id_and_priority": {}, "date_time": ("no_date_time", None),
        "notification_body": ("octet-string", bytes(size))}))  # fmt: skip
    frame = line_frame(b"\x90\x10\x01" + apdu)
    (message,) = messages(frame)
    assert (message.frames[0].framing, message.apdu, len(message.wire)) == ("plc", "data-notification", len(frame))
    assert find_octets(message.frames[0].parsed.nodes, "frame_check_sequence") == b"\x11\x22\x33"


def test_the_line_carries_hdlc_frames_too() -> None:
    inner = build(
        FRAME,
        {
            "opening_flag": 0x7E,
            "frame_format": {"frame_type": 10},
            "destination_address": Extended(1, 1),
            "source_address": Extended(16, 1),
            "control": 0x10,
            "header_check_sequence": 0,
            "information": bytes.fromhex("E6E600") + GET,
            "frame_check_sequence": 0,
            "closing_flag": 0x7E,
        },
    )
    (message,) = messages(line_frame(inner))
    assert (message.frames[0].framing, message.frame, message.llc) == ("plc", "I", "command")
    assert (message.apdu, message.direction) == ("get-request", "client")
    assert not message.frames[0].parsed.issues


def test_an_llc_alone_is_what_prime_carries() -> None:
    asked, answered = messages(b"\x90\x01\x10" + GET, b"\x90\x10\x01" + ANSWER)
    assert (asked.frames[0].framing, asked.apdu, asked.direction) == ("prime", "get-request", "client")
    assert (answered.frames[0].framing, answered.apdu, answered.direction) == ("prime", "get-response", "meter")


def test_an_llc_with_anything_else_behind_it_is_not_prime() -> None:
    octets = b"\x90\x01\x10" + GET[:-3]
    found = messages(octets)
    assert {m.frames[0].framing for m in found} == {"none"} and not any(m.layer for m in found)
    assert b"".join(m.wire for m in found) == octets


def test_fields_are_set_and_the_frame_is_padded_again() -> None:
    (message,) = messages(host_frame(GET, 0xC00, 0x012, 1, 16))
    rebuilt = edited(
        message, [("apdu.get-request.get-request-normal.cosem_attribute_descriptor.attribute_id", "3")], KeyRing(())
    )
    (again,) = messages(rebuilt.data)
    assert find_int(again.plain.nodes, "attribute_id") == 3 if again.plain else False
    assert not again.frames[0].parsed.issues and len(rebuilt.data) == len(message.wire)


def test_a_frame_of_the_line_is_not_built_again_for_want_of_its_check() -> None:
    (message,) = messages(line_frame(b"\x90\x10\x01" + ANSWER))
    with pytest.raises(NotBuildable, match="check sequence"):
        edited(message, [("apdu.get-response.get-response-normal.invoke_id_and_priority", "0x81")], KeyRing(()))


CIASE = {
    "ping-request": ({"system_title_server": TITLE}, "19" + TITLE.hex()),
    "ping-response": ({"system_title_server": TITLE}, "1A" + TITLE.hex()),
    "register-request": (
        {"active_initiator": TITLE, "list_of_correspondence": [{"new_system_title": TITLE, "mac_address": 0x123}]},
        f"1C{TITLE.hex()}01{TITLE.hex()}0123",
    ),
    "discover-request": (
        {
            "response_probability": 100,
            "allowed_time_slots": 10,
            "discover_report_initial_credit": 7,
            "ic_equal_credit": 1,
        },
        "1D64000A0701",
    ),
    "discover-report": ({"system_titles": [{"system_title": TITLE}], "alarm_descriptor": 3}, f"1E01{TITLE.hex()}0103"),
    "repeat-call-request": (
        {"max_adr_mac": 0xFFF, "number_of_time_slots_for_new_stations": 5, "reception_threshold": 90},
        "1F0FFF05015A",
    ),
}


@pytest.mark.parametrize("name", CIASE)
def test_ciase_builds_and_parses_to_the_same(name: str) -> None:
    value, octets = CIASE[name]
    made = build(APDU, (name, value))
    assert made == bytes.fromhex(octets)
    parsed = parse(APDU, made)
    assert parsed.whole and not parsed.issues and parsed.nodes[0][0].name == name
    assert build(APDU, parsed.nodes) == made


def test_a_new_station_is_discovered_over_the_line() -> None:
    report = build(APDU, ("discover-report", CIASE["discover-report"][0]))
    (message,) = messages(host_frame(report, plc.NEW_STATION, plc.INITIATOR, 0, 0))
    assert message.apdu == "discover-report"
    assert find_octets(message.layer.nodes, "system_titles.system_title") == TITLE if message.layer else False


def test_titles_of_six_octets_leave_octets_over_and_are_kept() -> None:
    parsed = parse(APDU, bytes.fromhex("19 4D4D4D00BC61"))
    assert not parsed.whole and parsed.nodes[-1][3]
    assert ciase.TITLE.hole == "system_title"


def test_a_request_through_a_gateway_is_the_request_inside() -> None:
    (message,) = messages(bytes.fromhex("E60103 0A0B0C") + GET)
    assert (message.apdu, message.plain.name if message.plain else "") == ("gateway-request", "get-request")
    (message,) = messages(
        bytes.fromhex("00010001001000") + bytes([6 + len(ANSWER)]) + bytes.fromhex("E701030A0B0C") + ANSWER
    )
    assert (message.frames[0].framing, message.apdu, message.direction) == ("wrapper", "gateway-response", "meter")
