"""Hostile sizes: each is a finding or a remark, within a second of processor time and 50 MB beyond the idle process."""

import subprocess
import sys
from pathlib import Path

import pytest
from support import frame, wrapped

ROOT = Path(__file__).parents[1]
SECONDS, MEGABYTES = 1.0, 50
MEASURE = """
import sys, time
sys.path[:0] = [".", "tests"]
import test_bounds
from support import diagnosed, peak_kibibytes
from analyzer.model import Record, Trace
from analyzer.decoding import decode
from analyzer.report.tree_text import render
from analyzer.report.summary import summary

def run(records):
    trace = Trace("t", "t", tuple(Record(n, data) for n, data in enumerate(records, 1)))
    said = 0
    for message in decode(trace):
        summary(message)
        said += len(render(message, False, 100)[:1_000_000])
    return diagnosed(trace), said

run([bytes.fromhex("0001000100100005C401C10000")])
idle = peak_kibibytes()
records = test_bounds.HOSTILE[sys.argv[1]]()
before = time.process_time()
diagnosis, said = run(records)
took, grown = time.process_time() - before, peak_kibibytes() - idle
print(took, grown / 1024, len(diagnosis.findings), sum(map(len, records)))
"""

PUSH = bytes.fromhex("0F0000000100")


def _push(body: bytes) -> list[bytes]:
    apdu = PUSH + body
    return [wrapped(apdu[:0xFFFF], 1, 16)]


def _blocks(count: int, size: int, last: bool = False) -> list[bytes]:
    """General block transfer that goes on and on."""
    made = []
    for number in range(1, count + 1):
        control = 0x80 if last and number == count else 0x40
        head = (
            bytes([0xE0, control]) + (number & 0xFFFF).to_bytes(2, "big") + b"\0\0" + b"\x82" + size.to_bytes(2, "big")
        )
        made.append(wrapped(head + bytes(size), 1, 16))
    return made


def _segments(count: int) -> list[bytes]:
    """HDLC segments none of which is the last."""
    return [frame(n % 8 << 1, bytes(100), to_server=False, more=True) for n in range(count)]


def _get_blocks(count: int, size: int) -> list[bytes]:
    made = []
    for number in range(1, count + 1):
        head = bytes([0xC4, 2, 0xC1, 0]) + number.to_bytes(4, "big") + b"\0\x82" + size.to_bytes(2, "big")
        made.append(wrapped(head + bytes(size), 1, 16))
    return made


HOSTILE = {
    "arrays in arrays": lambda: _push(b"\x01\x01" * 30_000),
    "structures in structures": lambda: _push(b"\x02\x01" * 30_000),
    "100,000 levels without framing": lambda: [PUSH + b"\x02\x01" * 100_000 + b"\x00"],
    "a string of 2^32 octets": lambda: _push(b"\x09\x84\xff\xff\xff\xff" + bytes(20)),
    "an array of 10^9 rows": lambda: _push(b"\x01\x84\x3b\x9a\xca\x00" + bytes(100)),
    "an array of 10^9 nulls": lambda: _push(b"\x01\x84\x3b\x9a\xca\x00" + bytes(20_000)),
    "a bit string of 2^32 bits": lambda: _push(b"\x04\x84\xff\xff\xff\xff" + bytes(20)),
    "a compact array of empty structures": lambda: _push(bytes.fromhex("1302000A") + bytes(10)),
    "a compact array of nested arrays of null": lambda: _push(bytes.fromhex("13" + "01ffff" * 7 + "000a") + bytes(10)),
    "a compact array of described structures": lambda: _push(b"\x13" + b"\x02\x01" * 30_000),
    "indefinite lengths in each other": lambda: [wrapped(b"\x60\x80" + b"\xbe\x80" * 30_000, 16, 1)],
    "a general block transfer that never ends": lambda: _blocks(3_000, 1_000),
    "blocks of an answer that never ends": lambda: _get_blocks(3_000, 1_000),
    "segments that never end": lambda: _segments(1_000),
    "signed within signed": lambda: [wrapped(_signed(2_000), 16, 1)],
    "thousands of remarks": lambda: _push(b"\x01\x82\x1f\x40" + b"\x09\x81\x01A" * 8_000),
    "gateways behind gateways without framing": lambda: [b"\xe6\x00\x00" * 20_000 + b"\xc0"],
    "an APDU without framing that lists 2^32 methods": lambda: [bytes.fromhex("C303C184FFFFFFFF") + bytes(400_000)],
    "gateways behind gateways": lambda: [wrapped(b"\xe6\x00\x00" * 20_000 + b"\xc0", 16, 1)],
}


def _signed(levels: int) -> bytes:
    apdu = b"\xc0"
    for _ in range(levels):
        size = len(apdu).to_bytes(2, "big")
        apdu = b"\xdf" + bytes(5) + b"\x82" + size + apdu + b"\0"
        if len(apdu) > 60_000:
            break
    return apdu


@pytest.mark.parametrize("name", HOSTILE)
def test_bounded(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, name], capture_output=True, text=True, timeout=120, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr[-2000:]
    took, grown, findings, size = map(float, done.stdout.split())
    per_octet = max(1.0, size / 1_000_000)  # what is large as captured may take its time
    assert took < SECONDS * per_octet, (took, size)
    assert grown < MEGABYTES + 3 * size / 1_000_000, (grown, size)
    assert findings >= 1
