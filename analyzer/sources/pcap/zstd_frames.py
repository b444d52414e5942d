"""Where the frames of zstd end, so that a file that was cut can be told from a whole one: the library keeps silent about it.

Source: RFC 8878, 3.1.
"""

from __future__ import annotations

from collections.abc import Generator

MAGIC = b"\x28\xb5\x2f\xfd"
SKIPPABLE = b"\x2a\x4d\x18"  # behind 50 to 5F
RLE = 1  # a block of one octet, however long it says that it is
AT_ONCE = 1 << 16


class ZstdFrames:
    """Takes the packed octets as they come."""

    def __init__(self) -> None:
        self._between = True
        self._held = bytearray()
        self._steps = self._walk()
        self._wanted = next(self._steps)

    @property
    def whole(self) -> bool:
        """Whether the octets so far end where a frame does."""
        return self._between and not self._held

    def feed(self, data: bytes) -> None:
        """Takes octets."""
        at = 0
        while at < len(data):
            part = data[at : at + self._wanted - len(self._held)]
            at += len(part)
            self._held += part
            if len(self._held) == self._wanted:
                held = bytes(self._held)
                self._held.clear()
                self._wanted = self._steps.send(held)

    def _walk(self) -> Generator[int, bytes, None]:
        """Asks for as many octets as come next."""
        while True:
            self._between = True
            magic = yield 4
            self._between = magic != MAGIC and magic[1:] != SKIPPABLE
            if magic == MAGIC:
                yield from self._frame()
            elif magic[1:] == SKIPPABLE:
                yield from _skipped(int.from_bytes((yield 4), "little"))
            else:
                while True:  # no zstd; the library says what it makes of that
                    yield AT_ONCE

    def _frame(self) -> Generator[int, bytes, None]:
        descriptor = (yield 1)[0]
        single = descriptor >> 5 & 1
        content = (single, 2, 4, 8)[descriptor >> 6]
        yield from _skipped((1 - single) + (0, 1, 2, 4)[descriptor & 3] + content)
        last = False
        while not last:
            head = int.from_bytes((yield 3), "little")
            last = bool(head & 1)
            yield from _skipped(1 if head >> 1 & 3 == RLE else head >> 3)
        yield from _skipped(4 if descriptor & 4 else 0)


def _skipped(count: int) -> Generator[int, bytes, None]:
    while count:
        count -= len((yield min(count, AT_ONCE)))
