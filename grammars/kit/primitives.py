"""Lengths, extension addresses and bit strings: values whose own octets say how many they are.

A primitive has one `read`, called by both ways of parsing, and its reverse.
"""

from typing import Any, NamedTuple

from grammars.kit.fields import Reader, Short, Unreadable, Word
from grammars.kit.spec import MOST


class Primitive(Word):
    """A value of variable size. `read(buffer, pos, end)` gives (value, next position) or raises Unreadable."""

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[Any, int]:
        raise NotImplementedError

    @staticmethod
    def write(value: Any) -> bytes:
        raise NotImplementedError

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        value, reader.pos = self.read(reader.buffer, reader.pos, reader.limit)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(self.write(obj))
        return obj


class AxdrLength(Primitive):
    """A-XDR length (IEC 61334-6; also BER's definite form): up to 7F itself, 81 nn, 82 nn nn, 83, 84. Of more octets
    the first have to be 00: nothing is longer than four can say."""

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[int, int]:
        if pos >= end:
            raise Short(1, 0)
        first = buffer[pos]
        if first < 0x80:
            return first, pos + 1
        if first > 0x84 and any(buffer[pos + 1 : min(pos + first - 0x83, end)]):
            raise Unreadable(f"{first:02X} is no length: {first - 0x80} octets would follow, and 4 are the most (84)")
        after = pos + first - 0x7F  # the octet itself and those that it announces
        if after > end:
            raise Short(first - 0x7F, end - pos)
        return int.from_bytes(buffer[pos + 1 : after], "big"), after

    @staticmethod
    def write(value: int) -> bytes:
        if value < 0x80:
            return bytes([value])
        body = value.to_bytes((value.bit_length() + 7) // 8, "big")
        return bytes([0x80 | len(body)]) + body


class BerLength(AxdrLength):
    """The same in tagged fields of BER, which are read as far as they go whatever a length says: one that four octets can
    not say is `TOO_LONG`."""

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[int, int]:
        after = pos + buffer[pos] - 0x7F if pos < end and buffer[pos] > 0x84 else end + 1
        if after > end:
            return AxdrLength.read(buffer, pos, end)
        return min(int.from_bytes(buffer[pos + 1 : after], "big"), TOO_LONG), after


TOO_LONG = MOST + 1
INDEFINITE = 0x80
END_OF_CONTENTS = b"\x00\x00"
INDEFINITE_TEXT = "the length is indefinite (80): the content goes to 00 00; DLMS/COSEM writes definite lengths"


def end_of_contents(buffer: bytes, pos: int, end: int) -> int:
    """Where the content of a BER field of indefinite length ends: at its 00 00, or at `end` if there is none."""
    depth = 0
    while pos + 1 < end:
        if buffer[pos : pos + 2] == END_OF_CONTENTS:
            if not depth:
                return pos
            depth, pos = depth - 1, pos + 2
        elif buffer[pos + 1] == INDEFINITE:
            depth, pos = depth + 1, pos + 2
        else:
            try:
                size, pos = AxdrLength.read(buffer, pos + 1, end)
            except Unreadable:
                return end
            pos += size
    return end


def beyond(buffer: bytes, at: int, pos: int, end: int) -> int:
    """The position behind a BER field whose length is at `at` and whose content ends at `pos`, not behind `end`."""
    closed = buffer[at] == INDEFINITE and buffer[pos : min(end, pos + 2)] == END_OF_CONTENTS
    return pos + 2 if closed else pos


class OctetLength(Primitive):
    """A length of one octet."""

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[int, int]:
        if pos >= end:
            raise Short(1, 0)
        return buffer[pos], pos + 1

    @staticmethod
    def write(value: int) -> bytes:
        return bytes([value])


class Extended(NamedTuple):
    """An HDLC address: the 7-bit groups as one number, and in how many octets it was written."""

    number: int
    octets: int

    @property
    def halves(self) -> tuple[int, int] | None:
        """The upper and the lower address, where one of 2 or 4 octets has both."""
        bits = {2: 7, 4: 14}.get(self.octets)
        return (self.number >> bits, self.number & (1 << bits) - 1) if bits else None

    def __str__(self) -> str:
        halves = self.halves
        return f"upper {halves[0]} lower {halves[1]}" if halves else str(self.number)


class ExtendedAddress(Primitive):
    """ISO 13239 extension address: 7 bits an octet in the high bits, the low bit set in the last octet only."""

    LONGEST = 8  # the profile allows 1, 2 and 4; more than this is no address

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[Extended, int]:
        number, at = 0, pos
        while at < end and at - pos < ExtendedAddress.LONGEST:
            octet = buffer[at]
            number, at = number << 7 | octet >> 1, at + 1
            if octet & 1:
                return Extended(number, at - pos), at
        if at - pos == ExtendedAddress.LONGEST:
            raise Unreadable(f"no octet of {at - pos} ends the address")
        raise Short(at - pos + 1, end - pos)

    @staticmethod
    def write(value: Extended) -> bytes:
        number, octets = value
        groups = [number >> 7 * n & 0x7F for n in reversed(range(octets))]
        return bytes([group << 1 for group in groups[:-1]] + [groups[-1] << 1 | 1])


class Sized(int):
    """An unsigned integer that remembers in how many octets it was written."""

    octets: int

    def __new__(cls, number: int, octets: int) -> "Sized":
        made = super().__new__(cls, number)
        made.octets = octets
        return made

    def __getnewargs__(self) -> tuple[int, int]:  # type: ignore[override]
        return int(self), self.octets


class IntegerToEnd(Primitive):
    """A big-endian unsigned integer that fills its region."""

    LONGEST = 16  # no protocol here has longer ones, and Python prints none of thousands of digits

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[Sized, int]:
        if pos >= end:
            raise Short(1, 0)
        if end - pos > IntegerToEnd.LONGEST:
            raise Unreadable(f"an integer of {end - pos} octets, expected at most {IntegerToEnd.LONGEST}")
        return Sized(int.from_bytes(buffer[pos:end], "big"), end - pos), end

    @staticmethod
    def write(value: int) -> bytes:
        octets = getattr(value, "octets", max(1, (value.bit_length() + 7) // 8))
        return int(value).to_bytes(octets, "big")


class HexDigits(Primitive):
    """An unsigned integer of 16 bits as four hexadecimal digits of ASCII."""

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[int, int]:
        if end - pos < 4:
            raise Short(4, end - pos)
        digits = buffer[pos : pos + 4]
        if digits.strip(b"0123456789ABCDEFabcdef"):
            raise Unreadable(f"expected four hexadecimal digits, found {digits.hex(' ').upper()}")
        return int(digits, 16), pos + 4

    @staticmethod
    def write(value: int) -> bytes:
        return b"%04X" % value


class Bits(NamedTuple):
    """A bit string: how many bits, and the octets that hold them, the first bit most significant."""

    count: int
    data: bytes

    def __str__(self) -> str:
        return "".join(f"{octet:08b}" for octet in self.data)[: self.count]


class AxdrBitString(Primitive):
    """A-XDR BIT STRING: the number of bits as a length, then the octets."""

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[Bits, int]:
        count, at = AxdrLength.read(buffer, pos, end)
        after = at + (count + 7) // 8
        if after > end:
            raise Short(after - pos, end - pos)
        return Bits(count, bytes(buffer[at:after])), after

    @staticmethod
    def write(value: Bits) -> bytes:
        return AxdrLength.write(value[0]) + bytes(value[1])


class Nothing(Primitive):
    """No octets at all: null-data."""

    @staticmethod
    def read(buffer: bytes, pos: int, end: int) -> tuple[None, int]:
        return None, pos

    @staticmethod
    def write(value: None) -> bytes:
        return b""
