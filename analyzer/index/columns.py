"""What is kept of each frame: one row of numbers in columns that grow. Some 25 octets a frame.

`start` and `length` are the place of the frame in the octets of its stream, flags included. `control` is the control field of
HDLC. `tag` is the first octet behind the LLC header, or of the payload where none is: of an APDU, unless the frame goes on
with one (`CONTINUES`). `security` and `counter` are security control and invocation counter of a ciphered APDU that shows
them there. `link` numbers the pairs of addresses as they are found, `side` says who sent the frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from analyzer.model import Direction

Array = Any  # numpy.ndarray
COLUMNS: dict[str, str] = {
    "start": "<u8", "length": "<u4", "link": "<u2", "control": "u1", "tag": "u1", "security": "u1", "counter": "<u4",
    "flags": "u1", "side": "u1",
}  # fmt: skip
WIDTH = sum(np.dtype(kind).itemsize for kind in COLUMNS.values())

HDLC = 0x01  # the frame is one of HDLC
RIGHT = 0x02  # its check sequence holds
SEGMENTED = 0x04  # more segments follow
LLC = 0x08  # the payload begins with an LLC header
COUNTED = 0x10  # `security` and `counter` are those of a ciphered APDU
ODD = 0x20  # the frame was found by the careful way, and something is to be said about how it was cut
SIDES: tuple[Direction, ...] = ("unknown", "client", "meter")
ROOM = 1 << 14  # rows that are allocated at first


class Columns:
    """Rows of frames. Columns are arrays of NumPy, views of what is there now."""

    def __init__(self) -> None:
        self._room = 0
        self._used = 0
        self._arrays: dict[str, Array] = {name: np.empty(0, dtype=kind) for name, kind in COLUMNS.items()}

    def __len__(self) -> int:
        return self._used

    def __getitem__(self, name: str) -> Array:
        return self._arrays[name][: self._used]

    @property
    def octets(self) -> int:
        """The memory that the rows take."""
        return self._room * WIDTH

    def extend(self, rows: Mapping[str, Array]) -> None:
        """Takes many rows; columns that are not given become 0."""
        count = len(rows["start"])
        self._make_room(count)
        for name, array in self._arrays.items():
            array[self._used : self._used + count] = rows.get(name, 0)
        self._used += count

    def reserve(self, count: int) -> None:
        """Makes room for about so many rows in all; what is never used takes no memory."""
        self._make_room(count - self._used)

    def append(self, **row: int) -> None:
        """Takes one row; columns that are not given become 0."""
        self._make_room(1)
        for name, array in self._arrays.items():
            array[self._used] = row.get(name, 0)
        self._used += 1

    def row(self, number: int) -> dict[str, int]:
        """One row, as plain numbers."""
        return {name: int(array[number]) for name, array in self._arrays.items()}

    def rows(self) -> Iterator[dict[str, int]]:
        """All rows."""
        return (self.row(number) for number in range(self._used))

    def _make_room(self, count: int) -> None:
        needed = self._used + count
        if needed <= self._room:
            return
        self._room = max(needed, ROOM, self._room + self._room // 2)
        for name, array in self._arrays.items():
            larger = np.empty(self._room, dtype=array.dtype)
            larger[: self._used] = array[: self._used]
            self._arrays[name] = larger
