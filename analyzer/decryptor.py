"""AES-GCM as DLMS/COSEM uses it: nonce, additional data, a tag of 12 octets, and a verdict in words.

The standard (Green Book ed. 8, 9.2.3.3.7; GCM itself: NIST SP 800-38D) fixes, for all suites alike:

    nonce   system title of the originator (8 octets), then the invocation counter (4, big-endian)
    tag     the leftmost 12 of 16 octets; none where a message is only encrypted

    control             plaintext P   additional authenticated data A
    A only      0x10    empty         SC, AK [, H], APDU
    E only      0x20    APDU          empty
    A and E     0x30    APDU          SC, AK [, H]

SC is the security control octet as it was sent, AK the authentication key, and H, with general-ciphering
alone, the header fields from transaction-id to other-information, each with its length octet. Suites 0 and 1
take keys of 16 octets, suite 2 of 32.

`cryptography` is imported at the top, for every function here needs it. It costs some 20 ms: import this
module where something is to be opened, not at the start of a program.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from hmac import compare_digest
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from analyzer.model import Verdict

SUITE_BITS = 0x0F
AUTHENTICATED = 0x10
ENCRYPTED = 0x20
BROADCAST = 0x40

TAG_OCTETS = 12
TITLE_OCTETS = 8
NONCE_OCTETS = 12
FULL_TAG_OCTETS = 16
BLOCK_OCTETS = 16
COUNTER_MAX = 0xFFFF_FFFF
USUAL = ENCRYPTED | AUTHENTICATED  # in suite 0, with the unicast key
USUAL_OCTET = bytes((USUAL,))
MATCHES = "the tag matches"
# 12 is the standard's; 16 is what a library sends that was not told to cut it, 8 is known of other GCM uses.
TAG_LENGTHS = (8, TAG_OCTETS, FULL_TAG_OCTETS)
KEY_OCTETS = {0: 16, 1: 16, 2: 32}


class Protected(NamedTuple):
    """The protected content of one APDU, cut into its parts.

    `payload` is ciphertext, or plain where control says authentication only; `tag` is empty where none was
    sent; `system_title` is the originator's, None where nobody knows it; `header` is H of general-ciphering.
    """

    control: int
    invocation_counter: int
    system_title: bytes | None
    payload: bytes
    tag: bytes = b""
    header: bytes = b""

    def __repr__(self) -> str:
        return f"Protected(control={self.control}, invocation_counter={self.invocation_counter})"


class Opened(NamedTuple):
    """What came out. `plaintext` is None only where it could not be had; trust it only when verified."""

    plaintext: bytes | None
    verdict: Verdict
    reason: str

    def __repr__(self) -> str:
        return f"Opened(verdict={self.verdict!r}, reason={self.reason!r})"


NOTHING = (b"", b"", lambda nonce, text, associated: b"", b"")
_opened = tuple.__new__  # half the time of calling the class, which counts for nothing but here


def key_octets(suite: int) -> int:
    """Length in octets of EK, AK and KEK in a suite; a reserved suite (3 to 15) counts as 16."""
    return KEY_OCTETS.get(suite, 16)


def nonce(system_title: bytes, invocation_counter: int) -> bytes:
    """The initialization vector: title and counter, 12 octets with a title of 8 (Green Book 9.2.3.3.7.3).

    Raises ValueError where the counter does not fit its 4 octets.
    """
    if not 0 <= invocation_counter <= COUNTER_MAX:
        raise ValueError(f"an invocation counter is 0 to {COUNTER_MAX}, found {invocation_counter}")
    return system_title + invocation_counter.to_bytes(4, "big")


def aad(control: int, authentication_key: bytes, apdu: bytes = b"", header: bytes = b"") -> bytes:
    """The additional authenticated data for a security control octet; see the table above.

    `apdu` is the plain APDU with its tag; it counts only where control says authenticated and not encrypted.
    """
    if not control & AUTHENTICATED:
        return b""
    associated = bytes((control,)) + authentication_key + header
    return associated if control & ENCRYPTED else associated + apdu


class Decryptor:
    """AES-GCM with a small memory of keys already expanded. One for each analysis; `forget` drops the keys.

    Without state that changes a result, so threads may share one.
    """

    def __init__(self, remembered_keys: int = 64) -> None:
        # The cache belongs to the instance: no key outlives the analysis that was given it.
        self._cipher = lru_cache(maxsize=remembered_keys)(_cipher)
        # EK and AK that opened the last APDU, what encrypts with the one, the additional data with the other.
        self._last: tuple[bytes, bytes, Callable[[bytes, bytes, bytes | None], bytes], bytes] = NOTHING

    def __repr__(self) -> str:
        return "Decryptor()"

    def forget(self) -> None:
        """Drop every key that was used so far."""
        self._cipher.cache_clear()
        self._last = NOTHING

    def gcm_open(self, key: bytes, nonce: bytes, ciphertext: bytes, tag: bytes, aad: bytes = b"") -> tuple[bytes, bool]:
        """Plaintext, and whether `tag` (8, 12 or 16 octets) is that of plaintext and `aad`.

        The plaintext comes also where the tag does not match: it is what a diagnosis looks at, and nothing
        vouches for it. Raises ValueError for a key, a tag or a nonce of a length that cannot be.
        """
        size = len(tag)
        if size not in TAG_LENGTHS:
            raise ValueError(f"a GCM tag has 12 octets (8 and 16 are tried), found {size}")
        if len(nonce) != NONCE_OCTETS:
            plaintext, full_tag = self._open_any_nonce(key, nonce, ciphertext, aad)
            return plaintext, compare_digest(full_tag[:size], tag)
        # AESGCM only knows tags of 16 octets, but GCM is counter mode: to encrypt the ciphertext decrypts it,
        # and to encrypt the outcome with the additional data yields the tag. Half the time of `Cipher`.
        encrypt = self._cipher(key).encrypt
        plaintext = encrypt(nonce, ciphertext, None)[:-FULL_TAG_OCTETS]
        end = len(plaintext)
        return plaintext, compare_digest(encrypt(nonce, plaintext, aad)[end : end + size], tag)

    def gcm_decrypt(self, key: bytes, nonce: bytes, ciphertext: bytes) -> bytes:
        """The plaintext alone, for what has no tag or no authentication key. Errors as `gcm_open`."""
        if len(nonce) != NONCE_OCTETS:
            return self._open_any_nonce(key, nonce, ciphertext, b"")[0]
        return self._cipher(key).encrypt(nonce, ciphertext, None)[:-FULL_TAG_OCTETS]

    def gcm_seal(
        self, key: bytes, nonce: bytes, plaintext: bytes, aad: bytes = b"", tag_octets: int = TAG_OCTETS
    ) -> tuple[bytes, bytes]:
        """Ciphertext and the first `tag_octets` octets of the tag. Errors as `gcm_open`."""
        if tag_octets not in TAG_LENGTHS:
            raise ValueError(f"a GCM tag has 12 octets (8 and 16 are tried), asked for {tag_octets}")
        if len(nonce) != NONCE_OCTETS:
            ciphertext = self._open_any_nonce(key, nonce, plaintext, b"")[0]
            return ciphertext, self._open_any_nonce(key, nonce, ciphertext, aad)[1][:tag_octets]
        sealed = self._cipher(key).encrypt(nonce, plaintext, aad)
        end = len(plaintext)
        return sealed[:end], sealed[end : end + tag_octets]

    def gmac(self, key: bytes, nonce: bytes, aad: bytes, tag_octets: int = TAG_OCTETS) -> bytes:
        """The tag over `aad` alone: authentication without encryption, and HLS mechanism 5."""
        return self.gcm_seal(key, nonce, b"", aad, tag_octets)[1]

    def unprotect(self, content: Protected, key: bytes | None, authentication_key: bytes | None) -> Opened:
        """Open one protected APDU with EK and AK, either of them None where it is not known.

        verified: the tag matches. unauthenticated: opened, but no tag was sent or a key to check it is
        missing. failed: a tag was checked and does not match. no-key: nothing could be opened, for want of a
        key, or of the title that the nonce needs. Never raises for what a wire can carry or a user can type.
        """
        control, counter, title, payload, tag, header = content
        known_key, known_authentication, encrypt, associated = self._last
        if control == USUAL and known_key == key and known_authentication == authentication_key and title is not None:
            # What nearly every APDU is, without a detour: the keys of the one before, suite 0, and the tag is right.
            if len(title) == TITLE_OCTETS and len(tag) == TAG_OCTETS and not header:
                iv, end = title + counter.to_bytes(4, "big"), len(payload)
                plaintext = encrypt(iv, payload, None)[:end]
                if compare_digest(encrypt(iv, plaintext, associated)[end : end + TAG_OCTETS], tag):
                    return _opened(Opened, (plaintext, "verified", MATCHES))
        encrypted = control & ENCRYPTED
        ready = _key_and_nonce(content, key)
        checking = _authentication_key(content, authentication_key)
        if isinstance(ready, str):
            if encrypted:
                return Opened(None, "no-key", ready)
            # The text lies open whatever the keys are; only what vouches for it is missing.
            why = checking if isinstance(checking, str) else ready
            return Opened(content.payload, "unauthenticated", why)
        if isinstance(checking, str) or len(content.tag) not in TAG_LENGTHS:
            plaintext = self.gcm_decrypt(*ready, content.payload) if encrypted else content.payload
            if isinstance(checking, str):
                return Opened(plaintext, "unauthenticated", checking)
            return Opened(plaintext, "failed", _tag_length_words(content.tag))
        associated = aad(content.control, checking, content.payload, content.header)
        ciphertext = content.payload if encrypted else b""
        plaintext, matches = self.gcm_open(*ready, ciphertext, content.tag, associated)
        words = _judgement(matches, content, checking)
        if matches and content.control == USUAL and len(checking) == len(ready[0]) == 16:
            self._last = (ready[0], checking, self._cipher(ready[0]).encrypt, USUAL_OCTET + checking)
        return Opened(plaintext if encrypted else content.payload, "verified" if matches else "failed", words)

    def protect(
        self,
        control: int,
        invocation_counter: int,
        system_title: bytes,
        apdu: bytes,
        key: bytes,
        authentication_key: bytes | None,
        header: bytes = b"",
    ) -> Protected:
        """Protect a plain APDU: the reverse of `unprotect`, with a tag of 12 octets.

        Raises ValueError where control asks for authentication and there is no authentication key.
        """
        iv = nonce(system_title, invocation_counter)
        payload, tag = apdu, b""
        if control & AUTHENTICATED:
            if authentication_key is None:
                raise ValueError(f"control {control:02X} authenticates: an authentication key is needed")
            associated = aad(control, authentication_key, apdu, header)
            ciphertext, tag = self.gcm_seal(key, iv, apdu if control & ENCRYPTED else b"", associated)
            payload = ciphertext if control & ENCRYPTED else apdu
        elif control & ENCRYPTED:
            payload = self.gcm_decrypt(key, iv, apdu)  # counter mode: the same both ways
        return Protected(control, invocation_counter, system_title, payload, tag, header)

    def _open_any_nonce(self, key: bytes, nonce: bytes, ciphertext: bytes, aad: bytes) -> tuple[bytes, bytes]:
        """Plaintext and full tag under a nonce that is not 12 octets long: a title missing or malformed.

        AESGCM refuses nonces under 8 and over 128 octets. NIST SP 800-38D 7.1 defines them: the first
        counter block is GHASH of the nonce.
        """
        if not nonce:
            raise ValueError("a GCM nonce has at least one octet, found none")
        block = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update
        first = self._ghash(key, b"", nonce)
        # The counter is the last 32 bits and wraps within them; the counter mode of `Cipher` carries further.
        start = int.from_bytes(first[12:], "big")
        blocks = -(-len(ciphertext) // BLOCK_OCTETS)
        counters = ((start + number) & COUNTER_MAX for number in range(1, blocks + 1))
        stream = block(b"".join(first[:12] + counter.to_bytes(4, "big") for counter in counters))
        plaintext = _xor(ciphertext, stream[: len(ciphertext)])
        return plaintext, _xor(self._ghash(key, aad, ciphertext), block(first))

    def _ghash(self, key: bytes, aad: bytes, ciphertext: bytes) -> bytes:
        """GHASH of additional data and ciphertext with their lengths (SP 800-38D 6.4), 16 octets.

        Taken from AESGCM itself: a tag is GHASH masked with a block of the cipher, which is taken off again.
        """
        zero = bytes(NONCE_OCTETS)
        encrypt = self._cipher(key).encrypt
        preimage = encrypt(zero, ciphertext, None)[:-FULL_TAG_OCTETS]
        tag = encrypt(zero, preimage, aad)[-FULL_TAG_OCTETS:]
        mask = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(zero + b"\0\0\0\1")
        return _xor(tag, mask)


def _cipher(key: bytes) -> AESGCM:
    if len(key) not in (16, 32):
        raise ValueError(f"an AES key has 16 octets (suites 0 and 1) or 32 (suite 2), found {len(key)}")
    return AESGCM(key)


def _xor(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


def _key_and_nonce(content: Protected, key: bytes | None) -> tuple[bytes, bytes] | str:
    """What AES-GCM needs to begin, or what is missing in words."""
    control = content.control
    suite = control & SUITE_BITS
    if key is None:
        return f"no {'broadcast' if control & BROADCAST else 'encryption'} key was given"
    if len(key) != key_octets(suite):
        return f"the encryption key has {len(key)} octets, suite {suite} takes {key_octets(suite)}"
    if content.system_title is None:
        return "the originator's system title is not known, and the nonce begins with it"
    return key, nonce(content.system_title, content.invocation_counter)


def _authentication_key(content: Protected, authentication_key: bytes | None) -> bytes | str:
    """The key for the tag, or why there is no tag to check in words."""
    control = content.control
    if not control & AUTHENTICATED:
        protection = "encrypted only" if control & ENCRYPTED else "neither encrypted nor authenticated"
        return f"control {control:02X}: {protection}, so no tag was sent"
    if not content.tag:
        return f"control {control:02X} promises a tag, but none was sent"
    if authentication_key is None:
        return "no authentication key was given, so the tag was not checked"
    return authentication_key


def _tag_length_words(tag: bytes) -> str:
    return f"the tag has {len(tag)} octets, expected {TAG_OCTETS}"


def _judgement(matches: bool, content: Protected, authentication_key: bytes) -> str:
    """What became of a tag that was compared, and what was unusual about the input."""
    suite = content.control & SUITE_BITS
    tag, title, key = len(content.tag), len(content.system_title or b""), len(authentication_key)
    first = MATCHES if matches else "the tag does not match these keys, title, counter and text"
    if tag == TAG_OCTETS and title == TITLE_OCTETS and KEY_OCTETS.get(suite) == key:
        return first
    words = [first]
    if tag != TAG_OCTETS:
        words.append(_tag_length_words(content.tag))
    if title != TITLE_OCTETS:
        words.append(f"the system title has {title} octets, expected {TITLE_OCTETS}")
    if key != key_octets(suite):
        words.append(f"the authentication key has {key} octets, suite {suite} takes {key_octets(suite)}")
    if suite not in KEY_OCTETS:
        words.append(f"suite {suite} is reserved, read as suite 0")
    return "; ".join(words)
