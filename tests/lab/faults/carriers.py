"""Faults of the wrapper, of M-Bus, and of who speaks which of them."""

from __future__ import annotations

from analyzer.model import Record
from tests.lab.carriers import Hdlc, Mbus, Side, Wrapper, dead
from tests.lab.conversation import Talk
from tests.lab.faults import fault
from tests.lab.faults.frames import like

WRAPPED = ("wrapper", "udp")


def _first_wrong(talk: Talk, change: object) -> None:
    """What the client sends from a random APDU on is wrong; the meter does not answer."""
    line, left = talk.carrier, [talk.onset(3)]

    def put(sender: Side, data: bytes) -> bytes:
        if sender != "client":
            return data
        left[0] -= 1
        if left[0] >= 0:
            return data
        line.then = dead
        return change(data)  # type: ignore[operator, no-any-return]

    line.changes.append(put)


@fault("wrapper-version-wrong", framing=WRAPPED, ends=True, stage="aarq")
def another_version(talk: Talk) -> None:
    version = talk.chance.choice((2, 0, 0x100)).to_bytes(2, "big")
    line = talk.carrier

    def put(sender: Side, data: bytes) -> bytes:
        line.then = dead
        return version + data[2:]

    line.changes.append(put)


@fault("wrapper-version-wrong", framing=WRAPPED, ends=True, stage="aarq")
def little_endian_header(talk: Talk) -> None:
    line = talk.carrier

    def put(sender: Side, data: bytes) -> bytes:
        line.then = dead
        return b"".join(data[at : at + 2][::-1] for at in range(0, 8, 2)) + data[8:]

    line.changes.append(put)


@fault("wrapper-length-wrong", framing=WRAPPED, ends=True)
def length_with_the_header(talk: Talk) -> None:
    """The client counts the header as well; the meter waits for more."""
    _first_wrong(talk, lambda data: data[:6] + len(data).to_bytes(2, "big") + data[8:])


@fault(
    "wrapper-length-wrong",
    framing=WRAPPED,
    ends=True,
    instead={"apdu-cut": "the APDU is longer than what the header leaves of it"},
)
def length_too_short(talk: Talk) -> None:
    by = talk.chance.randrange(1, 4)
    _first_wrong(talk, lambda data: data[:6] + (len(data) - 8 - by).to_bytes(2, "big") + data[8:])


@fault("wrapper-ports-not-swapped", framing=WRAPPED)
def ports_as_in_the_request(talk: Talk) -> None:
    line = talk.carrier
    line.client = talk.chance.choice((16, 32, 48))  # with a client 1 and a server 1 nobody can tell
    talk.setting.pushes = False
    line.changes.append(lambda side, data: data if side == "client" else data[:2] + data[4:6] + data[2:4] + data[6:])


@fault("framing-mismatch", framing="wrapper", ends=True, stage="open")
def hdlc_for_a_wrapper(talk: Talk) -> None:
    """The client speaks HDLC, and the meter answers in the wrapper."""
    line = Hdlc(talk.carrier.client, 1, octets=talk.chance.choice((1, 2, 4)), parameters=(128, 128, 1))
    snrm, mine = line.frame("client", 0x93, line._parameters(True)), talk.carrier
    assert isinstance(mine, Wrapper)
    refusal = mine.packet(1, mine.client, b"\xd8\x01\x03")

    def put(sender: Side, data: bytes) -> bytes:
        if sender == "client":
            mine.then = lambda: mine.put("meter", refusal)
            return snrm
        mine.then = dead
        return data

    mine.changes.append(put)


@fault("framing-mismatch", framing="hdlc", ends=True, stage="open")
def wrapper_for_hdlc(talk: Talk) -> None:
    """The client speaks the wrapper, and what the meter says is HDLC: DM, or an old frame."""
    line = talk.carrier
    assert isinstance(line, Hdlc)
    dm, wrapper = line.frame("meter", 0x1F), Wrapper(line.client, 1)

    def opened() -> None:
        talk.setting.carrier = wrapper
        wrapper.changes.append(put)

    def put(sender: Side, data: bytes) -> bytes:
        if sender == "client":
            wrapper.then = lambda: wrapper.put("meter", dm)
            return data
        wrapper.then = dead
        return data

    line.open = opened  # type: ignore[method-assign]


@fault("mbus-checksum", framing="mbus", instead={})
def telegram_damaged(talk: Talk) -> None:
    """The checksum of one telegram is wrong: an octet of it, or one before it, was changed on the line."""

    def noise(records: list[Record]) -> list[Record]:
        at = talk.choose([n for n, record in enumerate(records) if record.data[:1] == b"\x68"])
        data = bytearray(records[at].data)
        data[-2] ^= talk.chance.randrange(1, 256)
        return [*records[:at], *like(records[at], bytes(data)), *records[at + 1 :]]

    talk.after.append(noise)


def _long(talk: Talk) -> None:
    services = talk.setting.services
    talk.setting.blocks_generally = False
    talk.add(services.read_long if talk.setting.short_names else services.get_long)


def _pieces(records: list[Record]) -> list[int]:
    """Telegrams that are not the last of their APDU."""
    return [n for n, r in enumerate(records) if r.data[:1] == b"\x68" and len(r.data) > 9 and not r.data[6] & 0x10]


@fault("mbus-segment-missing", framing="mbus")
def telegram_lost(talk: Talk) -> None:
    """A telegram of a long answer is not in the capture: one of the first, or the last."""
    _long(talk)

    def lost(records: list[Record]) -> list[Record]:
        at = talk.choose(_pieces(records))
        if talk.chance.random() < 0.3:
            at = next(
                n for n in range(at, len(records)) if records[n].data[:1] == b"\x68" and records[n].data[6] & 0x10
            )
        return [*records[:at], *records[at + 1 :]]

    talk.after.append(lost)


@fault("mbus-saps-differ", framing="mbus")
def saps_of_another(talk: Talk) -> None:
    """One telegram of an APDU names other SAPs, its checksum right."""
    _long(talk)

    def other(records: list[Record]) -> list[Record]:
        first = talk.choose(_pieces(records))
        at = next(n for n in range(first + 1, len(records)) if records[n].data[:1] == b"\x68")
        data = bytearray(records[at].data)
        data[7 + talk.chance.randrange(2)] ^= 1 << talk.chance.randrange(1, 7)
        data[-2] = sum(data[4:-2]) & 255
        return [*records[:at], *like(records[at], bytes(data)), *records[at + 1 :]]

    assert isinstance(talk.carrier, Mbus)
    talk.after.append(other)
