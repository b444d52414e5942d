"""Keys that travel: wrapped under a master key, or agreed by elliptic curves and derived; and signatures over APDUs.

Key wrap is RFC 3394. A shared secret Z is the x-coordinate of ECDH on P-256 (suite 1) or P-384 (suite 2), and the key
the leftmost octets of SHA(00000001, Z, AlgorithmID, PartyU, PartyV) with SHA-256 or SHA-384 (NIST SP 800-56A, Green Book
9.2.3.4.6). The AlgorithmID differs between editions: 60 85 74 05 08 03 is the registered arc, ed. 8.0 prints
60 85 74 06 08 03; examples were published with either, so both are tried.
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from analyzer.decryptor import key_octets
from analyzer.hls import HlsUnknown, public_key

EPHEMERAL_STATIC, STATIC_STATIC = 1, 2  # C(1e,1s) and C(0e,2s), the key parameters of an agreed key
POINT_OCTETS = {1: 64, 2: 96}
REGISTERED, PRINTED = bytes.fromhex("608574050803"), bytes.fromhex("608574060803")


def unwrap(key_encrypting_key: bytes, wrapped: bytes) -> bytes | None:
    """The key inside, None where it was wrapped under another key or is no wrapped key (RFC 3394)."""
    try:
        return aes_key_unwrap(key_encrypting_key, wrapped)
    except (InvalidUnwrap, ValueError):
        return None


def wrap(key_encrypting_key: bytes, key: bytes) -> bytes:
    """A key wrapped for transport (RFC 3394). Raises ValueError for keys of a length that cannot be."""
    return aes_key_wrap(key_encrypting_key, key)


def shared_secret(private_key: bytes, other: bytes) -> bytes:
    """Z of a private key (PEM or DER) and a certificate, public key or point of the other side.

    Raises HlsUnknown where either is none, or both are on different curves.
    """
    own = _private(private_key)
    peer = public_key(other)
    if own.curve.name != peer.curve.name:
        raise HlsUnknown(f"the private key is on {own.curve.name}, the other side's on {peer.curve.name}")
    return own.exchange(ec.ECDH(), peer)


def derived_keys(secret: bytes, party_u: bytes, party_v: bytes, suite: int) -> tuple[bytes, bytes]:
    """The keys of a shared secret under the registered and under the printed AlgorithmID, in this order."""
    size = key_octets(suite)
    hashed = hashlib.sha384 if suite == 2 else hashlib.sha256
    number = bytes((1 if suite == 2 else 0,))  # AES-GCM-128 or AES-GCM-256
    made = [
        hashed(b"\0\0\0\1" + secret + prefix + number + party_u + party_v).digest()[:size]
        for prefix in (REGISTERED, PRINTED)
    ]
    return made[0], made[1]


def agreed_keys(
    parameters: int,
    key_data: bytes,
    suite: int,
    originator: bytes,
    recipient: bytes,
    transaction: bytes,
    private_key: bytes,
    certificate: bytes | None,
) -> tuple[bytes, ...]:
    """The keys that an agreed key-info of general-ciphering may mean, likeliest first.

    `private_key` is the static one of a side that we hold; `certificate` that of the other side, for C(0e,2s).
    Raises HlsUnknown for keys that cannot be used or are missing.
    """
    if parameters == EPHEMERAL_STATIC:
        size = POINT_OCTETS.get(suite, 64)
        if len(key_data) < size:
            raise HlsUnknown(f"the ephemeral key has {len(key_data)} octets, expected {size} and a signature")
        return derived_keys(shared_secret(private_key, key_data[:size]), originator, recipient, suite)
    if parameters == STATIC_STATIC:
        if certificate is None:
            raise HlsUnknown("the certificate of the other side was not given")
        party_u = originator + bytes((len(transaction),)) + transaction
        return derived_keys(shared_secret(private_key, certificate), party_u, recipient, suite)
    raise HlsUnknown(f"key agreement {parameters} is not defined")


def _private(data: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        if data.lstrip().startswith(b"-----BEGIN"):
            key = serialization.load_pem_private_key(data, None)
        else:
            key = serialization.load_der_private_key(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause may quote what was read, which is a private key.
        raise HlsUnknown("the private key cannot be read: expected PEM or DER without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise HlsUnknown("the private key is for another algorithm, expected P-256 or P-384")
    return key
