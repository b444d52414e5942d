"""Who sent each frame of a run of clean HDLC frames: `senders.Senders`, for many frames at once."""

from __future__ import annotations

from typing import Any

import numpy as np

from analyzer.index.columns import SIDES
from analyzer.model import Direction
from analyzer.senders import CLIENT_FRAMES, METER_FRAMES, Senders, by_size, sender_of_apdu, turn
from grammars.hdlc import CONTROL
from grammars.kit.primitives import Extended
from grammars.llc import COMMAND

Array = Any  # numpy.ndarray
NUMBER: dict[Direction, int] = {side: number for number, side in enumerate(SIDES)}
SIZE_BITS, ADDRESS_BITS = 2, 30


def address(packed: int) -> Extended:
    """An address out of its number and the code of its size, as `clean` packs it."""
    return Extended(packed >> SIZE_BITS, 1 << (packed & 3))


def _by_control(octet: int) -> int:
    """Who alone sends a frame with this control field."""
    name = CONTROL.table.get(octet, ("",))[0]
    side: Direction = "client" if name in CLIENT_FRAMES else "meter" if name in METER_FRAMES else "unknown"
    return NUMBER[side]


_OF_CONTROL = np.array([_by_control(octet) for octet in range(256)], dtype=np.uint8)
_OF_TAG = np.array([NUMBER[sender_of_apdu(tag)] for tag in range(256)], dtype=np.uint8)


class Links:
    """The pairs of addresses of a stream, numbered in the order in which they appear."""

    MOST = 0xFFFF  # what the column holds; all further pairs share the last number

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str] | None] = []
        self._numbers: dict[tuple[str, str] | None, int] = {}
        self._packed: dict[int, int] = {}

    def number(self, pair: tuple[str, str] | None) -> int:
        """The number of a pair (source, destination); frames without addresses have one of their own."""
        found = self._numbers.get(pair)
        if found is None:
            found = self._numbers[pair] = min(len(self.pairs), self.MOST)
            if len(self.pairs) <= self.MOST:
                self.pairs.append(pair)
        return found

    def numbers(self, packed: Array) -> tuple[Array, list[tuple[int, int, int]]]:
        """The numbers of packed pairs, and for each pair that occurs (first row, packed, number), by first row."""
        made = np.empty(len(packed), dtype=np.uint16)
        seen: list[tuple[int, int, int]] = []
        left = np.arange(len(packed))
        rest = packed
        while len(left):
            if len(seen) > 32:  # many links: sort them
                values, first, inverse = np.unique(rest, return_index=True, return_inverse=True)
                order = np.argsort(first)
                codes = np.empty(len(values), dtype=np.uint16)
                for place in order.tolist():
                    codes[place] = self._of(int(values[place]))
                    seen.append((int(left[first[place]]), int(values[place]), int(codes[place])))
                made[left] = codes[inverse]
                break
            value = int(rest[0])
            number = self._of(value)
            same = rest == value
            seen.append((int(left[0]), value, number))
            if same.all():
                made[left] = number
                break
            made[left[same]] = number
            left, rest = left[~same], rest[~same]
        return made, seen

    def _of(self, packed: int) -> int:
        number = self._packed.get(packed)
        if number is None:
            source, destination = unpacked(packed)
            number = self._packed[packed] = self.number((repr(source), repr(destination)))
        return number


def unpacked(packed: int) -> tuple[Extended, Extended]:
    """Source and destination."""
    return address(packed >> ADDRESS_BITS), address(packed & ((1 << ADDRESS_BITS) - 1))


def sides_of(rows: dict[str, Array], first_of: list[tuple[int, int, int]], links: Array, senders: Senders) -> Array:
    """The side column of a run; `senders` goes on behind it. `first_of` tells of each link its first row, see `Links`."""
    side = rows["shown"].copy()
    unknown = side == 0
    for row, packed, number in first_of:
        source, destination = unpacked(packed)
        pair = (repr(source), repr(destination))
        direction = SIDES[side[row]]
        if direction == "unknown":
            previous = SIDES[side[row - 1]] if row else senders.previous
            if previous == "unknown":
                previous = senders.previous
            direction = senders.of_pair(pair) or by_size(source.octets, destination.octets)
            if direction == "unknown":
                direction = turn(previous)
        if direction == "unknown":
            return _one_by_one(rows, side, first_of, links, senders)
        senders.pairs.setdefault(pair, direction)
        fill = unknown & (links == number)
        side[fill] = NUMBER[senders.pairs[pair]]
    if len(side):
        senders.previous = SIDES[side[-1]]
    return side


def shown(control: Array, first: Array, llc: Array, second: Array, third: Array) -> Array:
    """What each frame shows by itself, see `senders.evident`: by its control field, its LLC header, or the first octet of
    what it carries (0 where it carries nothing); `llc` tells which rows begin as an LLC header does."""
    side = _OF_CONTROL[control]
    by_llc = np.where(second == COMMAND[1], NUMBER["client"], NUMBER["meter"])
    carried = np.where(llc & (third == COMMAND[2]), by_llc, _OF_TAG[first])
    return np.where(side != 0, side, carried).astype(np.uint8)


def _one_by_one(
    rows: dict[str, Array], side: Array, first_of: list[tuple[int, int, int]], links: Array, senders: Senders
) -> Array:
    """The same, row after row: where nothing tells for a while who speaks."""
    of_link = {number: unpacked(packed) for _, packed, number in first_of}
    for row in range(len(side)):
        source, destination = of_link[int(links[row])]
        pair = (repr(source), repr(destination))
        direction = SIDES[rows["shown"][row]]
        if direction == "unknown":
            direction = senders.of_pair(pair) or by_size(source.octets, destination.octets)
        if direction == "unknown":
            direction = turn(senders.previous)
        if direction != "unknown":
            senders.pairs.setdefault(pair, direction)
            senders.previous = direction
        side[row] = NUMBER[direction]
    return side
