"""The index of a long HDLC stream against a scanner compiled from C, and how time and memory grow with the stream.

Both read the same mapped file and give the same columns; they are compared before they are timed. The scanner is built with
gcc here (`scanner.c`) and is no part of what is shipped.
"""

from __future__ import annotations

import ctypes
import mmap
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from analyzer.index.trace import TraceIndex, index_of
from analyzer.model import Record
from benchmarks import captures
from benchmarks.commands import command
from grammars.hdlc import crc16_x25

HERE = Path(__file__).parent
FRAMES = 1_000_000
ROUNDS = 7
OVERVIEW, OVERVIEW_PCAP = 2, 4  # seconds, with the start of the command
PACKET_ROUNDS = 3  # tshark takes its time
Row = tuple[str, str, str, bool]
COMPARED = ("start", "length", "control", "tag", "security", "counter", "side")
OURS = """
import mmap, sys
from benchmarks import captures
from analyzer.index.trace import index_of
from analyzer.model import Record
def private():
    status = open("/proc/self/status").read()  # what is this program's own, without the pages of the mapped file
    return int(status.partition("RssAnon:")[2].split()[0]) // 1024
with open(sys.argv[1], "rb") as file:
    data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    before = private()
    index = index_of([Record(1, data)])
    print(len(index), private() - before)
"""


def frame(destination: bytes, source: bytes, control: int, information: bytes) -> bytes:
    """A frame with both flags."""
    head = destination + source + bytes([control])
    length = 2 + len(head) + 2 + (len(information) + 2 if information else 0)
    body = (0xA000 | length).to_bytes(2, "big") + head
    if information:
        body += crc16_x25(body).to_bytes(2, "little") + information
    return b"\x7e" + body + crc16_x25(body).to_bytes(2, "little") + b"\x7e"


def stream(frames: int, path: Path) -> None:
    """A file with so many frames: reads of registers, plain and ciphered, with an RR now and then; some 45 octets each."""
    client, meter = b"\x03", b"\x02\x23"
    with path.open("wb") as file:
        for block in range(0, frames, 10_000):
            made = bytearray()
            for number in range(block, min(frames, block + 10_000)):
                turn, sequence = number & 1, number // 2 % 8
                control = 0x10 | sequence << 1 | sequence << 5
                if number % 20 == 19:
                    made += frame(client, meter, 0x11 | sequence << 5, b"")
                elif number % 4 < 2:
                    text = number.to_bytes(4, "big") * 8
                    apdu = (
                        (b"\xcc" if turn else b"\xc8") + bytes([5 + len(text), 0x30]) + number.to_bytes(4, "big") + text
                    )
                    made += frame(
                        *((client, meter) if turn else (meter, client)),
                        control,
                        b"\xe6\xe7\x00" + apdu if turn else b"\xe6\xe6\x00" + apdu,
                    )
                elif turn:
                    made += frame(
                        client, meter, control, b"\xe6\xe7\x00\xc4\x01\xc1\x00\x09\x20" + number.to_bytes(4, "big") * 8
                    )
                else:
                    made += frame(meter, client, control, bytes.fromhex("E6E600C001C100030100010800FF0200"))
            file.write(made)


def scanner(folder: Path) -> ctypes.CDLL | None:
    """The scanner, compiled; None without gcc."""
    gcc = shutil.which("gcc")
    if gcc is None:
        return None
    built = folder / "scanner.so"
    subprocess.run([gcc, "-O2", "-shared", "-fPIC", str(HERE / "scanner.c"), "-o", str(built)], check=True)
    library = ctypes.CDLL(str(built))
    library.scan.restype = ctypes.c_long
    library.prepare()
    return library


def scanned(library: ctypes.CDLL, data: mmap.mmap) -> tuple[float, dict[str, np.ndarray]]:
    """Seconds, and the columns."""
    kinds = {
        "start": "u8", "length": "u4", "addresses": "u8", "control": "u1", "tag": "u1", "security": "u1",
        "counter": "u4", "flags": "u1", "side": "u1",
    }  # fmt: skip
    octets = np.frombuffer(data, dtype=np.uint8)
    started = time.perf_counter()
    arrays = {name: np.empty(FRAMES + 1, dtype=kind) for name, kind in kinds.items()}
    found = library.scan(
        ctypes.c_void_p(octets.ctypes.data),
        ctypes.c_size_t(len(octets)),
        ctypes.c_long(FRAMES + 1),
        *(ctypes.c_void_p(array.ctypes.data) for array in arrays.values()),
    )
    return time.perf_counter() - started, {name: array[:found] for name, array in arrays.items()}


def indexed(data: mmap.mmap) -> tuple[float, TraceIndex]:
    """Seconds, and the index."""
    started = time.perf_counter()
    index = index_of([Record(1, data)])  # type: ignore[arg-type]
    return time.perf_counter() - started, index


def rows() -> list[Row]:
    """The rows of the table."""
    return [*frames_rows(), *packets_row()]


def frames_rows() -> list[Row]:
    """The index of HDLC frames."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream.bin"
        stream(FRAMES, path)
        library = scanner(Path(folder))
        found, private = map(
            int,
            subprocess.run(
                [sys.executable, "-c", OURS, str(path)], capture_output=True, text=True, check=True, cwd=HERE.parent
            ).stdout.split(),
        )
        assert found == FRAMES
        made = [
            (
                f"memory of the index of {FRAMES:,} HDLC frames, beyond the mapped file",
                f"{private:6} MB",
                "under 60 MB",
                private < 60,
            )
        ]
        made.append(command(f"dlmscope overview of {FRAMES:,} HDLC frames", ["overview", str(path)], OVERVIEW)[:4])
        if library is None:
            return made
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            _, theirs = scanned(library, data)
            _, index = indexed(data)
            assert len(index) == FRAMES == len(theirs["start"])
            plain = theirs["side"] != 0  # the scanner does not know who sends an RR
            for name in COMPARED:
                same = index.columns[name][:] == theirs[name]
                assert (same | ~plain if name == "side" else same).all(), f"the two do not agree about {name}"
            pairs = [(scanned(library, data)[0], indexed(data)[0]) for _ in range(ROUNDS)]
            del index
        c, ours = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
        ratio = statistics.median(pair[1] / pair[0] for pair in pairs)
        size = path.stat().st_size / 1e6
        words = f"{ratio:6.1f}x  ({ours * 1000:.0f} against {c * 1000:.0f} milliseconds, {size:.0f} MB)"
        made.append(
            (f"index of {FRAMES:,} HDLC frames, over a scanner compiled from C", words, "at most 3x", ratio <= 3)
        )
        return made


def packets_row() -> list[Row]:
    """A capture of 1,000,000 packets into the records of its connections, against the summary that tshark prints of it."""
    tshark = shutil.which("tshark")
    if tshark is None:
        return []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.pcap"
        octets = 0
        with path.open("wb") as file:
            for turn in range(FRAMES // captures.PACKETS):
                made, carried = captures.capture(captures.PACKETS, 20000 + 10 * turn)
                file.write(made[24 if turn else 0 :])
                octets += carried
        pairs = []
        for _ in range(PACKET_ROUNDS):
            spent, said = captures.seconds([sys.executable, "-c", captures.OURS, str(path)])
            assert int(said.split()[0]) == octets, "octets are missing"
            pairs.append((captures.seconds([tshark, "-r", str(path)])[0], spent))
        theirs, ours = (statistics.median(pair[n] for pair in pairs) for n in (0, 1))
        ratio = statistics.median(pair[0] / pair[1] for pair in pairs)
        words = f"{ratio:6.1f}x  ({ours:.2f} against {theirs:.2f} s)"
        return [
            (f"pcap of {FRAMES:,} packets indexed, over tshark -r", words, "at least 3x", ratio >= 3),
            command(f"dlmscope overview of that pcap, {FRAMES:,} packets", ["overview", str(path)], OVERVIEW_PCAP)[:4],
        ]


if __name__ == "__main__":
    for row in rows():
        print(*row[:3], "kept" if row[3] else "MISSED", sep="  ")
