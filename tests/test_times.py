"""Dates and times: what is not specified, daylight saving, deviation, status; octets that are a time by their attribute."""

import pytest

from analyzer.decoding import decode
from analyzer.message import Message
from analyzer.report import tree_text
from analyzer.report.message_json import render
from analyzer.tree import tree_of
from grammars import readings
from grammars.meanings import interface_class, times_of
from tests.support import Conversation


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        ("07E80B1A020A1E0F00FFC480", "2024-11-26 10:30:15 deviation -60 min, daylight-saving-active"),
        ("07E80B1AFF0A1E0FFF800000", "2024-11-26 10:30:15"),
        ("07E80B1AFF0A1E0F32FEB6FF", "2024-11-26 10:30:15.50 deviation -330 min"),
        ("FFFFFEFE0702000000800000", "*-dst-begin-last Sun 02:00:00"),
        ("FFFFFDFD0703000000003C80", "*-dst-end-second-last Sun 03:00:00 deviation +60 min, daylight-saving-active"),
        ("07E8FFFEFF000000FF800000", "2024-*-last 00:00:00"),
        ("07E803FE07020000FF800000", "2024-03-last Sun 02:00:00"),
        ("FFFF0A04FF000000FF8000FF", "*-10-04 00:00:00"),
        ("FFFFFFFF01060000FF8000FF", "every Mon 06:00:00"),
        ("FFFFFFFFFFFF0F00FF8000FF", "*-*-* *:15:00"),
        ("FFFFFFFFFFFFFFFFFF8000FF", "*-*-* *:*:*"),
        ("07E80B1AFF0A1E0F0000000F", "2024-11-26 10:30:15 deviation +0 min, invalid-value, doubtful-value, "
         "different-clock-base, invalid-clock-status"),
        ("07E80B1AFF0A1E0F00800070", "2024-11-26 10:30:15, reserved bits 70"),
        ("07E80B1AFF0A1E0F00800081", "2024-11-26 10:30:15, invalid-value, daylight-saving-active"),
    ],
)  # fmt: skip
def test_date_times(octets: str, text: str) -> None:
    assert readings.date_time(bytes.fromhex(octets)) == text
    assert readings.is_date_time(bytes.fromhex(octets))


@pytest.mark.parametrize(
    ("octets", "text"),
    [("07E80B1A02", "2024-11-26"), ("FFFFFFFF07", "every Sun"), ("FFFFFEFE07", "*-dst-begin-last Sun"),
     ("FFFF0C18FF", "*-12-24"), ("07E8FFFFFF", "2024-*-*"), ("FFFF03FD01", "*-03-second-last Mon")],
)  # fmt: skip
def test_dates(octets: str, text: str) -> None:
    assert readings.date(bytes.fromhex(octets)) == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [("0A1E0F00", "10:30:15"), ("0A1E0F63", "10:30:15.99"), ("FF0F00FF", "*:15:00"), ("FFFFFFFF", "*:*:*")],
)
def test_times(octets: str, text: str) -> None:
    assert readings.time(bytes.fromhex(octets)) == text


def test_attributes_with_times_exist() -> None:
    found = 0
    for class_id in range(200):
        known = interface_class(class_id)
        for index in range(1, 40):
            if times_of(class_id, index):
                found += 1
                assert known is not None and index in known.attributes, (class_id, index)
                assert set(times_of(class_id, index)) <= {4, 5, 12}
    assert found > 20


def answered(class_id: int, attribute: int, value: str) -> Message:
    talk = Conversation("wrapper").request(bytes.fromhex(f"C001C1{class_id:04X}0000010000FF{attribute:02X}00"))
    return list(decode(talk.reply(bytes.fromhex("C401C100" + value)).trace()))[-1]


@pytest.mark.parametrize(
    ("class_id", "attribute", "value", "meanings"),
    [
        (22, 4, "0101020209040A1E0000" + "0905FFFFFFFF07", ["10:30:00", "every Sun"]),  # execution_time
        (11, 2, "010102031200010905FFFF0C18FF1101", ["*-12-24"]),  # special days
        (8, 5, "090CFFFF03FE0702000000800000", ["*-03-last Sun 02:00:00"]),
        (4, 5, "090C07E80B1A020A1E0F00FFC400", ["2024-11-26 10:30:15 deviation -60 min"]),
        (5, 7, "090C07E80B1A020A1E0F00FFC400", ["2024-11-26 10:30:15 deviation -60 min"]),
        (8, 2, "090C07E80B1A0225000000800000", ["2024-11-26 37:00:00"]),  # no hour, and still a time
        (1, 2, "0904 0A1E0000", []),  # of a Data object nobody knows
        (20, 3, "01010203090141090CFFFF0101FF000000FF8000FF0904414243 44", ["*-01-01 00:00:00"]),
    ],
)
def test_octets_that_are_a_time_by_their_attribute(
    class_id: int, attribute: int, value: str, meanings: list[str]
) -> None:
    message = answered(class_id, attribute, value)
    said = [node.meaning for node in tree_of(message).walk() if node.name == "octet-string" and node.meaning]
    assert [text for text in said if not text.startswith('"')] == meanings


def test_a_time_in_the_outputs() -> None:
    message = answered(4, 5, "090C07E80B1A020A1E0F00FFC480")
    (one,) = render(message)["objects"]
    assert one["text"] == "2024-11-26 10:30:15 deviation -60 min, daylight-saving-active"
    assert one["value"] == "07E80B1A020A1E0F00FFC480"
    assert "capture_time" in tree_text.render(message) and one["name"] == "clock capture_time"


def test_the_time_of_an_extended_register_goes_with_its_value() -> None:
    code = "0100010800FF"
    talk = Conversation("wrapper")
    talk.request(bytes.fromhex(f"C003C1030004{code}03000004{code}02000004{code}0500"))
    talk.reply(bytes.fromhex("C403C103" + "0002020FFF161E" + "000600000007" + "00090C07E80B1A020A1E0F00FFC400"))
    message = list(decode(talk.trace()))[-1]
    assert message.answers[1].time == bytes.fromhex("07E80B1A020A1E0F00FFC400")
    assert render(message)["objects"][1]["time"] == "2024-11-26 10:30:15 deviation -60 min"


@pytest.mark.parametrize("size", range(13))
def test_times_that_are_cut_off_have_no_text(size: int) -> None:
    whole = bytes.fromhex("07E80B1A020A1E0F00FFC480")
    assert bool(readings.date_time(whole[:size])) == (size == 12)
    assert bool(readings.date(whole[:size])) == (size == 5)
    assert bool(readings.time(whole[:size])) == (size == 4)


@pytest.mark.parametrize("tag", ["19", "1A", "1B"])
def test_a_time_that_is_cut_off_is_shown_as_far_as_it_goes(tag: str) -> None:
    for size in range(12):
        message = answered(8, 2, tag + "07E80B1A020A1E0F00FFC480"[: 2 * size])
        assert tree_text.render(message) and render(message)["tree"]
