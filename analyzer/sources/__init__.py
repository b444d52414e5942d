"""Whatever people have captured becomes traces of records: the kind of an input is recognised from its content."""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from io import BytesIO
from typing import cast

from analyzer.model import Record, Trace
from analyzer.sources.hexlog import looks_like_text_hex, read_hexlog
from analyzer.sources.serial import is_telegram, read_serial
from analyzer.sources.serial.monitors import is_monitored
from analyzer.sources.serial.seven_bits import undone
from analyzer.sources.text import Text

CAPTURES = ("pcap", "pcapng")
KINDS = ("hex", "raw", *CAPTURES)
PART = 1 << 16  # octets that are looked at together
LONG = 64 << 20  # octets of a raw dump that stay on the disk whatever they are
# Files that begin in a way of their own, which no reader here knows.
UNREAD = {b"PK\x03\x04": "a zip archive", b"7z\xbc\xaf\x27\x1c": "a 7-Zip archive", b"Rar!\x1a\x07": "a RAR archive"}


class InputError(ValueError):
    """An input that cannot be used. One line: what was found and what would do."""


def read_input(data: bytes, source: str, kind: str | None = None) -> list[Trace]:
    """The traces of one input, at least one, each with at least one record.

    `kind` is "hex" (text with hexadecimal in it), "raw" (the octets of a line), "pcap" or "pcapng"; None recognises it.
    `data` may be those of a mapped file; a long raw dump stays there. Raises InputError where there is nothing to decode.
    """
    if kind not in (None, *KINDS):
        raise InputError(f"{source}: no kind of input is called {kind!r}; there are {', '.join(KINDS)}")
    if not data:
        raise InputError(f"{source}: is empty")
    head, told = data[:PART], kind == "raw"
    if kind in CAPTURES or (kind is None and _holds_capture(data, source)):
        from analyzer.sources.pcap.capture import read_capture

        return read_capture(BytesIO(data), source)
    if kind is None:
        for magic, what in UNREAD.items():
            if head.startswith(magic):
                raise InputError(f"{source}: is {what}; unpack it first")
        octetwise = read_serial(data, source)
        if octetwise is not None:
            return octetwise
        kind = "hex" if looks_like_text_hex(data) or is_monitored(Text(data)) else "raw"
        if kind == "raw" and _is_text(data) and not is_telegram(data):
            raise InputError(f"{source}: no hexadecimal bytes found in this text")
    if kind == "raw":
        if not isinstance(cast(object, data), bytes) and (told or is_dump(head) or len(data) >= LONG):
            return [Trace(_stem(source), source, (Record(1, data),))]
        return [undone(Trace(_stem(source), source, (Record(1, data[:]),)))]
    traces = [undone(trace) for trace in read_hexlog(data, source) if len(trace)]
    if not traces:
        raise InputError(f"{source}: no hexadecimal bytes found in this text")
    return traces


def is_dump(head: bytes) -> bool:
    """Whether a file that begins so is a raw dump of a line, and nothing that a reader has to make octets of."""
    from analyzer.sources.pcap.capture import MAGIC, PACKED

    if (
        head.startswith((*MAGIC, *PACKED, *UNREAD))
        or looks_like_text_hex(head)
        or head[:2] in (b"\xff\xfe", b"\xfe\xff")
    ):
        return False
    return b"\x00" in head and not _is_text(head)


def _holds_capture(data: bytes, source: str) -> bool:
    """Whether bytes are a capture, perhaps packed."""
    from analyzer.sources.pcap.capture import MAGIC, PACKED, is_capture
    from analyzer.sources.pcap.packed import PackedError, unpacked

    if not data[:PART].startswith((*MAGIC, *PACKED)):
        return False
    try:
        return is_capture(unpacked(BytesIO(data)).peek(4))
    except PackedError as problem:
        raise InputError(f"{source} {problem}") from None


def choose(traces: Sequence[Trace], selector: str) -> Trace:
    """One trace of several: by its number from 1, or by a part of its name in any case. Raises InputError."""
    if selector.isdigit():
        if 1 <= int(selector) <= len(traces):
            return traces[int(selector) - 1]
        raise InputError(f"there is no trace {selector}; {_listed(traces)}")
    named = [trace for trace in traces if selector.lower() in trace.name.lower()]
    if len(named) == 1:
        return named[0]
    exact = [trace for trace in named if selector.lower() == trace.name.lower()]
    if len(exact) == 1:
        return exact[0]
    problem = "several traces are" if named else "no trace is"
    raise InputError(f"{problem} named {selector!r}; {_listed(traces)}")


def _listed(traces: Sequence[Trace]) -> str:
    return "there are " + ", ".join(f"#{number} {trace.name}" for number, trace in enumerate(traces, 1))


def _is_text(data: bytes) -> bool:
    """Whether bytes are a text that a person wrote, and no octets of a line."""
    try:
        return all(
            character.isprintable() or character in "\t\r\n"
            for part in codecs.iterdecode((data[at : at + PART] for at in range(0, len(data), PART)), "utf-8")
            for character in part
        )
    except UnicodeDecodeError:
        return False


def _stem(source: str) -> str:
    return source.replace("\\", "/").rpartition("/")[2].rpartition(".")[0] or source
