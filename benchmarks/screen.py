"""The terminal interface on a capture of 1,000,000 frames: when its first page is there, how long a page takes while the rest
is decoded, and the memory. Driven headless, in a process of its own."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.index import FRAMES, stream

ROOT = Path(__file__).parents[1]
PAGES = 120
SECONDS = 20  # for which it is paged while the thread decodes
FIRST, PAGE, MEMORY = 2.0, 0.050, 400
Row = tuple[str, str, str, bool]


def drive(path: str) -> None:
    """Opens the file and pages through it; prints the figures as JSON."""
    started = time.perf_counter()
    from analyzer.inputs import open_traces
    from analyzer.tui.app import DlmscopeApp
    from analyzer.tui.screens.trace import TraceScreen
    from analyzer.tui.settings import Settings

    async def run() -> dict[str, float]:
        app = DlmscopeApp(open_traces(path), settings=Settings())
        async with app.run_test(size=(120, 40)) as pilot:
            screen = app.screen
            assert isinstance(screen, TraceScreen)
            while not len(screen._list.messages):
                await asyncio.sleep(0.005)
            await pilot.pause()
            first = time.perf_counter() - started
            await asyncio.sleep(2)
            times = []
            ends = time.perf_counter() + SECONDS
            while len(times) < PAGES and time.perf_counter() < ends:
                begun = time.perf_counter()
                app.simulate_key("pagedown")
                await pilot._wait_for_screen()  # `press` waits until the whole process has nothing to do
                times.append(time.perf_counter() - begun)
                await asyncio.sleep(0.05)
            there = len(screen._list.messages)
            await pilot.press("end")
            await asyncio.sleep(1)
        own = Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0]
        times.sort()
        return {
            "first": first,
            "median": statistics.median(times),
            "p95": times[int(len(times) * 0.95)],
            "messages": there,
            "memory": int(own) // 1024,
        }

    print(json.dumps(asyncio.run(run())))


def rows() -> list[Row]:
    """The rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.bin"
        stream(FRAMES, path)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.screen", str(path)], cwd=ROOT, capture_output=True, text=True, check=True
        )
    found = json.loads(done.stdout.splitlines()[-1])
    name = f"terminal interface on {FRAMES:,} frames"
    return [
        (f"{name}: first page", f"{found['first']:6.2f} s", f"under {FIRST:g} s", found["first"] < FIRST),
        (
            f"{name}: a page while it decodes, 95 of 100",
            f"{found['p95'] * 1000:6.0f} ms (median {found['median'] * 1000:.0f} ms)",
            f"under {PAGE * 1000:g} ms",
            found["p95"] < PAGE,
        ),
        (f"{name}: memory", f"{found['memory']:6} MB", f"under {MEMORY} MB", found["memory"] < MEMORY),
    ]


if __name__ == "__main__":
    drive(sys.argv[1])
