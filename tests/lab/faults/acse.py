"""What a client asks wrongly when it associates, and how the meter refuses; and what a meter answers wrongly."""

from __future__ import annotations

from typing import Any

from tests.lab.association import aarq, initiate_request
from tests.lab.carriers import Hdlc, Side
from tests.lab.conversation import Stop, Talk
from tests.lab.faults import fault
from tests.lab.octets import element

PLAIN: dict[str, Any] = {"ciphered": False, "mechanism": 1, "short_names": False}
REFUSED: dict[str, Any] = {"stage": "aarq", "ends": True}


def refuse(talk: Talk, diagnostic: int, error: str = "") -> None:
    """The AARE with result 1 or 2, a diagnostic, and an initiate error where one is given."""
    talk.refused = (talk.chance.choice((1, 2)), diagnostic, bytes.fromhex(error))


@fault("application-context-rejected", **REFUSED)
def context_that_the_meter_has_not(talk: Talk) -> None:
    refuse(talk, 2)


@fault("context-ciphering-mismatch", "application-context-rejected", **REFUSED, ciphered=True, short_names=False)
def ciphered_in_a_plain_context(talk: Talk) -> None:
    talk.setting.proposal.context = 1
    refuse(talk, 2)


@fault("context-ciphering-mismatch", "application-context-rejected", **REFUSED, **PLAIN)
def plain_in_a_ciphered_context(talk: Talk) -> None:
    talk.setting.proposal.context = 3
    talk.setting.titled = True
    refuse(talk, talk.chance.choice((1, 2)))


@fault("mechanism-rejected", **REFUSED)
def mechanism_that_the_meter_has_not(talk: Talk) -> None:
    refuse(talk, 11)


@fault("mechanism-rejected", **REFUSED, mechanism=0)
def mechanism_required(talk: Talk) -> None:
    refuse(talk, 12)


@fault("authentication-failed", **REFUSED, **PLAIN)
def wrong_password(talk: Talk) -> None:
    talk.setting.password = b"00000000"
    refuse(talk, 13)


@fault("calling-ap-title-wrong", **REFUSED, ciphered=True, mechanism=5)
def no_title(talk: Talk) -> None:
    talk.setting.proposal.calling_title = False
    refuse(talk, 3)


@fault("calling-ap-title-wrong", **REFUSED, ciphered=True)
def title_that_the_meter_does_not_know(talk: Talk) -> None:
    refuse(talk, 3)


@fault("acse-requirements-missing", "mechanism-rejected", **REFUSED, **PLAIN)
def value_without_requirements(talk: Talk) -> None:
    talk.setting.proposal.requirements = False
    refuse(talk, talk.chance.choice((12, 14)))


@fault("dlms-version-wrong", **REFUSED)
def version_five(talk: Talk) -> None:
    talk.setting.proposal.version = talk.chance.choice((1, 4, 5))
    refuse(talk, 1, "0E010601")


@fault("pdu-size-too-small", **REFUSED)
def tiny_pdu(talk: Talk) -> None:
    talk.setting.proposal.client_pdu = talk.chance.randrange(1, 12)
    refuse(talk, 1, "0E010603")


@fault("conformance-insufficient", **REFUSED)
def nothing_in_common(talk: Talk) -> None:
    talk.setting.proposal.conformance = 0
    refuse(talk, 1, "0E010602")


@fault("user-information-missing", **REFUSED, **PLAIN)
def no_user_information(talk: Talk) -> None:
    setting = talk.setting

    def cut(side: Side, apdu: bytes) -> bytes:
        opening = initiate_request(setting.proposal, b"")
        if side == "client" and apdu[0] == 0x60:
            short = aarq(setting.proposal, b"", setting.password, opening)[2 : -len(opening) - 4]
            return element(0x60, short)
        return apdu

    talk.line.append(cut)
    refuse(talk, 1, "0E010600")


@fault(
    "differs-from-working",
    **REFUSED,
    ciphered=False,
    mechanism=0,
    beside=True,
)
def refused_for_what_differs(talk: Talk) -> None:
    """The meter refuses without a reason; what differs from a session that works is the size of PDU, or the conformance.

    The pair of addresses is that of the session that works, which clears it.
    """
    if talk.chance.random() < 0.5:
        talk.setting.proposal.client_pdu = talk.chance.choice((20, 64, 100))
    else:
        talk.setting.proposal.conformance &= ~0x001800
    refuse(talk, 1)


@fault("association-not-released", stage="bye", ends=True, ciphered=False, mechanism=0, short_names=False)
def associated_twice(talk: Talk) -> None:
    """A second AARQ on an open association; the meter refuses it."""

    def again() -> None:
        it = talk.setting
        talk.send("client", aarq(it.proposal, b"", it.password, initiate_request(it.proposal, b"")))
        talk.send("meter", bytes.fromhex("D80101"))
        raise Stop

    talk.bye = again  # type: ignore[method-assign]


@fault("mechanism-oid-wrong", stage="hls", mechanism=(3, 4, 5, 6))
def mechanism_with_a_high_bit(talk: Talk) -> None:
    """The meter writes 85 for 5 into the mechanism name; the exchange goes on."""

    def high(side: Side, apdu: bytes) -> bytes:
        name = bytes.fromhex("8907608574050802")
        if side == "meter" and apdu[0] == 0x61 and name in apdu:
            at = apdu.index(name) + len(name)
            return apdu[:at] + bytes([apdu[at] | 0x80]) + apdu[at + 1 :]
        return apdu

    talk.line.append(high)


@fault("association-pending", stage="hls", ends=True, mechanism=(3, 4, 5, 6, 7))
def gave_up_at_fourteen(talk: Talk) -> None:
    """The client takes diagnostic 14 for a refusal, and disconnects or releases."""

    def given_up() -> None:
        if not isinstance(talk.carrier, Hdlc):
            talk.setting.release = "release"
            talk.bye()
        raise Stop

    talk.prove = given_up  # type: ignore[method-assign]


@fault(
    "ber-length-wrong",
    stage="aarq",
    ends=True,
    mechanism=(1, 3, 5),
    instead={"user-information-missing": "where the wrong length swallows the field, the field is missing as well"},
)
def length_inside_the_aarq(talk: Talk) -> None:
    """One of the lengths inside is off by one or two; the meter refuses, or does not answer."""
    by = talk.chance.choice((-2, -1, 1, 2))
    field = talk.chance.choice((b"\xa1", b"\xac", b"\xbe"))

    def wrong(side: Side, apdu: bytes) -> bytes:
        if side != "client" or apdu[0] != 0x60:
            return apdu
        at = 2 + (apdu[1] & 0x7F if apdu[1] & 0x80 else 0)
        while at < len(apdu) and apdu[at : at + 1] != field:
            long = apdu[at + 1] & 0x80
            at += 2 + (2 + apdu[at + 2] - 1 if long else apdu[at + 1])
        where = at + (2 if apdu[at + 1] & 0x80 else 1)
        return apdu[:where] + bytes([(apdu[where] + by) & 0xFF]) + apdu[where + 1 :]

    talk.line.append(wrong)
    if talk.chance.random() < 0.5:
        talk.silent = True
    else:
        refuse(talk, 1, "0E010600")


@fault("ber-length-wrong", stage="aarq", ends=True, mechanism=(0, 1, 5))
def length_of_the_whole_aarq(talk: Talk) -> None:
    """The outer length counts a field too few, or what is not there."""
    by = talk.chance.choice((-3, -1, 2, 5))

    def wrong(side: Side, apdu: bytes) -> bytes:
        if side != "client" or apdu[0] != 0x60:
            return apdu
        where = 2 if apdu[1] & 0x80 else 1
        return apdu[:where] + bytes([apdu[where] + by & 0xFF]) + apdu[where + 1 :]

    talk.line.append(wrong)
    refuse(talk, 1, "0E010600")


@fault("release-unanswered", stage="bye", framing=("hdlc", "mode-e"))
def no_answer_to_the_release(talk: Talk) -> None:
    talk.setting.release = "both"
    talk.line.append(lambda side, apdu: b"" if side == "meter" and apdu[0] == 0x63 else apdu)


@fault("conformance-not-subset", stage="hls")
def more_than_was_asked(talk: Talk) -> None:
    """The meter grants a service that was not proposed; nobody uses it."""
    talk.setting.proposal.granted |= talk.chance.choice((0x000080, 0x008000))


@fault("ln-sn-mismatch", stage="service", ends=True, short_names=False, framing=("hdlc", "wrapper", "mbus", "none"))
def short_names_in_a_context_of_long_ones(talk: Talk) -> None:
    """The client reads by a short name; the meter does not know the service."""
    refusal = talk.chance.choice((b"\xd8\x02\x02", b"\xd8\x01\x02"))
    talk.add(lambda: [("client", bytes.fromhex("0501022008")), ("meter", refusal)], ends=True)


@fault("ln-sn-mismatch", stage="service", ends=True, short_names=True, framing=("hdlc", "wrapper", "mbus", "none"))
def long_names_in_a_context_of_short_ones(talk: Talk) -> None:
    what = bytes.fromhex("C001C100080000010000FF0200")
    talk.add(lambda: [("client", what), ("meter", b"\xd8\x02\x02")], ends=True)


@fault(
    "system-title-malformed",
    **REFUSED,
    ciphered=True,
    instead={"calling-ap-title-wrong": "the catalogue has a title of another length there as well"},
)
def title_as_it_is_printed(talk: Talk) -> None:
    """A6 with the thirteen characters of the label, WSE0000000001, and a refusal."""
    it = talk.setting
    printed = it.client.title[:3] + b"%010d" % talk.chance.randrange(10**10)

    def long(side: Side, apdu: bytes) -> bytes:
        if side == "client" and apdu[0] == 0x60:
            value = it.password if it.mechanism == 1 else it.ctos
            it.client.counter -= 1
            opening = it.client.seal(initiate_request(it.proposal, it.client.dedicated))
            return aarq(it.proposal, printed, value, opening)
        return apdu

    talk.line.append(long)
    refuse(talk, talk.chance.choice((1, 3)))
