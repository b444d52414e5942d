"""What a client or a meter does wrong when it seals an APDU. The other side cannot open it, and does not go on."""

from __future__ import annotations

from tests.lab.conversation import Setting
from tests.lab.faults import Case, fault, played
from tests.lab.stations import Quirk, Station

TITLED = ("glo", "ded", "general-glo")  # general-ciphering carries the title in what is authenticated


def _setting(seed: int, **given: object) -> tuple[Setting, Station]:
    """A ciphered conversation, and the side that errs from a random APDU on."""
    chosen = {"ciphered": True, "control": 0x30, "exchanges": 4, "protection": TITLED[seed % 3], **given}
    setting = Setting(seed, **chosen)  # type: ignore[arg-type]
    side = setting.client if seed % 2 else setting.meter
    side.after = setting.chance.randrange(4)
    return setting, side


def _refusing(setting: Setting) -> dict[str, object]:
    """Meters answer with an exception, a confirmedServiceError in clear, or not at all."""
    return {"refusal": setting.chance.choice((bytes.fromhex("D80305"), bytes.fromhex("0E010006"), None))}


def _quirk(seed: int, quirk: Quirk, **given: object) -> Case:
    setting, side = _setting(seed, **given)
    side.quirk = quirk
    return played(setting, **_refusing(setting))


@fault("system-title-of-other-side")
def title_of_the_other_side(seed: int) -> Case:
    """From the second APDU on: before, the title of the meter has not been on the line."""
    setting, side = _setting(seed)
    side.after = max(side.after, 1)
    side.quirk = Quirk(nonce_title=side.peer)
    return played(setting, **_refusing(setting))


@fault("system-title-wrong")
def title_with_an_octet_wrong(seed: int) -> Case:
    setting, side = _setting(seed)
    at = setting.chance.randrange(8)
    wrong = bytearray(side.title)
    wrong[at] ^= setting.chance.randrange(1, 256)
    side.quirk = Quirk(nonce_title=bytes(wrong))
    return played(setting, **_refusing(setting))


@fault("system-title-malformed")
def title_reversed(seed: int) -> Case:
    setting, side = _setting(seed)
    side.quirk = Quirk(nonce_title=side.title[::-1])
    return played(setting, **_refusing(setting))


@fault("invocation-counter-endianness")
def counter_little_endian(seed: int) -> Case:
    return _quirk(seed, Quirk(nonce_counter=lambda count: count.to_bytes(4, "little")))


@fault("aad-without-key")
def data_without_the_key(seed: int) -> Case:
    return _quirk(seed, Quirk(data=lambda control, ak, header: bytes([control]) + header))


@fault("aad-without-key")
def data_without_the_control_byte(seed: int) -> Case:
    return _quirk(seed, Quirk(data=lambda control, ak, header: ak + header))


@fault("aad-security-control-wrong")
def data_with_another_control_byte(seed: int) -> Case:
    return _quirk(seed, Quirk(data=lambda control, ak, header: bytes([control ^ 0x20]) + ak + header))


@fault("tag-length-wrong")
def tag_of_sixteen(seed: int) -> Case:
    return _quirk(seed, Quirk(tag_octets=16))


@fault("tag-length-wrong")
def tag_of_eight(seed: int) -> Case:
    return _quirk(seed, Quirk(tag_octets=8))


@fault("keys-swapped")
def keys_swapped_by_one_side(seed: int) -> Case:
    setting, side = _setting(seed, protection=("glo", "general-glo")[seed % 2])
    side.quirk = Quirk(ek=side.ak, ak=side.ek)
    return played(setting, **_refusing(setting))


@fault("authentication-key-wrong", "keys-equal")
def encryption_key_for_both(seed: int) -> Case:
    setting, side = _setting(seed)
    side.quirk = Quirk(ak=side.ek)
    return played(setting, **_refusing(setting))


@fault("invocation-counter-replayed")
def counter_set_back(seed: int) -> Case:
    """The client starts its counter anew, far below the last one; the meter says which it wants, or nothing.

    Under one key: a dedicated key has a counter of its own."""
    setting, _ = _setting(seed, protection=("glo", "general-glo")[seed % 2])
    setting.client.counter += 5000
    setting.client.after = setting.chance.randrange(1, 4)
    setting.client.quirk = Quirk(counter=lambda count: count - 4000)
    wanted = bytes.fromhex("D80306") + (setting.client.counter + 9).to_bytes(4, "big")
    return played(setting, refusal=setting.chance.choice((wanted, bytes.fromhex("D80305"), None)))


@fault("nonce-reused", "invocation-counter-replayed")
def counter_not_counted(seed: int) -> Case:
    setting, _ = _setting(seed, protection=("glo", "general-glo")[seed % 2], mechanism=(0, 1, 3)[seed % 3])
    setting.client.after = setting.chance.randrange(1, 4)
    setting.client.quirk = Quirk(counter=lambda count: count - 1)
    return played(setting, **_refusing(setting))


@fault("dedicated-key-mixed-up")
def global_key_for_dedicated(seed: int) -> Case:
    setting, side = _setting(seed, protection="ded")
    side.after = setting.chance.randrange(1, 4)
    side.quirk = Quirk(ek=side.ek, initiate=False)
    return played(setting, **_refusing(setting))


@fault("unprotected-reply")
def reply_in_clear(seed: int) -> Case:
    """The meter's answers from some point on are not protected; the client takes them."""
    setting = Setting(seed, ciphered=True, control=0x30, protection=TITLED[seed % 3], exchanges=4, short_names=False)
    seal, sent, after = setting.meter.seal, [0], setting.chance.randrange(2, 5)

    def sealed(apdu: bytes) -> bytes:
        sent[0] += 1
        return apdu if sent[0] > after and apdu[0] >= 0xC0 else seal(apdu)

    setting.meter.seal = sealed  # type: ignore[method-assign]
    setting.pushes = False
    return played(setting)
