"""Values that are written otherwise than they should be, and what is said about clocks and scalers."""

from __future__ import annotations

from typing import Any

from tests.lab.conversation import Talk
from tests.lab.faults import fault
from tests.lab.faults.services import CLOCK, ENDS, SERVICE, got
from tests.lab.octets import date_time, octet_string


@fault("unusual-encoding", **SERVICE)
def tag_and_length_exchanged(talk: Talk) -> None:
    """0C 09 for 09 0C before a date and time."""
    got(talk, CLOCK, "000C09" + date_time(talk.chance).hex())


@fault("unusual-encoding", **SERVICE)
def reserved_bits_in_the_invoke_id(talk: Talk) -> None:
    """E1 for C1 in an answer: a reserved bit is set."""
    value = octet_string(date_time(talk.chance))
    talk.add(lambda: [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", b"\xc4\x01\xe1\x00" + value)])


@fault(
    "octets-behind-apdu",
    **SERVICE,
    instead={"data-truncated": "the catalogue counts octets that remain behind the last value there, too"},
)
def octets_behind_an_answer(talk: Talk) -> None:
    """The meter fills its answer up with zeros, or leaves octets of an older one behind it."""
    extra = talk.chance.choice((b"\x00", b"\x00\x00\x00", talk.chance.randbytes(4)))
    done = [False]

    def padded(side: str, apdu: bytes) -> bytes:
        if side == "meter" and apdu[0] >= 0xC4 and talk.count["meter"] > 2 and not done[0]:
            done[0] = True
            return apdu + extra
        return apdu

    talk.setting.blocks_generally = False
    talk.line.append(padded)


@fault(
    "data-truncated",
    **ENDS,
    instead={"octets-behind-apdu": "what remains may be the end of the value or no part of it"},
)
def value_behind_the_value(talk: Talk) -> None:
    """An array of two with three in it."""
    got(talk, bytes.fromhex("00070100630100FF0200"), "000102" + "0600000001" * 3, ends=True)


@fault("scaler-ignored", **{**SERVICE, "ciphered": False})
def registers_without_their_scaler(talk: Talk) -> None:
    """Only values of registers are read, and no attribute 3."""
    services = talk.setting.services

    def register() -> list[tuple[str, bytes]]:
        what = bytes.fromhex("0003" + talk.chance.choice(("0100010800FF", "0100020800FF")) + "0200")
        value = b"\x06" + talk.chance.randrange(1 << 24).to_bytes(4, "big")
        return [("client", b"\xc0\x01\xc1" + what), ("meter", b"\xc4\x01\xc1\x00" + value)]

    services.exchange = register  # type: ignore


@fault("clock-deviation-sign", **SERVICE)
def deviation_with_the_other_sign(talk: Talk) -> None:
    """The client sets the clock with FFC4 (-60, central Europe), and the meter gives it back with 003C."""
    time = date_time(talk.chance)
    other = time[:9] + b"\x00\x3c" + time[11:]

    def exchange() -> list[tuple[str, bytes]]:
        return [
            ("client", b"\xc1\x01\xc1" + CLOCK + octet_string(time)), ("meter", b"\xc5\x01\xc1\x00"),
            ("client", b"\xc0\x01\xc2" + CLOCK), ("meter", b"\xc4\x01\xc2\x00" + octet_string(other)),
        ]  # fmt: skip

    talk.add(exchange)  # type: ignore[arg-type]


PUSHED: dict[str, Any] = {"alone": True, "short_names": False, "framing": ("hdlc", "wrapper", "mbus", "none")}


@fault("date-time-tagged", **PUSHED)
def time_with_a_tag(talk: Talk) -> None:
    """09 0C before the time of the notification."""
    time = octet_string(date_time(talk.chance))
    number = talk.chance.randrange(1 << 24).to_bytes(4, "big")
    value = b"\x02\x01\x06" + talk.chance.randbytes(4)
    talk.setting.services.notification = lambda: b"\x0f" + number + time + value  # type: ignore[method-assign]
