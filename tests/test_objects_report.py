"""Values with their names and profile tables in the tree output, the summary and JSON."""

import json
from importlib.resources import files

import jsonschema
import pytest

from analyzer.decoding import decode
from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.redaction import Redactor, secrets_of
from analyzer.report import message_json, tree_text
from analyzer.report.summary import summary
from analyzer.tree import tree_of
from grammars.meanings import status_text
from tests.support import Conversation
from tests.test_profiles import ENERGY, FIRST, PROFILE, data, get, known
from tests.test_pushes import KAIFA_9, TIME, obis, push, scaler_unit, structure, talk_of, text, u32

SCHEMA = json.loads(files("analyzer.report").joinpath("schemas/decode.schema.json").read_text("utf-8"))
BUFFER = f"0104{FIRST}0203000000020300001F050203001108060001E300"


def profile_message() -> Message:
    return list(decode(known(Conversation("wrapper")).request(get(7, PROFILE, 2)).reply(data(BUFFER)).trace()))[-1]


def below_the_tree(message: Message) -> str:
    shown = tree_text.render(message)
    return shown[shown.index("    values\n") :]


def as_json(message: Message) -> dict[str, object]:
    made = message_json.render(message)
    validator = jsonschema.Draft202012Validator({**SCHEMA, "type": "object", **SCHEMA["$defs"]["message"]})
    validator.validate(json.loads(json.dumps(made)))
    return made


def test_a_load_profile_is_a_table() -> None:
    assert (
        below_the_tree(profile_message())
        == """\
    values
    1-0:99.1.0*255    load profile 1                                  4 rows of 3 columns
      clock                                    status                     active energy import (+A)
      0-0:1.0.0*255                            0-0:96.10.1*255                        1-0:1.8.0*255
                                                                                                 Wh
      2024-01-01 00:00:00 deviation -60 min    0                                          123.456
      2024-01-01 00:15:00 deviation -60 min *  0 *                                        123.456 *
      2024-01-01 00:30:00 deviation -60 min *  0 *                                        123.461 *
      2024-01-01 00:45:00 deviation -60 min *  8 (DSMR: daylight saving)                  123.648
    * filled in, delta values: the difference added to the row before
    * filled in, null-data: as in the row before
    * filled in, null-data: the time before + capture_period of 900 s
      Wh: scaler_unit read in message 2
"""
    )


def test_the_tree_itself_stays() -> None:
    message = profile_message()
    assert tree_text.render(message).index("values") > 0
    assert [n.value for n in tree_of(message).walk() if n.name == "delta-unsigned"] == [5]


def test_a_load_profile_in_json() -> None:
    made = as_json(profile_message())
    profile = made["profile"]
    assert isinstance(profile, dict)
    assert [c["name"] for c in profile["columns"]] == ["clock", "status", "active energy import (+A)"]
    assert [row[1:] for row in profile["rows"]] == [[0, 123.456], [0, 123.456], [0, 123.461], [8, 123.648]]
    assert profile["rows"][1][0] == "2024-01-01 00:15:00 deviation -60 min"
    assert {"row": 2, "column": 2, "why": "delta-unsigned +5 to the row before"} in profile["filled"]
    assert len(profile["filled"]) == 7 and profile["capture_period"] == 900
    (one,) = made["objects"]  # type: ignore[misc]
    assert (one["obis"], one["class_id"], one["attribute_id"], one["value"]) == ("1-0:99.1.0*255", 7, 2, None)
    assert "profiles" not in made


def test_two_buffers_in_one_answer() -> None:
    talk = known(Conversation("wrapper"))
    talk.request(bytes.fromhex(f"C003C1020007{PROFILE}02000007{PROFILE}0200"))
    talk.reply(bytes.fromhex(f"C403C10200{BUFFER}000100"))
    made = as_json(list(decode(talk.trace()))[-1])
    assert [len(table["rows"]) for table in made["profiles"]] == [4, 0]  # type: ignore[attr-defined]


def test_summaries() -> None:
    assert summary(profile_message()).endswith(", 1-0:99.1.0*255 load profile 1: 4 rows of 3 columns")
    (message,) = talk_of(push(structure(*KAIFA_9), "0C" + TIME))
    assert summary(message).endswith("active power import (+A), instantaneous 1320 W and 8 more")
    (message,) = talk_of(push(structure(obis("0.0.96.1.0.255"), text("1234")), "00"))
    assert summary(message).endswith("1 value with its name")


def test_a_push_in_the_tree_output() -> None:
    (message,) = talk_of(push(structure(*KAIFA_9), "0C" + TIME))
    shown = below_the_tree(message)
    assert "1-0:32.7.0*255    voltage, L1, instantaneous                      232.5 V\n" in shown
    assert shown.endswith("    9 values: by the list KFM_001\n")


def test_a_push_in_json() -> None:
    body = structure(
        structure(obis("1.0.1.7.0.255"), u32(1122), scaler_unit(-1, 27)),
        structure(obis("0.0.96.10.1.255"), "1184"),
        structure(text("x")),
        tag="01",
    )
    (message,) = talk_of(push(body, "0C" + TIME))
    first, second, third = as_json(message)["objects"]  # type: ignore[misc]
    assert (first["obis"], first["scaled"], first["unit"], first["value"]) == ("1-0:1.7.0*255", 112.2, "W", 1122)
    assert first["time"].startswith("2024-11-26 10:30:15") and first["filled"] is None and first["class_id"] is None
    assert second["status"] == "(DSMR: data not valid, power down)"
    assert (third["obis"], third["name"], third["value"]) == (None, None, "x")
    start, end = first["span"][1:]
    assert message.octets(first["span"][0])[start:end] == bytes.fromhex(u32(1122))


def test_a_register_says_where_its_unit_is_from() -> None:
    talk = known(Conversation("wrapper"), period=False, captured="none")
    message = list(decode(talk.request(get(3, ENERGY, 2)).reply(data(u32(7))).trace()))[-1]
    assert below_the_tree(message).splitlines()[1:] == [
        "    1-0:1.8.0*255     active energy import (+A)                       0.007 Wh",
        "    1-0:1.8.0*255: scaler_unit read in message 2",
    ]
    (one,) = as_json(message)["objects"]  # type: ignore[misc]
    assert one["filled"] == "scaler_unit read in message 2" and one["scaled"] == 0.007


def test_messages_without_objects_have_no_new_keys() -> None:
    (message,) = decode(Conversation("wrapper").request(get(3, ENERGY, 2)).trace())
    assert not {"objects", "profile", "profiles"} & set(as_json(message))
    assert "values\n" not in tree_text.render(message)


@pytest.mark.parametrize(
    ("code", "value", "said"),
    [
        ("0000600A01FF", 0x88, "(DSMR: daylight saving, power down)"),
        ("0000600A01FF", 0x10, "(bit 4 set)"),
        ("0000600A01FF", 0x111, "(DSMR: critical error, bit 4 set, bit 8 set)"),
        ("0000600A05FF", 3, "(bit 0 set, bit 1 set)"),
        ("00006162 00FF", 0x2003, "(DSMR: clock invalid, replace battery, fraud attempt)"),
        ("0000616201FF", 9, "(DSMR: voltage sag L1, voltage swell L1)"),
        ("0000616209FF", 1, "(bit 0 set)"),
        ("0000616100FF", 5, "(bit 0 set, bit 2 set)"),
        ("0000600A01FF", 0, ""),
        ("0000600A01FF", True, ""),
        ("0100010800FF", 5, ""),
        ("00", 5, ""),
    ],
)
def test_status_words(code: str, value: int, said: str) -> None:
    assert status_text(bytes.fromhex(code), value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("0900", "empty"),
        ("0301", "true"),
        ("02020FFF161E", "x 10^-1 Wh"),
        ("0102 1101 1102", "array of 2"),
        ("00", "-"),
    ],
)
def test_values_in_words(value: str, said: str) -> None:
    (message,) = [*decode(Conversation("wrapper").request(get(1, ENERGY, 2)).reply(data(value)).trace())][1:]
    assert below_the_tree(message).splitlines()[1].endswith(f"  {said}")


def test_where_a_unit_is_from_is_said_of_numbers_only() -> None:
    talk = known(Conversation("wrapper"), period=False, captured="none")
    message = list(decode(talk.request(get(3, ENERGY, 2)).reply(data("00")).trace()))[-1]
    assert len(below_the_tree(message).splitlines()) == 2
    (one,) = as_json(message)["objects"]  # type: ignore[misc]
    assert one["filled"] is None and one["scaled"] is None


@pytest.mark.parametrize(
    ("class_id", "attribute", "hidden"), [(15, 7, True), (19, 8, True), (45, 3, True), (1, 2, False)]
)
def test_passwords_that_were_read_are_redacted(class_id: int, attribute: int, hidden: bool) -> None:
    talk = Conversation("wrapper").request(get(class_id, "0000280000FF", attribute))
    messages = list(decode(talk.reply(data(text("Gurux-2", "09"))).trace()))
    redactor = Redactor(secrets_of(messages, KeyRing(()), payload=False))
    shown = redactor.text(tree_text.render(messages[-1]))
    assert ("Gurux-2" not in shown) == hidden and ("47 75 72 75 78 2D 32" not in shown) == hidden


def test_values_of_a_table_are_redacted_with_the_payload() -> None:
    message = profile_message()
    redactor = Redactor(secrets_of([message], KeyRing(()), payload=True))
    shown = redactor.text(below_the_tree(message))
    for value in ("123.456", "123.461", "123.648"):  # the second is filled in and stands nowhere in the octets
        assert value in below_the_tree(message) and value not in shown
    made = redactor.json(as_json(message))
    assert "123.461" not in json.dumps(made["profile"])
