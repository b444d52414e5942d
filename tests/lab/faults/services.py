"""Faults of the services of an association that is open: refusals, blocks, invoke ids."""

from __future__ import annotations

from typing import Any

from tests.lab.conversation import Stop, Talk
from tests.lab.faults import fault
from tests.lab.services import Exchange

CLOCK = bytes.fromhex("00080000010000FF0200")
PROFILE = bytes.fromhex("00070100630100FF0200")
WRONG_CLASS = bytes.fromhex("00010100010800FF0200")
SERVICE: dict[str, Any] = {
    "stage": "service",
    "short_names": False,
    "framing": ("hdlc", "mode-e", "wrapper", "udp", "mbus", "none"),
}
ENDS: dict[str, Any] = {**SERVICE, "ends": True}


def got(talk: Talk, what: bytes, answer: str, ends: bool = False) -> None:
    """A GET and its answer at a random place."""
    invoke = b"\xc1"
    talk.add(
        lambda: [("client", b"\xc0\x01" + invoke + what), ("meter", b"\xc4\x01" + invoke + bytes.fromhex(answer))], ends
    )


@fault("object-undefined", **SERVICE)
def object_that_is_not_there(talk: Talk) -> None:
    got(talk, WRONG_CLASS, talk.chance.choice(("0104", "0109", "010B")))


@fault("object-undefined", **SERVICE)
def method_that_is_not_there(talk: Talk) -> None:
    request = bytes.fromhex("C301C1" + "00030100010800FF07" + "010F00")
    answer = bytes.fromhex("C701C1") + talk.chance.choice((b"\x04\x00", b"\x0b\x00"))
    talk.add(lambda: [("client", request), ("meter", answer)])


@fault("object-undefined", **SERVICE)
def one_of_a_list_is_not_there(talk: Talk) -> None:
    """GET with a list; the second of three is refused."""
    request = bytes.fromhex("C003C103") + CLOCK + WRONG_CLASS + CLOCK
    clock = bytes.fromhex("00090C07E8020104140000" + "00FFC400")
    talk.add(lambda: [("client", request), ("meter", bytes.fromhex("C403C103") + clock + b"\x01\x04" + clock)])


@fault("access-denied", **SERVICE)
def no_right_to_read(talk: Talk) -> None:
    got(talk, CLOCK, talk.chance.choice(("0103", "010D")))


@fault("access-denied", **SERVICE)
def no_right_to_write(talk: Talk) -> None:
    request = b"\xc1\x01\xc1" + CLOCK + bytes.fromhex("090C07E8020104140000" + "00FFC400")
    talk.add(lambda: [("client", request), ("meter", bytes.fromhex("C501C103"))])


@fault("access-denied", stage="service", short_names=True)
def no_right_to_read_by_a_short_name(talk: Talk) -> None:
    talk.add(lambda: [("client", bytes.fromhex("0501022008")), ("meter", bytes.fromhex("0C010103"))])


@fault("type-unmatched", **SERVICE)
def written_with_another_type(talk: Talk) -> None:
    request = b"\xc1\x01\xc1" + CLOCK + bytes.fromhex("0600000001")
    talk.add(lambda: [("client", request), ("meter", bytes.fromhex("C501C10C"))])


@fault("invoke-id-mismatch", **ENDS)
def answer_with_another_number(talk: Talk) -> None:
    answer = b"\xc4\x01" + bytes([0xC2 + talk.chance.randrange(12)]) + b"\x00\x11\x05"
    talk.add(lambda: [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", answer)], ends=True)


@fault("reply-out-of-order", **ENDS)
def answer_of_another_kind(talk: Talk) -> None:
    talk.add(lambda: [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", bytes.fromhex("C501C100"))], ends=True)


@fault("block-number-wrong", "block-transfer-aborted", **ENDS)
def next_block_twice(talk: Talk) -> None:
    """The client acknowledges a block that it did not get; the meter refuses."""
    block = b"\xc4\x02\xc1\x00\x00\x00\x00\x01\x00\x14" + talk.chance.randbytes(20)
    wrong = talk.chance.choice((0, 2, 3)).to_bytes(4, "big")
    refusal = bytes.fromhex("C402C101") + wrong + b"\x01\x13"
    talk.add(
        lambda: [
            ("client", b"\xc0\x01\xc1" + PROFILE), ("meter", block), ("client", b"\xc0\x02\xc1" + wrong), ("meter", refusal),
        ],
        ends=True,
    )  # fmt: skip


@fault("block-number-wrong", **ENDS)
def block_of_the_answer_missing(talk: Talk) -> None:
    """The meter sends block 3 for block 2; the client gives up."""
    blocks = [b"\xc4\x02\xc1\x00" + n.to_bytes(4, "big") + b"\x00\x14" + talk.chance.randbytes(20) for n in (1, 3)]
    talk.add(
        lambda: [
            ("client", b"\xc0\x01\xc1" + PROFILE), ("meter", blocks[0]),
            ("client", bytes.fromhex("C002C100000001")), ("meter", blocks[1]),
        ],
        ends=True,
    )  # fmt: skip


@fault("block-transfer-aborted", **ENDS)
def block_transfer_given_up(talk: Talk) -> None:
    refusal = bytes.fromhex("C402C1010000000201") + bytes([talk.chance.choice((15, 16))])
    block = bytes.fromhex("C402C100000000010014") + bytes(range(1, 21))
    talk.add(
        lambda: [
            ("client", b"\xc0\x01\xc1" + PROFILE), ("meter", block),
            ("client", bytes.fromhex("C002C100000001")), ("meter", refusal),
        ],
        ends=True,
    )  # fmt: skip


@fault("transfer-unfinished", **ENDS)
def next_block_not_asked_for(talk: Talk) -> None:
    """The first of several blocks, and nobody asks for the second."""
    block = b"\xc4\x02\xc1\x00\x00\x00\x00\x01\x00\x1e" + talk.chance.randbytes(30)
    talk.add(lambda: [("client", b"\xc0\x01\xc1" + PROFILE), ("meter", block)], ends=True)


@fault("data-truncated", **ENDS, instead={"apdu-cut": "without a frame around it the APDU may as well be cut off"})
def structure_without_its_end(talk: Talk) -> None:
    """A structure of four with three in it."""
    got(talk, CLOCK, "00020411050600000001120007", ends=True)


@fault("service-not-supported", **ENDS)
def service_unknown(talk: Talk) -> None:
    refusal = talk.chance.choice((b"\xd8\x02\x02", b"\xd8\x01\x02", b"\xd8\x02\x01"))
    talk.add(lambda: [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", refusal)], ends=True)


@fault("service-not-allowed", "meter-refuses-valid-apdu", **ENDS)
def service_not_now(talk: Talk) -> None:
    refusal = talk.chance.choice((b"\xd8\x01\x01", b"\xd8\x01\x03"))
    talk.add(lambda: [("client", b"\xc0\x01\xc1" + CLOCK), ("meter", refusal)], ends=True)


@fault(
    "meter-refuses-valid-apdu",
    **{**ENDS, "ciphered": True, "control": 0x30, "protection": ("glo", "ded", "general-glo")},
    instead={"service-not-allowed": "the exception says so; that the security is right is the remark besides"},
)
def sound_request_refused(talk: Talk) -> None:
    service_not_now(talk)


@fault("pdu-too-long", **ENDS)
def longer_than_the_meter_takes(talk: Talk) -> None:
    size = talk.setting.proposal.server_pdu + 40
    request = (
        b"\xc1\x01\xc1" + bytes.fromhex("00010000600100FF0200") + b"\x09\x82" + size.to_bytes(2, "big") + bytes(size)
    )
    talk.add(lambda: [("client", request), ("meter", bytes.fromhex("D80104"))], ends=True)


@fault("conformance-insufficient", **ENDS)
def selection_that_was_not_agreed(talk: Talk) -> None:
    """The meter granted no selective access, and the client selects."""
    it = talk.setting
    it.proposal.granted &= ~0x000004
    it.services.get_range = it.services.get  # type: ignore[method-assign]
    made = type(it.services).get_range
    refusal = talk.chance.choice((b"\xd8\x01\x02", b"\xd8\x01\x01"))
    talk.add(lambda: [made(it.services)[0], ("meter", refusal)], ends=True)


def _blocks_of(talk: Talk, *blocks: tuple[int, int, slice]) -> None:
    """A long answer in general blocks: control, number and octets of each; then the client gives up."""

    def given() -> Exchange:
        talk.send("client", talk.sealed("client", b"\xc0\x01\xc1" + CLOCK))
        whole = talk.sealed("meter", b"\xc4\x01\xc1\x00\x09\x40" + talk.chance.randbytes(64))
        for control, number, part in blocks:
            piece = whole[part]
            head = b"\xe0" + bytes([control]) + number.to_bytes(2, "big") + b"\x00\x00"
            talk.send("meter", head + bytes([len(piece)]) + piece)
        raise Stop

    talk.add(given, ends=True)


@fault("gbt-block-error", **ENDS)
def general_block_lost(talk: Talk) -> None:
    """The second of three streamed blocks of an answer is not there, and the client gives up."""
    _blocks_of(talk, (0x43, 1, slice(0, 30)), (0x83, 3, slice(60, 200)))


@fault("gbt-block-error", **ENDS)
def general_block_repeated_with_other_octets(talk: Talk) -> None:
    """Block 1 comes twice, with different octets."""
    _blocks_of(talk, (0x43, 1, slice(0, 30)), (0x43, 1, slice(30, 60)), (0x83, 2, slice(60, 200)))


@fault("release-unanswered", stage="bye", framing=("wrapper", "udp", "none"))
def released_and_gone(talk: Talk) -> None:
    """RLRQ is the last word."""
    talk.setting.release = "release"
    talk.line.append(lambda side, apdu: b"" if side == "meter" and apdu[0] == 0x63 else apdu)
