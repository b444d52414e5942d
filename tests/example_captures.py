"""Builds the example captures of `captures/`: python -m tests.example_captures writes them anew.

All of it is made up here: addresses, titles, keys, values. Nothing is of a meter in service.
"""

from __future__ import annotations

from pathlib import Path

from tests import captured
from tests.captured import Connection
from tests.support import CLIENT, METER, Station, ciphered, plain

CAPTURES = Path(__file__).parents[1] / "captures"
OPERATOR, GATEWAY = ("192.0.2.10", 49812), ("192.0.2.77", 4059)  # RFC 5737: addresses for documentation
CONVERTER = ("192.0.2.80", 8899)


def wrapper_over_tcp() -> bytes:
    """HLS GMAC, everything authenticated and encrypted, and a segment that was sent twice."""
    connection = Connection((OPERATOR, GATEWAY))
    for record in ciphered("wrapper", Station(CLIENT, counter=41), Station(METER, counter=1200), reads=4).records:
        connection.say(0 if record.direction == "client" else 1, record.data)
    connection.close()
    again = next(index for index, sent in enumerate(connection.packets) if sent.side == 1 and len(sent.data) > 60)
    connection.packets.insert(again + 1, connection.packets[again])
    packets = captured.timed(connection.datagrams(), captured.ethernet, 3_000_000)
    return captured.pcapng(packets, 1)


def hdlc_over_tcp() -> bytes:
    """A converter from TCP to a serial line: frames in pieces, on a port of its own, beside a web page and a DNS query."""
    line = Connection((("192.0.2.10", 50110), CONVERTER))
    for record in plain(reads=3).records:
        line.say(0 if record.direction == "client" else 1, record.data, 16)
    page = Connection((("192.0.2.10", 50111), ("192.0.2.80", 80)))
    page.say(0, b"GET /status HTTP/1.1\r\nHost: 192.0.2.80\r\n\r\n").say(
        1, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    )
    query = captured.udp(40123, 53, bytes.fromhex("1A2B01000001000000000000") + b"\x05meter\x07example\0\0\1\0\1")
    datagrams = [captured.ipv4("192.0.2.10", "192.0.2.1", 17, query), *page.datagrams(), *line.close().datagrams()]
    # Two packets that the capture has in the wrong order.
    datagrams[-30], datagrams[-31] = datagrams[-31], datagrams[-30]
    return captured.pcap(captured.timed(datagrams, captured.ethernet, 3_000_000), 1)


def usb_serial() -> bytes:
    """An optical head with an FTDI adapter, by usbmon: plugged in, set to 9600 baud, read in pieces as they came."""
    maker = captured.usbmon
    setup = bytes.fromhex("8006000100001200")
    packets = [maker(1, False, 2, 0x80, b"", setup), maker(1, True, 2, 0x80, captured.device_descriptor(0x0403))]
    packets += [maker(2, False, 2, 0, b"", bytes.fromhex("4003384100000000")), maker(2, True, 2, 0, b"")]
    said = []
    for record in plain(reads=2).records:
        side = 0 if record.direction == "client" else 1
        step = 11 if side else len(record.data)
        said += [(side, record.data[at : at + step]) for at in range(0, len(record.data), step)]
        said += [(1, b"")] * (1 - side)  # the adapter answers with its status alone while the meter thinks
    packets += captured.bulk(maker, said, captured.ftdi)
    return captured.pcap(captured.timed(packets, step=2_000_000), 220)


EXAMPLES = {
    "wrapper-tcp/session.pcapng": wrapper_over_tcp,
    "hdlc-tcp/session.pcap": hdlc_over_tcp,
    "usb-serial/session.pcap": usb_serial,
}


def main() -> None:
    for name, build in EXAMPLES.items():
        (CAPTURES / name).write_bytes(build())


if __name__ == "__main__":
    main()
