"""One side of a conversation: its keys, its title, its counter, and what it makes of them by the Green Book.

What a fault changes is a field of its own; each is None or right where nothing is wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tests.lab.octets import string

AUTHENTICATED, ENCRYPTED = 0x10, 0x20
GLOBAL = {
    0x01: 0x21, 0x05: 0x25, 0x06: 0x26, 0x08: 0x28, 0x0C: 0x2C, 0x0D: 0x2D, 0x18: 0x38,
    0xC0: 0xC8, 0xC1: 0xC9, 0xC2: 0xCA, 0xC3: 0xCB, 0xC4: 0xCC, 0xC5: 0xCD, 0xC7: 0xCF,
}  # fmt: skip
DEDICATED = {
    0x05: 0x45, 0x06: 0x46, 0x0C: 0x4C, 0x0D: 0x4D, 0x18: 0x58,
    0xC0: 0xD0, 0xC1: 0xD1, 0xC2: 0xD2, 0xC3: 0xD3, 0xC4: 0xD4, 0xC5: 0xD5, 0xC7: 0xD7,
}  # fmt: skip
GENERAL_GLO, GENERAL_DED, GENERAL = 0xDB, 0xDC, 0xDD


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
    data: Callable[[int, bytes, bytes], bytes] | None = None  # of control, AK, header
    tag_octets: int = 12
    proof: Callable[[bytes], bytes] | None = None  # what becomes of f(challenge)
    counter: Callable[[int], int] | None = None  # the counter that is used, of the right one
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
    quirk: Quirk = field(default_factory=Quirk)
    after: int = 0
    sealed: int = 0
    spoilt: bool = False  # whether the last thing it made was wrong

    def seal(self, apdu: bytes) -> bytes:
        """An APDU under the protection of the association. InitiateRequest and -Response are under the global key."""
        if self.protection == "none" or apdu[0] == 0xD8:  # an exception has no ciphered form of its own
            return apdu
        initiate = apdu[0] in (1, 8)
        kind = "glo" if initiate else self.protection
        if kind == "general":
            self.counter += 1
            header = string(self.counter.to_bytes(8, "big")) + string(self.title) + string(self.peer) + b"\x00\x00"
            content = self._content(apdu, self.ek, header, initiate)
            return bytes([GENERAL]) + header + b"\x01\x00\x00" + string(content)
        self.counter += 1
        content = self._content(apdu, self.dedicated if kind == "ded" else self.ek, b"", initiate)
        if kind == "general-glo":
            return bytes([GENERAL_GLO]) + string(self.title) + string(content)
        return bytes([(DEDICATED if kind == "ded" else GLOBAL)[apdu[0]]]) + string(content)

    def _content(self, apdu: bytes, key: bytes, header: bytes, initiate: bool) -> bytes:
        self.sealed += 1
        wrong = self.quirk if self.sealed > self.after and (self.quirk.initiate or not initiate) else Quirk()
        self.spoilt = wrong.active()
        control, count = self.control, self.counter if wrong.counter is None else wrong.counter(self.counter)
        counter = count.to_bytes(4, "big")
        ak = self.ak if wrong.ak is None else wrong.ak
        nonce = (wrong.nonce_title or self.title) + (wrong.nonce_counter(count) if wrong.nonce_counter else counter)
        key = wrong.ek or key
        head = bytes([control]) + counter
        data = bytes([control]) + ak + header if wrong.data is None else wrong.data(control, ak, header)
        if not control & ENCRYPTED:
            return head + apdu + gcm(key, nonce, b"", data + apdu)[1][: wrong.tag_octets]
        text, tag = gcm(key, nonce, apdu, data if control & AUTHENTICATED else b"")
        return head + text + (tag[: wrong.tag_octets] if control & AUTHENTICATED else b"")

    def proof(self, mechanism: int, theirs: bytes, own: bytes) -> bytes:
        """f(challenge of the other side) of HLS pass 3 or 4, by mechanism."""
        if mechanism == 3:
            right = hashlib.md5(theirs + self.secret).digest()
        elif mechanism == 4:
            right = hashlib.sha1(theirs + self.secret).digest()
        elif mechanism == 6:
            right = hashlib.sha256(self.secret + self.title + self.peer + theirs + own).digest()
        else:
            self.counter += 1
            counter, control = self.counter.to_bytes(4, "big"), b"\x10"
            right = control + counter + gcm(self.ek, self.title + counter, b"", control + self.ak + theirs)[1][:12]
        if self.quirk.proof is None:
            return right
        self.spoilt = True
        return self.quirk.proof(right)
