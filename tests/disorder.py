"""Captures of any size with every disorder at once, and what a reader has to find in them: the known truth.

TCP: many connections side by side, IPv4 and IPv6, repeated, overlapping, reordered, wrapping around, lost, in fragments, some
from mid-stream. Lines (USB adapters, DLT_USER, IEEE 802.15.4): many side by side, in pieces of any size.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tests import captured
from tests.captured import METER, METER6, Connection, Sent
from tests.support import CLOCK, GET_CLOCK, plain, wrapped

REQUEST, ANSWER = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)
AT_ONCE = 7  # connections or lines that go on side by side
WITHIN = 4  # places that a packet may come too late: a segment that was lost and sent again is then within the reader's patience
FIRST = 12  # packets of a connection from mid-stream of which none is lost: else nobody could say where it begins


@dataclass
class Truth:
    """What one side of a connection said, as far as it was captured, and how many octets are known to be missing."""

    data: bytes
    lost: int


@dataclass
class Made:
    """One connection: the name of its trace, its packets as they come, what they carry."""

    name: str
    connection: Connection
    packets: list[Sent]
    middle: bool

    def truth(self, side: int) -> Truth:
        """From the packets that are left: each octet of the stream is there or is not."""
        stream, begin = self.connection.stream(side), self.connection.starts[side] + 1
        there = bytearray(len(stream))
        for sent in self.packets:
            if sent.side == side and not is_keep_alive(sent):
                at = sent.seq - begin
                there[at : at + len(sent.data)] = b"\1" * len(sent.data)
        first = there.find(1) if self.middle else 0
        last = there.rfind(1)
        data = bytes(octet for octet, present in zip(stream, there, strict=True) if present)
        return Truth(data, there.count(0, max(first, 0), last + 1))


def is_keep_alive(sent: Sent) -> bool:
    return sent.data == b"\0" and sent.flags == captured.ACK


def connections(packets: int, random_: random.Random, lossy: bool) -> list[Made]:
    """Connections that have so many packets together; the last one may be cut in its middle."""
    made: list[Made] = []
    count = 0
    while count < packets:
        number = len(made)
        six = number % 3 == 0
        ends = (("fd00::5", 20000 + number), METER6) if six else (("10.1.0.5", 20000 + number), METER)
        connection = Connection(ends, ((1 << 32) - random_.randrange(5000), random_.randrange(1 << 32)))
        for _ in range(random_.choice([1, 2, 5, 20 if packets < 5000 else 300])):
            connection.say(0, REQUEST, random_.choice([5, 1460])).say(1, ANSWER * random_.randrange(1, 9), 60)
        middle = number % 5 == 4
        sent = connection.packets[4:] if middle else connection.packets
        sent = captured.reordered([*sent[:3], *captured.repeated(sent[3:], random_)], random_, WITHIN)
        sent = without_some(sent, random_) if lossy else sent
        sent = sent[: packets - count]
        name = f"[fd00::5]:{20000 + number} -> [fd00::9]:4059" if six else f"10.1.0.5:{20000 + number} -> 10.1.0.9:4059"
        made.append(Made(name, connection, sent, middle))
        count += len(sent)
    return made


def without_some(packets: list[Sent], random_: random.Random) -> list[Sent]:
    """Some segments lost, with the keep-alives that stand in their place."""
    gone = [sent for sent in packets[FIRST:-1] if sent.data and not is_keep_alive(sent) and random_.random() < 0.05]
    spans = [(sent.side, sent.seq, sent.seq + len(sent.data)) for sent in gone]
    left = [sent for sent in packets if all(sent is not other for other in gone)]
    return [
        sent
        for sent in left
        if not is_keep_alive(sent) or not any(s == sent.side and a <= sent.seq < b for s, a, b in spans)
    ]


def datagrams_of(made: Made, random_: random.Random, numbers: Iterator[int]) -> Iterator[bytes]:
    """IP datagrams, some of them in fragments that come in any order; `numbers` tell the fragments of each datagram."""
    for sent in made.packets:
        whole = made.connection.datagram(sent)
        if len(whole) < 80 or random_.random() > 0.1:
            yield whole
            continue
        ident = next(numbers)
        six = whole[0] >> 4 == 6
        source, destination = (
            str(captured.ip_address(whole[at : at + (16 if six else 4)])) for at in ((8, 24) if six else (12, 16))
        )
        if six:
            half = len(whole[40:]) // 2 & ~7
            tag = ident.to_bytes(4, "big")
            parts = [
                captured.ipv6(source, destination, 6, whole[40 : 40 + half], [(44, b"\0\0\x01" + tag)]),
                captured.ipv6(
                    source, destination, 6, whole[40 + half :], [(44, b"\0" + half.to_bytes(2, "big") + tag)]
                ),
            ]
        else:
            parts = captured.ipv4_fragments(source, destination, 6, whole[20:], 24, ident & 0xFFFF)
        random_.shuffle(parts)
        yield from parts


def in_turns(queues: list[list[bytes]], random_: random.Random) -> list[bytes]:
    """Everything, a few queues at a time."""
    waiting = [queue[::-1] for queue in queues if queue]
    made = []
    while waiting:
        index = random_.randrange(min(AT_ONCE, len(waiting)))
        made.append(waiting[index].pop())
        if not waiting[index]:
            del waiting[index]
    return made


# -- lines --------------------------------------------------------------------------------------------------------

Wrap = Callable[[int, int, int, bytes], list[bytes]]  # number of the line, of the packet, side, octets


def usb(maker: Callable[..., bytes], chip: Callable[[bytes], bytes]) -> Wrap:
    def wrap(line: int, number: int, side: int, data: bytes) -> list[bytes]:
        endpoint, octets = (0x81, chip(data)) if side else (0x02, data)
        return [maker(number, done, 3, endpoint, octets, device=line + 1) for done in (False, True)]

    return wrap


def radio(version: int) -> Wrap:
    def wrap(line: int, number: int, side: int, data: bytes) -> list[bytes]:
        ends = [(0x100 + line).to_bytes(2, "big"), (0x200 + line).to_bytes(2, "big")][:: 1 - 2 * side]
        if version == 2:
            return [captured.radio_2(data, ends[1], ends[0], 1, number & 0xFF, bytes.fromhex("003F 00F8"))]
        return [b"\x41\x88" + bytes([number & 0xFF]) + b"\xcd\xab" + ends[1][::-1] + ends[0][::-1] + data]

    return wrap


def usbmon_short(*arguments: object, **named: object) -> bytes:
    return captured.usbmon(*arguments, **named, mapped=False)  # type: ignore[arg-type]


LINES: dict[str, tuple[int, Wrap]] = {
    "usbmon, mapped": (220, usb(captured.usbmon, lambda data: data)),
    "usbmon": (189, usb(usbmon_short, lambda data: data)),
    "USBPcap": (249, usb(captured.usbpcap, lambda data: data)),
    "usbmon, FTDI": (220, usb(captured.usbmon, captured.ftdi)),
    "USBPcap, FTDI": (249, usb(captured.usbpcap, captured.ftdi)),
    "802.15.4": (230, radio(1)),
    "802.15.4, version 2": (230, radio(2)),
}


def lines(
    packets: int, random_: random.Random, wrap: Wrap, most: int = 100
) -> tuple[list[bytes], list[list[tuple[int, bytes]]]]:
    """Packets of lines side by side, at least so many, and what each line carried."""
    queues: list[list[bytes]] = []
    said: list[list[tuple[int, bytes]]] = []
    count = 0
    while count < packets and len(queues) < most:
        line = len(queues)
        pieces = [(0 if record.direction == "client" else 1, piece) for _ in range(random_.choice([1, 3, 100]))
                  for record in plain().records for piece in in_pieces(record.data, random_)]  # fmt: skip
        queue = [packet for number, (side, data) in enumerate(pieces) for packet in wrap(line, number, side, data)]
        queues.append(queue)
        said.append(pieces)
        count += len(queue)
    return in_turns(queues, random_), said


def in_pieces(data: bytes, random_: random.Random) -> Iterator[bytes]:
    size = random_.choice([4, 16, 62, len(data)])
    for at in range(0, len(data), size):
        yield data[at : at + size]
