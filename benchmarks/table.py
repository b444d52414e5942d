"""The table of all measurements: for people, for README.md, for programs."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.measure import Row

BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
PEERS = ("gurux-dlms", "dlms-cosem", "construct", "pyshark", "cryptography")


def as_text(row: Row, wide: int) -> str:
    """A line; `wide` is the width of the names."""
    return f"{row.name:{wide}}  {row.figure:44}  {row.budget:16}  {verdict(row)}".rstrip()


def verdict(row: Row) -> str:
    """Whether what was promised is kept; nothing where nothing was."""
    return ("kept" if row.kept else "MISSED") if row.budget else ""


def as_markdown(rows: Iterable[Row]) -> str:
    """A table with its heading, and what it was measured with."""
    lines = ["| measured | figure | promised |", "|---|---|---|"]
    for row in rows:
        missed = " **MISSED**" if row.budget and not row.kept else ""
        lines.append(f"| {row.name} | {row.figure.strip()} | {row.budget}{missed} |")
    named = ", ".join(f"{name} {number}" for name, number in versions().items())
    load, cores = os.getloadavg()[1], os.cpu_count()
    said = f"All from one run, medians; Python {platform.python_version()}, {named}; load {load:.1f} on {cores} cores."
    return "\n".join([*lines, "", said])


def as_json(rows: Iterable[Row]) -> str:
    """The same for programs."""
    made: dict[str, Any] = {
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[1],
        "versions": versions(),
        "rows": [
            {"name": row.name, "figure": row.figure.strip(), "promised": row.budget, "kept": row.kept, **row.numbers}
            for row in rows
        ],
    }
    return json.dumps(made, indent=2) + "\n"


def versions() -> dict[str, str]:
    """What was compared with, as far as it is installed."""
    found = {}
    for name in PEERS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def put(path: Path, table: str) -> None:
    """Puts the table between its two markers in a file. Raises ValueError where these are not."""
    text = path.read_text("utf-8")
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{path.name} has no lines {BEGIN} and {END}")
    path.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")
