"""The containers: pcap and pcapng into packets, one after the other, as they come.

Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. What a length field claims is believed only as far as there
are octets, and nothing is allocated for it. Where the file cannot be read on, `damage` says so, and where.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import NamedTuple

from analyzer.capture_file import COMMENT, NO_TIMES
from analyzer.sources.pcap.packed import Opened

# The first four octets of pcap: byte order, nanoseconds a tick, octets of a packet's header.
PCAP_MAGIC: dict[bytes, tuple[str, int, int]] = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000, 16),
    b"\xa1\xb2\xc3\xd4": (">", 1000, 16),
    b"\x4d\x3c\xb2\xa1": ("<", 1, 16),
    b"\xa1\xb2\x3c\x4d": (">", 1, 16),
    b"\x34\xcd\xb2\xa1": ("<", 1000, 24),  # with the index of the interface, as old Linux wrote it
    b"\xa1\xb2\xcd\x34": (">", 1000, 24),
}
PCAPNG_MAGIC = b"\x0a\x0d\x0d\x0a"
LONGEST_PACKET = 16 << 20  # octets; nothing that carries DLMS comes near, and Wireshark's own limit is 256 KiB
WINDOW = 2 << 20  # octets of a pcap that are looked at together
AHEAD = 1 << 16  # octets that are read at once, where they are there
LONGEST_BLOCK = LONGEST_PACKET + (1 << 16)
SECTION, INTERFACE, OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 0x0A0D0D0A, 1, 2, 3, 6
BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}
END_OF_OPTIONS, EPB_FLAGS, IF_NAME, IF_TSRESOL, IF_TSOFFSET = 0, 2, 2, 9, 14
LONGEST_NAME = 100  # characters of an interface's name that are shown
LATEST = 1 << 62  # nanoseconds: the year 2116; what claims to be later has no time that means anything
EPB_START = 20  # where the octets of a packet begin in its block
SECOND = 1_000_000_000  # nanoseconds


class Packet(NamedTuple):
    """One captured packet: its number in the file from 1, link type, nanoseconds since 1970 or None, octets, the octets
    that it had on the wire, the byte order of whoever captured it (for link headers in host order), which way it
    went at the interface: 1 in, 2 out, 0 where the file does not tell; the interface of its section, counted from 0, and
    the name of it, where the file has one."""

    number: int
    link: int
    time: int | None
    data: bytes
    original: int
    order: str
    way: int = 0
    interface: int = 0
    name: str = ""


@dataclass(frozen=True, slots=True)
class Interface:
    """One interface of a section: link type, nanoseconds of a tick as a fraction, nanoseconds to add, its name;
    whether its packets have times at all."""

    link: int
    numerator: int
    denominator: int
    offset: int
    snap: int
    name: str = ""
    timed: bool = True


class Pcap(NamedTuple):
    """What the header of a pcap says: byte order, nanoseconds of a tick, octets of the header of a packet, link type."""

    order: str
    tick: int
    size: int
    link: int


class Window(NamedTuple):
    """Many packets of a pcap in a row: what the file says, the packets before, the octets with all headers, where in these
    each packet's header begins, and where the last packet ends."""

    pcap: Pcap
    before: int
    octets: bytes
    starts: list[int]
    end: int

    def packet(self, index: int) -> Packet:
        """One of the packets, from 0."""
        order, tick, size, link = self.pcap
        at = self.starts[index]
        seconds, fraction, captured, original = Struct(order + "IIII").unpack_from(self.octets, at)
        data = self.octets[at + size : at + size + captured]
        time = seconds * SECOND + fraction * tick
        return Packet(self.before + index + 1, link, time, data, max(original, captured), order)


class CaptureFile:
    """Iterates over the packets of a pcap or pcapng stream. `damage` says afterwards why it could not be read to its end."""

    def __init__(self, stream: Opened) -> None:
        self._stream = stream
        self.damage = ""
        self.count = 0
        self._pcap: Pcap | None = None  # what its header says, once it is read
        self._ahead = b""  # octets of a pcap that were read and belong to packets that were not given yet
        self.strays = 0  # packets of interfaces that no block describes

    def __iter__(self) -> Generator[Packet, None, None]:
        for packets in self.lists():
            yield from packets

    def lists(self) -> Iterator[list[Packet]]:
        """The packets, as many at once as are there without waiting for more. May be left between two lists, and taken up
        again, or gone on with by `windows`."""
        head = self._stream.peek(4) if self._pcap is None else b""
        if self._pcap is not None or self._begins_pcap(head):
            yield from self._pcap_lists()
        elif head == PCAPNG_MAGIC:
            for packet in _Sections(self, self._stream).packets():
                yield [packet]
        elif not self.damage:
            self.damage = f"expected a pcap or pcapng header, found {head.hex(' ').upper() or 'nothing'}"
        if self._stream.problem:
            self.damage = ""  # a block or packet that lacks octets is only what follows from it
            self.ended(self._stream.problem)

    @property
    def is_pcap(self) -> bool:
        """Whether this is a pcap, and no pcapng, as far as was read."""
        return self._pcap is not None

    def windows(self) -> Iterator[Window]:
        """Long stretches of a pcap with whole packets, as long as there are any; what is behind, or no such file, is for
        `lists`."""
        if self._pcap is None:
            return
        cap = Struct(self._pcap.order + "I").unpack_from
        size = self._pcap.size
        while more := self._stream.read(WINDOW):
            octets = self._ahead + more
            starts, at, last = [], 0, len(octets) - size
            while at <= last:
                (captured,) = cap(octets, at + 8)
                end = at + size + captured
                if end > len(octets):
                    break
                starts.append(at)
                at = end
            self._ahead = octets[at:]
            if not starts:
                return
            window = Window(self._pcap, self.count, octets, starts, at)
            self.count += len(starts)
            yield window

    def ended(self, why: str) -> None:
        """Notes why nothing more can be read; the first reason counts."""
        if not self.damage:
            self.damage = f"the capture ends before its end, after {counted(self.count, 'packet')}: {why}"

    def _begins_pcap(self, magic: bytes) -> bool:
        """Reads the header of a pcap, if the file is one."""
        if magic not in PCAP_MAGIC:
            return False
        order, tick, size = PCAP_MAGIC[magic]
        head = self._stream.read(24)
        if len(head) < 24:
            self.ended("its header is cut off")
            return False
        link = Struct(order + "I").unpack_from(head, 20)[0] & 0xFFFF  # above are the length of the FCS and flags
        self._pcap = Pcap(order, tick, size, link)
        return True

    def _pcap_lists(self) -> Iterator[list[Packet]]:
        assert self._pcap is not None
        order, tick, size, link = self._pcap
        unpack, make = Struct(order + "IIII").unpack_from, tuple.__new__
        number, at = self.count, 0
        octets, there = (
            self._ahead,
            len(self._ahead),
        )  # what was read ahead; looking into it is much quicker than a call
        made: list[Packet] = []
        while True:
            start = at + size
            if start > there:
                self._ahead = octets[at:]
                yield made
                octets, at, start, made = self._ahead + self._more(start - there), 0, size, []
                there = len(octets)
                if start > there:
                    break
            seconds, fraction, captured, original = unpack(octets, at)
            if captured > LONGEST_PACKET:
                self._ahead = octets[at:]
                yield made
                self.ended(f"the next packet says that it has {captured} octets")
                return
            if start + captured > there:
                self._ahead = octets[at:]
                yield made
                octets, made = self._ahead + self._more(start + captured - there), []
                at, start, there = 0, size, len(octets)
            at = start + captured
            data = octets[start:at]
            number += 1
            time = seconds * SECOND + fraction * tick
            if at > there and not data:
                self.ended(f"the next packet has {captured} octets, 0 are present")
                return
            self.count = number
            made.append(
                make(Packet, (number, link, time, data, original if original > captured else captured, order, 0, 0, ""))
            )
            if at > there:
                self._ahead = b""
                self.ended(f"the next packet has {captured} octets, {len(data)} are present")
                yield made
                return
        if octets:
            self.ended("the header of the next packet is cut off")

    def _more(self, size: int) -> bytes:
        """At least `size` octets, fewer only at the end, and what else is there already."""
        made = self._stream.read1(AHEAD)
        return made if len(made) >= size or not made else made + self._stream.read(size - len(made))


class _Sections:
    """The blocks of pcapng; each section has a byte order and interfaces of its own."""

    def __init__(self, file: CaptureFile, stream: Opened) -> None:
        self.file = file
        self.stream = stream
        self.order = "<"
        self.interfaces: list[Interface] = []

    def packets(self) -> Iterator[Packet]:
        while head := self.stream.read(8):
            if len(head) < 8:
                self.file.ended("the header of the next block is cut off")
                return
            if head[:4] == PCAPNG_MAGIC and not self._section():
                return
            kind, size = Struct(self.order + "II").unpack(head)
            if size < 12 or size % 4 or size > LONGEST_BLOCK:
                self.file.ended(f"the next block (type {kind:08X}) says that it has {size} octets")
                return
            body = self.stream.read(size - 8)
            packet = self._block(kind, body[: size - 12], size - 12)
            if packet is not None:
                self.file.count += 1
                yield packet
            if len(body) < size - 8:
                self.file.ended(f"the next block has {size} octets, {len(body) + 8} are present")
                return
            if Struct(self.order + "I").unpack_from(body, size - 12)[0] != size:
                self.file.ended(f"the length of a block is {size} before it and another behind it")
                return

    def _section(self) -> bool:
        """Begins a section: its byte order has to be known before its length can be read."""
        order = BYTE_ORDERS.get(magic := self.stream.peek(4))
        if len(magic) < 4:
            self.file.ended("the header of a section is cut off")
            return False
        if order is None:
            self.file.ended(f"a section has no byte order, its magic is {magic.hex(' ').upper()}")
            return False
        self.order, self.interfaces = order, []
        return True

    def _block(self, kind: int, body: bytes, size: int) -> Packet | None:
        """The packet that a block carries, also of a block that is cut off in it."""
        if kind == ENHANCED_PACKET and len(body) > 20:
            index, high, low, captured, original = Struct(self.order + "IIIII").unpack_from(body)
            return self._packet(index, high << 32 | low, body, EPB_START, min(captured, size - EPB_START), original)
        if kind == OLD_PACKET and len(body) > 20:
            index, _, high, low, captured, original = Struct(self.order + "HHIIII").unpack_from(body)
            return self._packet(index, high << 32 | low, body, EPB_START, min(captured, size - EPB_START), original)
        if kind == SIMPLE_PACKET and len(body) > 4:
            (original,) = Struct(self.order + "I").unpack_from(body)
            snap = self.interfaces[0].snap if self.interfaces else 0
            captured = min(original, snap or original, size - 4)
            return self._packet(0, None, body, 4, captured, original)
        if kind == INTERFACE and len(body) >= 8:
            self.interfaces.append(self._interface(body))
        return None  # names, statistics, secrets, journals and whatever others may define

    def _packet(
        self, index: int, ticks: int | None, body: bytes, start: int, captured: int, original: int
    ) -> Packet | None:
        number = self.file.count + 1
        data = body[start : start + captured]
        if index >= len(self.interfaces):
            self.file.strays += 1
            return None
        interface = self.interfaces[index]
        way, options = 0, start + (captured + 3 & ~3)
        if options < len(body) and start == EPB_START:
            flags = dict(self._options(body, options)).get(EPB_FLAGS, b"")
            way = Struct(self.order + "I").unpack(flags)[0] & 3 if len(flags) == 4 else 0
        time = None
        if ticks is not None and interface.timed:
            time = ticks * interface.numerator // interface.denominator + interface.offset
            time = time if abs(time) < LATEST else None
        original = max(original, captured)
        return Packet(number, interface.link, time, data, original, self.order, way, index, interface.name)

    def _options(self, body: bytes, at: int) -> Iterator[tuple[int, bytes]]:
        """The options behind the fixed part of a block."""
        while at + 4 <= len(body):
            code, size = Struct(self.order + "HH").unpack_from(body, at)
            if code == END_OF_OPTIONS:
                break
            yield code, body[at + 4 : at + 4 + size]
            at += 4 + (size + 3 & ~3)

    def _interface(self, body: bytes) -> Interface:
        link, _, snap = Struct(self.order + "HHI").unpack_from(body)
        resolution, offset, name, timed = 6, 0, "", True
        for code, value in self._options(body, 8):
            if code == IF_TSRESOL and len(value) == 1:
                resolution = value[0]
            elif code == IF_TSOFFSET and len(value) == 8:
                (offset,) = Struct(self.order + "q").unpack(value)
            elif code == IF_NAME:
                name = " ".join(value.decode("utf-8", "replace").split())[:LONGEST_NAME]
            elif code == COMMENT and value == NO_TIMES.encode():
                timed = False
        base = 2 if resolution & 0x80 else 10
        return Interface(link, SECOND, base ** (resolution & 0x7F), offset * SECOND, snap, name, timed)


def counted(number: int, thing: str) -> str:
    """1 packet, 2 packets."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
