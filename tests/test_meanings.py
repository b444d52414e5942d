"""Classes, attributes, OBIS codes in words, and values in their units."""

import re
import tomllib
from importlib.resources import files

import pytest

from analyzer.decoding import decode
from analyzer.knowledge import Objects
from analyzer.objects import Answer, Target
from analyzer.report.summary import summary
from analyzer.tree import tree_of
from grammars.meanings import attribute_name, class_name, interface_class, method_name, obis_meaning
from tests.support import Conversation


def obis(text: str) -> bytes:
    return bytes(map(int, re.split(r"[-:.*]", text)))


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("1-0:1.8.0*255", "active energy import (+A)"),
        ("1-0:1.8.2*255", "active energy import (+A), tariff 2"),
        ("1-0:2.8.0*255", "active energy export (-A)"),
        ("1-0:3.8.0*255", "reactive energy import (+R)"),
        ("1-0:32.7.0*255", "voltage, L1, instantaneous"),
        ("1-0:51.7.0*255", "current, L2, instantaneous"),
        ("1-0:21.7.0*255", "active power import (+A), L1, instantaneous"),
        ("1-0:1.6.0*255", "active power import (+A), maximum 1"),
        ("1-0:1.8.0*3", "active energy import (+A), billing period 3"),
        ("1-1:1.8.0*255", "active energy import (+A), channel 1"),
        ("1-0:99.1.0*255", "load profile 1"),
        ("1-0:0.2.0*255", "active firmware identifier"),
        ("0-0:1.0.0*255", "clock"),
        ("0-0:42.0.0*255", "logical device name"),
        ("0-0:96.1.0*255", "device serial number"),
        ("0-0:43.1.0*255", "invocation counter"),
        ("0-1:24.1.0*255", "M-Bus client, channel 1"),
        ("7-0:3.0.0*255", "gas, C 3, D 0"),
        ("0-0:200.1.0*255", "manufacturer specific"),
        ("3-0:1.0.0*255", ""),
    ],
)
def test_obis(code: str, words: str) -> None:
    assert obis_meaning(obis(code)) == words


def test_every_obis_code_has_a_text_or_none() -> None:
    for c in range(256):
        for d in (0, 1, 6, 7, 8, 29, 58, 98, 255):
            for a in (0, 1, 2, 7, 255):
                assert isinstance(obis_meaning(bytes((a, 0, c, d, 3, 255))), str)
    assert obis_meaning(b"\x01") == ""


def test_classes() -> None:
    assert (class_name(3), attribute_name(3, 3), method_name(3, 1)) == ("Register", "scaler_unit", "reset")
    assert (class_name(7), attribute_name(7, 2)) == ("Profile generic", "buffer")
    assert (class_name(15), method_name(15, 1)) == ("Association LN", "reply_to_hls_authentication")
    assert (class_name(64), method_name(64, 2)) == ("Security setup", "key_transfer")
    assert attribute_name(8, 2) == "time" and attribute_name(70, 3) == "control_state"
    assert (class_name(9999), attribute_name(9999, 2), method_name(9999, 1)) == ("", "", "")
    assert attribute_name(3, 0) == "all attributes" and attribute_name(3, -1) == "manufacturer specific"


def test_the_table_of_classes_is_well_formed() -> None:
    rows = tomllib.loads(files("grammars.tables").joinpath("classes.toml").read_text("utf-8"))
    for number, row in rows.items():
        found = interface_class(int(number))
        assert found is not None and found.name and row["attributes"][0] == "logical_name"
        for name in [*row["attributes"], *row.get("methods", [])]:
            assert re.fullmatch(r"[a-z0-9_]*", name), (number, name)
        assert len(set(filter(None, row["attributes"]))) == len(list(filter(None, row["attributes"])))


@pytest.mark.parametrize(
    ("value", "scaler", "unit", "text"),
    [(12345, -1, 30, "1234.5 Wh"), (12345, 0, 30, "12345 Wh"), (7, 3, 27, "7000 W"), (-5, -3, 35, "-0.005 V"),
     (100, -2, 255, "1 "), (230, -1, 35, "23 V"), (0, -3, 33, "0 A")],
)  # fmt: skip
def test_scaled_values_are_exact(value: int, scaler: int, unit: int, text: str) -> None:
    assert Answer(Target(3, b"", 2), scaler, unit).scaled(value) == text.strip()


ENERGY, POWER = "0100010800FF", "0100010700FF"


def get(class_id: int, code: str, attribute: int) -> bytes:
    return bytes.fromhex(f"C001C1{class_id:04X}{code}{attribute:02X}00")


def test_a_register_after_its_scaler_unit() -> None:
    talk = Conversation("wrapper")
    talk.request(get(3, ENERGY, 2)).reply(bytes.fromhex("C401C100060001E240"))
    talk.request(get(3, ENERGY, 3)).reply(bytes.fromhex("C401C10002020FFD161E"))
    talk.request(get(3, ENERGY, 2)).reply(bytes.fromhex("C401C100060001E240"))
    talk.request(get(3, POWER, 2)).reply(bytes.fromhex("C401C100060001E240"))
    found = list(decode(talk.trace()))
    assert [m.answers[0].scaler for m in found if m.answers] == [None, None, -3, None]
    assert summary(found[5]) == "GET response, double-long-unsigned 123456 = 123.456 Wh"
    node = tree_of(found[5]).find("double-long-unsigned")
    assert node is not None and node.meaning == "123.456 Wh"
    assert "=" not in summary(found[1]) and "=" not in summary(found[7])


def test_a_list_of_registers() -> None:
    talk = Conversation("wrapper")
    both = bytes.fromhex(f"C003C1020003{ENERGY}03000003{ENERGY}0200".replace(" ", ""))
    talk.request(both).reply(bytes.fromhex("C403C1020002020FFF161E00060000000A"))
    found = list(decode(talk.trace()))
    assert [a.target.attribute_id for a in found[1].answers] == [3, 2]
    assert found[1].answers[1].scaler == -1
    node = tree_of(found[1]).find("double-long-unsigned")
    assert node is not None and node.meaning == "1 Wh"


def test_names_in_trees_and_summaries() -> None:
    (message,) = decode(Conversation("wrapper").request(get(8, "0000010000FF", 2)).trace())
    assert summary(message) == "GET request, class 8 Clock, 0-0:1.0.0*255, attribute 2 time"
    tree = tree_of(message)
    meanings = {name: tree.find(name).meaning for name in ("class_id", "instance_id", "attribute_id")}  # type: ignore[union-attr]
    assert meanings == {"class_id": "Clock", "instance_id": "0-0:1.0.0*255 clock", "attribute_id": "time"}


def test_an_answer_without_its_request_has_no_unit() -> None:
    (message,) = decode(Conversation("wrapper").reply(bytes.fromhex("C401C100060001E240")).trace())
    assert message.answers == ()


@pytest.mark.parametrize(
    ("class_id", "version", "attributes", "methods"),
    [
        (7, 0, 8, "get_buffer_by_index"),
        (7, 1, 8, "capture"),
        (15, 0, 8, "remove_object"),
        (15, 1, 9, "remove_object"),
        (15, 2, 11, "remove_user"),
        (15, 3, 11, "remove_user"),  # unknown: as described
        (24, 0, 5, None),
        (28, 1, 6, None),
        (29, 1, 6, None),
        (29, 2, 6, "connect"),
        (40, 0, 7, "push"),
        (40, 1, 10, "push"),
        (40, 2, 13, "reset"),
        (64, 0, 5, "global_key_transfer"),
        (64, 1, 6, "remove_certificate"),
        (72, 0, 12, "transfer_key"),
    ],
)
def test_classes_by_version(class_id: int, version: int, attributes: int, methods: str | None) -> None:
    found = interface_class(class_id, version)
    assert found is not None and max(found.attributes) == attributes
    assert (found.methods[max(found.methods)] if found.methods else None) == methods


def test_versions_of_the_table_are_well_formed() -> None:
    rows = tomllib.loads(files("grammars.tables").joinpath("classes.toml").read_text("utf-8"))
    for number, row in rows.items():
        for version, other in row.get("versions", {}).items():
            assert int(version) != row["version"], number
            assert set(other) <= {"attributes", "methods", "attributes_to", "methods_to", "provisional"}
            assert other.get("attributes_to", 0) <= len(row["attributes"])
            assert other.get("methods_to", 0) <= len(row.get("methods", []))
    assert attribute_name(24, 2, 0) == "secondary_address" and attribute_name(24, 2) == "mode"
    assert method_name(64, 2, 0) == "global_key_transfer" and method_name(64, 2) == "key_transfer"


def test_names_follow_the_version_that_the_object_list_tells() -> None:
    entry = "0204" + "120018" + "1100" + "0906" + "0000170000FF" + "02020100" + "0100"
    talk = Conversation("wrapper")
    talk.request(get(24, "0000170000FF", 2))
    talk.request(get(15, "0000280000FF", 2)).reply(bytes.fromhex("C401C1000101" + entry))
    talk.request(get(24, "0000170000FF", 2))
    found = list(decode(talk.trace()))
    assert summary(found[0]).endswith("attribute 2 mode")
    assert summary(found[3]).endswith("attribute 2 secondary_address")
    node = tree_of(found[3]).find("attribute_id")
    assert node is not None and node.meaning == "secondary_address"


def test_a_set_that_the_meter_refuses_teaches_nothing() -> None:
    for result, unit in (("00", -1), ("03", None)):
        talk = Conversation("wrapper")
        talk.request(bytes.fromhex(f"C101C10003{ENERGY}030002020FFF161E")).reply(bytes.fromhex(f"C501C1{result}"))
        talk.request(get(3, ENERGY, 2)).reply(bytes.fromhex("C401C1000600000001"))
        assert list(decode(talk.trace()))[-1].answers[0].scaler == unit


def test_another_system_title_is_another_meter() -> None:
    objects = Objects()
    first = objects.meter("1", b"AAA00000")
    assert objects.meter("1", None) is first and objects.meter("1", b"AAA00000") is first
    assert objects.meter("1", b"BBB00000") is not first


def test_answers_follow_the_invoke_id() -> None:
    talk = Conversation("wrapper")
    talk.request(get(3, ENERGY, 3)).request(bytes.fromhex("C001C2") + get(8, "0000010000FF", 2)[3:])
    talk.reply(bytes.fromhex("C401C2000600000001")).reply(bytes.fromhex("C401C10002020FFF161E"))
    found = list(decode(talk.trace()))
    assert [m.answers[0].target.class_id for m in found[2:]] == [8, 3]
