"""What else the proof of a high level authentication may be: each single change, and whether it gives the value sent."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import permutations

from analyzer.decryptor import Decryptor, key_octets
from analyzer.diagnosis.variants import (
    Variant,
    counter_variants,
    key_variants,
    mistyped_titles,
    nonce_variants,
    tag_variants,
    title_variants,
)
from analyzer.hls import HlsFacts, HlsUnknown, Sender, verify_signature
from analyzer.keyring import KeyProvider, KeyRing
from analyzer.meter_keys import KeyRole

GMAC, GMAC_OCTETS, ECDSA = 5, 17, 7
HASHES: dict[int, Callable[[bytes], bytes]] = {
    3: lambda text: hashlib.md5(text, usedforsecurity=False).digest(),
    4: lambda text: hashlib.sha1(text, usedforsecurity=False).digest(),
    6: lambda text: hashlib.sha256(text).digest(),
}
KEY_OR_TITLE = "hls-key-or-title-wrong"


def explanation(
    facts: HlsFacts, sender: Sender, value: bytes, keys: KeyProvider, before: int | None
) -> tuple[str, str] | None:
    """The code and the words of the one change under which `value` is right, None where none is. Never raises.

    `before` is the counter of the APDU before it from the same side."""
    own, peer = facts.client_title, facts.server_title
    challenge, other = facts.stoc, facts.ctos
    if sender == "meter":
        own, peer, challenge, other = peer, own, other, challenge
    if challenge is None:
        return None
    if facts.mechanism == GMAC and len(value) == GMAC_OCTETS and own is not None:
        made = _gmacs(value, own, peer, challenge, other or b"", keys, facts.server_title, before)
        return next(((code, words) for code, words, tag in made if tag == value[5:]), None)
    if facts.mechanism in HASHES:
        hashes = _hashes(facts, own or b"", peer or b"", challenge, other or b"", keys)
        digest = HASHES[facts.mechanism]
        return next(((code, words) for code, words, text in hashes if digest(text) == value), None)
    if facts.mechanism == ECDSA and len(value) in (64, 96):
        return _signature(facts, sender, value, own or b"", peer or b"", challenge, other or b"", keys)
    return None


def _signature(
    facts: HlsFacts,
    sender: Sender,
    value: bytes,
    own: bytes,
    peer: bytes,
    challenge: bytes,
    other: bytes,
    keys: KeyProvider,
) -> tuple[str, str] | None:
    """What else was signed, by whom, or how r and s were written."""
    roles: dict[Sender, KeyRole] = {"client": "client_certificate", "meter": "server_certificate"}
    suite, right = (2 if len(value) == 96 else 1), own + peer + challenge + other
    signer = keys.key(roles[sender], facts.server_title, suite)
    stranger = keys.key(roles["meter" if sender == "client" else "client"], facts.server_title, suite)
    half = len(value) // 2
    r, s = value[:half], value[half:]
    swapped = "hls-challenge-swapped"
    tries = [
        (swapped, "titles and challenges are signed in another order", signer, b"".join(order), value)
        for order in permutations((own, peer, challenge, other))
    ]
    tries += [
        (KEY_OR_TITLE, "the system titles are left out", signer, challenge + other, value),
        (
            KEY_OR_TITLE,
            "the system titles are left out, and the challenges exchanged",
            signer,
            other + challenge,
            value,
        ),
        (KEY_OR_TITLE, "the challenge alone is signed", signer, challenge, value),
        (KEY_OR_TITLE, "only the titles and the challenge are signed", signer, own + peer + challenge, value),
        (KEY_OR_TITLE, "the own title is missing", signer, peer + challenge + other, value),
        (KEY_OR_TITLE, "the title of the other side is missing", signer, own + challenge + other, value),
        (KEY_OR_TITLE, "the key of the other side signs", stranger, right, value),
        ("ecdsa-signature-format", "s stands before r", signer, right, s + r),
        ("ecdsa-signature-format", "r and s have their octets reversed", signer, right, r[::-1] + s[::-1]),
    ]
    for code, words, certificate, text, signature in tries:
        with suppress(HlsUnknown, ValueError):
            if certificate is not None and verify_signature(certificate, text, signature):
                return code, words
    return None


def _gmacs(
    value: bytes,
    own: bytes,
    peer: bytes | None,
    challenge: bytes,
    other: bytes,
    keys: KeyProvider,
    meter: bytes | None,
    before: int | None,
) -> Iterator[tuple[str, str, bytes]]:
    """(code, words, tag) of everything that a GMAC may be."""
    control, suite = value[:1], value[0] & 0x0F
    size = key_octets(suite)
    encryption, authentication = (key_variants(keys, role, meter, suite) for role in ("ek", "ak"))
    if not encryption or not authentication or encryption[0].code or authentication[0].code:
        return
    ek, ak = encryption[0].value, authentication[0].value
    counter = value[1:5]
    crypto = Decryptor(len(encryption) + len(authentication) + 2)
    right = control + ak + challenge
    for code, words, data in _data(control, ak, challenge, other, own, counter):
        yield code, words, crypto.gmac(ek, own + counter, data)
    for key in (
        *authentication[1:],
        Variant(ek, KEY_OR_TITLE, "the authentication key that works equals the encryption key"),
    ):
        yield KEY_OR_TITLE, key.words, crypto.gmac(ek, own + counter, control + key.value + challenge)
    for key in encryption[1:]:
        if len(key.value) == size:
            yield KEY_OR_TITLE, key.words, crypto.gmac(key.value, own + counter, right)
    for title in (*title_variants(own, peer, (other,))[1:], *mistyped_titles(own)):
        yield KEY_OR_TITLE, title.words, crypto.gmac(ek, title.value + counter, right)
    for changed in counter_variants(int.from_bytes(counter, "big"), before)[1:]:
        yield "hls-counter-mismatch", changed.words, crypto.gmac(ek, own + changed.value, right)
    for head, tail in nonce_variants(own, counter):
        yield KEY_OR_TITLE, head.words, crypto.gmac(ek, head.value + tail.value, right)
    for tag, words in tag_variants(crypto.gmac(ek, own + counter, right, 16)):
        yield "tag-length-wrong", words, tag


def _data(
    control: bytes, ak: bytes, challenge: bytes, other: bytes, title: bytes, counter: bytes
) -> Iterator[tuple[str, str, bytes]]:
    """What may have been authenticated in place of security control, key and challenge."""
    without, extra, said = "aad-without-key", "aad-extra-data", "the authenticated data"
    yield without, f"{said} lacks the authentication key", control + challenge
    yield without, f"{said} lacks the security control octet", ak + challenge
    yield without, f"{said} is the challenge alone", challenge
    for octet in (0x00, 0x10, 0x11, 0x12, 0x20, 0x30, 0x31, 0x32):
        if octet != control[0]:
            words = f"{said} has the security control {octet:02X} in place of {control[0]:02X}"
            yield "aad-security-control-wrong", words, bytes((octet,)) + ak + challenge
    yield extra, f"{said} has key and security control in reverse order", ak + control + challenge
    yield extra, f"{said} has the challenge before the key", control + challenge + ak
    yield extra, f"{said} has both challenges", control + ak + challenge + other
    yield extra, f"{said} has both challenges, in reverse order", control + ak + other + challenge
    yield extra, f"{said} has the system title before the challenge", control + ak + title + challenge
    yield extra, f"{said} has the system title behind the challenge", control + ak + challenge + title
    yield extra, f"{said} has the invocation counter in it", control + counter + ak + challenge
    yield extra, f"{said} has the invocation counter in it", control + ak + counter + challenge
    yield extra, f"{said} has the length of the challenge in it", control + ak + bytes((len(challenge),)) + challenge
    yield "hls-challenge-swapped", f"{said} has the challenge with its octets reversed", control + ak + challenge[::-1]
    for text in dict.fromkeys((challenge.hex().encode(), challenge.hex().upper().encode())):
        yield "hls-challenge-swapped", f"{said} has the challenge as hexadecimal text", control + ak + text


def _hashes(
    facts: HlsFacts, own: bytes, peer: bytes, challenge: bytes, other: bytes, keys: KeyProvider
) -> Iterator[tuple[str, str, bytes]]:
    """(code, words, text) of everything that a digest may be made of."""
    secret = keys.key("password", facts.server_title, 0)
    if secret is None:
        return
    swapped, words = "hls-challenge-swapped", "the parts that are hashed come in another order"
    secrets = [(secret, "", ""), *_secrets(secret, keys)]
    for value, code, said in secrets:
        if facts.mechanism != 6:
            yield code or swapped, said or words, value + challenge
            if code:
                yield code, said, challenge + value
            continue
        if code:
            yield code, said, value + own + peer + challenge + other
    if facts.mechanism == 6:
        for order in permutations((secret, own, peer, challenge, other)):
            yield swapped, words, b"".join(order)
        yield KEY_OR_TITLE, "the system titles are left out", secret + challenge + other
        yield KEY_OR_TITLE, "the secret is left out", own + peer + challenge + other


def _secrets(secret: bytes, keys: KeyProvider) -> Iterator[tuple[bytes, str, str]]:
    """The secret as it may have been meant or typed."""
    name = "the secret that works is the given one"
    yield secret[::-1], KEY_OR_TITLE, f"{name} with its octets reversed"
    yield secret.hex().encode(), KEY_OR_TITLE, f"{name} as hexadecimal text"
    yield secret.hex().upper().encode(), KEY_OR_TITLE, f"{name} as hexadecimal text"
    for size in (16, 32, 64):
        yield secret.ljust(size, b"\0"), KEY_OR_TITLE, f"{name} filled with zeros to {size} octets"
    yield secret + b"\0", KEY_OR_TITLE, f"{name} with a zero behind it"
    yield secret.strip(b" \0\r\n"), KEY_OR_TITLE, f"{name} without blanks and zeros around it"
    yield secret.upper(), KEY_OR_TITLE, f"{name} in capital letters"
    yield secret.lower(), KEY_OR_TITLE, f"{name} in small letters"
    with suppress(ValueError):
        yield bytes.fromhex(secret.decode("ascii")), KEY_OR_TITLE, f"{name} read as hexadecimal"
    if isinstance(keys, KeyRing):
        for role in ("ek", "ak"):
            for candidate in keys.candidates(role):
                yield candidate.secret.value, KEY_OR_TITLE, "the secret that works is a key of the key file"
