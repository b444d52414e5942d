"""Runs every measurement and prints a table: what was measured, the figure, the budget, kept or MISSED.

Ratios are medians of measurements taken in turn. What is compared is checked first to give the same answer. Whatever module of
this package has `rows` takes part.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import pkgutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import benchmarks
from benchmarks import table
from benchmarks.measure import Row

ROOT = Path(__file__).parents[1]
FIRST = ("apdus", "streams", "commands", "captures", "proxy")


def modules(only: list[str]) -> Iterator[str]:
    """The names of the modules that measure, in the order of the table."""
    names = [module.name for module in pkgutil.iter_modules(benchmarks.__path__) if module.name != "__main__"]
    for name in sorted(names, key=lambda name: (FIRST.index(name) if name in FIRST else len(FIRST), name)):
        if not only or name in only:
            yield name


def measured(name: str) -> list[Row]:
    """The rows of one module, none if it does not measure. What a library prints meanwhile is no part of the table."""
    with contextlib.redirect_stdout(io.StringIO()):
        rows = getattr(import_module(f"benchmarks.{name}"), "rows", list)()
    return [Row(*row) for row in rows]


def main() -> int:
    """Prints the table; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("modules", nargs="*", help="measure only these: apdus, streams, captures ...")
    parser.add_argument("--json", metavar="FILE", help="write the figures for programs as well")
    parser.add_argument("--readme", action="store_true", help="write the table into README.md")
    options = parser.parse_args()
    found: list[Row] = []
    for name in modules(options.modules):
        rows = measured(name)
        wide = max([len(row.name) for row in rows], default=0)
        for row in rows:
            print(table.as_text(row, wide), flush=True)
        found += rows
    if options.json:
        Path(options.json).write_text(table.as_json(found), "utf-8")
    if options.readme:
        table.put(ROOT / "README.md", table.as_markdown(found))
    return 0 if all(row.kept for row in found) else 1


if __name__ == "__main__":
    sys.exit(main())
