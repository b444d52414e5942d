"""Long dumps that come by a pipe, or unpack from a small file: they stay on the disk, and what is beyond the bound is told."""

from __future__ import annotations

import gzip
import io
import lzma
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from analyzer import inputs
from analyzer.framing import pieces_of
from analyzer.inputs import open_traces, piped_in
from analyzer.model import Trace
from tests.support import ROOT

FRAME = bytes.fromhex("7EA00A0002FEFF035352547E")
DATA = FRAME * 20_000
PACKED: dict[str, Callable[[bytes], bytes]] = {"dump.bin.gz": gzip.compress, "dump.bin.xz": lzma.compress}


def piped(data: bytes, monkeypatch: pytest.MonkeyPatch) -> Trace:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(data))))
    traces = piped_in()
    assert isinstance(traces, list)
    return traces[0]


@pytest.mark.parametrize("name", PACKED)
def test_a_long_dump_out_of_its_packing_is_not_held(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    path.write_bytes(PACKED[name](DATA))
    held = open_traces(str(path))[0]
    monkeypatch.setattr(inputs, "MAPPED", 100_000)
    mapped = open_traces(str(path))[0]
    assert isinstance(held[0].data, bytes) and not isinstance(mapped[0].data, bytes)
    assert mapped[0].data[:] == held[0].data == DATA
    assert (mapped.name, mapped.source) == (held.name, held.source)


def test_a_long_dump_by_a_pipe_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    held = piped(DATA, monkeypatch)
    monkeypatch.setattr(inputs, "MAPPED", 100_000)
    mapped = piped(DATA, monkeypatch)
    assert isinstance(held[0].data, bytes) and not isinstance(mapped[0].data, bytes)
    assert mapped.name == held.name
    assert [piece.data for piece in pieces_of(mapped)] == [piece.data for piece in pieces_of(held)]


@pytest.mark.parametrize("mapped", [1000, 1 << 30])
def test_what_is_beyond_the_bound_is_told(mapped: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAPPED", mapped)
    monkeypatch.setattr(inputs, "LONGEST", 100_000)
    trace = piped(DATA, monkeypatch)
    assert len(trace[0].data) == 100_000
    assert trace.issues[-1].text == (
        "the input is longer than 100,000 octets: what stood behind these 100000 octets is missing"
    )
    assert piped(DATA[:100_000], monkeypatch).issues == ()


def test_text_beyond_the_bound_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "LONGEST", 30 * 1000)
    trace = piped(b"TX: 7E A0 07 03 21 93 0F 01 7E\n" * 2000, monkeypatch)
    assert "longer than 30,000 octets" in trace.issues[-1].text


SMALL = """
import sys
sys.path.insert(0, "tests")
from analyzer.inputs import open_traces
from support import peak_kibibytes
before = peak_kibibytes()
trace = open_traces(sys.argv[1])[0]
print(len(trace[0].data), peak_kibibytes() - before >> 10)
"""


def test_memory(tmp_path: Path) -> None:
    """300 MB out of less than one."""
    path = tmp_path / "dump.bin.gz"
    with gzip.open(path, "wb", 1) as file:
        for _ in range(300):
            file.write(FRAME * 100_000)
    done = subprocess.run(
        [sys.executable, "-c", SMALL, str(path)], capture_output=True, text=True, cwd=ROOT, timeout=60, check=True
    )
    size, megabytes = map(int, done.stdout.split())
    assert size == 300 * 100_000 * len(FRAME)
    assert megabytes < 50
