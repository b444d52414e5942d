"""The shapes in which meters push values: what each value is, and what stays without a name."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.pushes import Pushed
from grammars import readings
from tests.support import Conversation, frame

TIME = "07E80B1A020A1E0F00FFC480"  # 2024-11-26 10:30:15, deviation -60 min
HEAD = "0F40000000"


def octets(content: str) -> str:
    return f"09{len(content) // 2:02X}{content}"


def text(characters: str, tag: str = "0A") -> str:
    return f"{tag}{len(characters):02X}{characters.encode().hex()}"


def u32(number: int) -> str:
    return f"06{number:08X}"


def u16(number: int) -> str:
    return f"12{number:04X}"


def scaler_unit(scaler: int, unit: int) -> str:
    return f"02020F{scaler & 0xFF:02X}16{unit:02X}"


def obis(code: str) -> str:
    return octets(bytes(map(int, code.split("."))).hex())


def structure(*parts: str, tag: str = "02") -> str:
    return f"{tag}{len(parts):02X}{''.join(parts)}"


def definition(class_id: int, code: str, attribute: int = 2, index: int = 0) -> str:
    return structure(u16(class_id), obis(code), f"0F{attribute:02X}", u16(index))


def push(body: str, time: str = "00") -> bytes:
    return bytes.fromhex(HEAD + time + body)


def talk_of(*apdus: bytes) -> list[Message]:
    talk = Conversation("wrapper", client=103)
    for apdu in apdus:
        talk.reply(apdu)
    return list(decode(talk.trace()))


def carried(body: str, time: str = "00") -> tuple[Pushed, ...]:
    (message,) = talk_of(push(body, time))
    assert all(isinstance(one, Pushed) for one in message.carried)
    return message.carried  # type: ignore[return-value]


def codes(values: tuple[Pushed, ...]) -> list[str]:
    return [readings.obis(one.instance_id) if one.instance_id else one.name for one in values]


def in_units(values: tuple[Pushed, ...]) -> list[tuple[object, int | None, int | None]]:
    return [(one.value[3], one.scaler, one.unit) for one in values]


def test_aidon_structures_with_scaler_and_unit() -> None:
    """Norwegian and Swedish HAN: an array of structures, text without scaler, numbers with."""
    body = structure(
        structure(obis("1.1.0.2.129.255"), text("AIDON_V0001")),
        structure(obis("0.0.96.1.0.255"), text("7359992891237028")),
        structure(obis("0.0.1.0.0.255"), octets(TIME)),
        structure(obis("1.0.1.7.0.255"), u32(1122), scaler_unit(0, 27)),
        structure(obis("1.0.31.7.0.255"), "100035", scaler_unit(-1, 33)),
        tag="01",
    )
    values = carried(body)
    assert codes(values)[:2] == ["1-1:0.2.129*255", "0-0:96.1.0*255"]
    assert values[3].name == "active power import (+A), instantaneous" and values[3].time is None
    assert in_units(values)[3:] == [(1122, 0, 27), (0x35, -1, 33)]
    assert values[4].source == ""  # the push says it itself


def test_aidon_frame_of_a_public_log() -> None:
    """A frame that public decoders of the Aidon 6525 carry in their sources."""
    talk = Conversation("hdlc")
    talk.add(bytes.fromhex(
        "7EA02A4108831304 13E6E7000F40000000000101020309060100010700FF060000045102020F00161B6ADC7E"), "unknown")  # fmt: skip
    (message,) = decode(talk.trace())
    (one,) = message.carried
    assert one.name == "active power import (+A), instantaneous"
    assert (one.value[3], one.scaler, one.unit) == (1105, 0, 27)  # type: ignore[index]


def test_kamstrup_pairs_with_the_scales_of_their_list() -> None:
    """Norway and Denmark: a version string, then OBIS codes and values in a row; the date-time stands before."""
    body = structure(
        text("Kamstrup_V0001"),
        obis("1.1.0.0.5.255"), text("5706567274389702"),
        obis("1.1.1.7.0.255"), u32(1468),
        obis("1.1.31.7.0.255"), u32(1027),
        obis("1.1.32.7.0.255"), u16(231),
        obis("1.1.1.8.0.255"), u32(1000),
    )  # fmt: skip
    values = carried(body, "0C" + TIME)
    assert codes(values) == [
        "version of the list", "1-1:0.0.5*255", "1-1:1.7.0*255", "1-1:31.7.0*255", "1-1:32.7.0*255", "1-1:1.8.0*255",
    ]  # fmt: skip
    assert in_units(values)[2:] == [(1468, 0, 27), (1027, -2, 33), (231, 0, 35), (1000, 1, 30)]
    assert values[3].source == "scaler and unit by the list Kamstrup_V0001"
    assert {one.time for one in values} == {bytes.fromhex(TIME)}


KAIFA_9 = [text("KFM_001", "09"), text("6970631403757615", "09"), text("MA105H2E", "09"),
           u32(1320), u32(0), u32(12), u32(345), u32(5890), u32(2325)]  # fmt: skip


def test_kaifa_list_without_obis_codes() -> None:
    """Norway: the order of the values belongs to the version of the list."""
    values = carried(structure(*KAIFA_9), "090C" + TIME)
    assert codes(values)[3:] == [
        "1-0:1.7.0*255", "1-0:2.7.0*255", "1-0:3.7.0*255", "1-0:4.7.0*255", "1-0:31.7.0*255", "1-0:32.7.0*255",
    ]  # fmt: skip
    assert in_units(values)[-2:] == [(5890, -3, 33), (2325, -1, 35)]
    assert values[0].name.startswith("version of the OBIS list") and values[3].source == "by the list KFM_001"


def test_kaifa_lists_of_three_phases_and_of_the_hour() -> None:
    three = [*KAIFA_9[:7], u32(1), u32(2), u32(3), u32(4), u32(5), u32(6)]
    hour = [octets(TIME), u32(82840532), u32(0), u32(1), u32(2)]
    assert codes(carried(structure(*three)))[-3:] == ["1-0:32.7.0*255", "1-0:52.7.0*255", "1-0:72.7.0*255"]
    assert codes(carried(structure(*three, *hour)))[-5:-3] == ["0-0:1.0.0*255", "1-0:1.8.0*255"]
    assert codes(carried(structure(*KAIFA_9, *hour)))[-1] == "1-0:4.8.0*255"


def test_the_short_list_of_kaifa_is_known_after_a_long_one_only() -> None:
    short = push(structure(u32(601)))
    before, _, after = talk_of(short, push(structure(*KAIFA_9)), short)
    assert codes(before.carried) == [""]  # type: ignore[arg-type]
    assert codes(after.carried) == ["1-0:1.7.0*255"]  # type: ignore[arg-type]
    assert after.carried[0].source == "by the list KFM_001 of the push before"


def test_a_list_of_known_version_and_another_length_has_no_names() -> None:
    values = carried(structure(*KAIFA_9, u32(1)))
    assert {one.instance_id for one in values} == {None}


def test_evn_date_time_then_obis_value_scaler_unit() -> None:
    """Austria, Kaifa MA309: flat, a date-time first, the number of the meter at the end without a code."""
    body = structure(
        octets(TIME),
        obis("1.0.1.8.0.255"), u32(2048), scaler_unit(0, 30),
        obis("1.0.32.7.0.255"), u16(2336), scaler_unit(-1, 35),
        obis("1.0.13.7.0.255"), "1003CB", scaler_unit(-3, 255),
        text("181220000009", "09"),
    )  # fmt: skip
    values = carried(body, "0C" + TIME)
    assert codes(values) == ["date-time", "1-0:1.8.0*255", "1-0:32.7.0*255", "1-0:13.7.0*255", ""]
    assert in_units(values)[1:4] == [(2048, 0, 30), (2336, -1, 35), (971, -3, 255)]


def test_landis_gyr_object_list_that_counts_itself() -> None:
    """Switzerland, E450: the first element is the push_object_list, itself its first entry."""
    objects = structure(
        definition(40, "0.8.25.9.0.255"), definition(40, "0.8.25.9.0.255", 1), definition(1, "0.0.96.1.0.255"),
        definition(3, "1.0.1.7.0.255"), definition(3, "1.1.1.8.0.255"), tag="01",
    )  # fmt: skip
    body = structure(objects, obis("0.8.25.9.0.255"), text("65527773", "09"), u32(71), u32(214002))
    values = carried(body, "0C" + TIME)
    assert [(one.class_id, one.attribute_id) for one in values] == [(40, 1), (1, 2), (3, 2), (3, 2)]
    assert codes(values)[2:] == ["1-0:1.7.0*255", "1-1:1.8.0*255"]
    assert values[2].scaler is None and values[1].name == "device serial number"


def test_object_list_that_does_not_count_itself_and_tells_scalers() -> None:
    """Austria, AM550: only what follows is listed; a scaler_unit among the values serves its register."""
    objects = structure(
        definition(8, "0.0.1.0.0.255"), definition(3, "1.0.1.8.0.255"), definition(3, "1.0.1.8.0.255", 3), tag="01"
    )
    values = carried(structure(objects, octets(TIME), u32(500), scaler_unit(-1, 30)))
    assert codes(values) == ["0-0:1.0.0*255", "1-0:1.8.0*255", "1-0:1.8.0*255"]
    assert in_units(values)[1] == (500, -1, 30)
    assert [one.attribute_id for one in values] == [2, 2, 3]


def test_object_list_with_the_values_in_a_structure_of_their_own() -> None:
    objects = structure(definition(1, "0.0.96.1.0.255"), definition(3, "1.0.1.7.0.255"), tag="01")
    values = carried(structure(objects, structure(text("1"), u32(2))))
    assert codes(values) == ["0-0:96.1.0*255", "1-0:1.7.0*255"]


def test_an_object_list_that_does_not_fit_names_nothing() -> None:
    objects = structure(definition(40, "0.8.25.9.0.255", 1), definition(3, "1.0.1.7.0.255"), tag="01")
    values = carried(structure(objects, obis("0.8.25.9.0.255"), u32(1), u32(2), u32(3)))
    assert {one.instance_id for one in values} == {None}


def test_structures_of_class_obis_attribute_and_value() -> None:
    body = structure(
        structure(u16(3), obis("1.0.1.8.0.255"), "0F02", u32(7), scaler_unit(3, 30)),
        structure(u16(8), obis("0.0.1.0.0.255"), "0F02", octets(TIME)),
        tag="01",
    )
    values = carried(body)
    assert [(one.class_id, one.attribute_id, one.scaler) for one in values] == [(3, 2, 3), (8, 2, None)]


def test_a_value_may_have_its_own_time() -> None:
    values = carried(structure(structure(obis("0.1.24.2.1.255"), u32(12), scaler_unit(-2, 13), octets(TIME)), tag="01"))
    assert (values[0].time, values[0].scaler) == (bytes.fromhex(TIME), -2)


def test_the_name_of_the_push_setup_in_front_is_a_value() -> None:
    values = carried(structure(obis("0.0.25.9.0.255"), octets(TIME), u32(5)))
    assert {one.instance_id for one in values} == {None}


def test_a_push_object_list_that_was_read_before() -> None:
    objects = structure(definition(40, "0.0.25.9.0.255", 1), definition(8, "0.0.1.0.0.255"),
                        definition(3, "1.0.1.8.0.255"), tag="01")  # fmt: skip
    body = push(structure(obis("0.0.25.9.0.255"), octets(TIME), u32(5)))
    talk = Conversation("wrapper")
    talk.request(bytes.fromhex("C001C100280000190900FF0200")).reply(bytes.fromhex("C401C100" + objects))
    talk.request(bytes.fromhex("C001C100030100010800FF0300")).reply(bytes.fromhex("C401C100" + scaler_unit(-1, 30)))
    talk.client = 103
    message = list(decode(talk.reply(body).trace()))[-1]
    values = message.carried
    assert codes(values) == ["0-0:25.9.0*255", "0-0:1.0.0*255", "1-0:1.8.0*255"]  # type: ignore[arg-type]
    assert (values[2].scaler, values[2].unit) == (-1, 30)
    assert "the only push_object_list that fits, read in message 2; scaler_unit read in message 4" in values[2].source


@pytest.mark.parametrize(
    "body",
    [
        structure(u32(1), text("abc"), u16(3)),
        u32(1),
        structure(),
        structure(octets("0123456789AB"), u32(1)),  # 6 octets that are no OBIS code
        structure(obis("1.0.1.8.0.255")),
        structure(obis("1.0.1.8.0.255"), u32(1), u32(2), u32(3)),  # more values without a code than with one
    ],
)
def test_where_no_rule_decides_values_have_no_names(body: str) -> None:
    assert {one.instance_id for one in carried(body)} <= {None}


def test_event_notification() -> None:
    (message,) = talk_of(bytes.fromhex(f"C2010C{TIME}0001000060 0B00FF021105"))
    (one,) = message.carried
    assert (one.name, one.time, one.class_id) == ("event code", bytes.fromhex(TIME), 1)


def test_information_report_by_short_names() -> None:
    entry = structure("10" + "2EE0", u16(3), "1100", obis("1.0.1.8.0.255"))
    talk = Conversation("wrapper")
    talk.request(bytes.fromhex("050102FA08")).reply(bytes.fromhex("0C0100" + structure(entry, tag="01")))
    talk.request(bytes.fromhex("0501022EF0")).reply(bytes.fromhex("0C0100" + scaler_unit(-1, 30)))
    talk.request(bytes.fromhex("0501022EE8")).reply(bytes.fromhex("0C0100" + u32(70)))
    talk.reply(bytes.fromhex("180001022EE801" + u32(80)))
    talk.reply(bytes.fromhex("1800010250E801" + u32(80)))
    messages = list(decode(talk.trace()))
    (read,), (reported,), (unknown,) = messages[5].answers, messages[6].carried, messages[7].carried
    assert read.value is not None and read.scaled(read.value[3]) == "7 Wh"
    assert (reported.name, reported.scaler) == ("active energy import (+A)", -1)
    assert unknown.instance_id is None


def test_a_push_over_hdlc_without_a_connection() -> None:
    data = bytes.fromhex("E6E700") + push(structure(obis("1.0.1.7.0.255"), u32(5), scaler_unit(0, 27)))
    talk = Conversation("hdlc")
    talk.add(frame(0x13, data, to_server=False), "meter")
    (message,) = decode(talk.trace())
    assert message.carried[0].unit == 27


LEAVES = st.sampled_from([
    "00", u32(5), u16(7), text("KFM_001", "09"), text("Kamstrup_V0001"), octets(TIME), "19" + TIME, obis("1.0.1.8.0.255"),
    obis("0.0.25.9.0.255"), scaler_unit(-1, 30), definition(3, "1.0.1.8.0.255"), "0F02", "FF", "17" + "00000000", "0403A0",
    structure(definition(40, "0.0.25.9.0.255", 1), tag="01"), "0100",
])  # fmt: skip
BODIES = st.recursive(
    LEAVES,
    lambda inside: st.lists(inside, max_size=6).map(lambda parts: structure(*parts)),
    max_leaves=20,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(BODIES, min_size=1, max_size=3))
def test_any_push_is_read_and_no_value_lies_outside_it(bodies: list[str]) -> None:
    for message in talk_of(*map(push, bodies)):
        for one in message.carried:
            assert one.value is not None and 0 <= one.value[1] <= one.value[2] <= len(one.octets)
            assert isinstance(one.name, str) and (one.scaler is None) == (one.unit is None)


def test_a_profile_in_a_push_is_a_table() -> None:
    columns = structure(definition(8, "0.0.1.0.0.255"), definition(3, "1.0.1.8.0.255"), tag="01")
    objects = structure(definition(1, "0.0.96.1.0.255"), definition(7, "1.0.99.1.0.255"), tag="01")
    rows = structure(structure(octets(TIME), u32(5)), structure("00", "1F02"), tag="01")
    talk = Conversation("wrapper")
    talk.request(bytes.fromhex("C001C100070100630100FF0300")).reply(bytes.fromhex("C401C100" + columns))
    talk.request(bytes.fromhex("C001C100070100630100FF0400")).reply(bytes.fromhex("C401C100" + u32(3600)))
    talk.client = 103
    message = list(decode(talk.reply(push(structure(objects, text("1"), rows))).trace()))[-1]
    table = message.carried[1].profile
    assert table is not None and [c.name for c in table.columns] == ["clock", "active energy import (+A)"]
    second = list(table.rows())[1]
    assert second[0].value == bytes.fromhex("07E80B1A020B1E0F00FFC480") and second[1].value == 7


def test_a_profile_by_short_names_with_selected_columns() -> None:
    entry = structure("10" + "3000", u16(7), "1101", obis("1.0.99.1.0.255"))
    columns = structure(definition(8, "0.0.1.0.0.255"), definition(3, "1.0.1.8.0.255"), tag="01")
    selected = structure(u32(1), u32(0), u16(2), u16(0))
    talk = Conversation("wrapper")
    talk.request(bytes.fromhex("050102FA08")).reply(bytes.fromhex("0C0100" + structure(entry, tag="01")))
    talk.request(bytes.fromhex("0501023010")).reply(bytes.fromhex("0C0100" + columns))
    talk.request(bytes.fromhex("050104300802" + selected)).reply(
        bytes.fromhex("0C0100" + structure(structure(u32(5)), tag="01"))
    )
    table = list(decode(talk.trace()))[-1].answers[0].profile
    assert table is not None and [c.name for c in table.columns] == ["active energy import (+A)"]


def test_short_names_that_are_not_known_name_nothing() -> None:
    talk = Conversation("wrapper").request(bytes.fromhex("0502022EE8022EF0"))
    message = list(decode(talk.reply(bytes.fromhex("0C0200" + u32(1) + "0103")).trace()))[-1]
    assert message.answers == ()


def test_an_action_within_an_access_moves_no_answer() -> None:
    request = f"D90000000100020300070100630100FF0101{'00030100010800FF02'}020000"
    talk = Conversation("wrapper").request(bytes.fromhex(request))
    talk.reply(bytes.fromhex(f"DA0000000100000200{u32(7)}0203000100"))
    (one,) = list(decode(talk.trace()))[-1].answers
    assert (one.class_id, one.value[3]) == (3, 7)  # type: ignore[index]
