"""Values and regions: what the modules fields, primitives, wrappers and regions of the kit read."""

import struct
from typing import Any

import construct as c

from grammars.emit.unit import Scope, Unit, constant, emits, expression, unique, unpacker
from grammars.kit import primitives, regions, wrappers
from grammars.kit.fields import strip

INTEGERS = "?BbHhLlQqfd"
TRANSPARENT = (
    wrappers.Symbols,
    wrappers.Expect,
    wrappers.Text,
    wrappers.Hole,
    wrappers.BitGroup,
    wrappers.LengthOf,
    wrappers.Variants,
)


def fixed(sub: Any) -> str | None:
    """The struct format character of a big-endian value whose size the grammar fixes; None for all others."""
    sub = strip(sub)
    while type(sub) in TRANSPARENT:
        sub = strip(sub.inner)
    if isinstance(sub, c.FormatField) and sub.fmtstr[0] == ">" and sub.fmtstr[1] in INTEGERS:
        return sub.fmtstr[1]
    if isinstance(sub, c.Bytes) and isinstance(sub.length, int):
        return f"{sub.length}s"
    return None


@emits(c.FormatField)
def format_field(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value, size = unique("v"), struct.calcsize(sub.fmtstr)
    unit.line(f"if p + {size} > end: SHORT({start}, {spec}, {size}, end - p)")
    if sub.fmtstr == ">B":
        unit.line(f"{value} = b[p]; p += 1")
    else:
        unit.line(f"{value}, = {unpacker(sub.fmtstr)}(b, p); p += {size}")
    return value


@emits(c.Bytes)
def octets(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value = unique("v")
    unit.line(f"q = p + {expression(sub.length, scope)}")
    unit.line(f"if q > end: SHORT({start}, {spec}, q - p, end - p)")
    unit.line(f"{value} = b[p:q]; p = q")
    return value


@emits(c.BytesInteger)
def big_integer(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value = octets(unit, sub, scope, spec, start)
    unit.line(f"{value} = FROM_BYTES({value}, 'big')")
    return value


@emits(*TRANSPARENT)
def transparent(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    return unit.emit(sub.inner, scope, spec, start)


@emits(wrappers.Repeats)
def repeats(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    at = unique("w")
    unit.line(f"{at} = p")
    value, expected = unit.emit(sub.inner, scope, spec, start), expression(sub.expression, scope)
    unit.line(f"if {value} != {expected}: {constant(sub.check, 'C')}(st, {spec}, {at}, p, {value}, {expected})")
    return value


@emits(wrappers.Checksum)
def checksum(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    at = unique("w")
    unit.line(f"{at} = p")
    value = unit.emit(sub.inner, scope, spec, start)
    unit.line(f"{constant(sub.verify, 'C')}(st, {spec}, b, {scope.starts[sub.since]}, {at}, {value})")
    return value


@emits(primitives.Nothing)
def nothing(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    return "None"


@emits(
    primitives.AxdrBitString,
    primitives.ExtendedAddress,
    primitives.HexDigits,
    primitives.IntegerToEnd,
    primitives.OctetLength,
)
def primitive(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value = unique("v")
    unit.line(f"try: {value}, p = {constant(type(sub).read, 'R')}(b, p, end)")
    unit.line(f"except UNREADABLE as error: raise FAIL({start}, {spec}, error.text) from None")
    return value


@emits(primitives.AxdrLength, primitives.BerLength)
def axdr_length(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value = unique("v")
    unit.line(f"if p < end and b[p] < 128: {value} = b[p]; p += 1")
    unit.line("else:")
    unit.indent += 1
    unit.line(f"{value} = {primitive(unit, sub, scope, spec, start)}")
    unit.indent -= 1
    return value


def noted_length(unit: Unit, scope: Scope, spec: str, start: str) -> str:
    """An A-XDR length, with a remark where it is longer than it need be."""
    value, at = unique("v"), unique("w")
    unit.line(f"if p < end and b[p] < 128: {value} = b[p]; p += 1")
    unit.line("else:")
    unit.indent += 1
    unit.line(f"{at} = p")
    unit.line(f"{value} = {primitive(unit, primitives.AxdrLength(), scope, spec, start)}")
    unit.line(f"NOTE_LENGTH(st, {spec}, b, {at}, {value})")
    unit.indent -= 1
    return value


@emits(regions.Remaining)
def remaining(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value, tail = unique("v"), expression(sub.tail, scope)
    unit.line(f"q = end - {tail}" if tail != "0" else "q = end")
    if tail != "0":
        unit.line(f"if q < p: SHORT({start}, {spec}, {tail}, end - p)")
    unit.line(f"{value} = b[p:q]; p = q")
    return value


def contained(unit: Unit, inner: Any, scope: Scope, spec: str, end: str) -> str:
    """The content of a region that ends at the variable `end`."""
    inner = strip(inner)
    value, outer, begin = unique("v"), unique("e"), unique("w")
    while type(inner) in TRANSPARENT:
        inner = strip(inner.inner)
    if isinstance(inner, regions.Remaining) and inner.tail == 0:
        unit.line(f"{value} = b[p:{end}]; p = {end}")
        return value
    unit.line(f"{begin} = p; {outer} = end; end = {end}")
    result = unit.emit(inner, scope, spec, begin)
    unit.line(f"if p < end: LEFT_OVER(st, {result}, p, end, b); p = end")
    unit.line(f"end = {outer}")
    return result


@emits(regions.Lengthed)
def lengthed(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    noted = isinstance(sub.length, primitives.AxdrLength) and not (sub.tagged or sub.lenient)
    size = noted_length(unit, scope, spec, start) if noted else unit.emit(sub.length, scope, spec, start)
    limit = unique("e")
    unit.line(f"{limit} = p + {size}")
    unit.line(f"if {limit} > end:")
    if sub.lenient:
        unit.line(f"    NOTE_SHORT(st, {spec}, p, {size}, end - p, {sub.lenient!r}); {limit} = end")
    else:
        unit.line(f"    SHORT({start}, {spec}, {size}, end - p)")
    if not sub.tagged:
        return contained(unit, sub.inner, scope, spec, limit)
    at = unique("w")
    unit.line(f"elif {limit} < end: {limit} = {constant(sub.mended, 'M')}(st, {spec}, b, p, {limit}, end)")
    unit.line(f"{at} = p - 1")
    value = contained(unit, sub.inner, scope, spec, limit)
    unit.line(f"if not {size}: p = {constant(primitives.beyond)}(b, {at}, p, end)")
    return value


@emits(regions.UpTo)
def up_to(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    limit, tail = unique("e"), expression(sub.tail, scope)
    unit.line(f"{limit} = end - {tail}")
    unit.line(f"if {limit} < p: SHORT({start}, {spec}, {tail}, end - p)")
    return contained(unit, sub.inner, scope, spec, limit)


@emits(regions.Before)
def before(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    limit = unique("e")
    unit.line(f"{limit} = {constant(sub.find, 'R')}(b, p, end)")
    return contained(unit, sub.inner, scope, spec, limit)


@emits(regions.Present)
def present(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value, flag = unique("v"), unique("t")
    unit.line(f"if p >= end: SHORT({start}, {spec}, 1, 0)")
    unit.line(f"{flag} = b[p]; p += 1")
    unit.line(f"if {flag} == 0: {value} = {sub.default!r}")
    unit.line("else:")
    unit.indent += 1
    unit.line(f"if {flag} != 1: PRESENCE(st, {spec}, p - 1, {flag})")
    unit.line(f"{value} = {unit.emit(sub.inner, scope, spec, start)}")
    unit.indent -= 1
    return value
