"""A long log of frames in hexadecimal against the least that reading it takes: to split each line of one known form, and
`bytes.fromhex` of the rest. Its memory is measured as well, which must not grow with it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from mmap import ACCESS_READ, mmap
from pathlib import Path

from analyzer.inputs import open_traces
from benchmarks.index import stream
from benchmarks.measure import Row, in_turn

ROOT = Path(__file__).parents[1]
LINES = 50_000
LONG = 1_000_000
MOST, MEMORY = 30, 40  # times the time of the plain loop; megabytes
PRIVATE = """
import sys
from analyzer.inputs import open_traces
def private():
    return int(open("/proc/self/status").read().partition("RssAnon:")[2].split()[0]) // 1024
before = private()
traces = open_traces(sys.argv[1])
print(len(traces[0]), private() - before)
"""


def log(dump: Path, lines: int) -> Path:
    """A log of the frames of a dump that `stream` made, one in each line, with the time and the direction before it."""
    path = dump.with_suffix(".log")
    with dump.open("rb") as file, path.open("w") as made, mmap(file.fileno(), 0, access=ACCESS_READ) as octets:
        at = 0
        for number in range(lines):
            end = at + 2 + (octets[at + 1] << 8 & 0x700 | octets[at + 2])
            second, thousandth = divmod(number * 37, 1000)
            clock = f"{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{thousandth:03}"
            side = "TX" if number % 2 == 0 else "RX"
            line = f"2026-11-{1 + second // 86400:02} {clock} {side}: {octets[at:end].hex(' ').upper()}"
            made.write(line + "\n")
            at = end
    return path


def least(path: Path) -> list[bytes]:
    """The octets of each line, by one who knows how they are written."""
    with path.open() as file:
        return [bytes.fromhex(line.rpartition(": ")[2]) for line in file]


def rows() -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        dump = Path(folder) / "stream.bin"
        stream(LINES, dump)
        short = log(dump, LINES)
        (trace,) = open_traces(str(short))
        assert [record.data for record in trace] == least(short)
        assert b"".join(least(short)) == dump.read_bytes()
        assert (trace[1].direction, trace[1].time) == ("meter", "2026-11-01 00:00:00.037")
        ours, plain, ratio = in_turn(lambda: open_traces(str(short)), lambda: least(short), 5)
        figure = f"{1 / ratio:6.1f}x  ({ours / LINES * 1e6:.1f} against {plain / LINES * 1e6:.2f} µs)"
        promised = f"at most {MOST}x"
        name = "line of a log with time and direction read, over bytes.fromhex of its octets alone"
        made = [Row(name, figure, promised, 1 / ratio <= MOST, {"ratio": 1 / ratio, "ours_seconds": ours / LINES})]
        stream(LONG, dump)
        long = log(dump, LONG)
        said = subprocess.run(
            [sys.executable, "-c", PRIVATE, str(long)], capture_output=True, check=True, cwd=ROOT
        ).stdout
        count, memory = map(int, said.split())
        assert count == LONG
        name = f"memory of the records of a log of {LONG:,} lines, {long.stat().st_size / 1e6:.0f} MB, beyond the mapped file"
        made.append(Row(name, f"{memory:6} MB", f"under {MEMORY} MB", memory < MEMORY, {"octets": memory << 20}))
        return made
