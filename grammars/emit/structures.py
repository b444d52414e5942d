"""Structures: the fields of a Struct, those of fixed size side by side in one unpack."""

import struct
from typing import Any, NamedTuple

from grammars.emit.unit import Scope, Unit, constant, emits, expression, unique, unpacker
from grammars.emit.values import TRANSPARENT, fixed
from grammars.kit import fields, regions
from grammars.kit.fields import strip
from grammars.kit.spec import Spec

CONDITIONAL = (regions.When, regions.IfRoom, regions.IfNext)


class Column(NamedTuple):
    """A field of fixed size: one value with its format, or a structure of such fields."""

    spec: Spec
    form: str
    columns: tuple["Column", ...]

    def leaves(self) -> list["Column"]:
        """The values, in their order."""
        return [leaf for column in self.columns for leaf in column.leaves()] if self.columns else [self]


def column_of(row: Any) -> Column | None:
    """A field as a column, None if its size is not fixed."""
    if not isinstance(row, fields.Field):
        return None
    form = fixed(row)
    if form is not None:
        return Column(row.spec, form, ())
    sub = strip(row)
    while type(sub) in TRANSPARENT:
        sub = strip(sub.inner)
    if not isinstance(sub, fields.Struct) or row.spec.checks:
        return None
    columns = [column_of(inner) for inner in sub.subcons]
    return Column(row.spec, "", tuple(columns)) if columns and None not in columns else None


@emits(fields.Struct)
def structure(unit: Unit, sub: Any, outer: Scope, spec: str, start: str) -> str:
    return _Structure(unit, sub).write()


class _Structure:
    """One Struct while it is written."""

    def __init__(self, unit: Unit, sub: Any) -> None:
        self.unit, self.sub = unit, sub
        self.nodes = unique("c")
        self.made = False  # whether the list of nodes exists already
        self.scope = Scope()
        self.limits: list[str] = []

    def write(self) -> str:
        rows = list(self.sub.subcons)
        while rows:
            run: list[tuple[Any, Column]] = []
            while rows and (column := column_of(rows[0])) is not None:
                run.append((rows.pop(0), column))
            if run:
                self.run(run)
                continue
            row = rows.pop(0)
            if isinstance(row, fields.Begin):
                self.begin(row)
            elif isinstance(row, fields.End):
                self.unit.line(f"if p < end: {self.nodes}.append(UNDECODED(st, p, end, b)); p = end")
                self.unit.line(f"end = {self.limits.pop()}")
            else:
                self.field(row)
        self._make()
        return self.nodes

    def _make(self) -> None:
        if not self.made:
            self.unit.line(f"{self.nodes} = []")
            self.made = True

    def begin(self, row: Any) -> None:
        """A section: its length, which may lie, ends it."""
        self._make()
        self.limits.append(unique("e"))
        length, since = expression(row.length, self.scope), self.scope.starts[row.since] if row.since else "p"
        spec = constant(self.sub.specs[row.told_by], "S")
        self.unit.line(f"{self.limits[-1]} = end")
        self.unit.line(f"end = {constant(row.limit)}({spec}, st, {since}, p, {length}, end)")

    def run(self, run: list[tuple[Any, Column]]) -> None:
        """Neighbouring fields of fixed size: one bounds check, one unpack, one list of nodes."""
        line, values = self.unit.line, {}
        leaves = [leaf for _, column in run for leaf in column.leaves()]
        sizes = [struct.calcsize(">" + leaf.form) for leaf in leaves]
        bounds = ["p"] + [unique("q") for _ in sizes]
        needed = constant(tuple(zip([leaf.spec for leaf in leaves], sizes, strict=True)))
        line(f"{bounds[-1]} = p + {sum(sizes)}")
        line(f"if {bounds[-1]} > end: SHORT_RUN(p, end, {needed})")
        for index in range(1, len(sizes)):
            line(f"{bounds[index]} = p + {sum(sizes[:index])}")
        names = [values.setdefault(id(leaf.spec), unique("v")) for leaf in leaves]
        form = "".join(leaf.form for leaf in leaves)
        line(f"{names[0]} = b[p]" if form == "B" else f"{', '.join(names)}, = {unpacker('>' + form)}(b, p)")
        nodes, at = [], 0
        for row, column in run:
            count = len(column.leaves())
            nodes.append(self.literal(column, bounds[at : at + count + 1], values))
            self.scope.starts[row.name] = bounds[at]
            if not column.columns:
                self.scope.values[row.name] = (names[at], row.spec)
            at += count
        line(f"{self.nodes} {'+=' if self.made else '='} [{', '.join(nodes)}]")
        self.made = True
        self._keep_start(run[0][0])
        for index, leaf in enumerate(leaves):
            for check in leaf.spec.checks:
                where = f"{bounds[index]}, {bounds[index + 1]}, {names[index]}"
                allowed = constant(check.__self__.allowed, "A")
                line(
                    f"if {names[index]} not in {allowed}: {constant(check, 'C')}(st, {constant(leaf.spec, 'S')}, {where})"
                )
        line(f"p = {bounds[-1]}")

    def literal(self, column: Column, bounds: list[str], values: dict[int, str]) -> str:
        """The node of a column as Python."""
        value, at, parts = values.get(id(column.spec), ""), 0, []
        for inner in column.columns:
            count = len(inner.leaves())
            parts.append(self.literal(inner, bounds[at : at + count + 1], values))
            at += count
        value = f"[{', '.join(parts)}]" if column.columns else value
        return f"({constant(column.spec, 'S')}, {bounds[0]}, {bounds[-1]}, {value})"

    def _keep_start(self, first: Any) -> None:
        """A run begins at p, which moves on: its start is kept where a checksum or a section asks for it."""
        begin = unique("w")
        if first.name in _since(self.sub):
            self.unit.line(f"{begin} = p")
            self.scope.starts[first.name] = begin

    def field(self, row: Any) -> None:
        """One field whose size the octets decide, or that may be absent."""
        self._make()
        unit, sub, begin, spec = self.unit, strip(row.subcon), unique("s"), constant(row.spec, "S")
        self.scope.starts[row.name] = begin
        unit.line(f"{begin} = p")
        conditional = isinstance(sub, CONDITIONAL)
        if isinstance(sub, regions.When):
            unit.line(f"if {expression(sub.condition, self.scope)}:")
        elif isinstance(sub, regions.IfRoom):
            unit.line(f"if end - p > {sub.tail}:")
        elif isinstance(sub, regions.IfNext):
            unit.line(f"if b.startswith({sub.marker!r}, p, end):")
            unit.line(f"    p += {len(sub.marker)}")
        unit.indent += conditional
        value = unit.emit(sub.inner if conditional else sub, self.scope, spec, begin)
        unit.checks(row.spec, spec, value, begin)
        unit.line(f"{self.nodes}.append(({spec}, {begin}, p, {value}))")
        unit.indent -= conditional
        if not conditional:
            self.scope.values[row.name] = (value, row.spec)


def _since(sub: Any) -> set[str]:
    """The fields whose start a checksum or a section needs."""
    wanted = {row.since for row in sub.subcons if isinstance(row, fields.Begin)}
    for row in sub.subcons:
        inner = strip(row)
        while isinstance(inner, fields.Word):
            wanted.add(getattr(inner, "since", None))
            inner = strip(inner.inner)
    return wanted
