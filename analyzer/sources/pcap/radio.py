"""IEEE 802.15.4: the payload of data frames and who sent it, of all versions of the frame.

Sources: IEEE 802.15.4-2020, 7.2 (general frame format), table 7-2 (which addresses have a network), 7.4 (information
elements, which stand before the payload in frames of version 2, as TSCH and Wi-SUN have them); the list of link types of
tcpdump.org.
"""

from __future__ import annotations

from typing import NamedTuple

WITH_FCS, NO_FCS, PHY, TAP = 195, 230, 215, 283  # link types
RADIO = frozenset({WITH_FCS, NO_FCS, PHY, TAP})
DATA = 1  # frame type
VERSION_2 = 2  # of 2012 and later
SHORT, EXTENDED = 2, 3  # modes of addresses
SIZES = {SHORT: 2, EXTENDED: 8}
HEADER_END_PAYLOAD_IES, HEADER_END = 0x7E, 0x7F  # header terminations 1 and 2
PAYLOAD_END = 0xF  # group of the payload termination
PREAMBLE = b"\0\0\0\0"


class _Control(NamedTuple):
    """The frame control field."""

    kind: int
    secured: bool
    compressed: bool
    unnumbered: bool
    elements: bool
    to: int
    version: int
    sender: int


def radio_payload(link: int, data: bytes) -> tuple[str, str, bytes] | None:
    """Source, destination and payload of a data frame; None for beacons, acknowledgements and commands, and for frames
    that the MAC has encrypted."""
    data, fcs = _mac_frame(link, data)
    if len(data) < 2 + fcs:
        return None
    control = _control(int.from_bytes(data[:2], "little"))
    if control.kind != DATA or control.secured or control.version > VERSION_2:
        return None
    end = len(data) - fcs
    at = 2 if control.unnumbered else 3
    networks = _networks(control)
    destination, at = _address(data, at, control.to, networks[0])
    source, at = _address(data, at, control.sender, networks[1])
    if control.elements:
        at = _behind_elements(data, at, end)
    payload = data[at:end]
    return (source, destination, payload) if payload else None


def _control(word: int) -> _Control:
    version = word >> 12 & 3
    later = version == VERSION_2  # bits 8 and 9 are reserved before
    unnumbered, elements = later and bool(word & 0x100), later and bool(word & 0x200)
    return _Control(
        word & 7, bool(word & 8), bool(word & 0x40), unnumbered, elements, word >> 10 & 3, version, word >> 14 & 3
    )


def _networks(control: _Control) -> tuple[bool, bool]:
    """Whether the network of the destination and that of the source stand in the frame."""
    to, sender, compressed = control.to in SIZES, control.sender in SIZES, control.compressed
    if control.version != VERSION_2:
        return to, sender and not compressed
    if not to and not sender:
        return compressed, False
    if not to or not sender:
        return to and not compressed, sender and not compressed
    if control.to == control.sender == EXTENDED:
        return not compressed, False
    return True, not compressed


def _address(data: bytes, at: int, mode: int, with_network: bool) -> tuple[str, int]:
    """An address of the MAC, with its network where it is given; where the next field begins."""
    at += 2 if with_network else 0
    size = SIZES.get(mode, 0)
    return (data[at : at + size][::-1].hex().upper(), at + size) if size else ("-", at)


def _behind_elements(data: bytes, at: int, end: int) -> int:
    """Where the payload begins behind header and payload information elements."""
    while at + 2 <= end:
        word = int.from_bytes(data[at : at + 2], "little")
        element = word >> 7 & 0xFF
        at += 2 + (word & 0x7F)
        if element == HEADER_END:
            return at
        if element == HEADER_END_PAYLOAD_IES:
            break
    while at + 2 <= end:
        word = int.from_bytes(data[at : at + 2], "little")
        if not word & 0x8000:
            return at  # no payload element: the payload, without a termination before it
        at += 2 + (word & 0x7FF)
        if word >> 11 & 0xF == PAYLOAD_END:
            return at
    return end


def _mac_frame(link: int, data: bytes) -> tuple[bytes, int]:
    """The frame of the MAC, without what the link type puts before it; octets of the check sequence at its end."""
    if link == TAP:
        length = int.from_bytes(data[2:4], "little")
        return data[length:], _fcs_of_tap(data[4:length])
    if link == PHY and data[:4] == PREAMBLE:
        data = data[6:]  # preamble, start of frame, length
    return data, 0 if link == NO_FCS else 2


def _fcs_of_tap(fields: bytes) -> int:
    """Octets of the check sequence, by the field FCS type (0) of the TAP header: 0, 2 or 4."""
    at = 0
    while at + 4 <= len(fields):
        kind, size = int.from_bytes(fields[at : at + 2], "little"), int.from_bytes(fields[at + 2 : at + 4], "little")
        if kind == 0 and 1 <= size <= len(fields) - at - 4:
            return {0: 0, 1: 2, 2: 4}.get(fields[at + 4], 0)
        at += 4 + (size + 3 & ~3)
    return 0
