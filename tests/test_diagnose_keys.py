"""The verdict on keys: by arithmetic, told apart, and never against a key that is right."""

from collections.abc import Callable

import pytest

from analyzer.decoding import decode
from analyzer.diagnosis import diagnose
from analyzer.diagnosis.rules.keys import CODES
from analyzer.keyring import KeyRing
from analyzer.meter_keys import MeterKeys, Secret
from analyzer.model import Record
from tests.support import (
    AK,
    CLIENT,
    CLOCK,
    EK,
    GET_CLOCK,
    INITIATE_REQUEST,
    METER,
    Conversation,
    Station,
    aarq,
    ciphered,
    diagnosed,
    keys,
)

OTHER = bytes.fromhex("8F3C11D2E5A6907B4488CC1030507090")
ZERO = bytes(16)
GREEN_EK, GREEN_AK = bytes(range(16)), bytes(range(0xD0, 0xE0))


def words(key: bytes) -> bytes:
    return b"".join(key[n : n + 4][::-1] for n in range(0, 16, 4))


def both(**changes) -> Conversation:
    """A healthy session in which both sides use other keys than EK and AK."""
    return ciphered("hdlc", Station(CLIENT, **changes), Station(METER, **changes))


# What was given, the session, and the code that has to come first, on the side of who gave the keys.
GIVEN: dict[str, tuple[Callable[[], Conversation], KeyRing, str, str]] = {
    "wrong EK": (ciphered, keys(ek=OTHER.hex()), "encryption-key-wrong", "likely"),
    "wrong AK": (ciphered, keys(ak=OTHER.hex()), "authentication-key-wrong", "likely"),
    "both wrong": (ciphered, keys(ek=OTHER.hex(), ak=OTHER.hex()), "encryption-key-wrong", "likely"),
    "swapped": (ciphered, keys(ek=AK.hex(), ak=EK.hex()), "keys-swapped", "proven"),
    "EK given, published used": (lambda: both(ek=GREEN_EK, ak=GREEN_AK), keys(ak=GREEN_AK.hex()), "encryption-key-wrong", "proven"),
    "AK given, published used": (lambda: both(ak=GREEN_AK), keys(), "authentication-key-wrong", "proven"),
    "AK equals EK in truth": (lambda: both(ak=EK), keys(), "authentication-key-wrong", "proven"),
    "EK equals AK in truth": (lambda: both(ek=AK), keys(), "encryption-key-wrong", "proven"),
    "EK reversed": (ciphered, keys(ek=EK[::-1].hex()), "key-reversed", "proven"),
    "AK reversed": (ciphered, keys(ak=AK[::-1].hex()), "key-reversed", "proven"),
    "AK word swapped": (ciphered, keys(ak=words(AK).hex()), "key-reversed", "proven"),
    "AK nibbles swapped": (ciphered, keys(ak=bytes((o << 4 | o >> 4) & 255 for o in AK).hex()), "key-reversed", "proven"),
    "AK as text of hex": (lambda: both(ak=AK.hex().encode()[:16]), keys(), "key-ascii-hex", "proven"),
    "AK zero filled": (lambda: both(ak=AK[:8] + bytes(8)), keys(ak=AK[:8].hex()), "key-length", "proven"),
    "AK half twice": (lambda: both(ak=AK[:8] * 2), keys(), "key-length", "proven"),
}  # fmt: skip


@pytest.mark.parametrize("name", GIVEN)
def test_what_the_analyst_gave(name: str) -> None:
    talk, ring, code, certainty = GIVEN[name]
    found = diagnosed(talk(), ring)
    first = found.findings[0]
    assert (first.code, first.certainty, first.side) == (code, certainty, "analyst"), [
        (f.code, f.certainty, f.evidence) for f in found.findings
    ]
    assert found.health == "failing"


# One side's software is wrong while the keys are right.
SIDES: dict[str, tuple[Station | None, Station | None, str, str]] = {
    "client with another AK": (Station(CLIENT, ak=OTHER), None, "authentication-key-wrong", "client"),
    "client with a published AK": (Station(CLIENT, ak=ZERO), None, "authentication-key-wrong", "client"),
    "client with another EK": (Station(CLIENT, ek=OTHER), None, "encryption-key-wrong", "client"),
    "client swaps its keys": (Station(CLIENT, ek=AK, ak=EK), None, "keys-swapped", "client"),
    "client uses the meter's title": (Station(CLIENT, nonce_title=METER), None, "system-title-of-other-side", "client"),
    "meter uses the client's title": (None, Station(METER, nonce_title=CLIENT), "system-title-of-other-side", "meter"),
    "client reverses its title": (Station(CLIENT, nonce_title=CLIENT[::-1]), None, "system-title-malformed", "client"),
    "client writes its title as text": (Station(CLIENT, nonce_title=b"4D4D4D00"), None, "system-title-malformed", "client"),
    "client has a title of zeros": (Station(CLIENT, nonce_title=bytes(8)), None, "system-title-wrong", "client"),
    "no key in the AAD": (Station(CLIENT, data=b"\x30"), None, "aad-without-key", "client"),
    "no control in the AAD": (None, Station(METER, data=AK), "aad-without-key", "meter"),
    "no AAD": (Station(CLIENT, data=b""), None, "aad-without-key", "client"),
    "AAD in reverse order": (Station(CLIENT, data=AK + b"\x30"), None, "aad-extra-data", "client"),
    "other control in the AAD": (Station(CLIENT, data=b"\x10" + AK), None, "aad-security-control-wrong", "client"),
    "tag of 16 octets": (Station(CLIENT, tag_octets=16), None, "tag-length-wrong", "client"),
    "tag of 8 octets": (None, Station(METER, tag_octets=8), "tag-length-wrong", "meter"),
}  # fmt: skip


@pytest.mark.parametrize("framing", ["hdlc", "wrapper"])
@pytest.mark.parametrize("name", SIDES)
def test_what_one_side_does(name: str, framing: str) -> None:
    client, meter, code, side = SIDES[name]
    fresh = [Station(**{f: getattr(s, f) for f in FIELDS}) if s else None for s in (client, meter)]
    found = diagnosed(ciphered(framing, *fresh), keys())
    first = found.findings[0]
    assert (first.code, first.side) == (code, side), [(f.code, f.side, f.evidence) for f in found.findings]
    assert first.certainty == ("likely" if name.startswith("client with another") else "proven")
    if first.certainty == "proven" and "key" not in code:
        assert any("keys are right" in text for text in first.evidence)


FIELDS = ("title", "ek", "ak", "control", "nonce_title", "data", "tag_octets")


def counters(change: Callable[[int], int], after: int = 2) -> Conversation:
    """A session in which the client's nonce has another counter than its APDU, from the second APDU on."""

    class Wrong(Station):
        def content(self, apdu: bytes) -> bytes:
            self.nonce_counter = change(self.counter) if self.counter > after else None
            return super().content(apdu)

    return ciphered("hdlc", Wrong(CLIENT), None, reads=4)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda n: int.from_bytes(n.to_bytes(4, "little"), "big"), "invocation-counter-endianness"),
        (lambda n: n + 1, "invocation-counter-mismatch"),
        (lambda n: n - 1, "invocation-counter-mismatch"),
        (lambda n: 0, "invocation-counter-mismatch"),
    ],
)
def test_counters_in_the_nonce(change: Callable[[int], int], code: str) -> None:
    first = diagnosed(counters(change), keys()).findings[0]
    assert (first.code, first.side, first.certainty) == (code, "client", "proven"), first.evidence


@pytest.mark.parametrize("control", [0x10, 0x30])
def test_authenticated_only_and_both(control: int) -> None:
    talk = ciphered("hdlc", Station(CLIENT, control=control), Station(METER, control=control))
    assert diagnosed(talk, keys()).health == "ok"
    first = diagnosed(talk, keys(ak=AK[::-1].hex())).findings[0]
    assert (first.code, first.certainty, first.side) == ("key-reversed", "proven", "analyst")


def test_encrypted_only_has_no_tag_to_check() -> None:
    talk = ciphered("hdlc", Station(CLIENT, control=0x20), Station(METER, control=0x20))
    found = diagnosed(talk, keys(ek=OTHER.hex()))
    assert (found.findings[0].code, found.findings[0].certainty) == ("encryption-key-wrong", "likely")
    found = diagnosed(talk, keys(ek=words(EK).hex()))
    assert (found.findings[0].code, found.findings[0].certainty) == ("key-reversed", "likely")


def with_dedicated(station_key: bytes | None, tag: int | None) -> Conversation:
    dedicated = bytes.fromhex("A0A1A2A3A4A5A6A7A8A9AAABACADAEAF")
    client, meter = Station(CLIENT), Station(METER)
    talk = ciphered("hdlc", client, meter, reads=0)
    talk.records = talk.records[:-2]
    request = b"\x01\x01\x10" + dedicated + INITIATE_REQUEST[2:]
    talk.records[2] = Record(3, b"", "client")
    again = Conversation().connect()
    again.request(aarq(Station(CLIENT).seal(request), context=3, mechanism=5, challenge=b"K56iVagY", title=CLIENT))
    talk.records[2] = Record(3, again.records[2].data, "client")
    client.dedicated = meter.dedicated = station_key if station_key is not None else dedicated
    for _ in range(2):
        talk.request(client.seal(GET_CLOCK, tag or 0xD0)).reply(meter.seal(CLOCK, 0xD4 if tag is None else 0xCC))
    return talk


def test_dedicated_keys() -> None:
    assert diagnosed(with_dedicated(None, None), keys()).health == "ok"
    first = diagnosed(with_dedicated(EK, None), keys()).findings[0]
    assert (first.code, first.certainty) == ("dedicated-key-mixed-up", "proven"), first
    first = diagnosed(with_dedicated(None, 0xC8), keys()).findings[0]
    assert (first.code, first.certainty) == ("dedicated-key-mixed-up", "proven"), first


def test_one_changed_octet_blames_no_key() -> None:
    talk = ciphered()
    record = talk.records[8]
    changed = bytearray(record.data)
    changed[24] ^= 1
    talk.records[8] = Record(record.number, bytes(changed), record.direction)
    found = diagnosed(talk, keys())
    assert found.findings[0].code == "fcs-wrong"
    tag = next(f for f in found.findings if f.code == "tag-unexplained")
    assert tag.because_of == "fcs-wrong"
    assert not [f for f in found.findings if "key" in f.code and f.severity != "info"]


def test_no_keys_at_all() -> None:
    found = diagnosed(ciphered(), KeyRing())
    assert found.health == "ok" and found.counts["no-key"] == 10
    assert "--ek" in found.statements[0] and "message 3" in found.statements[0]


def test_published_keys_are_found_without_any() -> None:
    found = diagnosed(both(ek=GREEN_EK, ak=GREEN_AK), KeyRing())
    assert found.counts["no-key"] == 10  # what was given opens nothing
    assert {f.code for f in found.findings if f.severity == "info"} >= {"well-known-key"}
    assert found.health == "ok"


def test_no_authentication_key() -> None:
    found = diagnosed(ciphered(), KeyRing.from_options(ek=EK.hex()))
    assert found.health == "ok" and found.counts["unauthenticated"] == 10
    found = diagnosed(both(ak=EK), KeyRing.from_options(ek=EK.hex()))
    assert "keys-equal" in [f.code for f in found.findings] and found.health == "ok"


def test_a_meter_that_the_key_file_does_not_have() -> None:
    other = MeterKeys(
        system_title=bytes.fromhex("4D4D4D0000000099"),
        global_unicast_encryption_key=Secret(OTHER),
        authentication_key=Secret(OTHER),
    )
    another = MeterKeys(
        system_title=bytes.fromhex("4D4D4D0000000098"),
        global_unicast_encryption_key=Secret(ZERO),
        authentication_key=Secret(OTHER),
    )
    found = diagnosed(ciphered(), KeyRing([other, another]))
    assert found.findings[0].code == "system-title-unknown"
    assert METER.hex().upper() in found.findings[0].evidence[0]


def test_no_finding_shows_a_key() -> None:
    for talk, ring, _, _ in GIVEN.values():
        found = diagnosed(talk(), ring)
        text = repr(found) + "".join(found.statements)
        for key in (EK, AK, OTHER):
            assert key.hex() not in text.lower().replace(" ", "")


def test_the_search_is_bounded() -> None:
    """Many APDUs that nothing explains: searched in part, and said."""
    client, meter = Station(CLIENT, ek=OTHER, ak=OTHER), Station(METER, ek=OTHER, ak=OTHER)
    trace = ciphered("wrapper", client, meter, reads=300).trace()
    ring = keys()
    found = diagnose([(trace, list(decode(trace, ring)))], ring)[0]
    assert found.findings[0].code == "encryption-key-wrong"
    assert "not searched in full" in found.statements[0]


def test_every_code_is_in_the_catalogue_and_used() -> None:
    from analyzer.diagnosis.catalogue import load_catalogue

    assert set(CODES) <= load_catalogue().keys()


def test_authenticated_content_tells_no_key_from_another() -> None:
    """Nothing is encrypted under control 10: a wrong AK does not make the encryption key wrong."""
    talk = ciphered(client=Station(CLIENT, control=0x10), meter=Station(METER, control=0x10))
    found = {f.code: f for f in diagnosed(talk, keys(ak="EE" * 16)).findings}
    assert "encryption-key-wrong" not in found
    assert (found["tag-unexplained"].certainty, found["tag-unexplained"].side) == ("possible", "analyst")
