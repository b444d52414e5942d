"""Fields and structures: what has a name, a place and a value, and the reading of it the interpreted way.

This module and its neighbours are the one place that leans on construct's internals
(tests/test_construct_contract.py says on which). Every word parses (`_parse`, the interpreted way, which is the
oracle of the compiled one) and builds (`_build`).
"""

import io
from typing import Any

import construct as c

from grammars.kit.spec import Failure, Issue, RawNode, Spec, State, missing, note_undecoded

U8, U16, U32, U64 = c.Int8ub, c.Int16ub, c.Int32ub, c.Int64ub
I8, I16, I32, I64 = c.Int8sb, c.Int16sb, c.Int32sb, c.Int64sb
F32, F64 = c.Float32b, c.Float64b
U16_LITTLE, U32_LITTLE = c.Int16ul, c.Int32ul
BOOLEAN = c.FormatField(">", "?")
Bytes = c.Bytes
this = c.this


class Reader:
    """The stream of interpreted parsing: one buffer, a position, and a limit that regions move."""

    def __init__(self, buffer: bytes, start: int, end: int) -> None:
        self.buffer, self.pos, self.limit = buffer, start, end

    def read(self, count: int) -> bytes:
        """The next octets; fewer than asked for at the limit, where the position stays."""
        start, after = self.pos, self.pos + count
        if after <= self.limit:
            self.pos = after
        return self.buffer[start : min(after, self.limit)]


class Unreadable(c.StreamError):
    """The octets at hand cannot be what a construct describes; `text` says why."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class Short(Unreadable):
    """A construct wants more octets than its region has left."""

    def __init__(self, needed: int, left: int) -> None:
        super().__init__(missing(needed, left))


class _Absent:
    def __repr__(self) -> str:
        return "ABSENT"


ABSENT = _Absent()  # the value of a field that takes no octets because its condition does not hold


class Word(c.Construct):
    """A construct of the kit. `inner` is what it wraps transparently, if it does."""

    inner: Any = None

    def describe(self, spec: Spec) -> None:
        """Adds what this word knows to the specification of the field that it makes."""

    def within(self, context: Any) -> Any:
        """The construct that reads the octets for this word."""
        return self.inner


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
    value = read_content(sub, spec, reader, context, start)
    if value is not ABSENT and not isinstance(value, list):
        for check in spec.checks:
            check(state_of(context), spec, start, reader.pos, value)
    return value


def read_content(sub: Any, spec: Spec, reader: Reader, context: Any, start: int) -> Any:
    """What `sub` reads; octets that it cannot read become a Failure of the node `spec` at `start`."""
    context["_spec"] = spec
    try:
        return sub._parsereport(reader, context, "")
    except Unreadable as error:
        raise Failure(start, spec, error.text) from error
    except c.StreamError as error:
        raise Failure(start, spec, missing(_octets(sub, context), reader.limit - reader.pos)) from error


def _octets(sub: Any, context: Any) -> int:
    """How many octets one of construct's own constructs wants, whatever words of the kit are around it."""
    while isinstance(sub := strip(sub), Word):
        sub = sub.within(context)
    length = sub.length
    return int(length(context)) if callable(length) else int(length)


def kept(failure: Failure, spec: Spec, start: int) -> list[RawNode]:
    """What was read of a node before it failed, as this node; nothing if not an octet was."""
    if failure.partial or failure.offset > start:
        return [(spec, start, failure.offset, failure.partial)]
    return []


class Field(c.Renamed):
    """A named field of a Struct."""

    def __init__(self, sub: Any, name: str, doc: str = "") -> None:
        super().__init__(sub, newname=name, newdocs=doc)
        self.spec = spec_for(name, sub, doc)


class Begin(Word):
    """Opens a section: what follows, up to `End`, has `length` octets, counted from the field `since` or from here.

    A length of `wraps` octets more than the field can say is believed when `behind` octets then follow the section.
    """

    def __init__(self, length: Any, told_by: str, since: str | None, wraps: int, behind: int) -> None:
        super().__init__()
        self.length, self.told_by, self.since, self.wraps, self.behind = length, told_by, since, wraps, behind

    def limit(self, spec: Spec, state: State, since: int, at: int, length: int, limit: int) -> int:
        """The end of the section that begins at `at`; a length that does not hold is an issue of `spec`."""
        present = limit - since
        if self.wraps and length != present - self.behind and (present - self.behind - length) % self.wraps == 0:
            text = f"the length overflowed: it says {length} octets, {present - self.behind} are present"
            state.issues.append(Issue("warning", since, limit - self.behind, text, spec))
            return max(at, limit - self.behind)
        if length > present:
            text = f"the length says {length} octets, {present} are present"
            state.issues.append(Issue("error", since, limit, text, spec))
            return limit
        return max(at, since + length)


class End(Word):
    """Closes a section; octets that its fields did not take are kept as a node."""


def section(
    *fields: Any, length: Any, told_by: str, since: str | None = None, wraps: int = 0, behind: int = 0
) -> tuple[Any, ...]:
    """Fields of a Struct that share a length, which the field `told_by` holds:

    Struct("size" / U8, *section("a" / U8, "b" / Rest, length=this.size, told_by="size"), "c" / U8)
    """
    return (Begin(length, told_by, since, wraps, behind), *fields, End())


class Struct(c.Struct):
    """Fields one after the other. A field that is absent (`When`, `IfRoom`, `IfNext`) makes no node."""

    def __init__(self, *fields: Any) -> None:
        marks = (Field, Begin, End)
        super().__init__(*[f if isinstance(f, marks) else Field(f.subcon, f.name, f.docs or "") for f in fields])
        self.specs = {f.name: f.spec for f in self.subcons if isinstance(f, Field)}

    def _parse(self, reader: Reader, context: Any, path: str) -> list[RawNode]:
        starts: dict[str, int] = {}
        ctx = c.Container(_=context, _params=context._params, _starts=starts)
        state, limits, nodes = state_of(context), [], []
        for field in self.subcons:
            start = reader.pos
            if isinstance(field, Begin):
                limits.append(reader.limit)
                since = start if field.since is None else starts[field.since]
                spec = self.specs[field.told_by]
                reader.limit = field.limit(spec, state, since, start, field.length(ctx), reader.limit)
                continue
            if isinstance(field, End):
                if start < reader.limit:
                    nodes.append(note_undecoded(state, start, reader.limit, reader.buffer))
                reader.pos, reader.limit = reader.limit, limits.pop()
                continue
            starts[field.name] = start
            try:
                value = read_node(field.subcon, field.spec, reader, ctx, start)
            except Failure as failure:
                failure.partial = nodes + kept(failure, field.spec, start)
                raise
            if value is not ABSENT:
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


def by_name(obj: Any) -> dict[str, Any]:
    """Raw nodes or a dict, as a dict of values by field name."""
    return obj if isinstance(obj, dict) else {node[0].name: node[3] for node in obj}


def parts_of(spec: Spec, value: int) -> Any:
    """The values of a bit group's parts by name."""
    parts = spec.parts(value) if spec.parts else ()
    total = sum(p.width for p in parts)
    return c.Container({p.name: value >> (total - p.first - p.width) & ((1 << p.width) - 1) for p in parts})
