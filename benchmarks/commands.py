"""Commands as whole processes, by the clock on the wall."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.measure import Row

ROOT = Path(__file__).parents[1]
THREAD = "captures/gurux-forum-2017/thread.log"
KEYS = "captures/gurux-forum-2017/keys.toml"


def command(name: str, arguments: list[str], budget: float) -> Row:
    """Wall time of a whole process."""
    times = []
    for _ in range(7):
        started = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-m", "analyzer.cli", *arguments], cwd=ROOT, capture_output=True, check=False
        )
        times.append(time.perf_counter() - started)
        assert done.returncode in (0, 1), done.stderr
    figure = statistics.median(times)
    return Row(name, f"{figure:.2f} s", f"under {budget:g} s", figure < budget, {"seconds": figure})


def rows() -> list[Row]:
    """The rows of the table."""
    return [
        command("dlmscope --help", ["--help"], 0.25),
        command("diagnosis of the thread", ["diagnose", THREAD, "--keys", KEYS], 0.6),
    ]
