"""What goes wrong in the high level authentication: passes 3 and 4, and what is left of them."""

from __future__ import annotations

import hashlib

from analyzer.keyring import KeyRing
from tests.lab.conversation import Setting, Stop, Talk
from tests.lab.faults import Case, fault, played
from tests.lab.stations import Quirk, gcm


def _setting(seed: int, *mechanisms: int) -> Setting:
    mechanism = (mechanisms or (3, 4, 5, 6))[seed % len(mechanisms or (3, 4, 5, 6))]
    return Setting(seed, mechanism=mechanism, exchanges=3)


@fault("hls-challenge-swapped", "hls-rejected")
def own_challenge(seed: int) -> Case:
    """The client proves its own challenge instead of the meter's."""
    setting = _setting(seed, 3, 4, 5)
    right = setting.client.proof

    def proof(mechanism: int, theirs: bytes, own: bytes) -> bytes:
        value = right(mechanism, own, theirs)
        setting.client.spoilt = True
        return value

    setting.client.proof = proof  # type: ignore[method-assign]
    return played(setting)


@fault("hls-challenges-equal")
def challenge_echoed(seed: int) -> Case:
    setting = _setting(seed)
    setting.stoc = setting.ctos
    return played(setting)


@fault("hls-value-length", "hls-rejected")
def value_too_short(seed: int) -> Case:
    setting = _setting(seed)
    setting.client.quirk = Quirk(proof=lambda right: right[: len(right) - 4])
    setting.client.after = 1000
    return played(setting)


def _noise(right: bytes) -> bytes:
    """Octets of the same length that no key gives, the counter of GMAC kept."""
    kept = right[:5] if len(right) == 17 else b""
    return kept + hashlib.sha512(right).digest()[: len(right) - len(kept)]


@fault("hls-key-or-title-wrong", "hls-rejected")
def value_of_another_secret(seed: int) -> Case:
    """The meter refuses what the client made of another secret."""
    setting = _setting(seed)
    setting.client.quirk = Quirk(proof=_noise)
    setting.client.after = 1000
    return played(setting)


@fault("hls-rejected")
def value_refused_and_no_secret_given(seed: int) -> Case:
    """The same, and the analyst has no secret to compute with."""
    setting = Setting(seed, mechanism=(3, 4)[seed % 2], ciphered=False, exchanges=3)
    setting.client.quirk = Quirk(proof=_noise)
    setting.client.after = 1000
    return played(setting)[0], KeyRing()


@fault("hls-server-proof-wrong", "hls-key-or-title-wrong")
def meter_proves_nothing(seed: int) -> Case:
    setting = _setting(seed)
    setting.meter.quirk = Quirk(proof=_noise)
    setting.meter.after = 1000
    return played(setting)


@fault("hls-key-or-title-wrong", "hls-rejected")
def mac_under_the_title_of_the_meter(seed: int) -> Case:
    setting = _setting(seed, 5)
    client = setting.client

    def proof(mechanism: int, theirs: bytes, own: bytes) -> bytes:
        client.counter += 1
        counter = client.counter.to_bytes(4, "big")
        client.spoilt = True
        return b"\x10" + counter + gcm(client.ek, client.peer + counter, b"", b"\x10" + client.ak + theirs)[1][:12]

    client.proof = proof  # type: ignore[method-assign]
    return played(setting)


@fault("hls-counter-mismatch", "hls-rejected")
def mac_under_another_counter(seed: int) -> Case:
    setting = _setting(seed, 5)
    client = setting.client

    def proof(mechanism: int, theirs: bytes, own: bytes) -> bytes:
        client.counter += 1
        counter, used = client.counter.to_bytes(4, "big"), (client.counter + 1).to_bytes(4, "big")
        client.spoilt = True
        return b"\x10" + counter + gcm(client.ek, client.title + used, b"", b"\x10" + client.ak + theirs)[1][:12]

    client.proof = proof  # type: ignore[method-assign]
    return played(setting)


@fault("hls-pass3-missing")
def no_pass_three(seed: int) -> Case:
    """The client reads at once; the meter refuses, as the association is not open."""
    setting = _setting(seed)

    class Hasty(Talk):
        def prove(self) -> None:
            request = (
                b"\x05\x01\x02\x20\x08" if setting.short_names else bytes.fromhex("C001C10008" + "0000010000FF0200")
            )
            self.send("client", self.sealed("client", request))
            self.send("meter", bytes.fromhex("D80101"))
            raise Stop

    return Hasty(setting).play(), setting.ring()
