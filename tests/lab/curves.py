"""Elliptic curves of suites 1 and 2: static keys, signatures, and the keys that two sides agree on.

Suite 1 has P-256 with SHA-256 and AES-128, suite 2 P-384 with SHA-384 and AES-256 (Green Book 9.2.3.4).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from random import Random

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, utils

REGISTERED, PRINTED = bytes.fromhex("608574050803"), bytes.fromhex("608574060803")


@dataclass(frozen=True)
class Pair:
    """A private key and its point, x and y without the leading 04."""

    private: ec.EllipticCurvePrivateKey
    suite: int

    @property
    def width(self) -> int:
        return 48 if self.suite == 2 else 32

    @property
    def point(self) -> bytes:
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        return self.private.public_key().public_bytes(*form)[1:]

    @property
    def der(self) -> bytes:
        """The private key as people keep it in a file."""
        plain = serialization.NoEncryption()
        return self.private.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, plain)

    def sign(self, text: bytes, der: bool = False) -> bytes:
        """r and s, each as wide as the curve; in DER as a library gives it. The same text gives the same signature."""
        digest = hashes.SHA384() if self.suite == 2 else hashes.SHA256()
        signed = self.private.sign(text, ec.ECDSA(digest, deterministic_signing=True))
        return signed if der else b"".join(n.to_bytes(self.width, "big") for n in utils.decode_dss_signature(signed))

    def secret(self, point: bytes) -> bytes:
        """Z: the x-coordinate of ECDH with the point of another."""
        other = ec.EllipticCurvePublicKey.from_encoded_point(self.private.curve, b"\x04" + point)
        return self.private.exchange(ec.ECDH(), other)


def pair(chance: Random, suite: int) -> Pair:
    """A key pair; suite 0 has none of its own, and P-256 stands in."""
    curve = ec.SECP384R1() if suite == 2 else ec.SECP256R1()
    return Pair(ec.derive_private_key(chance.getrandbits(250) + 2, curve), suite)


def derived(secret: bytes, party_u: bytes, party_v: bytes, suite: int, arc: bytes = REGISTERED) -> bytes:
    """NIST SP 800-56A, one round: the leftmost octets of SHA(00000001, Z, AlgorithmID, PartyU, PartyV)."""
    algorithm = arc + (b"\x01" if suite == 2 else b"\x00")  # AES-GCM-256, AES-GCM-128
    hashed = hashlib.sha384 if suite == 2 else hashlib.sha256
    return hashed(b"\0\0\0\1" + secret + algorithm + party_u + party_v).digest()[: 32 if suite == 2 else 16]
