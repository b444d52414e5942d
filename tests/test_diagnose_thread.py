"""The case this project was born from: what one command has to say about the thread of 2017, with and without keys."""

import pytest

from analyzer.decoding import decode
from analyzer.diagnosis import Diagnosis, diagnose
from analyzer.keyring import KeyRing
from analyzer.model import Finding, Record
from analyzer.tree import tree_of
from tests.support import thread, thread_keys

ZERO = "00" * 16
OTHER = "11" * 15 + "12"


def told(keys: KeyRing) -> tuple[Diagnosis, Diagnosis]:
    manufacturer, mine = diagnose(thread(keys), keys)
    return manufacturer, mine


def by_code(diagnosis: Diagnosis) -> dict[str, Finding]:
    return {finding.code: finding for finding in diagnosis.findings}


def test_my_software() -> None:
    _, mine = told(thread_keys())
    assert mine.health == "failing"
    assert [f.code for f in mine.findings[:3]] == ["llc-missing", "dlms-version-wrong", "stale-buffer"]
    llc, version, stale = mine.findings[:3]
    assert {llc.certainty, version.certainty, stale.certainty} == {"proven"}
    assert (llc.severity, version.severity, stale.severity) == ("error", "error", "info")
    assert (llc.message, version.message, stale.message) == (3, 3, 4)
    assert llc.because_of is None and version.because_of is None
    assert (stale.because_of, stale.because_of_id) == ("llc-missing", 1)
    assert any("message 2 (UA)" in text and "81 80 14 05 01 C8" in text for text in stale.evidence)
    assert any("alone explains the answer" in text for text in llc.evidence)
    assert any("does not show how this meter takes it" in text for text in version.evidence)
    assert all(f.severity == "info" for f in mine.findings[2:])


def test_the_corrected_frame() -> None:
    _, mine = told(thread_keys())
    frames = {f.fixed_bytes for f in mine.findings[:2]}
    assert len(frames) == 1
    fixed = frames.pop()
    assert fixed is not None
    sent = thread()[1][1][2]
    (message,) = decode([Record(1, fixed, "client")], thread_keys())
    assert message.llc == "command" and message.plain_apdu == "initiate-request"
    assert message.security is not None and sent.security is not None
    assert message.security.verdict == "verified"
    assert message.security.invocation_counter == sent.security.invocation_counter == 2
    tree = tree_of(message)
    assert not [node for node in tree.walk() if node.error]
    node = tree.find("proposed_dlms_version_number")
    assert node is not None and node.value == 6
    assert fixed[:3] == bytes.fromhex("7EA06E") and len(fixed) == len(sent.wire) + 3
    assert all("take the next counter" in f.fixed_note for f in mine.findings[:2])


def test_the_keys_are_not_the_problem() -> None:
    _, mine = told(thread_keys())
    assert mine.counts == {"verified": 1, "unauthenticated": 0, "failed": 0, "no-key": 0}
    assert mine.statements[0].startswith("The keys are not the problem: 1 of 1 ciphered APDU verifies")
    assert "the same keys as in MANUFACTURER SOFTWARE" in mine.statements[0]
    refused = by_code(mine)["meter-refuses-valid-apdu"]
    assert refused.because_of == "llc-missing"
    assert not [f for f in mine.findings if "key" in f.code and f.severity != "info"]


def test_the_manufacturers_software() -> None:
    manufacturer, _ = told(thread_keys())
    assert manufacturer.health == "ok"
    assert manufacturer.counts["verified"] == 6 and sum(manufacturer.counts.values()) == 6
    assert "client's proof in message 5 is right, the meter's proof in message 6 is right" in manufacturer.statements[1]
    assert [f.code for f in manufacturer.findings if f.severity != "info"] == ["nonce-reused"]
    assert by_code(manufacturer)["nonce-reused"].severity == "warning"
    quirks = {f.code for f in manufacturer.findings if f.severity == "info"}
    assert quirks == {
        "ua-length-lies", "conformance-not-subset", "invoke-id-mismatch", "well-known-key", "unusual-encoding",
    }  # fmt: skip
    assert by_code(manufacturer)["unusual-encoding"].evidence == (
        "message 6, invoke_id_and_priority: reserved bits are set: 10, and in 1 other message",
    )


def test_without_keys() -> None:
    manufacturer, mine = told(KeyRing())
    found = by_code(mine)
    assert mine.findings[0].code == "llc-missing" and found["stale-buffer"].because_of == "llc-missing"
    assert mine.counts["no-key"] == 1 and manufacturer.counts["no-key"] == 6
    assert "message 3 (AARQ)" in mine.statements[0] and "--ek" in mine.statements[0] and "--ak" in mine.statements[0]
    assert manufacturer.health == "ok"


@pytest.mark.parametrize(
    ("options", "code", "other"),
    [
        ({"ek": ZERO, "ak": OTHER}, "authentication-key-wrong", "encryption-key-wrong"),
        ({"ek": OTHER, "ak": ZERO}, "encryption-key-wrong", "authentication-key-wrong"),
    ],
)
def test_a_wrong_key_is_named_although_the_right_one_is_found(options: dict[str, str], code: str, other: str) -> None:
    for diagnosis in told(KeyRing.from_options(**options)):
        found = by_code(diagnosis)
        assert found[code].certainty == "proven" and found[code].side == "analyst"
        assert any("equals the" in text for text in found[code].evidence)
        assert other not in found
    assert diagnosis.findings[0].code == "llc-missing"
    assert "dlms-version-wrong" in found


def test_a_single_frame_of_it() -> None:
    _, messages = thread()[1]
    trace, _ = thread()[1]
    keys = thread_keys()
    records = [trace[2]]
    alone = diagnose([(type(trace)("one", "x", records), list(decode(records, keys)))], keys)[0]
    assert [f.code for f in alone.findings if f.severity == "error"] == ["llc-missing", "dlms-version-wrong"]
    assert len(messages) == 6
