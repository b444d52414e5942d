"""What a client or a meter does wrong when it seals an APDU: key, title, counter, suite. The other side cannot open it,
and does not go on."""

from __future__ import annotations

from typing import Any

from tests.lab.carriers import Side
from tests.lab.conversation import Stop, Talk
from tests.lab.faults import fault
from tests.lab.octets import string
from tests.lab.stations import BROADCAST, Quirk, Station

TITLED = ("glo", "ded", "general-glo")  # general-ciphering carries the title in what is authenticated
SEALED: dict[str, Any] = {"ciphered": True, "control": 0x30, "protection": TITLED, "ends": True}
GLOBALLY: dict[str, Any] = {**SEALED, "protection": ("glo", "general-glo")}


def errs(talk: Talk, quirk: Quirk | None = None, most: int = 4) -> Station:
    """The side that errs from a random APDU on; meters answer with an exception, an error in clear, or not at all."""
    side = talk.setting.client if talk.chance.random() < 0.5 else talk.setting.meter
    side.after = talk.onset(most)
    talk.setting.casts = False  # they have a key of their own, and nobody would refuse them
    if quirk is not None:
        side.quirk = quirk
    talk.refusal = talk.chance.choice((bytes.fromhex("D80305"), bytes.fromhex("0E010006"), None))
    return side


def client_errs(talk: Talk, quirk: Quirk, first: int = 0) -> Station:
    """The same for the client alone."""
    side = talk.setting.client
    side.after, side.quirk = max(first, talk.onset(4)), quirk
    talk.setting.casts = False
    talk.refusal = talk.chance.choice((bytes.fromhex("D80305"), bytes.fromhex("0E010006"), None))
    return side


@fault("system-title-of-other-side", **SEALED)
def title_of_the_other_side(talk: Talk) -> None:
    """From the second APDU on: before, the title of the meter has not been on the line."""
    side = errs(talk)
    side.after = max(side.after, 1)
    side.quirk = Quirk(nonce_title=side.peer)


@fault("system-title-wrong", **SEALED)
def title_with_an_octet_wrong(talk: Talk) -> None:
    side = errs(talk)
    wrong = bytearray(side.title)
    wrong[talk.chance.randrange(8)] ^= talk.chance.randrange(1, 256)
    side.quirk = Quirk(nonce_title=bytes(wrong))


@fault("system-title-malformed", **SEALED)
def title_reversed(talk: Talk) -> None:
    side = errs(talk)
    side.quirk = Quirk(nonce_title=side.title[::-1])


@fault("system-title-malformed", **SEALED)
def title_as_text(talk: Talk) -> None:
    """The first eight characters of the title's digits."""
    side = errs(talk)
    side.quirk = Quirk(nonce_title=side.title.hex().upper().encode()[:8])


@fault("invocation-counter-endianness", **SEALED)
def counter_little_endian(talk: Talk) -> None:
    errs(talk, Quirk(nonce_counter=lambda count: count.to_bytes(4, "little")))


@fault("invocation-counter-mismatch", **SEALED)
def counter_of_another_moment(talk: Talk) -> None:
    """One more, one less, or zero in the nonce."""
    other = talk.chance.choice((lambda n: n + 1, lambda n: n - 1, lambda n: 0))
    errs(talk, Quirk(nonce_counter=lambda count: other(count).to_bytes(4, "big")))


@fault("nonce-layout-wrong", **SEALED)
def counter_before_title(talk: Talk) -> None:
    errs(talk, Quirk(nonce=lambda title, counter: counter + title))


@fault("keys-swapped", **GLOBALLY)
def keys_swapped_by_one_side(talk: Talk) -> None:
    side = errs(talk)
    side.quirk = Quirk(ek=side.ak, ak=side.ek)


@fault("authentication-key-wrong", "keys-equal", **SEALED)
def encryption_key_for_both(talk: Talk) -> None:
    side = errs(talk)
    side.quirk = Quirk(ak=side.ek)


@fault("key-reversed", **GLOBALLY)
def key_reversed_by_one_side(talk: Talk) -> None:
    side = errs(talk)
    side.quirk = Quirk(ek=side.ek[::-1])


@fault("invocation-counter-replayed", **GLOBALLY)
def counter_set_back(talk: Talk) -> None:
    """The client starts its counter anew, far below the last one; the meter says which it wants, or nothing.

    Under one key: a dedicated key has a counter of its own."""
    client = talk.setting.client
    client.counter += 5000
    client_errs(talk, Quirk(counter=lambda count: count - 4000), 1)
    wanted = bytes.fromhex("D80306") + (client.counter + 9).to_bytes(4, "big")
    talk.refusal = talk.chance.choice((wanted, bytes.fromhex("D80305"), None))


@fault("nonce-reused", "invocation-counter-replayed", **GLOBALLY, mechanism=(0, 1, 3))
def counter_not_counted(talk: Talk) -> None:
    client_errs(talk, Quirk(counter=lambda count: count - 1), 1)


@fault("dedicated-key-mixed-up", **{**SEALED, "protection": "ded"})
def global_key_for_dedicated(talk: Talk) -> None:
    side = errs(talk)
    side.after = max(side.after, 1)
    side.quirk = Quirk(ek=side.ek, initiate=False)


@fault("unprotected-reply", stage="service", ciphered=True, control=0x30, protection=TITLED, short_names=False)
def reply_in_clear(talk: Talk) -> None:
    """The meter's answers from some point on are not protected; the client takes them."""
    meter = talk.setting.meter
    seal, sent, after = meter.seal, [0], max(2, talk.onset(5))

    def sealed(apdu: bytes) -> bytes:
        sent[0] += 1
        return apdu if sent[0] > after and apdu[0] >= 0xC0 else seal(apdu)

    meter.seal = sealed  # type: ignore[method-assign]
    talk.setting.pushes = False


@fault("deciphering-error", stage="service", **SEALED, short_names=False)
def meter_with_other_keys(talk: Talk) -> None:
    """A request that is right, and the meter says that it cannot decipher it."""
    refusal = talk.chance.choice((bytes.fromhex("D80305"), bytes.fromhex("D80105"), bytes.fromhex("0E010006")))

    def refused() -> list[tuple[Side, bytes]]:
        talk.send("client", talk.sealed("client", bytes.fromhex("C001C100080000010000FF0200")))
        talk.send("meter", refusal)
        raise Stop

    talk.add(refused, ends=True)


@fault(
    "broadcast-key", stage="service", ciphered=True, control=0x30, protection=("glo", "general-glo"), short_names=False
)
def broadcast_key_not_given(talk: Talk) -> None:
    """The client speaks to all meters under the broadcast key, and the analyst has none."""
    client = talk.setting.client
    talk.typed.append(lambda keys: keys.pop("bek") and None)
    talk.setting.casts = False

    def cast() -> list[tuple[Side, bytes]]:
        talk.carrier.cast(client.cast(talk.setting.services.command()))
        return []

    talk.add(cast)


@fault("broadcast-key", **{**GLOBALLY, "short_names": False})
def broadcast_bit_set_by_mistake(talk: Talk) -> None:
    """One side sets bit 40 and authenticates it, under the unicast key."""
    side = errs(talk)
    normal, count = side._content, [0]

    def content(apdu: bytes, key: bytes, header: bytes, initiate: bool) -> bytes:
        count[0] += 1
        wrong, control = count[0] > side.after, side.control
        side.control |= BROADCAST if wrong else 0
        made = normal(apdu, key, header, initiate)
        side.control, side.spoilt = control, wrong
        return made

    side._content = content  # type: ignore[method-assign]


@fault("security-suite-mismatch", **{**SEALED, "stage": "aarq", "suite": 0, "mechanism": (0, 1, 5)})
def suite_of_the_client_is_another(talk: Talk) -> None:
    """The client is set to suite 1, which ciphers alike; the meter answers in suite 0 that it refuses."""
    client = talk.setting.client
    client.control |= 1
    talk.refused = (1, 1, b"")


@fault(
    "security-suite-mismatch",
    "encryption-key-wrong",
    "authentication-key-wrong",
    stage="analyst",
    ciphered=True,
    control=0x30,
    suite=2,
    protection=("glo", "general-glo"),
    instead={"key-length": "a key of 16 octets where the suite takes 32 is a key of the wrong length"},
)
def keys_of_another_suite_given(talk: Talk) -> None:
    """Suite 2, and the analyst gives the keys of 16 octets that the meter had before."""
    talk.typed.append(lambda keys: keys.update(ek=talk.chance.randbytes(16), ak=talk.chance.randbytes(16)))


@fault(
    "compressed-payload",
    stage="service",
    ciphered=True,
    protection="general-glo",
    suite=(1, 2),
    control=0x30,
    short_names=False,
)
def content_compressed(talk: Talk) -> None:
    """An answer with bit 80 set and V.44 inside, which is octets of high entropy here."""
    meter = talk.setting.meter

    def answered() -> list[tuple[Side, bytes]]:
        talk.send("client", talk.sealed("client", bytes.fromhex("C001C100070100630100FF0200")))
        normal, meter.control = meter.control, meter.control | 0x80
        meter.counter += 1
        content = meter._content(talk.chance.randbytes(talk.chance.randrange(60, 200)), meter.ek, b"", False)
        meter.control = normal
        talk.send("meter", b"\xdb" + string(meter.title) + string(content))
        return []

    talk.add(answered)


@fault("not-authenticated", stage="service", ciphered=True, control=0x20, protection=TITLED)
def encrypted_alone(talk: Talk) -> None:
    """Security control 20: nothing is wrong, and nothing vouches for the values."""


@fault("well-known-key", stage="aarq", ciphered=True, control=0x30, suite=0, protection=("glo", "general-glo"))
def keys_of_the_manual(talk: Talk) -> None:
    it, zero = talk.setting, talk.chance.random() < 0.5
    ek = bytes(16) if zero else bytes(range(16))
    ak = bytes(16) if zero else bytes(range(0xD0, 0xE0))
    it.keys.update(ek=ek, ak=ak)
    for side in (it.client, it.meter):
        side.ek, side.ak = ek, ak


@fault("keys-equal", stage="aarq", ciphered=True, control=0x30, protection=("glo", "general-glo"))
def one_key_for_both_by_design(talk: Talk) -> None:
    it = talk.setting
    it.keys["ak"] = it.keys["ek"]
    it.client.ak = it.meter.ak = it.keys["ek"]


@fault(
    "kdf-algorithm-id",
    stage="service",
    ciphered=True,
    protection="general",
    key_info=("static", "ephemeral"),
    suite=(1, 2),
)
def printed_algorithm_identifier(talk: Talk) -> None:
    """Both sides, or the meter, derive with the identifier as one edition prints it."""
    it = talk.setting
    it.meter.arc = bytes.fromhex("608574060803")
    if talk.chance.random() < 0.5:
        it.client.arc = it.meter.arc


@fault(
    "keys-agreed-unseen",
    stage="service",
    ciphered=True,
    protection="glo",
    control=0x30,
    suite=(1, 2),
    short_names=False,
)
def key_agreed_on(talk: Talk) -> None:
    """key_agreement of the security setup, C(2e,0s); from then on both use a key that no capture shows."""
    it = talk.setting
    services = it.services

    def agreed() -> list[tuple[Side, bytes]]:
        once, other = (one.point + one.sign(b"\x00" + one.point) for one in it.pairs)
        head = bytes.fromhex("C301") + services.invoke + bytes.fromhex("00400000" + "2B0000FF0301")
        item = lambda data: bytes.fromhex("01010202") + b"\x16\x00" + b"\x09" + string(data)  # noqa: E731
        answer = b"\xc7\x01" + services.invoke + b"\x00\x01\x00" + item(other)
        for side, apdu in (("client", head + item(once)), ("meter", answer)):
            talk.send(side, talk.sealed(side, apdu))  # type: ignore[arg-type]
        it.client.ek = it.meter.ek = talk.chance.randbytes(len(it.client.ek))
        return []

    it.blocks_generally = it.pushes = it.casts = False
    talk.add(agreed)
