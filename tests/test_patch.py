"""The trace as it should have been: read back, it is healthy as far as the corrections go."""

from pathlib import Path

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.diagnosis.patch import patched
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from analyzer.report import patch_hexlog
from analyzer.sources import read_input
from tests.support import (
    AK,
    CLIENT,
    CLOCK,
    GET_CLOCK,
    INITIATE_REQUEST,
    METER,
    THREAD,
    Conversation,
    Station,
    aarq,
    ciphered,
    frame,
    keys,
    plain,
)
from tests.test_diagnose_keys import FIELDS, SIDES


def patch(trace: Trace, ring: KeyRing) -> tuple[str, list[Diagnosis]]:
    """The patched log of a trace, and the diagnoses of what is read from it."""
    messages = list(decode(trace, ring))
    found = diagnose([(trace, messages)], ring)[0]
    text = patch_hexlog.render([(found.trace, patched(found, messages, ring))])
    read = read_input(text.encode(), "out.log")
    return text, diagnose([(one, list(decode(one, ring))) for one in read], ring)


def errors(found: list[Diagnosis]) -> list[str]:
    return [f.code for one in found for f in one.findings if f.severity == "error"]


def test_the_thread(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, ring = str(tmp_path / "out.log"), ["--keys", str(THREAD / "keys.toml")]
    assert main(["diagnose", str(THREAD / "thread.log"), *ring, "--patch", out]) == 1
    assert main(["diagnose", out, *ring]) == 0
    assert "MY SOFTWARE  3 messages of out.log" in capsys.readouterr().out


def test_a_healthy_trace_stays_as_it_is() -> None:
    trace = ciphered().trace("healthy")
    text, found = patch(trace, keys())
    assert [bytes.fromhex(row.partition(": ")[2]) for row in text.splitlines() if ": " in row] == [
        r.data for r in trace
    ]
    assert errors(found) == []


@pytest.mark.parametrize("framing", ["hdlc", "wrapper"])
@pytest.mark.parametrize("name", SIDES)
def test_what_was_protected_wrongly_is_sealed_as_it_should_be(name: str, framing: str) -> None:
    client, meter, code, _ = SIDES[name]
    fresh = [Station(**{f: getattr(s, f) for f in FIELDS}) if s else None for s in (client, meter)]
    text, found = patch(ciphered(framing, *fresh).trace(), keys())
    if name in ("client with another EK", "client with another AK"):
        assert "cannot be corrected here" in text  # nobody knows the key
        return
    assert code in text and errors(found) == []
    assert found[0].counts == {"verified": 10, "unauthenticated": 0, "failed": 0, "no-key": 0}


def test_keys_that_the_analyst_gave_wrongly_are_no_fault_of_the_trace() -> None:
    trace = ciphered().trace()
    text, _ = patch(trace, keys(ak=AK[::-1].hex()))
    assert "//" not in text


def test_what_follows_from_a_wrong_frame_is_left_out_and_the_next_session_is_a_trace() -> None:
    talk = Conversation().connect().request(aarq(INITIATE_REQUEST), llc=b"")
    talk.close()
    first = list(talk.records)
    second = plain().records
    records = [Record(n, r.data, r.direction) for n, r in enumerate([*first, *second], 1)]
    text, found = patch(Trace("two", "test", records), KeyRing())
    assert errors(found) == []
    assert [one.trace for one in found] == ["two", "two from message 6"]
    assert CLOCK.hex(" ").upper() in text


def test_a_frame_with_one_damaged_octet_is_repaired() -> None:
    talk = plain()
    good = talk.records[5].data
    talk.records[5] = Record(6, good[:20] + bytes([good[20] ^ 4]) + good[21:], "meter")
    text, found = patch(talk.trace(), KeyRing())
    assert good.hex(" ").upper() in text and errors(found) == []


def test_several_faults_of_one_frame_are_corrected_together() -> None:
    client = Station(CLIENT, data=b"\x30")
    talk = Conversation().connect()
    talk.request(
        aarq(
            client.seal(b"\x01\0\0\0\x01" + INITIATE_REQUEST[5:]),
            context=3,
            mechanism=5,
            challenge=b"12345678",
            title=CLIENT,
        ),
        llc=b"",
    )
    ring = keys(server_title=METER.hex())
    _, found = patch(talk.trace(), ring)
    assert errors(found) == [] and found[0].counts["verified"] == 1


def test_redaction_and_patch_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["diagnose", str(THREAD / "thread.log"), "--patch", "-", "--redact"]) == 2
    assert "cannot be redacted" in capsys.readouterr().err
    assert GET_CLOCK


def segmented(client: Station) -> Conversation:
    """A session whose AARQ comes in three segments, each acknowledged by a RR."""
    talk = Conversation().connect()
    whole = bytes.fromhex("E6E600") + aarq(
        client.seal(INITIATE_REQUEST), context=3, mechanism=5, challenge=b"12345678", title=CLIENT
    )
    pieces = [whole[:40], whole[40:80], whole[80:]]
    for number, piece in enumerate(pieces):
        talk.add(frame(0x10 | number << 1, piece, more=number < 2), "client")
        talk.add(frame(0x11 | (number + 1) << 5, to_server=False), "meter")
    return talk


def test_segments_are_sealed_again_in_their_places() -> None:
    ring = keys(server_title=METER.hex())
    right, wrong = segmented(Station(CLIENT)).trace(), segmented(Station(CLIENT, data=b"\x30")).trace()
    text, found = patch(right, ring)
    assert errors(found) == [] and "//" not in text
    text, found = patch(wrong, ring)
    assert "aad-without-key" in text and errors(found) == []
    rows = [bytes.fromhex(row.partition(": ")[2]) for row in text.splitlines() if row.startswith(("Client", "Meter"))]
    assert rows == [record.data for record in right]
