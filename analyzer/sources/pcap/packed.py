"""Inputs packed with gzip, zstd, xz or bzip2, unpacked while they are read. A packed file that is cut off gives what it has.

Sources: RFC 1952 (gzip), RFC 8878 (zstd), tukaani.org/xz/xz-file-format.txt, the magic of bzip2; several members, frames
or streams may stand in a row.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from analyzer.sources.pcap.zstd_frames import ZstdFrames

GZIP, ZSTD, XZ, BZIP2 = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\xfd7zXZ\0", b"BZh"
HEAD = 6  # octets that tell the packing
XZ_MEMORY = 128 << 20  # octets; xz -9 takes 65 MiB, and what asks for more is no capture
CHUNK = 1 << 16  # octets that are read, and at most unpacked, at once
GZIP_WINDOW = 16 + zlib.MAX_WBITS  # zlib's way to say: with the header and the check of gzip


class Stream(Protocol):
    """What captures are read from: `read(n)` gives n octets, fewer only at the end."""

    def read(self, size: int, /) -> bytes: ...


class PackedError(ValueError):
    """A packed input for which nothing here can unpack it. One line."""


class Opened:
    """A stream whose first octets have been looked at; `problem` says in words why it ended before its end."""

    def __init__(self, stream: Stream, head: bytes = b"") -> None:
        self._stream = stream
        self._waiting = bytearray(head)
        self._at = 0
        self.problem = ""

    def peek(self, size: int) -> bytes:
        """The next octets, which stay to be read."""
        while len(self._waiting) - self._at < size and (more := self._more()):
            self._waiting += more
        return bytes(self._waiting[self._at : self._at + size])

    def read(self, size: int, /) -> bytes:
        """Exactly `size` octets, fewer only where the input ends. Takes memory for what is there, not for what is asked."""
        end = self._at + size
        while len(self._waiting) < end:
            if self._at:
                del self._waiting[: self._at]
                end, self._at = size, 0
            more = self._more()
            if not more:
                break
            self._waiting += more
        taken = bytes(self._waiting[self._at : end])
        self._at += len(taken)
        return taken

    def read1(self, size: int, /) -> bytes:
        """At least one octet and at most `size`, without waiting for more than there are; none at the end."""
        if self._at >= len(self._waiting):
            self._waiting[:] = self._more()
            self._at = 0
        return self.read(min(size, len(self._waiting) - self._at))

    def _more(self) -> bytes:
        """Some more octets; none at the end. A pipe gives what it has, without waiting for a whole chunk."""
        return _some(self._stream)


def _some(stream: Stream) -> bytes:
    read: Callable[[int], bytes] = getattr(stream, "read1", stream.read)
    return read(CHUNK)


class _Gzip(Opened):
    """Unpacks gzip, at most a chunk at once, however much a member would give."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._unpacker = zlib.decompressobj(GZIP_WINDOW)
        self._packed = b""
        self._begun = False

    def _more(self) -> bytes:
        while not self.problem:
            if self._unpacker.eof:
                self._packed = self._unpacker.unused_data.lstrip(b"\0")  # some writers pad the file
                self._unpacker, self._begun = zlib.decompressobj(GZIP_WINDOW), False
            packed = self._packed or _some(self._stream)
            if not packed:
                if self._begun:
                    self.problem = "the gzip file is cut off"
                return b""
            try:
                self._begun = True
                made = self._unpacker.decompress(packed, CHUNK)
            except zlib.error:
                self.problem = "the gzip file is damaged"
                return b""
            self._packed = self._unpacker.unconsumed_tail
            if made:
                return made
        return b""


class _Zstd(Opened):
    """Unpacks zstd by the library that is there: the standard one of Python 3.14, or the package zstandard."""

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._packed = _Whole(stream)
        self._reader, self._errors = _zstd_reader(self._packed)

    def _more(self) -> bytes:
        if self.problem:
            return b""
        try:
            made: bytes = self._reader.read(CHUNK)
        except EOFError:
            self.problem = "the zstd file is cut off"
        except self._errors:
            self.problem = "the zstd file is damaged"
        else:
            if not made and not self._packed.frames.whole:
                self.problem = "the zstd file is cut off"
            return made
        return b""


def _zstd_reader(packed: _Whole) -> tuple[Any, tuple[type[Exception], ...]]:
    try:
        standard = import_module("compression.zstd")
        return standard.ZstdFile(packed), (standard.ZstdError,)
    except ImportError:
        pass
    try:
        package = import_module("zstandard")
    except ImportError:
        raise PackedError("is packed with zstd: pip install zstandard, or unpack it with zstd -d") from None
    reader = package.ZstdDecompressor().stream_reader(packed, read_across_frames=True, closefd=False)
    return reader, (package.ZstdError,)


class _Whole:
    """The packed stream as the libraries want it; `frames` knows whether it ends where it should."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self.frames = ZstdFrames()

    def read(self, size: int = -1, /) -> bytes:
        read: Callable[[int], bytes] = getattr(self._stream, "read1", self._stream.read)
        data = read(CHUNK if size < 0 else min(size, CHUNK))
        self.frames.feed(data)
        return data


class _Stepwise(Opened):
    """Unpacks xz or bzip2 by the standard library, at most a chunk at once."""

    def __init__(self, stream: Stream, name: str, make: Callable[[], Any], error: type[Exception]) -> None:
        super().__init__(stream)
        self._name, self._make, self._error = name, make, error
        self._unpacker = make()
        self._begun = False

    def _more(self) -> bytes:
        while not self.problem:
            packed = b""
            if self._unpacker.eof:
                packed = self._unpacker.unused_data.lstrip(b"\0")  # streams of xz may be padded
                self._unpacker, self._begun = self._make(), False
            if not packed and self._unpacker.needs_input:
                packed = _some(self._stream)
                if not packed:
                    self.problem = f"the {self._name} file is cut off" if self._begun else ""
                    return b""
                packed = packed if self._begun else packed.lstrip(b"\0")
            try:
                made: bytes = self._unpacker.decompress(packed, CHUNK)
            except (self._error, OSError, EOFError, MemoryError):
                self.problem = f"the {self._name} file is damaged"
                return b""
            self._begun = self._begun or bool(packed)
            if made:
                return made
        return b""


def _xz(stream: Stream) -> Opened:
    import lzma

    def make() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY)

    return _Stepwise(stream, "xz", make, lzma.LZMAError)


def _bzip2(stream: Stream) -> Opened:
    import bz2

    return _Stepwise(stream, "bzip2", bz2.BZ2Decompressor, OSError)


def unpacked(stream: Stream) -> Opened:
    """The stream itself, or what is packed in it, also packed twice. Raises PackedError without a library for it."""
    opened = stream if isinstance(stream, Opened) else Opened(stream)
    for _ in range(3):
        head = opened.peek(HEAD)
        if head.startswith(GZIP):
            opened = _Gzip(opened)
        elif head.startswith(ZSTD):
            opened = _Zstd(opened)
        elif head.startswith(XZ):
            opened = _packing("xz", _xz, opened)
        elif _is_bzip2(head):
            opened = _packing("bzip2", _bzip2, opened)
        else:
            break
    return opened


def _is_bzip2(head: bytes) -> bool:
    """Whether octets begin like bzip2: its letters, the size of its blocks, the first half of the mark of a block."""
    return head.startswith(BZIP2) and head[3:4] in b"123456789" and head[4:6] in (b"1A", b"\x17r")


def _packing(name: str, make: Callable[[Stream], Opened], stream: Opened) -> Opened:
    try:
        return make(stream)
    except ImportError:
        raise PackedError(f"is packed with {name}, which this Python was built without; unpack it first") from None
