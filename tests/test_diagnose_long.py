"""A long trace is diagnosed in parts: nothing is found at the seams, nothing in the middle is missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from analyzer.cli import main
from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose, long
from analyzer.diagnosis.long import diagnose_each, diagnose_long
from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from tests.hdlc_frames import PAYLOADS, hdlc
from tests.support import AK, EK, METER, Conversation, Station, ciphered, keys, plain


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long, "LONG", 30)
    monkeypatch.setattr(long, "PART", 20)
    monkeypatch.setattr(long, "OVERLAP", 8)


def in_parts(talk: Conversation, ring: KeyRing) -> Diagnosis:
    trace = talk.trace()
    return diagnose_long(trace, decode(trace, ring), ring, lambda other: decode(trace, other))


def whole(talk: Conversation, ring: KeyRing) -> Diagnosis:
    trace = talk.trace()
    return diagnose([(trace, list(decode(trace, ring)))], ring)[0]


@pytest.mark.parametrize("framing", ["hdlc", "wrapper"])
@pytest.mark.parametrize("make", [plain, ciphered])
def test_a_healthy_trace_has_no_finding_at_a_seam(make, framing: str) -> None:  # type: ignore[no-untyped-def]
    ring = keys() if make is ciphered else KeyRing()
    for reads in range(20, 34):
        talk = make(framing=framing, reads=reads)
        found = in_parts(talk, ring)
        assert found.health == "ok"
        assert [f.code for f in found.findings] == [f.code for f in whole(talk, ring).findings]
        assert (found.messages, found.counts) == (whole(talk, ring).messages, whole(talk, ring).counts)


@pytest.mark.parametrize("place", range(0, 60, 7))
def test_a_fault_is_found_wherever_it_is(place: int) -> None:
    talk = plain(reads=40)
    data = bytearray(talk.trace()[20 + place].data)
    data[-4] ^= 1
    records = list(talk.trace())
    records[20 + place] = Record(21 + place, bytes(data), records[20 + place].direction)
    trace = Trace("t", "t", tuple(records))
    found = diagnose_long(trace, decode(trace), KeyRing(), lambda other: decode(trace, other))
    all_of_it = diagnose([(trace, list(decode(trace)))], KeyRing())[0]
    assert [(f.code, f.message) for f in found.findings] == [(f.code, f.message) for f in all_of_it.findings]
    assert ("fcs-wrong", 21 + place) in [(f.code, f.message) for f in found.findings]


def test_a_key_that_is_wrong_throughout_is_one_finding() -> None:
    found = in_parts(ciphered(meter=Station(METER), reads=60), keys(ak="00112233445566778899AABBCCDDEE01"))
    assert found.counts["verified"] == 0 and found.counts["failed"] == 124
    assert [f.code for f in found.findings if f.severity == "error"] == ["authentication-key-wrong"]


def test_the_same_finding_is_said_once() -> None:
    records = list(plain(reads=60).trace())
    for place in (30, 55, 90):
        data = bytearray(records[place].data)
        data[-4] ^= 1
        records[place] = Record(place + 1, bytes(data), records[place].direction)
    trace = Trace("t", "t", tuple(records))
    found = diagnose_long(trace, decode(trace), KeyRing(), lambda other: decode(trace, other))
    (finding,) = [f for f in found.findings if f.code == "fcs-wrong"]
    assert finding.message == 31
    assert finding.evidence[-1] == "the same was found 2 times more, the last time in message 91"


def test_swapped_keys_are_proven_in_parts_too() -> None:
    talk = ciphered(reads=60)
    swapped = keys(ek=AK.hex(), ak=EK.hex())
    assert in_parts(talk, swapped).findings[0].code == whole(talk, swapped).findings[0].code


@pytest.mark.parametrize("meters", [2, 5, 20])
def test_many_meters_on_one_line_that_answer_late(meters: int) -> None:
    """Each answer stands so far behind its request that most pairs lie across a seam."""
    octets = []
    for turn in range(8):
        sequence = 0x10 | turn << 1
        addresses = [f"02{0x21 + 2 * meter:02x}" for meter in range(meters)]
        octets += [hdlc(address, "03", sequence | turn << 5, PAYLOADS[1]) for address in addresses]
        octets += [hdlc("03", address, sequence | (turn + 1) % 8 << 5, PAYLOADS[2]) for address in addresses]
    records = (Record(n, b"\x7e" + frame + b"\x7e") for n, frame in enumerate(octets, 1))
    trace = Trace("t", "t", tuple(records))
    found = diagnose_long(trace, decode(trace), KeyRing(), lambda other: decode(trace, other))
    assert found.findings == diagnose([(trace, list(decode(trace)))], KeyRing())[0].findings == ()


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "long.log"
    path.write_text("\n".join(record.data.hex() for record in plain(reads=60).trace()))
    assert main(["diagnose", str(path)]) == 0
    assert "diagnosed in" in capsys.readouterr().out
    assert main(["diagnose", str(path), "--format", "html"]) == 2
    assert "up to 30 messages" in capsys.readouterr().err


def test_what_is_too_long_to_be_compared_with_is_said() -> None:
    """Who names a working trace is not left to believe that the two were compared."""
    short, other, longer = plain(reads=5).trace(), plain(reads=6).trace(), plain(reads=40).trace()
    (failing, whole, working) = [(trace, list(decode(trace))) for trace in (short, longer, other)]
    uncompared = "It is compared with no working trace: it has more than 30 messages."
    for given, wanted in (([working], [False, True]), ([whole], [False, True]), ([], [False, False])):
        made = diagnose_each([failing, whole], KeyRing(), given)
        assert [uncompared in one.statements for one in made] == wanted
    said = f"It is not compared with {longer.name}, which has more than 30 messages."
    assert said in diagnose_each([failing], KeyRing(), [whole])[0].statements
    assert said in diagnose_each([failing], KeyRing(), [working, whole])[0].statements
    assert said not in diagnose_each([failing], KeyRing(), [working])[0].statements


def test_long_traces_are_compared_as_short_ones(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same output, whether the messages are held or decoded when they are looked at; the totals of long ones come last."""
    paths = []
    for number, reads in enumerate((50, 55)):
        paths.append(str(tmp_path / f"{number}.log"))
        Path(paths[-1]).write_text("\n".join(record.data.hex() for record in plain(reads=reads).trace()))
    said = []
    for most in (30, 1000):
        monkeypatch.setattr(long, "LONG", most)
        assert main(["diff", *paths]) == 1
        said.append(capsys.readouterr().out.splitlines())
    decoded, held = said
    assert (decoded[1:-2], decoded[-2:]) == (held[1:], ["", held[0]])
    assert len(held) > 100
