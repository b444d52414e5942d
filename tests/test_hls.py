"""Replies to HLS challenges: published GMAC vectors, the formulas computed a second way, and what is unknown."""

from __future__ import annotations

import datetime
import hashlib
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from analyzer.hls import HlsFacts, HlsUnknown, Sender, check_reply, expected_reply, verify_signature
from analyzer.meter_keys import KeyRole

VECTORS = Path(__file__).parent / "vectors"
SECURITY = tomllib.loads((VECTORS / "security.toml").read_text("utf-8"))
AGREEMENT = tomllib.loads((VECTORS / "key_agreement.toml").read_text("utf-8"))

EK = bytes(range(16))
AK = bytes(range(0xD0, 0xE0))
SECRET = b"a shared secret"
CLIENT = bytes.fromhex("4D4D4D0000000001")
SERVER = bytes.fromhex("4D4D4D0000BC614E")
CTOS = b"K56iVagY"
STOC = b"P6wRJ21F"


@dataclass
class Keys:
    """A provider out of a mapping, which notes what it was asked."""

    values: dict[str, bytes]
    asked: list[tuple[str, bytes | None, int]] = field(default_factory=list)

    def key(self, role: KeyRole, system_title: bytes | None, suite: int) -> bytes | None:
        self.asked.append((role, system_title, suite))
        return self.values.get(role)


ALL_KEYS = Keys({"ek": EK, "ak": AK, "password": SECRET})
SENDERS: tuple[Sender, ...] = ("client", "meter")


def facts(mechanism: int) -> HlsFacts:
    return HlsFacts(mechanism, CLIENT, SERVER, CTOS, STOC)


def swapped(one: HlsFacts) -> HlsFacts:
    return replace(one, ctos=one.stoc, stoc=one.ctos)


def named(entries: list[dict]) -> list:
    return [pytest.param(entry, id=entry["name"]) for entry in entries]


# -- GMAC


@pytest.mark.parametrize("entry", named(SECURITY["hls"]))
def test_published_gmac(entry: dict) -> None:
    names = ("client_title", "server_title", "encryption_key", "authentication_key", "challenge", "reply")
    client, server, ek, ak, challenge, reply = (bytes.fromhex(entry[name]) for name in names)
    is_client = entry["sender"] == "client"
    one = HlsFacts(5, client, server, None if is_client else challenge, challenge if is_client else None)
    keys = Keys({"ek": ek, "ak": ak})
    check = check_reply(one, entry["sender"], reply, keys)
    counter = int.from_bytes(reply[1:5], "big")
    assert (check.verdict, check.reason, check.counter) == ("verified", "the reply is right", counter)
    assert expected_reply(one, entry["sender"], keys, invocation_counter=counter) == reply
    assert {(title, suite) for _, title, suite in keys.asked} == {(server, 0)}  # the meter's title for both sides


def test_gmac_formula_names_the_side() -> None:
    words = [check_reply(facts(5), sender, bytes(17), ALL_KEYS).formula for sender in SENDERS]
    assert words == [
        "GMAC(EK, nonce STc and IC, additional data SC, AK, StoC)",
        "GMAC(EK, nonce STs and IC, additional data SC, AK, CtoS)",
    ]


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize("suite", [0, 1, 2])
def test_gmac_in_each_suite(sender: Sender, suite: int) -> None:
    ek, ak = (EK * 2, AK * 2) if suite == 2 else (EK, AK)
    title, challenge = (CLIENT, STOC) if sender == "client" else (SERVER, CTOS)
    encryptor = Cipher(algorithms.AES(ek), modes.GCM(title + b"\0\0\0\7")).encryptor()
    encryptor.authenticate_additional_data(bytes((0x10 | suite,)) + ak + challenge)
    encryptor.finalize()
    reply = bytes((0x10 | suite,)) + b"\0\0\0\7" + encryptor.tag[:12]
    check = check_reply(facts(5), sender, reply, Keys({"ek": ek, "ak": ak}))
    assert (check.verdict, check.counter) == ("verified", 7)


@pytest.mark.parametrize("sender", SENDERS)
def test_gmac_of_another_input_fails(sender: Sender) -> None:
    reply = expected_reply(facts(5), sender, ALL_KEYS, invocation_counter=7)
    changes = [
        (swapped(facts(5)), ALL_KEYS, reply),
        (replace(facts(5), client_title=SERVER, server_title=CLIENT), ALL_KEYS, reply),
        (facts(5), Keys({"ek": AK, "ak": EK}), reply),
        (facts(5), Keys({"ek": EK, "ak": EK}), reply),
        (facts(5), ALL_KEYS, reply[:4] + b"\x08" + reply[5:]),
        (facts(5), ALL_KEYS, reply[:-1] + bytes((reply[-1] ^ 1,))),
        (facts(5), ALL_KEYS, b"\x11" + reply[1:]),
    ]
    for one, keys, value in changes:
        check = check_reply(one, sender, value, keys)
        assert check.verdict == "failed"
        assert check.reason == "the reply is another: keys, title, counter or challenge differ"
        assert check.counter == int.from_bytes(value[1:5], "big")


def test_gmac_with_another_security_control_is_named() -> None:
    for control in (0x30, 0x00):
        reply = expected_reply(facts(5), "client", ALL_KEYS, invocation_counter=1, control=control)
        check = check_reply(facts(5), "client", reply, ALL_KEYS)
        assert check.verdict == "verified"
        assert check.reason.endswith(f"security control is {control:02X}, expected 10")


def test_gmac_with_the_broadcast_key() -> None:
    keys = Keys({"bek": b"B" * 16, "ak": AK})
    reply = expected_reply(facts(5), "client", keys, invocation_counter=1, control=0x50)
    assert check_reply(facts(5), "client", reply, keys).verdict == "verified"
    assert {role for role, _, _ in keys.asked} == {"bek", "ak"}
    assert check_reply(facts(5), "client", reply, ALL_KEYS).reason == "no broadcast key was given"


@pytest.mark.parametrize("title", [b"", b"WSE0000000001"])
def test_gmac_with_a_title_of_another_length(title: bytes) -> None:
    one = replace(facts(5), client_title=title)
    reply = expected_reply(one, "client", ALL_KEYS, invocation_counter=1)
    assert check_reply(one, "client", reply, ALL_KEYS).verdict == "verified"
    assert check_reply(facts(5), "client", reply, ALL_KEYS).verdict == "failed"


# -- hashes, computed a second way


@pytest.mark.parametrize("sender", SENDERS)
@pytest.mark.parametrize(("mechanism", "name"), [(3, "md5"), (4, "sha1")])
def test_md5_and_sha1(mechanism: int, name: str, sender: Sender) -> None:
    digest = hashlib.new(name, usedforsecurity=False)
    digest.update(STOC if sender == "client" else CTOS)
    digest.update(SECRET)
    assert expected_reply(facts(mechanism), sender, ALL_KEYS) == digest.digest()
    assert check_reply(facts(mechanism), sender, digest.digest(), ALL_KEYS).verdict == "verified"
    check = check_reply(swapped(facts(mechanism)), sender, digest.digest(), ALL_KEYS)
    assert (check.verdict, check.reason) == ("failed", "the reply is another: secret or challenge differ")


def test_sha256_of_each_side() -> None:
    by_client = hashlib.sha256(SECRET + CLIENT + SERVER + STOC + CTOS).digest()
    by_meter = hashlib.sha256(SECRET + SERVER + CLIENT + CTOS + STOC).digest()
    check = check_reply(facts(6), "client", by_client, ALL_KEYS)
    assert (check.verdict, check.formula) == ("verified", "SHA-256(secret, STc, STs, StoC, CtoS)")
    check = check_reply(facts(6), "meter", by_meter, ALL_KEYS)
    assert (check.verdict, check.formula) == ("verified", "SHA-256(secret, STs, STc, CtoS, StoC)")
    assert check_reply(facts(6), "client", by_meter, ALL_KEYS).verdict == "failed"
    assert expected_reply(facts(6), "client", ALL_KEYS) == by_client
    assert expected_reply(facts(6), "meter", ALL_KEYS) == by_meter


@pytest.mark.parametrize("titles", [(CLIENT, SERVER), (None, None)])
def test_sha256_of_the_old_edition_needs_no_titles(titles: tuple[bytes | None, bytes | None]) -> None:
    one = replace(facts(6), client_title=titles[0], server_title=titles[1], ctos=None)
    reply = hashlib.sha256(STOC + SECRET).digest()
    check = check_reply(one, "client", reply, ALL_KEYS)
    assert (check.verdict, check.formula) == ("verified", "SHA-256(StoC, secret)")
    assert "old edition" in check.reason
    assert expected_reply(one, "client", ALL_KEYS, old_formula=True) == reply


def test_sha256_without_titles_cannot_be_judged() -> None:
    check = check_reply(replace(facts(6), client_title=None), "client", bytes(32), ALL_KEYS)
    assert check.verdict == "no-key"
    assert check.reason == "the system title of the client, STc, is not in the trace"


# -- the manufacturer's own


@pytest.mark.parametrize(
    ("secret", "challenge"),
    [(b"12345678", b"A" * 16), (b"0123456789ABCDEF", b"A" * 8), (b"x" * 20, b"A" * 40), (b"", b"A" * 64)],
)
def test_common_formula_of_mechanism_2(secret: bytes, challenge: bytes) -> None:
    text = challenge.ljust(-(-len(challenge) // 16) * 16, b"\0")
    reply = Cipher(algorithms.AES((secret + bytes(16))[:16]), modes.ECB()).encryptor().update(text)
    one = replace(facts(2), stoc=challenge)
    check = check_reply(one, "client", reply, Keys({"password": secret}))
    assert (check.verdict, check.formula) == ("verified", "AES-128-ECB(secret, StoC)")
    assert expected_reply(one, "client", Keys({"password": secret})) == reply


def test_mechanism_2_accuses_nobody() -> None:
    check = check_reply(facts(2), "client", bytes(16), ALL_KEYS)
    assert check.verdict == "unauthenticated"
    assert "manufacturer's own" in check.reason


# -- ECDSA


@pytest.mark.parametrize("entry", named(AGREEMENT["ecdsa"]))
def test_published_signature(entry: dict) -> None:
    public, text, signature = (bytes.fromhex(entry[name]) for name in ("public_key", "text", "signature"))
    assert verify_signature(public, text, signature)
    assert verify_signature(b"\x04" + public, text, signature)
    half = len(signature) // 2
    r, s = (int.from_bytes(part, "big") for part in (signature[:half], signature[half:]))
    assert verify_signature(public, text, utils.encode_dss_signature(r, s))
    assert not verify_signature(public, text + b"\0", signature)
    assert not verify_signature(public, text, signature[half:] + signature[:half])
    assert not verify_signature(public, text, signature[:-1])


CURVES = pytest.mark.parametrize(
    ("curve", "digest", "size"),
    [(ec.SECP256R1(), hashes.SHA256(), 32), (ec.SECP384R1(), hashes.SHA384(), 48)],
    ids=["P-256", "P-384"],
)


def certificate(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "4D4D4D0000BC614E")])
    start = datetime.datetime(2024, 1, 1)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, start, start + datetime.timedelta(days=365))
    return builder.sign(key, hashes.SHA256())


def raw_signature(key: ec.EllipticCurvePrivateKey, text: bytes, digest: hashes.HashAlgorithm, size: int) -> bytes:
    r, s = utils.decode_dss_signature(key.sign(text, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


@CURVES
def test_signature_of_each_side(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm, size: int) -> None:
    key = ec.generate_private_key(curve)
    pem = certificate(key).public_bytes(serialization.Encoding.PEM)
    by_client = raw_signature(key, CLIENT + SERVER + STOC + CTOS, digest, size)
    by_meter = raw_signature(key, SERVER + CLIENT + CTOS + STOC, digest, size)
    for sender, value, other in (("client", by_client, by_meter), ("meter", by_meter, by_client)):
        role = "client_certificate" if sender == "client" else "server_certificate"
        keys = Keys({role: pem})
        check = check_reply(facts(7), sender, value, keys)  # type: ignore[arg-type]
        assert (check.verdict, check.reason) == ("verified", "the signature is right")
        assert keys.asked == [(role, SERVER, 1 if size == 32 else 2)]
        assert check_reply(facts(7), sender, other, keys).verdict == "failed"  # type: ignore[arg-type]
        check = check_reply(facts(7), sender, value, Keys({}))  # type: ignore[arg-type]
        assert (check.verdict, check.reason) == ("no-key", f"no certificate of the {sender} was given")


@CURVES
def test_signature_in_der_is_named(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm, size: int) -> None:
    key = ec.generate_private_key(curve)
    keys = Keys({"client_certificate": certificate(key).public_bytes(serialization.Encoding.DER)})
    value = key.sign(CLIENT + SERVER + STOC + CTOS, ec.ECDSA(digest))
    check = check_reply(facts(7), "client", value, keys)
    assert check.verdict == "verified" and "written in DER" in check.reason
    value = key.sign(b"another text", ec.ECDSA(digest))
    assert check_reply(facts(7), "client", value, keys).verdict == "failed"


@CURVES
def test_forms_of_a_public_key(curve: ec.EllipticCurve, digest: hashes.HashAlgorithm, size: int) -> None:
    key = ec.generate_private_key(curve)
    public, spki = key.public_key(), serialization.PublicFormat.SubjectPublicKeyInfo
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    signature = raw_signature(key, b"text", digest, size)
    for form in (
        point, point[1:], certificate(key).public_bytes(serialization.Encoding.PEM),
        b"\n" + certificate(key).public_bytes(serialization.Encoding.PEM),
        certificate(key).public_bytes(serialization.Encoding.DER),
        public.public_bytes(serialization.Encoding.PEM, spki), public.public_bytes(serialization.Encoding.DER, spki),
    ):  # fmt: skip
        assert verify_signature(form, b"text", signature)


def test_what_is_no_usable_public_key() -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for junk in (b"", b"junk", bytes(64), b"\x04" + bytes(64), pem, b"-----BEGIN CERTIFICATE-----\nAAAA"):
        with pytest.raises(HlsUnknown) as problem:
            verify_signature(junk, b"text", bytes(64))
        assert str(problem.value) == "the certificate is neither a certificate nor a public key"
        assert problem.value.__suppress_context__  # the cause may quote a private key
    other = certificate(rsa.generate_private_key(65537, 2048)).public_bytes(serialization.Encoding.PEM)
    curve = certificate(ec.generate_private_key(ec.SECP521R1())).public_bytes(serialization.Encoding.PEM)
    for form in (other, curve):
        check = check_reply(facts(7), "client", bytes(64), Keys({"client_certificate": form}))
        assert check.verdict == "no-key" and "another algorithm" in check.reason


def test_signature_cannot_be_expected() -> None:
    with pytest.raises(HlsUnknown, match="differs each time"):
        expected_reply(facts(7), "client", ALL_KEYS)


# -- what is unknown


@pytest.mark.parametrize("mechanism", [2, 3, 4, 5, 6, 7])
@pytest.mark.parametrize("sender", SENDERS)
def test_challenge_that_was_not_seen(mechanism: int, sender: Sender) -> None:
    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    point = public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    keys = Keys({**ALL_KEYS.values, "client_certificate": point, "server_certificate": point})
    one = replace(facts(mechanism), **{"stoc" if sender == "client" else "ctos": None})
    value = bytes({2: 16, 3: 16, 4: 20, 5: 17, 6: 32, 7: 64}[mechanism])
    check = check_reply(one, sender, value, keys)
    assert check.verdict == "no-key"
    assert check.reason == f"{'StoC' if sender == 'client' else 'CtoS'} is not in the trace"


def test_missing_keys_are_named() -> None:
    assert check_reply(facts(5), "client", bytes(17), Keys({})).reason == "no encryption key was given"
    assert check_reply(facts(5), "client", bytes(17), Keys({"ek": EK})).reason == "no authentication key was given"
    for mechanism, octets in ((2, 16), (3, 16), (4, 20), (6, 32)):
        check = check_reply(facts(mechanism), "meter", bytes(octets), Keys({}))
        assert (check.verdict, check.reason) == ("no-key", "no password (the HLS secret) was given")
    check = check_reply(facts(5), "client", bytes(17), Keys({"ek": EK[:15], "ak": AK}))
    assert (check.verdict, check.reason) == ("no-key", "the encryption key has 15 octets, suite 0 takes 16")
    check = check_reply(replace(facts(5), server_title=None), "meter", bytes(17), ALL_KEYS)
    assert check.reason == "the system title of the meter, STs, is not in the trace"
    assert check.counter == 0


@pytest.mark.parametrize(
    ("mechanism", "octets", "words"),
    [
        (3, 20, "MD5 has 16 octets, found 20, which is the length of SHA-1"),
        (4, 17, "SHA-1 has 20 octets, found 17, which is the length of GMAC"),
        (5, 16, "GMAC has 17 octets, found 16, which is the length of MD5"),
        (5, 12, "GMAC has 17 octets, found 12"),
        (6, 64, "SHA-256 has 32 octets, found 64, which is the length of ECDSA"),
        (7, 32, "ECDSA has 64 or 96 octets, found 32, which is the length of SHA-256"),
        (5, 0, "GMAC has 17 octets, found 0"),
    ],
)
def test_length_that_cannot_be(mechanism: int, octets: int, words: str) -> None:
    check = check_reply(facts(mechanism), "client", bytes(octets), ALL_KEYS)
    assert (check.verdict, check.reason, check.counter) == ("failed", words, None)


@pytest.mark.parametrize("mechanism", [0, 1, 8])
def test_mechanism_without_a_reply(mechanism: int) -> None:
    check = check_reply(facts(mechanism), "client", b"", ALL_KEYS)
    assert (check.verdict, check.formula) == ("no-key", "")
    with pytest.raises(HlsUnknown, match=f"mechanism {mechanism} computes no reply"):
        expected_reply(facts(mechanism), "client", ALL_KEYS)


def test_gmac_without_a_counter_cannot_be_expected() -> None:
    with pytest.raises(HlsUnknown, match="no invocation counter"):
        expected_reply(facts(5), "client", ALL_KEYS)


@given(
    st.binary(max_size=110), st.integers(0, 9), st.sampled_from(SENDERS),
    st.tuples(*[st.none() | st.binary(max_size=70)] * 4),
    st.dictionaries(
        st.sampled_from(["ek", "ak", "bek", "password", "client_certificate", "server_certificate"]),
        st.binary(max_size=100),
    ),
)  # fmt: skip
def test_check_never_raises_and_never_shows_a_key(
    value: bytes, mechanism: int, sender: Sender, seen: tuple[bytes | None, ...], keys: dict[str, bytes]
) -> None:
    check = check_reply(HlsFacts(mechanism, *seen), sender, value, Keys(keys))
    assert check.verdict in ("failed", "no-key", "unauthenticated") or value[:1] == b"\x30"
    assert check.reason and "\n" not in check.reason
    for key in keys.values():
        assert len(key) < 8 or (key.hex() not in repr(check) and repr(key)[2:-1] not in repr(check))
