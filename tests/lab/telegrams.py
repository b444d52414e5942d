"""The telegrams of P1 ports: text with a check, in clear or inside general-glo-ciphering."""

from __future__ import annotations

from random import Random

from tests.lab.octets import crc_of


def telegram(chance: Random) -> bytes:
    """A telegram of DSMR 5 with its check, CRC-16/ARC over everything to the exclamation mark."""
    rows = (
        b"1-3:0.2.8(50)", b"0-0:1.0.0(2402%02d%02d0000W)" % (chance.randrange(1, 29), chance.randrange(24)),
        b"1-0:1.8.1(%06d.%03d*kWh)" % (chance.randrange(10**6), chance.randrange(1000)),
        b"1-0:1.7.0(%02d.%03d*kW)" % (chance.randrange(100), chance.randrange(1000)),
    )  # fmt: skip
    text = b"/KFM5KAIFA-METER\r\n\r\n" + b"".join(row + b"\r\n" for row in rows) + b"!"
    return text + b"%04X\r\n" % int.from_bytes(crc_of(text, 0, 0, 0xA001), "little")
