"""Who talks to whom and how: everything that both sides of a conversation are, by chance from a seed, none of it wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from analyzer.keyring import KeyRing
from analyzer.meter_keys import KeyFile, MeterKeys, Secret
from tests.lab.association import ACCESS, BLOCK_TRANSFER, GENERAL_PROTECTION, LOGICAL_NAMES, SHORT_NAMES, Proposal
from tests.lab.carriers import Carrier, Hdlc, Mbus, ModeE, Plc, Udp, Wrapper
from tests.lab.curves import pair
from tests.lab.services import Services
from tests.lab.stations import KEY_INFOS, Station

FRAMINGS = (
    "hdlc", "hdlc", "hdlc", "hdlc", "mode-e", "wrapper", "wrapper", "wrapper", "udp", "mbus", "mbus", "plc", "none",
)  # fmt: skip
PROTECTIONS = ("glo", "glo", "ded", "general-glo", "general")
MECHANISMS = (0, 1, 3, 4, 5, 5, 5, 6, 7)
SIZES = (
    None, (128, 128, 1), (200, 248, 1), (512, 512, 1), (1024, 2030, 1), (64, 64, 1), (64, 64, 3), (64, 96, 7),
)  # fmt: skip
# The field of the key file that holds each key.
FIELDS = {
    "ek": "global_unicast_encryption_key", "ak": "authentication_key", "bek": "global_broadcast_encryption_key",
    "kek": "key_encrypting_key", "password": "password",
}  # fmt: skip
CURVES = ("client_private_key", "client_certificate", "server_certificate")


@dataclass
class Setting:
    """What is given is as it is; all else is drawn from the seed."""

    seed: int
    framing: str | None = None
    ciphered: bool | None = None
    mechanism: int | None = None
    short_names: bool | None = None
    protection: str | None = None
    control: int | None = None
    exchanges: int | None = None
    suite: int | None = None
    key_info: str | None = None
    parameters: tuple[int, int, int] | None = None
    gateway: bool | None = None
    prelude: bool | None = None  # a session of the public client that reads the counter before the real one
    keys: dict[str, bytes] = field(default_factory=dict)
    titles: tuple[bytes, bytes] | None = None  # client, meter

    def __post_init__(self) -> None:
        chance = self.chance = Random(self.seed)
        pick = chance.choice
        self.framing = self.framing or pick(FRAMINGS)
        # Draw each in any case, so that what is given does not change the rest.
        mechanism, ciphered, short = pick(MECHANISMS), chance.random() < 0.6, chance.random() < 0.2
        protection, control = pick(PROTECTIONS), pick((0x30, 0x30, 0x10, 0x20))
        suite, info = pick((0, 0, 0, 0, 1, 2)), pick(KEY_INFOS)
        self.mechanism = mechanism if self.mechanism is None else self.mechanism
        self.ciphered = ciphered if self.ciphered is None else self.ciphered
        self.short_names = short if self.short_names is None else self.short_names
        self.suite = suite if self.suite is None else self.suite
        self.protection = (self.protection or protection) if self.ciphered else "none"
        control = 0x10 if self.protection == "general" and control == 0x20 else control
        self.control = (control if self.control is None else self.control) & 0xF0 | self.suite
        self.exchanges = chance.randrange(2, 9) if self.exchanges is None else self.exchanges
        self.titled = self.ciphered or self.mechanism >= 5
        self.key_info = self.key_info or (info if self.suite else ("identified", "wrapped")[info == "wrapped"])
        if self.framing == "plc":  # a frame has 255 octets at most
            self.key_info = "identified"
        self._draw_keys(chance)
        self._draw_sides(chance)
        self.ctos, self.stoc = (bytes(chance.choices(range(0x21, 0x7F), k=chance.randrange(8, 33))) for _ in range(2))
        if self.mechanism == 7:  # challenges of ECDSA have 32 to 64 octets
            self.ctos, self.stoc = chance.randbytes(32), chance.randbytes(32)
        asked = (SHORT_NAMES if self.short_names else LOGICAL_NAMES) | BLOCK_TRANSFER
        accesses = not self.short_names and self.protection in ("none", "general-glo", "general")
        asked |= ACCESS if accesses else 0
        asked |= GENERAL_PROTECTION if self.protection.startswith("general") else 0
        self.proposal = Proposal(
            self.short_names, self.ciphered, self.mechanism, asked, asked,
            pick((0xFFFF, 1024, 2048, 0)), pick((1024, 2048, 512)),
        )  # fmt: skip
        self.blocks_generally = chance.random() < 0.5
        self.pushes = chance.random() < 0.3 and not self.short_names
        self.casts = chance.random() < 0.2 and not self.short_names and self.ciphered
        prelude = chance.random() < 0.15 and self.framing in ("hdlc", "wrapper", "udp") and self.ciphered
        self.prelude = bool(prelude if self.prelude is None else self.prelude)
        self.release = pick(("release", "link", "both", "none"))
        self.carrier = self._carrier(chance)
        self.services = Services(chance, self.short_names, accesses=accesses)

    def _draw_keys(self, chance: Random) -> None:
        size = 32 if self.suite == 2 else 16
        drawn = {name: chance.randbytes(size) for name in ("ek", "ak", "bek", "kek", "dedicated")}
        secret, password = chance.randbytes(16), b"%08d" % chance.randrange(10**8)
        drawn["password"] = password if self.mechanism == 1 else secret
        self.pairs = pair(chance, self.suite or 0), pair(chance, self.suite or 0)
        drawn["client_private_key"] = self.pairs[0].der
        drawn["client_certificate"], drawn["server_certificate"] = (one.point for one in self.pairs)
        self.keys = {**drawn, **self.keys}
        self.password = self.keys["password"]

    def _draw_sides(self, chance: Random) -> None:
        maker = bytes(chance.choices(b"ABCDEFGHIKLMNOPRSTUVWXYZ", k=3))
        client, meter = maker + b"\x00" + chance.randbytes(4), maker + b"\x10" + chance.randbytes(4)
        client, meter = self.titles or (client, meter)
        keys = self.keys
        common = {
            "ek": keys["ek"], "ak": keys["ak"], "bek": keys["bek"], "kek": keys["kek"], "secret": keys["password"],
            "dedicated": keys["dedicated"] if self.protection == "ded" else b"",
            "control": self.control, "protection": self.protection, "key_info": self.key_info, "chance": chance,
        }  # fmt: skip
        mine, theirs = self.pairs
        first, second = chance.randrange(1, 1 << 20), chance.randrange(1, 1 << 20)
        self.client = Station(client, counter=first, peer=meter, pair=mine, peer_point=theirs.point, **common)
        self.meter = Station(meter, counter=second, peer=client, pair=theirs, peer_point=mine.point, **common)

    def _carrier(self, chance: Random) -> Carrier:
        client = chance.choice((16, 1, 48, 32, 102))
        sizes, octets, lower = chance.choice(SIZES), chance.choice((1, 2, 4)), chance.randrange(16, 120)
        drawn = chance.random() < 0.15
        gateway = (
            b"\x00" + bytes([4]) + chance.randbytes(4) if (drawn if self.gateway is None else self.gateway) else b""
        )
        if self.framing in ("hdlc", "mode-e"):
            kind = Hdlc if self.framing == "hdlc" else ModeE
            made = kind(client, 1, octets=octets, lower=lower, parameters=self.parameters or sizes)
            made.gateway = gateway
            return made
        if self.framing == "mbus":
            return Mbus(client, 1, polled=chance.random() < 0.5, address=chance.randrange(1, 100))
        kinds: dict[str, type[Carrier]] = {"wrapper": Wrapper, "udp": Udp, "plc": Plc, "none": Carrier}
        made = kinds[self.framing or "none"](client, 1)
        made.gateway = gateway if self.framing in ("wrapper", "udp") else b""
        self.pushes = self.pushes and not made.gateway
        return made

    def ring(self) -> KeyRing:
        """The keys of both sides, as an analyst gives them."""
        return ring_of(self.keys)


def ring_of(keys: dict[str, bytes], **more: bytes) -> KeyRing:
    """A key file with one meter; `more` are its titles."""
    secrets = {FIELDS[name]: Secret(key, "0x" + key.hex()) for name, key in keys.items() if name in FIELDS}
    files = {name: KeyFile(name, keys.__getitem__, name) for name in CURVES if name in keys}
    return KeyRing([MeterKeys(name="lab", **secrets, **files, **more)])  # type: ignore[arg-type]
