"""Inputs as people name them: a path, `-` for standard input, `path#2` or `path#name` for one trace of several.

Captures are read as they come, also from a pipe or a file that somebody still writes; other inputs at once.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from analyzer.model import Record, SourceIssue, Trace
from analyzer.patience import go_on
from analyzer.sources import CAPTURES, InputError, choose, is_dump, read_input
from analyzer.sources.arrivals import Arrival
from analyzer.sources.parts import temporarily, temporary_file
from analyzer.sources.pcap.capture import follow_capture, is_capture, read_capture
from analyzer.sources.pcap.connections import Choice
from analyzer.sources.pcap.files import counted
from analyzer.sources.pcap.packed import Opened, PackedError, Stream, unpacked

if TYPE_CHECKING:
    from analyzer.watching.file import GrowingFile

SEPARATORS = re.compile(r"0[xX](?=[0-9A-Fa-f])|\\x|[\s,:;-]")
NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")
LONGEST = 2 << 30  # octets of one input that are read at once
MAPPED = 64 << 20  # octets of a raw dump that is not read at once
MAPPED_TEXT = 8 << 20  # octets of a text that is not
MAPPED_HEAD = 1 << 16  # octets that show which of them an input is
POLL = 0.1  # seconds between two times that progress is shown
PATIENCE = 1.0  # seconds until progress is shown


def open_traces(name: str, kind: str | None = None, choice: Choice | None = None) -> list[Trace]:
    """The traces of an input, one where its name selects one. Raises InputError, in one line.

    `choice` says what of a capture is wanted, where the input is one.
    """
    path, selector = _parted(name)
    shown = _shown(path)
    if choice is not None and choice.wireshark:
        from analyzer.sources.wireshark import read_with_wireshark

        traces = read_with_wireshark(_file_for_others(path), shown, choice)
        return [choose(traces, selector)] if selector else traces
    source = _opened(path, kind)
    try:
        if _holds_capture(source, path, kind):
            traces = read_capture(source, shown, choice)
        else:
            traces = _read_whole(source, path, kind)
    except OSError as problem:
        raise InputError(f"{_typed(path)}: {_why(problem)}") from None
    return [choose(traces, selector)] if selector else traces


def piped_in(kind: str | None = None, choice: Choice | None = None) -> Iterator[Arrival] | list[Trace]:
    """What comes by standard input: of a capture as it comes, of other inputs the traces when they are whole."""
    source = _opened("-", kind)
    if _holds_capture(source, "-", kind):
        return follow_capture(source, _shown("-"), choice)
    return _read_whole(source, "-", kind)


def followed(name: str, kind: str | None = None, choice: Choice | None = None) -> GrowingFile:
    """A file that somebody still writes; of several traces the one with the number behind `#`. Raises InputError."""
    from analyzer.watching.file import GrowingFile

    path, selector = _parted(name)
    if path == "-":
        raise InputError("standard input is read as it comes; --follow takes a file")
    if selector and not selector.isdigit():
        raise InputError(f"{_shown(path)}: of a file that still grows, a trace is chosen by its number")
    if not os.path.exists(path):
        raise InputError(f"{path}: no such file or directory")
    return GrowingFile(path, kind, choice, int(selector or 0))


def open_trace(name: str, kind: str | None = None) -> Trace:
    """The only trace of an input, or the one that `name` selects. Raises InputError where there are several."""
    traces = open_traces(name, kind)
    if len(traces) > 1:
        raise InputError(f"{name} has {len(traces)} traces; choose one with #number or #name")
    return traces[0]


def open_pair(tx: str, rx: str, kind: str | None = None) -> Trace:
    """One trace of what the client and what the meter sent, each in an input of its own. Raises InputError."""
    from analyzer.two_sides import together

    return together(open_trace(tx, kind), open_trace(rx, kind), os.path.basename(tx).rpartition(".")[0] or tx)


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


def _shown(path: str) -> str:
    return "standard input" if path == "-" else os.path.basename(path) or path


def _typed(path: str) -> str:
    """An input as it was typed, so that a person finds it."""
    return "standard input" if path == "-" else path


def _opened(path: str, kind: str | None) -> Opened:
    """The octets of an input, unpacked. Raises InputError where it cannot be opened."""
    try:
        stream: Stream
        if path != "-":
            file = open(path, "rb", buffering=0)  # noqa: SIM115 - traces read it as long as they live
            stream = _Watched(file, _shown(path), os.fstat(file.fileno()).st_size)
        elif sys.stdin is None:
            raise InputError("standard input is closed")
        else:
            stream = sys.stdin.buffer
        return Opened(stream) if kind == "raw" else unpacked(stream)
    except PackedError as problem:
        raise InputError(f"{_shown(path)} {problem}") from None
    except (OSError, ValueError) as problem:
        raise InputError(f"{_typed(path)}: {_why(problem)}") from None


def _holds_capture(source: Opened, path: str, kind: str | None) -> bool:
    """Whether an input is a capture; nothing of it is lost by looking."""
    try:
        return kind in CAPTURES if kind is not None else is_capture(source.peek(4))
    except OSError as problem:
        raise InputError(f"{_typed(path)}: {_why(problem)}") from None


def _file_for_others(path: str) -> str:
    """The path of a file that tshark can open."""
    if path == "-":
        raise InputError("--reader wireshark reads files, not standard input")
    if not os.path.isfile(path):
        raise InputError(f"{path}: no such file")
    return path


def _read_whole(source: Opened, path: str, kind: str | None) -> list[Trace]:
    """The traces of an input that is no capture; where its packing is cut off, those of what could be unpacked."""
    try:
        data = _all_of(source, path, kind)
    except (OSError, ValueError) as problem:
        raise InputError(f"{_typed(path)}: {_why(problem)}") from None
    if source.problem and not data:
        raise InputError(f"{_shown(path)}: {source.problem}, and nothing of it can be read")
    try:
        traces = read_input(data, _shown(path), kind)
    except InputError as problem:
        raise InputError(f"{problem}; {source.problem}" if source.problem else str(problem)) from None
    finally:
        progress: _Progress | None = getattr(data, "progress", None)
        if progress is not None:
            progress.ended()  # an error comes on a line of its own
    if source.problem:
        text = f"{source.problem}: what stood behind these {counted(len(data), 'octet')} is missing"
        traces[-1].issues = (*traces[-1].issues, SourceIssue("error", text))
    return traces


def _all_of(source: Opened, path: str, kind: str | None) -> bytes:
    """Everything that an input has, up to LONGEST; where there is more, `problem` of the source says so.

    What is long stays on the disk: octets of a mapped file, which are read where somebody looks, and take no memory; LONGEST
    does not hold for a file. What comes by a pipe, or out of its packing, goes to a temporary file for that. Raises OSError.
    """
    if path != "-" and type(source) is Opened and os.path.isfile(path):
        size = os.path.getsize(path)
        if size >= min(MAPPED, MAPPED_TEXT) and size >= _long(source, kind):
            with open(path, "rb") as file:
                return _mapped(file, path)
    elif len(source.peek(MAPPED_HEAD)) == MAPPED_HEAD:
        long = _long(source, kind)
        most = min(long, MAPPED_TEXT, LONGEST)
        data = source.read(most)
        return data if len(data) < most else _by_way_of_the_disk(data, source, path, long)
    data = source.read(LONGEST)
    _say_if_longer(source, len(data))
    return data


def _long(source: Opened, kind: str | None) -> int:
    """From how many octets on the rest of an input stays on the disk."""
    dump = kind == "raw" or (kind is None and is_dump(source.peek(MAPPED_HEAD)))
    return MAPPED if dump else MAPPED_TEXT


def _by_way_of_the_disk(head: bytes, source: Opened, path: str, long: int) -> bytes:
    """All octets of a source that begins so, mapped where they are long."""
    with temporary_file() as file:
        size, part = 0, head
        while part:
            with temporarily():
                size += file.write(part)
            part = source.read1(LONGEST - size)
        _say_if_longer(source, size)
        with temporarily():
            file.flush()
        if size >= long:
            return _mapped(file, path)
        file.seek(0)
        return file.read()


def _mapped(file: IO[bytes], path: str) -> bytes:
    """The octets of a file as they lie on the disk; they read like octets, as far as inputs are read."""
    from analyzer.sources.mapped import ACCESS_READ, MappedFile

    made = MappedFile(file.fileno(), 0, access=ACCESS_READ)
    made.name = _shown(path)
    made.progress = _Progress(made.name, len(made))
    return cast(bytes, made)


def _say_if_longer(source: Opened, size: int) -> None:
    if size == LONGEST and source.peek(1):
        source.problem = source.problem or f"the input is longer than {LONGEST:,} octets"


class _Progress:
    """Says on a terminal how far the reading of a big input is, once it takes over a second."""

    def __init__(self, shown: str, size: int) -> None:
        self._shown, self._size = shown, size
        self._next = time.monotonic() + PATIENCE if sys.stderr is not None and sys.stderr.isatty() else float("inf")
        self._said = False

    def at(self, octets: int) -> None:
        """So many octets have been read."""
        if time.monotonic() > self._next:
            percent = octets * 100 // max(self._size, 1)
            print(f"\rdlmscope: reading {self._shown} {percent:3} %", end="", file=sys.stderr, flush=True)
            self._next, self._said = time.monotonic() + POLL, True

    def ended(self) -> None:
        """All have been read, or nobody reads any more."""
        if self._said:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
            self._said = False


class _Watched:
    """A file that says how far its reading is."""

    def __init__(self, file: BinaryIO, shown: str, size: int) -> None:
        self._file, self._progress = file, _Progress(shown, size)
        self._read = 0

    def read(self, size: int, /) -> bytes:
        go_on()
        data = self._file.read(size)
        self._read += len(data)
        if data:
            self._progress.at(self._read)
        else:
            self._progress.ended()
        return data


def _why(problem: Exception) -> str:
    """What the system says, in words for a person."""
    if isinstance(problem, UnicodeDecodeError):
        return "is no UTF-8 text"
    text = getattr(problem, "strerror", None) or "cannot be read"
    return str(text)[:1].lower() + str(text)[1:]
