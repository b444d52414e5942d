"""Two traces compared, message by message and field by field, with ciphered content as plain text.

A difference is `expected` where two healthy runs of the same exchange also show it: challenges, counters, tags,
ciphertext, check sequences, clock values, measured values, link numbers shifted by an earlier difference. All else
matters and is `different`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from analyzer.align import align
from analyzer.association import is_hls_reply
from analyzer.message import Message
from analyzer.model import Node
from analyzer.paths import labelled
from analyzer.tree import tree_of
from grammars import readings
from grammars.kit.primitives import Bits, Extended

Status = Literal["same", "expected", "different", "only-a", "only-b"]
BIT = "a bit that one side sets"
LONGEST = 24  # octets of a value that are shown
NUMBERS = frozenset({"send_sequence_number", "receive_sequence_number"})
# Fields that differ between two healthy runs, and why.
EXPECTED = {
    "header_check_sequence": "a check over octets that differ",
    "frame_check_sequence": "a check over octets that differ",
    "length": "follows from what it counts",
    "count": "follows from what it counts",
    "invocation_counter": "a counter advances",
    "authentication_tag": "a tag over octets or under a counter that differ",
    "ciphered_text": "ciphertext differs with counter and content; the plain text is compared by itself",
    "invoke_id": "numbers requests one after the other",
    "long_invoke_id": "numbers requests one after the other",
    "transaction_id": "numbers transactions",
}
RANDOM = frozenset({"charstring", "dedicated_key"})
MEASURED = frozenset({
    "double-long", "double-long-unsigned", "integer", "long", "unsigned", "long-unsigned", "long64", "long64-unsigned",
    "float32", "float64", "bcd",
})  # fmt: skip
CLOCKS = frozenset({"date-time", "date", "time", "date_time", "tagged_date_time"})
ANSWERS = frozenset({"get-response", "read-response", "access-response", "data-notification"})
ALIASES = {"conformance_block_old": "conformance_block"}  # one field in two encodings
WORDS = {
    "llc": "the LLC header is missing on one side",
    "protocol_version": "a field that one side leaves out",
    "information": "one side sends no information field",
}


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field that differs. `path` is dotted, values are short texts; None where a side has no such field."""

    path: str
    a: str | None
    b: str | None
    status: Literal["expected", "different"]
    why: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two messages that correspond, by their numbers, or one that has no partner."""

    a: int | None
    b: int | None
    status: Status
    fields: tuple[FieldDifference, ...] = ()


@dataclass(frozen=True, slots=True)
class Diff:
    """All pairs in the order of both traces; `first_divergence` is the first pair that differs or has a gap."""

    pairs: tuple[Pair, ...]
    first_divergence: Pair | None


def diff(a: Sequence[Message], b: Sequence[Message]) -> Diff:
    """Compares the messages of two traces. Never raises on any octets."""
    pairs: list[Pair] = []
    shifted = False
    for left, right in align(a, b):
        if left is None or right is None:
            status: Status = "only-b" if left is None else "only-a"
            pairs.append(Pair(_number(a, left), _number(b, right), status))
            shifted = True
            continue
        fields = tuple(_Comparison(a[left], b[right], shifted).fields())
        shifted = shifted or any(field.path.endswith(tuple(NUMBERS)) for field in fields)
        differs = any(field.status == "different" for field in fields)
        status = "different" if differs else "expected" if fields else "same"
        pairs.append(Pair(a[left].number, b[right].number, status, fields))
    first = next((pair for pair in pairs if pair.status not in ("same", "expected")), None)
    return Diff(tuple(pairs), first)


def _number(messages: Sequence[Message], index: int | None) -> int | None:
    return messages[index].number if index is not None else None


class _Comparison:
    """Compares two messages."""

    def __init__(self, a: Message, b: Message, shifted: bool) -> None:
        self.a, self.b, self.shifted = a, b, shifted
        plain = a.plain
        self.answer = plain is not None and plain.name in ANSWERS
        self.proof = plain is not None and (is_hls_reply(plain.nodes) is not None or _is_pass_4(a))

    def fields(self) -> Iterator[FieldDifference]:
        """The fields that differ, in the order of the octets."""
        if self.a.wire == self.b.wire and _verdict(self.a) == _verdict(self.b):
            return
        if self.a.apdu != self.b.apdu:
            yield FieldDifference("apdu", self.a.apdu, self.b.apdu, "different", "another APDU")
        elif _verdict(self.a) != _verdict(self.b):
            why = "what the keys say about the protection"
            yield FieldDifference("security.verdict", _verdict(self.a), _verdict(self.b), "different", why)
        yield from self._nodes(tree_of(self.a), tree_of(self.b), "")

    def _nodes(self, a: Node, b: Node, path: str) -> Iterator[FieldDifference]:
        """Differences of two nodes of one name."""
        if a.name != b.name and path:
            yield FieldDifference(path, a.name, b.name, "different", "the same field in two encodings")
        if not a.children or not b.children:
            if _content(a) != _content(b):
                yield from self._leaf(a, b, path)
            return
        if a.value is not None and a.value != b.value and a.name in ("bits", "ciphered_text"):
            yield from self._leaf(a, b, path)  # as a whole; its parts, or what it holds, follow
        left, right = _by_label(a), _by_label(b)
        for label in _merged(list(left), list(right)):
            one, other = left.get(label), right.get(label)
            inner = f"{path}.{label}" if path else label
            if one is not None and other is not None:
                yield from self._nodes(one, other, inner)
            elif self.a.apdu == self.b.apdu or label not in (self.a.apdu, self.b.apdu):
                found = one if one is not None else other
                assert found is not None
                yield self._alone(found, inner, one is not None)

    def _leaf(self, a: Node, b: Node, path: str) -> Iterator[FieldDifference]:
        why = self._expected(a, b, path)
        status: Literal["expected", "different"] = "expected" if why else "different"
        yield FieldDifference(path, _text(a), _text(b), status, why or _why(a, b))
        if a.name in RANDOM and isinstance(a.value, bytes) and isinstance(b.value, bytes):
            sizes = len(a.value), len(b.value)
            if sizes[0] != sizes[1]:
                left, right = (f"{size} octets" for size in sizes)
                yield FieldDifference(f"{path}.length", left, right, "different", "the length is chosen, not random")

    def _expected(self, a: Node, b: Node, path: str) -> str:
        """Why a difference is expected; empty for one that matters."""
        if a.name in EXPECTED and bool(a.children) == bool(b.children):
            return EXPECTED[a.name]
        if a.name in NUMBERS:
            return "link numbers, shifted by an earlier difference" if self.shifted else ""
        both_octets = isinstance(a.value, bytes) and isinstance(b.value, bytes)
        same_length = both_octets and len(a.value) == len(b.value)  # type: ignore[arg-type]
        if a.name == "charstring" and (self.a.before.mechanism or self.a.after.mechanism or 0) > 1:
            return "a challenge is random"
        if a.name == "dedicated_key" and both_octets:
            return "a dedicated key is random"
        if a.name == "tag":
            return "follows from another difference"
        if a.name in CLOCKS or any(part in CLOCKS for part in path.split(".")):
            return "a clock goes on"
        if a.name == "octet-string" and same_length:
            if self.proof:
                return "a proof differs with challenge and counter"
            if readings.is_date_time(a.value) and readings.is_date_time(b.value):  # type: ignore[arg-type]
                return "a clock goes on"
        if self.answer and a.name in MEASURED:
            return "a measured value of the same type"
        return ""

    def _alone(self, node: Node, path: str, in_a: bool) -> FieldDifference:
        text = shown(node) or "present"
        why = WORDS.get(node.name, "a field that one side has not")
        follows = node.name in ("length", "count", "presence", "header_check_sequence", "tag")
        status: Literal["expected", "different"] = "expected" if follows else "different"
        if follows:
            why = "follows from another difference"
        return FieldDifference(path, text if in_a else None, None if in_a else text, status, why)


def _is_pass_4(message: Message) -> bool:
    return message.before.state == "proving" and message.plain_apdu == "action-response"


def _verdict(message: Message) -> str:
    return message.security.verdict if message.security is not None else ""


def _by_label(node: Node) -> dict[str, Node]:
    """Children by what paths call them, encodings of one field under one name."""
    return {ALIASES.get(label, label): child for label, child in labelled(node.children)}


def _merged(a: list[str], b: list[str]) -> list[str]:
    """The labels of both, each in its order."""
    merged = list(a)
    position = 0
    for label in b:
        if label in a:
            position = merged.index(label) + 1
        else:
            merged.insert(position, label)
            position += 1
    return merged


def _content(node: Node) -> object:
    """What makes two leaves equal."""
    return shown(node) if node.children else (node.value, node.bits)


def _why(a: Node, b: Node) -> str:
    if isinstance(a.value, bytes) and isinstance(b.value, bytes) and len(a.value) != len(b.value):
        return f"{len(a.value)} octets against {len(b.value)}"
    if a.bits is not None and a.bits[1] == 1:
        return BIT
    return a.doc or "the values differ"


def shown(node: Node) -> str:
    """The value of a node in a few words; of a node with parts, what they are."""
    value = node.value
    if value is None and node.children:
        leaves = [leaf for leaf in node.walk() if not leaf.children and leaf.name not in ("tag", "length")]
        parts = [f"{leaf.name} {_text(leaf)}".strip() for leaf in leaves[:4]]
        return ", ".join(parts) + (" ..." if len(leaves) > len(parts) else "")
    return _text(node)


def _text(node: Node) -> str:
    value = node.value
    if value is None:
        return node.meaning or "absent" if node.end - node.start <= 1 else node.meaning
    if isinstance(value, bytes):
        text = value[:LONGEST].hex(" ").upper() + (f" ... ({len(value)} octets)" if len(value) > LONGEST else "")
    elif isinstance(value, Extended | Bits):
        return str(value)
    elif node.name == "bits" and isinstance(value, int):
        text = f"{value:0{2 * (node.end - node.start)}X}"
    else:
        text = str(value)
    return f"{text} {node.meaning}" if node.meaning and node.meaning != text else text
