"""Arrays of equal elements, as a load profile is one: read at once, by a template that the grammar made of one element.

The general parser reads an element; the grammar says which of its octets are values of a fixed place and size. All others
(tags, lengths, counts) decide how an element is read. Where these are the same, so is the tree, and only the values and
the offsets differ. Elements that differ, or that something is to be said of, are left to the general parser.
"""

import struct
from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, repeat
from typing import Any, NamedTuple

from grammars.emit.structures import column_of
from grammars.emit.values import TRANSPARENT, fixed
from grammars.kit import choices, fields, primitives, regions
from grammars.kit.fields import strip
from grammars.kit.spec import PLAIN, RawNode, Spec, State

LEAST = 16  # elements of an array that is worth a template
FEW = 4  # elements that are worth to be read by it
WINDOW = 1024
TOGETHER = 25  # values of a column that are unpacked at once
KEPT = 8  # templates of one array in a grammar
TEXTS = frozenset({"visible-string", "utf8-string"})
# The codes of `array` whose size is that of struct's standard sizes, which the grammars use.
CODES = {"B": "B", "b": "b", "H": "H", "h": "h", "L": "I", "l": "i", "Q": "Q", "q": "q", "f": "f", "d": "d"}
LITTLE = array("H", b"\1\0")[0] == 1  # whether this machine stores the low octet first
LISTS = frozenset({"array", "structure"})


class Part(NamedTuple):
    """A node of an element, by its offsets in it. `form` is the struct format of its value, "" where it has parts or no
    octets; `parts` is None where it has no parts."""

    spec: Spec
    start: int
    end: int
    form: str
    parts: tuple["Part", ...] | None

    @property
    def value(self) -> int:
        """Where the value begins that takes octets."""
        return self.end - struct.calcsize(">" + self.form)

    def leaves(self) -> Iterator["Part"]:
        """The values that take octets, in their order."""
        if self.form:
            yield self
        for part in self.parts or ():
            yield from part.leaves()

    def plain(self) -> "Part":
        """The same, read for its value alone: what has parts and is no list of values is one value, its octets."""
        if self.parts is None:
            return self
        if self.spec.type in LISTS:
            return self._replace(parts=tuple(part.plain() for part in self.parts))
        start = self.parts[0].start if self.parts else self.end
        return self._replace(start=start, form=f"{self.end - start}s", parts=None)


class Run:
    """Elements of one shape, side by side, whose values were not made yet."""

    def __init__(self, template: "Template", octets: bytes) -> None:
        self.template, self.octets = template, octets

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """A tuple for each element."""
        rows: Iterator[tuple[Any, ...]] = self.template.unpack_bare(self.octets)
        return rows

    def columns(self) -> list[Any]:
        """The values of all elements, column by column: numbers as an `array`, which makes them when they are asked for,
        others as a list."""
        return [self._column(leaf) for leaf in self.template.bare.leaves()]

    def _column(self, leaf: Part) -> Any:
        octets, size, start, kind = self.octets, self.template.size, leaf.value, CODES.get(leaf.form)
        if kind is None:
            one = f"{start}x{leaf.form}{size - leaf.end}x"
            many = len(octets) - len(octets) % (
                size * TOGETHER
            )  # a tuple for each value would take as long as the value
            taken = struct.iter_unpack(">" + one * TOGETHER, octets[:many])
            return list(
                chain(chain.from_iterable(taken), chain.from_iterable(struct.iter_unpack(">" + one, octets[many:])))
            )
        width = leaf.end - start
        gathered = bytearray(width * (len(octets) // size))
        for place in range(width):
            gathered[width - 1 - place if LITTLE else place :: width] = octets[start + place :: size]
        column = array(kind)
        column.frombytes(gathered)
        return column


class NoTemplate(Exception):
    """An element has a part whose place or size its octets decide otherwise than by tag, length and count."""


def part_of(sub: Any, node: RawNode, base: int) -> Part:
    """What the grammar `sub` says of a node that it made; offsets count from `base`. Raises NoTemplate."""
    sub = strip(sub)
    while isinstance(sub, choices.Recursive) or type(sub) in TRANSPARENT:
        sub = strip(sub.grammar() if isinstance(sub, choices.Recursive) else sub.inner)
    spec, start, end, value = node
    if isinstance(sub, choices.Choice) and not sub.before:
        case = next((case for case in sub.cases.values() if case.spec is spec), None)
        if case is not None:
            return part_of(case.sub, node, base)
    elif (form := fixed(sub)) is not None:
        return Part(spec, start - base, end - base, form, None)
    elif isinstance(sub, primitives.Nothing):
        return Part(spec, start - base, end - base, "", None)
    elif isinstance(sub, regions.Lengthed) and _plain_octets(sub) and isinstance(value, bytes):
        return Part(spec, start - base, end - base, f"{len(value)}s", None)
    elif isinstance(sub, choices.Counted) and choices.is_choice(sub.element):
        parts = tuple(part_of(sub.element, child, base) for child in value)
        return Part(spec, start - base, end - base, "", parts)
    elif isinstance(sub, fields.Struct) and all(column_of(row) is not None for row in sub.subcons):
        rows = zip(sub.subcons, value, strict=True)
        return Part(spec, start - base, end - base, "", tuple(part_of(row.subcon, child, base) for row, child in rows))
    raise NoTemplate


def _plain_octets(sub: Any) -> bool:
    """Whether a region is an octet-string: a length, and octets that nobody looks into."""
    inner = strip(sub.inner)
    rest = isinstance(inner, regions.Remaining) and inner.tail == 0
    return rest and isinstance(sub.length, primitives.AxdrLength) and not (sub.tagged or sub.lenient)


class Template:
    """How elements like one that was parsed are read. `plain` is the same for their values alone."""

    def __init__(self, part: Part, octets: bytes) -> None:
        self.part, self.bare, self.size = part, part.plain(), len(octets)
        self.counted = _counted(part)
        held = bytearray(b"\1" * self.size)
        for leaf in part.leaves():
            held[leaf.value : leaf.end] = bytes(leaf.end - leaf.value)
        self.held = [(at, octets[at : at + 1]) for at in range(self.size) if held[at]]
        self.unpack, self.unpack_bare = self._unpacker(self.part), self._unpacker(self.bare)
        self.checked = [
            (n, check.__self__.allowed) for n, leaf in enumerate(part.leaves()) for check in leaf.spec.checks
        ]
        self.flat = _is_flat(self.bare)

    def _unpacker(self, part: Part) -> Any:
        form, at = ">", 0
        for leaf in part.leaves():
            form += f"{leaf.value - at}x{leaf.form}"
            at = leaf.end
        return struct.Struct(f"{form}{self.size - at}x").iter_unpack

    def fitting(self, buffer: bytes, pos: int, end: int, number: int) -> int:
        """How many of `number` elements at `pos` have all octets that decide how they are read like the first one. Looks
        ahead little by little, so that elements which change often are not looked at again and again."""
        number, window = min(number, (end - pos) // self.size), WINDOW
        while window < number and self._alike(buffer, pos, window) == window:
            window *= 8
        return self._alike(buffer, pos, min(number, window))

    def _alike(self, buffer: bytes, pos: int, number: int) -> int:
        size = self.size
        stop = pos + number * size
        for at, octet in self.held:
            found = buffer[pos + at : stop : size]
            if found != octet * number:
                number = len(found) - len(found.lstrip(octet))
                if number < FEW:
                    return 0
                stop = pos + number * size
        return number

    def read(self, state: State, buffer: bytes, pos: int, number: int) -> list[RawNode] | None:
        """The nodes of so many elements, one that holds them all where only values are wanted; None where something is
        to be said of a value, or the budget ends among them."""
        if state.budget < number * self.counted:
            return None
        octets = buffer[pos : pos + number * self.size]
        plain = state.plain
        if plain and self.flat and not self.checked:
            state.budget -= number * self.counted
            return [(PLAIN, pos, pos + len(octets), Run(self, octets))]
        columns = list(zip(*self.unpack(octets), strict=True))
        if any(value not in allowed for n, allowed in self.checked for value in columns[n]):
            return None
        state.budget -= number * self.counted
        if not plain:
            return list(self._nodes(self.part, iter(columns), pos, number))
        values = self._values(self.bare, iter(zip(*self.unpack_bare(octets), strict=True)), number)
        return [(PLAIN, pos, pos + len(octets), list(values))]

    def _nodes(self, part: Part, columns: Iterator[Any], pos: int, number: int) -> Iterable[RawNode]:
        """The nodes of a part in all elements. Tuples are made by zip: half the time of a loop."""
        values: Iterable[Any] = repeat(None)
        if part.form:
            values = next(columns)
        elif part.parts is not None:
            parts = [self._nodes(inner, columns, pos, number) for inner in part.parts]
            values = map(list, zip(*parts, strict=True)) if parts else ([] for _ in range(number))
        stop = number * self.size
        starts, ends = (range(at, at + stop, self.size) for at in (pos + part.start, pos + part.end))
        return zip(repeat(part.spec), starts, ends, values, strict=False)

    def _values(self, part: Part, columns: Iterator[Any], number: int) -> Iterable[Any]:
        """The plain values of a part in all elements."""
        if part.parts is not None:
            parts = [self._values(inner, columns, number) for inner in part.parts]
            rows: Iterable[Any] = zip(*parts, strict=True) if parts else repeat((), number)
            return map(list, rows) if part.spec.type == "array" else rows
        values: Iterable[Any] = next(columns) if part.form else repeat(None, number)
        return (value.decode("utf-8", "replace") for value in values) if part.spec.type in TEXTS else values


def _counted(part: Part) -> int:
    """The elements of arrays and structures in a part, which the budget pays for."""
    return sum(1 + _counted(inner) for inner in part.parts or ()) if part.spec.type in LISTS else 0


def _is_flat(part: Part) -> bool:
    """Whether the plain value is what unpacking gives: a structure of values that take octets and are no text."""
    return part.spec.type == "structure" and all(
        inner.form and inner.parts is None and inner.spec.type not in TEXTS for inner in part.parts or ()
    )


class Rows:
    """The templates of one array in a grammar, the last one used first."""

    def __init__(self, element: Any) -> None:
        self.element = element
        self.templates: tuple[Template, ...] = ()

    def read(
        self, one: Any, buffer: bytes, pos: int, end: int, depth: int, state: State, number: int, nodes: list[RawNode]
    ) -> int:
        """Reads `number` elements into `nodes`; gives the next position. `one` is the general parser."""
        left, pause, wait = number, 0, 0
        while left:
            looking = left >= LEAST and not wait
            if looking:
                taken, pos = self._known(buffer, pos, end, state, left, nodes)
                if taken:
                    left, pause = left - taken, 0
                    continue
            noted, start = len(state.issues), pos
            value, pos = one(buffer, pos, end, depth, state, pos, None)
            nodes += value
            left -= 1
            if not looking:
                wait = max(0, wait - 1)
                continue
            if len(state.issues) == noted and _repeats(buffer, start, pos, end):
                self._learn(value[0], buffer)
            pause, wait = 2 * pause + 1, pause
        return pos

    def _known(
        self, buffer: bytes, pos: int, end: int, state: State, number: int, nodes: list[RawNode]
    ) -> tuple[int, int]:
        """Elements that one of the templates reads: how many, and the next position."""
        for template in self.templates:
            fitting = template.fitting(buffer, pos, end, number)
            if fitting and (made := template.read(state, buffer, pos, fitting)) is not None:
                nodes += made
                if template is not self.templates[0]:
                    self._keep(template)
                return fitting, pos + fitting * template.size
        return 0, pos

    def _learn(self, node: RawNode, buffer: bytes) -> None:
        """Makes a template of an element."""
        if node[0] is PLAIN:
            return
        try:
            part = part_of(self.element, node, node[1])
        except NoTemplate:
            return
        self._keep(Template(part, buffer[node[1] : node[2]]))

    def _keep(self, template: Template) -> None:
        others = (one for one in self.templates if one is not template)
        self.templates = (template, *others)[:KEPT]


def _repeats(buffer: bytes, start: int, pos: int, end: int) -> bool:
    """Whether the elements behind one look like it at first sight: its tag comes again after as many octets."""
    size = pos - start
    return pos + size < end and buffer[start] == buffer[pos] == buffer[pos + size]
