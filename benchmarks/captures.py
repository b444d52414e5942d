"""Reading and reassembling a capture of 100,000 packets, as whole processes with their start-up, and the memory it takes.

Against pyshark with JSON, which dissects the packets by tshark, and against `tshark -r`, which prints a line for each.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import Row
from tests import captured
from tests.captured import Connection
from tests.support import CLOCK, GET_CLOCK, wrapped

ROOT = Path(__file__).parents[1]
PACKETS = 100_000
SHARE = 20  # pyshark reads this part of the file, and its time is taken that many times: all of it takes minutes
OURS = """
import sys
from analyzer.sources.pcap.capture import read_capture
octets = sum(len(r.data) for t in read_capture(open(sys.argv[1], "rb", buffering=0), "x") for r in t)
status = open("/proc/self/status").read()  # the peak of this program alone, and not of what started it
print(octets, int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""
PYSHARK = """
import asyncio, os, sys, pyshark
capture = pyshark.FileCapture(sys.argv[1], eventloop=asyncio.new_event_loop(), use_json=True, keep_packets=False)
octets = 0
try:
    for packet in capture:
        if "TCP" in packet and hasattr(packet.tcp, "payload"):
            octets += len(str(packet.tcp.payload)) // 3 + 1
except pyshark.capture.capture.TSharkCrashException:
    pass  # it kills its tshark at the end, and now and then takes that for a crash
print(octets, flush=True)
os._exit(0)  # its destructor complains about the loop otherwise
"""
READ = """
import sys
from analyzer.decoding import decode
from analyzer.framing import pieces_of
from analyzer.sources.pcap.capture import read_capture
traces = read_capture(open(sys.argv[1], "rb", buffering=0), "x")
"""
CUT = READ + "print(sum(piece.framing == 'wrapper' for trace in traces for piece in pieces_of(trace)))"
DECODED = READ + "print(sum(message.layer is not None for trace in traces for message in decode(trace)))"


def capture(packets: int, port: int = 50000) -> tuple[bytes, int]:
    """A pcap with Ethernet of about so many packets, ten connections in turn, and the octets of their payloads."""
    request, answer = wrapped(GET_CLOCK, 16, 1), wrapped(CLOCK, 1, 16)
    reads = packets // 10 // 4
    queues = []
    for number in range(10):
        connection = Connection((("10.1.0.5", port + number), captured.METER))
        for _ in range(reads):
            connection.say(0, request).say(1, answer)
        queues.append(connection.datagrams())
    datagrams = [datagram for turn in zip(*queues, strict=True) for datagram in turn]
    octets = 10 * reads * (len(request) + len(answer))
    return captured.pcap(captured.timed(datagrams, captured.ethernet, 10_000), 1), octets


def seconds(command: list[str]) -> tuple[float, str]:
    """Wall time of a process, and what it said."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return time.perf_counter() - started, done.stdout


def rows() -> list[Row]:
    """The rows of the table; those that need tshark only where it is."""
    with tempfile.TemporaryDirectory() as folder:
        path, part, long = (Path(folder) / name for name in ("capture.pcap", "part.pcap", "long.pcap"))
        made, octets = capture(PACKETS)
        path.write_bytes(made)
        with long.open("wb") as file:
            for turn in range(10):
                file.write(capture(PACKETS, 20000 + 10 * turn)[0][24 if turn else 0 :])
        ours, theirs, found = [], [], []
        tshark = shutil.which("tshark")
        for _ in range(5):
            spent, said = seconds([sys.executable, "-c", OURS, str(path)])
            assert int(said.split()[0]) == octets, "octets are missing"
            ours.append(spent)
            found.append(int(said.split()[1]))
            theirs.append(seconds([tshark, "-r", str(path)])[0] if tshark else float("nan"))
        peak = int(seconds([sys.executable, "-c", OURS, str(long)])[1].split()[1])
        mine = statistics.median(ours)
        made_rows: list[Row] = [
            Row(
                f"memory for a capture of {PACKETS:,} packets, and for one ten times as long",
                f"{max(found):6} MB  ({peak} MB for the longer one)",
                "under 100 MB",
                max(found) < 100 and peak < 100,
                {"megabytes": max(found), "megabytes_of_ten": peak},
            )
        ]
        if not tshark:
            return made_rows
        made, octets = capture(PACKETS // SHARE)
        part.write_bytes(made)
        dissected = [seconds([sys.executable, "-c", PYSHARK, str(part)]) for _ in range(3)]
        assert {int(said) for _, said in dissected} == {octets}, "the two do not agree"
        slow = statistics.median(spent for spent, _ in dissected) * SHARE
        reader = statistics.median(theirs)
        words = (
            f"{slow / mine:6.1f}x  ({mine:.2f} s, {PACKETS / mine / 1000:.0f}k packets/s, against about {slow:.0f} s)"
        )
        name = "reading that capture, over pyshark with JSON"
        made_rows.append(Row(name, words, "at least 15x", slow / mine >= 15, {"ratio": slow / mine}))
        for name, script, least in (
            ("that capture to messages, cut out of the connections", CUT, 15.0),
            ("that capture to messages, decoded, which pyshark does not do", DECODED, 0.0),
        ):
            whole, said = zip(*(seconds([sys.executable, "-c", script, str(path)]) for _ in range(3)), strict=True)
            assert {int(count) for count in said} == {PACKETS // 10 // 4 * 10 * 2}, "messages are missing"
            spent = statistics.median(whole)
            words = f"{slow / spent:6.1f}x  ({spent:.2f} s against about {slow:.0f} s)"
            promised, kept = f"at least {least:g}x" if least else "", slow / spent >= least
            made_rows.append(Row(f"{name}, over pyshark with JSON", words, promised, kept, {"ratio": slow / spent}))
        words = f"{reader / mine:6.1f}x  ({mine:.2f} s against {reader:.2f} s)"
        name = "reading that capture, over tshark -r"
        made_rows.append(Row(name, words, "at least 1x", reader / mine >= 1, {"ratio": reader / mine}))
        return made_rows
