"""The functions that the compiler writes: each is compiled when it is first called."""

import threading
from collections.abc import Callable
from typing import Any

from grammars.emit.unit import NAMESPACE, NotCompilable, Scope, Unit, unique
from grammars.kit.fields import spec_for, strip
from grammars.kit.spec import Spec

PARAMETERS = "b, p, end, d, st, s, x"

_functions: dict[int, "Function"] = {}
_lock = threading.RLock()  # two threads that decode at once must not compile at once


class Function:
    """The reading of one construct as the content of a node: (buffer, position, end, depth, state, start of the
    node, its specification) -> (value, next position). Raises Failure. Compiles itself when it is first called."""

    def __init__(self, sub: Any) -> None:
        self.sub = sub
        self.name = unique("parse")
        self.entries: list[list[Any]] = []  # of tables of alternatives: [function, specification, size]
        self.compiled: Callable[..., Any] | None = None
        NAMESPACE[self.name] = self

    def __call__(self, *args: Any) -> Any:
        return self.compile()(*args)

    def compile(self) -> Callable[..., Any]:
        """The compiled function, which takes the place of this object everywhere."""
        with _lock:
            if self.compiled is None:
                try:
                    code = compile(self.source(), f"<grammar {self.name}>", "exec")
                except NotCompilable:
                    _functions.pop(id(self.sub), None)  # nobody else's compile_all need meet it
                    raise
                exec(code, NAMESPACE)
                self.compiled = NAMESPACE[self.name]
                for entry in self.entries:
                    entry[0] = self.compiled
            return self.compiled

    def source(self) -> str:
        """The Python source. Raises NotCompilable on an unknown construct."""
        unit = Unit()
        value = unit.emit(self.sub, Scope(), "x", "s")
        unit.checks(spec_for("", self.sub), "x", value, "s")
        unit.line(f"return {value}, p")
        return f"def {self.name}({PARAMETERS}):\n" + "\n".join(unit.lines) + "\n"

    def entry(self, spec: Spec) -> list[Any]:
        """A row of a table of alternatives: [function, specification, 0 for a size that the octets decide]."""
        row = [self.compiled or self, spec, 0]
        self.entries.append(row)
        return row


def function_for(sub: Any) -> Function:
    """The one function that reads a construct."""
    sub = strip(sub)
    with _lock:
        if id(sub) not in _functions:
            _functions[id(sub)] = Function(sub)
        return _functions[id(sub)]


def pending() -> list[Function]:
    """The functions that are known and not compiled."""
    return [function for function in _functions.values() if function.compiled is None]
