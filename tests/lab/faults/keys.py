"""Healthy conversations, read with keys that somebody typed wrong."""

from __future__ import annotations

from analyzer.keyring import KeyRing
from tests.lab.conversation import Setting, Talk
from tests.lab.faults import Case, fault


def _read_with(seed: int, **wrong: object) -> Case:
    """The conversation and the keys, each after its change."""
    kinds = ("glo", "general-glo", "general")
    setting = Setting(seed, ciphered=True, control=0x30, protection=kinds[seed % 3], mechanism=(0, 1, 5)[seed % 3])
    trace = Talk(setting).play()
    given = {role: key.hex() for role, key in setting.keys.items() if role in ("ek", "ak")}
    for role, change in wrong.items():
        given[role] = change(setting.keys).hex()  # type: ignore[operator]
    return trace, KeyRing.from_options(**given, password="0x" + setting.keys["password"].hex())


@fault("encryption-key-wrong")
def another_encryption_key(seed: int) -> Case:
    return _read_with(seed, ek=lambda keys: bytes(octet ^ 0x5A for octet in keys["ek"]))


@fault("authentication-key-wrong")
def another_authentication_key(seed: int) -> Case:
    return _read_with(seed, ak=lambda keys: bytes(octet ^ 0x5A for octet in keys["ak"]))


@fault("keys-swapped")
def keys_swapped(seed: int) -> Case:
    return _read_with(seed, ek=lambda keys: keys["ak"], ak=lambda keys: keys["ek"])


@fault("key-reversed")
def key_reversed(seed: int) -> Case:
    return _read_with(seed, ek=lambda keys: keys["ek"][::-1])


@fault("key-reversed")
def both_keys_reversed(seed: int) -> Case:
    return _read_with(seed, ek=lambda keys: keys["ek"][::-1], ak=lambda keys: keys["ak"][::-1])


@fault("key-ascii-hex")
def key_as_its_text(seed: int) -> Case:
    return _read_with(seed, ek=lambda keys: keys["ek"].hex().upper().encode())


@fault("key-length")
def key_with_zeros_behind(seed: int) -> Case:
    return _read_with(seed, ek=lambda keys: keys["ek"] + bytes(16))


@fault("authentication-key-wrong", "keys-equal")
def one_key_for_both(seed: int) -> Case:
    return _read_with(seed, ak=lambda keys: keys["ek"])
