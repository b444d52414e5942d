"""Faults of the services of an association that is open: refusals, blocks, invoke ids, data."""

from __future__ import annotations

from tests.lab.carriers import Side
from tests.lab.conversation import Setting, Stop, Talk
from tests.lab.faults import Case, fault
from tests.lab.services import Exchange

CLOCK = bytes.fromhex("00080000010000FF0200")
WRONG_CLASS = bytes.fromhex("00010100010800FF0200")


def _setting(seed: int) -> Setting:
    framing = ("hdlc", "wrapper", "mbus", "none" if seed % 2 else "wrapper")[seed // 2 % 4]
    setting = Setting(
        seed, framing=framing, ciphered=bool(seed % 2), mechanism=(0, 1, 5)[seed % 3], short_names=False, exchanges=4
    )  # fmt: skip
    setting.control, setting.client.control, setting.meter.control = 0x30, 0x30, 0x30
    setting.pushes = False
    return setting


def _with(seed: int, exchange: Exchange, ends: bool = False) -> Case:
    """An exchange at a random place among healthy ones; the conversation may end with it."""
    setting = _setting(seed)
    place, count = setting.chance.randrange(1, 4), [0]

    class Odd(Talk):
        def exchange(self, usual: Exchange) -> None:
            count[0] += 1
            if count[0] == place:
                super().exchange(exchange)
                if ends:
                    raise Stop
            super().exchange(usual)

    return Odd(setting).play(), setting.ring()


def _get(what: bytes, answer: str) -> Exchange:
    return [("client", b"\xc0\x01\xc1" + what), ("meter", b"\xc4\x01\xc1" + bytes.fromhex(answer))]


@fault("object-undefined")
def object_that_is_not_there(seed: int) -> Case:
    return _with(seed, _get(WRONG_CLASS, ("0104", "0109", "010B")[seed % 3]))


@fault("access-denied")
def no_right_to_read(seed: int) -> Case:
    return _with(seed, _get(CLOCK, ("0103", "010D")[seed % 2]))


@fault("access-denied")
def no_right_to_write(seed: int) -> Case:
    request = b"\xc1\x01\xc1" + CLOCK + bytes.fromhex("090C07E8020104140000" + "00FFC400")
    return _with(seed, [("client", request), ("meter", bytes.fromhex("C501C103"))])


@fault("type-unmatched")
def written_with_another_type(seed: int) -> Case:
    request = b"\xc1\x01\xc1" + CLOCK + bytes.fromhex("0600000001")
    return _with(seed, [("client", request), ("meter", bytes.fromhex("C501C10C"))])


@fault("invoke-id-mismatch")
def answer_with_another_number(seed: int) -> Case:
    answer = b"\xc4\x01" + bytes([0xC2 + seed % 12]) + b"\x00\x11\x05"
    return _with(seed, [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", answer)], ends=True)


@fault("reply-out-of-order")
def answer_of_another_kind(seed: int) -> Case:
    return _with(seed, [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", bytes.fromhex("C501C100"))], ends=True)


@fault("block-number-wrong")
def next_block_twice(seed: int) -> Case:
    """The client acknowledges a block that it did not get; the meter refuses."""
    setting = _setting(seed)
    block = b"\xc4\x02\xc1\x00\x00\x00\x00\x01\x00\x14" + setting.chance.randbytes(20)
    wrong = (0, 2, 3)[seed % 3].to_bytes(4, "big")
    refusal = bytes.fromhex("C402C101") + wrong + b"\x01\x13"
    return _with(seed, [
        ("client", bytes.fromhex("C001C1") + bytes.fromhex("00070100630100FF0200")), ("meter", block),
        ("client", b"\xc0\x02\xc1" + wrong), ("meter", refusal),
    ], ends=True)  # fmt: skip


@fault("block-transfer-aborted")
def block_transfer_given_up(seed: int) -> Case:
    refusal = bytes.fromhex("C402C1010000000201") + bytes([15 + seed % 2])
    block = bytes.fromhex("C402C100000000010014") + bytes(range(1, 21))
    return _with(seed, [
        ("client", bytes.fromhex("C001C100070100630100FF0200")), ("meter", block),
        ("client", bytes.fromhex("C002C100000001")), ("meter", refusal),
    ], ends=True)  # fmt: skip


@fault("data-truncated")
def structure_without_its_end(seed: int) -> Case:
    """A structure of four with three in it."""
    return _with(seed, _get(CLOCK, "00020411050600000001120007"), ends=True)


@fault("service-not-supported")
def service_unknown(seed: int) -> Case:
    return _with(seed, [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", bytes.fromhex("D80202"))], ends=True)


@fault("service-not-allowed")
def service_not_now(seed: int) -> Case:
    return _with(seed, [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", bytes.fromhex("D80101"))], ends=True)


@fault("pdu-too-long")
def longer_than_the_meter_takes(seed: int) -> Case:
    setting = _setting(seed)
    size = setting.proposal.server_pdu + 40
    request = (
        b"\xc1\x01\xc1" + bytes.fromhex("00010000600100FF0200") + b"\x09\x82" + size.to_bytes(2, "big") + bytes(size)
    )
    return _with(seed, [("client", request), ("meter", bytes.fromhex("D80104"))], ends=True)


def gbt(control: int, number: int, acknowledged: int, piece: bytes) -> bytes:
    return (
        bytes([0xE0, control])
        + number.to_bytes(2, "big")
        + acknowledged.to_bytes(2, "big")
        + bytes([len(piece)])
        + piece
    )


@fault("gbt-block-error")
def block_lost(seed: int) -> Case:
    """The second of three streamed blocks of an answer is not there, and the client gives up."""
    setting = _setting(seed)

    class Gap(Talk):
        def exchange(self, usual: Exchange) -> None:
            self.send("client", self.sealed("client", b"\xc0\x01\xc1" + CLOCK))
            value = b"\xc4\x01\xc1\x00\x09\x40" + setting.chance.randbytes(64)
            whole = self.sealed("meter", value)
            for number, control in ((1, 0x43), (3, 0x83)):
                side: Side = "meter"
                self.send(side, gbt(control, number, 0, whole[(number - 1) * 30 : number * 30]))
            raise Stop

    return Gap(setting).play(), setting.ring()
