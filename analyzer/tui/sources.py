"""The kinds of sources that can be watched, the fields that each needs, and the sources that they make. No Textual."""

from __future__ import annotations

import os
import socket

from analyzer.inputs import followed
from analyzer.model import Direction
from analyzer.recording.serial_port import FRAMES, Settings
from analyzer.sources import InputError
from analyzer.watching import Watched, address_of
from analyzer.watching.interface import Interface
from analyzer.watching.passing import SerialPort, TcpProxy

Given = dict[str, str]
HINTS = 6  # names of interfaces and ports that are shown
RECORD = "dlmscope-%Y%m%d-%H%M%S.pcapng"
# Kind, title, what it is; and its fields: name, title, text to begin with, hint. Hints of those that may be empty say so.
KINDS: tuple[tuple[str, str, str, tuple[tuple[str, str, str, str], ...]], ...] = (
    ("file", "File", "a capture, a log or a dump that somebody still writes", (("path", "Path", "", "path of the file"),)),
    ("interface", "Interface", "the network, by dumpcap of Wireshark", (
        ("name", "Interface", "", "eth0"),
        ("filter", "Filter", "tcp port 4059", "optional; a capture filter, as for tcpdump"))),
    ("serial", "Serial port", "a port listened to, or two bridged; recorded", (
        ("name", "Port", "", "COM5, /dev/ttyUSB0"),
        ("bridge", "Bridge to", "", "optional; the port towards the meter"),
        ("baud", "Speed", "9600", "bits a second"),
        ("frame", "Frame", "8N1", "8N1, 7E1"),
        ("direction", "Octets of", "unknown", "client, meter or unknown"),
        ("out", "Record to", RECORD, "optional; without it nothing is kept"))),
    ("proxy", "Proxy", "your software connects here, and on to the meter; recorded", (
        ("listen", "Listen on", "127.0.0.1:4059", "127.0.0.1:4059"),
        ("to", "Meter", "", "host:4059"),
        ("out", "Record to", RECORD, "optional; without it nothing is kept"))),
)  # fmt: skip


def source_of(kind: str, given: Given) -> Watched:
    """What is to be watched. Raises InputError, in one line, where something is missing or cannot be."""
    try:
        if kind == "file":
            path = os.path.expanduser(given["path"].strip("'\""))
            if not os.path.isfile(path.rpartition("#")[0] or path) and not os.path.isfile(path):
                raise InputError(f"{given['path']}: there is no such file" if given["path"] else "the path is missing")
            return followed(path)
        if kind == "interface":
            return Interface(_told(given["name"], "the interface"), given["filter"] or None)
        if kind == "serial":
            return _serial(given)
        to = address_of(_told(given["to"], "the address of the meter"))
        if not to[0]:
            raise InputError("the address of the meter needs a host")
        return TcpProxy(address_of(given["listen"]), to, given["out"])
    except ValueError as problem:
        raise InputError(str(problem)) from None


def _serial(given: Given) -> SerialPort:
    frame, baud, direction = given["frame"].upper(), given["baud"], given["direction"].lower() or "unknown"
    if frame not in FRAMES:
        raise InputError(f"the frame is one of {', '.join(FRAMES)}")
    if not baud.isdigit() or not int(baud):
        raise InputError("the speed is a number, such as 9600")
    sides: dict[str, Direction] = {"client": "client", "meter": "meter", "unknown": "unknown"}
    if direction not in sides:
        raise InputError("octets are those of the client, of the meter, or unknown")
    port = _told(given["name"], "the port")
    return SerialPort(port, Settings(int(baud), frame), sides[direction], given["bridge"], given["out"])


def _told(text: str, what: str) -> str:
    if not text:
        raise InputError(f"{what} is missing")
    return text


def interfaces() -> list[str]:
    """The interfaces of this machine, where it tells them."""
    try:
        return [name for _, name in socket.if_nameindex()]
    except (AttributeError, OSError):
        return []


def ports() -> list[str]:
    """The serial ports of this machine, where pyserial is installed."""
    try:
        from serial.tools.list_ports import comports
    except ImportError:
        return []
    return [port.device for port in comports()]
