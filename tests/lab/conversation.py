"""A whole conversation of a client and a meter: link, association, services, release.

A fault changes the setting, or hangs a change of its own onto the conversation before it is played.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TypeVar

from analyzer.keyring import KeyRing
from analyzer.model import Record, Trace
from tests.lab.association import LOGICAL_NAMES, Proposal, aare, aarq, initiate_request, initiate_response
from tests.lab.carriers import Carrier, Dead, Side
from tests.lab.octets import element, octet_string
from tests.lab.services import Exchange, general_blocks
from tests.lab.setting import Setting, ring_of
from tests.lab.stations import GLOBAL
from tests.lab.telegrams import telegram

DECIPHERING = bytes.fromhex("D80305")
LONG = 110  # exchanges of a long conversation: more than 200 messages
Change = Callable[[Side, bytes], bytes]
One = TypeVar("One")


class Stop(Exception):
    """The conversation ends here, as the other side does not go on."""


@dataclass
class Odd:
    """An exchange that a fault puts among the usual ones. What it is, is asked when its turn comes."""

    made: Callable[[], Exchange]
    ends: bool = False
    raw: bool = False  # as it is, not protected
    place: int = 0


@dataclass
class Talk:
    """A conversation while it is played. `spoil` changes an APDU before it is protected, `line` after it.

    `late`: what is wrong begins near the end of a long conversation.
    """

    setting: Setting
    late: bool = False
    spoil: list[Change] = field(default_factory=list)
    line: list[Change] = field(default_factory=list)
    refusal: bytes | None = DECIPHERING
    refused: tuple[int, int, bytes] | None = None  # result, diagnostic, error in place of the InitiateResponse
    silent: bool = False  # the AARQ gets no answer, and its repetition none either
    odd: list[Odd] = field(default_factory=list)
    after: list[Callable[[list[Record]], list[Record]]] = field(default_factory=list)  # what becomes of the capture
    typed: list[Callable[[dict[str, bytes]], None]] = field(default_factory=list)  # what the analyst makes of the keys
    titles: dict[str, bytes] = field(default_factory=dict)  # that the analyst gives
    alone: bool = False  # a meter's pushes, no association
    telegrams: bool = False  # what a P1 port sends
    count: dict[str, int] = field(default_factory=lambda: {"client": 0, "meter": 0})
    chance: Random = field(init=False)

    def __post_init__(self) -> None:
        self.chance = Random(f"fault {self.setting.seed}")
        if self.late:
            self.setting.exchanges = LONG

    @property
    def carrier(self) -> Carrier:
        return self.setting.carrier

    # --- where a fault happens -----------------------------------------------------------------------------------

    def onset(self, most: int = 4) -> int:
        """After how many protected APDUs of a side something begins."""
        return LONG - self.chance.randrange(2, 12) if self.late else self.chance.randrange(most)

    def choose(self, places: Sequence[One]) -> One:
        """One of the places in the order of the line; late means one of the last."""
        return self.chance.choice(places[-12:] if self.late else places)

    def add(self, made: Callable[[], Exchange], ends: bool = False, raw: bool = False) -> None:
        """An odd exchange at a random place."""
        count = self.setting.exchanges or 1
        place = count - self.chance.randrange(8) if self.late else self.chance.randrange(1, max(2, count))
        self.odd.append(Odd(made, ends, raw, place))

    # --- the course ----------------------------------------------------------------------------------------------

    def play(self) -> Trace:
        """The whole conversation, up to where a side does not go on."""
        try:
            if self.alone:
                for _ in range(self.setting.exchanges or 1):
                    self.carrier.push(self.pushed(self.setting.services.notification()))
            elif self.telegrams:
                self.port()
            else:
                self.course()
        except Stop:
            self.carrier.changes.clear()
            self.carrier.close()
        except Dead:
            pass
        records = list(self.carrier.records)
        for change in self.after:
            records = change(records)
        return traced(f"lab {self.setting.seed}", records)

    def port(self) -> None:
        """A P1 port: telegrams in clear, or inside general-glo-ciphering where the meter has keys."""
        it = self.setting
        for _ in range(it.exchanges or 1):
            self.carrier.clock += 10
            text = telegram(it.chance)
            it.meter.protection = "general-glo"
            self.carrier.put("meter", it.meter.seal(text) if it.ciphered else text)

    def course(self) -> None:
        if self.setting.prelude:
            self.public()
        self.carrier.open()
        self.associate()
        self.prove()
        end = min((odd.place for odd in self.odd if odd.ends), default=LONG)
        for odd in self.odd:  # what ends the conversation comes behind what does not
            odd.place = min(odd.place, end)
        for number in range(1, (self.setting.exchanges or 0) + 1):
            for odd in sorted((one for one in self.odd if one.place == number), key=lambda one: one.ends):
                self.exchange(odd.made(), odd.raw)
                if odd.ends:
                    raise Stop
            self.exchange(self.setting.services.exchange())
            self.push()
        self.bye()

    def public(self) -> None:
        """The public client, without authentication, reads the counter of the meter for the other client, and goes."""
        it, line = self.setting, self.carrier
        own, line.client = line.client, 16
        line.open()
        plain = Proposal(False, False, 0, LOGICAL_NAMES, LOGICAL_NAMES, 0xFFFF, it.proposal.server_pdu)
        self.send("client", aarq(plain, b"", b"", initiate_request(plain, b"")))
        self.send("meter", aare(plain, b"", b"", initiate_response(plain)))
        self.send("client", bytes.fromhex("C001C1" + "000100002B0100FF0200"))
        self.send("meter", bytes.fromhex("C401C10006") + it.client.counter.to_bytes(4, "big"))
        self.send("client", bytes.fromhex("6203800100"))
        self.send("meter", bytes.fromhex("6303800100"))
        line.close()
        line.client = own

    def ring(self) -> KeyRing:
        """The keys that the analyst gives."""
        keys = dict(self.setting.keys)
        for change in self.typed:
            change(keys)
        return ring_of(keys, **self.titles)

    def send(self, side: Side, apdu: bytes) -> None:
        """One APDU on the line as it is."""
        self.count[side] += 1
        for change in self.line:
            apdu = change(side, apdu)
        if apdu:
            self.carrier.send(side, self.carrier.addressed(side, apdu))

    def sealed(self, side: Side, apdu: bytes) -> bytes:
        station = self.setting.client if side == "client" else self.setting.meter
        for change in self.spoil:
            apdu = change(side, apdu)
        return station.seal(apdu)

    def spoilt(self, side: Side) -> bool:
        """Whether the last thing of this side cannot be opened by the other; then the other does not go on."""
        station = self.setting.client if side == "client" else self.setting.meter
        was, station.spoilt = station.spoilt, False
        return was

    def refuse(self, side: Side) -> None:
        """The meter answers what it cannot open with an error or not at all; a client gives up."""
        if side == "client" and self.refusal is not None:
            self.send("meter", self.refusal)
        raise Stop

    def associate(self) -> None:
        it = self.setting
        title = it.client.title if it.titled else b""
        opening = self.sealed("client", initiate_request(it.proposal, it.client.dedicated))
        value = it.password if it.mechanism == 1 else it.ctos
        self.send("client", aarq(it.proposal, title, value, opening))
        if self.spoilt("client"):
            self.refuse("client")
        if self.silent:
            self.carrier.clock += 3
            self.send("client", aarq(it.proposal, title, value, opening))
            raise Stop
        self.answer_association()

    def answer_association(self) -> None:
        it = self.setting
        title = it.meter.title if it.titled else b""
        if self.refused is not None:
            result, diagnostic, error = self.refused
            inside = error or self.sealed("meter", initiate_response(it.proposal))
            self.send("meter", aare(it.proposal, title, b"", inside, result, diagnostic))
            raise Stop
        self.send("meter", aare(it.proposal, title, it.stoc, self.sealed("meter", initiate_response(it.proposal))))
        if self.spoilt("meter"):
            raise Stop

    def prove(self) -> None:
        """HLS passes 3 and 4, by ACTION of class 15 or by short names."""
        it = self.setting
        mechanism = it.mechanism or 0
        if mechanism < 2:
            return
        wanted = it.client.proof(mechanism, it.stoc, it.ctos)
        wrong = self.spoilt("client")
        head = bytes.fromhex("050104FA5800" if it.short_names else "C301C1000F0000280000FF0101")
        self.send("client", self.sealed("client", head + octet_string(wanted)))
        if self.spoilt("client"):
            self.refuse("client")
        if wrong:
            self.send("meter", self.sealed("meter", bytes.fromhex("0C010103" if it.short_names else "C701C10300")))
            raise Stop
        given = octet_string(it.meter.proof(mechanism, it.ctos, it.stoc))
        wrong = self.spoilt("meter")
        answer = bytes.fromhex("0C0100" if it.short_names else "C701C1000100") + given
        self.send("meter", self.sealed("meter", answer))
        if wrong or self.spoilt("meter"):
            raise Stop

    def exchange(self, exchange: Exchange, raw: bool = False) -> None:
        it = self.setting
        for side, apdu in exchange:
            protected = apdu if raw else self.sealed(side, apdu)
            many = it.blocks_generally or (it.framing == "plc" and len(protected) > 220)  # a frame has so many octets
            if side == "meter" and many and len(protected) > 60:
                blocks = general_blocks(protected, it.chance.randrange(30, 100), it.chance.choice((1, 1, 3)))
                for sender, block in blocks:
                    self.send(sender, block)
            else:
                self.send(side, protected)
            if self.spoilt(side):
                self.refuse(side)

    def push(self) -> None:
        """What nobody asked for: a push of the meter, or a word of the client to all meters."""
        it = self.setting
        if it.pushes and it.chance.random() < 0.3:
            made = it.services.event if it.chance.random() < 0.3 else it.services.notification
            self.carrier.push(self.pushed(made()))
        if it.casts and it.chance.random() < 0.3:
            self.carrier.cast(it.client.cast(it.services.command()))

    def pushed(self, apdu: bytes) -> bytes:
        """A push as this association protects it: general-glo-ciphering, or plain."""
        meter = self.setting.meter
        if self.setting.protection == "none":
            return apdu
        kind, meter.protection = meter.protection, "general" if meter.protection == "general" else "general-glo"
        sealed = meter.seal(apdu)
        meter.protection = kind
        return sealed

    def bye(self) -> None:
        it = self.setting
        if it.release in ("release", "both"):
            ciphered = it.protection != "none" and it.chance.random() < 0.5
            for side, tag, made in (
                ("client", 0x62, initiate_request(it.proposal, b"")), ("meter", 0x63, initiate_response(it.proposal)),
            ):  # fmt: skip
                opening = self.sealed(side, made) if ciphered else b""  # type: ignore[arg-type]
                inside = element(0xBE, element(4, opening)) if opening else b""
                self.send(side, element(tag, b"\x80\x01\x00" + inside))  # type: ignore[arg-type]
        if it.release in ("link", "both"):
            self.carrier.close()


def traced(name: str, records: Sequence[Record]) -> Trace:
    """Records counted from 1 as a trace."""
    counted = (Record(n, r.data, r.direction, seconds=r.seconds) for n, r in enumerate(records, 1))
    return Trace(name, "lab", tuple(counted))


def talk_of(seed: int) -> Talk:
    """A conversation without a fault: most with an association, some a meter's pushes or telegrams alone."""
    if seed % 50 == 30:
        return Talk(Setting(seed, framing="none", control=0x30, suite=0), telegrams=True)
    return Talk(Setting(seed), alone=seed % 10 == 0)


def healthy(seed: int) -> tuple[Trace, KeyRing]:
    """The same, played, and its keys."""
    talk = talk_of(seed)
    return talk.play(), talk.ring()


__all__ = ["GLOBAL", "Setting", "Stop", "Talk", "healthy", "talk_of", "traced"]
