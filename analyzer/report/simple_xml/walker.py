"""Turns the nodes of an APDU into elements by a table of rules; what has no rule stays visible as a comment."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from analyzer.message import Layer, Message
from analyzer.model import Security
from analyzer.report.simple_xml.data import data_items
from analyzer.report.simple_xml.elements import Comment, Element, Item, value
from analyzer.report.values import telegram_values
from grammars.kit.spec import RawNode

Rule = Callable[["Walker", RawNode], list[Item]]
OPENED = {
    "verified": "Decrypted data, verified",
    "unauthenticated": "Decrypted data, UNAUTHENTICATED",
    "failed": "Decrypted data, UNAUTHENTICATED: THE TAG DOES NOT VERIFY",
    "no-key": "Data without encryption, UNAUTHENTICATED",
}
BY_TAG_ALONE = frozenset({"success"})  # alternatives that hold nothing; any other field without a value is absent
SHUT = {"failed": "Not opened: the tag does not verify", "no-key": "Not opened: no key"}


class Walker:
    """Walks one layer of a message. `rules` are looked up by "parent/name", then by the name of a node."""

    def __init__(self, message: Message, layer: Layer, rules: Mapping[str, Rule]) -> None:
        self.message = message
        self.layer = layer
        self.rules = rules
        self.data = message.octets(layer.buffer)
        self.holes = {inner.hole: inner for inner in layer.inner if inner.hole and not inner.joined}

    def apdu(self) -> list[Item]:
        """The whole layer: its APDU, what could not be read in it, and what the blocks up to it carry together."""
        made: list[Item] = []
        for node in self.layer.nodes:
            known = node[0].name in self.rules or self.layer.joined
            made += self.item(node, "") if known else [*self.opened(), self.nameless(node)]
        if not self.layer.parsed.whole:  # counts and lengths before the failure are in no element
            octets = self.data[self.layer.start : self.layer.end]
            made.append(Comment(f"{self.layer.name}, which cannot be read to its end: {octets.hex().upper()}"))
        for issue in self.layer.parsed.issues:
            if issue.severity == "error":
                made.append(Comment(f"{issue.spec.name}, octets {issue.start} to {issue.end}: {issue.text}"))
        for inner in self.layer.inner:
            if inner.joined:
                made.append(Comment("Reassembled value of the blocks up to this one", tuple(self.inside(inner))))
        return made

    def inside(self, layer: Layer) -> list[Item]:
        """The elements of a layer inside this one."""
        if layer.name == "p1-telegram":
            return [
                Comment(" ".join(filter(None, (f"{found['obis']}={found['value']}", found["unit"]))))
                for found in telegram_values(layer.nodes)
            ]
        return Walker(self.message, layer, self.rules).apdu()

    def items(self, nodes: Sequence[RawNode], parent: str) -> list[Item]:
        """The elements of nodes beside each other."""
        return [item for node in nodes for item in self.item(node, parent)]

    def item(self, node: RawNode, parent: str) -> list[Item]:
        """The elements of one node."""
        spec, start, end, found = node
        rule = self.rules.get(f"{parent}/{spec.name}") or self.rules.get(spec.name)
        if spec.type:
            return data_items(node, self.data)
        if isinstance(found, bytes) and spec.hole == "apdu" and (end - len(found), end) in self.holes:
            return self.inside(self.holes[(end - len(found), end)])
        if rule is not None and (found is not None or spec.name in BY_TAG_ALONE):
            return rule(self, node)
        if isinstance(found, list) and found:
            return self.items(found, spec.name)
        return [] if self.data[start:end] in (b"", b"\0") else [self.plainly(node)]

    def plainly(self, node: RawNode) -> Comment:
        """A node that Simple XML has no element for: its name and its octets."""
        spec, start, end, found = node
        octets = found if isinstance(found, bytes) else self.data[start:end]
        symbol = spec.symbols.get(found) if spec.symbols and isinstance(found, int) else None
        return Comment(" ".join(filter(None, (spec.name, octets.hex().upper(), f"({symbol[0]})" if symbol else ""))))

    def nameless(self, node: RawNode) -> Item:
        """Something with parts that Simple XML has no element for: all of it in a comment."""
        children = self.items(node[3], node[0].name) if isinstance(node[3], list) else []
        return Comment(self.plainly(node).text, tuple(children))

    # -- what rules are made of ----------------------------------------------------------------------------

    def octets(self, node: RawNode) -> bytes:
        """The octets of a field without length and tag before it."""
        _, start, end, found = node
        if isinstance(found, bytes):
            return found
        return self.data[found[0][1] if isinstance(found, list) and found else start : end]

    def opened(self) -> list[Item]:
        """What became of the protected content of this layer, and the APDU in it, as a comment around it."""
        security = self.layer.sealed
        inner = next((layer for layer in self.layer.inner if not layer.joined), None)
        if security is None or security.layer != "apdu":
            return []
        said = [f"invocation counter {security.invocation_counter}"] if security.invocation_counter is not None else []
        said += [f"system title {security.system_title.hex().upper()}"] if security.system_title else []
        said += [f"key {security.key}"] if security.key else []
        said += [security.reason] if security.reason and security.verdict != "verified" else []
        if inner is None:
            return [Comment("; ".join([_unread(security), *said])), *_bare(security)]
        words = OPENED[security.verdict]
        octets = self.message.octets(inner.buffer)[inner.start : inner.end]
        return [Comment("; ".join([words, *said, octets.hex().upper()]), tuple(self.inside(inner)))]


def _unread(security: Security) -> str:
    if security.plaintext is not None:
        return OPENED[security.verdict] + ", no APDU"
    return SHUT.get(security.verdict, "Opened without a tag, and no APDU came out")


def _bare(security: Security) -> list[Item]:
    return [Comment(f"plaintext {security.plaintext.hex().upper()}")] if security.plaintext is not None else []


def element(tag: str, qty: bool = False, within: str = "") -> Rule:
    """An element around what is inside a node; with `qty` it says how many that are. `within` is the name by which
    the rules of its parts know it, if not its own."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        if not isinstance(node[3], list):
            return [walker.plainly(node)]
        attributes = (("Qty", f"{len(node[3]):02X}"),) if qty else ()
        return [Element(tag, attributes, tuple(walker.items(node[3], within or node[0].name)))]

    return make


def hexed(tag: str) -> Rule:
    """An element with the octets of a field in hexadecimal, which for a number is all its digits."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        return [value(tag, walker.octets(node).hex().upper())]

    return make


def decimal(tag: str) -> Rule:
    """An element with a number as people count."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        return [value(tag, str(node[3]))] if isinstance(node[3], int) else [walker.plainly(node)]

    return make


def named(tag: str, names: Mapping[int, str]) -> Rule:
    """An element with the name of a number; where Simple XML has none, with the standard's, else its hexadecimal."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        number = node[3]
        if not isinstance(number, int):
            return [walker.plainly(node)]
        symbol = (node[0].symbols or {}).get(number)
        words = "".join(word.capitalize() for word in symbol[0].split("-")) if symbol else ""
        said: list[Item] = [] if number in names or words else [walker.plainly(node)]
        return [*said, value(tag, names.get(number) or words or f"{number:02X}")]

    return make


def meant(rule: Rule, tell: Callable[[RawNode], str]) -> Rule:
    """A rule with a remark before its element."""

    def make(walker: Walker, node: RawNode) -> list[Item]:
        text = tell(node)
        return [*([Comment(text)] if text else []), *rule(walker, node)]

    return make


def nameless(walker: Walker, node: RawNode) -> list[Item]:
    """Something with parts that Simple XML has no element for."""
    return [walker.nameless(node)]


def inline(walker: Walker, node: RawNode) -> list[Item]:
    """What is inside a node, without an element around."""
    return walker.items(node[3], node[0].name) if isinstance(node[3], list) else [walker.plainly(node)]
