"""Words that read what the construct inside them reads, and know more about it: names, limits, bits, checksums."""

from collections.abc import Callable
from typing import Any

import construct as c

from grammars.kit.fields import ABSENT, U8, U16, U32, Reader, Word, parts_of, spec_for, state_of
from grammars.kit.spec import Issue, Part, Spec, State, note_symbol

LONGEST = 32  # octets that a remark shows

SymbolTable = dict[int, tuple[str, str]]


class Wrapper(Word):
    """A word that reads and builds exactly what the construct inside does."""

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        return self.inner._parsereport(reader, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.inner._build(obj, stream, context, path)


class Symbols(Wrapper):
    """An integer with names: {value: (symbol, meaning)}. A value outside them is an issue, not a failure."""

    def __init__(self, inner: Any, table: SymbolTable) -> None:
        super().__init__(inner)
        self.allowed = self.table = table

    def describe(self, spec: Spec) -> None:
        spec.symbols = self.table
        spec.checks += (self.check,)

    def check(self, state: State, spec: Spec, start: int, end: int, value: Any) -> None:
        """Notes an issue when the value has no name."""
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
        """Notes an issue when the value is not allowed."""
        if value is not None and value not in self.allowed:
            shown = value[:LONGEST].hex(" ").upper() if isinstance(value, bytes) else str(value)
            state.issues.append(Issue(self.severity, start, end, f"{self.text}, found {shown}", spec))


class Repeats(Wrapper):
    """A field that says again what an earlier one said; where they differ, this one has an issue."""

    def __init__(self, inner: Any, expression: Any, text: str) -> None:
        super().__init__(inner)
        self.expression, self.text = expression, text

    def check(self, state: State, spec: Spec, start: int, end: int, value: Any, expected: Any) -> None:
        """Notes an issue when the value is not the expected one."""
        if value != expected:
            state.issues.append(Issue("error", start, end, f"{self.text}: expected {expected}, found {value}", spec))

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        spec, start = context["_spec"], reader.pos
        value = self.inner._parsereport(reader, context, path)
        self.check(state_of(context), spec, start, reader.pos, value, self.expression(context))
        return value


class Text(Wrapper):
    """A value that people read in another form: an OBIS code, an object identifier, characters."""

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


def _octets_between(context: Any, since: str, until: str) -> int:
    """The octets built from the field `since` to the end of the field `until`."""
    return context._spans[until][1] - context._spans[since][0]


class _Usual:
    """The values of a large bit group about which nothing is unusual."""

    def __init__(self, group: "BitGroup") -> None:
        self.group = group

    def __contains__(self, value: int) -> bool:
        return not self.group.unusual(value)


class Readable:
    """Octets that are text without control characters, as the values that an Expect allows."""

    CONTROLS = bytes((*range(0x20), 0x7F))

    def __contains__(self, value: bytes) -> bool:
        return len(value.translate(None, self.CONTROLS)) == len(value)


class BitGroup(Wrapper):
    """An integer made of bits: (name, width, doc[, symbols]) from the most significant one. `length` names the
    part that building computes, as the octets from the field `since` to the end of the field `until`.

    Parts called "reserved" are 0, and parts with symbols have one of them; otherwise a remark says so. `unspecified` is
    a value of the whole group that stands for none.
    """

    def __init__(
        self,
        octets: int,
        *parts: tuple[Any, ...],
        length: str = "",
        since: str = "",
        until: str = "",
        unspecified: int | None = None,
    ) -> None:
        super().__init__({1: U8, 2: U16, 3: c.BytesInteger(3), 4: U32}[octets])
        self.octets, self.length, self.since, self.until = octets, length, since, until
        self.parts, self.unspecified = _cut(parts), unspecified
        self.limited = [part for part in self.parts if part.name.startswith("reserved") or part.symbols is not None]
        usual = octets == 1 and self.limited
        self.allowed: Any = frozenset(v for v in range(256) if not self.unusual(v)) if usual else _Usual(self)

    def unusual(self, value: int) -> list[str]:
        """What is unusual about a value, in words."""
        if value == self.unspecified:
            return []
        said = []
        for part in self.limited:
            bits = value >> (self.octets * 8 - part.first - part.width) & ((1 << part.width) - 1)
            if part.symbols is None and bits:
                said.append(f"reserved bits are set: {bits:0{part.width}b}")
            elif part.symbols is not None and bits not in part.symbols:
                said.append(f"{part.name} {bits} is not a value the standard defines")
        return said

    def describe(self, spec: Spec) -> None:
        spec.parts = lambda value: self.parts
        spec.group = True
        if self.limited:
            spec.checks += (self.check,)

    def check(self, state: State, spec: Spec, start: int, end: int, value: Any) -> None:
        """Notes what is unusual about the value."""
        if said := self.unusual(value):
            state.issues.append(Issue("info", start, end, "; ".join(said), spec))

    def join(self, values: dict[str, int]) -> int:
        """The integer that has these parts; absent ones are 0."""
        return sum(values.get(p.name, 0) << (self.octets * 8 - p.first - p.width) for p in self.parts)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        value = self.join(obj) if isinstance(obj, dict) else obj
        at = stream.tell()

        def fix(out: Any, ctx: Any) -> None:
            values = parts_of(spec_for("", self), value)
            values[self.length] = _octets_between(ctx, self.since, self.until)
            out.seek(at)
            out.write(self.join(values).to_bytes(self.octets, "big"))

        if self.length:
            context._fixes.append(fix)
        return self.inner._build(value, stream, context, path)


class LengthOf(Wrapper):
    """A length that building computes: `plus` the octets from the field `since` to the end of the field `until`.
    One that does not fit is cut to the octets there are for it, as senders do."""

    def __init__(self, inner: Any, since: str, until: str, plus: int = 0) -> None:
        super().__init__(inner)
        self.since, self.until, self.plus = since, until, plus

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        at = stream.tell()

        def fix(out: Any, ctx: Any) -> None:
            length = _octets_between(ctx, self.since, self.until) + self.plus
            out.seek(at)
            out.write(self.inner.build(length % (1 << 8 * self.inner.sizeof())))

        context._fixes.append(fix)
        stream.write(bytes(self.inner.sizeof()))
        return obj


class Variants(Wrapper):
    """One octet whose layout depends on its value: rows (mask, match, name, meaning, bit parts), first fit wins."""

    def __init__(self, *rows: Any) -> None:
        super().__init__(U8)
        self.table: SymbolTable = {}
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
        """Notes an issue when no row fits."""
        if value not in self.table:
            note_symbol(state, spec, start, end, value)


class Checksum(Wrapper):
    """A checksum over the octets from the field `since` up to here. A wrong one is an issue; building computes it."""

    def __init__(self, inner: Any, algorithm: Callable[[bytes], int], since: str) -> None:
        super().__init__(inner)
        self.algorithm, self.since = algorithm, since

    def verify(self, state: State, spec: Spec, buffer: bytes, since: int, at: int, value: int) -> None:
        """Notes an issue when the checksum of buffer[since:at] is not `value`."""
        computed = self.algorithm(buffer[since:at])
        if computed != value:
            right = self.inner.build(computed)
            read = buffer[at : at + len(right)]
            text = f"read {read.hex(' ').upper()}, computed {right.hex(' ').upper()}"
            state.issues.append(Issue("error", at, at + len(right), text, spec))

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        spec, start = context["_spec"], reader.pos
        value = self.inner._parsereport(reader, context, path)
        self.verify(state_of(context), spec, reader.buffer, context._starts[self.since], start, value)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        if obj is ABSENT:
            return obj
        at = stream.tell()
        stream.write(self.inner.build(0))

        def fix(out: Any, ctx: Any) -> None:
            covered = out.getvalue()[ctx._spans[self.since][0] : at]
            out.seek(at)
            out.write(self.inner.build(self.algorithm(covered)))

        context._fixes.append(fix)
        return obj
