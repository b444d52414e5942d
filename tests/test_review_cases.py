"""Inputs that once gave a wrong verdict, a leak or a traceback, each with what is right."""

import subprocess
import sys

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.keyring import KeyRing
from analyzer.model import Record
from analyzer.sources import read_input
from tests.support import (
    AK,
    CLIENT,
    EK,
    INITIATE_REQUEST,
    METER,
    ROOT,
    THREAD,
    Conversation,
    Station,
    aarq,
    ciphered,
    diagnosed,
    plain,
)

LOG, KEYS = str(THREAD / "thread.log"), str(THREAD / "keys.toml")
OTHER = bytes(reversed(METER))


def codes(talk: Conversation, ring: KeyRing | None = None) -> list[str]:
    return [finding.code for finding in diagnosed(talk, ring).findings]


def test_a_cut_aarq_is_no_fault_of_the_client() -> None:
    for size in range(10, 44):
        talk = Conversation().connect()
        talk.request(aarq(INITIATE_REQUEST))
        last = talk.records[-1]
        talk.records[-1] = Record(last.number, last.data[: min(size, len(last.data) - 2)], last.direction)
        assert not {"user-information-missing", "llc-missing"} & set(codes(talk))


def test_a_cut_llc_header_is_not_missing() -> None:
    talk = plain()
    last = talk.records[7]
    talk.records[7] = Record(last.number, last.data[:12], last.direction)
    assert "frame-length-wrong" in codes(talk) and "llc-missing" not in codes(talk)


def test_a_missing_closing_flag_is_called_so() -> None:
    talk = plain()
    last = talk.records[-1]
    talk.records[-1] = Record(last.number, last.data[:-1], last.direction)
    found = {finding.code: finding for finding in diagnosed(talk).findings}
    assert "frame-length-wrong" not in found
    assert any("behind the frame is missing" in text for text in found["stray-octets"].evidence)


@pytest.mark.parametrize("order", [0, 1])
def test_keys_of_several_meters_open_an_aarq(order: int) -> None:
    table = '[[meter]]\nsystem_title="{}"\nglobal_unicast_encryption_key="{}"\nauthentication_key="{}"\n'
    tables = [
        table.format(METER.hex(), EK.hex(), AK.hex()),
        table.format(OTHER.hex(), EK[::-1].hex(), AK[::-1].hex()),
    ]
    ring = KeyRing.from_toml("".join(tables[::-1] if order else tables))
    verdicts = [m.security.verdict for m in decode(ciphered().trace(), ring) if m.security is not None]
    assert verdicts and set(verdicts) == {"verified"}


def test_a_key_for_another_meter_is_not_a_missing_key() -> None:
    ring = KeyRing.from_options(ek=EK.hex(), ak=AK.hex(), server_title=OTHER.hex())
    result = diagnosed(ciphered(), ring)
    assert "system-title-unknown" in [finding.code for finding in result.findings]
    assert "well-known-key" not in [finding.code for finding in result.findings]
    assert "for another meter" in " ".join(result.statements)
    assert "no encryption key was given" not in " ".join(result.statements)


def test_a_key_of_a_wrong_length_is_diagnosed() -> None:
    talk = ciphered(client=Station(CLIENT, ek=EK[:15] + b"\0"), meter=Station(METER, ek=EK[:15] + b"\0"))
    assert codes(talk, KeyRing.from_options(ek=EK[:15].hex(), ak=AK.hex()))[0] == "key-length"


@pytest.mark.parametrize("command", [["diff", LOG], ["decode", LOG], ["decode", LOG, "--format", "summary"]])
def test_redacted_values_are_covered_where_they_are_wrapped_or_cut(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main([*command, "--keys", KEYS, "--redact=payload"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "hxcpu" not in shown and "68 78 63 70" not in shown and "****" in shown


def test_edit_does_not_pretend_to_redact(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", f"{LOG}#2", "--redact", "--record", "3", "--set", "llc_quality=1"]) == 2
    assert "cannot be redacted" in capsys.readouterr().err


def test_edit_asks_for_the_keys(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["edit", f"{LOG}#2", "--record", "3", "--set", "proposed_dlms_version_number=6"]) == 2
    assert "give its keys" in capsys.readouterr().err


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-"])
def test_closed_streams(closed: str) -> None:
    command = f"'{sys.executable}' -m analyzer.cli diagnose - {closed}"
    made = subprocess.run(["bash", "-c", command], cwd=ROOT, input=b"", capture_output=True, check=False)
    assert b"Traceback" not in made.stderr and made.returncode == 2


def test_frames_of_both_sides_on_one_line() -> None:
    snrm, ua = (record.data.hex(" ") for record in plain().records[:2])
    (trace,) = read_input(f"We send: {snrm} and the meter answers {ua}\n".encode(), "mail")
    assert [message.direction for message in decode(trace, KeyRing())] == ["client", "meter"]


def test_plain_words_head_a_trace() -> None:
    hexed = "\n".join(
        ("Send:\n" if r.direction == "client" else "Receive:\n") + r.data.hex(" ") for r in plain().records
    )
    text = f"This one works:\n\n{hexed}\n\nThis one does not work:\n\n{hexed}\n"
    assert [trace.name for trace in read_input(text.encode(), "mail")] == ["This one works", "This one does not work"]


def test_one_frame_by_itself_is_no_silence_and_noise_is_not_healthy() -> None:
    talk = Conversation()
    talk.link(0x93)
    assert "no-reply" not in codes(talk)
    noise = Conversation()
    noise.add(bytes.fromhex("11223344556677"), "unknown")
    assert diagnosed(noise).health != "ok"
