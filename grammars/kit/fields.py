"""Named fields, and the words that say more about a value than how many octets it has.

This module and its neighbours are the one place that leans on construct's internals
(tests/test_construct_contract.py says on which). Every word parses (`_parse`, the interpreted way, which is the
oracle of the compiled one) and builds (`_build`).
"""

import io
from collections.abc import Callable
from typing import Any

import construct as c

from grammars.kit.spec import Failure, Issue, Part, Spec, State, missing, note_symbol, note_undecoded

U8, U16, U32, U64 = c.Int8ub, c.Int16ub, c.Int32ub, c.Int64ub
I8, I16, I32, I64 = c.Int8sb, c.Int16sb, c.Int32sb, c.Int64sb
F32, F64 = c.Float32b, c.Float64b
U16_LITTLE = c.Int16ul
BOOLEAN = c.FormatField(">", "?")
Bytes = c.Bytes
this = c.this

Rows = tuple[tuple[int, int, str, str, tuple[tuple[str, int, str], ...]], ...]


class Reader:
    """The stream of interpreted parsing: one buffer, a position, and a limit that regions move."""

    def __init__(self, buffer: bytes, start: int, end: int) -> None:
        self.buffer, self.pos, self.limit = buffer, start, end

    def read(self, count: int = -1) -> bytes:
        start = self.pos
        self.pos = self.limit if count < 0 else min(self.limit, start + count)
        return bytes(self.buffer[start : self.pos])

    def tell(self) -> int:
        return self.pos

    def seek(self, position: int, whence: int = 0) -> int:
        self.pos = position
        return position


class Short(c.StreamError):
    """A construct wants more octets than its region has left."""

    def __init__(self, needed: int, left: int) -> None:
        super().__init__(missing(needed, left), "")
        self.needed, self.left = needed, left


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()  # the value of a field that takes no octets because its condition does not hold


class Word(c.Construct):
    """A construct of the kit. `inner` is what it wraps transparently, if it does."""

    inner: Any = None

    def describe(self, spec: Spec) -> None:
        """Adds what this word knows to the specification of the field that it makes."""


def strip(sub: Any) -> Any:
    """The construct without construct's own name wrappers."""
    while isinstance(sub, c.Renamed):
        sub = sub.subcon
    return sub


def spec_for(name: str, sub: Any, doc: str = "", leads: tuple[tuple[str, int], ...] = ()) -> Spec:
    """The specification of a field, from its name, its documentation and the words around its construct."""
    spec = Spec(name, doc)
    spec.leads = leads
    sub = strip(sub)
    while isinstance(sub, Word):
        sub.describe(spec)
        sub = strip(sub.inner)
    return spec


def state_of(context: Any) -> State:
    """The state of the parse that a context belongs to."""
    return context._params.state


def read_node(sub: Any, spec: Spec, reader: Reader, context: Any, start: int) -> Any:
    """The value of one node; a short read becomes a Failure of that node at its first octet."""
    context["_spec"] = spec
    at = reader.pos
    try:
        value = sub._parsereport(reader, context, "")
    except c.StreamError as error:
        left = max(reader.limit - at, 0)
        needed = error.needed if isinstance(error, Short) else _octets(sub, context)
        raise Failure(start, spec, missing(needed, left)) from error
    if value is not ABSENT:
        for check in spec.checks:
            check(state_of(context), spec, start, reader.pos, value)
    return value


def _octets(sub: Any, context: Any) -> int:
    while isinstance(sub := strip(sub), Word) and sub.inner is not None:
        sub = sub.inner
    length = getattr(sub, "length", 1)
    return int(length(context)) if callable(length) else int(length)


class Field(c.Renamed):
    """A named field of a Struct."""

    def __init__(self, sub: Any, name: str, doc: str = "") -> None:
        super().__init__(sub, newname=name, newdocs=doc)
        self.spec = spec_for(name, sub, doc)


class Begin(Word):
    """Opens a section: what follows, up to `End`, has `length` octets counted from the field `since`."""

    def __init__(self, length: Any, since: str) -> None:
        super().__init__()
        self.length, self.since = length, since

    def limit(self, spec: Spec, state: State, start: int, length: int, limit: int) -> int:
        """The end of the section; a length that promises more than there is, is an issue of `since`."""
        if start + length > limit:
            text = f"the length says {length} octets, {limit - start} are present"
            state.issues.append(Issue("error", start, limit, text, spec))
            return limit
        return start + length


class End(Word):
    """Closes a section; octets that its fields did not take are kept as a node."""


def section(*fields: Any, length: Any, since: str) -> tuple[Any, ...]:
    """Fields of a Struct that share a length: Struct(a, *section(b, c, length=this.a, since="a"), d)."""
    return (Begin(length, since), *fields, End())


class Struct(c.Struct):
    """Fields one after the other. A field that is absent (`When`, `IfRoom`) makes no node."""

    def __init__(self, *fields: Any) -> None:
        marks = (Field, Begin, End)
        super().__init__(*[f if isinstance(f, marks) else Field(f.subcon, f.name, f.docs or "") for f in fields])
        self.specs = {f.name: f.spec for f in self.subcons if isinstance(f, Field)}

    def _parse(self, reader: Reader, context: Any, path: str) -> list[Any]:
        ctx = c.Container(_=context, _params=context._params)
        state, starts, limits, nodes = state_of(context), {}, [], []
        for field in self.subcons:
            if isinstance(field, Begin):
                limits.append(reader.limit)
                spec, length = self.specs[field.since], field.length(ctx)
                reader.limit = max(reader.pos, field.limit(spec, state, starts[field.since], length, reader.limit))
                continue
            if isinstance(field, End):
                if reader.pos < reader.limit:
                    nodes.append(note_undecoded(state, reader.pos, reader.limit, reader.buffer))
                reader.pos, reader.limit = reader.limit, limits.pop()
                continue
            start = starts[field.name] = reader.pos
            try:
                value = read_node(field.subcon, field.spec, reader, ctx, start)
            except Failure as failure:
                if failure.partial:
                    nodes.append((field.spec, start, failure.offset, failure.partial))
                failure.partial = nodes
                reader.limit = limits[0] if limits else reader.limit
                raise
            if value is ABSENT:
                continue
            if (checksum := checksum_of(field.subcon)) is not None:
                checksum.verify(state, field.spec, reader.buffer, starts[checksum.since], start, value)
            ctx[field.name] = parts_of(field.spec, value) if field.spec.group else value
            nodes.append((field.spec, start, reader.pos, value))
        return nodes

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        given = by_name(obj)
        ctx = c.Container(_=context, _params=context._params, _spans={}, _fixes=[])
        for field in self.subcons:
            if isinstance(field, Begin | End):
                continue
            start, value = stream.tell(), given.get(field.name, ABSENT)
            if isinstance(value, int) and field.spec.group:
                ctx[field.name] = parts_of(field.spec, value)
            else:
                ctx[field.name] = c.Container(value) if isinstance(value, dict) else value
            field.subcon._build(value, stream, ctx, path)
            ctx._spans[field.name] = (start, stream.tell())
        for fix in ctx._fixes:
            fix(stream, ctx)
        stream.seek(0, io.SEEK_END)
        return obj


def checksum_of(sub: Any) -> "Checksum | None":
    """The checksum that a field is, if it is one, behind the condition under which it is there."""
    sub = strip(sub)
    while isinstance(sub, Word) and not isinstance(sub, Checksum):
        sub = strip(sub.inner)
    return sub if isinstance(sub, Checksum) else None


def by_name(obj: Any) -> dict[str, Any]:
    """Raw nodes or a dict, as a dict of values by field name."""
    return obj if isinstance(obj, dict) else {node[0].name: node[3] for node in obj}


def parts_of(spec: Spec, value: int) -> Any:
    """The values of a bit group's parts by name."""
    parts = spec.parts(value) if spec.parts else ()
    total = sum(p.width for p in parts)
    return c.Container({p.name: value >> (total - p.first - p.width) & ((1 << p.width) - 1) for p in parts})


class Wrapper(Word):
    """A word that reads exactly what the construct inside reads, and knows more about it."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        return self.inner._parsereport(reader, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.inner._build(obj, stream, context, path)


class Symbols(Wrapper):
    """An integer with names: {value: (symbol, meaning)}. A value outside them is an issue, not a failure."""

    def __init__(self, inner: Any, table: dict[int, tuple[str, str]]) -> None:
        super().__init__(inner)
        self.allowed = self.table = table

    def describe(self, spec: Spec) -> None:
        spec.symbols = self.table
        spec.checks += (self.check,)

    def check(self, state: State, spec: Spec, start: int, end: int, value: Any) -> None:
        if value is not None and value not in self.table:
            note_symbol(state, spec, start, end, value)


class Expect(Wrapper):
    """Values that the standard allows here; another one is an issue of the given severity."""

    def __init__(self, inner: Any, allowed: Any, text: str, severity: str = "warning") -> None:
        super().__init__(inner)
        self.allowed, self.text, self.severity = allowed, text, severity

    def describe(self, spec: Spec) -> None:
        spec.checks += (self.check,)

    def check(self, state: State, spec: Spec, start: int, end: int, value: Any) -> None:
        if value is not None and value not in self.allowed:
            shown = value.hex(" ").upper() if isinstance(value, bytes) else str(value)
            state.issues.append(Issue(self.severity, start, end, f"{self.text}, found {shown}", spec))


class Text(Wrapper):
    """A value that people read in another form: an OBIS code, an object identifier."""

    def __init__(self, inner: Any, text: Callable[[Any], str]) -> None:
        super().__init__(inner)
        self.text = text

    def describe(self, spec: Spec) -> None:
        spec.text = self.text


class Hole(Wrapper):
    """Octets that a later layer fills with what they hold: a ciphertext, an APDU, a block."""

    def __init__(self, hole: str, inner: Any) -> None:
        super().__init__(inner)
        self.hole = hole

    def describe(self, spec: Spec) -> None:
        spec.hole = self.hole


def _cut(parts: tuple[tuple[Any, ...], ...]) -> tuple[Part, ...]:
    """(name, width, doc[, symbols]) rows with their first bits counted."""
    first, made = 0, []
    for name, width, doc, *symbols in parts:
        made.append(Part(name, first, width, doc, symbols[0] if symbols else None))
        first += width
    return tuple(made)


class BitGroup(Wrapper):
    """An integer made of bits: (name, width, doc[, symbols]) from the most significant one. `length` names the
    part that building computes, as the octets from the field `since` to the end of the field `until`."""

    def __init__(self, octets: int, *parts: tuple[Any, ...], length: str = "", since: str = "", until: str = "") -> None:
        super().__init__({1: U8, 2: U16, 3: c.BytesInteger(3), 4: U32}[octets])
        self.octets, self.length, self.since, self.until = octets, length, since, until
        self.parts = _cut(parts)

    def describe(self, spec: Spec) -> None:
        spec.parts = lambda value: self.parts
        spec.group = True

    def join(self, values: dict[str, int]) -> int:
        """The integer that has these parts; absent ones are 0."""
        return sum(values.get(p.name, 0) << (self.octets * 8 - p.first - p.width) for p in self.parts)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        value = self.join(obj) if isinstance(obj, dict) else obj
        at = stream.tell()

        def fix(out: Any, ctx: Any) -> None:
            length = ctx._spans[self.until][1] - ctx._spans[self.since][0]
            values = parts_of(spec_for("", self), value) | {self.length: length}
            out.seek(at)
            out.write(self.join(values).to_bytes(self.octets, "big"))

        if self.length:
            context._fixes.append(fix)
        return self.inner._build(value, stream, context, path)


class Variants(Wrapper):
    """One octet whose layout depends on its value: rows (mask, match, name, meaning, bit parts), first fit wins."""

    def __init__(self, *rows: Any) -> None:
        super().__init__(U8)
        self.table: dict[int, tuple[str, str]] = {}
        self.layouts: dict[int, tuple[Part, ...]] = {}
        for value in range(256):
            for mask, match, name, meaning, parts in rows:
                if value & mask == match:
                    self.table[value], self.layouts[value] = (name, meaning), _cut(parts)
                    break
        self.allowed = self.table

    def describe(self, spec: Spec) -> None:
        spec.symbols = self.table
        spec.parts = lambda value: self.layouts.get(value, ())
        spec.checks += (self.check,)

    def check(self, state: State, spec: Spec, start: int, end: int, value: Any) -> None:
        if value not in self.table:
            note_symbol(state, spec, start, end, value)


class Checksum(Wrapper):
    """A checksum over the octets from the field `since` up to here. A wrong one is an issue; building computes it."""

    def __init__(self, inner: Any, algorithm: Callable[[bytes], int], since: str) -> None:
        super().__init__(inner)
        self.algorithm, self.since = algorithm, since

    def verify(self, state: State, spec: Spec, buffer: bytes, since: int, at: int, value: int) -> None:
        """Notes an issue when the checksum of buffer[since:at] is not `value`."""
        computed = self.algorithm(bytes(buffer[since:at]))
        if computed != value:
            size = self.inner.sizeof()
            read, right = bytes(buffer[at : at + size]), self.inner.build(computed)
            text = f"read {read.hex(' ').upper()}, computed {right.hex(' ').upper()}"
            state.issues.append(Issue("error", at, at + size, text, spec))

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if obj is ABSENT:
            return obj
        at = stream.tell()
        stream.write(bytes(self.inner.sizeof()))

        def fix(out: Any, ctx: Any) -> None:
            covered = out.getvalue()[ctx._spans[self.since][0] : at]
            out.seek(at)
            out.write(self.inner.build(self.algorithm(covered)))

        context._fixes.append(fix)
        return obj
