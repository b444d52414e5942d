"""One side of a conversation: its keys, its title, its counter, and what it makes of them by the Green Book.

What a fault changes is a field of its own; each is None or right where nothing is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.keywrap import aes_key_wrap

from tests.lab.curves import REGISTERED, Pair, derived, pair
from tests.lab.octets import string

AUTHENTICATED, ENCRYPTED, BROADCAST, COMPRESSED = 0x10, 0x20, 0x40, 0x80
GLOBAL = {
    0x01: 0x21, 0x05: 0x25, 0x06: 0x26, 0x08: 0x28, 0x0C: 0x2C, 0x0D: 0x2D, 0x18: 0x38,
    0xC0: 0xC8, 0xC1: 0xC9, 0xC2: 0xCA, 0xC3: 0xCB, 0xC4: 0xCC, 0xC5: 0xCD, 0xC7: 0xCF,
}  # fmt: skip
DEDICATED = {
    0x05: 0x45, 0x06: 0x46, 0x0C: 0x4C, 0x0D: 0x4D, 0x18: 0x58,
    0xC0: 0xD0, 0xC1: 0xD1, 0xC2: 0xD2, 0xC3: 0xD3, 0xC4: 0xD4, 0xC5: 0xD5, 0xC7: 0xD7,
}  # fmt: skip
GENERAL_GLO, GENERAL_DED, GENERAL = 0xDB, 0xDC, 0xDD
# How general-ciphering says its key: named, wrapped under the KEK, C(0e,2s), C(1e,1s).
KEY_INFOS = ("identified", "wrapped", "static", "ephemeral")


def gcm(key: bytes, nonce: bytes, text: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Ciphertext and the whole tag of 16 octets."""
    machine = Cipher(algorithms.AES(key), modes.GCM(nonce)).encryptor()
    machine.authenticate_additional_data(data)
    return machine.update(text) + machine.finalize(), machine.tag


@dataclass
class Quirk:
    """What a station does wrong from its `after`-th protected APDU on. All fields at rest: nothing is wrong."""

    ek: bytes | None = None
    ak: bytes | None = None
    nonce_title: bytes | None = None
    nonce_counter: Callable[[int], bytes] | None = None
    nonce: Callable[[bytes, bytes], bytes] | None = None  # of title and counter
    data: Callable[[int, bytes, bytes, bytes], bytes] | None = None  # of control, AK, header, ciphertext
    tag_octets: int = 12
    proof: Callable[[bytes], bytes] | None = None  # what becomes of f(challenge)
    counter: Callable[[int], int] | None = None  # the counter that is used, of the right one
    said: Callable[[int], int] | None = None  # the control byte that is sent, of the one that is used
    range: Callable[[bytes], bytes] | None = None  # what is protected in place of the APDU
    damage: Callable[[bytes, bytes], tuple[bytes, bytes]] | None = None  # of ciphertext and tag
    initiate: bool = True  # whether the InitiateRequest is built wrong too

    def active(self) -> bool:
        return self != Quirk(initiate=self.initiate)


@dataclass
class Station:
    """The client or the meter. `protection` is none, glo, ded, general-glo or general."""

    title: bytes
    ek: bytes
    ak: bytes
    counter: int
    control: int = 0x30
    protection: str = "glo"
    dedicated: bytes = b""
    peer: bytes = b""
    secret: bytes = b""
    bek: bytes = b""
    kek: bytes = b""
    pair: Pair | None = None
    peer_point: bytes = b""
    key_info: str = "identified"
    arc: bytes = REGISTERED
    chance: Random = field(default_factory=lambda: Random(0))
    quirk: Quirk = field(default_factory=Quirk)
    after: int = 0
    sealed: int = 0
    spoilt: bool = False  # whether the last thing it made was wrong

    @property
    def suite(self) -> int:
        return self.control & 0x0F

    def seal(self, apdu: bytes) -> bytes:
        """An APDU under the protection of the association. InitiateRequest and -Response are under the global key."""
        if self.protection == "none" or apdu[0] == 0xD8:  # an exception has no ciphered form of its own
            return apdu
        initiate = apdu[0] in (1, 8)
        kind = "glo" if initiate else self.protection
        self.counter += 1
        if kind == "general":
            return self._general(apdu)
        content = self._content(apdu, self.dedicated if kind == "ded" else self.ek, b"", initiate)
        if kind == "general-glo":
            return bytes([GENERAL_GLO]) + string(self.title) + string(content)
        return bytes([(DEDICATED if kind == "ded" else GLOBAL)[apdu[0]]]) + string(content)

    def cast(self, apdu: bytes) -> bytes:
        """For all meters: general-glo-ciphering under the global broadcast key."""
        self.counter += 1
        normal, self.control = self.control, self.control | BROADCAST
        content = self._content(apdu, self.bek, b"", False)
        self.control = normal
        return bytes([GENERAL_GLO]) + string(self.title) + string(content)

    def _general(self, apdu: bytes) -> bytes:
        transaction = self.counter.to_bytes(8, "big")
        header = string(transaction) + string(self.title) + string(self.peer) + b"\x00\x00"
        key, info = self._key(transaction)
        return bytes([GENERAL]) + header + b"\x01" + info + string(self._content(apdu, key, header, False))

    def _key(self, transaction: bytes) -> tuple[bytes, bytes]:
        """The key of one general-ciphering APDU, and the key-info that says it."""
        if self.key_info == "wrapped":
            key = self.chance.randbytes(len(self.ek))
            return key, b"\x01\x00" + string(aes_key_wrap(self.kek, key))
        if self.pair is not None and self.key_info == "static":
            secret, party_u = self.pair.secret(self.peer_point), self.title + string(transaction)
            return derived(secret, party_u, self.peer, self.suite, self.arc), b"\x02\x01\x02\x00"
        if self.pair is not None and self.key_info == "ephemeral":
            once = pair(self.chance, self.suite)
            key = derived(once.secret(self.peer_point), self.title, self.peer, self.suite, self.arc)
            return key, b"\x02\x01\x01" + string(once.point + self.pair.sign(once.point))
        return self.ek, b"\x00\x00"

    def _content(self, apdu: bytes, key: bytes, header: bytes, initiate: bool) -> bytes:
        self.sealed += 1
        wrong = self.quirk if self.sealed > self.after and (self.quirk.initiate or not initiate) else Quirk()
        self.spoilt = wrong.active()
        control, count = self.control, self.counter if wrong.counter is None else wrong.counter(self.counter)
        counter = count.to_bytes(4, "big")
        ak, title = self.ak if wrong.ak is None else wrong.ak, wrong.nonce_title or self.title
        used = wrong.nonce_counter(count) if wrong.nonce_counter else counter
        nonce = wrong.nonce(title, used) if wrong.nonce else title + used
        key = wrong.ek or key
        head = bytes([wrong.said(control) if wrong.said else control]) + counter
        apdu = wrong.range(apdu) if wrong.range else apdu
        sealed = gcm(key, nonce, apdu, b"")[0] if control & ENCRYPTED else apdu
        data = bytes([control]) + ak + header if wrong.data is None else wrong.data(control, ak, header, sealed)
        if control & ENCRYPTED:
            sealed, tag = gcm(key, nonce, apdu, data if control & AUTHENTICATED else b"")
        else:
            tag = gcm(key, nonce, b"", data + apdu)[1]
        if wrong.damage:
            sealed, tag = wrong.damage(sealed, tag)
        return head + sealed + (tag[: wrong.tag_octets] if control & AUTHENTICATED else b"")

    def proof(self, mechanism: int, theirs: bytes, own: bytes) -> bytes:
        """f(challenge of the other side) of HLS pass 3 or 4, by mechanism."""
        right = self.value(mechanism, theirs, own)
        if self.quirk.proof is None:
            return right
        self.spoilt = True
        return self.quirk.proof(right)

    def value(self, mechanism: int, theirs: bytes, own: bytes) -> bytes:
        """What the standard wants; mechanism 2 is the maker's own, here a keyed hash."""
        if mechanism == 2:
            return hashlib.sha3_256(self.secret + theirs).digest()[:16]
        if mechanism == 3:
            return hashlib.md5(theirs + self.secret).digest()
        if mechanism == 4:
            return hashlib.sha1(theirs + self.secret).digest()
        if mechanism == 6:
            return hashlib.sha256(self.secret + self.title + self.peer + theirs + own).digest()
        if mechanism == 7 and self.pair is not None:
            return self.pair.sign(self.title + self.peer + theirs + own)
        self.counter += 1
        return self.mac(self.counter, theirs)

    def mac(self, counter: int, challenge: bytes, title: bytes | None = None, used: int | None = None) -> bytes:
        """The value of mechanism 5, by default under the own title and the counter that it says."""
        control, said = bytes([AUTHENTICATED | self.suite]), counter.to_bytes(4, "big")
        nonce = (title or self.title) + (counter if used is None else used).to_bytes(4, "big")
        return control + said + gcm(self.ek, nonce, b"", control + self.ak + challenge)[1][:12]
