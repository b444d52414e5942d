"""A whole sweep: what is done already, what has to be done, and the report at the end."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from io import BytesIO

from analyzer.export.parquet import arrow, write_rows
from analyzer.report import json_text
from analyzer.sweep import report
from analyzer.sweep.examine import name_of
from analyzer.sweep.fleet import CAPTURE_COLUMNS, Fleet, Manifest, capture_rows, fleet_of
from analyzer.sweep.folder import Folder
from analyzer.sweep.places import Capture
from analyzer.sweep.pools import cluster, local
from analyzer.sweep.settings import Settings

EVERY = 0.2  # seconds between two times that progress is shown


def sweep(folder: Folder, captures: Sequence[Capture], settings: Settings, jobs: int, address: str | None) -> Fleet:
    """Does every capture that is not done, and writes the report. Interrupted, it leaves a folder to go on with.

    Raises ParquetMissing, ClusterMissing.
    """
    arrow()
    folder.forget(folder.others({folder.part(capture) for capture in captures}))
    manifests: list[Manifest] = []
    left: list[Capture] = []
    for capture in captures:
        known = folder.done(capture, settings.fingerprint)
        if known is not None:
            manifests.append(known)
        else:
            left.append(capture)
    pool = local(settings, left, min(jobs, max(1, len(left)))) if address is None else cluster(settings, left, address)
    with _Progress(len(captures), len(manifests)) as progress:
        for capture, outcome in pool:
            outcome.facts.setdefault("capture", name_of(settings, capture))
            manifests.append(folder.keep(capture, settings.fingerprint, outcome))
            progress.one_more(unreadable=outcome.facts["unreadable"] is not None)
    fleet = fleet_of(manifests)
    table = BytesIO()
    write_rows(table, CAPTURE_COLUMNS, capture_rows(manifests))
    folder.write("captures.parquet", table.getvalue())
    folder.write("report.json", json_text.as_text(report.as_json(fleet), 2).encode() + b"\n")
    folder.write("report.md", report.as_markdown(fleet).encode("utf-8", "replace"))
    return fleet


class _Progress:
    """Says on a terminal how far it is; elsewhere only, when it is interrupted, that it may go on."""

    def __init__(self, wanted: int, done: int) -> None:
        self._wanted, self._done, self._found = wanted, done, done
        self._unreadable = 0
        self._begun = self._next = time.monotonic()
        self._terminal = sys.stderr is not None and sys.stderr.isatty()

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
        if kind is KeyboardInterrupt:
            said = f"interrupted: {self._done} of {self._wanted} captures are done; the same command goes on there"
            print(f"dlmscope: {said}", file=sys.stderr)

    def one_more(self, unreadable: bool) -> None:
        """One capture is done."""
        self._done += 1
        self._unreadable += unreadable
        now = time.monotonic()
        if self._terminal and now >= self._next:
            self._next = now + EVERY
            print("\r\033[K" + "".join(self._words(now - self._begun)), end="", file=sys.stderr, flush=True)

    def _words(self, spent: float) -> Iterator[str]:
        yield f"dlmscope: {self._done} of {self._wanted} captures"
        if self._unreadable:
            yield f", {self._unreadable} unreadable"
        made = self._done - self._found
        yield f", {round(spent / made * (self._wanted - self._done))} s left"
