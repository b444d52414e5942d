"""Hex dumps: rows of an offset, bytes and their printable view, as xxd, hexdump, od and Wireshark print them.

The offset and the printable column never become bytes. Rows are told from plain hex by their offset: it is
zero, or it goes on from the row before, or the row after goes on from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from analyzer.sources.payload import Flaw, shows, starts_like_frame

SQUEEZED = 1 << 16  # bytes that one "*" row may stand for; more is a broken dump
SQUEEZED_IN_ALL = 32 << 20  # and all of them in one text
_ROW = re.compile(
    r"(?:0x)?(?P<offset>[0-9A-Fa-f]{3,16})(?P<mark>[hH]?:\s*|[hH]?\s+\|?\s*|\s*\|\s*)(?=(?:0x)?[0-9A-Fa-f]{2})"
)
_BODY = re.compile(r"(?:(?:0x)?(?:[0-9A-Fa-f]{2})+(?=[^0-9A-Za-z]|$)[ ,-]{0,3})+", re.ASCII)
_UNIT = re.compile(r"(?:0x)?([0-9A-Fa-f]+)")
_LAST_OFFSET = re.compile(r"(?:0x)?([0-9A-Fa-f]{3,16}):?\s*")
_LONGEST = 400
WRAPPER_HEADER = 8  # octets; fewer that begin with 00 01 are no sign of a wrapper


@dataclass(slots=True)
class Row:
    """One row: where it starts, its offset as written, its bytes by units, and where the first of them is."""

    indent: int
    offset: str
    colon: bool
    units: list[str]
    first: int
    column: str

    @property
    def size(self) -> int:
        """How many bytes the row has."""
        return sum(len(unit) for unit in self.units) // 2

    @property
    def wide(self) -> bool:
        """Whether the bytes stand in words of 2, 4 or 8, which may be in the machine's order."""
        return len(self.units[0]) in (4, 8, 16) and all(len(unit) <= len(self.units[0]) for unit in self.units)


@dataclass(slots=True)
class Dump:
    """The dump that the last rows belong to, and what they told about its numbers and its byte order."""

    indent: int
    next_offset: int
    radixes: list[int]
    swapped: bool | None = None
    last_row: bytes = b""
    squeezed: bool = False


def radixes_of(row: Row) -> list[int]:
    """The number systems that an offset can be in. Only od prints octal ones, of seven digits without a colon."""
    return [16, 8, 10] if len(row.offset) == 7 and not row.colon else [16, 10]


def split_row(text: str, position: int) -> Row | None:
    """A line as a row of a dump, by its looks alone: an offset and units of bytes of another width."""
    if len(text) - position > _LONGEST:
        return None
    found = _ROW.match(text, position)
    if found is None:
        return None
    colon = ":" in found["mark"] or "|" in found["mark"]
    body = _body_end(text, found.end())
    units = _UNIT.findall(text[found.end() : body])
    if not units or len(units) > 64 or any(len(unit) % 2 for unit in units):
        return None
    if len(units[0]) == len(found["offset"]) and not colon:
        return None
    return Row(position, found["offset"], colon, units, found.end(), text[body:])


def _body_end(text: str, start: int) -> int:
    """Where the bytes of a row end: at the printable column if one is there that shows them."""
    gaps = [gap.start() for gap in re.finditer(r"\s{2,}|\s*\||\t", text[start:])]
    for gap in gaps:
        units = "".join(_UNIT.findall(text[start : start + gap]))
        if len(units) % 2 == 0 and units:
            data = bytes.fromhex(units)
            if shows(data, text[start + gap :]):
                return start + gap
    # No such column, or one of another code page: the longest run of units, up to a gap of three or a bar.
    end = min((gap for gap in gaps if text[start + gap :].lstrip().startswith("|")), default=len(text) - start)
    wide = re.search(r"\s{3,}|\t", text[start : start + end])
    if wide is not None:
        end = wide.start()
    run = _BODY.match(text, start, start + end)
    return start if run is None else run.end()


def belongs(row: Row, dump: Dump | None, expected: Mapping[int, int], following: Callable[[], Row | None]) -> bool:
    """Whether a line that looks like a row is one, by the offsets of its neighbours.

    `expected` has the offsets that were to come next, by the indentation of the rows before.
    """
    zero = int(row.offset, 16) == 0
    if zero or (row.colon and len(row.units[0]) < len(row.offset)):
        return True
    if dump is not None and any(_value(row.offset, radix) == dump.next_offset for radix in dump.radixes):
        return True
    if (dump is not None and dump.squeezed) or _value(row.offset, 16) == expected.get(row.indent):
        return True
    after = following()
    if after is None:
        return False
    return any(
        (here := _value(row.offset, radix)) is not None and _value(after.offset, radix) == here + row.size
        for radix in radixes_of(row)
    )


def _value(offset: str, radix: int) -> int | None:
    try:
        return int(offset, radix)
    except ValueError:
        return None


def continues(row: Row, dump: Dump) -> bool:
    """Whether a row goes on with a dump: same side of the screen, an offset at or behind the expected one."""
    if row.indent != dump.indent:
        return False
    values = {radix: _value(row.offset, radix) for radix in dump.radixes}
    exact = [radix for radix, value in values.items() if value == dump.next_offset]
    if exact:
        dump.radixes = exact
        return True
    value = values[dump.radixes[0]]
    return value is not None and value > dump.next_offset


def row_bytes(row: Row, dump: Dump, begun: bool, room: int) -> tuple[bytes, list[Flaw]]:
    """The bytes of a row in the order of the wire, after those that a "*" or a gap before it stands for.

    `room` is how many bytes "*" rows may still stand for in this text."""
    flaws: list[Flaw] = []
    if dump.swapped is None:
        dump.swapped = _is_swapped(row)
        if dump.swapped:
            said = f"words of {len(row.units[0]) // 2} bytes are in little-endian order in this dump: swapped back"
            flaws.append(Flaw(row.first, 0, said))
    data = (
        b"".join(_unit_bytes(unit, True) for unit in row.units) if dump.swapped else bytes.fromhex("".join(row.units))
    )
    value = _value(row.offset, dump.radixes[0])
    filler = b""
    if begun and value is not None and value > dump.next_offset:
        missing = value - dump.next_offset
        if dump.squeezed and dump.last_row and missing <= min(SQUEEZED, room):
            filler = (dump.last_row * (missing // len(dump.last_row) + 1))[:missing]
        else:
            said = f"expected offset {dump.next_offset:x} and found {row.offset}: {missing} bytes are missing here"
            flaws.append(Flaw(row.indent, 0, said))
    dump.squeezed = False
    dump.last_row = data
    start = value if value is not None and (not begun or value > dump.next_offset) else dump.next_offset
    dump.next_offset = start + len(data)
    return filler + data, flaws


def _unit_bytes(unit: str, swapped: bool) -> bytes:
    data = bytes.fromhex(unit)
    return data[::-1] if swapped else data


def _is_swapped(row: Row) -> bool:
    """Whether the words of the first row are little-endian: hexdump and od without options print them so.

    The beginning of a frame decides; without one the colon of xxd says that the bytes are in order.
    """
    if not row.wide:
        return False
    straight = b"".join(_unit_bytes(unit, False) for unit in row.units)
    swapped = b"".join(_unit_bytes(unit, True) for unit in row.units)
    if starts_like_frame(straight) or starts_like_frame(swapped):
        return not starts_like_frame(straight)
    if len(straight) >= WRAPPER_HEADER and b"\x00\x01" in (straight[:2], swapped[:2]):
        return straight[:2] != b"\x00\x01"
    return not row.colon


def surplus(text: str, position: int, dump: Dump) -> int | None:
    """How many bytes too many the dump has, when a line is only its last offset; None when it is not that.

    od and hexdump end with such a line, and pad the last word when the number of bytes is odd.
    """
    if len(text) - position > 20:
        return None
    found = _LAST_OFFSET.fullmatch(text, position)
    if found is None:
        return None
    for excess in (0, 1, 2, 3):
        for radix in dump.radixes:
            if _value(found[1], radix) == dump.next_offset - excess and (excess == 0 or dump.swapped):
                return excess
    return None
