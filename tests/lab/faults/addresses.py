"""Wrong addresses: of the meter, of the client, of the logical device."""

from __future__ import annotations

from analyzer.model import Record
from tests.lab.carriers import Hdlc, Side, dead
from tests.lab.conversation import Talk
from tests.lab.faults import fault
from tests.lab.faults.frames import HDLC, framed, like, parts
from tests.lab.faults.link import line_of


def _tries(talk: Talk, many: int) -> None:
    """The first word of the client `many` times, and silence."""
    line = talk.carrier

    def alone(sender: Side, data: bytes) -> bytes:
        if data[:1] not in (b"\x7e", b"\x00"):
            return data
        for _ in range(many - 1):
            line.records.extend(like(Record(0, b"", "client", seconds=round(line.clock, 3)), data))
            line.clock += 3
        line.then = dead
        return data

    line.changes.append(alone)


def exchanged(data: bytes) -> bytes:
    """The frame with its two addresses exchanged."""
    form, addresses, control, information = parts(data)
    at = next(n for n, octet in enumerate(addresses) if octet & 1) + 1
    return framed(form, addresses[at:] + addresses[:at], control, information)


@fault("addresses-swapped", framing=HDLC, stage="open", ends=True)
def client_first(talk: Talk) -> None:
    """The client puts its own address first; the meter does not hear it. Its address of several octets shows it."""
    line = line_of(talk)
    line.octets = talk.chance.choice((2, 4))
    line.client = talk.chance.choice((16, 32, 48, 102))
    line.changes.append(lambda sender, data: exchanged(data) if sender == "client" and data[:1] == b"\x7e" else data)
    _tries(talk, 3)


@fault("addresses-swapped", framing=HDLC)
def answers_with_the_order_of_requests(talk: Talk) -> None:
    """The meter copies the addresses of the request; the client takes it."""
    line = line_of(talk)
    line.client = talk.chance.choice((16, 32, 48, 102))
    talk.setting.pushes = False
    line.changes.append(lambda sender, data: exchanged(data) if sender == "meter" and data[:1] == b"\x7e" else data)


def _other_base(talk: Talk) -> int:
    """The address of the client as somebody reads it who takes the wrong base."""
    line = talk.carrier
    line.client = talk.chance.choice((16, 32, 48, 64))
    return talk.chance.choice((int(str(line.client), 16), int(f"{line.client:x}")))


@fault("sap-decimal-hex", framing=("hdlc", "wrapper", "udp"), stage="open", short_names=False)
def address_in_the_other_base(talk: Talk) -> None:
    """First under the address in the other base, without an answer; then under the right one."""
    line, wrong = talk.carrier, _other_base(talk)
    right, opened = line.client, line.open

    def tried() -> None:
        line.client = wrong
        for _ in range(2):
            if isinstance(line, Hdlc):
                line.put("client", line.frame("client", 0x93, line._parameters(True)), 3)
            else:
                talk.answer_association, mine = lambda: None, talk.answer_association  # type: ignore[method-assign]
                talk.associate()
                talk.answer_association = mine  # type: ignore[method-assign]
                line.clock += 3
        line.client = right
        opened()

    line.open = tried  # type: ignore[method-assign]


@fault("server-address-form", framing="hdlc", stage="open", instead={})
def address_in_another_length(talk: Talk) -> None:
    """The same address in another length gets no answer, or DM; then the right one."""
    line = line_of(talk)
    right, opened = line.octets, line.open
    line.lower = 0x11

    def tried() -> None:
        line.octets = talk.chance.choice([n for n in (1, 2, 4) if n != right])
        for _ in range(talk.chance.randrange(1, 3)):
            line.put("client", line.frame("client", 0x93, line._parameters(True)), 3)
        line.octets = right
        line.clock += 3
        opened()

    line.open = tried  # type: ignore[method-assign]


@fault("broadcast-address", framing="hdlc", stage="open", ends=True)
def asked_all_stations(talk: Talk) -> None:
    line = line_of(talk)
    line.octets = talk.chance.choice((2, 4))
    line.lower = 0x7F if line.octets == 2 else 0x3FFF
    _tries(talk, talk.chance.randrange(2, 5))


@fault(
    "sap-wrong",
    stage="aarq",
    ends=True,
    framing=("hdlc", "wrapper", "udp"),
    mechanism=0,
    ciphered=False,
    instead={
        "no-reply": "where the AARQ gets no answer, silence does not say why",
        "service-not-allowed": "where an exception is the answer, it may as well be another association",
        "association-not-released": "the same",
    },
)
def no_association_for_this_client(talk: Talk) -> None:
    """The link opens, and the AARQ of an unknown client is refused without reason, or gets an exception or nothing."""
    talk.carrier.client = talk.chance.choice((17, 33, 99, 5))
    kind = talk.chance.randrange(3)
    if kind == 0:
        talk.refused = (1, 1, b"")
    elif kind == 1:
        talk.silent = True
    else:
        talk.answer_association = lambda: talk.send("meter", b"\xd8\x01\x01") or dead()  # type: ignore
