"""Two traces compared, message by message and field by field, with ciphered content as plain text.

A difference that two healthy runs of the same exchange also show is `expected` (expectation.py says which). All else
matters and is `different`. Where content was opened on one side alone, that is said, and what is there is compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, NamedTuple

from analyzer import hiding
from analyzer.align import aligned
from analyzer.alike import same_groups
from analyzer.expectation import FOLLOWS, LENGTHS, RANDOM, Expectation, LinkNumbers
from analyzer.facing import APDU_NAMES, facing, innermost
from analyzer.message import Message
from analyzer.model import Node
from analyzer.outline import Outline, outlines
from analyzer.senders import sender_of_apdu
from analyzer.shown import shown
from analyzer.tree import tree_of
from grammars.tables.apdu import APDU_TAGS

Status = Literal["same", "expected", "different", "only-a", "only-b"]
Importance = Literal["expected", "different"]
BIT = "a bit that one side sets"
TAGS = {name: tag for tag, name in APDU_TAGS.items()}
WHOLE = frozenset({"bits", "ciphered_text"})  # compared as a whole, before their parts
DERIVED = frozenset({"presence", "header_check_sequence", "tag", *LENGTHS})  # come and go with what they belong to
CIPHERTEXT = "ciphertext differs with counter and content; the plain text is compared by itself"
UNOPENED = "ciphertext that was opened on neither side; what it says is not compared"
UNOPENED_LENGTH = "ciphertext that was opened on neither side, of another length: what it says differs"
OPENED_ONCE = "opened on one side alone; what it says is not compared"
WORDS = {
    "llc": "the LLC header is missing on one side",
    "protocol_version": "a field that one side leaves out",
    "information": "one side sends no information field: for SNRM and UA the default parameters",
    "proposed_dlms_version_number": "the DLMS version that the client proposes; 6 is the current one",
    "negotiated_dlms_version_number": "the DLMS version that the server accepts; 6 is the current one",
    "object_identifier": "another application context or mechanism",
    "mechanism_name": "another authentication mechanism",
    "charstring": "a password, or a challenge of another kind",
    "send_sequence_number": "a link number out of step with the frames before",
    "receive_sequence_number": "a link number out of step with the frames before",
    "length": "a length that its content does not explain",
    "count": "a count that its content does not explain",
    "bits": "the bits that are set",
}


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """One field that differs. `path` is dotted, values are short texts; None where a side has no such field."""

    path: str
    a: str | None
    b: str | None
    status: Importance
    why: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two messages that correspond, by their numbers, or one that has no partner."""

    a: int | None
    b: int | None
    status: Status
    fields: tuple[FieldDifference, ...] = ()

    @property
    def matters(self) -> bool:
        """Whether something differs that two healthy runs have in common, or a message has no partner."""
        return self.status not in ("same", "expected")


class Faced(NamedTuple):
    """A pair with its messages."""

    pair: Pair
    a: Message | None
    b: Message | None


@dataclass(frozen=True, slots=True)
class Diff:
    """All pairs in the order of both traces; `first_divergence` is the first pair that differs or has a gap."""

    pairs: tuple[Pair, ...]
    first_divergence: Pair | None


@dataclass(slots=True)
class Totals:
    """What is said of all pairs together. `complete` when they have all been counted."""

    pairs: int = 0
    differing: int = 0
    alone: int = 0
    first_divergence: Pair | None = None
    complete: bool = False

    def counting(self, faced: Iterable[Faced]) -> Iterator[Faced]:
        """The pairs as they come, each counted."""
        for one in faced:
            self.add(one.pair)
            yield one
        self.complete = True

    def add(self, pair: Pair) -> None:
        """Counts a pair."""
        self.pairs += 1
        self.differing += pair.status == "different"
        self.alone += pair.status in ("only-a", "only-b")
        if self.first_divergence is None and pair.matters:
            self.first_divergence = pair


def totals_of(result: Diff) -> Totals:
    """Those of a whole comparison."""
    totals = Totals(complete=True)
    for pair in result.pairs:
        totals.add(pair)
    return totals


def diff(a: Sequence[Message], b: Sequence[Message]) -> Diff:
    """Compares the messages of two traces. Never raises on any octets; diff(b, a) says the same, turned round."""
    return gathered(compared(a, b))


def gathered(pairs: Iterable[Pair]) -> Diff:
    """The whole comparison out of its pairs, for whoever wants to be able to stop between two of them."""
    pairs = tuple(pairs)
    return Diff(pairs, next((pair for pair in pairs if pair.matters), None))


def compared(a: Sequence[Message], b: Sequence[Message]) -> Iterator[Pair]:
    """The pairs of `diff` one by one, for whoever does not need them all: most of the time goes into the fields."""
    return (faced.pair for faced in faced_messages(a, b, outlines(a, b)))


def faced_messages(a: Iterable[Message], b: Iterable[Message], known: tuple[Outline, Outline]) -> Iterator[Faced]:
    """The pairs one by one with their messages, which are gone through once more, in order; `known` are their outlines."""
    numbers, left, right = LinkNumbers(), iter(a), iter(b)
    for i, j in aligned(known[0].keys, known[1].keys):
        one = _next(left) if i is not None else None
        other = _next(right) if j is not None else None
        if one is None or other is None:
            numbers.forget()
            alone: Status = "only-b" if one is None else "only-a"
            yield Faced(Pair(one.number if one else None, other.number if other else None, alone), one, other)
            continue
        numbers.follow(one, other)
        in_blocks = one.number in known[0].blocks and other.number in known[1].blocks
        fields = tuple(_Comparison(one, other, numbers.allowed, in_blocks).fields())
        differs = any(field.status == "different" for field in fields)
        status: Status = "different" if differs else "expected" if fields else "same"
        yield Faced(Pair(one.number, other.number, status, fields), one, other)


def _next(messages: Iterator[Message]) -> Message:
    message = next(messages, None)
    if message is None:
        raise RuntimeError("an input has become shorter while it was compared")
    return message


def with_messages(result: Diff, a: Iterable[Message], b: Iterable[Message]) -> Iterator[Faced]:
    """The pairs of a comparison with their messages; none for a number that is not among these."""
    left, right = {m.number: m for m in a}, {m.number: m for m in b}
    for pair in result.pairs:
        yield Faced(pair, left.get(pair.a or 0), right.get(pair.b or 0))


class _Comparison:
    """Compares two messages."""

    def __init__(self, a: Message, b: Message, allowed: dict[str, int], in_blocks: bool) -> None:
        self.a, self.b = a, b
        self._allowed, self._in_blocks = allowed, in_blocks

    @cached_property
    def expectation(self) -> Expectation:
        """What may differ; most pairs of long traces are equal, and do not ask."""
        return Expectation(self.a, self.b, self._allowed, self._in_blocks)

    def fields(self) -> Iterator[FieldDifference]:
        """The fields that differ, in the order of the octets; none only where all octets and verdicts are the same."""
        found = list(self._outside())
        if self.a.wire != self.b.wire:
            found += self._trees()
            if not found:
                found.append(
                    _different("octets", _octets(self.a.wire), _octets(self.b.wire), "one value, written otherwise")
                )
        covers = [cover for message in (self.a, self.b) if (cover := hiding.cover_of(message)) is not None]
        for field in found:
            for cover in covers:
                field = replace(field, why=cover.words(field.why))
            yield field

    def _outside(self) -> Iterator[FieldDifference]:
        """What is no field of the tree: framing, kind of APDU, what the keys say."""
        framing = self.a.frames[0].framing, self.b.frames[0].framing
        if framing[0] != framing[1]:
            yield _different("framing", framing[0], framing[1], "another framing; what it carries is compared")
        elif len(self.a.frames) != len(self.b.frames):
            counts = str(len(self.a.frames)), str(len(self.b.frames))
            yield _different("frames", counts[0], counts[1], "the same in another number of segments")
        if self.a.apdu != self.b.apdu:
            yield _different("apdu", self.a.apdu, self.b.apdu, self._other_apdu())
        one, other = _verdicts(self.a), _verdicts(self.b)
        for path in dict.fromkeys([*one, *other]):
            if one.get(path) != other.get(path) and (self.a.apdu == self.b.apdu or (path in one and path in other)):
                yield _different(path, one.get(path), other.get(path), "what the keys say of the protection")

    def _other_apdu(self) -> str:
        for message in (self.a, self.b):
            sender = sender_of_apdu(TAGS.get(message.apdu or "", -1))
            if message.direction != "unknown" and sender not in ("unknown", message.direction):
                return (
                    f"another APDU; no {message.direction} sends a {message.apdu}, so this is none, or misread octets"
                )
        if self.a.plain is not None and self.b.plain is not None and self.a.plain.name == self.b.plain.name:
            return f"the same {self.a.plain.name}, protected otherwise"
        return "another APDU" if self.a.apdu and self.b.apdu else "octets that make no APDU on one side"

    def _trees(self) -> Iterator[FieldDifference]:
        same = same_groups(self.a, self.b)
        a, b = tree_of(self.a, same), tree_of(self.b, same)
        alike = self.a.frames[0].framing == self.b.frames[0].framing and len(self.a.frames) == len(self.b.frames)
        if not alike:
            a, b = self._payload(self.a, a), self._payload(self.b, b)
        if not a.children or not b.children:
            if _content(a) != _content(b) or bool(a.children) != bool(b.children):
                yield from self._leaf(a, b, "octets", (a, b))
            return
        if bool(a.error) != bool(b.error):
            name = a.name if a.name == b.name else "octets"
            yield _different(name, a.error or "sound", b.error or "sound", "damaged on one side")
        yield from self._nodes(a, b, "", (a, b))

    def _payload(self, message: Message, root: Node) -> Node:
        """What a message carries, without its frames, for one that is framed otherwise on the other side."""
        layer = message.layer
        for node in root.walk():
            for child in node.children:
                if layer and (child.name, child.buffer, child.start) == (layer.name, layer.buffer, layer.start):
                    same = self.a.frames[0].framing == self.b.frames[0].framing
                    kept = tuple(n for n in node.children if n.name in APDU_NAMES or (same and n.name == "llc"))
                    return Node("payload", child.start, child.end, child.buffer, children=kept)
        return Node("payload", 0, 0)

    def _nodes(self, a: Node, b: Node, path: str, around: tuple[Node, Node]) -> Iterator[FieldDifference]:
        """Differences of two nodes of one name, or of one field in two encodings."""
        if a.name != b.name and path:
            yield _different(path, a.name, b.name, "the same field in two encodings")
        if a.name == b.name == "ciphered_text":
            yield from self._ciphered(a, b, path)
        elif not a.children or not b.children:
            if _content(a) != _content(b) or bool(a.children) != bool(b.children):
                yield from self._leaf(a, b, path, around)
            return
        elif a.name in WHOLE and a.value != b.value:
            yield from self._leaf(a, b, path, around)
        around = (a, b) if a.bits is None and a.name != "frame_format" else around
        for label, one, other in facing(a, b):
            inner = f"{path}.{label}" if path else label
            if one is not None and other is not None:
                if one.name in APDU_NAMES and one.name != other.name:
                    yield from self._apdus(one, other, inner, path != "" and self.a.apdu == self.b.apdu)
                else:
                    yield from self._nodes(one, other, inner, around)
            else:
                yield self._alone(one or other, inner, one is not None)  # type: ignore[arg-type]

    def _apdus(self, a: Node, b: Node, path: str, tell: bool) -> Iterator[FieldDifference]:
        """Two APDUs of different names: what is inside their protection, where that is the same on both sides."""
        if tell:
            yield _different(path, a.name, b.name, "another APDU")
        inner = innermost(a), innermost(b)
        if inner[0].name == inner[1].name:
            yield from self._nodes(*inner, path if inner[0] is a else f"{path}.ciphered_text.{inner[0].name}", inner)

    def _ciphered(self, a: Node, b: Node, path: str) -> Iterator[FieldDifference]:
        if a.value == b.value and bool(a.children) == bool(b.children):
            return
        size = len(a.value) if isinstance(a.value, bytes) else 0, len(b.value) if isinstance(b.value, bytes) else 0
        status: Importance = "expected"
        why = CIPHERTEXT
        if bool(a.children) != bool(b.children):
            status, why = "different", OPENED_ONCE
        elif not a.children:
            status, why = ("expected", UNOPENED) if size[0] == size[1] else ("different", UNOPENED_LENGTH)
        yield FieldDifference(path, self._shown(a, True), self._shown(b, False), status, why)

    def _leaf(self, a: Node, b: Node, path: str, around: tuple[Node, Node]) -> Iterator[FieldDifference]:
        why = self.expectation.why(a, b, around, path)
        one, other = self._shown(a, True), self._shown(b, False)
        if a.name in RANDOM and isinstance(a.value, bytes) and isinstance(b.value, bytes):
            sizes = len(a.value), len(b.value)
            if a.value != b.value:
                yield FieldDifference(path, one, other, "expected" if why else "different", why or _why(a, b))
            if sizes[0] != sizes[1]:
                lengths = f"{sizes[0]} octets", f"{sizes[1]} octets"
                yield _different(f"{path}.length", lengths[0], lengths[1], "the length is chosen, not random")
            return
        yield FieldDifference(path, one, other, "expected" if why else "different", why or _why(a, b))

    def _alone(self, node: Node, path: str, in_a: bool) -> FieldDifference:
        text = self._shown(node, in_a)
        follows = node.name in DERIVED and not node.error
        why = FOLLOWS if follows else WORDS.get(node.name, node.error or "a field that one side has not")
        return FieldDifference(
            path, text if in_a else None, None if in_a else text, "expected" if follows else "different", why
        )

    def _shown(self, node: Node, in_a: bool) -> str:
        message = self.a if in_a else self.b
        cover = hiding.cover_of(message)
        if cover is not None and cover.touches(node.buffer, node.start, node.end):
            return shown(cover.tree(node))
        return shown(node, message.octets(node.buffer))


def _different(path: str, a: str | None, b: str | None, why: str) -> FieldDifference:
    return FieldDifference(path, a, b, "different", why)


def _octets(wire: bytes) -> str:
    return shown(Node("octets", 0, len(wire), value=wire))


def _verdicts(message: Message) -> dict[str, str]:
    """What became of each protection of a message, by a path: the outermost, and those inside it by their layer."""
    security = message.security
    if security is None:
        return {}
    inner = {f"security.{part.layer}.verdict": part.verdict for part in security.inner}
    return {"security.verdict": security.verdict, **inner}


def _content(node: Node) -> object:
    """What makes two leaves equal: value, place of bits, size, and whether something is wrong with them."""
    return node.value, node.bits, node.end - node.start if node.bits is None else 0, bool(node.error)


def _why(a: Node, b: Node) -> str:
    if bool(a.error) != bool(b.error):
        return f"wrong on one side: {a.error or b.error}"
    if a.value == b.value and a.bits is None:
        return "one value, written otherwise"
    if isinstance(a.value, bytes) and isinstance(b.value, bytes) and len(a.value) != len(b.value):
        return f"{len(a.value)} octets against {len(b.value)}"
    if a.bits is not None and a.bits[1] == 1:
        return BIT
    return WORDS.get(a.name, "the values differ")
