"""Alternatives and repetitions: what the modules choices and described of the kit read."""

import struct
from typing import Any

from grammars.emit.functions import function_for
from grammars.emit.rows import LEAST, Rows
from grammars.emit.unit import Scope, Unit, constant, emits, expression, unique
from grammars.emit.values import fixed, noted_length
from grammars.kit import choices, described
from grammars.kit.choices import Case, is_choice
from grammars.kit.fields import strip
from grammars.kit.primitives import INDEFINITE
from grammars.kit.spec import MAX_DEPTH, Issue

_tables: dict[int, tuple[Any, Any]] = {}  # by id(), with the construct, which must stay alive


def _row(case: Case, tag_octets: int) -> list[Any]:
    """[function, specification, size]: for one value of fixed size, its unpack and how many octets it takes with
    its tag; else the function of the alternative and 0."""
    form = fixed(case.sub)
    if form is None or case.spec.checks:
        return function_for(case.sub).entry(case.spec)
    packed = struct.Struct(">" + form)
    return [packed.unpack_from, case.spec, tag_octets + packed.size]


def _by_tag(sub: Any) -> list[Any]:
    """The alternatives of a Choice by tag, None for those it does not have."""
    if id(sub) not in _tables:
        rows: list[Any] = [None] * 256
        for tag, case in sub.cases.items():
            rows[tag] = _row(case, 1)
        _tables[id(sub)] = (sub, rows)
    return _tables[id(sub)][1]


@emits(choices.Choice, choices.Peek, choices.Recursive)
def choice(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    node = unique("n")
    _node(unit, sub, f"{node} = %s")
    return f"[{node}]"


def _node(unit: Unit, sub: Any, take: str) -> None:
    """Writes the reading of the one node of a Choice, Peek or Recursive; `take` says what is done with it."""
    sub, depth = strip(sub), "d"
    if isinstance(sub, choices.Recursive):
        sub, depth = sub.grammar(), "d + 1"
        unit.line(f"if d >= {MAX_DEPTH}: raise FAIL(p, {constant(sub.spec, 'S')}, TOO_DEEP)")
    if isinstance(sub, choices.Peek):
        _peek(unit, sub, depth, take)
    else:
        _dispatch(unit, sub, depth, take)


def _peek(unit: Unit, sub: Any, depth: str, take: str) -> None:
    table = {prefix: function_for(case.sub).entry(case.spec) for prefix, case in sub.cases.items()}
    table[b""] = function_for(sub.default.sub).entry(sub.default.spec)
    unit.line(f"t, k = {constant(sub.select, 'R')}(b, p, end); f, y, _ = {constant(table, 'D')}[t]")
    unit.line(f"q = p; v, p = f(b, p + (k.takes if t else 0), end, {depth}, st, q, y)")
    unit.line("if k.remark: k.note(st, q, p)")
    unit.line(take % "(y, q, p, v)")


def _ahead(unit: Unit, sub: Any, depth: str, take: str) -> None:
    """Writes the look at first octets before the tag; what follows stands in its `else`."""
    table = {id(case): function_for(case.sub).entry(case.spec) for _, case, _ in sub.before}
    unit.line(f"k = {constant(sub.ahead, 'R')}(b, p, end) if p < end else None")
    unit.line("if k is not None:")
    unit.line(f"    f, y, _ = {constant(table, 'D')}[id(k)]")
    unit.line(f"    q = p; v, p = f(b, p + k.takes, end, {depth}, st, q, y)")
    unit.line("    if k.remark: k.note(st, q, p)")
    unit.line("    " + take % "(y, q, p, v)")
    unit.line("else:")


def _dispatch(unit: Unit, sub: Any, depth: str, take: str) -> None:
    if sub.before:
        _ahead(unit, sub, depth, take)
        unit.indent += 1
    rows = _by_tag(sub)
    spec, unknown = constant(sub.spec, "S"), constant(choices.unknown_tag)
    unit.line(f"if p >= end: raise FAIL(p, {spec}, {choices.NO_TAG!r})")
    unit.line(f"u = {constant(rows, 'L')}[b[p]]")
    unit.line("if u is None:")
    if sub.default is None:
        unit.line(f"    raise FAIL(p, {spec}, {unknown}(b[p]))")
    else:
        kept = constant(sub.default.spec, "S")
        unit.line(f"    st.issues.append({constant(Issue)}('warning', p, p + 1, {unknown}(b[p]), {kept}))")
        unit.line(f"    q = p; v, p = {function_for(sub.default.sub).name}(b, p, end, {depth}, st, q, {kept})")
        unit.line("    " + take % f"({kept}, q, p, v)")
        unit.line("else:")
        unit.indent += 1
    unit.line("f, y, z = u")
    sized = any(row is not None and row[2] for row in rows)
    if sized:
        unit.line("if z:")
        unit.line("    q = p + z")
        unit.line("    if q > end: SHORT(p, y, z - 1, end - p - 1)")
        unit.line("    " + take % "(y, p, q, f(b, p + 1)[0])" + "; p = q")
        unit.line("else:")
        unit.indent += 1
    unit.line(f"q = p; v, p = f(b, p + 1, end, {depth}, st, q, y)")
    unit.line(take % "(y, q, p, v)")
    unit.indent -= sized + (sub.default is not None) + bool(sub.before)


@emits(choices.Switch)
def switch(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value, key = unique("v"), unique("t")
    unit.line(f"{key} = {expression(sub.key, scope)}")
    groups: dict[int, tuple[Any, list[Any]]] = {}
    for match, case in sub.cases.items():
        groups.setdefault(id(case), (case, []))[1].append(match)
    word = "if"
    for case, matches in groups.values():
        unit.line(f"{word} {key} in {constant(frozenset(matches))}:")
        unit.indent += 1
        unit.line(f"{value} = {unit.emit(case, scope, spec, start)}")
        unit.indent -= 1
        word = "elif"
    unit.line("else:" if groups else "if True:")
    unit.indent += 1
    unit.line(f"{value} = {unit.emit(sub.default, scope, spec, start)}")
    unit.indent -= 1
    return value


@emits(choices.Fallback)
def fallback(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value = unique("v")
    ways = f"({function_for(sub.inner).name}, {function_for(sub.other).name})"
    given = f"(b, p, end, d, st, {start}, {spec})"
    unit.line(f"{value}, p = {constant(sub.settle, 'R')}({ways}, {given}, st, {spec}, p, end)")
    return value


@emits(choices.Counted)
def counted(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    number, left = noted_length(unit, scope, spec, start), unique("k")
    unit.line(f"{left} = st.budget = st.budget - {number}")
    loop = f"for _ in range({number} if {left} >= 0 else max(0, {number} + {left})):"
    if not is_choice(sub.element) or isinstance(sub.element, choices.Peek):
        value = _series(unit, sub, loop)
    else:
        value, one = unique("v"), function_for(sub.element).name
        unit.line(f"if {number} >= {LEAST} and {left} >= 0:")
        unit.line(f"    {value} = []")
        unit.line(f"    p = {constant(Rows(sub.element), 'R')}.read({one}, b, p, end, d, st, {number}, {value})")
        unit.line("else:")
        unit.indent += 1
        unit.line(f"{value} = {_series(unit, sub, loop)}")
        unit.indent -= 1
    unit.line(f"if {left} < 0 < {number}: raise FAIL(p, {constant(sub.spec, 'S')}, TOO_MANY)")
    return value


@emits(choices.ToEnd)
def to_end(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    return _series(unit, sub, "while p < end:")


def _series(unit: Unit, sub: Any, loop: str) -> str:
    value, add, begin, spec = unique("v"), unique("a"), unique("s"), constant(sub.spec, "S")
    unit.line(f"{value} = []; {add} = {value}.append")
    unit.line(loop)
    unit.indent += 1
    if is_choice(sub.element) and not isinstance(sub.element, choices.Peek):
        _node(unit, sub.element, f"{add}(%s)")
    else:
        unit.line(f"{begin} = p")
        if is_choice(sub.element):
            _node(unit, sub.element, f"{add}(%s)")
        else:
            item = unit.emit(sub.element, Scope(), spec, begin)
            unit.checks(sub.spec, spec, item, begin)
            unit.line(f"{add}(({spec}, {begin}, p, {item}))")
        unit.line(f"if p == {begin}: raise FAIL(p, {spec}, {choices.NO_OCTETS!r})")
    unit.indent -= 1
    return value


@emits(choices.TaggedSet)
def tagged_set(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value, at, outer = unique("v"), unique("s"), unique("e")
    table = constant({tag: function_for(case.sub).entry(case.spec) for tag, case in sub.cases.items()}, "D")
    unit.line(f"{value} = []; {outer} = end")
    unit.line(f"while p < {outer}:")
    unit.line(f"    {at} = p; u, y, p, end = {constant(sub.head, 'R')}(st, b, p, {outer})")
    after = f"p = {constant(sub.after, 'R')}(b, {at}, end, {outer})" if sub.ber else "p = end"
    unit.line(f"    if u is None: {after}; {value}.append((y, {at}, p, b[{at}:p])); continue")
    unit.line(f"    v, p = {table}[b[{at}]][0](b, p, end, d, st, p, y)")
    unit.line("    if p < end: LEFT_OVER(st, v, p, end, b); p = end")
    if sub.ber:
        unit.line(f"    if b[{at} + 1] == {INDEFINITE}: {after}")
    unit.line(f"    {value}.append((y, {at}, p, v))")
    unit.line(f"end = {outer}")
    return value


@emits(described.Described)
def described_values(unit: Unit, sub: Any, scope: Scope, spec: str, start: str) -> str:
    value, leaf = unique("v"), unique("leaf")
    rows = constant({case.name: _row(case, 0) for case in sub.types().cases.values()}, "D")
    unit.line(f"def {leaf}(name, pos, stop):")
    unit.line(f"    f, y, z = {rows}[name]; q = pos + z")
    unit.line("    if z == 0: v, q = f(b, pos, stop, d, st, pos, y)")
    unit.line("    elif q > stop: SHORT(pos, y, z, stop - pos)")
    unit.line("    else: v, = f(b, pos)")
    unit.line("    return (y, pos, q, v), q")
    shape = scope.value(sub.description)
    unit.line(f"{value}, p = {constant(sub.walk, 'R')}({shape}, {leaf}, p, end)")
    return value
