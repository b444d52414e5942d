"""From a grammar to flat Python: one function for each construct that stands behind a tag, and a root.

The emitted code takes a buffer, a position and the end of the region, never reads past that end, and gives raw
nodes with offsets for every field. It stops with a Failure at the octet where the interpreted grammar stops.
Functions are compiled when they are first called. A construct that no module of `grammars.emit` knows is an error.
"""

from collections.abc import Callable
from typing import Any

from grammars.emit import alternatives, structures, values  # noqa: F401 (they register what they can write)
from grammars.emit.functions import function_for, pending
from grammars.emit.unit import NotCompilable

__all__ = ["NotCompilable", "compile_all", "compiled", "source_of"]


class _Compiled(dict[Any, Callable[..., Any]]):
    """Grammars and their functions, each compiled when it is asked for first."""

    def __missing__(self, grammar: Any) -> Callable[..., Any]:
        found = self[grammar] = function_for(grammar).compile()
        return found


# The function of a grammar: (buffer, position, end, depth, state, start, specification of the root) -> (value, next
# position). Raises Failure, and NotCompilable when a part turns out to be unknown.
compiled = _Compiled()


def compile_all(grammar: Any) -> None:
    """Compiles a grammar and all that it refers to, at once. Raises NotCompilable."""
    function_for(grammar).compile()
    while functions := pending():
        for function in functions:
            function.compile()


def source_of(grammar: Any) -> str:
    """The Python source of the function of a grammar."""
    return function_for(grammar).source()
