"""What a grammar says about a field, what a parse gives back, and how it fails. The ground under kit and compiler.

A raw node is the tuple `(spec, start, end, value)`: offsets in bytes of the buffer that was parsed, the value a
list of raw nodes where the field has parts and a plain Python value where it has none. Both ways of parsing,
interpreted and compiled, return the same raw nodes; `analyzer` turns them into a tree for people.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

RawNode = tuple["Spec", int, int, Any]

MAX_DEPTH = 40  # levels of COSEM Data; real objects stay under 10
NODE_BUDGET = 2_000_000  # array elements in one APDU; a bound against counts that promise billions
MOST = 0xFFFFFFFF  # octets, that four octets of a length can say


class Spec:
    """One field as its grammar declares it: name, documentation, and how to read its value."""

    __slots__ = ("checks", "doc", "group", "hole", "leads", "name", "parts", "symbols", "text", "type", "unit")

    def __init__(self, name: str, doc: str = "") -> None:
        self.name = name
        self.doc = doc
        self.unit = ""
        self.type = ""  # of COSEM data: "octet-string", "structure" ...
        self.symbols: dict[int, tuple[str, str]] | None = None
        self.parts: Callable[[int], tuple[Part, ...]] | None = None
        self.group = False  # expressions see the parts, not the integer
        self.text: Callable[[Any], str] | None = None
        self.hole = ""  # what a later layer finds in these bytes
        self.leads: tuple[tuple[str, int], ...] = ()  # (name, octets; 0 = the rest) before the content
        self.checks: tuple[Callable[..., None], ...] = ()

    def __repr__(self) -> str:
        return f"Spec({self.name})"

    def __reduce__(self) -> tuple[Any, ...]:
        """What a value needs that was read: not how to read it again, which is Python and not data."""
        return _of_value, (self.name, self.doc, self.unit, self.type)


def _of_value(name: str, doc: str, unit: str, type_: str) -> Spec:
    spec = Spec(name, doc)
    spec.unit, spec.type = unit, type_
    return spec


class Part(NamedTuple):
    """Some bits of a bit group: first bit counted from the most significant one, width, symbols."""

    name: str
    first: int
    width: int
    doc: str
    symbols: dict[int, tuple[str, str]] | None = None


class Issue(NamedTuple):
    """What a reader should know about a field. An "error" means that the bytes could not be read, or that a length or
    a check sequence is wrong; "info" is a remark on what is unusual and was read all the same."""

    severity: str
    start: int
    end: int
    text: str
    spec: Spec


class Failure(Exception):
    """The bytes cannot be read as the grammar says, from `offset` on. `partial` holds what was read before."""

    def __init__(self, offset: int, spec: Spec, text: str) -> None:
        super().__init__(offset, spec, text)
        self.offset = offset
        self.spec = spec
        self.text = text
        self.partial: list[RawNode] = []

    def __str__(self) -> str:
        return f"{self.spec.name} at offset {self.offset}: {self.text}"


Mark = tuple[int, int, int | None]  # issues noted, budget left, first failure


class State:
    """What one parse carries along: the issues found so far and the elements it may still make."""

    # What most parses never change stands in the class: a state is made for each APDU.
    budget = NODE_BUDGET
    depth = 0
    failed_at: int | None = None
    plain = False  # only values are wanted: equal elements of an array may be one node of the kind PLAIN

    issues: list[Issue]  # given by who makes the state: an __init__ would take a fifteenth of the time of a small APDU

    def reserve(self, number: int) -> int:
        """How many of `number` elements the budget still has room for; it pays for all of them."""
        self.budget -= number
        return number if self.budget >= 0 else max(0, number + self.budget)

    def mark(self) -> Mark:
        """Where this parse is: issues, budget, first failure."""
        return len(self.issues), self.budget, self.failed_at

    def back_to(self, mark: Mark) -> None:
        """Forgets what was noted since the mark."""
        del self.issues[mark[0] :]
        _, self.budget, self.failed_at = mark

    def fail(self, failure: Failure, end: int) -> None:
        """Notes where reading failed; the first place is the one that counts."""
        self.issues.append(Issue("error", failure.offset, end, failure.text, failure.spec))
        if self.failed_at is None:
            self.failed_at = failure.offset


UNDECODED = Spec("undecoded", "bytes that the grammar does not account for")
PLAIN = Spec("plain", "several elements of an array, as plain values")
TOO_DEEP = f"nested deeper than {MAX_DEPTH} levels"
TOO_MANY = f"more than {NODE_BUDGET} elements"


def missing(needed: int, left: int) -> str:
    """The words for a field that runs over the end of its region."""
    return f"expected {needed} octet{'s' if needed != 1 else ''}, found {max(left, 0)}"


def note_symbol(state: State, spec: Spec, start: int, end: int, value: Any) -> None:
    """A value outside its enumeration."""
    shown = f"0x{value:02X}" if value >= 0 else str(value)
    state.issues.append(Issue("warning", start, end, f"{shown} is not a value the standard defines", spec))


def note_undecoded(state: State, start: int, end: int, data: bytes) -> RawNode:
    """Bytes left over at the end of a region: kept as a node, and said."""
    count = end - start
    text = f"{count} octet{'s' if count != 1 else ''} not decoded"
    state.issues.append(Issue("warning", start, end, text, UNDECODED))
    return (UNDECODED, start, end, bytes(data[start:end]))


def note_length(state: State, spec: Spec, buffer: bytes, at: int, value: int) -> None:
    """A length at `at` that is written longer than it need be."""
    octets = buffer[at] & 0x7F
    if buffer[at] == 0x80:
        text = "the length is 80, the indefinite form, which A-XDR does not have; read as 0"
    elif value <= MOST and (value < 0x80 or value < 1 << 8 * (octets - 1)):
        text = f"the length {value} takes {octets + 1} octets, and fewer would do"
    else:
        return
    state.issues.append(Issue("info", at, at + 1 + octets, text, spec))


def note_short(state: State, spec: Spec, start: int, declared: int, present: int, severity: str) -> None:
    """A length that promises more than there is."""
    said = str(declared) if declared <= MOST else f"more than {MOST}"
    text = f"the length says {said} octets, {present} are present"
    state.issues.append(Issue(severity, start, start + present, text, spec))


def find_raw(nodes: list[RawNode], path: str) -> RawNode | None:
    """The node at a dotted path, each part found at any depth below the one before; None if there is none."""
    first, _, rest = path.partition(".") if "." in path else (path, "", "")
    return _find(nodes, first, rest)


def _find(nodes: list[RawNode], first: str, rest: str) -> RawNode | None:
    for node in nodes:
        spec, _, _, value = node
        if spec.name == first:
            if not rest:
                return node
            if isinstance(value, list) and (found := find_raw(value, rest)) is not None:
                return found
        if isinstance(value, list) and (found := _find(value, first, rest)) is not None:
            return found
    return None


def find_int(nodes: list[RawNode], path: str) -> int | None:
    """The integer at a dotted path; None if there is none, or reading failed before its value."""
    node = find_raw(nodes, path)
    return node[3] if node is not None and isinstance(node[3], int) else None


def find_octets(nodes: list[RawNode], path: str) -> bytes | None:
    """The octets at a dotted path; None if there are none, or reading failed before them."""
    node = find_raw(nodes, path)
    return bytes(node[3]) if node is not None and isinstance(node[3], bytes) else None


def walk_raw(nodes: list[RawNode]) -> Iterator[RawNode]:
    """Every node, parents first, in the order of the bytes."""
    # With a stack and not with itself: a generator within generators hands each node through all of them.
    stack = [iter(nodes)]
    while stack:
        for node in stack[-1]:
            yield node
            if isinstance(node[3], list):
                stack.append(iter(node[3]))
                break
        else:
            stack.pop()


def holes_in(nodes: list[RawNode]) -> list[RawNode]:
    """The nodes whose octets a later layer fills, in the order of the bytes. Values of COSEM data have none."""
    found: list[RawNode] = []
    _holes(nodes, found)
    return found


def _holes(nodes: list[RawNode], found: list[RawNode]) -> None:
    for node in nodes:
        spec = node[0]
        if spec.hole:
            found.append(node)
        if not spec.type and isinstance(node[3], list):
            _holes(node[3], found)
