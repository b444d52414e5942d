"""Who sent each frame of a run of clean frames: `senders.Senders`, for many frames at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from analyzer.index.columns import NUMBER, SIDES, Array
from analyzer.model import Direction
from analyzer.senders import CLIENT_FRAMES, LIFE, METER_FRAMES, Senders, by_size, sender_of_apdu, turn
from grammars.hdlc import CONTROL
from grammars.kit.primitives import ExtendedAddress
from grammars.llc import COMMAND


def _by_control(octet: int) -> int:
    """Who alone sends a frame with this control field."""
    name = CONTROL.table.get(octet, ("",))[0]
    side: Direction = "client" if name in CLIENT_FRAMES else "meter" if name in METER_FRAMES else "unknown"
    return NUMBER[side]


_OF_CONTROL = np.array([_by_control(octet) for octet in range(256)], dtype=np.uint8)
_OF_TAG = np.array([NUMBER[sender_of_apdu(tag)] for tag in range(256)], dtype=np.uint8)


class Ends(NamedTuple):
    """The addresses of a frame: source and destination as `frame.addresses` writes them; who sends from an address of such
    a size to one of the other."""

    pair: tuple[str, str]
    by_size: Direction


PORTS = 9  # the size that stands for the two ports of the wrapper, as no addresses of HDLC have
STRANGE = 0xFFFF  # the code of addresses that are for the careful way
MANY = 32  # different addresses of a window that are looked for one after the other
FEW = 32  # frames of a run that are taken one by one as well
CROWDED = 256  # different addresses of a window beyond which its frames are taken one by one


class Links:
    """The pairs of addresses of a trace, numbered in the order in which they appear."""

    MOST = 0xFFFF  # what the column holds; all further pairs share the last number

    def __init__(self) -> None:
        self.pairs: list[tuple[str, str] | None] = []
        self._numbers: dict[tuple[str, str] | None, int] = {}
        self._ends: dict[tuple[int, int], Ends | None] = {}  # by the octets of both addresses and their number

    def number(self, pair: tuple[str, str] | None) -> int:
        """The number of a pair (source, destination); frames without addresses have one of their own."""
        found = self._numbers.get(pair)
        if found is None and len(self.pairs) > self.MOST:
            return self.MOST
        if found is None:
            found = self._numbers[pair] = len(self.pairs)
            self.pairs.append(pair)
        return found

    def codes(self, keys: Array, sizes: Array) -> tuple[Array, list[Ends]]:
        """Frames by the octets of their addresses (`keys`, so many `sizes`): a code for each, and what the codes stand for.
        STRANGE are those that are for the careful way: addresses that the profile has not, a frame that is its own answer.
        """
        codes = np.zeros(len(keys), dtype=np.uint16)
        known: list[Ends] = []
        left, first = np.ones(len(keys), dtype=bool), 0
        for _ in range(MANY if len(keys) else 0):
            key = keys[first]
            rows = keys == key
            codes[rows] = self._code(int(key), int(sizes[first]), known)
            left &= ~rows
            first = int(np.argmax(left))
            if not left[first]:
                return codes, known
        places = np.flatnonzero(left)
        values, begins, which = np.unique(keys[places], return_index=True, return_inverse=True)
        of_sizes = sizes[places[begins]]
        each = [self._code(*one, known) for one in zip(values.tolist(), of_sizes.tolist(), strict=True)]
        codes[places] = np.array(each, dtype=np.uint16)[which]
        return codes, known

    def _code(self, key: int, size: int, known: list[Ends]) -> int:
        """The code of addresses that are not among the `known` yet; what has no room among them is strange as well."""
        ends = self._read(key, size)
        if ends is None or len(known) == STRANGE:
            return STRANGE
        known.append(ends)
        return len(known) - 1

    def _read(self, key: int, size: int) -> Ends | None:
        """Source and destination by their octets; None where they are strange."""
        if size == 0:
            return None
        if (key, size) not in self._ends:
            if len(self._ends) > self.MOST:
                self._ends.clear()  # noise has ever other addresses
            made = _of_ports(key) if size == PORTS else _of_addresses(key, size)
            self._ends[key, size] = made if made.pair[0] != made.pair[1] else None
        return self._ends[key, size]


def _of_ports(key: int) -> Ends:
    source, destination = (int.from_bytes(key.to_bytes(4, "little")[at : at + 2], "big") for at in (0, 2))
    return Ends((str(source), str(destination)), "unknown")


def _of_addresses(key: int, size: int) -> Ends:
    octets = key.to_bytes(8, "little")[:size]
    destination, at = ExtendedAddress.read(octets, 0, size)
    source, _ = ExtendedAddress.read(octets, at, size)
    return Ends((repr(source), repr(destination)), by_size(source.octets, destination.octets))


class Told(NamedTuple):
    """What the source tells of the sender of each frame, 0 where nothing; and which frames are the first of their record:
    of the others of one record the source tells nothing sure."""

    side: Array
    first: Array


def sides_of(
    rows: Mapping[str, Array], known: list[Ends], links: Links, senders: Senders, told: Told | None = None
) -> tuple[Array, Array]:
    """The columns link and side of a run; `senders` goes on behind it. `known` are the addresses behind the codes."""
    own, spare = _by_themselves(rows["shown"], told)
    return _sides(rows["codes"], own, spare, known, links, senders)


def _sides(
    codes: Array, own: Array, spare: Array, known: list[Ends], links: Links, senders: Senders
) -> tuple[Array, Array]:
    if senders.doubtful and len(own):
        first, rest = (slice(LIFE), slice(LIFE, None))
        settled = _one_by_one(codes[first], own[first], spare[first], known, links, senders)
        others = _sides(codes[rest], own[rest], spare[rest], known, links, senders)
        return np.concatenate((settled[0], others[0])), np.concatenate((settled[1], others[1]))
    if len(own) < FEW or len(known) > CROWDED or not senders.has_room(ends.pair for ends in known):
        return _one_by_one(codes, own, spare, known, links, senders)
    side = own.copy()
    unknown = side == 0
    numbers = np.empty(len(codes), dtype=np.uint16)
    for row, ends, same in _first_rows(codes, known):
        numbers[same] = links.number(ends.pair)
        direction = SIDES[side[row]]
        if direction == "unknown":
            previous = SIDES[side[row - 1]] if row else senders.previous
            if previous == "unknown":
                previous = senders.previous
            direction = senders.of_pair(ends.pair) or _otherwise(SIDES[spare[row]], ends, previous)
        if direction == "unknown":
            return _one_by_one(codes, own, spare, known, links, senders)
        senders.learn(ends.pair, direction)
        side[unknown & same] = NUMBER[senders.pairs[ends.pair]]
    senders.previous = SIDES[side[-1]]
    return numbers, side


def _by_themselves(shown: Array, told: Told | None) -> tuple[Array, Array]:
    """The side of each frame without what others tell of its addresses, 0 where it needs that; and what holds where they
    tell nothing either."""
    if told is None:
        return shown, np.broadcast_to(np.uint8(0), len(shown))
    own = np.where(told.side == 0, shown, np.where(told.first, told.side, np.uint8(0)))
    return own, np.where(told.side == 0, np.uint8(0), np.where(shown != 0, shown, told.side))


def _otherwise(spare: Direction, ends: Ends, previous: Direction) -> Direction:
    """Who sent a frame of which nothing is known by its addresses yet."""
    if spare != "unknown":
        return spare
    return ends.by_size if ends.by_size != "unknown" else turn(previous)


def _first_rows(codes: Array, known: list[Ends]) -> list[tuple[int, Ends, Array]]:
    """The addresses that occur, in the order in which they do: first row, addresses, all rows."""
    made = []
    for code, ends in enumerate(known):
        same = codes == code
        row = int(np.argmax(same))
        if same[row]:
            made.append((row, ends, same))
    return sorted(made, key=lambda one: one[0])


def _one_by_one(
    codes: Array, own: Array, spare: Array, known: list[Ends], links: Links, senders: Senders
) -> tuple[Array, Array]:
    """The same, row after row: where nothing tells for a while who speaks."""
    side = own.copy()
    numbers = np.empty(len(side), dtype=np.uint16)
    for row, (code, itself, other) in enumerate(zip(codes.tolist(), own.tolist(), spare.tolist(), strict=True)):
        ends, direction = known[code], SIDES[itself]
        numbers[row] = links.number(ends.pair)
        if senders.doubtful:
            senders.passed(ends.pair)
        if direction == "unknown":
            direction = senders.of_pair(ends.pair) or _otherwise(SIDES[other], ends, senders.previous)
        if direction != "unknown":
            senders.learn(ends.pair, direction)
            senders.previous = direction
        side[row] = NUMBER[direction]
    return numbers, side


def shown(control: Array, first: Array, llc: Array, second: Array, third: Array) -> Array:
    """What each frame shows by itself, see `senders.evident`: by its control field, its LLC header, or the first octet of
    what it carries (0 where it carries nothing); `llc` tells which rows begin as an LLC header does."""
    side = _OF_CONTROL[control]
    by_llc = np.where(second == COMMAND[1], NUMBER["client"], NUMBER["meter"])
    carried = np.where(llc & (third == COMMAND[2]), by_llc, _OF_TAG[first])
    return np.where(side != 0, side, carried).astype(np.uint8)
