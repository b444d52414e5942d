"""Healthy conversations, read with keys that somebody typed wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.lab.conversation import Talk
from tests.lab.faults import fault

READ: dict[str, Any] = {
    "stage": "analyst", "ciphered": True, "control": 0x30, "mechanism": (0, 1, 5),
    "protection": ("glo", "general-glo", "general"), "key_info": "identified", "alone": (False, False, True),
}  # fmt: skip
Keys = dict[str, bytes]


def typed(talk: Talk, **changes: Callable[[Keys], bytes]) -> None:
    """The keys that are given, each made of the right ones."""

    def change(keys: Keys) -> None:
        keys.update({role: made(dict(keys)) for role, made in changes.items()})

    talk.typed.append(change)


def inverted(key: bytes) -> bytes:
    return bytes(octet ^ 0x5A for octet in key)


@fault("encryption-key-wrong", **READ)
def another_encryption_key(talk: Talk) -> None:
    typed(talk, ek=lambda keys: inverted(keys["ek"]))


@fault("authentication-key-wrong", **READ)
def another_authentication_key(talk: Talk) -> None:
    typed(talk, ak=lambda keys: inverted(keys["ak"]))


@fault("encryption-key-wrong", "authentication-key-wrong", **READ)
def keys_of_another_meter(talk: Talk) -> None:
    typed(talk, ek=lambda keys: inverted(keys["ek"]), ak=lambda keys: inverted(keys["ak"]))


@fault("keys-swapped", **READ)
def keys_swapped(talk: Talk) -> None:
    typed(talk, ek=lambda keys: keys["ak"], ak=lambda keys: keys["ek"])


@fault("key-reversed", **READ)
def key_reversed(talk: Talk) -> None:
    typed(talk, ek=lambda keys: keys["ek"][::-1])


@fault("key-reversed", **READ)
def both_keys_reversed(talk: Talk) -> None:
    typed(talk, ek=lambda keys: keys["ek"][::-1], ak=lambda keys: keys["ak"][::-1])


@fault("key-reversed", **READ)
def words_of_the_key_swapped(talk: Talk) -> None:
    """Each word of four octets reversed, as a little-endian tool stores it."""

    def words(keys: Keys) -> bytes:
        return b"".join(keys["ek"][at : at + 4][::-1] for at in range(0, len(keys["ek"]), 4))

    typed(talk, ek=words)


@fault("key-ascii-hex", **READ)
def key_as_its_text(talk: Talk) -> None:
    """The digits of the digits: a text of 32 characters was coded as hexadecimal once more."""
    typed(talk, ek=lambda keys: keys["ek"].hex().upper().encode())


@fault("key-length", **READ, suite=(0, 1))
def key_with_zeros_behind(talk: Talk) -> None:
    typed(talk, ek=lambda keys: keys["ek"] + bytes(16))


@fault("authentication-key-wrong", "keys-equal", **READ)
def one_key_for_both(talk: Talk) -> None:
    typed(talk, ak=lambda keys: keys["ek"])


@fault("encryption-key-wrong", "well-known-key", **{**READ, "suite": 0})
def factory_keys_in_use(talk: Talk) -> None:
    """The meter still has the keys of the manual, and the analyst gives others."""
    it = talk.setting
    it.client.ek = it.meter.ek = bytes(range(16))
    it.keys["ek"] = talk.chance.randbytes(16)


@fault("key-reversed", **READ)
def half_octets_of_the_key_swapped(talk: Talk) -> None:
    typed(talk, ek=lambda keys: bytes(octet >> 4 | (octet & 15) << 4 for octet in keys["ek"]))


@fault("key-reversed", **READ)
def authentication_key_reversed(talk: Talk) -> None:
    typed(talk, ak=lambda keys: keys["ak"][::-1])


@fault("key-ascii-hex", **{**READ, "suite": (0, 1)})
def both_keys_as_their_text(talk: Talk) -> None:
    typed(talk, ek=lambda keys: keys["ek"].hex().upper().encode(), ak=lambda keys: keys["ak"].hex().upper().encode())


@fault("key-length", **{**READ, "suite": (0, 1)})
def both_keys_with_zeros_behind(talk: Talk) -> None:
    typed(talk, ek=lambda keys: keys["ek"] + bytes(16), ak=lambda keys: keys["ak"] + bytes(16))


@fault(
    "encryption-key-wrong",
    **READ,
    instead={
        "broadcast-key": "the key that was given in the place of EK is the broadcast key, and the search can tell"
    },
)
def broadcast_key_in_the_place_of_the_other(talk: Talk) -> None:
    """The two keys of encryption are exchanged in the settings."""
    typed(talk, ek=lambda keys: keys["bek"], bek=lambda keys: keys["ek"])


@fault("encryption-key-wrong", **READ)
def key_of_keys_in_the_place_of_the_key(talk: Talk) -> None:
    """KEK and EK are exchanged in the settings."""
    typed(talk, ek=lambda keys: keys["kek"], kek=lambda keys: keys["ek"])


@fault("authentication-key-wrong", **READ)
def one_digit_mistyped(talk: Talk) -> None:
    at = talk.chance.randrange(16)
    typed(talk, ak=lambda keys: keys["ak"][:at] + bytes([keys["ak"][at] ^ 0x10]) + keys["ak"][at + 1 :])
