"""Octets as the standard writes them: lengths, BER elements, check sequences, COSEM data."""

from __future__ import annotations

from random import Random

A_XDR_DIRECT = 0x7F  # the longest length in one octet


def length(octets: int) -> bytes:
    """An A-XDR (or BER) length: one octet up to 127, else 81 nn or 82 nnnn."""
    if octets <= A_XDR_DIRECT:
        return bytes([octets])
    size = 1 if octets < 0x100 else 2
    return bytes([0x80 | size]) + octets.to_bytes(size, "big")


def string(content: bytes) -> bytes:
    """Octets behind their length."""
    return length(len(content)) + content


def element(tag: int, content: bytes) -> bytes:
    """A BER element: tag, length, content."""
    return bytes([tag]) + string(content)


def crc(data: bytes) -> bytes:
    """CRC-16/X.25, low octet first."""
    return crc_of(data, 0xFFFF, 0xFFFF)


def crc_of(data: bytes, register: int, inverted: int, polynomial: int = 0x8408) -> bytes:
    """A reflected CRC of 16 bits, bit by bit: start value and what the result is combined with."""
    for octet in data:
        register ^= octet
        for _ in range(8):
            register = register >> 1 ^ (polynomial if register & 1 else 0)
    return (register ^ inverted).to_bytes(2, "little")


def date_time(chance: Random) -> bytes:
    """12 octets: a day of 2024 with its weekday, Central European winter time."""
    days = chance.randrange(28)
    weekday = (days + 3) % 7 + 1  # 1 February 2024 was a Thursday
    return bytes(
        [0x07, 0xE8, 2, days + 1, weekday, chance.randrange(24), chance.randrange(60), chance.randrange(60)]
    ) + (bytes.fromhex("00FFC400"))


def octet_string(content: bytes) -> bytes:
    """COSEM data of type octet-string."""
    return b"\x09" + string(content)


def structure(*items: bytes) -> bytes:
    """COSEM data of type structure."""
    return b"\x02" + length(len(items)) + b"".join(items)


def array(*items: bytes) -> bytes:
    """COSEM data of type array."""
    return b"\x01" + length(len(items)) + b"".join(items)


def unsigned32(value: int) -> bytes:
    """COSEM data of type double-long-unsigned."""
    return b"\x06" + value.to_bytes(4, "big")
