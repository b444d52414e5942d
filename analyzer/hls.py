"""High level security: is the answer to a challenge right, and if it cannot be told, why not.

Pass 1 and 2 exchange the challenges CtoS (AARQ) and StoC (AARE); in pass 3 the client proves itself with
f(StoC), in pass 4 the meter with f(CtoS) (Green Book ed. 8, 9.2.7.4, Table 42). With C the challenge that is
answered, O the other one, STo and STp the system titles of who answers and of the peer:

    2  manufacturer's own; commonly AES-128-ECB(secret, C), both filled up with zeros        16 octets or more
    3  MD5(C, secret)                                                                        16
    4  SHA-1(C, secret)                                                                      20
    5  SC, IC, GMAC(EK, nonce STo and IC, additional data SC, AK, C)                         1 + 4 + 12
    6  SHA-256(secret, STo, STp, C, O); an old edition has SHA-256(C, secret)                32
    7  ECDSA(STo, STp, C, O), as r and s of equal length; P-256 or P-384                     64 or 96

The secret of 2, 3, 4 and 6 is the "password" of the key file. The titles of 6 and 7 and their order agree
between one implementation and a digest of Table 42; no public example was there to verify them with.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from hmac import compare_digest
from typing import TYPE_CHECKING, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from analyzer.decryptor import AUTHENTICATED, BROADCAST, SUITE_BITS, Decryptor, aad, key_octets, nonce
from analyzer.model import Verdict

if TYPE_CHECKING:
    from analyzer.keyring import KeyProvider
    from analyzer.meter_keys import KeyRole

Sender = Literal["client", "meter"]

REPLY_OCTETS = {3: (16,), 4: (20,), 5: (17,), 6: (32,), 7: (64, 96)}
_NAMES = {3: "MD5", 4: "SHA-1", 5: "GMAC", 6: "SHA-256", 7: "ECDSA"}
_COMMON_FORMULA = "AES-128-ECB(secret, {C})"


class HlsUnknown(ValueError):
    """A reply that cannot be computed. The message says what is missing: a key, a title, a challenge."""


@dataclass(frozen=True, slots=True)
class HlsFacts:
    """What a trace says about one authentication: mechanism id, titles, challenges; None: not seen."""

    mechanism: int
    client_title: bytes | None
    server_title: bytes | None
    ctos: bytes | None
    stoc: bytes | None


@dataclass(frozen=True, slots=True)
class HlsCheck:
    """The verdict on one reply. `formula` is the one that matched, or the standard's; `counter` GMAC's IC.

    verified: the reply is right. failed: computed, and it is another. no-key: not checked, for want of what
    `reason` says. unauthenticated: a manufacturer's own formula, which is not known.
    """

    verdict: Verdict
    formula: str
    reason: str
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class _Pass:
    """One of the two passes, seen from who answers."""

    facts: HlsFacts
    sender: Sender
    keys: KeyProvider

    def worded(self, formula: str) -> str:
        """A formula with the names of this pass: C, O the challenges, STo, STp the titles."""
        client = self.sender == "client"
        names = ("StoC", "CtoS", "STc", "STs") if client else ("CtoS", "StoC", "STs", "STc")
        return formula.format(C=names[0], O=names[1], STo=names[2], STp=names[3])

    def challenge(self) -> bytes:
        return self._seen(self.facts.stoc if self.sender == "client" else self.facts.ctos, "{C}")

    def title(self) -> bytes:
        own = self.facts.client_title if self.sender == "client" else self.facts.server_title
        return self._seen(own, f"the system title of the {self.sender}, {{STo}},")

    def text_with_titles(self) -> bytes:
        """STo, STp, C, O: what mechanisms 6 and 7 are computed over."""
        peer, other = self.facts.server_title, self.facts.ctos
        if self.sender == "meter":
            peer, other = self.facts.client_title, self.facts.stoc
        titles = self.title() + self._seen(peer, "the system title of the other side, {STp},")
        return titles + self.challenge() + self._seen(other, "{O}")

    def key(self, role: KeyRole, name: str, suite: int = 0) -> bytes:
        found = self.keys.key(role, self.facts.server_title, suite)
        if found is None:
            raise HlsUnknown(f"no {name} was given")
        return found

    def secret(self) -> bytes:
        return self.key("password", "password (the HLS secret)")

    def _seen(self, value: bytes | None, name: str) -> bytes:
        if value is None:
            raise HlsUnknown(self.worded(f"{name} is not in the trace"))
        return value


def expected_reply(
    facts: HlsFacts,
    sender: Sender,
    keys: KeyProvider,
    *,
    invocation_counter: int | None = None,
    control: int = AUTHENTICATED,
    old_formula: bool = False,
    decryptor: Decryptor | None = None,
) -> bytes:
    """f(StoC) of the client or f(CtoS) of the meter, complete as it is sent.

    Mechanism 5 needs the invocation counter; `control` is its SC, 0x10 and the suite. `old_formula` is for
    mechanism 6. Raises HlsUnknown for what is missing, for mechanisms that compute no reply (0, 1), and for
    ECDSA, whose signatures differ each time.
    """
    this = _Pass(facts, sender, keys)
    if facts.mechanism == 2:
        return _manufacturer(this.secret(), this.challenge())
    if facts.mechanism == 3:
        return hashlib.md5(this.challenge() + this.secret(), usedforsecurity=False).digest()
    if facts.mechanism == 4:
        return hashlib.sha1(this.challenge() + this.secret(), usedforsecurity=False).digest()
    if facts.mechanism == 5:
        if invocation_counter is None:
            raise HlsUnknown("no invocation counter for GMAC was given")
        return _gmac(this, control, invocation_counter, decryptor or Decryptor())
    if facts.mechanism == 6 and old_formula:
        return hashlib.sha256(this.challenge() + this.secret()).digest()
    if facts.mechanism == 6:
        return hashlib.sha256(this.secret() + this.text_with_titles()).digest()
    if facts.mechanism == 7:
        raise HlsUnknown("an ECDSA signature differs each time; it can be checked, not expected")
    raise HlsUnknown(f"authentication mechanism {facts.mechanism} computes no reply to a challenge")


def check_reply(
    facts: HlsFacts, sender: Sender, value: bytes, keys: KeyProvider, decryptor: Decryptor | None = None
) -> HlsCheck:
    """The verdict on what `sender` answered: the octet-string of pass 3 (client) or 4 (meter).

    Never raises for what a wire can carry: whatever is missing or malformed stands in `reason`.
    """
    this = _Pass(facts, sender, keys)
    counter = int.from_bytes(value[1:5], "big") if facts.mechanism == 5 and len(value) == 17 else None
    try:
        if facts.mechanism == 2:
            return _check_manufacturer(value, this)
        if facts.mechanism == 7:
            return _check_signature(value, this)
        if facts.mechanism not in REPLY_OCTETS:
            return HlsCheck("no-key", "", f"mechanism {facts.mechanism} has no reply to a challenge")
        formula = this.worded(_formula(facts.mechanism))
        if problem := _length_problem(value, facts.mechanism):
            return HlsCheck("failed", formula, problem)
        if facts.mechanism == 6:
            return _check_sha256(value, this)
        control = value[0] if facts.mechanism == 5 else 0
        wanted = expected_reply(facts, sender, keys, invocation_counter=counter, control=control, decryptor=decryptor)
    except HlsUnknown as problem:
        return HlsCheck("no-key", this.worded(_formula(facts.mechanism)), str(problem), counter)
    unusual = ""
    if counter is not None and control & ~SUITE_BITS != AUTHENTICATED:
        unusual = f"; security control is {control:02X}, expected {AUTHENTICATED | control & SUITE_BITS:02X}"
    if compare_digest(wanted, value):
        return HlsCheck("verified", formula, "the reply is right" + unusual, counter)
    inputs = "keys, title, counter or challenge" if counter is not None else "secret or challenge"
    return HlsCheck("failed", formula, f"the reply is another: {inputs} differ" + unusual, counter)


def verify_signature(certificate: bytes, text: bytes, signature: bytes) -> bool:
    """Whether r and s (64 octets: P-256 with SHA-256, 96: P-384 with SHA-384) sign `text`; also in DER.

    `certificate` is a certificate or key in PEM or DER, or the point x, y with or without its leading 04.
    Raises HlsUnknown where it is none of these.
    """
    key = public_key(certificate)
    size = (key.curve.key_size + 7) // 8
    if len(signature) == 2 * size:
        r, s = (int.from_bytes(part, "big") for part in (signature[:size], signature[size:]))
        signature = utils.encode_dss_signature(r, s)
    algorithm = hashes.SHA384() if size == 48 else hashes.SHA256()
    try:
        key.verify(signature, text, ec.ECDSA(algorithm))
    except InvalidSignature:
        return False
    return True


def _formula(mechanism: int) -> str:
    return {
        2: _COMMON_FORMULA,
        3: "MD5({C}, secret)",
        4: "SHA-1({C}, secret)",
        5: "GMAC(EK, nonce {STo} and IC, additional data SC, AK, {C})",
        6: "SHA-256(secret, {STo}, {STp}, {C}, {O})",
        7: "ECDSA({STo}, {STp}, {C}, {O})",
    }.get(mechanism, "")


def _length_problem(value: bytes, mechanism: int) -> str:
    expected = REPLY_OCTETS[mechanism]
    if len(value) in expected:
        return ""
    wanted = " or ".join(map(str, expected))
    others = [name for other, name in _NAMES.items() if len(value) in REPLY_OCTETS[other]]
    hint = f", which is the length of {' or '.join(others)}" if others else ""
    return f"{_NAMES[mechanism]} has {wanted} octets, found {len(value)}{hint}"


def _gmac(this: _Pass, control: int, counter: int, decryptor: Decryptor) -> bytes:
    suite = control & SUITE_BITS
    broadcast = bool(control & BROADCAST)
    name = "broadcast key" if broadcast else "encryption key"
    key = this.key("bek" if broadcast else "ek", name, suite)
    if len(key) != key_octets(suite):
        raise HlsUnknown(f"the {name} has {len(key)} octets, suite {suite} takes {key_octets(suite)}")
    authentication_key = this.key("ak", "authentication key", suite)
    # As `aad` for authentication only, whatever else SC says: there is no ciphertext in a GMAC.
    associated = bytes((control,)) + aad(AUTHENTICATED, authentication_key, this.challenge())[1:]
    tag = decryptor.gmac(key, nonce(this.title(), counter), associated)
    return bytes((control,)) + counter.to_bytes(4, "big") + tag


def _manufacturer(secret: bytes, challenge: bytes) -> bytes:
    """AES-128-ECB of the challenge, which is filled up with zeros to whole blocks; so is the secret."""
    text = challenge + bytes(-len(challenge) % 16)
    encryptor = Cipher(algorithms.AES(secret[:16].ljust(16, b"\0")), modes.ECB()).encryptor()
    return encryptor.update(text) + encryptor.finalize()


def _check_manufacturer(value: bytes, this: _Pass) -> HlsCheck:
    formula = this.worded(_COMMON_FORMULA)
    if compare_digest(_manufacturer(this.secret(), this.challenge()), value):
        return HlsCheck("verified", formula, "the reply is right by the formula that is common")
    # No proof of a wrong secret: another formula explains it as well.
    reason = "mechanism 2 is the manufacturer's own; the common formula with this secret gives another reply"
    return HlsCheck("unauthenticated", formula, reason)


def _check_sha256(value: bytes, this: _Pass) -> HlsCheck:
    secret, challenge = this.secret(), this.challenge()
    if compare_digest(hashlib.sha256(challenge + secret).digest(), value):
        formula = this.worded("SHA-256({C}, secret)")
        return HlsCheck("verified", formula, "the reply is right by the formula of an old edition")
    formula = this.worded(_formula(6))
    if compare_digest(hashlib.sha256(secret + this.text_with_titles()).digest(), value):
        return HlsCheck("verified", formula, "the reply is right")
    reason = "the reply is another: secret, titles or challenges differ"
    return HlsCheck("failed", formula, reason)


def _check_signature(value: bytes, this: _Pass) -> HlsCheck:
    formula = this.worded(_formula(7))
    der = value[:1] == b"\x30" and len(value) not in REPLY_OCTETS[7]
    if not der and (problem := _length_problem(value, 7)):
        return HlsCheck("failed", formula, problem)
    role: KeyRole = "client_certificate" if this.sender == "client" else "server_certificate"
    certificate = this.key(role, f"certificate of the {this.sender}", 2 if len(value) >= 96 else 1)
    right = verify_signature(certificate, this.text_with_titles(), value)
    form = "; it is written in DER, expected are r and s of equal length" if der else ""
    if right:
        return HlsCheck("verified", formula, "the signature is right" + form)
    return HlsCheck("failed", formula, "the signature is another: key, titles or challenges differ" + form)


def public_key(data: bytes) -> ec.EllipticCurvePublicKey:
    """The key in whatever form people have it in. Raises HlsUnknown for anything else."""
    point = data[1:] if len(data) in (65, 97) and data[0] == 4 else data
    try:
        if len(point) in (64, 96):
            curve = ec.SECP256R1() if len(point) == 64 else ec.SECP384R1()
            return ec.EllipticCurvePublicKey.from_encoded_point(curve, b"\x04" + point)
        key = _from_certificate(data) or _from_key_file(data)
    except (ValueError, UnsupportedAlgorithm):
        # The cause may quote the file; a private key may have been put in its place.
        raise HlsUnknown("the certificate is neither a certificate nor a public key") from None
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in ("secp256r1", "secp384r1"):
        raise HlsUnknown("the certificate is for another algorithm, expected ECDSA with P-256 or P-384")
    return key


def _from_certificate(data: bytes) -> object:
    from cryptography import x509  # 30 ms, for suites 1 and 2 alone

    try:
        if data.lstrip().startswith(b"-----BEGIN CERTIFICATE"):
            return x509.load_pem_x509_certificate(data).public_key()
        return x509.load_der_x509_certificate(data).public_key()
    except ValueError:
        return None


def _from_key_file(data: bytes) -> object:
    if data.lstrip().startswith(b"-----BEGIN"):
        return serialization.load_pem_public_key(data)
    return serialization.load_der_public_key(data)
