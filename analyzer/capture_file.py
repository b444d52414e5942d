"""Capture files as Wireshark reads them: the blocks of a pcapng file, one after the other, into any binary stream.

Source: draft-ietf-opsawg-pcapng. Little endian, times in nanoseconds. Every block goes to the stream in one write, so a
program that is killed leaves whole blocks behind. Sans-IO but for the stream that is given.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Protocol

SECTION_HEADER, INTERFACE, ENHANCED_PACKET = 0x0A0D0D0A, 1, 6
BYTE_ORDER_MAGIC = 0x1A2B3C4D
ETHERNET, USER0 = 1, 147  # link types of tcpdump.org/linktypes.html
NANOSECONDS = 9  # if_tsresol: ten to the minus nine seconds
COMMENT = 1  # opt_comment, allowed in every block
APPLICATION = 4  # shb_
NAME, DESCRIPTION, RESOLUTION = 2, 3, 9  # if_
FLAGS = 2  # epb_flags: bits 0 and 1 are the direction
INBOUND, OUTBOUND = 1, 2
LONGEST_OPTION = 0xFFFF
# The comment of an interface whose packets nobody timed. Each packet of pcapng that may have a comment must have a time.
NO_TIMES = "no times were captured: those of these packets only keep their order"
FLAGS_OF = {"client": OUTBOUND, "meter": INBOUND, "unknown": 0}


class ByteStream(Protocol):
    """Where the blocks go: a file, a pipe, a buffer."""

    def write(self, data: bytes, /) -> object:
        """Takes octets."""
        ...


class CaptureFile:
    """Writes one section. `application` is what made it; nothing else of the machine stands in the file."""

    def __init__(self, stream: ByteStream, application: str, comment: str = "") -> None:
        self._stream = stream
        self._interfaces = 0
        options = _texts(COMMENT, comment) + _texts(APPLICATION, application)
        body = struct.pack("<IHHq", BYTE_ORDER_MAGIC, 1, 0, -1) + _ended(options)
        self._put(SECTION_HEADER, body)

    def interface(self, link_type: int, name: str, description: str = "", comment: str = "") -> int:
        """Describes an interface, which has to stand before its packets; its number."""
        options = _texts(COMMENT, comment) + _texts(NAME, name) + _texts(DESCRIPTION, description)
        options += _option(RESOLUTION, bytes([NANOSECONDS]))
        self._put(INTERFACE, struct.pack("<HHI", link_type, 0, 0) + _ended(options))
        self._interfaces += 1
        return self._interfaces - 1

    def packet(
        self, interface: int, nanoseconds: int, data: bytes, direction: str = "unknown", comments: Iterable[str] = ()
    ) -> None:
        """One packet. `nanoseconds` since 1970; "client" is outbound, "meter" inbound, "unknown" neither."""
        when = min(max(0, nanoseconds), (1 << 64) - 1)
        options = b"".join(_texts(COMMENT, comment) for comment in comments)
        flags = FLAGS_OF[direction]
        options += _option(FLAGS, struct.pack("<I", flags)) if flags else b""
        head = struct.pack("<IIIII", interface, when >> 32, when & 0xFFFFFFFF, len(data), len(data))
        self._put(ENHANCED_PACKET, head + _padded(data) + _ended(options))

    def _put(self, kind: int, body: bytes) -> None:
        length = 12 + len(body)
        self._stream.write(struct.pack("<II", kind, length) + body + struct.pack("<I", length))


def _padded(data: bytes) -> bytes:
    """Octets filled up to a multiple of four."""
    return data + bytes(-len(data) % 4)


def _option(code: int, value: bytes) -> bytes:
    return struct.pack("<HH", code, len(value)) + _padded(value)


def _texts(code: int, text: str) -> bytes:
    """A text as an option, or as none when it is empty; one that is too long is cut between two characters."""
    if not text:
        return b""
    octets = text.encode("utf-8", "replace")
    if len(octets) > LONGEST_OPTION:
        octets = octets[: LONGEST_OPTION - 3].decode("utf-8", "ignore").encode() + b"..."
    return _option(code, octets)


def _ended(options: bytes) -> bytes:
    """Options with the mark of their end; none need none."""
    return options + bytes(4) if options else b""
