"""The captures of a sweep: patterns and URLs into places that can be opened, each with what tells that it changed.

Paths of this machine need nothing further; URLs (s3://, gs://, https:// ...) are opened by fsspec.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

from analyzer.model import Trace
from analyzer.sources import CAPTURES, InputError, read_input
from analyzer.sources.pcap.capture import is_capture, read_capture
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.pcap.packed import Opened, PackedError, unpacked

LONGEST = 2 << 30  # octets of one input that are read at once
CHANGES = ("ETag", "etag", "LastModified", "last_modified", "mtime", "updated", "created")  # as file systems call it


@dataclass(frozen=True, slots=True)
class Capture:
    """One capture: `name` as people see it, `url` to open it from anywhere, `size` in octets (-1: not known) and `stamp`
    (time of the last change, or an entity tag), which are other ones when it was changed."""

    name: str
    url: str
    size: int
    stamp: str


class FsspecMissing(RuntimeError):
    """fsspec is not installed; says what to do."""


def captures_of(patterns: Sequence[str], without: str) -> list[Capture]:
    """The captures that patterns name, each once, sorted by name; nothing below the folder `without`.

    Raises InputError for a pattern that names none, FsspecMissing where a URL needs it.
    """
    found: dict[str, Capture] = {}
    below = os.path.join(os.path.realpath(without), "")
    for pattern in patterns:
        own = list(_remote(pattern) if "://" in pattern else _local(pattern))
        if not own:
            raise InputError(f"{pattern}: no capture matches")
        found.update((one.url, one) for one in own if not os.path.realpath(one.url).startswith(below))
    if not found:
        raise InputError(f"no capture matches outside {without}")
    return sorted(found.values(), key=lambda one: (one.name, one.url))


def opened(url: str) -> BinaryIO:
    """The octets of a capture. Raises OSError and, from file systems of their own, what these raise."""
    if "://" not in url:
        return open(url, "rb", buffering=0)
    stream: BinaryIO = _fsspec().open(url, "rb").open()
    return stream


def traces_in(stream: BinaryIO, name: str, kind: str | None, choice: Choice) -> list[Trace]:
    """The traces in the octets of a capture of any kind. Raises InputError, in one line, and OSError."""
    try:
        source = Opened(stream) if kind == "raw" else unpacked(stream)
        if kind in CAPTURES or (kind is None and is_capture(source.peek(4))):
            return read_capture(source, name, choice)
        return read_input(source.read(LONGEST), name, kind)
    except PackedError as problem:
        raise InputError(f"{name} {problem}") from None


def _local(pattern: str) -> Iterator[Capture]:
    """A file, the files of a folder, or those that a pattern with * ? [ ] ** matches."""
    if os.path.isdir(pattern):
        names = [entry.path for entry in os.scandir(pattern) if not entry.name.startswith(".")]
    else:
        names = [pattern] if os.path.exists(pattern) else glob.glob(pattern, recursive=True)
    for name in names:
        if os.path.isfile(name):
            status = os.stat(name)
            yield Capture(_text(name), os.path.abspath(name), status.st_size, str(status.st_mtime_ns))


def _text(name: str) -> str:
    """A name as text: its octets may be no UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _remote(pattern: str) -> Iterator[Capture]:
    system, path = _fsspec().core.url_to_fs(pattern)
    try:
        if glob.has_magic(path):
            infos = system.glob(path, detail=True)
        else:
            one = system.info(path)
            folder = one.get("type") == "directory"
            infos = {each["name"]: each for each in system.ls(path, detail=True)} if folder else {path: one}
    except Exception as problem:  # each file system has errors of its own
        raise InputError(f"{pattern}: {_one_line(problem)}") from None
    for name, info in infos.items():
        if info.get("type") != "directory":
            url = system.unstrip_protocol(name)
            yield Capture(url, url, int(info.get("size") or -1), _stamp(system, name, info))


def _stamp(system: Any, path: str, info: dict[str, Any]) -> str:
    found = next((info[name] for name in CHANGES if info.get(name)), None)
    return str(found).strip('"') if found is not None else str(system.ukey(path))


def _one_line(problem: Exception) -> str:
    if isinstance(problem, FileNotFoundError):
        return "no capture matches"
    return " ".join(str(problem).split()) or type(problem).__name__


def _fsspec() -> Any:
    try:
        import fsspec
    except ImportError:
        raise FsspecMissing("URLs need fsspec: pip install 'dlmscope[sweep]'") from None
    return fsspec
