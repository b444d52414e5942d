"""Inputs as people name them: a path, `-` for standard input, `path#2` or `path#name` for one trace of several."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from analyzer.model import Record, Trace
from analyzer.sources import InputError, choose, read_input

SEPARATORS = re.compile(r"0[xX](?=[0-9A-Fa-f])|\\x|[\s,:;-]")
NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")
LONGEST = 2 << 30  # octets of one input that are read at once


def open_traces(name: str, kind: str | None = None) -> list[Trace]:
    """The traces of an input, one where its name selects one. Raises InputError, in one line."""
    path, selector = _parted(name)
    data = _read(path)
    shown = "standard input" if path == "-" else os.path.basename(path) or path
    traces = read_input(data, shown, kind)
    return [choose(traces, selector)] if selector else traces


def open_trace(name: str, kind: str | None = None) -> Trace:
    """The only trace of an input, or the one that `name` selects. Raises InputError where there are several."""
    traces = open_traces(name, kind)
    if len(traces) > 1:
        raise InputError(f"{name} has {len(traces)} traces; choose one with #number or #name")
    return traces[0]


def hex_traces(text: str) -> list[Trace]:
    """The traces in hexadecimal text from the command line; nothing but digits is taken as it is. Raises InputError."""
    digits = SEPARATORS.sub("", text)
    if digits and len(digits) % 2 == 0 and not NO_DIGIT.search(digits):
        return [Trace("--hex", "--hex", (Record(1, bytes.fromhex(digits)),))]
    return read_input(text.encode(), "--hex", "hex")


def read_key_file(name: str) -> tuple[str, Path]:
    """The text of a key file and the folder that paths in it are relative to. Raises InputError."""
    path = Path(name)
    try:
        return path.read_text("utf-8"), path.parent
    except (OSError, ValueError) as problem:
        raise InputError(f"{name}: {_why(problem)}") from None


def _parted(name: str) -> tuple[str, str]:
    """Path and selector; a file that has a # in its name is found as it is."""
    if "#" not in name or os.path.exists(name):
        return name, ""
    path, _, selector = name.rpartition("#")
    return path or name, selector


def _read(path: str) -> bytes:
    try:
        if path == "-":
            if sys.stdin is None:
                raise InputError("standard input is closed")
            return sys.stdin.buffer.read(LONGEST)
        with open(path, "rb") as file:
            return file.read(LONGEST)
    except (OSError, ValueError) as problem:
        raise InputError(f"{path}: {_why(problem)}") from None


def _why(problem: Exception) -> str:
    """What the system says, in words for a person."""
    if isinstance(problem, UnicodeDecodeError):
        return "is no UTF-8 text"
    text = getattr(problem, "strerror", None) or "cannot be read"
    return str(text)[:1].lower() + str(text)[1:]
