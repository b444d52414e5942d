"""From a grammar to flat Python: one function for each named alternative, with a node and offsets for each field.

The emitted code takes (buffer, position, end of region, depth, state, start of the node) and gives (value, next
position); it never reads past the end. It stops with a Failure at the octet where the interpreted grammar stops.
Functions are compiled when they are first called. A construct that this module does not know is an error.
"""

import re
import struct
from collections.abc import Callable
from typing import Any

import construct as c

from grammars import kit
from grammars.kit import choices, described, fields, primitives, regions
from grammars.kit.fields import strip
from grammars.kit.spec import (
    MAX_DEPTH,
    TOO_DEEP,
    TOO_MANY,
    Failure,
    Issue,
    Spec,
    missing,
    note_short,
    note_undecoded,
)

TWO_KEYS = re.compile(r"this\['(\w+)'\]\['(\w+)'\]")
ONE_KEY = re.compile(r"this\['(\w+)'\]")
INTEGERS = "BHIQbhiq?fd"


class NotCompilable(TypeError):
    """The grammar uses a construct that the compiler does not know."""


def _short(start: int, spec: Spec, needed: int, left: int) -> None:
    raise Failure(start, spec, missing(needed, left))


def _short_run(pos: int, end: int, run: tuple[tuple[Spec, int], ...]) -> None:
    """Which of several fields of fixed size is the first that runs over the end."""
    for spec, size in run:
        if pos + size > end:
            raise Failure(pos, spec, missing(size, end - pos))
        pos += size


def _presence(state: Any, spec: Spec, at: int, flag: int) -> None:
    state.issues.append(Issue("warning", at, at + 1, f"presence is 00 or 01, found {flag:02X}", spec))


NAMESPACE: dict[str, Any] = {
    "FAIL": Failure,
    "SHORT": _short,
    "SHORT_RUN": _short_run,
    "PRESENCE": _presence,
    "NOTE_SHORT": note_short,
    "UNDECODED": note_undecoded,
    "SHORT_READ": fields.Short,
    "MISSING": missing,
    "FROM_BYTES": int.from_bytes,
    "TOO_DEEP": TOO_DEEP,
    "TOO_MANY": TOO_MANY,
}
_functions: dict[tuple[int, int], str] = {}
_kept: list[Any] = []  # what _functions knows by id() must stay alive
_count = 0


def _unique(prefix: str) -> str:
    global _count
    _count += 1
    return f"{prefix}{_count}"


def _constant(value: Any, prefix: str = "K") -> str:
    name = _unique(prefix)
    NAMESPACE[name] = value
    return name


_spec_names: dict[int, str] = {}


def _spec(spec: Spec) -> str:
    if id(spec) not in _spec_names:
        _kept.append(spec)
        _spec_names[id(spec)] = _constant(spec, "S")
    return _spec_names[id(spec)]


def _function(sub: Any, spec: Spec) -> str:
    """The name of the function that parses `sub` as the content of a node; compiled when it is first called."""
    key = (id(sub), id(spec))
    if key not in _functions:
        _kept.append((sub, spec))
        name = _functions[key] = _unique("parse")

        def stub(*args: Any) -> Any:
            return _compile(name, sub, spec)(*args)

        NAMESPACE[name] = stub
    return _functions[key]


def _compile(name: str, sub: Any, spec: Spec) -> Callable[..., Any]:
    source = source_of(name, sub, spec)
    exec(compile(source, f"<grammar {spec.name}>", "exec"), NAMESPACE)  # noqa: S102
    return NAMESPACE[name]


def source_of(name: str, sub: Any, spec: Spec) -> str:
    """The Python source of one function. Raises NotCompilable on an unknown construct."""
    unit = Unit(spec)
    if isinstance(sub, choices.Choice) and spec is sub.spec:
        unit.choice_body(sub)
    else:
        value = unit.emit(sub, {}, _spec(spec), "s")
        unit.checks(spec, value, "s")
        unit.line(f"return {value}, p")
    return f"def {name}(b, p, end, d, st, s):\n" + "\n".join(unit.lines) + "\n"


def compile_all(sub: Any, seen: set[int] | None = None) -> None:
    """Compiles a grammar and all that it refers to, at once: the test that no construct is unknown."""
    seen = set() if seen is None else seen
    while True:
        todo = [name for name, f in NAMESPACE.items() if getattr(f, "__name__", "") == "stub"]
        if not seen:
            todo.append(_function(sub, getattr(sub, "spec", Spec("root"))))
            seen.add(id(sub))
        if not todo:
            return
        for name in todo:
            closure = NAMESPACE[name]
            if getattr(closure, "__name__", "") == "stub":
                cells = dict(zip(closure.__code__.co_freevars, closure.__closure__, strict=True))
                _compile(name, cells["sub"].cell_contents, cells["spec"].cell_contents)


class Unit:
    """The body of one function while it is written."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.lines: list[str] = []
        self.indent = 1

    def line(self, text: str) -> None:
        self.lines.append("    " * self.indent + text)

    def expression(self, expr: Any, scope: dict[str, Any]) -> str:
        """A construct expression over earlier fields, as Python over local variables."""
        if not callable(expr):
            return repr(expr)
        text = repr(expr)
        if "this['_']" in text or text.startswith("<"):
            raise NotCompilable(f"expression {text}")
        text = TWO_KEYS.sub(lambda m: self._bits(scope[m[1]], m[2]), text)
        return "(" + ONE_KEY.sub(lambda m: scope[m[1]][0], text) + ")"

    @staticmethod
    def _bits(known: tuple[str, Spec], part: str) -> str:
        variable, spec = known
        parts = spec.parts(0) if spec.parts else ()
        total = sum(p.width for p in parts)
        found = next(p for p in parts if p.name == part)
        return f"({variable} >> {total - found.first - found.width} & {(1 << found.width) - 1})"

    def checks(self, spec: Spec, value: str, start: str) -> None:
        """The soft constraints of a node: a value outside them is an issue."""
        for check in spec.checks:
            allowed = _constant(check.__self__.allowed, "A")
            self.line(f"if {value} not in {allowed} and {value} is not None:")
            self.line(f"    {_constant(check, 'C')}(st, {_spec(spec)}, {start}, p, {value})")

    # -- what has a size that the grammar fixes ------------------------------------------------------------

    def fixed(self, sub: Any) -> str | None:
        """The struct format character of a construct of fixed size, big-endian; None for all others."""
        sub = strip(sub)
        if isinstance(sub, c.FormatField) and sub.fmtstr[0] == ">" and sub.fmtstr[1] in INTEGERS:
            return sub.fmtstr[1]
        if type(sub) in TRANSPARENT:
            return self.fixed(sub.inner)
        if isinstance(sub, c.Bytes) and isinstance(sub.length, int):
            return f"{sub.length}s"
        return None

    def emit(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        """Writes code that reads `sub` at p; gives the expression of its value."""
        sub = strip(sub)
        method = EMITTERS.get(type(sub))
        if method is None:
            raise NotCompilable(f"{self.spec.name}: construct class {type(sub).__name__} is not known")
        return method(self, sub, scope, spec, start)

    def format_field(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value, size = _unique("v"), struct.calcsize(sub.fmtstr)
        self.line(f"if p + {size} > end: SHORT({start}, {spec}, {size}, end - p)")
        if sub.fmtstr == ">B":
            self.line(f"{value} = b[p]; p += 1")
        else:
            self.line(f"{value}, = {_unpacker(sub.fmtstr)}(b, p); p += {size}")
        return value

    def octets(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value = _unique("v")
        self.line(f"q = p + {self.expression(sub.length, scope)}")
        self.line(f"if q > end: SHORT({start}, {spec}, q - p, end - p)")
        self.line(f"{value} = b[p:q]; p = q")
        return value

    def big_integer(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value = self.octets(sub, scope, spec, start)
        self.line(f"{value} = FROM_BYTES({value}, 'big')")
        return value

    def wrapped(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        return self.emit(sub.inner, scope, spec, start)

    def primitive(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value = _unique("v")
        if isinstance(sub, primitives.Nothing):
            return "None"
        if isinstance(sub, primitives.AxdrLength):
            self.line(f"if p < end and b[p] < 128: {value} = b[p]; p += 1")
            self.line("else:")
            self.indent += 1
        self.line(f"try: {value}, p = {_constant(sub.read, 'R')}(b, p, end)")
        self.line(f"except SHORT_READ as short: raise FAIL({start}, {spec}, str(short)) from None")
        if isinstance(sub, primitives.AxdrLength):
            self.indent -= 1
        return value

    # -- regions -------------------------------------------------------------------------------------------

    def remaining(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value = _unique("v")
        tail = self.expression(sub.tail, scope)
        self.line(f"q = end - {tail}" if tail != "0" else "q = end")
        if tail != "0":
            self.line(f"if q < p: SHORT({start}, {spec}, {tail}, end - p)")
        self.line(f"{value} = b[p:q]; p = q")
        return value

    def until(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value, size = _unique("v"), len(sub.terminator)
        self.line(f"q = b.find({sub.terminator!r}, p, end)")
        self.line(f"if q < 0: SHORT({start}, {spec}, end - p + {size}, end - p)")
        self.line(f"{value} = b[p:q]; p = q + {size}")
        return value

    def contained(self, inner: Any, scope: dict[str, Any], spec: str, start: str, end: str) -> str:
        """The content of a region that ends at the variable `end`."""
        inner = strip(inner)
        value, outer = _unique("v"), _unique("e")
        if isinstance(inner, regions.Remaining) and inner.tail == 0:
            self.line(f"{value} = b[p:{end}]; p = {end}")
            return value
        self.line(f"{outer} = end; end = {end}")
        result = self.emit(inner, scope, spec, start)
        self.line("if p < end:")
        self.line("    n = UNDECODED(st, p, end, b); p = end")
        self.line(f"    if type({result}) is list: {result}.append(n)")
        self.line(f"end = {outer}")
        return result

    def lengthed(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        size, limit = self.emit(sub.length, scope, spec, start), _unique("e")
        self.line(f"{limit} = p + {size}")
        self.line(f"if {limit} > end:")
        if sub.lenient:
            self.line(f"    NOTE_SHORT(st, {spec}, p, {size}, end - p, {sub.lenient!r}); {limit} = end")
        else:
            self.line(f"    SHORT({start}, {spec}, {size}, end - p)")
        return self.contained(sub.inner, scope, spec, start, limit)

    def up_to(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        limit = _unique("e")
        self.line(f"{limit} = end - {sub.tail}")
        self.line(f"if {limit} < p: SHORT({start}, {spec}, {sub.tail}, end - p)")
        return self.contained(sub.inner, scope, spec, start, limit)

    def present(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value, flag = _unique("v"), _unique("t")
        self.line(f"if p >= end: SHORT({start}, {spec}, 1, 0)")
        self.line(f"{flag} = b[p]; p += 1")
        self.line(f"if {flag} == 0: {value} = {sub.default!r}")
        self.line("else:")
        self.indent += 1
        self.line(f"if {flag} != 1: PRESENCE(st, {spec}, p - 1, {flag})")
        self.line(f"{value} = {self.emit(sub.inner, scope, spec, start)}")
        self.indent -= 1
        return value

    # -- structures ----------------------------------------------------------------------------------------

    def structure(self, sub: Any, outer: dict[str, Any], spec: str, start: str) -> str:
        nodes, scope, starts, limits = _unique("c"), {}, {}, []
        wanted = _since(sub)
        made = False
        rows = list(sub.subcons)
        while rows:
            row = rows[0]
            if isinstance(row, fields.Begin):
                limits.append(_unique("e"))
                self.line(f"{limits[-1]} = end")
                length = self.expression(row.length, scope)
                since = _spec(sub.specs[row.since])
                self.line(f"end = max(p, {_constant(row.limit)}({since}, st, {starts[row.since]}, {length}, end))")
                rows.pop(0)
                continue
            if isinstance(row, fields.End):
                self.line(f"if p < end: {nodes}.append(UNDECODED(st, p, end, b)); p = end")
                self.line(f"end = {limits.pop()}")
                rows.pop(0)
                continue
            run = []
            while rows and isinstance(rows[0], fields.Field) and self.fixed(rows[0]) is not None:
                run.append(rows.pop(0))
                if run[-1].name in wanted:
                    break
            if run:
                made = self.run(run, nodes, made, scope, starts, wanted)
            elif not made:
                self.line(f"{nodes} = []")
                made = True
            else:
                rows.pop(0)
                self.field(row, nodes, scope, starts)
        if not made:
            self.line(f"{nodes} = []")
        return nodes

    def run(self, run: list[Any], nodes: str, made: bool, scope: Any, starts: Any, wanted: set[str]) -> bool:
        """Neighbouring fields of fixed size: one bounds check, one unpack."""
        formats = [self.fixed(row) or "" for row in run]
        names = [_unique("v") for _ in run]
        sizes = [struct.calcsize(">" + f) for f in formats]
        table = _constant(tuple((row.spec, size) for row, size in zip(run, sizes, strict=True)))
        self.line(f"if p + {sum(sizes)} > end: SHORT_RUN(p, end, {table})")
        if formats == ["B"]:
            self.line(f"{names[0]} = b[p]")
        else:
            self.line(f"{', '.join(names)}, = {_unpacker('>' + ''.join(formats))}(b, p)")
        items, at = [], 0
        for row, name, size in zip(run, names, sizes, strict=True):
            items.append(f"({_spec(row.spec)}, p + {at}, p + {at + size}, {name})")
            if row.name in wanted:
                starts[row.name] = _unique("w")
                self.line(f"{starts[row.name]} = p + {at}")
            scope[row.name] = (name, row.spec)
            at += size
        self.line(f"{nodes} {'+=' if made else '='} [{', '.join(items)}]")
        begin = _unique("w")
        if any(row.spec.checks for row in run):
            self.line(f"{begin} = p")
        at = 0
        for row, name, size in zip(run, names, sizes, strict=True):
            for check in row.spec.checks:
                allowed, call = _constant(check.__self__.allowed, "A"), _constant(check, "C")
                where = f"{begin} + {at}, {begin} + {at + size}"
                self.line(f"if {name} not in {allowed}: {call}(st, {_spec(row.spec)}, {where}, {name})")
            at += size
        self.line(f"p += {at}")
        return True

    def field(self, row: Any, nodes: str, scope: dict[str, Any], starts: dict[str, str]) -> None:
        """One field whose size the octets decide, or that may be absent."""
        sub, begin = strip(row.subcon), _unique("s")
        starts[row.name] = begin
        self.line(f"{begin} = p")
        conditional = isinstance(sub, regions.When | regions.IfRoom)
        if isinstance(sub, regions.When):
            self.line(f"if {self.expression(sub.condition, scope)}:")
        elif isinstance(sub, regions.IfRoom):
            self.line(f"if end - p > {sub.tail}:")
        inner = sub.inner if conditional else sub
        self.indent += conditional
        value = self.emit(inner, scope, _spec(row.spec), begin)
        self.checks(row.spec, value, begin)
        checksum = fields.checksum_of(inner)
        if checksum is not None:
            verify = _constant(checksum.verify, "C")
            self.line(f"{verify}(st, {_spec(row.spec)}, b, {starts[checksum.since]}, {begin}, {value})")
        self.line(f"{nodes}.append(({_spec(row.spec)}, {begin}, p, {value}))")
        self.indent -= conditional
        scope[row.name] = (value, row.spec)

    # -- alternatives --------------------------------------------------------------------------------------

    def choice(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        node = self.node_of(sub)
        return f"[{node}]"

    def node_of(self, sub: Any) -> str:
        """Code for the one node of a Choice, Peek or Recursive."""
        sub, node = strip(sub), _unique("n")
        depth = "d"
        if isinstance(sub, choices.Recursive):
            sub = sub.grammar()
            depth = "d + 1"
            self.line(f"if d >= {MAX_DEPTH}: raise FAIL(p, {_spec(sub.spec)}, TOO_DEEP)")
        if isinstance(sub, choices.Peek):
            prefix, table = _unique("t"), _constant(_dispatch(sub, {**sub.cases, b"": sub.default}), "D")
            self.line(f"{prefix} = {_constant(sub.select)}(b, p, end)[0]; q = p; p += len({prefix})")
            entry = _unique("u")
            self.line(f"{entry} = {table}[{prefix}]; {node}s = q")
            self.line(f"{node}, p = {entry}[0](b, p, end, {depth}, st, {node}s)")
            self.line(f"{node} = ({entry}[1], {node}s, p, {node})")
            return node
        self.line(f"{node}, p = {_function(sub, sub.spec)}(b, p, end, {depth}, st, p)")
        return node

    def choice_body(self, sub: Any) -> None:
        """The function of a Choice: gives its one node."""
        spec = _spec(sub.spec)
        leaves, others = self.split(sub)
        self.line(f"if p >= end: raise FAIL(p, {spec}, 'expected a tag, found the end')")
        self.line("t = b[p]")
        if leaves:
            self.line(f"u = {_constant(leaves, 'L')}.get(t)")
            self.line("if u is not None:")
            self.line("    q = p + u[1]")
            self.line("    if q > end: SHORT(p, u[2], u[1] - 1, end - p - 1)")
            self.line("    return (u[2], p, q, u[0](b, p + 1)[0]), q")
        self.line(f"u = {_constant(others, 'D')}.get(t)")
        self.line("if u is None:")
        if sub.default is None:
            self.line(f"    raise FAIL(p, {spec}, {_constant(choices.unknown_tag)}(t))")
        else:
            name, case = _spec(sub.default.spec), _function(sub.default.sub, sub.default.spec)
            issue = f"{_constant(Issue)}('warning', p, p + 1, {_constant(choices.unknown_tag)}(t), {name})"
            self.line(f"    st.issues.append({issue})")
            self.line(f"    v, q = {case}(b, p, end, d, st, p)")
            self.line(f"    return ({name}, p, q, v), q")
        self.line("v, q = u[0](b, p + 1, end, d, st, p)")
        self.line("return (u[1], p, q, v), q")

    def split(self, sub: Any) -> tuple[dict[int, Any], dict[int, Any]]:
        """The alternatives that are one value of fixed size, and all others."""
        leaves, others = {}, {}
        for tag, case in sub.cases.items():
            form = self.fixed(case.sub)
            if form is not None and not case.spec.checks:
                packed = struct.Struct(">" + form)
                leaves[tag] = (packed.unpack_from, 1 + packed.size, case.spec)
            else:
                others[tag] = case
        return leaves, _dispatch(sub, others)

    def switch(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value, key = _unique("v"), _unique("t")
        self.line(f"{key} = {self.expression(sub.key, scope)}")
        for word, (match, case) in zip(["if"] + ["elif"] * 99, sub.cases.items(), strict=False):
            self.line(f"{word} {key} == {match!r}:")
            self.indent += 1
            self.line(f"{value} = {self.emit(case, scope, spec, start)}")
            self.indent -= 1
        self.line("else:" if sub.cases else "if 1:")
        self.indent += 1
        self.line(f"{value} = {self.emit(sub.default, scope, spec, start)}")
        self.indent -= 1
        return value

    # -- repetitions ---------------------------------------------------------------------------------------

    def counted(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        if sub.count is None:
            number = self.emit(primitives.AxdrLength(), scope, spec, start)
        else:
            number = self.expression(sub.count, scope)
        return self.series(sub, f"for _ in range({number}):")

    def to_end(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        return self.series(sub, "while p < end:")

    def series(self, sub: Any, loop: str) -> str:
        value, add = _unique("v"), _unique("a")
        self.line(f"{value} = []; {add} = {value}.append")
        self.line(loop)
        self.indent += 1
        self.line("st.budget -= 1")
        self.line(f"if st.budget < 0: raise FAIL(p, {_spec(sub.spec)}, TOO_MANY)")
        if choices.is_choice(sub.element):
            self.element_choice(sub.element, add)
        else:
            begin = _unique("s")
            self.line(f"{begin} = p")
            item = self.emit(sub.element, {}, _spec(sub.spec), begin)
            self.checks(sub.spec, item, begin)
            self.line(f"{add}(({_spec(sub.spec)}, {begin}, p, {item}))")
        self.indent -= 1
        return value

    def element_choice(self, element: Any, add: str) -> None:
        """An element that is a Choice: values of fixed size are read without a call."""
        target = element.grammar() if isinstance(element, choices.Recursive) else element
        leaves = self.split(target)[0] if isinstance(target, choices.Choice) else {}
        if not leaves:
            self.line(f"{add}({self.node_of(element)})")
            return
        entry = _unique("u")
        if isinstance(element, choices.Recursive):
            self.line(f"if d >= {MAX_DEPTH}: raise FAIL(p, {_spec(target.spec)}, TOO_DEEP)")
        self.line(f"{entry} = {_constant(leaves, 'L')}.get(b[p]) if p < end else None")
        self.line(f"if {entry} is not None and p + {entry}[1] <= end:")
        self.line(f"    q = p + {entry}[1]; {add}(({entry}[2], p, q, {entry}[0](b, p + 1)[0])); p = q")
        self.line("else:")
        self.indent += 1
        self.line(f"{add}({self.node_of(element)})")
        self.indent -= 1

    def tagged_set(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value, at, case, node = _unique("v"), _unique("s"), _unique("u"), _unique("n")
        table = _constant({id(k): _entry(k) for k in sub.cases.values()}, "D")
        outer = _unique("e")
        self.line(f"{value} = []; {outer} = end")
        self.line(f"while p < {outer}:")
        self.line(f"    {at} = p; {case}, {node}, p, end = {_constant(sub.head)}(st, b, p, {outer})")
        self.line(f"    if {case} is None: {value}.append(({node}, {at}, end, b[{at}:end])); p = end; continue")
        self.line(f"    n, p = {table}[id({case})][0](b, p, end, d, st, p)")
        self.line("    if p < end:")
        self.line("        m = UNDECODED(st, p, end, b); p = end")
        self.line("        if type(n) is list: n.append(m)")
        self.line(f"    {value}.append(({node}, {at}, p, n))")
        self.line(f"end = {outer}")
        return value

    def described(self, sub: Any, scope: dict[str, Any], spec: str, start: str) -> str:
        value, leaf = _unique("v"), _unique("leaf")
        table = {case.name: _entry(case) for case in sub.types().cases.values()}
        cases = _constant(table, "D")
        self.line(f"def {leaf}(name, pos, stop):")
        self.line(f"    u = {cases}[name]; v, q = u[0](b, pos, stop, d, st, pos); return (u[1], pos, q, v), q")
        shape = scope[sub.description][0]
        self.line(f"{value}, p = {_constant(sub.walk)}({shape}, {leaf}, st, p, end)")
        return value


def _entry(case: Any) -> list[Any]:
    """[function, spec] of an alternative; the function compiles itself and takes its place when first called."""
    name = _function(case.sub, case.spec)

    def first(*args: Any) -> Any:
        result = NAMESPACE[name](*args)
        entry[0] = NAMESPACE[name]
        return result

    entry = [first, case.spec]
    return entry


def _dispatch(sub: Any, cases: dict[Any, Any]) -> dict[Any, list[Any]]:
    return {tag: _entry(case) for tag, case in cases.items()}


def _since(sub: Any) -> set[str]:
    """The fields whose start a checksum or a section needs."""
    wanted = {row.since for row in sub.subcons if isinstance(row, fields.Begin)}
    checksums = [fields.checksum_of(row.subcon) for row in sub.subcons if isinstance(row, fields.Field)]
    return wanted | {checksum.since for checksum in checksums if checksum is not None}


def _unpacker(form: str) -> str:
    name = "U_" + form.replace(">", "be_").replace("<", "le_").replace("?", "flag")
    NAMESPACE.setdefault(name, struct.Struct(form).unpack_from)
    return name


TRANSPARENT = (fields.Symbols, fields.Expect, fields.Text, fields.Hole, fields.BitGroup, fields.Variants)
EMITTERS: dict[type, Callable[..., str]] = {
    c.FormatField: Unit.format_field,
    c.Bytes: Unit.octets,
    c.BytesInteger: Unit.big_integer,
    **dict.fromkeys((*TRANSPARENT, fields.Checksum), Unit.wrapped),
    fields.Struct: Unit.structure,
    regions.Remaining: Unit.remaining,
    regions.Until: Unit.until,
    regions.Lengthed: Unit.lengthed,
    regions.UpTo: Unit.up_to,
    regions.Present: Unit.present,
    choices.Choice: Unit.choice,
    choices.Peek: Unit.choice,
    choices.Recursive: Unit.choice,
    choices.Switch: Unit.switch,
    choices.Counted: Unit.counted,
    choices.ToEnd: Unit.to_end,
    choices.TaggedSet: Unit.tagged_set,
    described.Described: Unit.described,
    **dict.fromkeys(
        (
            kit.AxdrLength,
            kit.OctetLength,
            kit.ExtendedAddress,
            kit.IntegerToEnd,
            kit.AxdrBitString,
            kit.Nothing,
        ),
        Unit.primitive,
    ),
}
