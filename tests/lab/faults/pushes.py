"""What a meter sends unasked: pushes in frames, in blocks, and the telegrams of P1 ports."""

from __future__ import annotations

from typing import Any

from tests.lab.conversation import Talk
from tests.lab.faults import fault
from tests.lab.octets import string
from tests.lab.services import general_blocks
from tests.lab.telegrams import telegram

ALONE: dict[str, Any] = {"alone": True, "short_names": False}
SEALED: dict[str, Any] = {**ALONE, "ciphered": True, "control": 0x30, "protection": "general-glo"}


def one(talk: Talk) -> bytes:
    """A push, protected."""
    return talk.pushed(talk.setting.services.notification())


@fault("apdu-cut", **SEALED, framing="none", ends=True)
def push_cut_off(talk: Talk) -> None:
    """The buffer of the receiver ends in the middle of a general-glo APDU without frames."""
    talk.setting.exchanges = 1
    share = talk.chance.random()
    talk.carrier.changes.append(lambda side, data: data[: 20 + int(share * (len(data) - 22))])


@fault("system-title-empty", **SEALED)
def push_without_a_title(talk: Talk) -> None:
    """DB 00: the title is known by configuration, and the analyst gives it."""
    meter = talk.setting.meter
    talk.titles["system_title"] = meter.title

    def sealed(apdu: bytes) -> bytes:
        meter.counter += 1
        return b"\xdb\x00" + string(meter._content(apdu, meter.ek, b"", False))

    meter.seal = sealed  # type: ignore[method-assign]


@fault("system-title-unknown", **SEALED, stage="analyst")
def push_of_another_meter(talk: Talk) -> None:
    """The keys are those of a meter with another title."""
    title = talk.setting.meter.title
    talk.titles["system_title"] = title[:4] + talk.chance.randbytes(4)
    talk.typed.append(lambda keys: keys.update(ek=talk.chance.randbytes(len(keys["ek"])), ak=talk.chance.randbytes(16)))


@fault("gbt-in-push", **SEALED, framing=("hdlc", "none", "wrapper"))
def push_in_blocks(talk: Talk) -> None:
    """general-block-transfer around a ciphered push, unconfirmed, as some customer interfaces have it."""
    carrier, size = talk.carrier, talk.chance.randrange(30, 60)
    whole = carrier.push

    def pushed(apdu: bytes) -> None:
        pieces = [block for side, block in general_blocks(apdu, size, 63) if side == "meter"]
        for piece in pieces:
            whole(piece)

    carrier.push = pushed  # type: ignore[method-assign]


@fault("encryption-key-wrong", **SEALED, framing=("hdlc", "mbus", "none"), stage="analyst")
def push_read_with_another_key(talk: Talk) -> None:
    talk.typed.append(lambda keys: keys.update(ek=bytes(octet ^ 0x5A for octet in keys["ek"])))


@fault("authentication-key-wrong", **SEALED, framing=("hdlc", "mbus", "none"), stage="analyst")
def push_read_without_the_right_ak(talk: Talk) -> None:
    talk.typed.append(lambda keys: keys.update(ak=bytes(octet ^ 0x5A for octet in keys["ak"])))


@fault("p1-header-hybrid", **SEALED, framing="none")
def identification_before_ciphered_data(talk: Talk) -> None:
    """The head of a telegram in clear, and then general-glo-ciphering with a telegram inside."""
    meter = talk.setting.meter

    def hybrid(side: str, data: bytes) -> bytes:
        return b"/EGM5\\253833635_A\r\n\r\n" + meter.seal(telegram(talk.chance))

    talk.carrier.changes.append(hybrid)  # type: ignore[arg-type]


@fault("p1-header-hybrid", **{**ALONE, "ciphered": True, "control": 0x30, "protection": "general-glo"}, framing="none")
def identification_before_a_push(talk: Talk) -> None:
    """The same with a DataNotification inside."""
    talk.carrier.changes.append(lambda side, data: b"/EGM5\\253833635_A\r\n\r\n" + data)
