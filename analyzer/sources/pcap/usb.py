"""USB captures: what serial adapters carried, told from bulk transfers of usbmon and USBPcap. Each interface of an adapter is
a line of its own.

What goes to the meter stands in the submission of an OUT transfer, what comes from it in the completion of an IN transfer.
CDC-ACM, CP210x, PL2303 and CH34x put the octets of the line there as they are; FTDI puts two octets of modem and line
status before each packet of an IN transfer.

Sources: Linux Documentation/usb/usbmon.rst, USBPcap's capture format, USB 2.0 chapter 9 (descriptors), USB CDC PSTN 1.2,
FTDI AN232B-04 (status octets); vendor requests as the Linux drivers ftdi_sio, cp210x, pl2303 and ch341 send them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from struct import Struct
from typing import NamedTuple

from analyzer.sources.pcap.links import USB_LINUX_MMAPPED, USBPCAP

CONTROL, BULK = 2, 3  # transfer types, the same numbers in both formats
INWARD = 0x80  # of the address of an endpoint
VENDORS = {0x0403: "FTDI", 0x10C4: "CP210x", 0x067B: "PL2303", 0x1A86: "CH34x", 0x9986: "CH34x"}
DEVICE, ENDPOINT, INTERFACE = 1, 5, 4  # types of descriptors
BULK_ENDPOINT = 2  # of bmAttributes
CDC_COMMUNICATION, CDC_DATA = 0x02, 0x0A  # classes of interfaces
GET_DESCRIPTOR = 6
# What only one kind of adapter is sent: (request type, request).
REQUESTS = {
    **dict.fromkeys([(0x40, 0x03), (0x40, 0x09)], "FTDI"),  # set baud rate, set latency timer
    **dict.fromkeys([(0x41, 0x00), (0x41, 0x1E), (0x41, 0x07)], "CP210x"),  # enable, baud rate, modem lines
    **dict.fromkeys([(0x40, 0x01), (0xC0, 0x01)], "PL2303"),
    **dict.fromkeys([(0x40, 0x9A), (0x40, 0xA1), (0x40, 0xA4), (0xC0, 0x95), (0xC0, 0x5F)], "CH34x"),
    **dict.fromkeys([(0x21, 0x20), (0x21, 0x22)], "CDC-ACM"),  # set line coding, set control line state
}
SHARED_REQUESTS = {(0x21, 0x20), (0x21, 0x22)}  # PL2303 takes those of the standard as well
FULL_SPEED_PACKET, HIGH_SPEED_PACKET = 64, 512  # octets of a bulk packet
STATUS = 2  # octets of FTDI
MOST_PENDING = 256  # control transfers whose answer is awaited

_USBPCAP = Struct("<HQIHBHHBBI").unpack_from


class Transfer(NamedTuple):
    """One transfer as it was captured. `inward`: from the device; `done`: its completion; `setup`: of control transfers."""

    ident: int
    kind: int
    bus: int
    device: int
    endpoint: int
    inward: bool
    done: bool
    setup: bytes
    data: bytes


class Chunk(NamedTuple):
    """Octets of a line: of which adapter and which of its interfaces, whether they come from the meter's side."""

    bus: int
    device: int
    interface: int
    inward: bool
    data: bytes


@dataclass(slots=True)
class Adapter:
    """What is known of one device."""

    kind: str = ""
    packet: dict[int, int] = field(default_factory=dict)  # octets of a packet, by endpoint with its direction bit
    interfaces: dict[int, int] = field(default_factory=dict)  # of bulk endpoints, with their direction bit
    doubtful: int = 0  # IN transfers without the status octets of FTDI

    def interface(self, address: int) -> int:
        """The interface of a bulk endpoint, by the descriptors, or by its partner in the other direction.

        Adapters with several lines have a pair of endpoints for each: 81 and 02, 83 and 04 (FTDI), or 81 and 01, 82 and 02.
        Those with one line have any pair.
        """
        known = self.interfaces.get(address)
        if known is not None:
            return known
        inward = address & INWARD
        taken = {line for other, line in self.interfaces.items() if other & INWARD == inward}
        free = {other: line for other, line in self.interfaces.items() if line not in taken}
        step = 1 if inward else -1
        for other in ((address ^ INWARD) + step, address ^ INWARD, *sorted(free)):
            if other in free:
                made = free[other]
                break
        else:
            made = max(self.interfaces.values(), default=-1) + 1
        self.interfaces[address] = made
        return made


class Adapters:
    """Takes USB packets and gives the octets of the serial lines; remembers what each device is."""

    def __init__(self) -> None:
        self._devices: dict[tuple[int, int], Adapter] = {}
        self._asked: dict[int, bytes] = {}

    def name(self, chunk: Chunk) -> str:
        """Bus, device, and as far as the capture tells them: FTDI, CP210x, PL2303, CH34x, CDC-ACM; which of several lines."""
        adapter = self._devices[chunk.bus, chunk.device]
        kind = f" {adapter.kind}" if adapter.kind else ""
        several = len(set(adapter.interfaces.values())) > 1
        return f"USB {chunk.bus}.{chunk.device}{kind}" + (f" interface {chunk.interface}" if several else "")

    def chunk(self, link: int, data: bytes, order: str) -> Chunk | None:
        """The octets of the line in one packet; None where it carries none."""
        transfer = _usbpcap(data) if link == USBPCAP else _usbmon(data, order, link == USB_LINUX_MMAPPED)
        if transfer is None:
            return None
        adapter = self._devices.setdefault((transfer.bus, transfer.device), Adapter())
        if transfer.kind == CONTROL:
            self._learn(adapter, transfer)
            return None
        if transfer.kind != BULK:
            return None
        interface = adapter.interface(transfer.endpoint | (INWARD if transfer.inward else 0))
        if transfer.done != transfer.inward or not transfer.data:
            return None
        octets = transfer.data
        if transfer.inward and adapter.kind in ("", "FTDI"):
            octets = self._without_status(adapter, transfer)
        if not octets:
            return None
        return Chunk(transfer.bus, transfer.device, interface, transfer.inward, octets)

    def _without_status(self, adapter: Adapter, transfer: Transfer) -> bytes:
        """The octets of an IN transfer of FTDI. A device that nobody has named is FTDI as long as all look like it."""
        size = adapter.packet.get(transfer.endpoint | INWARD) or _packet_size(transfer.data)
        parts = [transfer.data[at : at + size] for at in range(0, len(transfer.data), size)]
        if not adapter.kind:
            # Bits 0 to 3 of the modem status are fixed at 1 (full speed) or 2 (high speed); of the line status few are set.
            if any(len(part) < STATUS or part[0] & 0x0F not in (1, 2) or part[1] & 0x8F for part in parts):
                adapter.doubtful += 1
            if adapter.doubtful:
                return transfer.data
        return b"".join(part[STATUS:] for part in parts)

    def _learn(self, adapter: Adapter, transfer: Transfer) -> None:
        """Reads what a device is from its descriptors, or from what its driver asks of it."""
        setup = transfer.setup
        if not transfer.done and len(setup) == 8:
            if len(self._asked) >= MOST_PENDING:
                self._asked.pop(next(iter(self._asked)))
            self._asked[transfer.ident] = setup
            request = (setup[0], setup[1])
            kind = REQUESTS.get(request)
            if kind and (not adapter.kind or (adapter.kind == "CDC-ACM" and request not in SHARED_REQUESTS)):
                adapter.kind = kind
        elif transfer.done:
            asked = self._asked.pop(transfer.ident, setup)
            if asked[:2] == bytes([0x80, GET_DESCRIPTOR]):
                _describe(adapter, transfer.data)


def _packet_size(data: bytes) -> int:
    """Octets of a packet where no descriptor was captured: long transfers repeat their status at each."""
    repeats = len(data) > FULL_SPEED_PACKET and data[FULL_SPEED_PACKET : FULL_SPEED_PACKET + STATUS] == data[:STATUS]
    return FULL_SPEED_PACKET if repeats else HIGH_SPEED_PACKET


def _describe(adapter: Adapter, data: bytes) -> None:
    """Device and configuration descriptors: the vendor, classes of interfaces, their bulk endpoints, sizes of packets."""
    at = interface = 0
    settled = bool(adapter.interfaces)  # a line that has begun does not change its interface
    while at + 2 <= len(data) and data[at] >= 2:
        size, kind, body = data[at], data[at + 1], data[at : at + data[at]]
        if kind == DEVICE and len(body) >= 12:
            vendor = VENDORS.get(int.from_bytes(body[8:10], "little"))
            if vendor or body[4] == CDC_COMMUNICATION:
                adapter.kind = vendor or "CDC-ACM"
        elif kind == INTERFACE and len(body) >= 9:
            interface = body[2]
            if body[5] in (CDC_COMMUNICATION, CDC_DATA) and not adapter.kind:
                adapter.kind = "CDC-ACM"
        elif kind == ENDPOINT and len(body) >= 7:
            if body[3] & 3 == BULK_ENDPOINT and not settled:
                adapter.interfaces[body[2] & (INWARD | 0x0F)] = interface
            adapter.packet[body[2]] = max(STATUS + 1, int.from_bytes(body[4:6], "little") & 0x7FF)
        at += size


def _usbmon(data: bytes, order: str, mapped: bool) -> Transfer | None:
    """The header of usbmon, in the byte order of the machine: 48 octets, or 64 where it was memory-mapped."""
    size = 64 if mapped else 48
    if len(data) < size:
        return None
    ident, event, kind, endpoint, device, bus, no_setup = Struct(order + "QBBBBHB").unpack_from(data)
    (present,) = Struct(order + "I").unpack_from(data, 36)
    setup = data[40:48] if kind == CONTROL and not no_setup else b""
    payload = data[size : size + present] if data[15] == 0 else b""  # data_flag 0: the data are there
    done = event == 0x43  # C, completion; S submission; E error
    if event not in (0x43, 0x53):
        return None
    return Transfer(ident, kind, bus, device, endpoint & 0x7F, bool(endpoint & 0x80), done, setup, payload)


def _usbpcap(data: bytes) -> Transfer | None:
    """The header of USBPcap, always little-endian; the setup packet stands before the data."""
    if len(data) < 27:
        return None
    size, ident, _, _, info, bus, device, endpoint, kind, present = _USBPCAP(data)
    payload = data[size : size + present]
    done = bool(info & 1)  # from the device up to the driver of its function
    setup = b""
    if kind == CONTROL and not done:
        setup, payload = payload[:8], payload[8:]
    return Transfer(ident, kind, bus, device, endpoint & 0x7F, bool(endpoint & 0x80), done, setup, payload)
