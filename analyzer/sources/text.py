"""A text that may be long: it is decoded while somebody goes through its lines, and never held as a whole."""

from __future__ import annotations

import codecs
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.sources.mapped import Progress

_BLOCK = 1 << 18  # characters, or octets, that are looked at together
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Text:
    """A text, or its octets in UTF-8, or in UTF-16 where a byte order mark says so; what is neither reads as U+FFFD.

    The octets may be those of a mapped file. Each call goes through the text from its beginning.
    """

    def __init__(self, written: str | bytes) -> None:
        self._written = written
        self._encoding = "utf-16" if not isinstance(written, str) and written[:2] in _UTF_16 else "utf-8"

    def whole(self) -> str:
        """All of it, in memory."""
        written = self._written
        return written if isinstance(written, str) else str(written[:], self._encoding, "replace")

    def lines(self) -> Iterator[str]:
        r"""Its lines with their ends, which are LF, CR LF or CR. CR CR LF, which a text has that went through Windows twice,
        is one end, and so is CR CR CR LF."""
        half, empty = False, 0
        for line in self._opened(""):
            if half:
                if line == "\r":
                    empty += 1
                    continue
                if line == "\r\n":
                    half, empty = False, 0
                    continue
                yield from ["\r"] * empty
                empty = 0
            half = line[-1] == "\r"
            yield line
        yield from ["\r"] * empty

    def blocks(self) -> Iterator[str]:
        r"""Its lines, many together; the end of each is LF."""
        stream = self._opened(None)
        while block := stream.read(_BLOCK):
            yield block + stream.readline()

    def holds(self, marks: str) -> bool:
        """Whether ASCII characters stand anywhere in it."""
        written = self._written
        if isinstance(written, str) or self._encoding != "utf-8":
            return any(marks in block for block in self.blocks())
        sought, more = marks.encode(), len(marks) - 1
        return any(sought in written[at : at + _BLOCK + more] for at in range(0, len(written), _BLOCK))

    def _opened(self, newline: str | None) -> io.TextIOBase:
        written = self._written
        if isinstance(written, str):
            return io.StringIO(written, newline)
        octets = io.BytesIO(written) if isinstance(written, bytes) else io.BufferedReader(_Mapped(written), 1 << 16)
        return io.TextIOWrapper(octets, self._encoding, "replace", newline)


class _Mapped(io.RawIOBase):
    """The octets of a mapped file, as a file that can be read; `MappedFile` looks after those that are gone."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, room: memoryview) -> int:  # type: ignore[override]
        part = self._octets[self._at : self._at + len(room)]
        room[: len(part)] = part
        self._at += len(part)
        progress: Progress | None = getattr(self._octets, "progress", None)
        if progress is not None:
            if part:
                progress.at(self._at)
            else:
                progress.ended()
        return len(part)
