"""Logs as tools write them, and lines in them that look like something else: no octet changes and none is left out."""

from __future__ import annotations

import json

import pytest

from analyzer.model import Record, Trace
from analyzer.sources import read_input
from analyzer.sources.hexlog import read_hexlog
from tests.lab.forms import TEXTS, same_octets, through

MARKUP = bytes.fromhex("0001000100010027c306c100000000031e3c70e47845c36d3ebc")  # has "<p", three octets and "m>"
AARQ = bytes.fromhex("7EA00A0002FEFF03935E927E")


def trace_of(*records: tuple[str, bytes]) -> Trace:
    made = (Record(number, data, side) for number, (side, data) in enumerate(records, 1))  # type: ignore[arg-type]
    return Trace("lab", "lab", tuple(made))


def rows(text: str) -> list[tuple[str, bytes]]:
    return [(record.direction, record.data) for trace in read_hexlog(text, "x") for record in trace]


def test_a_literal_with_a_tag_in_it_is_octets() -> None:
    for data in (MARKUP, b"\x00\x01<p>\x05</p>", b"\x01<div class='x'>\x02\"<br>"):
        assert rows(f"2026-11-26 10:00:00,350 DEBUG Sending: {data!r}\n") == [("client", data)]
    assert rows(f'<pre>Sending: {AARQ!r}</pre>\n<p>Received: <span class="s">{AARQ!r}</span></p>\n') == [
        ("client", AARQ),
        ("meter", AARQ),
    ]


COLUMNS = {
    "a bytes literal": b"\x04A\x85l\x7f\xe0\x81b'\x05\x00",
    "another literal": b'\xb1b">\xaa|\xb1',
    "a literal that ends": b"\x01b'7E A0'\x02",
    "the letter of a direction": b"W",
    "another letter": b"r",
    "digits and a direction": b"12",
    "a bar at the end": b" \xaa\\C$Uk\x90F\xcf\xb3M\x05/\xe8|",
    "bars": b"\x00||",
    "an arrow": b"\x11->",
    "spaces": b"  A  ",
    "hex": b"7E A0 0A 00 02",
    "a comment": b"\x05// no",
    "dots": b"\x01..\x02",
    "a clock": b"10:00:02",
}


@pytest.mark.parametrize("form", ["eltima", "device monitoring studio", "hhd serial monitor"])
@pytest.mark.parametrize("name", COLUMNS)
def test_the_column_of_characters_is_no_second_reading(name: str, form: str) -> None:
    for before in (b"", bytes(range(16)), AARQ + b"abcd"):
        trace = trace_of(("client", AARQ), ("meter", before + COLUMNS[name]), ("client", AARQ))
        assert same_octets(trace, through(trace, form, "hdlc", 1)), before


def test_a_row_of_one_octet_is_none_of_the_client() -> None:
    """`57   W` is an octet and its character, and no number in front of "write"."""
    for octet in range(256):
        trace = trace_of(("meter", AARQ + b"xyz!" + bytes([octet])))
        assert same_octets(trace, through(trace, "eltima", "hdlc", 1)), octet


def test_octets_that_spell_words_in_a_log_of_runs_of_digits() -> None:
    text = "--> 7ea00a\n<-- aeea\n--> be\n<-- face\n"
    assert [data.hex() for _, data in rows(text)] == ["7ea00a", "aeea", "be", "face"]
    assert rows("--> 7e a0 0a\n--> added\n<-- face\n") == [("client", b"\x7e\xa0\x0a")]


def test_a_log_of_one_octet_is_a_log() -> None:
    for form in TEXTS:
        trace = trace_of(("meter", b"\xe5"))
        assert same_octets(trace, through(trace, form, "mbus", 1)), form


def test_one_side_alone_in_socat_s_output_is_no_quotation() -> None:
    trace = trace_of(("client", AARQ), ("client", AARQ))
    assert same_octets(trace, through(trace, "socat -x", "hdlc", 1))


def test_short_records_in_objects_keep_their_side_and_time() -> None:
    lines = [
        {"ts": 1700000000.25, "direction": "out", "payload": "7e a0", "len": 2},
        {"ts": 1700000000.5, "direction": "in", "payload": [229]},
        {"time": "10:00:00.125", "dir": "RX", "data": "0xE5"},
        {"time": "10:00:00.125", "side": "meter -> client", "hex": "06"},
        {"dir": "TX", "data": "face"},
    ]
    (trace,) = read_input("".join(json.dumps(line) + "\n" for line in lines).encode(), "x")
    assert [(r.direction, r.data.hex()) for r in trace] == [
        ("client", "7ea0"), ("meter", "e5"), ("meter", "e5"), ("meter", "06"), ("client", "face"),
    ]  # fmt: skip
    assert [r.seconds for r in trace][:2] == [1700000000.25, 1700000000.5] and trace.issues == ()


@pytest.mark.parametrize(
    "line",
    [
        '{"level": "info", "data": "12"}',
        '{"dir": "TX", "event": "key", "data": "000102030405060708090a0b0c0d0e0f"}',
        '{"dir": "TX", "data": "hello"}',
        '{"dir": "TX", "data": [1, 999]}',
        '{"dir": "TX", "data": ',
        "{" * 50 + '"dir"',
        '{"a":' * 5000 + "1" + "}" * 5000,
    ],
)
def test_objects_without_traffic_are_none(line: str) -> None:
    assert rows(line) == []
