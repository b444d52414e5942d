"""How a conversation is written down: the logs of tools and the captures of networks, each read back by the public reader.

Every writer takes traces, several of them one behind the other, and gives the bytes of one input.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from random import Random
from types import SimpleNamespace

from analyzer.model import Record, Trace
from analyzer.sources import read_input
from tests import serial_logs
from tests.lab.packets import pcap, pcapng

START = datetime(2026, 11, 26, 10, 0, 0)
Lines = Callable[[Trace], str]
ONE_SIDED = ("hdlc", "mbus", "none")  # carriers of pushes that a port gives as octets alone
SERIAL, NETWORK = ("hdlc", "mode-e", "mbus"), {"wrapper": "tcp", "udp": "udp", "hdlc": "tcp"}


def when(record: Record) -> datetime:
    return START + timedelta(seconds=record.seconds or 0)


def arrow(record: Record, client: str, meter: str) -> str:
    return client if record.direction == "client" else meter


def director(trace: Trace) -> str:
    """As GXDLMSDirector shows it."""
    return "".join(
        f"{when(r):%H:%M:%S}.{when(r).microsecond // 1000:03d}\t{arrow(r, 'TX', 'RX')}: {r.data.hex(' ').upper()}\n"
        for r in trace
    )


def python_log(trace: Trace) -> str:
    """As a Python library logs bytes."""
    return "".join(
        f"{when(r):%Y-%m-%d %H:%M:%S},{when(r).microsecond // 1000:03d} DEBUG {arrow(r, 'Sending', 'Received')}: {r.data!r}\n"
        for r in trace
    )


def compact(trace: Trace) -> str:
    """Digits without spaces behind arrows."""
    return "".join(f"{arrow(r, '-->', '<--')} {r.data.hex()}\n" for r in trace)


def dump(trace: Trace) -> str:
    """Rows of sixteen with offsets and characters, below a label."""
    made = ""
    for r in trace:
        made += f"[{when(r):%H:%M:%S.%f}] {arrow(r, 'Send', 'Receive')} ({len(r.data)} bytes):\n"
        for at in range(0, len(r.data), 16):
            part = r.data[at : at + 16]
            shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in part)
            made += f"{at:04x}   {part.hex(' '):47}   {shown}\n"
        made += "\n"
    return made


def table(trace: Trace) -> str:
    """Comma separated, with the data in quotes."""
    return "time,dir,data\n" + "".join(
        f'{when(r):%H:%M:%S.%f},{arrow(r, "TX", "RX")},"{r.data.hex(" ").upper()}"\n' for r in trace
    )


def json_lines(trace: Trace) -> str:
    return "".join(
        json.dumps({"time": f"{when(r):%H:%M:%S.%f}", "dir": arrow(r, "TX", "RX"), "data": r.data.hex()}) + "\n"
        for r in trace
    )


def c_notation(trace: Trace) -> str:
    return "".join(
        f"{when(r):%H:%M:%S.%f} {arrow(r, 'Tx', 'Rx')}: " + ", ".join(f"0x{octet:02X}" for octet in r.data) + "\n"
        for r in trace
    )


def _of_tool(name: str) -> Lines:
    writer = serial_logs.WRITERS[name]
    return lambda trace: writer(SimpleNamespace(records=list(trace)))  # type: ignore[arg-type]


# Logs line by line, with the times of the conversation or without, and those of programs that watch a serial port.
TIMED: dict[str, Lines] = {
    "director": director, "python log": python_log, "dump": dump, "csv": table, "json": json_lines, "0x": c_notation,
}  # fmt: skip
UNTIMED: dict[str, Lines] = {"compact": compact}
TOOLS = (
    "docklight",
    "hterm",
    "eltima",
    "device monitoring studio",
    "hhd serial monitor",
    "socat -x",
    "interceptty",
    "saleae logic 2",
)
WATCHED: dict[str, Lines] = {name: _of_tool(name) for name in TOOLS}
TEXTS = {**TIMED, **UNTIMED, **WATCHED}


def forms_of(framing: str, timed: bool = False, network: bool = True) -> tuple[str, ...]:
    """The forms that a conversation of this carrier can have; `timed`: only those that keep its times; `network`: captures
    too, which a reader takes for DLMS only where something in them is."""
    texts = [*TIMED, *([] if timed else UNTIMED), *(WATCHED if framing in SERIAL and not timed else ())]
    return (*texts, *(("pcap", "pcapng", "pcap", "pcapng") if framing in NETWORK and network else ()))


def written(traces: Sequence[Trace], form: str, framing: str, chance: Random) -> bytes:
    """One input with these traces, a heading before each where there are several."""
    if form in ("pcap", "pcapng"):
        write = pcap if form == "pcap" else pcapng
        return write(
            [list(trace) for trace in traces], NETWORK[framing], 4059 if framing in ("wrapper", "udp") else 4001, chance
        )
    writer = TEXTS[form]
    if len(traces) == 1:
        return writer(traces[0]).encode()
    return "".join(f"## Session {n}\n\n{writer(trace)}\n" for n, trace in enumerate(traces, 1)).encode()


def through(trace: Trace, form: str, framing: str, seed: int) -> Trace:
    """The trace as the public reader has it from this form. Raises ValueError where it makes another number of it."""
    (read,) = read_input(written([trace], form, framing, Random(seed)), "lab")
    return read


def raw(trace: Trace) -> bytes:
    """What a port gave, octet after octet, nobody's name to it."""
    return b"".join(record.data for record in trace)


def same_octets(first: Trace, second: Trace) -> bool:
    """Whether both have the same octets of each side in the same order, however they are cut into records."""
    return _turns(first) == _turns(second)


def _turns(trace: Trace) -> list[tuple[str, bytes]]:
    made: list[tuple[str, bytes]] = []
    for record in trace:
        if made and made[-1][0] == record.direction:
            made[-1] = (record.direction, made[-1][1] + record.data)
        else:
            made.append((record.direction, record.data))
    return made
