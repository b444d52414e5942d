"""The folder of a sweep: a part for each capture, which is there as a whole or not at all, and what tells it is done.

    sweep.json              the salt of this folder, and the number of its layout
    parts/ID.json           the manifest of a part, written last: input, size, stamp, settings, version, rows, facts
    values/ID.parquet       the values of the capture
    findings/ID.parquet     what the diagnosis says of it
    captures.parquet        a row for each trace, or capture that could not be read; made at the end
    report.json, report.md  what the fleet has in common; made at the end

ID comes from the place of the capture and the salt, so that the name of a file tells nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Iterable
from typing import IO, Any

from analyzer import __version__
from analyzer.sources import InputError
from analyzer.sweep.examine import Outcome
from analyzer.sweep.places import Capture
from analyzer.sweep.settings import LAYOUT, new_salt

TABLES = ("values", "findings")
PART = re.compile(r"[0-9a-f]{32}")
MARK = "sweep.json"
HALF = ".half"  # how the name of a file ends that is not finished


class Folder:
    """The folder that a sweep writes to. One process at a time may have it open."""

    def __init__(self, path: str) -> None:
        """Makes the folder, or goes on with one. Raises InputError for a folder of something else, or in use."""
        self.path = path
        mark = os.path.join(path, MARK)
        if os.path.isdir(path) and os.listdir(path) and not os.path.exists(mark):
            raise InputError(f"{path}: holds other things than a sweep; choose an empty folder")
        for name in ("parts", *TABLES):
            os.makedirs(os.path.join(path, name), exist_ok=True)
        if not os.path.exists(mark):
            self.write(MARK, json.dumps({"layout": LAYOUT, "salt": new_salt().hex()}).encode() + b"\n")
        self._held: IO[bytes] = open(mark, "rb")  # noqa: SIM115 - held until `close`
        _lock(self._held, path)
        try:
            self.salt = bytes.fromhex(json.loads(self._held.read())["salt"])
        except (ValueError, KeyError, TypeError):
            raise InputError(f"{mark}: is not what a sweep wrote; remove the folder") from None
        self._sweep_up()

    def close(self) -> None:
        """Lets others have the folder."""
        self._held.close()

    def part(self, capture: Capture) -> str:
        """The ID of the part of a capture."""
        return hashlib.blake2b(
            capture.url.encode("utf-8", "surrogateescape"), digest_size=16, key=self.salt
        ).hexdigest()

    def done(self, capture: Capture, settings: str) -> dict[str, Any] | None:
        """The manifest of a part that need not be done again; None where it is missing, half, or of something else.

        What could not be read is tried again: a disk may be back, a file may be whole now.
        """
        part = self.part(capture)
        try:
            with open(os.path.join(self.path, "parts", f"{part}.json"), encoding="utf-8") as file:
                found: dict[str, Any] = json.load(file)
            told = (found["size"], found["stamp"], found["settings"], found["version"], found["unreadable"])
            if told != (capture.size, capture.stamp, settings, __version__, None):
                return None
            whole = all(os.path.getsize(self._table(name, part)) == found["octets"][name] for name in TABLES)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if whole else None

    def keep(self, capture: Capture, settings: str, outcome: Outcome) -> dict[str, Any]:
        """Writes the part of a capture, its manifest last; gives the manifest."""
        part = self.part(capture)
        manifest = {
            "part": part,
            "size": capture.size,
            "stamp": capture.stamp,
            "settings": settings,
            "version": __version__,
            "octets": {name: len(octets) for name, octets in outcome.tables.items()},
            **outcome.facts,
        }
        self.forget([part])
        for name, octets in outcome.tables.items():
            self.write(os.path.join(name, f"{part}.parquet"), octets)
        self.write(os.path.join("parts", f"{part}.json"), json.dumps(manifest).encode() + b"\n")
        return manifest

    def write(self, name: str, octets: bytes) -> None:
        """Writes a file so that it is there as a whole or not at all."""
        path = os.path.join(self.path, name)
        try:
            with open(path + HALF, "wb") as file:
                file.write(octets)
            os.replace(path + HALF, path)
        except BaseException:
            _removed(path + HALF)
            raise

    def forget(self, parts: Iterable[str]) -> None:
        """Removes parts, their manifests first."""
        for part in parts:
            _removed(os.path.join(self.path, "parts", f"{part}.json"))
            for name in TABLES:
                _removed(self._table(name, part))

    def others(self, wanted: set[str]) -> set[str]:
        """The parts in the folder that are none of these: of captures that are gone, or of other patterns."""
        found = set()
        for folder in ("parts", *TABLES):
            names = (name.partition(".")[0] for name in os.listdir(os.path.join(self.path, folder)))
            found |= {name for name in names if PART.fullmatch(name)}
        return found - wanted

    def _table(self, table: str, part: str) -> str:
        return os.path.join(self.path, table, f"{part}.parquet")

    def _sweep_up(self) -> None:
        """Removes what an earlier run left half written."""
        for folder in ("", "parts", *TABLES):
            for name in os.listdir(os.path.join(self.path, folder)):
                if name.endswith(HALF):
                    _removed(os.path.join(self.path, folder, name))


def _removed(path: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.remove(path)


def _lock(file: IO[bytes], path: str) -> None:
    """Keeps other sweeps out as long as the file is open; the system lets go when this process ends, however it does."""
    try:
        import fcntl
    except ImportError:  # not on Windows
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise InputError(f"{path}: another sweep is writing to this folder") from None
