"""What goes wrong in the high level authentication: passes 3 and 4, and what is left of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric import utils

from tests.lab.conversation import Stop, Talk
from tests.lab.faults import fault
from tests.lab.stations import Quirk

HASHED = (3, 4, 5, 6)
HLS: dict[str, Any] = {"stage": "hls", "ends": True, "mechanism": HASHED}


def proves(talk: Talk, value: Callable[[int, bytes, bytes], bytes]) -> None:
    """What the client makes of pass 3 in place of the right value: of mechanism, challenge of the meter, own."""
    client = talk.setting.client

    def proof(mechanism: int, theirs: bytes, own: bytes) -> bytes:
        made = value(mechanism, theirs, own)
        client.spoilt = True
        return made

    client.proof = proof  # type: ignore[method-assign]


def noise(right: bytes) -> bytes:
    """Octets of the same length that no key gives, the counter of GMAC kept."""
    kept = right[:5] if len(right) == 17 else b""
    return kept + (hashlib.sha512(right).digest() * 2)[: len(right) - len(kept)]


@fault("hls-challenge-swapped", "hls-rejected", **{**HLS, "mechanism": (3, 4, 5)})
def own_challenge(talk: Talk) -> None:
    """The client proves its own challenge instead of the meter's."""
    client = talk.setting.client
    proves(talk, lambda mechanism, theirs, own: client.value(mechanism, own, theirs))


@fault("hls-challenges-equal", stage="hls", mechanism=HASHED)
def challenge_echoed(talk: Talk) -> None:
    talk.setting.stoc = talk.setting.ctos


@fault("hls-value-length", "hls-rejected", **HLS)
def value_too_short(talk: Talk) -> None:
    talk.setting.client.quirk, talk.setting.client.after = Quirk(proof=lambda right: right[: len(right) - 4]), 1000


@fault("hls-key-or-title-wrong", "hls-rejected", **{**HLS, "mechanism": (*HASHED, 7)})
def value_of_another_secret(talk: Talk) -> None:
    """The meter refuses what the client made of another secret."""
    talk.setting.client.quirk, talk.setting.client.after = Quirk(proof=noise), 1000


@fault("hls-rejected", **{**HLS, "mechanism": (3, 4), "ciphered": False})
def value_refused_and_no_secret_given(talk: Talk) -> None:
    """The same, and the analyst has no secret to compute with."""
    value_of_another_secret(talk)
    talk.typed.append(dict.clear)


@fault("hls-server-proof-wrong", "hls-key-or-title-wrong", **{**HLS, "mechanism": (*HASHED, 7)})
def meter_proves_nothing(talk: Talk) -> None:
    talk.setting.meter.quirk, talk.setting.meter.after = Quirk(proof=noise), 1000


@fault("hls-key-or-title-wrong", "hls-rejected", **{**HLS, "mechanism": 5})
def mac_under_the_title_of_the_meter(talk: Talk) -> None:
    client = talk.setting.client

    def value(mechanism: int, theirs: bytes, own: bytes) -> bytes:
        client.counter += 1
        return client.mac(client.counter, theirs, client.peer)

    proves(talk, value)


@fault("hls-counter-mismatch", "hls-rejected", **{**HLS, "mechanism": 5})
def mac_under_another_counter(talk: Talk) -> None:
    client, by = talk.setting.client, talk.chance.choice((1, -1))

    def value(mechanism: int, theirs: bytes, own: bytes) -> bytes:
        client.counter += 1
        return client.mac(client.counter, theirs, used=client.counter + by)

    proves(talk, value)


@fault("hls-pass3-missing", **{**HLS, "mechanism": (*HASHED, 7)})
def no_pass_three(talk: Talk) -> None:
    """The client reads at once; the meter refuses, as the association is not open."""

    def hasty() -> None:
        request = bytes.fromhex("0501022008" if talk.setting.short_names else "C001C100080000010000FF0200")
        talk.send("client", talk.sealed("client", request))
        talk.send("meter", bytes.fromhex("D80101"))
        raise Stop

    talk.prove = hasty  # type: ignore[method-assign]


@fault("mechanism-proprietary", stage="hls", mechanism=2)
def mechanism_of_the_maker(talk: Talk) -> None:
    """Mechanism 2 with a formula that nobody else knows. It works."""


@fault("hls-sha256-old-formula", stage="hls", mechanism=6)
def hash_of_challenge_and_secret(talk: Talk) -> None:
    """Both sides hash challenge and secret alone, as an old edition has it, and are content."""
    for side in (talk.setting.client, talk.setting.meter):
        side.value = lambda mechanism, theirs, own, key=side.secret: hashlib.sha256(theirs + key).digest()  # type: ignore


@fault("ecdsa-signature-format", "hls-rejected", **{**HLS, "mechanism": 7})
def signature_in_der(talk: Talk) -> None:
    """The signature as a library gives it: a sequence of two integers."""

    def der(right: bytes) -> bytes:
        half = len(right) // 2
        return utils.encode_dss_signature(int.from_bytes(right[:half], "big"), int.from_bytes(right[half:], "big"))

    talk.setting.client.quirk, talk.setting.client.after = Quirk(proof=der), 1000


@fault("hls-key-or-title-wrong", "hls-rejected", **{**HLS, "mechanism": 7})
def signed_without_the_titles(talk: Talk) -> None:
    client = talk.setting.client
    proves(talk, lambda mechanism, theirs, own: client.pair.sign(theirs + own))  # type: ignore[union-attr]


@fault(
    "hls-key-or-title-wrong",
    "hls-rejected",
    **{**HLS, "mechanism": (3, 4)},
    instead={"hls-challenge-swapped": "no code is about the order of what is hashed, and these two are the nearest"},
)
def secret_before_the_challenge(talk: Talk) -> None:
    """The hash of secret and challenge, in this order."""
    client = talk.setting.client

    def value(mechanism: int, theirs: bytes, own: bytes) -> bytes:
        return (hashlib.md5 if mechanism == 3 else hashlib.sha1)(client.secret + theirs).digest()

    proves(talk, value)


@fault("hls-key-or-title-wrong", "hls-rejected", **{**HLS, "mechanism": 6})
def titles_in_the_other_order(talk: Talk) -> None:
    client = talk.setting.client
    proves(
        talk, lambda m, theirs, own: hashlib.sha256(client.secret + client.peer + client.title + theirs + own).digest()
    )


@fault("hls-key-or-title-wrong", "hls-rejected", **{**HLS, "mechanism": 5})
def mac_with_the_keys_swapped(talk: Talk) -> None:
    """EK and AK exchanged in the GMAC alone."""
    client = talk.setting.client

    def value(mechanism: int, theirs: bytes, own: bytes) -> bytes:
        client.counter += 1
        client.ek, client.ak = client.ak, client.ek
        made = client.mac(client.counter, theirs)
        client.ek, client.ak = client.ak, client.ek
        return made

    proves(talk, value)


@fault("hls-value-length", "hls-rejected", **{**HLS, "mechanism": 5})
def mac_of_sixteen_octets(talk: Talk) -> None:
    """The whole tag of GCM for the GMAC: 21 octets for 17."""
    quirk = Quirk(proof=lambda right: right + hashlib.md5(right).digest()[:4])
    talk.setting.client.quirk, talk.setting.client.after = quirk, 1000


@fault("nonce-reused", stage="hls", mechanism=5, ciphered=True, protection=("glo", "general-glo"), control=0x30)
def mac_and_its_carrier_share_a_counter(talk: Talk) -> None:
    """The HLS value and the APDU that carries it have one counter, as many meters do; both sides are content."""
    for side in (talk.setting.client, talk.setting.meter):
        side.proof = lambda mechanism, theirs, own, it=side: it.mac(it.counter + 1, theirs)  # type: ignore[misc]
