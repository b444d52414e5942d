"""Each variant of the hypothesis search, on one side of a session whose keys are right; and the search is bounded."""

from collections.abc import Callable

import pytest

from analyzer.decryptor import Decryptor
from analyzer.diagnosis import search as searching
from tests.support import AK, CLIENT, EK, METER, Station, ciphered, diagnosed, keys

Content = Callable[[Station, bytes], bytes]
CRYPTO = Decryptor()


class Broken(Station):
    """A client whose protection is made by a function."""

    make: Content

    def content(self, apdu: bytes) -> bytes:
        return type(self).make(self, apdu)


def station(make: Content) -> Station:
    return type("Made", (Broken,), {"make": staticmethod(make)})(CLIENT, counter=90)


def sealed(
    nonce: bytes, data: bytes, apdu: bytes, head: bytes, tag: Callable[[bytes], bytes] = lambda whole: whole[:12]
) -> bytes:
    text, whole = CRYPTO.gcm_seal(EK, nonce, apdu, data, 16)
    return head + text + tag(whole)


def counter(own: Station) -> bytes:
    return own.counter.to_bytes(4, "big")


def with_nonce(nonce: Callable[[bytes, bytes], bytes]) -> Content:
    return lambda own, apdu: sealed(nonce(CLIENT, counter(own)), b"\x30" + AK, apdu, b"\x30" + counter(own))


def with_data(data: Callable[[bytes], bytes]) -> Content:
    return lambda own, apdu: sealed(CLIENT + counter(own), data(counter(own)), apdu, b"\x30" + counter(own))


def with_tag(tag: Callable[[bytes], bytes]) -> Content:
    return lambda own, apdu: sealed(CLIENT + counter(own), b"\x30" + AK, apdu, b"\x30" + counter(own), tag)


def as_control(sent: int, actual: int, in_data: int) -> Content:
    def make(own: Station, apdu: bytes) -> bytes:
        head, nonce = bytes([sent]) + counter(own), CLIENT + counter(own)
        if actual == 0x20:
            return head + CRYPTO.gcm_decrypt(EK, nonce, apdu)
        if actual == 0x10:
            return head + apdu + CRYPTO.gmac(EK, nonce, bytes([in_data]) + AK + apdu)
        return sealed(nonce, bytes([in_data]) + AK, apdu, head)

    return make


BROKEN: dict[str, tuple[Content, str, str]] = {
    "title with a wrong octet": (with_nonce(lambda t, c: t[:5] + b"\x77" + t[6:] + c), "system-title-wrong", "77 for"),
    "counter before the title": (with_nonce(lambda t, c: c + t), "nonce-layout-wrong", "before the system title"),
    "nonce reversed": (with_nonce(lambda t, c: (t + c)[::-1]), "nonce-layout-wrong", "all its octets reversed"),
    "halves of the title": (with_nonce(lambda t, c: t[4:] + t[:4] + c), "nonce-layout-wrong", "halves"),
    "no counter": (with_nonce(lambda t, c: t), "invocation-counter-mismatch", "title alone"),
    "title in the data": (with_data(lambda c: b"\x30" + AK + CLIENT), "aad-extra-data", "the system title in it"),
    "counter in the data": (with_data(lambda c: b"\x30" + c + AK), "aad-extra-data", "the invocation counter in it"),
    "nonce in the data": (with_data(lambda c: b"\x30" + AK + CLIENT + c), "aad-extra-data", "the nonce in it"),
    "last octets of the tag": (with_tag(lambda whole: whole[4:]), "tag-length-wrong", "last 12 of 16"),
    "tag of 8 and zeros": (with_tag(lambda whole: whole[:8] + bytes(4)), "tag-length-wrong", "zeros behind"),
    "30 sent, not encrypted": (as_control(0x30, 0x10, 0x30), "security-control-wrong", "not encrypted"),
    "30 sent, no tag": (as_control(0x30, 0x20, 0), "security-control-wrong", "has no tag"),
    "20 sent, with a tag": (as_control(0x20, 0x30, 0x20), "security-control-wrong", "authenticated and encrypted"),
    "10 sent, encrypted": (as_control(0x10, 0x30, 0x30), "security-control-wrong", "authenticated and encrypted"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_what_the_client_does(name: str) -> None:
    make, code, words = BROKEN[name]
    found = diagnosed(ciphered("wrapper", station(make), Station(METER)), keys())
    first = found.findings[0]
    assert (first.code, first.side) == (code, "client"), [(f.code, f.evidence) for f in found.findings[:3]]
    assert any(words in text for text in first.evidence), first.evidence
    assert first.certainty == ("likely" if name == "30 sent, no tag" else "proven")
    if first.certainty == "proven":
        assert first.fixed_bytes is not None


def test_a_title_from_another_place_of_the_trace() -> None:
    other = bytes.fromhex("4142430011223344")
    client = station(with_nonce(lambda t, c: other + c))
    talk = ciphered("wrapper", client, Station(METER), reads=1)
    meter = Station(METER, counter=40)
    talk.reply(meter.seal(bytes.fromhex("C401C1000908") + other))
    first = diagnosed(talk, keys()).findings[0]
    assert first.code == "system-title-wrong" and any("4142430011223344" in text for text in first.evidence)


def test_a_mistyped_title_needs_the_tag() -> None:
    """Two thousand titles make some short text readable by chance: without a tag that says nothing."""
    wrong = bytes.fromhex("8F3C11D2E5A6907B4488CC1030507090")
    for start in range(20):
        client, meter = Station(CLIENT, ek=wrong, counter=start * 50), Station(METER, ek=wrong, counter=start * 50)
        found = diagnosed(ciphered("wrapper", client, meter, reads=8), keys())
        assert {f.code for f in found.findings if f.severity == "error"} == {"encryption-key-wrong"}


def test_what_was_tried_and_left_is_said() -> None:
    found = diagnosed(ciphered(reads=60), keys(ek=AK[::-1].hex(), ak=EK[::-1].hex()))
    said = " ".join(found.statements)
    assert "The search stopped early" in said and "not searched in full" in said
    assert any("three changes at once were not tried" in text for text in found.findings[0].evidence)


def test_the_chance_of_a_random_hit_is_said() -> None:
    talk = ciphered("hdlc", Station(CLIENT, control=0x20), Station(METER, control=0x20))
    first = diagnosed(talk, keys(ek=EK[::-1].hex())).findings[0]
    assert first.code == "key-reversed" and first.certainty == "likely"
    assert any("random octets look so under one of the attempts is one in" in text for text in first.evidence)


@pytest.mark.parametrize("control", [0x10, 0x20, 0x30])
def test_the_search_is_bounded(control: int, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = 0
    original = Decryptor.gcm_open

    def counted(self, *arguments):
        nonlocal attempts
        attempts += 1
        return original(self, *arguments)

    monkeypatch.setattr(Decryptor, "gcm_open", counted)
    side = {"control": control, "ek": AK[::-1], "ak": EK[::-1]}
    diagnosed(ciphered("hdlc", Station(CLIENT, **side), Station(METER, **side), reads=400), keys())
    assert attempts < 2 * searching.BUDGET


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda apdu: bytes.fromhex("E6E600") + apdu, "the LLC header is inside"),
        (lambda apdu: bytes([len(apdu)]) + apdu, "a length stands before"),
        (lambda apdu: bytes([0xC8, len(apdu)]) + apdu, "tag and length of the ciphered APDU are inside"),
        (lambda apdu: apdu[1:], "left outside"),
    ],
)
def test_another_range_is_protected(change: Callable[[bytes], bytes], words: str) -> None:
    class Client(Station):
        def content(self, apdu: bytes) -> bytes:
            return super().content(change(apdu) if apdu[0] == 0xC0 else apdu)

    talk = ciphered("wrapper", Client(CLIENT))
    first = next(f for f in diagnosed(talk, keys()).findings if f.severity == "error")
    assert (first.code, first.certainty, first.side, first.message) == ("protected-range-wrong", "proven", "client", 5)
    assert words in first.evidence[0]
    assert "protected-range-wrong" not in [f.code for f in diagnosed(ciphered("wrapper"), keys()).findings]
