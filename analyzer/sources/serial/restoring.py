"""Bit 7 of octets that were captured with seven data bits, computed from the check sequences of HDLC.

A CRC is linear over GF(2): each lost bit moves the remainder by a pattern of its own. Sixteen equations in at most sixteen
unknown bits have one solution or none; only one solution is a proof. A header has its own check when an information field
follows, so header and information field are solved one after the other. What is known needs no solving: the format type
1010, the length (the closing flag stands where it says), the LLC header.

Source: ISO/IEC 13239, frame format type 3; linearity of CRC-16/X.25.
"""

from __future__ import annotations

from dataclasses import dataclass

from grammars.hdlc import GOOD_RESIDUE, crc16_x25

FORMAT, FLAG = 0xA0, 0x7E
SHORTEST = 7
CHECK_BITS = 16
LLC = {b"\x66\x66\x00": b"\xe6\xe6\x00", b"\x66\x67\x00": b"\xe6\xe7\x00"}
ADDRESS_OCTETS = 4  # at most


@dataclass(frozen=True, slots=True)
class Restored:
    """The octets, how many frames there are, and how many of them are proven."""

    data: bytes
    frames: int
    whole: int


def restored(data: bytes) -> Restored:
    """Puts bit 7 back into every frame of a stream of octets below 80, as far as the checks prove it."""
    made = bytearray(data)
    frames = whole = 0
    at = data.find(FLAG)
    while 0 <= at < len(data) - SHORTEST:
        found = _frame(data, at + 1)
        if found is None:
            at = data.find(FLAG, at + 1)
            continue
        octets, proven = found
        frames += 1
        whole += proven
        made[at + 1 : at + 1 + len(octets)] = octets
        at += 1 + len(octets)  # the closing flag, which may open the next frame
    return Restored(bytes(made), frames, whole)


def _frame(data: bytes, begin: int) -> tuple[bytes, bool] | None:
    """The frame behind a flag, restored as far as it can be, and whether all of it is proven; None for no frame."""
    if data[begin] & 0x70 != FORMAT & 0x70:
        return None
    low = (data[begin] & 7) << 8 | data[begin + 1]
    candidates = []
    for length in (low, low | 0x80):
        end = begin + length
        if length >= SHORTEST and data[end : end + 1] == b"\x7e":
            octets = bytearray(data[begin:end])
            octets[0] |= 0x80
            octets[1] = length & 0xFF
            solved = _solved(octets)
            if solved is not None:
                candidates.append(solved)
    candidates.sort(key=lambda one: not one[1])
    return candidates[0] if candidates else None


def _solved(octets: bytearray) -> tuple[bytes, bool] | None:
    """Header first, then the rest; None where not even the header holds under any choice of bits."""
    header = _header_end(octets)
    if header is None:
        return None
    if header + 2 == len(octets):
        solution = _solve(bytes(octets), range(2, len(octets)))
        return (solution, True) if solution is not None else None
    head = _solve(bytes(octets[: header + 2]), range(2, header + 2))
    if head is None:
        return None
    octets[: header + 2] = head
    start = header + 2
    plain = bytes(octets)
    known = LLC.get(plain[start : start + 3])
    solution = _solve(plain, range(start, len(plain)))
    if solution is None and known is not None:
        solution = _solve(plain[:start] + known + plain[start + 3 :], range(start + 3, len(plain)))
    return (solution, True) if solution is not None else (plain, False)


def _header_end(octets: bytes | bytearray) -> int | None:
    """Where the check behind address and control fields begins; bit 0 of an octet ends an address, and it is not lost."""
    at = 2
    for _ in range(2):
        for _ in range(ADDRESS_OCTETS):
            at += 1
            if octets[at - 1 : at] and octets[at - 1] & 1:
                break
        else:
            return None
    at += 1  # control
    return at if at + 2 <= len(octets) else None


def _solve(octets: bytes, unknown: range) -> bytes | None:
    """The octets with bit 7 set where the check demands it; None unless exactly one choice fits."""
    if len(unknown) > CHECK_BITS:
        return None
    base = crc16_x25(octets)
    rows: list[tuple[int, int]] = []  # (pattern, which unknown bits it is made of), each with a leading bit of its own
    for number, place in enumerate(unknown):
        changed = octets[:place] + bytes([octets[place] ^ 0x80]) + octets[place + 1 :]
        pattern, combination = crc16_x25(changed) ^ base, 1 << number
        pattern, combination = _reduced(rows, pattern, combination)
        if not pattern:
            return None  # two choices would fit: no proof
        rows.append((pattern, combination))
    rest, chosen = _reduced(rows, base ^ GOOD_RESIDUE, 0)
    if rest:
        return None
    made = bytearray(octets)
    for number, place in enumerate(unknown):
        if chosen >> number & 1:
            made[place] ^= 0x80
    return bytes(made)


def _reduced(rows: list[tuple[int, int]], pattern: int, combination: int) -> tuple[int, int]:
    """A pattern minus the rows whose leading bit it has. A row is zero at the leading bits of those before it, so one
    pass in their order clears them all."""
    for row, parts in rows:
        if pattern >> (row.bit_length() - 1) & 1:
            pattern ^= row
            combination ^= parts
    return pattern, combination
