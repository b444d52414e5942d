"""Work on all cores, and beyond: `python -m benchmarks.bulk [--frames N] [--captures N]`.

`decode --format summary` of a long HDLC stream by one process and by two, in turn, as it is and with one of 1,000 frames
damaged; the outputs are compared first. A sweep over many small captures by the local pool and by a Dask cluster of two
workers of which one is killed; the tables are compared row for row.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.index import stream

ROOT = Path(__file__).parents[1]
ROUNDS = 3
DAMAGED = 1000  # one of so many frames
FLAG = 0x7E
Row = tuple[str, str, str, bool]


class Run(NamedTuple):
    """One command: seconds until its first line and its end, its memory in octets, what it wrote."""

    first: float
    seconds: float
    memory: int
    digest: str


def command(*arguments: str) -> Run:
    """Runs dlmscope and reads what it writes."""
    begun = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "analyzer.cli", *arguments], cwd=ROOT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    digest = hashlib.sha256(process.stdout.readline())
    first = time.perf_counter() - begun
    while block := process.stdout.read(1 << 20):
        digest.update(block)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode in (0, 1), process.returncode
    return Run(first, time.perf_counter() - begun, usage.ru_maxrss * 1024, digest.hexdigest())


def damage(path: Path, frames: int) -> None:
    """Flips a bit in one of 1,000 frames, at places that are always the same."""
    octets, rng = bytearray(path.read_bytes()), random.Random(1)
    stretch = DAMAGED * len(octets) // frames
    for start in range(0, len(octets) - stretch, stretch):
        place = start + rng.randrange(stretch)
        while octets[place] == FLAG:
            place += 1
        octets[place] ^= 1 << rng.randrange(8)
    path.write_bytes(octets)


def decode_rows(frames: int, rounds: int = ROUNDS) -> list[Row]:
    """One process against two on a stream of so many frames, as it is and damaged."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream.bin"
        stream(frames, path)
        name = f"decode --format summary of {frames:,} frames"
        pairs = in_turn(path, rounds)
        damage(path, frames)
        worse = in_turn(path, rounds)
    first = statistics.median(pair[1].first for pair in pairs)
    memory = max(run.memory for pair in pairs + worse for run in pair)
    return [
        ratio_row(f"{name}, two processes over one", pairs, 1.7),
        ratio_row(f"{name}, one in {DAMAGED:,} damaged, two processes over one", worse, 1.5),
        (f"{name}, first line", f"{first:6.2f} s", "under 1 s", first < 1),
        (f"{name}, memory of the largest process", f"{memory >> 20} MB", "under 200 MB", memory < 200 << 20),
    ]


def in_turn(path: Path, rounds: int) -> list[list[Run]]:
    """One process and two on a file, one after the other; what they write is the same."""
    pairs = []
    for _ in range(rounds):
        pairs.append([command("decode", str(path), "--format", "summary", "--jobs", jobs) for jobs in ("1", "2")])
        assert pairs[-1][0].digest == pairs[-1][1].digest, "two processes do not write what one writes"
    return pairs


def ratio_row(name: str, pairs: list[list[Run]], least: float) -> Row:
    """How much sooner two are done than one, which has to be `least` times."""
    one, two = (statistics.median(pair[n].seconds for pair in pairs) for n in (0, 1))
    ratio = statistics.median(pair[0].seconds / pair[1].seconds for pair in pairs)
    return name, f"{ratio:6.2f}x  ({two:.1f} against {one:.1f} s)", f"at least {least}x", ratio >= least


def write_captures(count: int, folder: Path) -> None:
    """Small captures: a ciphered conversation each, of as many meters, as a hex log; and a file of keys."""
    from tests.support import AK, EK, METER, Station, ciphered

    for number in range(count):
        station = Station(METER[:3] + (number + 1).to_bytes(5, "big"))
        lines = (f"{record.direction}: {record.data.hex(' ')}" for record in ciphered(meter=station).records)
        (folder / f"{number:05}.log").write_text("\n".join(lines) + "\n")
    entry = f'[[meter]]\nglobal_unicast_encryption_key = "{EK.hex()}"\nauthentication_key = "{AK.hex()}"\n'
    (folder.parent / "keys.toml").write_text(entry)


def tables(folder: Path) -> list[str]:
    """Every row of every table, sorted."""
    from pyarrow import parquet

    parts = [*folder.glob("values/*.parquet"), *folder.glob("findings/*.parquet"), folder / "captures.parquet"]
    return sorted(json.dumps(row) for part in parts for row in parquet.read_table(part).to_pylist())


def sweep_rows(count: int) -> list[Row]:
    """A sweep over so many captures by the local pool, and by a cluster of two workers of which one is killed half way."""
    from distributed import LocalCluster

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "captures").mkdir()
        write_captures(count, folder / "captures")
        inputs = ["sweep", str(folder / "captures/*.log"), "--keys", str(folder / "keys.toml"), "--out"]
        local = command(*inputs, str(folder / "local"), "--jobs", "2")
        with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, host="127.0.0.1") as cluster:
            killed = threading.Thread(target=kill_half_way, args=(cluster, folder / "cluster/parts", count))
            killed.start()
            far = command(*inputs, str(folder / "cluster"), "--cluster", cluster.scheduler_address)
            killed.join()
        same = tables(folder / "local") == tables(folder / "cluster")
        rows = len(tables(folder / "local"))
    return [
        (f"sweep of {count:,} captures, two local processes", f"{count / local.seconds:6.0f} a second", "", True),
        (
            f"sweep of {count:,} captures, Dask, one of two workers killed",
            f"{count / far.seconds:6.0f} a second",
            "",
            True,
        ),
        (f"the {rows:,} rows of both", "the same" if same else "DIFFERENT", "the same", same),
    ]


def kill_half_way(cluster: object, parts: Path, count: int) -> None:
    """Kills a worker when half of the parts are there."""
    victim = next(iter(cluster.workers.values())).pid  # type: ignore[attr-defined]
    while not parts.is_dir() or len(list(parts.iterdir())) < count // 2:
        time.sleep(0.1)
    os.kill(victim, signal.SIGKILL)


def main() -> int:
    """Prints the table; 1 when a budget is missed."""
    options = argparse.ArgumentParser(prog="python -m benchmarks.bulk", description="measures work on all cores")
    options.add_argument(
        "--frames", type=int, default=1_000_000, help="of the HDLC stream (1,000,000); 0: leave it out"
    )
    options.add_argument("--captures", type=int, default=2000, help="of the sweep (2000); 0: leave it out")
    options.add_argument("--rounds", type=int, default=ROUNDS, help=f"of the stream ({ROUNDS})")
    given = options.parse_args()
    rows = decode_rows(given.frames, given.rounds) if given.frames else []
    rows += sweep_rows(given.captures) if given.captures else []
    wide = max(len(row[0]) for row in rows)
    for name, figure, budget, kept in rows:
        print(f"{name:{wide}}  {figure:32}  {budget:14}  {'kept' if kept else 'MISSED'}")
    return 0 if all(row[3] for row in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
