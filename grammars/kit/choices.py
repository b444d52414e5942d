"""Alternatives and repetitions: by tag, by a first look, by an earlier field; counted, to the end, tagged."""

import io
import re
from collections.abc import Callable
from typing import Any

from grammars.kit.fields import Reader, Unreadable, Word, kept, read_node, spec_for, state_of, strip
from grammars.kit.primitives import INDEFINITE, INDEFINITE_TEXT, AxdrLength, BerLength, beyond, end_of_contents
from grammars.kit.regions import contained
from grammars.kit.spec import (
    MAX_DEPTH,
    TOO_DEEP,
    TOO_MANY,
    Failure,
    Issue,
    Mark,
    RawNode,
    Spec,
    State,
    note_length,
    note_short,
)


class Case:
    """One alternative of a Choice, or one element of a TaggedSet: its name, what follows the tag, its meaning.

    Of first octets that a Peek or a Choice looks for, `takes` belong to the tag, all of them unless it says otherwise;
    the others are read again. `remark` is what a reader should know who meets this alternative.
    """

    def __init__(
        self, name: str, sub: Any, doc: str = "", type: str = "", takes: int | None = None, remark: str = ""
    ) -> None:
        self.name, self.sub, self.doc, self.takes, self.remark = name, sub, doc, takes, remark
        self.spec = spec_for(name, sub, doc)
        self.spec.type = type

    def tagged(self, width: int) -> "Case":
        """The same alternative behind a tag of `width` octets, or of those that it takes."""
        takes = width if self.takes is None else self.takes
        case = Case(self.name, self.sub, self.doc, self.spec.type, takes, self.remark)
        case.spec.leads = ((("tag", takes),) if takes else ()) + case.spec.leads
        return case

    def note(self, state: State, start: int, end: int) -> None:
        """Says the remark of this alternative, which was found at `start`."""
        state.issues.append(Issue("info", start, end, self.remark, self.spec))


Reading = Callable[..., tuple[Any, int]]  # the value and the next position
NO_OCTETS = "elements without octets cannot be counted"
NO_TAG = "expected a tag, found the end"


def unknown_tag(tag: int) -> str:
    """The words for a tag that no alternative has."""
    return f"tag 0x{tag:02X} ({tag}) is not defined here"


class Choice(Word):
    """A tag octet says which alternative follows. `default`, if any, keeps the octets of an unknown tag; alternatives
    in `before` are told by what matches a pattern, which is looked for before the tag: {pattern: (alternative, the
    octets before its content)}."""

    def __init__(
        self,
        name: str,
        cases: dict[int, Case],
        default: Case | None = None,
        before: dict[bytes, tuple[Case, bytes]] | None = None,
    ) -> None:
        super().__init__()
        self.spec = Spec(name)
        self.cases = {tag: case.tagged(1) for tag, case in cases.items()}
        self.default = default
        self.before = [
            (re.compile(pattern, re.DOTALL), case.tagged(len(head)), head)
            for pattern, (case, head) in (before or {}).items()
        ]
        self.tags = {case.name: tag for tag, case in cases.items()}

    def ahead(self, buffer: bytes, pos: int, end: int) -> Case | None:
        """The alternative whose pattern matches at `pos`."""
        return next((case for pattern, case, _ in self.before if pattern.match(buffer, pos, end)), None)

    def _parse(self, reader: Reader, context: Any, path: str) -> list[RawNode]:
        start = reader.pos
        if start >= reader.limit:
            raise Failure(start, self.spec, NO_TAG)
        ahead = self.ahead(reader.buffer, start, reader.limit) if self.before else None
        if ahead is not None:
            reader.pos += ahead.takes or 0
            return [read_case(ahead, reader, context, start)]
        tag = reader.buffer[start]
        case = self.cases.get(tag)
        if case is None:
            if self.default is None:
                raise Failure(start, self.spec, unknown_tag(tag))
            case = self.default
            state_of(context).issues.append(Issue("warning", start, start + 1, unknown_tag(tag), case.spec))
        else:
            reader.pos += 1
        return [read_case(case, reader, context, start)]

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        name, value = (obj[0][0].name, obj[0][3]) if isinstance(obj, list) else obj
        for _, case, head in self.before:
            if case.name == name:
                stream.write(head)
                return case.sub._build(value, stream, context, path)
        tag = self.tags.get(name)
        if tag is None:
            if self.default is None or name != self.default.name:
                raise ValueError(f"{self.spec.name}: no alternative is named {name!r}")
            return self.default.sub._build(value, stream, context, path)
        stream.write(bytes([tag]))
        return self.cases[tag].sub._build(value, stream, context, path)


def read_case(case: Case, reader: Reader, context: Any, start: int) -> RawNode:
    """The node of one alternative, whose tag began at `start`."""
    try:
        value = read_node(case.sub, case.spec, reader, context, start)
    except Failure as failure:
        failure.partial = kept(failure, case.spec, start)
        raise
    if case.remark:
        case.note(state_of(context), start, reader.pos)
    return (case.spec, start, reader.pos, value)


class Peek(Word):
    """The first octets say which alternative follows, and belong to it. The first prefix that fits wins."""

    def __init__(self, name: str, cases: dict[bytes, Case], default: Case) -> None:
        super().__init__()
        self.spec = Spec(name)
        self.cases = {prefix: case.tagged(len(prefix)) for prefix, case in cases.items()}
        self.default = default

    def select(self, buffer: bytes, pos: int, end: int) -> tuple[bytes, Case]:
        """The prefix found and its alternative."""
        for prefix, case in self.cases.items():
            if buffer[pos : min(end, pos + len(prefix))] == prefix:
                return prefix, case
        return b"", self.default

    def _parse(self, reader: Reader, context: Any, path: str) -> list[RawNode]:
        start = reader.pos
        prefix, case = self.select(reader.buffer, start, reader.limit)
        reader.pos += (case.takes or 0) if prefix else 0
        return [read_case(case, reader, context, start)]

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        name, value = (obj[0][0].name, obj[0][3]) if isinstance(obj, list) else obj
        prefix, case = next((p, k) for p, k in [*self.cases.items(), (b"", self.default)] if k.name == name)
        stream.write(prefix[: case.takes])
        return case.sub._build(value, stream, context, path)


class Switch(Word):
    """An earlier field says which construct follows; always with a default."""

    def __init__(self, key: Any, cases: dict[int, Any], default: Any) -> None:
        super().__init__()
        self.key, self.cases, self.default = key, cases, default

    def within(self, context: Any) -> Any:
        return self.cases.get(self.key(context), self.default)

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        return self.within(context)._parsereport(reader, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.within(context)._build(obj, stream, context, path)


Outcome = tuple[tuple[Any, int], int, Failure | None]  # value and next position; how far it read; what ended it


def _given(outcome: Outcome) -> tuple[Any, int]:
    """An outcome as that of the parse. Raises its failure."""
    found, _, failure = outcome
    if failure is not None:
        raise failure
    return found


def _hopeless(failure: Failure | None) -> bool:
    """Whether nobody can have meant it; twice the time for it is what an attacker would like."""
    return failure is not None and failure.text in (TOO_DEEP, TOO_MANY)


class Fallback(Word):
    """What senders mean who do not keep to a grammar: `inner`, or, where it does not read the region to its end,
    `other`, if that reads further and has something to remark. The remark says that it did."""

    def __init__(self, inner: Any, other: Any, remark: str) -> None:
        super().__init__()
        self.inner, self.other, self.remark = inner, other, remark

    def settle(
        self, ways: tuple[Reading, Reading], given: tuple[Any, ...], state: State, spec: Spec, start: int, end: int
    ) -> tuple[Any, int]:
        """Value and next position of the way that reads all octets from `start` to `end`; else those of the first.
        `given` is what the ways are called with."""
        before = state.mark()
        first = self._outcome(ways[0], given, state, before, start)
        _, reached, failure = first
        if reached == end or _hopeless(failure):
            return _given(first)
        noted, after = state.issues[before[0] :], state.mark()
        state.back_to(before)
        second = self._outcome(ways[1], given, state, before, start)
        further = second[1]
        if further <= reached or all(issue.severity != "info" for issue in state.issues[before[0] :]):
            state.issues[before[0] :] = noted
            state.back_to(after)
            return _given(first)
        state.issues.append(Issue("info", start, further, self.remark, spec))
        return _given(second)

    @staticmethod
    def _outcome(way: Reading, given: tuple[Any, ...], state: State, before: Mark, start: int) -> Outcome:
        """What one way of reading comes to; `before` is the state that it begins with."""
        try:
            found = way(*given)
        except Failure as failure:
            return (None, start), failure.offset, failure
        return found, found[1] if state.failed_at == before[2] else state.failed_at or start, None

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        start, spec = reader.pos, context["_spec"]

        def reading(sub: Any) -> Reading:
            def read() -> tuple[Any, int]:
                reader.pos, context["_spec"] = start, spec
                value = sub._parsereport(reader, context, path)
                return value, reader.pos

            return read

        ways = (reading(self.inner), reading(self.other))
        value, reader.pos = self.settle(ways, (), state_of(context), spec, start, reader.limit)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.other._build(obj, stream, context, path)


class Series(Word):
    """Elements of one kind, of at least one octet each. A Choice as element makes its nodes directly; another
    construct makes nodes named `element`."""

    def __init__(self, inner: Any, element: str = "element", doc: str = "") -> None:
        super().__init__()
        self.element = strip(inner)
        self.spec = spec_for(element, inner, doc)

    def one(self, reader: Reader, context: Any, nodes: list[RawNode]) -> None:
        """Reads the next element and adds its node; a failure keeps the nodes before it."""
        element, start = self.element, reader.pos
        try:
            value = read_node(element, self.spec, reader, context, start)
        except Failure as failure:
            partial = failure.partial if is_choice(element) else kept(failure, self.spec, start)
            failure.partial = nodes + partial
            raise
        if reader.pos == start:
            failure = Failure(start, self.spec, NO_OCTETS)
            failure.partial = nodes
            raise failure
        nodes.append(value[0] if is_choice(element) else (self.spec, start, reader.pos, value))

    def _build_all(self, obj: Any, stream: Any, context: Any) -> None:
        for item in obj:
            if is_choice(self.element):
                value = [item] if isinstance(item, tuple) and len(item) == 4 else item
            else:
                value = item[3] if isinstance(item, tuple) and len(item) == 4 else item
            self.element._build(value, stream, context, "")


def is_choice(sub: Any) -> bool:
    """Whether an element makes its own node, named after the alternative."""
    return isinstance(strip(sub), Choice | Peek | Recursive)


class Counted(Series):
    """A-XDR SEQUENCE OF: the number of elements, then the elements."""

    def describe(self, spec: Spec) -> None:
        spec.leads += (("count", 0),)

    def _parse(self, reader: Reader, context: Any, path: str) -> list[RawNode]:
        at = reader.pos
        number, reader.pos = AxdrLength.read(reader.buffer, at, reader.limit)
        if reader.buffer[at] >= INDEFINITE:
            note_length(state_of(context), context["_spec"], reader.buffer, at, number)
        nodes: list[RawNode] = []
        state = state_of(context)
        allowed = state.reserve(number)
        try:
            for _ in range(allowed):
                self.one(reader, context, nodes)
        except Failure:
            state.budget += number - len(nodes)
            raise
        if allowed < number:
            failure = Failure(reader.pos, self.spec, TOO_MANY)
            failure.partial = nodes
            raise failure
        return nodes

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        stream.write(AxdrLength.write(len(obj)))
        self._build_all(obj, stream, context)
        return obj


class ToEnd(Series):
    """Elements up to the end of the region."""

    def _parse(self, reader: Reader, context: Any, path: str) -> list[RawNode]:
        nodes: list[RawNode] = []
        while reader.pos < reader.limit:
            self.one(reader, context, nodes)
        return nodes

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        self._build_all(obj, stream, context)
        return obj


class TaggedSet(Word):
    """Tagged fields (tag, length, value) in any order, to the end of the region. Unknown ones are kept; so are
    the order and, for the rebuild, whatever each holds."""

    def __init__(self, cases: dict[int, Case], unknown: str = "unknown_field", length: Any = None) -> None:
        super().__init__()
        leads = (("tag", 1), ("length", 0))
        self.cases = {tag: case.tagged(1) for tag, case in cases.items()}
        for case in self.cases.values():
            case.spec.leads = leads + case.spec.leads[1:]
        self.unknown = Spec(unknown, "a field that the standard does not define here")
        self.unknown.leads = leads
        self.length, self.ber = length or BerLength(), length is None
        self.tags = {case.name: tag for tag, case in cases.items()}

    def after(self, buffer: bytes, at: int, end: int, limit: int) -> int:
        """The position behind the field that begins at `at` and whose content ends at `end`, not behind `limit`."""
        return beyond(buffer, at + 1, end, limit) if self.ber else end

    def head(self, state: State, buffer: bytes, pos: int, end: int) -> tuple[Case | None, Spec, int, int]:
        """Tag and length at `pos`: (alternative or None, specification, start and end of the content)."""
        case = self.cases.get(buffer[pos])
        spec = case.spec if case else self.unknown
        try:
            declared, start = self.length.read(buffer, pos + 1, end)
        except Unreadable as error:
            raise Failure(pos, spec, error.text) from error
        if self.ber and buffer[pos + 1] > INDEFINITE:
            note_length(state, spec, buffer, pos + 1, declared)
        if case is None:
            state.issues.append(Issue("warning", pos, pos + 1, unknown_tag(buffer[pos]), spec))
        if self.ber and buffer[pos + 1] == INDEFINITE:
            declared = end_of_contents(buffer, start, end) - start
            state.issues.append(Issue("info", pos, start + declared, INDEFINITE_TEXT, spec))
        elif start + declared > end:
            note_short(state, spec, start, declared, end - start, "error")
            declared = end - start
        return case, spec, start, start + declared

    def _parse(self, reader: Reader, context: Any, path: str) -> list[RawNode]:
        nodes: list[RawNode] = []
        while reader.pos < reader.limit:
            at = reader.pos
            try:
                case, spec, start, end = self.head(state_of(context), reader.buffer, at, reader.limit)
            except Failure as failure:
                failure.partial = nodes
                raise
            if case is None:
                reader.pos = self.after(reader.buffer, at, end, reader.limit)
                nodes.append((spec, at, reader.pos, reader.buffer[at : reader.pos]))
                continue
            reader.pos = start
            value = contained(_reading(case, reader, context, start), reader, context, end)
            reader.pos = self.after(reader.buffer, at, end, reader.limit)
            nodes.append((spec, at, reader.pos, value))
        return nodes

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        rows = [(node[0].name, node[3]) for node in obj] if isinstance(obj, list) else obj.items()
        for name, value in rows:
            if name == self.unknown.name:
                stream.write(value)
                continue
            body = io.BytesIO()
            self.cases[self.tags[name]].sub._build(value, body, context, path)
            stream.write(bytes([self.tags[name]]) + self.length.write(len(body.getvalue())) + body.getvalue())
        return obj


def _reading(case: Case, reader: Reader, context: Any, start: int) -> Callable[[], Any]:
    """The reading of one case, for use inside a region."""
    return lambda: read_node(case.sub, case.spec, reader, context, start)


class Recursive(Word):
    """A grammar that contains itself, to a bounded depth."""

    def __init__(self, grammar: Callable[[], Any]) -> None:
        super().__init__()
        self.grammar = grammar

    def _parse(self, reader: Reader, context: Any, path: str) -> Any:
        state = state_of(context)
        if state.depth >= MAX_DEPTH:
            raise Failure(reader.pos, self.grammar().spec, TOO_DEEP)
        state.depth += 1
        try:
            return self.grammar()._parsereport(reader, context, path)
        finally:
            state.depth -= 1

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        return self.grammar()._build(obj, stream, context, path)
