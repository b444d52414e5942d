"""Octets through a grammar: the compiled way, and the interpreted way where that fails or a test asks for it."""

import io
from typing import Any, NamedTuple

import construct as c

from grammars.compiler import compiled
from grammars.kit.fields import Reader, read_content
from grammars.kit.spec import Failure, Issue, RawNode, Spec, State, note_undecoded

ROOT = Spec("root")


_parsed = tuple.__new__  # half the time of calling the class


class Parsed(NamedTuple):
    """The raw nodes, complete or up to the failure; what is to be said about them; where reading failed, if it did."""

    nodes: list[RawNode]
    issues: list[Issue]
    failed_at: int | None

    @property
    def whole(self) -> bool:
        """Every octet was read as the grammar says; soft issues may remain."""
        return self.failed_at is None


def parse(grammar: Any, buffer: bytes, start: int = 0, end: int | None = None, plain: bool = False) -> Parsed:
    """Parses buffer[start:end]; never raises on any octets. Offsets count from the start of `buffer`. `plain` is for
    `grammars.values` alone: equal elements of an array may be one node then."""
    end = len(buffer) if end is None else end
    try:
        return parse_compiled(grammar, buffer, start, end, plain)
    except Failure:
        return interpret(grammar, buffer, start, end)


def parse_compiled(grammar: Any, buffer: bytes, start: int, end: int, plain: bool = False) -> Parsed:
    """The fast way; raises Failure where the octets are not as the grammar says."""
    state = State()
    if plain:
        state.plain = True
    nodes, pos = compiled(grammar)(buffer, start, end, 0, state, start, ROOT)
    if pos < end:
        nodes.append(note_undecoded(state, pos, end, buffer))
    return _parsed(Parsed, (nodes, state.issues, None))


def interpret(grammar: Any, buffer: bytes, start: int = 0, end: int | None = None) -> Parsed:
    """The slow way: construct walks the grammar; a failure leaves all fields before it, and the octets after."""
    end = len(buffer) if end is None else end
    state, reader = State(), Reader(buffer, start, end)
    context = c.Container(_params=c.Container(state=state))
    try:
        nodes = read_content(grammar, ROOT, reader, context, start)
        left = reader.pos
    except Failure as failure:
        state.fail(failure, end)
        nodes, left = failure.partial, failure.offset
    if left < end:
        nodes.append(note_undecoded(state, left, end, buffer))
    return Parsed(nodes, state.issues, state.failed_at)


def build(grammar: Any, value: Any) -> bytes:
    """Octets from raw nodes or plain dicts, with lengths and checksums computed. Raises construct errors."""
    stream = io.BytesIO()
    grammar._build(value, stream, c.Container(_params=c.Container()), "")
    return stream.getvalue()
