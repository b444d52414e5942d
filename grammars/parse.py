"""Octets through a grammar: the compiled way, and the interpreted way where that fails or a test asks for it."""

import io
from typing import Any

import construct as c

from grammars.compiler import compiled
from grammars.kit.fields import Reader, read_content
from grammars.kit.spec import Failure, RawNode, Spec, State, note_undecoded

ROOT = Spec("root")


class Parsed(State):
    """The raw nodes, complete or up to the failure; what is to be said about them; where reading failed, if it did.

    It is the very state that the parse carried along: copying that would take a tenth of the time of a small APDU."""

    nodes: list[RawNode]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parsed):
            return NotImplemented
        return (self.nodes, self.issues, self.failed_at) == (other.nodes, other.issues, other.failed_at)

    @property
    def whole(self) -> bool:
        """Every octet was read as the grammar says; soft issues may remain."""
        return self.failed_at is None


def nothing() -> Parsed:
    """What is found where nothing was parsed."""
    parsed = Parsed()
    parsed.nodes, parsed.issues = [], []
    return parsed


def parse(
    grammar: Any, buffer: bytes, start: int = 0, end: int | None = None, plain: bool = False, partial: bool = True
) -> Parsed:
    """Parses buffer[start:end]; never raises on any octets, unless `partial` is False: then Failure where they are not as
    the grammar says, before the slow way makes a partial tree. Offsets count from the start of `buffer`. `plain` is for
    `grammars.values` alone: equal elements of an array may be one node then."""
    if end is None:
        end = len(buffer)
    parsed = Parsed()
    parsed.issues = []
    if plain:
        parsed.plain = True
    try:
        parsed.nodes, pos = compiled[grammar](buffer, start, end, 0, parsed, start, ROOT)
    except Failure:
        if not partial:
            raise
        return interpret(grammar, buffer, start, end)
    if pos < end:
        parsed.nodes.append(note_undecoded(parsed, pos, end, buffer))
    return parsed


def interpret(grammar: Any, buffer: bytes, start: int = 0, end: int | None = None) -> Parsed:
    """The slow way: construct walks the grammar; a failure leaves all fields before it, and the octets after."""
    end = len(buffer) if end is None else end
    parsed, reader = nothing(), Reader(buffer, start, end)
    context = c.Container(_params=c.Container(state=parsed))
    try:
        parsed.nodes = read_content(grammar, ROOT, reader, context, start)
        left = reader.pos
    except Failure as failure:
        parsed.fail(failure, end)
        parsed.nodes, left = failure.partial, failure.offset
    if left < end:
        parsed.nodes.append(note_undecoded(parsed, left, end, buffer))
    return parsed


class Unbuildable(ValueError):
    """A value that a field cannot have. One line: the field, what it takes, what it was given."""


def build(grammar: Any, value: Any) -> bytes:
    """Octets from raw nodes or plain dicts, with lengths and checksums computed. Raises Unbuildable, and what Python says
    where fields are missing."""
    stream = io.BytesIO()
    try:
        grammar._build(value, stream, c.Container(_params=c.Container()), "")
    except c.ConstructError as error:
        field, said = (error.path or "").rpartition(" -> ")[2].strip(), str(error).rpartition("\n")[2]
        raise Unbuildable(f"{field}: {said}" if field else said) from error
    return stream.getvalue()
