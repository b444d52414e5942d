"""What is a secret in one of several inputs is covered in all of them, whichever comes first."""

from __future__ import annotations

import argparse
import io
import re
import sys
from pathlib import Path

import pytest

from analyzer.cli import main
from analyzer.cli.record import _shower
from analyzer.decoding import decode
from analyzer.keyring import KeyRing
from analyzer.model import Direction, Record, Trace
from analyzer.redaction import Learner
from tests import captured
from tests.captured import Connection
from tests.support import EK, GET_CLOCK, INITIATE_REQUEST, INITIATE_RESPONSE, METER, aare, aarq, wrapped

PASSWORD = b"hunter2-of-meters"
OPENING = [
    wrapped(aarq(INITIATE_REQUEST, mechanism=1, challenge=PASSWORD), 16, 1),
    wrapped(aare(INITIATE_RESPONSE, title=METER), 1, 16),
]  # they tell the password and the title
READING = [  # here they are values like others
    octets
    for value in (METER, PASSWORD, EK, METER[3:])
    for octets in (
        wrapped(GET_CLOCK, 16, 1),
        wrapped(bytes.fromhex("C401C10009") + bytes([len(value)]) + value, 1, 16),
    )
]
FORMS = [
    *(("decode", "--format", form) for form in ("tree", "summary", "jsonl", "json", "xml")),
    ("decode", "--format", "summary", "--jobs", "2"),
    *(("diff", "--format", form) for form in ("text", "json", "html")),
    *(("diagnose", "--format", form) for form in ("text", "json", "markdown", "html")),
    *(("overview", "--format", form) for form in ("text", "json")),
    *(("export", "--to", form) for form in ("hex", "jsonl", "csv", "pcapng", "parquet")),
    *(("export", "--to", form, "--table", "values") for form in ("csv", "parquet")),
]


def log(path: Path, apdus: list[bytes]) -> str:
    path.write_text("".join(f"{'RX' if at % 2 else 'TX'}: {octets.hex(' ')}\n" for at, octets in enumerate(apdus)))
    return str(path)


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[str, str]:
    """One that tells secrets, and one, which is called like a meter, in which they stand unknown."""
    return log(tmp_path / "opening.log", OPENING), log(tmp_path / f"{METER.hex().upper()}.log", READING)


def shown(octets: bytes) -> set[str]:
    """The secrets that some output has, as octets, as hexadecimal in any spacing, as text."""
    text = octets.decode("latin-1")
    flat = "\n".join(re.sub(r"[\s:|]", "", one).upper() for one in (text, re.sub(r"<[^<>\n]*>", "", text)))
    names = {"title": METER, "password": PASSWORD, "key": EK, "serial number": METER[3:]}
    return {
        name
        for name, secret in names.items()
        if secret in octets or secret.hex().upper() in flat or (secret.isascii() and secret.decode() in text)
    }


@pytest.mark.parametrize("form", FORMS, ids=" ".join)
def test_each_is_covered_in_both(
    form: tuple[str, ...], inputs: tuple[str, str], tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    for redact in ("--redact", "--redact=payload"):
        for given in (inputs, inputs[::-1]):
            assert main([*form, *given, "--color", "never", "--ek", EK.hex(), redact]) in (0, 1)
            printed = capsysbinary.readouterr()
            assert printed.out and not shown(printed.out)
    assert main([*form, *inputs, "--color", "never", "--ek", EK.hex()]) in (0, 1)
    assert "title" in shown(capsysbinary.readouterr().out) or form[-1] == "parquet"  # that is packed


def test_one_by_itself_does_not_tell(inputs: tuple[str, str], capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Else the others would test nothing."""
    assert main(["decode", inputs[1], "--redact", "--ek", EK.hex()]) == 0
    assert shown(capsysbinary.readouterr().out) == {"title", "password", "serial number"}


def test_conversations_that_come_by_a_pipe(
    tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one has told is covered in those that go on; nothing is known before it comes."""
    packets = []
    for port, apdus in ((50001, OPENING), (50002, READING)):
        connection = Connection((("10.1.0.6", port), captured.METER))
        for at, octets in enumerate(apdus):
            connection.say(at % 2, octets)
        packets += connection.datagrams()
    path = tmp_path / "growing.pcap"
    path.write_bytes(captured.pcap(captured.timed(packets), 101))
    for form in ("tree", "summary", "jsonl", "xml"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        for given in ((str(path), "--redact"), ("-", "--redact"), ("-", "--as", "pcap", "--redact")):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
            assert main(["decode", *given, "--format", form, "--ek", EK.hex()]) == 0
            assert not shown(capsysbinary.readouterr().out)


def test_what_one_conversation_of_a_recording_told_is_covered_in_the_next(
    capsysbinary: pytest.CaptureFixture[bytes],
) -> None:
    for redact in ("secrets", "payload"):
        options = dict.fromkeys(("ek", "ak", "bek", "dedicated_key", "kek", "client_title", "server_title"))
        options |= {"password": None, "keys": None, "color": "never", "redact": redact, "format": "tree"}
        show = _shower(argparse.Namespace(**(options | {"ek": EK.hex()})))
        for name, apdus in (("first", OPENING), ("second", READING)):
            sides: tuple[Direction, Direction] = "client", "meter"
            records = [Record(at + 1, octets, sides[at % 2]) for at, octets in enumerate(apdus)]
            for message in decode(Trace(name, name, records)):
                show(name, message)
        assert not shown(capsysbinary.readouterr().out)


def test_values_of_a_recording_are_not_kept() -> None:
    """It may go on for days."""
    records = [Record(1, READING[1], "meter")]
    (message,) = decode(Trace("t", "t", records))
    learner = Learner(KeyRing(), payload=False)
    learner.learn([message])
    assert METER.hex() in learner.redactor.text(METER.hex())
    assert METER.hex() not in learner.with_values([message]).text(METER.hex())
    assert METER.hex() in learner.redactor.text(METER.hex()) and repr(learner) == "Learner()"
