"""The keys that protected content was opened with, which are those to seal it with again."""

from __future__ import annotations

from dataclasses import dataclass, field

from analyzer.keyring import KeyProvider
from analyzer.message import Layer, Message


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
