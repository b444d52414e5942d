"""An asynchronous receiver, bit by bit: what it makes of octets that were sent at another speed or with another parity."""

from __future__ import annotations

IDLE = 1


def waveform(data: bytes, bits: int = 8, parity: bool = False) -> list[int]:
    """The line level in each bit time: start bit, data with the lowest bit first, even parity, stop bit."""
    line = [IDLE] * 3
    for octet in data:
        body = [octet >> n & 1 for n in range(bits)]
        line += [0, *body, *([sum(body) & 1] if parity else []), 1]
    return line + [IDLE] * 12


def received(line: list[int], ratio: float, bits: int = 8) -> bytes:
    """What a receiver without parity reads whose speed is `ratio` times that of the sender.

    It waits for a falling edge, looks into the middle of each of its own bit times, and does not mind a wrong stop bit.
    """
    step, at, made = 1 / ratio, 0.0, bytearray()
    while (start := _falling(line, at)) is not None:
        octet = 0
        for n in range(bits):
            place = start + (1.5 + n) * step
            octet |= (line[int(place)] if place < len(line) else IDLE) << n
        made.append(octet)
        at = start + (bits + 1.5) * step
    return bytes(made)


def _falling(line: list[int], at: float) -> float | None:
    """The first place from `at` on where the line goes, or is, low."""
    place = int(at)
    if place < len(line) and line[place] == 0:
        return at
    return next((float(n) for n in range(place + 1, len(line)) if line[n] == 0), None)


def with_parity(data: bytes) -> bytes:
    """Octets of 7 data bits and even parity as a receiver of 8 data bits reads them."""
    return bytes(octet & 0x7F | (octet & 0x7F).bit_count() % 2 << 7 for octet in data)


def seven_bits(data: bytes) -> bytes:
    """Octets of 8 data bits as a receiver of 7 data bits and parity reads them: what is bit 7 passes for the parity."""
    return bytes(octet & 0x7F for octet in data)
