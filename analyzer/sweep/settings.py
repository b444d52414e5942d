"""What a sweep does with every capture, and the fingerprint of it: whoever changes keys or options gets new parts.

Keys themselves are never written. Their fingerprint is made with a salt that belongs to the folder, by scrypt (RFC 7914),
so that not even a short password is quickly guessed from it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, field, fields

from analyzer import __version__
from analyzer.bulk.shared import SharedKeys
from analyzer.keyring import KeyRing
from analyzer.meter_keys import KeyFile, KeyFileError, Secret
from analyzer.sources.pcap.connections import Choice

LAYOUT = 1  # of parts and tables; other numbers are done anew
SCRYPT = {"n": 1 << 14, "r": 8, "p": 1}  # some 50 ms, once a sweep


@dataclass(frozen=True, slots=True)
class Settings:
    """Keys, how inputs are read, and what is masked. `derived` comes from keys and salt and makes the fingerprint,
    `veil` makes pseudonyms."""

    keys: SharedKeys
    kind: str | None
    choice: Choice
    redact: str | None
    derived: bytes = field(repr=False)
    veil: bytes = field(repr=False)

    @property
    def fingerprint(self) -> str:
        """Tells settings apart; nothing of a key can be computed back from it."""
        given = [LAYOUT, __version__, self.kind, self.choice.everything, self.choice.framing, self.redact]
        return hmac.new(self.derived, json.dumps(given).encode(), "sha256").hexdigest()[:32]

    def pseudonym(self, meter: str) -> str:
        """What a meter is called where its title is masked: the same in every capture of a sweep with the same keys."""
        return "meter " + hmac.new(self.veil, meter.encode(), "sha256").hexdigest()[:12]


def settings_of(keys: KeyRing, kind: str | None, choice: Choice, redact: str | None, salt: bytes) -> Settings:
    """Settings with the fingerprint of their keys. Pseudonyms hang on the keys as well: with nothing but the salt, which
    anybody who has the folder may read, all titles could be tried. Without keys they hold for one run."""
    derived = hashlib.scrypt(_material(keys), salt=salt, dklen=32, **SCRYPT)
    veil = hashlib.sha256(b"meters" + derived).digest() if keys.meters else secrets.token_bytes(32)
    return Settings(SharedKeys.of(keys), kind, choice, redact, derived, veil)


def new_salt() -> bytes:
    """A salt for a new folder."""
    return secrets.token_bytes(16)


def _material(keys: KeyRing) -> bytes:
    """Everything that a key ring has, in octets that differ where it does."""
    made: list[object] = [
        [[one.name, _octets(getattr(meter, one.name))] for one in fields(meter)] for meter in keys.meters
    ]
    made += [type(provider).__qualname__ for provider in keys.providers]
    return json.dumps(made).encode()


def _octets(value: object) -> str | None:
    if isinstance(value, Secret):
        return value.value.hex()
    if isinstance(value, KeyFile):
        try:
            return value.value.hex()
        except KeyFileError:
            return value.path
    if isinstance(value, bytes):
        return value.hex()
    return None if value is None else str(value)
