"""How time and memory grow with the length of a capture, from a thousand frames to ten million: docs/growth.svg.

Each length is read by a process of its own, from its start to its end: the index of a raw HDLC dump,
`dlmscope decode --format summary` of it, and the records of a log with the same frames in hexadecimal, one in each line.
Python's own start is in it, which is all there is to see on the left.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from math import log10
from pathlib import Path

from benchmarks.index import OURS, stream
from benchmarks.logs import PRIVATE, log

ROOT = Path(__file__).parents[1]
LENGTHS = [10**n for n in range(3, 8)]
SUMMARY = """
import sys
from analyzer.cli import main
main(["decode", sys.argv[1], "--format", "summary"])
own = open("/proc/self/status").read()
print("own", int(own.partition("RssAnon:")[2].split()[0]) // 1024, file=sys.stderr)
"""
WIDE, HIGH, LEFT, RIGHT, TOP = 680, 360, 90, 70, 30
NAMES = {"index": "index", "log": "hex log", "decode": "decode --format summary"}
NAMED = {"index": -14, "log": 16, "decode": 4}
BELOW = {"index": 18, "log": 18, "decode": -9}  # where the figures stand, so that they do not cover each other
TOLD = 10**6  # frames; the figures of shorter indexes would cover the others
COLORS = {"index": "#1b6ca8", "log": "#3d8b40", "decode": "#c0561b"}
PROGRAMS = {"index": OURS, "log": PRIVATE, "decode": SUMMARY}


def measured(name: str, path: Path) -> tuple[float, int]:
    """Seconds of a process, and the megabytes that were its own at the end."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", PROGRAMS[name], str(path)], capture_output=True, cwd=ROOT, check=True)
    spent = time.perf_counter() - started
    text = (done.stderr if name == "decode" else done.stdout).split()
    return spent, int(text[-1])


def measure(lengths: Sequence[int], longest_decode: int) -> dict[str, list[tuple[int, float, int]]]:
    """(frames, seconds, megabytes) for each of `PROGRAMS`."""
    made: dict[str, list[tuple[int, float, int]]] = {name: [] for name in PROGRAMS}
    with tempfile.TemporaryDirectory() as folder:
        for frames in lengths:
            path = Path(folder) / f"{frames}.bin"
            stream(frames, path)
            made["index"].append((frames, *measured("index", path)))
            if frames <= longest_decode:
                made["decode"].append((frames, *measured("decode", path)))
            written = log(path, frames)
            path.unlink()
            made["log"].append((frames, *measured("log", written)))
            written.unlink()
            print({name: rows[-1] for name, rows in made.items() if rows}, flush=True)
    return made


def svg(points: dict[str, list[tuple[int, float, int]]]) -> str:
    """Both axes logarithmic: what grows in proportion is a line of slope one."""
    low, high = -1.5, max(2.0, max(log10(s) for rows in points.values() for _, s, _ in rows) + 0.2)

    def place(frames: float, seconds: float) -> tuple[float, float]:
        return (
            LEFT + (log10(frames) - 3) / 4 * (WIDE - LEFT - RIGHT),
            TOP + (high - log10(seconds)) / (high - low) * (HIGH - TOP - 50),
        )

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDE}" height="{HIGH}" fill="white"/>',
    ]
    for power in range(3, 8):
        x, _ = place(10**power, 1)
        lines.append(f'<line x1="{x:.0f}" y1="{TOP}" x2="{x:.0f}" y2="{HIGH - 50}" stroke="#ddd"/>')
        lines.append(f'<text x="{x:.0f}" y="{HIGH - 32}" text-anchor="middle">{10**power:,}</text>')
    for power in range(-1, int(high) + 1):
        _, y = place(1000, 10.0**power)
        lines.append(f'<line x1="{LEFT}" y1="{y:.0f}" x2="{WIDE - RIGHT}" y2="{y:.0f}" stroke="#ddd"/>')
        lines.append(f'<text x="{LEFT - 8}" y="{y + 4:.0f}" text-anchor="end">{10.0**power:g} s</text>')
    lines.append(f'<text x="{WIDE / 2:.0f}" y="{HIGH - 10}" text-anchor="middle">frames in the capture</text>')
    for name, rows in points.items():
        at = [place(frames, seconds) for frames, seconds, _ in rows]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in at)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{COLORS[name]}" stroke-width="2"/>')
        for (x, y), (frames, seconds, own) in zip(at, rows, strict=True):
            lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{COLORS[name]}"/>')
            if name == "index" and frames < TOLD:
                continue
            lines.append(
                f'<text x="{x:.1f}" y="{y + BELOW[name]:.1f}" text-anchor="middle">{_few_digits(seconds)} s, {own} MB</text>'
            )
        x, y = at[-1]
        lines.append(
            f'<text x="{x - 45:.1f}" y="{y + NAMED[name]:.1f}" text-anchor="end" fill="{COLORS[name]}">{NAMES[name]}</text>'
        )
    return "\n".join([*lines, "</svg>"]) + "\n"


def _few_digits(seconds: float) -> str:
    return f"{seconds:.2g}" if seconds < 100 else f"{seconds:.0f}"


def main() -> None:
    """Measures, and writes the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--longest", type=int, default=10**7, help="frames of the longest capture")
    parser.add_argument("--longest-decode", type=int, default=10**7, help="the same for the summary")
    options = parser.parse_args()
    points = measure([n for n in LENGTHS if n <= options.longest], options.longest_decode)
    (ROOT / "docs" / "growth.svg").write_text(svg(points), "utf-8")
    print(json.dumps(points))


if __name__ == "__main__":
    main()
