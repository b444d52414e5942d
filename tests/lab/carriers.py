"""How APDUs travel: each carrier puts them on the line in the order and the frames of its standard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from analyzer.model import Record
from tests.lab.octets import crc

Side = Literal["client", "meter"]
LLC = {"client": bytes.fromhex("E6E600"), "meter": bytes.fromhex("E6E700")}


class Dead(Exception):
    """The line is dead from here on: what was sent last cannot be read, and nobody says more."""


def dead() -> None:
    """For `Carrier.then`."""
    raise Dead


@dataclass
class Carrier:
    """APDUs as they are. `client` and `server` are the addresses; `changes` are made to what goes on the line."""

    client: int = 16
    server: int = 1
    records: list[Record] = field(default_factory=list)
    clock: float = 0.0
    changes: list[Callable[[Side, bytes], bytes]] = field(default_factory=list)
    then: Callable[[], None] | None = None  # what happens, once, after the next octets
    gateway: bytes = b""  # network and length and address of a device behind a gateway

    def put(self, side: Side, data: bytes, seconds: float = 0.05) -> None:
        """What one side sends at once, `seconds` after what was before."""
        for change in self.changes:
            data = change(side, data)
        self.clock += seconds
        if data:
            self.records.append(Record(len(self.records) + 1, data, side, seconds=round(self.clock, 3)))
        then, self.then = self.then, None
        if then is not None:
            then()

    def open(self) -> None:
        """What comes before the AARQ."""

    def close(self) -> None:
        """What comes behind the last APDU."""

    def send(self, side: Side, apdu: bytes) -> None:
        self.put(side, apdu)

    def addressed(self, side: Side, apdu: bytes) -> bytes:
        """An APDU for, or from, a device behind a gateway."""
        return (b"\xe6" if side == "client" else b"\xe7") + self.gateway + apdu if self.gateway else apdu

    def push(self, apdu: bytes) -> None:
        """What the meter sends unasked."""
        self.send("meter", apdu)

    def cast(self, apdu: bytes) -> None:
        """What the client sends to all meters; none answers."""
        self.send("client", apdu)


@dataclass
class Wrapper(Carrier):
    """The wrapper of TCP: a stream."""

    version: int = 1

    def send(self, side: Side, apdu: bytes) -> None:
        source, destination = (self.client, self.server) if side == "client" else (self.server, self.client)
        self.put(side, self.packet(source, destination, apdu))

    def packet(self, source: int, destination: int, apdu: bytes) -> bytes:
        return b"".join(n.to_bytes(2, "big") for n in (self.version, source, destination, len(apdu))) + apdu

    def cast(self, apdu: bytes) -> None:
        self.put("client", self.packet(self.client, 0x7F, apdu))


class Udp(Wrapper):
    """The wrapper in datagrams, a packet in each."""


@dataclass
class Plc(Carrier):
    """IEC 61334-4-32 LLC in the frames between a modem and its host."""

    def send(self, side: Side, apdu: bytes) -> None:
        source, destination = (0xC00, 0x123) if side == "client" else (0x123, 0xC00)
        saps = (self.server, self.client) if side == "client" else (self.client, self.server)
        body = bytes([0x50, 0x24]) + (source << 12 | destination).to_bytes(3, "big") + b"\x00\x90" + bytes(saps) + apdu
        framed = bytes([2, len(body) + 2]) + body
        self.put(side, framed + crc(framed))


@dataclass
class Mbus(Carrier):
    """Wired M-Bus, link and transport layer of EN 13757: SND_UD and RSP_UD, long APDUs in several telegrams.

    `polled` as on the wire: what the master sends is acknowledged by E5, what the slave has is asked for by REQ_UD2.
    """

    address: int = 1
    polled: bool = False
    count: int = 0  # the frame count bit

    def open(self) -> None:
        if self.polled:
            self._short(0x40)
            self.put("meter", b"\xe5")

    def send(self, side: Side, apdu: bytes) -> None:
        saps = (self.client, self.server) if side == "client" else (self.server, self.client)
        self._telegrams(side, apdu, 0x53 if side == "client" else 0x08, self.address, saps)

    def push(self, apdu: bytes) -> None:
        self._telegrams("meter", apdu, 0x53, 0xFF, (1, 0x67), asked=False)

    def cast(self, apdu: bytes) -> None:
        self._telegrams("client", apdu, 0x53, 0xFF, (self.client, 0x7F), asked=False)

    def _short(self, control: int) -> None:
        self.put("client", bytes([0x10, control, self.address, (control + self.address) & 255, 0x16]))

    def _telegrams(
        self, side: Side, apdu: bytes, control: int, address: int, saps: tuple[int, int], asked: bool = True
    ) -> None:
        pieces = [apdu[at : at + 240] for at in range(0, len(apdu), 240)]
        polled = self.polled and asked
        for number, piece in enumerate(pieces):
            last = 0x10 if number == len(pieces) - 1 else 0
            bit = 0x20 if polled and self.count & 1 else 0
            self.count += 1
            if polled and side == "meter":
                self._short(0x5B | bit)
            body = bytes([control | (bit if side == "client" else 0), address, last | number & 15, *saps]) + piece
            self.put(side, bytes([0x68, len(body), len(body), 0x68]) + body + bytes([sum(body) & 255, 0x16]))
            if polled and side == "client":
                self.put("meter", b"\xe5")


@dataclass
class Hdlc(Carrier):
    """HDLC with server addresses of 1, 2 or 4 octets, negotiated sizes and windows, and segmentation."""

    octets: int = 1
    lower: int = 0x11
    parameters: tuple[int, int, int] | None = None  # information to the meter, to the client, window
    sent: dict[Side, int] = field(default_factory=lambda: {"client": 0, "meter": 0})
    connected: bool = False
    llc: dict[Side, bytes] = field(default_factory=lambda: dict(LLC))

    def addresses(self, side: Side) -> bytes:
        client = bytes([self.client << 1 | 1])
        groups = {1: [self.server], 2: [self.server, self.lower]}.get(self.octets)
        if groups is None:
            groups = [self.server >> 7, self.server & 127, self.lower >> 7, self.lower & 127]
        server = bytes(group << 1 for group in groups[:-1]) + bytes([groups[-1] << 1 | 1])
        return server + client if side == "client" else client + server

    def frame(self, side: Side, control: int, information: bytes = b"", more: bool = False) -> bytes:
        addresses = self.addresses(side)
        size = 2 + len(addresses) + 1 + (2 + len(information) if information else 0) + 2
        head = (0xA000 | (0x800 if more else 0) | size).to_bytes(2, "big") + addresses + bytes([control])
        body = head + crc(head) + information if information else head
        return b"\x7e" + body + crc(body) + b"\x7e"

    def open(self) -> None:
        self.put("client", self.frame("client", 0x93, self._parameters(True)))
        self.put("meter", self.frame("meter", 0x73, self._parameters(False)))
        self.sent, self.connected = {"client": 0, "meter": 0}, True

    def _parameters(self, snrm: bool) -> bytes:
        """05 is what the sender of the frame will transmit, 06 what it can receive."""
        if self.parameters is None:
            return b""
        to_meter, to_client, window = self.parameters
        own, other = (to_meter, to_client) if snrm else (to_client, to_meter)
        items = b"".join(
            bytes([tag, 1, value]) if value < 256 else bytes([tag, 2]) + value.to_bytes(2, "big")
            for tag, value in ((5, own), (6, other))
        )
        items += b"\x07\x04" + window.to_bytes(4, "big") + b"\x08\x04" + window.to_bytes(4, "big")
        return b"\x81\x80" + bytes([len(items)]) + items

    def close(self) -> None:
        if self.connected:
            self.put("client", self.frame("client", 0x53))
            self.put("meter", self.frame("meter", 0x73))
            self.connected = False

    def send(self, side: Side, apdu: bytes) -> None:
        to_meter, to_client, window = self.parameters or (128, 128, 1)
        size = to_meter if side == "client" else to_client
        information = self.llc[side] + apdu
        pieces = [information[at : at + size] for at in range(0, len(information), size)]
        other: Side = "meter" if side == "client" else "client"
        for number, piece in enumerate(pieces):
            more = number < len(pieces) - 1
            final = not more or (number + 1) % window == 0
            control = self.sent[other] % 8 << 5 | (0x10 if final else 0) | self.sent[side] % 8 << 1
            self.sent[side] += 1
            self.put(side, self.frame(side, control, piece, more))
            if more and final:
                self.put(other, self.frame(other, self.sent[side] % 8 << 5 | 0x11))

    def push(self, apdu: bytes) -> None:
        """An UI frame, where it fits into one of the agreed size."""
        information = self.llc["meter"] + apdu
        if not self.connected or len(information) <= (self.parameters or (128, 128, 1))[1]:
            self.put("meter", self.frame("meter", 0x13, information))

    def cast(self, apdu: bytes) -> None:
        """An UI frame to all stations, which asks for nothing."""
        information, own = self.llc["client"] + apdu, (self.server, self.lower)
        if len(information) <= (self.parameters or (128, 128, 1))[0]:
            self.server, self.lower = (0x7F, 0x7F) if self.octets < 4 else (0x3FFF, 0x3FFF)
            self.put("client", self.frame("client", 0x03, information))
            self.server, self.lower = own


@dataclass
class ModeE(Hdlc):
    """HDLC behind the sign-on of IEC 62056-21 mode E."""

    identification: str = "/LGZ5\\2ZMG310400.B32"

    def open(self) -> None:
        self.put("client", b"/?!\r\n")
        self.put("meter", self.identification.encode() + b"\r\n", 0.4)
        self.put("client", b"\x06" + b"2" + self.identification[4].encode() + b"2\r\n", 0.4)
        self.clock += 0.3
        super().open()
