"""One function while it is written: its lines, the names of its constants, and who writes which construct."""

import re
import struct
from collections.abc import Callable
from typing import Any

from grammars.kit.fields import Unreadable, strip
from grammars.kit.spec import (
    TOO_DEEP,
    TOO_MANY,
    Failure,
    Issue,
    RawNode,
    Spec,
    State,
    missing,
    note_length,
    note_short,
    note_undecoded,
)

TWO_KEYS = re.compile(r"this\['(\w+)'\]\['(\w+)'\]")
ONE_KEY = re.compile(r"this\['(\w+)'\]")


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


def _presence(state: State, spec: Spec, at: int, flag: int) -> None:
    state.issues.append(Issue("warning", at, at + 1, f"presence is 00 or 01, found {flag:02X}", spec))


def _left_over(state: State, value: Any, pos: int, end: int, buffer: bytes) -> None:
    node = note_undecoded(state, pos, end, buffer)
    if isinstance(value, list):
        value.append(node)


# What the written functions see as globals; they and their constants are added as they are written.
NAMESPACE: dict[str, Any] = {
    "FAIL": Failure,
    "SHORT": _short,
    "SHORT_RUN": _short_run,
    "PRESENCE": _presence,
    "NOTE_SHORT": note_short,
    "NOTE_LENGTH": note_length,
    "LEFT_OVER": _left_over,
    "UNDECODED": note_undecoded,
    "UNREADABLE": Unreadable,
    "FROM_BYTES": int.from_bytes,
    "TOO_DEEP": TOO_DEEP,
    "TOO_MANY": TOO_MANY,
}
_constants: dict[int, tuple[str, Any]] = {}  # by id(), which the value kept here makes lasting
_count = 0


def unique(prefix: str) -> str:
    """A name that no other variable, function or constant has."""
    global _count
    _count += 1
    return f"{prefix}{_count}"


def constant(value: Any, prefix: str = "K") -> str:
    """The global name of a value; the same value has one name."""
    if id(value) not in _constants:
        _constants[id(value)] = (unique(prefix), value)
        NAMESPACE[_constants[id(value)][0]] = value
    return _constants[id(value)][0]


def unpacker(form: str) -> str:
    """The global name of struct's `unpack_from` for a format."""
    name = "U_" + form.replace(">", "be_").replace("<", "le_").replace("?", "flag")
    NAMESPACE.setdefault(name, struct.Struct(form).unpack_from)
    return name


class Scope:
    """What an expression may refer to: the fields before it, where each began, and how many are not always there."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[str, Spec]] = {}
        self.starts: dict[str, str] = {}

    def bits(self, field: str, part: str) -> str:
        """Python for one part of a bit group."""
        variable, spec = self._known(field)
        parts = spec.parts(0) if spec.parts else ()
        total = sum(p.width for p in parts)
        found = next(p for p in parts if p.name == part)
        return f"({variable} >> {total - found.first - found.width} & {(1 << found.width) - 1})"

    def value(self, field: str) -> str:
        """Python for the value of a field."""
        return self._known(field)[0]

    def _known(self, field: str) -> tuple[str, Spec]:
        if field not in self.values:
            raise NotCompilable(f"an expression refers to {field!r}, which is not always there before it")
        return self.values[field]


Emitter = Callable[["Unit", Any, Scope, str, str], str]
EMITTERS: dict[type, Emitter] = {}


def emits(*types: type) -> Callable[[Emitter], Emitter]:
    """Registers the function that writes constructs of these types.

    It gets (unit, construct, scope, name of the node's specification, variable with the node's start), writes the
    reading of the construct at position `p`, and gives the expression of the value.
    """

    def register(emitter: Emitter) -> Emitter:
        EMITTERS.update(dict.fromkeys(types, emitter))
        return emitter

    return register


class Unit:
    """The body of one function. Its parameters:

    b buffer, p position, end of the region, d depth, st state, s start of the node, x specification of the node
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.indent = 1

    def line(self, text: str) -> None:
        """Adds a line at the current indentation."""
        self.lines.append("    " * self.indent + text)

    def emit(self, sub: Any, scope: Scope, spec: str, start: str) -> str:
        """Writes the reading of `sub` at `p`; gives the expression of its value."""
        sub = strip(sub)
        emitter = EMITTERS.get(type(sub))
        if emitter is None:
            raise NotCompilable(f"construct class {type(sub).__name__} is not known")
        return emitter(self, sub, scope, spec, start)

    def checks(self, spec: Spec, name: str, value: str, start: str) -> None:
        """The soft constraints of a node: a value outside them is an issue."""
        for check in spec.checks:
            allowed = constant(check.__self__.allowed, "A")
            self.line(f"if {value} not in {allowed} and {value} is not None:")
            self.line(f"    {constant(check, 'C')}(st, {name}, {start}, p, {value})")


def expression(expr: Any, scope: Scope) -> str:
    """A construct expression over earlier fields, as Python over local variables."""
    if not callable(expr):
        return repr(expr)
    text = repr(expr)
    if "this['_']" in text or text.startswith("<"):
        raise NotCompilable(f"expression {text}")
    text = TWO_KEYS.sub(lambda m: scope.bits(m[1], m[2]), text)
    return "(" + ONE_KEY.sub(lambda m: scope.value(m[1]), text) + ")"


__all__ = [
    "EMITTERS",
    "NAMESPACE",
    "NotCompilable",
    "RawNode",
    "Scope",
    "Unit",
    "constant",
    "emits",
    "expression",
    "unique",
    "unpacker",
]
