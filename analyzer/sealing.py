"""Sealing content again as it was sealed: with the keys that opened it, under the same title, control and counter."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.decryptor import Decryptor
from analyzer.keyring import KeyProvider
from analyzer.message import Layer, Message
from analyzer.model import Security


@dataclass(frozen=True, slots=True)
class KeyPair:
    """The two keys that an APDU is sealed with."""

    encryption: bytes | None = field(repr=False)
    authentication: bytes | None = field(repr=False)


def keys_of(keys: KeyProvider, message: Message, layer: Layer) -> KeyPair:
    """The keys that the protected content of a layer was opened with."""
    security = layer.sealed
    if security is None or security.key is None:
        return KeyPair(None, None)
    association = message.after if message.layer is not None and message.layer.name == "aarq" else message.before
    owner = security.system_title if message.direction != "client" else association.server_title
    if security.key == "dedicated" and association.dedicated_key:
        encryption: bytes | None = association.dedicated_key
    else:
        encryption = keys.key(security.key, owner, security.suite)  # type: ignore[arg-type]
    return KeyPair(encryption, keys.key("ak", owner, security.suite))


def seal(security: Security, content: bytes, keys: KeyPair) -> tuple[bytes, bytes]:
    """Text and tag of other content under the same title, control and invocation counter."""
    assert keys.encryption is not None and security.system_title is not None
    sealed = Decryptor().protect(
        security.control,
        security.invocation_counter or 0,
        security.system_title,
        content,
        keys.encryption,
        keys.authentication or b"",
    )
    return sealed.payload, sealed.tag
