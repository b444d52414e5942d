"""A whole conversation of a client and a meter from a seed: link, association, services, release.

`Setting` holds what both sides are; a fault changes it, or the conversation, before or while it is played.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from analyzer.keyring import KeyRing
from analyzer.model import Trace
from tests.lab.association import (
    BLOCK_TRANSFER,
    GENERAL_PROTECTION,
    LOGICAL_NAMES,
    SHORT_NAMES,
    Proposal,
    aare,
    aarq,
    initiate_request,
    initiate_response,
)
from tests.lab.carriers import Carrier, Hdlc, Mbus, Plc, Side, Wrapper
from tests.lab.octets import length, octet_string
from tests.lab.services import Exchange, Services, general_blocks
from tests.lab.stations import GLOBAL, Station

DECIPHERING = bytes.fromhex("D80305")
Change = Callable[[Side, bytes], bytes]


class Stop(Exception):
    """The conversation ends here, as the other side does not go on."""


@dataclass
class Setting:
    """Who talks to whom and how, all of it by chance, none of it wrong."""

    seed: int
    framing: str | None = None
    ciphered: bool | None = None
    mechanism: int | None = None
    short_names: bool | None = None
    protection: str | None = None
    control: int | None = None
    exchanges: int | None = None

    def __post_init__(self) -> None:
        chance = self.chance = Random(self.seed)
        pick = chance.choice
        self.framing = self.framing or pick(("hdlc", "hdlc", "hdlc", "wrapper", "wrapper", "mbus", "plc", "none"))
        # Draw each in any case, so that what is given does not change the rest.
        mechanism, ciphered, short = pick((0, 1, 3, 4, 5, 5, 5, 6)), chance.random() < 0.6, chance.random() < 0.2
        protection, control = pick(("glo", "glo", "ded", "general-glo", "general")), pick((0x30, 0x30, 0x10, 0x20))
        self.mechanism = mechanism if self.mechanism is None else self.mechanism
        self.ciphered = ciphered if self.ciphered is None else self.ciphered
        self.short_names = short if self.short_names is None else self.short_names
        self.protection = (self.protection or protection) if self.ciphered else "none"
        control = 0x10 if self.protection == "general" and control == 0x20 else control
        self.control = control if self.control is None else self.control
        self.exchanges = chance.randrange(2, 9) if self.exchanges is None else self.exchanges
        titled = self.ciphered or self.mechanism >= 5
        ek, ak, secret = chance.randbytes(16), chance.randbytes(16), chance.randbytes(16)
        self.password = b"%08d" % chance.randrange(10**8)
        maker = bytes(chance.choices(b"ABCDEFGHIKLMNOPRSTUVWXYZ", k=3))
        client, meter = maker + b"\x00" + chance.randbytes(4), maker + b"\x10" + chance.randbytes(4)
        dedicated = chance.randbytes(16) if self.protection == "ded" else b""
        self.keys = {"ek": ek, "ak": ak, "password": self.password if self.mechanism == 1 else secret}
        common = {"ek": ek, "ak": ak, "control": self.control, "protection": self.protection, "dedicated": dedicated}
        self.titled = titled
        self.client = Station(client, counter=chance.randrange(1, 1 << 20), peer=meter, secret=secret, **common)
        self.meter = Station(meter, counter=chance.randrange(1, 1 << 20), peer=client, secret=secret, **common)
        self.ctos, self.stoc = (bytes(chance.choices(range(0x21, 0x7F), k=chance.randrange(8, 33))) for _ in range(2))
        asked = (SHORT_NAMES if self.short_names else LOGICAL_NAMES) | BLOCK_TRANSFER
        asked |= GENERAL_PROTECTION if self.protection.startswith("general") else 0
        self.proposal = Proposal(
            self.short_names, self.ciphered, self.mechanism, asked, asked,
            pick((0xFFFF, 1024, 2048, 0)), pick((1024, 2048, 512)),
        )  # fmt: skip
        self.blocks_generally = chance.random() < 0.5
        self.pushes = chance.random() < 0.3 and not self.short_names
        self.release = pick(("release", "link", "both", "none"))
        self.carrier = self._carrier(chance)
        self.services = Services(chance, self.short_names)

    def _carrier(self, chance: Random) -> Carrier:
        client = chance.choice((16, 1, 48, 32, 102))
        if self.framing == "hdlc":
            sizes = chance.choice(
                (
                    None,
                    (128, 128, 1),
                    (200, 248, 1),
                    (512, 512, 1),
                    (1024, 2030, 1),
                    (64, 64, 1),
                    (64, 64, 3),
                    (64, 96, 7),
                )
            )
            return Hdlc(client, 1, octets=chance.choice((1, 2, 4)), lower=chance.randrange(16, 120), parameters=sizes)
        kinds: dict[str, type[Carrier]] = {"wrapper": Wrapper, "plc": Plc, "mbus": Mbus, "none": Carrier}
        return kinds[self.framing or "none"](client, 1)

    def ring(self) -> KeyRing:
        """The keys that the analyst gives."""
        return KeyRing.from_options(**{role: "0x" + key.hex() for role, key in self.keys.items()})


@dataclass
class Talk:
    """A conversation while it is played. `spoil` changes an APDU before it is protected, `line` after it."""

    setting: Setting
    spoil: Change | None = None
    line: Change | None = None
    refusal: bytes | None = DECIPHERING
    count: dict[str, int] = field(default_factory=lambda: {"client": 0, "meter": 0})

    @property
    def carrier(self) -> Carrier:
        return self.setting.carrier

    def play(self) -> Trace:
        """The whole conversation, up to where a side does not go on."""
        try:
            self.carrier.open()
            self.associate()
            self.prove()
            for _ in range(self.setting.exchanges or 0):
                self.exchange(self.setting.services.exchange())
                self.push()
            self.bye()
        except Stop:
            self.carrier.close()
        return Trace(f"lab {self.setting.seed}", "lab", tuple(self.carrier.records))

    def send(self, side: Side, apdu: bytes) -> None:
        """One APDU on the line as it is."""
        self.count[side] += 1
        self.carrier.send(side, self.line(side, apdu) if self.line else apdu)

    def sealed(self, side: Side, apdu: bytes) -> bytes:
        station = self.setting.client if side == "client" else self.setting.meter
        return station.seal(self.spoil(side, apdu) if self.spoil else apdu)

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
        self.answer_association()

    def answer_association(self) -> None:
        it = self.setting
        title = it.meter.title if it.titled else b""
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
        if it.short_names:
            request = bytes.fromhex("050104FA5800") + octet_string(wanted)
        else:
            request = bytes.fromhex("C301C1000F0000280000FF0101") + octet_string(wanted)
        self.send("client", self.sealed("client", request))
        if self.spoilt("client"):
            self.refuse("client")
        if wrong:
            self.send(
                "meter",
                self.sealed("meter", bytes.fromhex("0C010103") if it.short_names else bytes.fromhex("C701C10300")),
            )
            raise Stop
        given = octet_string(it.meter.proof(mechanism, it.ctos, it.stoc))
        wrong = self.spoilt("meter")
        answer = bytes.fromhex("0C0100" if it.short_names else "C701C1000100") + given
        self.send("meter", self.sealed("meter", answer))
        if wrong or self.spoilt("meter"):
            raise Stop

    def exchange(self, exchange: Exchange) -> None:
        it = self.setting
        for side, apdu in exchange:
            protected = self.sealed(side, apdu)
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
        it = self.setting
        if it.pushes and it.chance.random() < 0.3:
            self.carrier.push(pushed(it, it.services.notification()))

    def bye(self) -> None:
        it = self.setting
        if it.release in ("release", "both"):
            ciphered = it.protection != "none" and it.chance.random() < 0.5
            opening = self.sealed("client", initiate_request(it.proposal, b"")) if ciphered else b""
            inside = b"\xbe" + length(len(opening) + 2) + b"\x04" + length(len(opening)) + opening if opening else b""
            self.send("client", b"\x62" + length(3 + len(inside)) + b"\x80\x01\x00" + inside)
            opening = self.sealed("meter", initiate_response(it.proposal)) if ciphered else b""
            inside = b"\xbe" + length(len(opening) + 2) + b"\x04" + length(len(opening)) + opening if opening else b""
            self.send("meter", b"\x63" + length(3 + len(inside)) + b"\x80\x01\x00" + inside)
        if it.release in ("link", "both"):
            self.carrier.close()


def pushed(setting: Setting, apdu: bytes) -> bytes:
    """A push as this association protects it: general-glo-ciphering, or plain."""
    if setting.protection == "none":
        return apdu
    kind, setting.meter.protection = (
        setting.meter.protection,
        "general" if setting.protection == "general" else "general-glo",
    )
    sealed = setting.meter.seal(apdu)
    setting.meter.protection = kind
    return sealed


def healthy(seed: int) -> tuple[Trace, KeyRing]:
    """A conversation without a fault and its keys: most with an association, some a meter's pushes alone."""
    setting = Setting(seed)
    if seed % 10:
        return Talk(setting).play(), setting.ring()
    for _ in range(setting.exchanges or 1):
        setting.carrier.push(pushed(setting, setting.services.notification()))
    return Trace(f"pushes {seed}", "lab", tuple(setting.carrier.records)), setting.ring()


__all__ = ["GLOBAL", "Setting", "Stop", "Talk", "healthy", "pushed"]
