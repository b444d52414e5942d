"""USB captures of serial adapters: usbmon and USBPcap, each chip, with and without its descriptors in the capture."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import BytesIO

import pytest

from analyzer.decoding import decode
from analyzer.model import Trace
from analyzer.sources.pcap.capture import read_capture
from tests import captured
from tests.captured import bulk, device_descriptor, ftdi
from tests.support import plain

TALK = [(0 if record.direction == "client" else 1, record.data) for record in plain().records]
EXPECTED = [("client" if side == 0 else "meter", data) for side, data in TALK]


def usbmon_short(*arguments: object, **named: object) -> bytes:
    return captured.usbmon(*arguments, **named, mapped=False)  # type: ignore[arg-type]


FORMATS: list[tuple[int, Callable[..., bytes]]] = [(220, captured.usbmon), (189, usbmon_short), (249, captured.usbpcap)]
IDS = ["usbmon, mapped", "usbmon", "USBPcap"]


def read(packets: list[bytes], link: int) -> Trace:
    made = captured.pcap(captured.timed(packets), link)
    (trace,) = read_capture(BytesIO(made), "usb.pcap")
    return trace


def enumerated(maker: Callable[..., bytes], vendor: int, kind: int = 0) -> list[bytes]:
    setup = bytes.fromhex("8006000100001200")
    return [maker(1, False, 2, 0x80, b"", setup), maker(1, True, 2, 0x80, device_descriptor(vendor, kind=kind))]


@pytest.mark.parametrize(("link", "maker"), FORMATS, ids=IDS)
@pytest.mark.parametrize(
    ("vendor", "kind", "name"),
    [(0x10C4, 0, "CP210x"), (0x067B, 0, "PL2303"), (0x1A86, 0, "CH34x"), (0x1234, 2, "CDC-ACM")],
)
def test_adapters_that_carry_the_octets_as_they_are(
    link: int, maker: Callable[..., bytes], vendor: int, kind: int, name: str
) -> None:
    trace = read(enumerated(maker, vendor, kind) + bulk(maker, TALK), link)
    assert [(record.direction, record.data) for record in trace] == EXPECTED
    assert trace.name == f"USB 1.5 {name}"


@pytest.mark.parametrize(("link", "maker"), FORMATS, ids=IDS)
@pytest.mark.parametrize("named", [True, False])
def test_ftdi_puts_its_status_before_each_packet(link: int, maker: Callable[..., bytes], named: bool) -> None:
    """Also where the device was plugged in before the capture began, and long transfers of several packets."""
    long = plain(reads=1)
    long.link(0x10, bytes.fromhex("E6E700C401C1000981C8") + random.Random(2).randbytes(200), to_server=False)
    talk = [(0 if record.direction == "client" else 1, record.data) for record in long.records]
    idle = [maker(90 + n, done, 3, 0x81, b"\x01\x60") for n in range(4) for done in (False, True)]
    packets = (enumerated(maker, 0x0403) if named else []) + idle + bulk(maker, talk, ftdi)
    trace = read(packets, link)
    assert [record.data for record in trace] == [record.data for record in long.records]
    assert trace.name == ("USB 1.5 FTDI" if named else "USB 1.5")


@pytest.mark.parametrize(
    ("request_", "name"),
    [("4003384100000000", "FTDI"), ("411e000000000400", "CP210x"), ("4001000061000000", "PL2303"), ("40a1000000000000", "CH34x"), ("2120000000000700", "CDC-ACM")],
)  # fmt: skip
def test_the_driver_tells_the_adapter(request_: str, name: str) -> None:
    setup = bytes.fromhex(request_)
    packets = [captured.usbmon(1, False, 2, 0, b"", setup), captured.usbmon(1, True, 2, 0, b"")]
    trace = read(packets + bulk(captured.usbmon, TALK, ftdi if name == "FTDI" else lambda data: data), 220)
    assert [(record.direction, record.data) for record in trace] == EXPECTED
    assert trace.name == f"USB 1.5 {name}"


TWO_PORTS = [((0x02, 0x81), (0x04, 0x83)), ((0x01, 0x81), (0x02, 0x82)), ((0x03, 0x81), (0x01, 0x84))]


def two_lines(first: tuple[int, int], second: tuple[int, int], chip: Callable[[bytes], bytes]) -> list[bytes]:
    """Two meters read at once, packet by packet in turns."""
    lines = [bulk(captured.usbmon, TALK, chip, ends) for ends in (first, second)]
    return [packet for pair in zip(*lines, strict=True) for packet in pair]


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("ends", TWO_PORTS)
def test_each_interface_of_an_adapter_is_a_trace(
    ends: tuple[tuple[int, int], tuple[int, int]], described: bool
) -> None:
    """FT2232, CP2105 and their like: two lines on one device. Without descriptors, endpoints of unlike numbers cannot be
    paired otherwise than in the order in which they are used."""
    ftdi_like = ends == TWO_PORTS[0]
    packets = two_lines(*ends, ftdi if ftdi_like else lambda data: data)
    if described:
        setup = bytes.fromhex("8006000200000900")
        configuration = captured.configuration_descriptor(ends)
        device = enumerated(captured.usbmon, 0x0403 if ftdi_like else 0x10C4)
        asked = [captured.usbmon(2, done, 2, 0x80, configuration if done else b"", setup) for done in (False, True)]
        packets = [*device, *asked, *packets]
    made = captured.pcap(captured.timed(packets), 220)
    found = read_capture(BytesIO(made), "usb.pcap")
    assert [[(record.direction, record.data) for record in trace] for trace in found] == [EXPECTED, EXPECTED]
    kind = (" FTDI" if ftdi_like else " CP210x") if described else ""
    second = f"USB 1.5{kind} interface 1"
    assert [trace.name for trace in found] == [f"USB 1.5{kind} interface 0" if described else "USB 1.5", second]


def test_an_adapter_of_one_line_has_any_pair_of_endpoints() -> None:
    """PL2303 sends on 02 and receives on 83, CDC-ACM on 01 and 82."""
    for ends in ((0x02, 0x83), (0x01, 0x82), (0x02, 0x82), (0x03, 0x81)):
        trace = read(bulk(captured.usbmon, TALK, endpoints=ends), 220)
        assert [(record.direction, record.data) for record in trace] == EXPECTED
        assert trace.name == "USB 1.5"


def test_frames_in_pieces_decode_to_the_same_messages() -> None:
    """A read of a serial port gives what there is: a few octets at a time."""
    pieces = [(side, data[at : at + 5]) for side, data in TALK for at in range(0, len(data), 5)]
    trace = read(bulk(captured.usbmon, pieces), 220)
    assert [m.wire for m in decode(trace)] == [m.wire for m in decode(plain().trace())]


def test_other_devices_are_left_out() -> None:
    stick = [captured.usbmon(n, False, 3, 0x02, random.Random(n).randbytes(512), device=9) for n in range(40)]
    made = captured.pcap(captured.timed(stick + bulk(captured.usbmon, TALK)), 220)
    (trace,) = read_capture(BytesIO(made), "usb.pcap")
    assert [(record.direction, record.data) for record in trace] == EXPECTED
    assert [issue.text[:43] for issue in trace.issues] == ["1 other connection without DLMS left out; -"]


def test_transfers_cut_anywhere_raise_nothing() -> None:
    for link, maker in FORMATS:
        for whole in enumerated(maker, 0x0403) + bulk(maker, TALK[:3], ftdi):
            for size in range(len(whole)):
                assert read([whole[:size], *bulk(maker, TALK)], link).name
