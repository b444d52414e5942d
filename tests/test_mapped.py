"""A dump that somebody cuts off while it is open: whatever looks at it says so. The system ends a process that touches what is
gone of a mapped file, so each case runs in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

FRAME = bytes.fromhex("7EA0070321930F017E")
BEGIN = """
import os, sys
from analyzer import framing, inputs
from analyzer.decoding import decode
from analyzer.index.pages import Messages
from analyzer.keyring import KeyRing
from analyzer.sources.mapped import LostFileError
inputs.MAPPED = framing.PART = 1000
path, keys = sys.argv[1], KeyRing()
traces = inputs.open_traces(path, "raw")
messages = list(decode(traces[0], keys))
os.truncate(path, 0)
"""
LOOKS = {
    "diagnose": """
from analyzer.diagnosis import diagnose
look = lambda: diagnose([(traces[0], messages)], keys)
""",
    "decode": "look = lambda: list(decode(traces[0], keys))",
    "pages": "look = lambda: list(Messages(traces[0], keys).advance())",
    "index": """
from analyzer.index.trace import index_of
look = lambda: index_of(traces[0].records)
""",
    "two sides": """
from analyzer.two_sides import together
look = lambda: together(traces[0], traces[0], 'x')
""",
}
END = """
try:
    look()
except LostFileError as problem:
    print(problem)
"""


@pytest.mark.parametrize("name", LOOKS)
@pytest.mark.parametrize("octets", [FRAME * 3000, b"\x21\x93\x0f\x01" * 5000], ids=["frames", "noise"])
def test_a_dump_that_is_cut_off(name: str, octets: bytes, tmp_path: Path) -> None:
    if name == "index":
        pytest.importorskip("numpy")
    path = tmp_path / "line.bin"
    path.write_bytes(octets)
    script = BEGIN + LOOKS[name] + END
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "the file became shorter while it was open" in done.stdout
