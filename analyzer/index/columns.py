"""What is kept of each frame: one row of numbers in columns that grow. Some 25 to 45 octets a frame.

`start` and `length` are the place of the frame in the octets of its record, flags included; `record` is the index of that
record in the trace. `control` is the control field of HDLC or M-Bus. `tag` is the first octet behind the LLC header, or of the
payload where none is: of an APDU, unless the frame goes on with one. `security` and `counter` are security control and
invocation counter of a ciphered APDU that shows them there, whole or in its first segment. `link` numbers the pairs of addresses
as they are found, `side` says who sent the frame, `message` is the number of the message that it is a part of.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

import numpy as np

from analyzer.frame import Framing
from analyzer.model import Direction

Array = Any  # numpy.ndarray
COLUMNS: dict[str, str] = {
    "start": "<u8", "length": "<u4", "link": "<u2", "framing": "u1", "control": "u1", "tag": "u1", "security": "u1",
    "counter": "<u4", "flags": "u1", "side": "u1",
}  # fmt: skip
# Columns that not every trace needs: they take memory from the first row on that is not what is usual. That is one record, no
# time, and each frame a message of its own.
FURTHER: dict[str, str] = {"record": "<u4", "time": "<f8", "message": "<u4"}
KINDS = COLUMNS | FURTHER

STRAY = 0x01  # octets between frames
RIGHT = 0x02  # the check sequence of an HDLC frame holds
SEGMENTED = 0x04  # more segments follow
LLC = 0x08  # the payload begins with an LLC header
COUNTED = 0x10  # `security` and `counter` are those of a ciphered APDU
ODD = 0x20  # something is to be said about how the frame was cut
ECHO = 0x40  # the frame came back to its sender
DAMAGED = 0x80  # these are not the octets that were sent
SIDES: tuple[Direction, ...] = ("unknown", "client", "meter")
NUMBER: dict[Direction, int] = {side: number for number, side in enumerate(SIDES)}
FRAMINGS: tuple[Framing, ...] = get_args(Framing)
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
        array = self._arrays.get(name)
        return self._usual(name, 0, self._used) if array is None else array[: self._used]

    def __contains__(self, name: str) -> bool:
        """Whether a column takes memory."""
        return name in self._arrays

    @property
    def octets(self) -> int:
        """The memory that the rows take."""
        return sum(int(array.nbytes) for array in self._arrays.values())

    def extend(self, rows: Mapping[str, Array]) -> None:
        """Takes many rows; columns that are not given become 0, or what is usual."""
        begin, end = self._used, self._used + len(rows["start"])
        self._make_room(end - begin)
        for name in rows.keys() & FURTHER.keys():
            self.need(name)
        for name, array in self._arrays.items():
            array[begin:end] = rows[name] if name in rows else self._usual(name, begin, end)
        self._used = end

    def reserve(self, count: int) -> None:
        """Makes room for about so many rows in all; what is never used takes no memory."""
        self._make_room(count - self._used)

    def append(self, **row: float) -> None:
        """Takes one row; columns that are not given become 0, or what is usual."""
        self._make_room(1)
        at = self._used
        for name in row.keys() - self._arrays.keys():
            self.need(name)
        for name, array in self._arrays.items():
            array[at] = row[name] if name in row else _USUAL.get(name, at + 1)
        self._used += 1

    def need(self, name: str) -> Array:
        """A column that from now on takes memory, if it did not before."""
        if name not in self._arrays:
            made = np.empty(self._room, dtype=FURTHER[name])
            made[: self._used] = self._usual(name, 0, self._used)
            self._arrays[name] = made
        return self[name]

    def row(self, number: int) -> dict[str, float]:
        """One row, as plain numbers."""
        usual = {name: _USUAL.get(name, number + 1) for name in FURTHER}
        return usual | {name: array[number].item() for name, array in self._arrays.items()}

    def rows(self) -> Iterator[dict[str, float]]:
        """All rows."""
        return (self.row(number) for number in range(self._used))

    @staticmethod
    def _usual(name: str, begin: int, end: int) -> Array:
        """What some rows of a column are that does not say otherwise."""
        if name in _USUAL:
            return np.broadcast_to(np.array(_USUAL[name], dtype=KINDS[name]), end - begin)
        return np.arange(begin + 1, end + 1, dtype=KINDS[name])

    def _make_room(self, count: int) -> None:
        needed = self._used + count
        if needed <= self._room:
            return
        self._room = max(needed, ROOM, self._room + self._room // 2)
        for name, array in self._arrays.items():
            larger = np.empty(self._room, dtype=array.dtype)
            larger[: self._used] = array[: self._used]
            self._arrays[name] = larger


_USUAL: dict[str, float] = {name: 0 for name in KINDS if name != "message"} | {"time": float("nan")}
