"""A conversation as serial tools log it: each writer takes one and gives the text of that tool."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.support import Conversation

START = datetime(2026, 11, 26, 10, 0, 0)
STEP = 0.25  # seconds between records
BITS = 10 / 9600  # seconds of an octet at 9600 baud, 8N1


def columns(data: bytes) -> str:
    return "".join(chr(octet) if 32 <= octet < 127 else "." for octet in data)


def rows(data: bytes, indent: str, width: int = 50, upper: bool = True) -> str:
    made = ""
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        octets = part.hex(" ").upper() if upper else part.hex(" ")
        made += indent + octets.ljust(width) + columns(part) + "\n"
    return made


def when(number: int) -> datetime:
    return START + timedelta(seconds=STEP * number)


def interceptty(talk: Conversation) -> str:
    return "".join(
        f"{'>' if r.direction == 'client' else '<'} \t0x{octet:02x}{f' ({chr(octet)})' if 32 <= octet < 127 else ''}\n"
        for r in talk.records
        for octet in r.data
    )


def socat(talk: Conversation, verbose: bool = False) -> str:
    made, places = "", {"client": 0, "meter": 0}
    for n, r in enumerate(talk.records):
        start = places[r.direction]
        places[r.direction] += len(r.data)
        arrow = ">" if r.direction == "client" else "<"
        made += (
            f"{arrow} {when(n):%Y/%m/%d %H:%M:%S.%f}  length={len(r.data)} from={start} to={start + len(r.data) - 1}\n"
        )
        made += rows(r.data, " ", 49, upper=False) if verbose else " " + r.data.hex(" ") + "\n"
        made += "--\n"
    return made


def docklight(talk: Conversation) -> str:
    head = "Docklight Log File (HEX)   Started 11/26/2026 10:00:00.000\n\n"
    return head + "".join(
        f"{when(n):%m/%d/%Y %H:%M:%S}.{when(n).microsecond // 1000:03d} [{'TX' if r.direction == 'client' else 'RX'}] - "
        f"{r.data.hex(' ').upper()} \n"
        for n, r in enumerate(talk.records)
    )


def hterm(talk: Conversation) -> str:
    return "".join(
        f"{n:04d}: {when(n):%H:%M:%S}.{when(n).microsecond // 1000:03d} {'TX' if r.direction == 'client' else 'RX'} "
        f"{r.data.hex(' ').upper()}\n"
        for n, r in enumerate(talk.records)
    )


def eltima(talk: Conversation) -> str:
    rule = "-" * 82 + "\n"
    made = "[26/11/2026 10:00:00]\n1  IRP_MJ_CREATE - Opens a COM port (COM5)\n   STATUS_SUCCESS\n" + rule
    made += "[26/11/2026 10:00:00]\n3  IRP_MJ_DEVICE_CONTROL - Request operates a serial port\n   STATUS_SUCCESS\n"
    made += "         IOCTL_SERIAL_GET_BAUD_RATE - Returns the baud rate that is currently set for a COM port\n"
    made += "            BaudRate - 9600\n" + rule
    for n, r in enumerate(talk.records):
        what = "WRITE - Request transfers data from a client to a COM port"
        what = what if r.direction == "client" else "READ - Transfers data from a COM port to a client"
        made += f"[{when(n):%d/%m/%Y %H:%M:%S}]\n{n + 41}  IRP_MJ_{what}\n   STATUS_SUCCESS\n"
        made += rows(r.data, "         ") + rule
    return made


def monitoring_studio(talk: Conversation) -> str:
    made = ""
    for n, r in enumerate(talk.records, 1):
        what = "Write Request (DOWN)" if r.direction == "client" else "Read Request (UP)"
        made += f"{n:06d}: {what}, {when(n):%Y-%m-%d %H:%M:%S.%f}0 +0.2500000\n\n" + rows(r.data, " ") + "\n"
    return made


def serial_monitor(talk: Conversation) -> str:
    made = 'Port opened by process "meter.exe" (PID: 1234)\n\n'
    for n, r in enumerate(talk.records):
        what = "Request" if r.direction == "client" else "Answer"
        made += f"{what}: {when(n):%m/%d/%Y %I:%M:%S %p}.{when(n).microsecond // 10:05d} (+0.2500 seconds)\n\n"
        made += rows(r.data, " ") + "\n"
    return made


def termite(talk: Conversation) -> str:
    return "".join(rows(r.data, "", upper=False) for r in talk.records)


def realterm(talk: Conversation) -> str:
    return "".join(r.data.hex().upper() for r in talk.records)


def realterm_times(talk: Conversation) -> str:
    return "".join(
        f"{when(n):%Y-%m-%d %H:%M:%S.%f} {'TX' if r.direction == 'client' else 'RX'} {r.data.hex(' ').upper()}\n"
        for n, r in enumerate(talk.records)
    )


def timed(talk: Conversation) -> list[list[tuple[float, int]]]:
    """The octets of each record with the seconds at which they begin."""
    made, at = [], 0.05
    for r in talk.records:
        made.append([(at + n * BITS, octet) for n, octet in enumerate(r.data)])
        at += len(r.data) * BITS + 0.05
    return made


def _octets(talk: Conversation, line: Callable[[str, float, int], str]) -> str:
    sides = [r.direction for r in talk.records]
    return "".join(
        line(side, at, octet) for side, octets in zip(sides, timed(talk), strict=True) for at, octet in octets
    )


def saleae_1(talk: Conversation) -> str:
    head = "Time [s], Analyzer Name, Decoded Protocol Result\n"

    def line(side: str, at: float, octet: int) -> str:
        shown = {0x0D: "\\r", 0x0A: "\\n", 0x09: "\\t", 0x2C: "COMMA", 0x20: "' '"}.get(octet)
        shown = shown or (chr(octet) if 32 < octet < 127 else f"'{octet}'")
        return f"{at:.15f},{'TX of client' if side == 'client' else 'RX'},{shown} (0x{octet:02X})\n"

    return head + _octets(talk, line)


def saleae_2(talk: Conversation) -> str:
    return "name,type,start_time,duration,data,error\n" + _octets(
        talk,
        lambda side, at, octet: f'"{"TX" if side == "client" else "RX"}","data",{at:.9f},0.0009375,0x{octet:02X},\n',
    )


def sigrok(talk: Conversation) -> str:
    return _octets(talk, lambda side, at, octet: f"uart-1: {octet:02X}\n")


def sigrok_samples(talk: Conversation) -> str:
    return _octets(
        talk,
        lambda side, at, octet: (
            f"{at * 1e6:.0f}-{at * 1e6 + 937:.0f} uart-1: {'tx' if side == 'client' else 'rx'}-data: {octet:02X}\n"
        ),
    )


def pulseview(talk: Conversation) -> str:
    def line(side: str, at: float, octet: int) -> str:
        start, name = round(at * 1e6), "TX" if side == "client" else "RX"
        made = f"{start - 104}-{start} UART: {name} bits: Start bit\n"
        return made + f"{start}-{start + 833} UART: {name} data: {octet:02X}\n"

    return _octets(talk, line)


WRITERS: dict[str, Callable[[Conversation], str]] = {
    "interceptty": interceptty,
    "socat -x": socat,
    "socat -x -v": lambda talk: socat(talk, verbose=True),
    "docklight": docklight,
    "hterm": hterm,
    "eltima": eltima,
    "device monitoring studio": monitoring_studio,
    "hhd serial monitor": serial_monitor,
    "termite": termite,
    "realterm": realterm,
    "realterm with times": realterm_times,
    "saleae logic 1": saleae_1,
    "saleae logic 2": saleae_2,
    "sigrok": sigrok,
    "sigrok-samples": sigrok_samples,
    "pulseview": pulseview,
}
