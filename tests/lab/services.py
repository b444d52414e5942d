"""What a client does with a meter once they are associated: exchanges of plain APDUs with random objects and values.

An exchange is a list of (side, APDU) in the order of the line.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random

from tests.lab.carriers import Side
from tests.lab.octets import array, date_time, length, octet_string, string, structure, unsigned32

Exchange = list[tuple[Side, bytes]]
REGISTERS = ("0100010800FF", "0100020800FF", "0100010801FF", "0100030800FF", "0100200700FF", "01001F0700FF")
SERIAL, CLOCK, PROFILE = "0000600100FF", "0000010000FF", "0100630100FF"


@dataclass
class Services:
    """Exchanges by logical or short names. `number` is the invoke id, counted by the client."""

    chance: Random
    short_names: bool = False
    blocks: bool = True
    accesses: bool = False  # ACCESS has no glo and no ded form
    number: int = 0

    def exchange(self) -> Exchange:
        """One of the services, by chance."""
        kinds = self._short() if self.short_names else self._logical()
        self.number = self.number % 15 + 1
        return self.chance.choice(kinds)()

    def _logical(self) -> list[Callable[[], Exchange]]:
        simple = [self.get, self.get, self.get, self.get_list, self.set, self.action, self.get_range, self.get_long]
        simple += [self.set_list, self.action_list] if self.chance.random() < 0.5 else []
        simple += [self.access] if self.accesses else []
        return simple + ([self.get_blocks, self.set_blocks, self.action_blocks] if self.blocks else [])

    def _short(self) -> list[Callable[[], Exchange]]:
        return [self.read, self.read, self.write, self.read_list, self.read_long]

    @property
    def invoke(self) -> bytes:
        return bytes([0xC0 | self.number])

    def _object(self) -> tuple[bytes, bytes]:
        """An attribute descriptor and a value that fits it."""
        kind = self.chance.randrange(6)
        if kind == 0:
            return bytes.fromhex("0008" + CLOCK + "02"), octet_string(date_time(self.chance))
        if kind == 1:
            return bytes.fromhex("0001" + SERIAL + "02"), octet_string(b"%08d" % self.chance.randrange(10**8))
        if kind == 2:
            value = array(*(self._row() for _ in range(self.chance.randrange(4))))
            return bytes.fromhex("0007" + PROFILE + "02"), value
        name = self.chance.choice(REGISTERS)
        if kind == 3:
            return bytes.fromhex("0003" + name + "03"), structure(b"\x0f\x00", b"\x16\x1e")
        return bytes.fromhex("0003" + name + "02"), unsigned32(self.chance.randrange(1 << 32))

    def _row(self) -> bytes:
        return structure(
            octet_string(date_time(self.chance)), b"\x11" + self.chance.randbytes(1),
            unsigned32(self.chance.randrange(1 << 20)), b"\x12" + self.chance.randbytes(2),
        )  # fmt: skip

    def get(self) -> Exchange:
        what, value = self._object()
        request = b"\xc0\x01" + self.invoke + what + b"\x00"
        return [("client", request), ("meter", b"\xc4\x01" + self.invoke + b"\x00" + value)]

    def get_range(self) -> Exchange:
        """Selective access by range of the clock."""
        clock = structure(b"\x12\x00\x08", octet_string(bytes.fromhex(CLOCK)), b"\x0f\x02", b"\x12\x00\x00")
        start, end = sorted((date_time(self.chance), date_time(self.chance)))
        chosen = structure(clock, octet_string(start), octet_string(end), array())
        request = b"\xc0\x01" + self.invoke + bytes.fromhex("0007" + PROFILE + "02") + b"\x01\x01" + chosen
        value = array(*(self._row() for _ in range(self.chance.randrange(1, 5))))
        return [("client", request), ("meter", b"\xc4\x01" + self.invoke + b"\x00" + value)]

    def get_long(self) -> Exchange:
        """A load profile in one APDU: many segments of the link, or many general blocks."""
        value = array(*(self._row() for _ in range(self.chance.randrange(15, 30))))
        request = b"\xc0\x01" + self.invoke + bytes.fromhex("0007" + PROFILE + "02") + b"\x00"
        return [("client", request), ("meter", b"\xc4\x01" + self.invoke + b"\x00" + value)]

    def read_long(self) -> Exchange:
        """The same by a short name."""
        value = array(*(self._row() for _ in range(self.chance.randrange(15, 30))))
        return [("client", bytes.fromhex("0501022008")), ("meter", b"\x0c\x01\x00" + value)]

    def get_list(self) -> Exchange:
        asked = [self._object() for _ in range(self.chance.randrange(2, 5))]
        request = b"\xc0\x03" + self.invoke + length(len(asked)) + b"".join(what + b"\x00" for what, _ in asked)
        values = b"".join(b"\x00" + value for _, value in asked)
        return [("client", request), ("meter", b"\xc4\x03" + self.invoke + length(len(asked)) + values)]

    def get_blocks(self) -> Exchange:
        value = array(*(self._row() for _ in range(self.chance.randrange(5, 12))))
        talk: Exchange = [("client", b"\xc0\x01" + self.invoke + bytes.fromhex("0007" + PROFILE + "02") + b"\x00")]
        for number, last, piece in self._pieces(value):
            talk.append(("meter", b"\xc4\x02" + self.invoke + bytes([last]) + number + b"\x00" + string(piece)))
            if not last:
                talk.append(("client", b"\xc0\x02" + self.invoke + number))
        return talk

    def _pieces(self, data: bytes) -> Iterator[tuple[bytes, int, bytes]]:
        """Block number, whether it is the last, octets."""
        size = self.chance.randrange(20, 90)
        for number, at in enumerate(range(0, len(data), size), 1):
            yield number.to_bytes(4, "big"), int(at + size >= len(data)), data[at : at + size]

    def set(self) -> Exchange:
        clock = self.chance.random() < 0.5
        what = bytes.fromhex("0008" + CLOCK + "02" if clock else "0001" + SERIAL + "02")
        value = octet_string(date_time(self.chance) if clock else b"%08d" % self.chance.randrange(10**8))
        return [
            ("client", b"\xc1\x01" + self.invoke + what + b"\x00" + value),
            ("meter", b"\xc5\x01" + self.invoke + b"\x00"),
        ]

    def set_blocks(self) -> Exchange:
        value = octet_string(self.chance.randbytes(self.chance.randrange(60, 200)))
        what, talk = bytes.fromhex("0001" + SERIAL + "02") + b"\x00", Exchange()
        for number, last, piece in self._pieces(value):
            kind = b"\xc1\x03" + self.invoke if talk else b"\xc1\x02" + self.invoke + what
            talk.append(("client", kind + bytes([last]) + number + string(piece)))
            talk.append(
                ("meter", (b"\xc5\x03" + self.invoke + b"\x00" if last else b"\xc5\x02" + self.invoke) + number)
            )
        return talk

    def set_list(self) -> Exchange:
        """SET with a list of two."""
        clock, serial = octet_string(date_time(self.chance)), octet_string(b"%08d" % self.chance.randrange(10**8))
        what = bytes.fromhex("0008" + CLOCK + "0200") + bytes.fromhex("0001" + SERIAL + "0200")
        request = b"\xc1\x04" + self.invoke + b"\x02" + what + b"\x02" + clock + serial
        return [("client", request), ("meter", b"\xc5\x05" + self.invoke + b"\x02\x00\x00")]

    def action_list(self) -> Exchange:
        """ACTION with a list of two: both profiles capture."""
        what = bytes.fromhex("0007" + PROFILE + "02") + bytes.fromhex("00070100630200FF02")
        request = b"\xc3\x03" + self.invoke + b"\x02" + what + b"\x02\x0f\x00\x0f\x00"
        return [("client", request), ("meter", b"\xc7\x03" + self.invoke + b"\x02" + b"\x00\x00" * 2)]

    def access(self) -> Exchange:
        """ACCESS: a clock and a serial number are read, and a value of any type."""
        number = bytes([0x40]) + self.chance.randrange(1 << 24).to_bytes(3, "big")
        names = (CLOCK, "0008"), (SERIAL, "0001"), ("0000600101FF", "0001")
        specification = b"\x03" + b"".join(b"\x01" + bytes.fromhex(kind + name + "02") for name, kind in names)
        request = b"\xd9" + number + b"\x00" + specification + b"\x03\x00\x00\x00"
        values = octet_string(date_time(self.chance)) + octet_string(b"%08d" % self.chance.randrange(10**8))
        answer = b"\xda" + number + b"\x00\x00\x03" + values + self._any() + b"\x03" + b"\x01\x00" * 3
        return [("client", request), ("meter", answer)]

    def _any(self) -> bytes:
        """A value of one of the rarer types."""
        pick = self.chance
        return pick.choice(
            (
                b"\x0a" + string(b"ABC-%04d" % pick.randrange(10**4)), b"\x0c" + string("Zähler".encode()),
                b"\x04\x0c" + pick.randbytes(1) + bytes([pick.randrange(16) << 4]), b"\x03\x01", b"\x0f" + pick.randbytes(1),
                b"\x10" + pick.randbytes(2), b"\x14" + pick.randbytes(8), b"\x15" + pick.randbytes(8),
                b"\x17\x41\x20\x00\x00", b"\x18\x40\x24" + bytes(6), b"\x19" + date_time(pick), b"\x1a" + date_time(pick)[:5],
                b"\x1b" + date_time(pick)[5:9], b"\x00", b"\x13\x12\x06" + pick.randbytes(6), b"\x05" + pick.randbytes(4),
            )
        )  # fmt: skip

    def event(self) -> bytes:
        """An EventNotification of a profile or a clock, with its time or without."""
        time = b"\x00" if self.chance.random() < 0.5 else b"\x01\x0c" + date_time(self.chance)
        return b"\xc2" + time + bytes.fromhex("0008" + CLOCK + "02") + octet_string(date_time(self.chance))

    def action(self) -> Exchange:
        what, value = self.chance.choice(
            (
                ("0046000060030AFF01", b"\x0f\x00"),
                ("0007" + PROFILE + "02", b"\x0f\x00"),
                ("00030100010800FF01", b"\x0f\x00"),
            )
        )
        request = b"\xc3\x01" + self.invoke + bytes.fromhex(what) + b"\x01" + value
        answer = b"\xc7\x01" + self.invoke + b"\x00" + self.chance.choice((b"\x00", b"\x01\x00\x00"))
        return [("client", request), ("meter", answer)]

    def action_blocks(self) -> Exchange:
        """image_block_transfer of class 18 with parameters in several blocks."""
        value = structure(unsigned32(0), octet_string(self.chance.randbytes(self.chance.randrange(80, 200))))
        what, talk = bytes.fromhex("001200002C0000FF02"), Exchange()
        for number, last, piece in self._pieces(value):
            kind = b"\xc3\x06" + self.invoke if talk else b"\xc3\x04" + self.invoke + what
            talk.append(("client", kind + bytes([last]) + number + string(piece)))
            answer = b"\xc7\x01" + self.invoke + b"\x00\x00" if last else b"\xc7\x04" + self.invoke + number
            talk.append(("meter", answer))
        return talk

    def read(self) -> Exchange:
        name = (0x2000 + 0x100 * self.chance.randrange(20) + 8).to_bytes(2, "big")
        return [("client", b"\x05\x01\x02" + name), ("meter", b"\x0c\x01\x00" + self._object()[1])]

    def read_list(self) -> Exchange:
        asked = [self._object()[1] for _ in range(self.chance.randrange(2, 5))]
        names = b"".join(b"\x02" + (0x2008 + 0x100 * at).to_bytes(2, "big") for at in range(len(asked)))
        count = bytes([len(asked)])
        values = b"".join(b"\x00" + value for value in asked)
        return [("client", b"\x05" + count + names), ("meter", b"\x0c" + count + values)]

    def write(self) -> Exchange:
        value = octet_string(date_time(self.chance))
        return [("client", b"\x06\x01\x02\x20\x08\x01" + value), ("meter", b"\x0d\x01\x00")]

    def command(self) -> bytes:
        """An unconfirmed SET of the clock, for all meters: service class 0, so that nobody answers."""
        self.number = self.number % 15 + 1
        what = bytes.fromhex("0008" + CLOCK + "02") + b"\x00"
        return b"\xc1\x01" + bytes([0x80 | self.number]) + what + octet_string(date_time(self.chance))

    def notification(self) -> bytes:
        """A DataNotification with its time or without."""
        time = b"\x00" if self.chance.random() < 0.5 else b"\x0c" + date_time(self.chance)
        rows = [octet_string(bytes.fromhex(self.chance.choice(REGISTERS))), unsigned32(self.chance.randrange(1 << 24))]
        number = self.chance.randrange(1 << 24).to_bytes(4, "big")
        return b"\x0f" + number + time + structure(octet_string(date_time(self.chance)), *rows)


def general_blocks(apdu: bytes, size: int, window: int) -> Exchange:
    """A reply in general block transfer: without streaming a block and its acknowledgement in turn, else by windows."""
    talk: Exchange = []
    pieces = [apdu[at : at + size] for at in range(0, len(apdu), size)]
    acknowledged = 0
    for number, piece in enumerate(pieces, 1):
        last = number == len(pieces)
        streams = not last and number % window != 0
        control = (0x80 if last else 0) | (0x40 if streams else 0) | window
        talk.append(("meter", _general(control, number, acknowledged, piece)))
        if not last and not streams:
            acknowledged += 1
            talk.append(("client", _general(0x80 | window, acknowledged, number, b"")))
    return talk


def _general(control: int, number: int, acknowledged: int, piece: bytes) -> bytes:
    return b"\xe0" + bytes([control]) + number.to_bytes(2, "big") + acknowledged.to_bytes(2, "big") + string(piece)
