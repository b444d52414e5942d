"""Each single change of a proof is found and named; the keys stay right."""

import hashlib
from collections.abc import Callable

import pytest

from analyzer.decryptor import Decryptor
from tests.support import (
    AK,
    CLIENT,
    CTOS,
    EK,
    INITIATE_REQUEST,
    INITIATE_RESPONSE,
    METER,
    STOC,
    Conversation,
    Station,
    aare,
    aarq,
    ciphered,
    diagnosed,
    keys,
)

Gmac = Callable[[bytes], bytes]  # of the counter


def gmac(nonce: bytes, data: bytes, ek: bytes = EK, cut: slice = slice(0, 12)) -> bytes:
    return Decryptor().gmac(ek, nonce, data, 16)[cut]


RIGHT = b"\x10" + AK + STOC
PROOFS: dict[str, tuple[Gmac, str]] = {
    "other challenge": (lambda c: gmac(CLIENT + c, b"\x10" + AK + CTOS), "hls-challenge-swapped"),
    "challenge reversed": (lambda c: gmac(CLIENT + c, b"\x10" + AK + STOC[::-1]), "hls-challenge-swapped"),
    "challenge as text": (lambda c: gmac(CLIENT + c, b"\x10" + AK + STOC.hex().encode()), "hls-challenge-swapped"),
    "without AK": (lambda c: gmac(CLIENT + c, b"\x10" + STOC), "aad-without-key"),
    "without control": (lambda c: gmac(CLIENT + c, AK + STOC), "aad-without-key"),
    "control 30": (lambda c: gmac(CLIENT + c, b"\x30" + AK + STOC), "aad-security-control-wrong"),
    "both challenges": (lambda c: gmac(CLIENT + c, RIGHT + CTOS), "aad-extra-data"),
    "AK behind": (lambda c: gmac(CLIENT + c, b"\x10" + STOC + AK), "aad-extra-data"),
    "meter's title": (lambda c: gmac(METER + c, RIGHT), "hls-key-or-title-wrong"),
    "title reversed": (lambda c: gmac(CLIENT[::-1] + c, RIGHT), "hls-key-or-title-wrong"),
    "title mistyped": (lambda c: gmac(CLIENT[:7] + b"\x09" + c, RIGHT), "hls-key-or-title-wrong"),
    "counter first": (lambda c: gmac(c + CLIENT, RIGHT), "hls-key-or-title-wrong"),
    "counter reversed": (lambda c: gmac(CLIENT + c[::-1], RIGHT), "hls-counter-mismatch"),
    "AK reversed": (lambda c: gmac(CLIENT + c, b"\x10" + AK[::-1] + STOC), "hls-key-or-title-wrong"),
    "EK in place of AK": (lambda c: gmac(CLIENT + c, b"\x10" + EK + STOC), "hls-key-or-title-wrong"),
    "published EK": (lambda c: gmac(CLIENT + c, RIGHT, ek=bytes(range(16))), "hls-key-or-title-wrong"),
    "last octets": (lambda c: gmac(CLIENT + c, RIGHT, cut=slice(4, 16)), "tag-length-wrong"),
}  # fmt: skip


@pytest.mark.parametrize("name", PROOFS)
def test_gmac(name: str) -> None:
    make, code = PROOFS[name]

    class Client(Station):
        def proof(self, challenge: bytes, counter: int | None = None) -> bytes:
            self.counter += 1
            octets = self.counter.to_bytes(4, "big")
            return b"\x10" + octets + make(octets)

    found = diagnosed(ciphered("hdlc", Client(CLIENT, counter=300)), keys())
    first = found.findings[0]
    assert (first.code, first.certainty, first.side, first.message) == (code, "proven", "client", 5), first.evidence
    assert first.fixed_bytes is not None
    assert not any(f.code.startswith(("encryption-key", "authentication-key")) for f in found.findings)


SECRET = b"Secret0123456789"
DIGESTS: dict[str, tuple[int, bytes, str]] = {
    "MD5, secret first": (3, hashlib.md5(SECRET + STOC).digest(), "hls-challenge-swapped"),
    "SHA-1, secret as text": (4, hashlib.sha1(STOC + SECRET.hex().encode()).digest(), "hls-key-or-title-wrong"),
    "MD5, zero behind": (3, hashlib.md5(STOC + SECRET + b"\0").digest(), "hls-key-or-title-wrong"),
    "SHA-256, other order": (6, hashlib.sha256(SECRET + METER + CLIENT + STOC + CTOS).digest(), "hls-key-or-title-wrong"),
    "SHA-256, titles last": (6, hashlib.sha256(SECRET + STOC + CTOS + CLIENT + METER).digest(), "hls-challenge-swapped"),
}  # fmt: skip


@pytest.mark.parametrize("name", DIGESTS)
def test_digests(name: str) -> None:
    mechanism, digest, code = DIGESTS[name]
    talk = Conversation().connect().request(aarq(INITIATE_REQUEST, mechanism=mechanism, challenge=CTOS, title=CLIENT))
    talk.reply(aare(INITIATE_RESPONSE, diagnostic=14, mechanism=mechanism, challenge=STOC, title=METER))
    talk.request(bytes.fromhex("C301C1000F0000280000FF010109") + bytes([len(digest)]) + digest)
    talk.reply(bytes.fromhex("C701C10300")).close()
    first = diagnosed(talk, keys(password=SECRET.decode())).findings[0]
    assert (first.code, first.certainty, first.message) == (code, "proven", 5), first.evidence
    assert SECRET.decode() not in " ".join(first.evidence)


def test_a_proof_that_nothing_explains_is_only_likely() -> None:
    class Client(Station):
        def proof(self, challenge: bytes, counter: int | None = None) -> bytes:
            self.counter += 1
            return b"\x10" + self.counter.to_bytes(4, "big") + bytes(range(12))

    first = diagnosed(ciphered("hdlc", Client(CLIENT)), keys()).findings[0]
    assert (first.code, first.certainty) == ("hls-key-or-title-wrong", "likely")
