"""Dumps of HDLC frames, and damage to them of the kinds that lines and loggers do."""

from __future__ import annotations

import random
from collections.abc import Callable

from tests.hdlc_frames import hdlc

CLIENT, METER = "03", "0223"
GET, ANSWER = "E6E600C001", "E6E700C401"
SEGMENT = 64  # octets of a segment
BLOCK, BLOCKS = 150, 4  # octets of a data block, and how many make an answer
Damage = Callable[[list[bytes], int], list[bytes]]


def flagged(destination: str, source: str, control: int, payload: str = "", segmented: bool = False) -> bytes:
    """A frame with its flags."""
    return b"\x7e" + hdlc(destination, source, control, payload, segmented) + b"\x7e"


def read(meter: str, turn: int, invoke: int = 1) -> list[bytes]:
    """A register that is read."""
    control, value = 0x10 | turn % 8 * 0x22, f"{turn:08X}" * 8
    return [
        flagged(meter, CLIENT, control, f"{GET}{0xC0 | invoke:02X}00030100010800FF0200"),
        flagged(CLIENT, meter, control, f"{ANSWER}{0xC0 | invoke:02X}000920{value}"),
    ]


def sealed(meter: str, turn: int) -> list[bytes]:
    """The same protected, under a key that nobody has."""
    control, text = 0x10 | turn % 8 * 0x22, f"25 30 {turn:08X}" + f"{turn:08X}" * 8
    return [
        flagged(meter, CLIENT, control, f"E6E600C8{text}".replace(" ", "")),
        flagged(CLIENT, meter, control, f"E6E700CC{text}".replace(" ", "")),
    ]


def registers(count: int) -> list[bytes]:
    """One meter: registers that are read, every other time protected, with invoke-ids in turn and an RR now and then."""
    made: list[bytes] = []
    for turn in range(count):
        made += sealed(METER, turn) if turn % 2 else read(METER, turn, turn % 16)
        made += [flagged(METER, CLIENT, 0x11 | turn % 8 << 5)] if turn % 10 == 9 else []
    return made[:count]


def meters(count: int) -> list[bytes]:
    """Many meters one after the other, so that of each a state is left behind."""
    made: list[bytes] = []
    for turn in range(count):
        meter = f"02{turn // 16 % 64 << 1 | 1:02X}"
        made += sealed(meter, turn) if turn % 2 else read(meter, turn)
    return made[:count]


def blocks(count: int) -> list[bytes]:
    """One meter: long answers in data blocks, each in segments that the client confirms."""
    made: list[bytes] = []
    sent = received = invoke = 0
    while len(made) < count:
        invoke = (invoke + 1) % 16
        head = f"{0xC0 | invoke:02X}"
        made.append(flagged(METER, CLIENT, 0x10 | sent << 1 | received << 5, f"{GET}{head}00070100630100FF0200"))
        sent = (sent + 1) % 8
        size = BLOCKS * BLOCK - 4
        value = b"\x09\x82" + size.to_bytes(2, "big") + bytes((invoke + n) % 256 for n in range(size))
        for block in range(1, BLOCKS + 1):
            raw = value[(block - 1) * BLOCK : block * BLOCK].hex()
            apdu = f"E6E700C402{head}{block == BLOCKS:02X}{block:08X}0081{BLOCK:02X}{raw}"
            for start in range(0, len(apdu), 2 * SEGMENT):
                more = start + 2 * SEGMENT < len(apdu)
                control = 0x10 | received << 1 | sent << 5
                made.append(flagged(CLIENT, METER, control, apdu[start : start + 2 * SEGMENT], more))
                received = (received + 1) % 8
                if more:
                    made.append(flagged(METER, CLIENT, 0x11 | received << 5))
            if block < BLOCKS:
                following = f"E6E600C002{head}{block:08X}"
                made.append(flagged(METER, CLIENT, 0x10 | sent << 1 | received << 5, following))
                sent = (sent + 1) % 8
    return made[:count]


def flipped(frames: list[bytes], every: int) -> list[bytes]:
    """A bit of one frame in so many is another."""
    return _damaged(frames, every, _flip)


def cut_out(frames: list[bytes], every: int) -> list[bytes]:
    """Some octets of one frame in so many are missing."""
    return _damaged(frames, every, _cut)


def noisy(frames: list[bytes], every: int) -> list[bytes]:
    """In or before one frame in so many stand octets that nobody sent."""
    return _damaged(frames, every, _noise)


def lost(frames: list[bytes], every: int) -> list[bytes]:
    """One frame in so many is missing."""
    return _damaged(frames, every, lambda rng, frame: b"")


DAMAGES: tuple[Damage, ...] = (flipped, cut_out, noisy, lost)


def _damaged(frames: list[bytes], every: int, damage: Callable[[random.Random, bytes], bytes]) -> list[bytes]:
    rng, made = random.Random(every), list(frames)
    for start in range(0, len(frames), every):
        place = min(len(frames) - 1, start + rng.randrange(every))
        made[place] = damage(rng, made[place])
    return made


def _flip(rng: random.Random, frame: bytes) -> bytes:
    octets = bytearray(frame)
    octets[rng.randrange(1, len(octets) - 1)] ^= 1 << rng.randrange(8)
    return bytes(octets)


def _cut(rng: random.Random, frame: bytes) -> bytes:
    start = rng.randrange(len(frame))
    return frame[:start] + frame[start + rng.randrange(1, 12) :]


def _noise(rng: random.Random, frame: bytes) -> bytes:
    place = rng.randrange(len(frame))
    return frame[:place] + rng.randbytes(rng.randrange(1, 20)) + frame[place:]
