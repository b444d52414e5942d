"""What one could have got wrong about a key, a title, a counter, or the authenticated data: each as octets and words.

A `Variant` without code is what the standard and the given keys say. The others carry the code of the catalogue that
names the slip, and words for the evidence, which never hold a key.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from analyzer.decryptor import AUTHENTICATED, ENCRYPTED, key_octets
from analyzer.keyring import KeyProvider, KeyRing
from analyzer.meter_keys import KeyRole

NAMES: dict[KeyRole, str] = {
    "ek": "the encryption key",
    "ak": "the authentication key",
    "bek": "the broadcast key",
    "dedicated": "the dedicated key",
    "kek": "the key encrypting key",
}
WRONG: dict[KeyRole, str] = {"ek": "encryption-key-wrong", "ak": "authentication-key-wrong", "bek": "broadcast-key"}
# Test keys that everybody knows: from the Green Book, from sample code, from meters as they leave the factory.
PUBLISHED: dict[str, bytes] = {
    "all zero": bytes(16),
    "all FF": b"\xff" * 16,
    "00 01 02 .. 0F, the encryption key of the Green Book's examples": bytes(range(16)),
    "D0 D1 .. DF, the authentication key of the Green Book's examples": bytes(range(0xD0, 0xE0)),
    "00 11 22 .. FF, the fixed key of DSMR and Smarty": bytes(range(0, 256, 17)),
    "10 11 12 .. 1F": bytes(range(0x10, 0x20)),
    'the text "1234567890123456"': b"1234567890123456",
    'the text "0123456789ABCDEF"': b"0123456789ABCDEF",
    "01 23 45 67 89 AB CD EF, twice": bytes.fromhex("0123456789ABCDEF") * 2,
    "01 02 03 .. 10": bytes(range(1, 17)),
    "all 11": b"\x11" * 16,
}


class Variant(NamedTuple):
    """One value to try. `code` and `words` are empty for the value that should have worked."""

    value: bytes
    code: str = ""
    words: str = ""
    role: str = ""


def key_variants(keys: KeyProvider, role: KeyRole, owner: bytes | None, suite: int) -> list[Variant]:
    """The keys to try in a role: the given one, then everything that it may have been mistaken for. Each once."""
    size = key_octets(suite)
    given = keys.key(role, owner, suite)
    made: list[Variant] = []
    if given is not None and len(given) == size:
        made.append(Variant(given, role=role))
    pool: list[Variant] = []
    if given is not None:
        pool += _transformed(given, role, size)
    wrong = WRONG.get(role, "dedicated-key-mixed-up")
    for other in NAMES:
        if other == role:
            continue
        value = keys.key(other, owner, suite)
        if value is not None and len(value) == size:
            pool.append(Variant(value, wrong, f"{NAMES[role]} that works equals {NAMES[other]} as given", other))
    if isinstance(keys, KeyRing):
        pool += _others(keys, role, size, wrong)
    if size == 16:
        for words, value in PUBLISHED.items():
            pool.append(
                Variant(value, wrong, f"{NAMES[role]} that works is a published test key: {words}", "published")
            )
    return _once([*made, *(variant for variant in pool if len(variant.value) == size)])


def _others(keys: KeyRing, role: KeyRole, size: int, wrong: str) -> Iterator[Variant]:
    """Keys of other meters in the key file, and keys whose text is what was meant."""
    for candidate_role in NAMES:
        for candidate in keys.candidates(candidate_role):
            secret = candidate.secret
            if len(secret.value) == size:
                words = f"{NAMES[role]} that works is that of {candidate.label}"
                yield Variant(secret.value, wrong, words, "other-meter")
            typed = "".join(secret.typed.split()).encode()
            for text in dict.fromkeys((typed, typed.upper(), typed.lower())):
                if len(text) > size and len(text) % 2 == 0:
                    words = f"{NAMES[role]} that works is the first {size} characters of the hexadecimal text"
                    if candidate_role == role:
                        yield Variant(text[:size], "key-ascii-hex", words, role)
            if candidate_role == role and len(text) == size:
                yield Variant(text, "key-ascii-hex", f"{NAMES[role]} that works is the text as characters", role)


def _transformed(key: bytes, role: KeyRole, size: int) -> Iterator[Variant]:
    """The given key written otherwise."""
    name = NAMES[role]
    yield Variant(key[::-1], "key-reversed", f"{name} that works is the given one with its octets reversed", role)
    if len(key) % 4 == 0:
        words = [key[n : n + 4] for n in range(0, len(key), 4)]
        swapped = b"".join(word[::-1] for word in words)
        yield Variant(swapped, "key-reversed", f"{name} that works has the octets of each 4-octet word reversed", role)
        yield Variant(b"".join(words[::-1]), "key-reversed", f"{name} that works has its 4-octet words reversed", role)
        pairs = b"".join(key[n : n + 2][::-1] for n in range(0, len(key), 2))
        yield Variant(pairs, "key-reversed", f"{name} that works has each two octets swapped", role)
    nibbles = bytes((octet << 4 | octet >> 4) & 0xFF for octet in key)
    yield Variant(nibbles, "key-reversed", f"{name} that works has the two digits of each octet swapped", role)
    try:
        unhexed = bytes.fromhex(key.decode("ascii"))
    except ValueError:
        unhexed = b""
    if unhexed:
        fitted = unhexed[:size].ljust(size, b"\0")
        yield Variant(fitted, "key-ascii-hex", f"{name} that works is what the given text spells in hexadecimal", role)
    if len(key) != size:
        words_ = f"{name} that works is the given one cut or filled with zeros to {size} octets"
        yield Variant(key[:size].ljust(size, b"\0"), "key-length", words_, role)
        yield Variant(key[-size:].rjust(size, b"\0"), "key-length", words_, role)
        if size % len(key) == 0:
            yield Variant(key * (size // len(key)), "key-length", f"{name} that works is the given one repeated", role)
    else:
        half = key[: size // 2]
        yield Variant(half * 2, "key-length", f"{name} that works is the first half of the given one, twice", role)
        yield Variant(half.ljust(size, b"\0"), "key-length", f"{name} that works has zeros in its second half", role)


def title_variants(own: bytes | None, peer: bytes | None, others: Iterable[bytes]) -> list[Variant]:
    """The titles to try in the nonce: the sender's, the other side's, the sender's written otherwise, any other."""
    made = [Variant(own)] if own is not None else []
    if peer:
        made.append(Variant(peer, "system-title-of-other-side", "the nonce has the system title of the other side"))
    if own:
        malformed = "system-title-malformed"
        made.append(Variant(own[::-1], malformed, "the nonce has the system title with its octets reversed"))
        made.append(Variant(own.hex().upper().encode()[:8], malformed, "the nonce has the first 8 digits as text"))
        made.append(Variant(own.hex().encode()[:8], malformed, "the nonce has the first 8 digits as text"))
        made.append(Variant(own[:8].ljust(8, b"\0"), malformed, "the nonce has the title cut or filled to 8 octets"))
        made.append(Variant(own[-8:].rjust(8, b"\0"), malformed, "the nonce has the title cut or filled to 8 octets"))
    for other in others:
        said = f"the nonce has the system title {other.hex().upper()}"
        made.append(Variant(other, "system-title-wrong", said))
    made.append(Variant(bytes(8), "system-title-wrong", "the nonce has a system title of zeros"))
    return _once([variant for variant in made if len(variant.value) == 8])


MISTYPED_TITLE = "mistyped"


def mistyped_titles(own: bytes) -> Iterator[Variant]:
    """The sender's title with one octet of another value."""
    for place, right in enumerate(own):
        for value in range(256):
            if value != right:
                words = f"the nonce has the system title with {value:02X} for {right:02X} in octet {place + 1}"
                wrong = own[:place] + bytes((value,)) + own[place + 1 :]
                yield Variant(wrong, "system-title-wrong", words, MISTYPED_TITLE)


def nonce_variants(title: bytes, counter: bytes) -> Iterator[tuple[Variant, Variant]]:
    """Title and counter put together otherwise, as a head of 8 octets and what follows it."""
    for nonce, words in (
        (counter + title, "the nonce has the counter before the system title"),
        ((title + counter)[::-1], "the nonce has all its octets reversed"),
        (title[4:] + title[:4] + counter, "the nonce has the halves of the system title exchanged"),
        (title[4:] + counter + title[:4], "the nonce has the counter within the system title"),
        (title[:4] + counter + title[4:], "the nonce has the counter within the system title"),
        (title[:4][::-1] + title[4:][::-1] + counter, "the nonce has the octets of each half of the title reversed"),
    ):
        yield Variant(nonce[:8], "nonce-layout-wrong", words), Variant(nonce[8:])


def tag_variants(whole: bytes) -> Iterator[tuple[bytes, str]]:
    """Twelve octets that are not the first of a tag of 16, with words."""
    yield whole[4:], "the tag is the last 12 of 16 octets, not the first"
    yield whole[2:14], "the tag is the middle 12 of 16 octets, not the first"
    yield whole[:12][::-1], "the tag has its octets reversed"
    yield whole[::-1][:12], "the tag is cut from 16 octets in reverse order"
    yield whole[:8].ljust(12, b"\0"), "the tag has 8 octets and zeros behind them"


def control_variant(sent: int, actual: int) -> Variant:
    """What the content really is, where the security control says something else."""
    done = {
        0: "neither encrypted nor authenticated",
        AUTHENTICATED: "authenticated and not encrypted",
        ENCRYPTED: "encrypted and has no tag",
        AUTHENTICATED | ENCRYPTED: "authenticated and encrypted",
    }[actual]
    words = f"the security control is {sent:02X}, and the content is {done}"
    return Variant(bytes((sent & ~0x30 | actual,)), "security-control-wrong", words)


def counter_variants(counter: int, before: int | None) -> list[Variant]:
    """The counters to try in the nonce, as 4 octets."""
    own = counter.to_bytes(4, "big")
    mismatch = "invocation-counter-mismatch"
    made = [
        Variant(own),
        Variant(own[::-1], "invocation-counter-endianness", "the nonce has the counter in little-endian order"),
    ]
    for step, said in ((1, "one more"), (-1, "one less")):
        value = (counter + step) % (1 << 32)
        made.append(Variant(value.to_bytes(4, "big"), mismatch, f"the nonce has the counter {value}, {said} than sent"))
    made.append(Variant(bytes(4), mismatch, "the nonce has the counter 0"))
    made.append(Variant(b"", mismatch, "the nonce is the system title alone, without a counter"))
    if before is not None:
        said = f"the nonce has the counter {before} of the APDU before"
        made.append(Variant(before.to_bytes(4, "big"), mismatch, said))
    return _once(made)


def aad_variants(
    control: int,
    key: bytes,
    apdu: bytes,
    header: bytes,
    ciphertext: bytes,
    near: Iterable[tuple[bytes, str]] = (),
) -> list[Variant]:
    """The additional authenticated data to try; `apdu` is the plain APDU, `header` that of general-ciphering, `near`
    what stands beside the content, with words for it."""
    own = bytes((control,))
    encrypted = bool(control & ENCRYPTED)
    tail = b"" if encrypted else apdu
    made = [Variant(own + key + header + tail)]
    for other in (0x10, 0x20, 0x30, 0x31, 0x32, 0x11, 0x00, control & 0x0F | AUTHENTICATED):
        if other != control:
            said = f"the authenticated data has the security control {other:02X} in place of {control:02X}"
            made.append(Variant(bytes((other,)) + key + header + tail, "aad-security-control-wrong", said))
    without, extra = "aad-without-key", "aad-extra-data"
    made += [
        Variant(own + header + tail, without, "the authenticated data lacks the authentication key"),
        Variant(key + header + tail, without, "the authenticated data lacks the security control octet"),
        Variant(tail, without, "the authenticated data is empty" if encrypted else "it lacks security control and key"),
        Variant(
            key + own + header + tail, extra, "the authenticated data has key and security control in reverse order"
        ),
    ]
    for octets, what in near:
        said = f"the authenticated data has {what} in it"
        made.append(Variant(own + key + octets + header + tail, extra, f"{said}, behind the key"))
        made.append(Variant(own + octets + key + header + tail, extra, f"{said}, before the key"))
        made.append(Variant(octets + own + key + header + tail, extra, f"{said}, in front"))
    if header:
        made.append(Variant(own + key + tail, extra, "the authenticated data lacks the header of general-ciphering"))
    if encrypted:
        made.append(Variant(own + key + header + apdu, extra, "the plain APDU is in the authenticated data as well"))
        made.append(
            Variant(own + key + header + ciphertext, extra, "the ciphertext is in the authenticated data as well")
        )
    else:
        made.append(Variant(own + key + header, extra, "the plain APDU is missing from the authenticated data"))
    return _once(made)


def _once(variants: Iterable[Variant]) -> list[Variant]:
    """The variants without those that try a value again; the first reading of a value counts."""
    seen: dict[bytes, Variant] = {}
    for variant in variants:
        seen.setdefault(variant.value, variant)
    return list(seen.values())
