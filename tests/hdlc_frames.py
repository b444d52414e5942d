"""HDLC frames of many kinds, for tests of what cuts, joins and indexes them."""

from __future__ import annotations

from grammars.hdlc import crc16_x25

ADDRESSES = ("03", "21", "0221", "0002FEFF", "02FE0003", "00000003", "020401", "FF", "07")
PAYLOADS = (
    "", "E6E600C001C100080000010000FF0200", "E6E700C401C1000906C0C1C2C3C4C5", "C001C100080000010000FF0200",
    "E6E600C81A30000000020102030405060708090A0B0C0D0E0F101112131415", "E6E700CC820010200000FFFF0102030405060708090A0B",
    "E6E700DB084B464D1020304050113000000007AABBCCDDEEFF0011223344", "E6E600DB02414211300000000700", "E6E600C8",
    "E6E600CB8130", "E6E7FFC4010203", "E6", "E6E6", "7EA0", "00", "E6E6000F00000001000A0B7EA0080303",
)  # fmt: skip
CONTROLS = (0x10, 0x32, 0x54, 0x93, 0x73, 0x11, 0x53, 0x1F, 0x97, 0x13, 0x03, 0xE1, 0xFF)


def hdlc(destination: str, source: str, control: int, payload: str, segmented: bool = False) -> bytes:
    """A frame without its flags."""
    info = bytes.fromhex(payload)
    head = bytes.fromhex(destination + source) + bytes([control])
    length = 2 + len(head) + 2 + (len(info) + 2 if info else 0)
    head = (0xA000 | (0x800 if segmented else 0) | length).to_bytes(2, "big") + head
    if info:
        head += crc16_x25(head).to_bytes(2, "little") + info
    return head + crc16_x25(head).to_bytes(2, "little")


def four(number: int) -> str:
    """An address of four octets."""
    return bytes([*(number >> shift << 1 & 0xFE for shift in (21, 14, 7)), number << 1 & 0xFE | 1]).hex()
