"""A port at the wrong speed: proven by the frame behind the octets, and never said of healthy traces."""

from __future__ import annotations

import pytest

from analyzer.diagnosis.rules.speed import RATIOS, sent_as
from analyzer.model import Finding, Record, Trace
from tests.support import Conversation, ciphered, diagnosed, frame, plain


def codes(records: list[Record]) -> dict[str, Finding]:
    return {f.code: f for f in diagnosed(Trace("t", "t", records)).findings}


def test_each_bit_is_seen_several_times() -> None:
    # 55 is 0 1010 1010 1 on the line. Twice as fast: a start bit, then 0 11 00 11 0, and a stop bit that is missing
    assert sent_as(b"\x55", 2) == b"\x66"
    assert sent_as(b"\x00", 8)[:1] == b"\x00"
    assert sent_as(bytes.fromhex("7EA0"), 1) == bytes.fromhex("7EA0")


@pytest.mark.parametrize("ratio", RATIOS)
def test_a_wrong_speed_is_told_with_its_ratio(ratio: int) -> None:
    heard = sent_as(frame(0x73, to_server=False), ratio)
    found = codes([Record(1, frame(0x93), "client"), Record(2, heard, "meter")])["baud-mismatch"]
    assert found.certainty == "likely"
    assert f"by {ratio};" in found.fix


def test_runs_of_bits_alone_are_likely() -> None:
    heard = bytes.fromhex("00 FF F8 FE 80 E0 F0 00 00 FF FC 00 80 F8 FE FF 00 E0 80 00 12 F0")
    found = codes([Record(1, frame(0x93), "client"), Record(2, heard, "meter")])["baud-mismatch"]
    assert found.certainty == "possible"


@pytest.mark.parametrize("talk", [plain(), ciphered(), plain("wrapper"), plain("none"), ciphered("none")])
def test_healthy_traces_have_the_right_speed(talk: Conversation) -> None:
    assert "baud-mismatch" not in codes(talk.records)


def test_other_octets_are_not_a_wrong_speed() -> None:
    for octets in (b"\x00" * 3, b"hello world, this is a shell prompt\r\n", bytes(range(256))):
        assert "baud-mismatch" not in codes([Record(1, octets, "meter")])
