"""Names, values and texts of a trace as people see them: nothing lost, nothing claimed that no source gives, nothing that
a terminal would obey."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.model import Record, Trace
from analyzer.report import simple_xml
from analyzer.report.summary import summary
from analyzer.report.tree_text import render
from analyzer.report.values import values_of
from grammars.meanings import class_of, obis_code, obis_meaning, status_text
from tests.support import wrapped

# What Czech meters send (Sagemcom XT211, and the example of the grid company EG.D): untagged attribute descriptors.
DESCRIBED = (
    "0F 00000001 00 0202 1601 0103 0202 0001 00002A0000FF 02 0909454744303132333435"
    "0202 0003 0100010700FF 02 06 00000003 0202 0003 0100010800FF 02 06 00000008"
)
COMMANDS = "1B5B324A 41 07 00 9B 0D 0A 7F"  # clear the screen, bell, NUL, CSI of one octet, line ends, delete


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace(" ", ""))


def pushed(body: str) -> Message:
    (message,) = decode(Trace("t", "t", (Record(1, wrapped(octets("0F40000000 00" + body), 1, 16)),)))
    return message


def described() -> Message:
    (message,) = decode(Trace("t", "t", (Record(1, wrapped(octets(DESCRIBED), 1, 16)),)))
    return message


# -- attribute descriptors without tags ---------------------------------------------------------------------------


def test_values_with_untagged_descriptors_have_their_names() -> None:
    carried = described().carried
    assert [(one.instance_id, one.class_id, one.attribute_id) for one in carried] == [
        (None, None, None),
        (octets("00002A0000FF"), 1, 2),
        (octets("0100010700FF"), 3, 2),
        (octets("0100010800FF"), 3, 2),
    ]


def test_values_with_untagged_descriptors_are_in_the_json() -> None:
    assert values_of(described()) == [
        [
            1,
            [
                [[1, "00002A0000FF", 2], "454744303132333435"],
                [[3, "0100010700FF", 2], 3],
                [[3, "0100010800FF", 2], 8],
            ],
        ]
    ]


def test_values_with_untagged_descriptors_are_shown() -> None:
    message = described()
    assert summary(message).endswith("3 values with their names")
    lines = render(message).partition("    values\n")[2].splitlines()
    assert [line.split()[0] for line in lines] == ["(not", "0-0:42.0.0*255", "1-0:1.7.0*255", "1-0:1.8.0*255"]
    assert lines[1].endswith("logical device name                             EGD012345")


def test_values_with_untagged_descriptors_are_in_the_xml() -> None:
    text = simple_xml.render(described())
    assert '<InstanceId Value="0100010800FF" />' in text and '<UInt32 Value="00000008" />' in text


def test_an_untagged_value_that_is_composed_keeps_its_name() -> None:
    body = "0202 1601 0102 0202 0001 0000600D00FF 02 0202 1101 1102 0202 0003 0100010700FF 02 06 00000003"
    assert [one.name for one in pushed(body).carried] == [
        "",
        "consumer message",
        "active power import (+A), instantaneous",
    ]


# -- code, time, value, scaler and unit ---------------------------------------------------------------------------


@pytest.mark.parametrize("outer", ["01", "02"])
@pytest.mark.parametrize("time", ["090C 07E60B03040F2619FFFFC400", "19 07E60B03040F2619FFFFC400"])
def test_code_time_value_and_unit(outer: str, time: str) -> None:
    row = "{0}04 0906 0100{1}00FF {2} 06 00000552 0202 0F00 161B"
    message = pushed(f"{outer}02" + row.format(outer, "0107", time) + row.format(outer, "0207", time))
    assert [(one.instance_id, one.unit) for one in message.carried] == [
        (octets("0100010700FF"), 27),
        (octets("0100020700FF"), 27),
    ]
    assert {one.time for one in message.carried} == {octets("07E60B03040F2619FFFFC400")}
    assert "1362 W" in render(message)


def test_a_clock_before_another_object_stays_a_value() -> None:
    message = pushed("0104 0906 0000010000FF 090C 07E60B03040F2619FFFFC400 0906 0100010700FF 06 00000552")
    assert [one.name for one in message.carried] == ["clock", "active power import (+A), instantaneous"]


# -- names --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("0-0:1.0.0*255", "clock"),
        ("0-0:1.8.0*255", ""),
        ("0-0:2.0.0*255", "modem"),
        ("0-0:2.8.0*255", ""),
        ("0-0:42.1.0*255", ""),
        ("0-0:40.0.3*255", "association"),
        ("0-0:40.9.3*255", ""),
        ("0-0:97.97.0*255", "error register"),
        ("1-0:97.97.0*255", "error register"),
        ("1-0:97.1.0*255", ""),
        ("0-0:97.98.0*255", "alarm register"),
        ("0-0:97.98.9*255", "alarm register"),
        ("0-0:97.98.10*255", "alarm filter"),
        ("0-0:97.98.19*255", "alarm filter"),
        ("0-0:97.98.20*255", "alarm descriptor"),
        ("0-0:97.98.29*255", "alarm descriptor"),
        ("0-0:97.98.30*255", ""),
    ],
)
def test_no_name_is_claimed_that_the_standard_does_not_give(code: str, words: str) -> None:
    assert obis_meaning(obis_code(code)) == words


def test_only_the_clock_has_its_class_by_its_code() -> None:
    assert class_of(obis_code("0-0:1.0.0*255")) == 8
    assert class_of(obis_code("1-0:1.0.0*255")) is class_of(obis_code("0-0:1.8.0*255")) is class_of(b"") is None


@pytest.mark.parametrize(("code", "said"), [("0-0:97.98.10*255", ""), ("0-0:97.98.11*255", ""),
                                            ("0-0:97.98.20*255", "(bit 0 set, bit 1 set)")])  # fmt: skip
def test_bits_of_dsmr_belong_to_the_alarm_registers_alone(code: str, said: str) -> None:
    assert status_text(obis_code(code), 3) == said


def test_a_clock_of_a_push_whose_day_of_week_is_0_is_a_time() -> None:
    """EMBRIQ_V1_1 (Landis+Gyr ZMF100) sends 07E3 04 01 00 ...: the object is the clock, so it is a time."""
    shown = render(pushed("0101 0202 0906 0000010000FF 090C 07E3040100 0D0006FF 000000"), width=140)
    tree, _, values = shown.partition("    values\n")
    assert "2019-04-01 13:00:06" in tree and "2019-04-01 13:00:06" in values


def test_the_same_octets_of_another_object_are_no_time() -> None:
    assert "2019-04-01" not in render(pushed("0101 0202 0906 0000600100FF 090C 07E3040100 0D0006FF 000000"))


# -- what a terminal would obey -----------------------------------------------------------------------------------


def hostile_messages() -> Iterator[bytes]:
    text = octets(COMMANDS)
    for tag in ("0A", "0C", "09"):
        value = octets(tag) + bytes([len(text)]) + text
        yield wrapped(octets("0F40000000 00 0101 0202 0906 0000600100FF") + value, 1, 16)
        yield wrapped(octets("C401C100") + value, 1, 16)
    yield wrapped(octets("C401C100 0C 04 E280AE 41"), 1, 16)  # a mark of writing direction in UTF-8


def is_plain(text: str) -> bool:
    return all(character == "\n" or character.isprintable() for character in text)


def test_a_text_of_a_push_does_not_reach_the_terminal_as_it_is() -> None:
    """ESC [2J and BEL stand in a visible-string that a push names."""
    message = pushed("0101 0202 0906 0000600100FF 0A07 1B5B324A410741")
    assert is_plain(render(message)) and is_plain(summary(message))
    assert r"\x1b[2JA\x07A" in render(message).partition("    values\n")[2]


@pytest.mark.parametrize(
    "command",
    [
        ["decode"],
        ["decode", "--format", "summary"],
        ["decode", "--format", "json"],
        ["decode", "--format", "jsonl"],
        ["decode", "--redact=payload"],
        ["diagnose"],
        ["diagnose", "--format", "markdown"],
        ["diagnose", "--format", "json"],
        ["diff"],
        ["diff", "--format", "json"],
        ["export", "--to", "jsonl"],
        ["export", "--to", "hex"],
        ["export", "--to", "csv", "--table", "messages"],
        ["export", "--to", "csv", "--table", "values"],
    ],
)
def test_no_report_has_commands_to_the_terminal(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In values, in the time and the heading of a log, and in the name of its file."""
    path = tmp_path / "log\x1b[2J\x07\x9b.txt"
    rows = [f"12:00:0{n} \x1b[2JRX: {data.hex(' ')}" for n, data in enumerate(hostile_messages())]
    more = [f"12:00:0{n} \x1b[2JRX: {data.hex(' ')[:-1]}1" for n, data in enumerate(hostile_messages())]
    path.write_text("\n".join(["MY \x1b[31m\x07SOFTWARE\x9b", "", *rows, "", "THE \x1b]0;x\x07OTHER", "", *more]))
    arguments = [str(path)]
    if command[0] == "diff":
        other = tmp_path / "other\x1b[2J\u202e.txt"
        other.write_text("\n".join(more))
        arguments = [f"{path}#1", str(other)]
    target = tmp_path / "out"
    main([*command, *arguments, *(["-o", str(target)] if command[0] == "export" else [])])
    out, err = capsys.readouterr()
    shown = target.read_text() if command[0] == "export" else out
    assert shown.strip() and is_plain(shown) and is_plain(err)
    if "json" in command:
        json.loads(shown)


def test_errors_do_not_reach_the_terminal_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["decode", "/nowhere/\x1b[2J\x07"]) == 2
    assert is_plain(capsys.readouterr().err)


@pytest.mark.parametrize("command", ["decode", "diagnose"])
def test_colours_are_the_only_commands(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    for record in hostile_messages():
        main([command, "--color", "always", "--hex", record.hex()])
        shown = capsys.readouterr().out
        assert "\x1b[" in shown and is_plain(re.sub(r"\x1b\[(0|1|2|33|1;31|1;32)m", "", shown))


# -- redaction: see test_redaction_payload.py for every report -----------------------------------------------------


@pytest.mark.parametrize("value", ["06 000003E4", "06 00003039", "17 4348E666", "19 07E60B03040F2619FFFFC400"])
def test_redacted_values_are_not_in_the_octets_either(value: str, capsys: pytest.CaptureFixture[str]) -> None:
    record = wrapped(octets("C401C100" + value), 1, 16).hex()
    assert main(["decode", "--redact=payload", "--format", "json", "--hex", record]) == 0
    assert octets(value)[1:].hex().upper() not in capsys.readouterr().out.upper()


@pytest.mark.parametrize(("value", "shown"), [("12 00E6", "230"), ("17 4348E666", "200.89"), ("06 000003E4", "996"),
                                              ("19 07E60B03040F2619FFFFC400", "15:38:25")])  # fmt: skip
def test_redacted_values_are_not_shown(value: str, shown: str, capsys: pytest.CaptureFixture[str]) -> None:
    body = octets("0F40000000 00 0202 0906 0100010700FF" + value)
    assert main(["decode", "--redact=payload", "--hex", wrapped(body, 1, 16).hex()]) == 0
    assert shown not in capsys.readouterr().out
