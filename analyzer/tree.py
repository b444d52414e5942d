"""Messages as trees of nodes: raw nodes with names for people, the layers inside each other in their places."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from operator import itemgetter

from analyzer.message import Layer, Message
from analyzer.model import Node
from analyzer.objects import NUMBERS, Answer
from grammars import readings
from grammars.kit.primitives import Bits, Extended
from grammars.kit.spec import MAX_DEPTH, Issue, RawNode, Spec, walk_raw
from grammars.llc import LLC
from grammars.meanings import attribute_name, class_name, class_of, method_name, times_of
from grammars.parse import parse

TEXTS = {"visible-string", "utf8-string"}


def tree_of(message: Message, bare: Collection[int] = ()) -> Node:
    """The tree of a message: one frame, or a root over several frames and what they make together. `bare` are the identities
    of raw nodes whose parts nobody will look at: they are left out."""
    parts = tuple(parts_of(message, bare))
    if len(message.frames) == 1:
        return parts[0]
    return replace(root_of(message), children=parts)


def root_of(message: Message) -> Node:
    """The node over the frames of a message of several, without them."""
    return Node("message", 0, len(message.wire))


def parts_of(message: Message, bare: Collection[int] = ()) -> Iterator[Node]:
    """The frames of a message one after the other, and behind several of them what they make together. What goes
    through thousands of segments need not hold all their nodes."""
    maker, offset = _Maker(message, bare), 0
    for frame in message.frames:
        yield maker.frame(frame, offset)
        offset += len(frame.data)
    if len(message.frames) > 1 and message.layer is not None:
        yield from maker.payload()


class _Maker:
    """Makes the nodes of one message."""

    def __init__(self, message: Message, bare: Collection[int]) -> None:
        self.message, self.bare = message, bare

    def frame(self, frame, offset: int) -> Node:  # type: ignore[no-untyped-def]
        """One frame; the only one of a message carries its layers inside."""
        single = len(self.message.frames) == 1
        if not frame.parsed.nodes:
            children = self.payload() if single and self.message.layer else ()
            name = "octets" if children else "stray_octets"
            error = None if children else "octets outside frames"
            value = None if children else frame.data
            return Node(name, offset, offset + len(frame.data), value=value, error=error, children=children)
        start, end = frame.payload
        graft = self.payload if single and end > start and self.message.layer else None
        holes = {(start, end): graft} if graft else {}
        nodes = self.nodes(frame.parsed.nodes, frame.data, 0, frame.parsed.issues, holes, offset)
        error = "; ".join(i.text for i in frame.issues) or None
        return Node(frame.framing, offset, offset + len(frame.data), error=error, children=nodes)

    def payload(self) -> tuple[Node, ...]:
        """The LLC header, if there is one, and the APDU."""
        buffer, start, _ = self.message.payload
        nodes: tuple[Node, ...] = ()
        layer = self.message.layer
        assert layer is not None
        if layer.start > start:
            data = self.message.octets(buffer)
            parsed = parse(LLC, data, start, layer.start)
            nodes = self.nodes(parsed.nodes, data, buffer, parsed.issues, {}, 0)
            nodes = (Node("llc", start, layer.start, buffer, children=nodes),)
        return (*nodes, *self.layer(layer))

    def layer(self, layer: Layer) -> tuple[Node, ...]:
        """The nodes of an APDU, with the APDUs inside it grafted where they belong."""
        holes: dict[tuple[int, int], Callable[[], tuple[Node, ...]]] = {}
        for inner in layer.inner:
            assert inner.hole is not None
            holes[inner.hole] = lambda inner=inner: self.layer(inner)  # type: ignore[misc]
        data = self.message.octets(layer.buffer)
        nodes = self.nodes(layer.nodes, data, layer.buffer, layer.parsed.issues, holes, 0)
        if layer.joined or layer is self.message.plain:
            nodes = self._meant(layer, nodes)
        if layer is self.message.plain and self.message.versions:
            nodes = tuple(_in_version(node, self.message.versions) for node in nodes)
        sealed = layer.sealed is not None and layer.sealed.layer == "apdu"
        return tuple(_with_security(node, layer) for node in nodes) if sealed else nodes

    def _meant(self, layer: Layer, nodes: tuple[Node, ...]) -> tuple[Node, ...]:
        """The nodes of a layer with what the trace tells of its values: the unit of a number that was read before, the
        time in an octet-string that is one in this attribute."""
        meant: dict[tuple[str, int, int], str] = {}
        for answer in self.message.objects:
            if answer.value is None or answer.buffer != layer.buffer:
                continue
            if isinstance(answer, Answer):
                meant.update(_meanings(answer, answer.value))
            elif answer.class_id is None and answer.instance_id is not None:
                only = class_of(bytes(answer.instance_id))
                meant.update(_times(only, 2, answer.value) if only is not None else ())

        def put(node: Node) -> Node:
            text = meant.get((node.name, node.start, node.end))
            if text is not None:
                return replace(node, meaning=text)
            return replace(node, children=tuple(map(put, node.children))) if node.children else node

        return tuple(map(put, nodes)) if meant else nodes

    def nodes(
        self,
        raw: Iterable[RawNode],
        data: bytes,
        buffer: int,
        issues: list[Issue],
        holes: dict[tuple[int, int], Callable[[], tuple[Node, ...]]],
        offset: int,
    ) -> tuple[Node, ...]:
        """Nodes for raw nodes of one buffer. Issues go to the node that they name, else to the last one there."""
        errors: dict[tuple[int, int, int], str] = {}
        used = _Places(raw if issues else ())
        keys = [used.place(issue) for issue in issues]
        for key, issue in zip(keys, issues, strict=True):
            errors[key] = f"{errors[key]}; {issue.text}" if key in errors else issue.text
        made = tuple(_node(node, data, buffer, errors, holes, offset, self.bare) for node in raw)
        lost = {key: text for key, text in errors.items() if key not in used.keys}
        for key, issue in zip(keys, issues, strict=True):
            if key in lost:
                made = _attach(made, issue, lost.pop(key), offset)
        return made


class _Places:
    """Where the nodes of a buffer are, by specification."""

    def __init__(self, raw: Iterable[RawNode]) -> None:
        self.keys = {(id(spec), start, end) for spec, start, end, _ in walk_raw(list(raw))}
        self._ranges: dict[int, list[tuple[int, int]]] | None = None

    def place(self, issue: Issue) -> tuple[int, int, int]:
        """Specification and range of the node that an issue is of: its own range, or, of a remark, the innermost node
        that has it inside."""
        key = (id(issue.spec), issue.start, issue.end)
        if key in self.keys or issue.severity != "info":
            return key
        if self._ranges is None:
            self._ranges = {}
            for spec, start, end in sorted(self.keys, key=lambda k: (k[1], -k[2])):
                self._ranges.setdefault(spec, []).append((start, end))
        ranges = self._ranges.get(key[0], [])
        # Ranges nest or follow each other: the last that begins before the issue is the innermost, if it has not ended.
        last = bisect_right(ranges, issue.start, key=itemgetter(0))
        for start, end in (ranges[n] for n in range(last - 1, max(-1, last - 1 - MAX_DEPTH), -1)):
            if issue.end <= end:
                return (key[0], start, end)
        return key


def _meanings(answer: Answer, value: RawNode) -> Iterator[tuple[tuple[str, int, int], str]]:
    """Nodes of a value, by name and place, with what they mean in this attribute."""
    if answer.scaler is not None and value[0].type in NUMBERS and isinstance(value[3], int):
        yield (value[0].name, value[1], value[2]), answer.scaled(value[3])
    yield from _times(answer.class_id, answer.attribute_id, value)


def _times(class_id: int, index: int, value: RawNode) -> Iterator[tuple[tuple[str, int, int], str]]:
    """The octet-strings of a value that are times in this attribute."""
    if not times_of(class_id, index):
        return
    for spec, start, end, octets in walk_raw([value]):
        if spec.type == "octet-string" and isinstance(octets, bytes):
            if text := readings.in_attribute(class_id, index, octets):
                yield (spec.name, start, end), text


def _node(raw, data, buffer, errors, holes, offset, bare) -> Node:  # type: ignore[no-untyped-def]
    spec, start, end, value = raw
    if bare and id(raw) in bare:
        return Node(spec.name, start + offset, end + offset, buffer, None if isinstance(value, list) else value)
    error = errors.get((id(spec), start, end))
    children: tuple[Node, ...] = ()
    meaning = meaning_of(spec, value, data, start, end)
    if isinstance(value, list):
        children = _leads(spec, start, value[0][1] if value else end, data, buffer, offset)
        children += _named(tuple(_node(child, data, buffer, errors, holes, offset, bare) for child in value))
    elif spec.parts is not None and isinstance(value, int):
        children = tuple(_part(spec, part, value, start + offset, end + offset, buffer) for part in spec.parts(value))
    else:
        size = len(value) if isinstance(value, bytes) else 0
        graft = holes.get((end - size, end)) if size else None
        if graft is not None:
            children = _leads(spec, start, end - size, data, buffer, offset) + graft()
    return Node(
        spec.name,
        start + offset,
        end + offset,
        buffer,
        None if isinstance(value, list) else value,
        meaning,
        error,
        None,
        spec.doc,
        spec.unit,
        children,
    )


def _named(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Descriptors with the names of class, attribute and method."""
    number = next((node.value for node in nodes if node.name == "class_id"), None)
    if not isinstance(number, int):
        return nodes
    namers = {"attribute_id": attribute_name, "method_id": method_name}
    made = []
    for node in nodes:
        if node.name == "class_id":
            node = replace(node, meaning=class_name(number))
        elif node.name in namers and isinstance(node.value, int):
            node = replace(node, meaning=namers[node.name](number, node.value))
        made.append(node)
    return tuple(made)


def _in_version(node: Node, versions: Mapping[tuple[int, bytes], int]) -> Node:
    """Descriptors with the names that attribute and method have in the version of this object's class."""
    if not node.children:
        return node
    names = {child.name: child.value for child in node.children}
    number, instance = names.get("class_id"), names.get("instance_id")
    version = versions.get((number, instance)) if isinstance(number, int) and isinstance(instance, bytes) else None
    if version is None or not isinstance(number, int):
        return replace(node, children=tuple(_in_version(child, versions) for child in node.children))
    namers = {"attribute_id": attribute_name, "method_id": method_name}
    children = []
    for child in node.children:
        if child.name in namers and isinstance(child.value, int):
            child = replace(child, meaning=namers[child.name](number, child.value, version))
        children.append(child)
    return replace(node, children=tuple(children))


def _leads(spec: Spec, start: int, content: int, data: bytes, buffer: int, offset: int) -> tuple[Node, ...]:
    """Nodes for the octets before the content: a tag, a presence flag, a length, a count."""
    made = []
    for name, width in spec.leads:
        end = min(content, start + width) if width else content
        if end > start:
            value = int.from_bytes(data[start:end], "big")
            if name in ("length", "count") and end - start > 1:
                value = int.from_bytes(data[start + 1 : end], "big")
            meaning = f"0x{value:02X}" if name == "tag" else ""
            made.append(Node(name, start + offset, end + offset, buffer, value, meaning))
        start = end
    return tuple(made)


def _part(spec: Spec, part, value: int, start: int, end: int, buffer: int) -> Node:  # type: ignore[no-untyped-def]
    bits = value >> ((end - start) * 8 - part.first - part.width) & ((1 << part.width) - 1)
    symbol = (part.symbols or {}).get(bits)
    return Node(
        part.name, start, end, buffer, bits, symbol[0] if symbol else "", None, (part.first, part.width), part.doc
    )


def meaning_of(spec: Spec, value: object, data: bytes, start: int, end: int) -> str:
    """What a value means in words: its symbol, its other form, its text."""
    if isinstance(value, list):
        return spec.text(data[_content(spec, value, start) : end]) if spec.text and value else ""
    if spec.symbols is not None and isinstance(value, int):
        symbol = spec.symbols.get(value)
        return symbol[0] if symbol else ""
    if spec.text is not None:
        return spec.text(value)
    if isinstance(value, Extended | Bits):
        return str(value)
    if isinstance(value, bytes):
        return _text_of(spec, value)
    return ""


def _content(spec: Spec, value: list[RawNode], start: int) -> int:
    return value[0][1] if value else start


def _text_of(spec: Spec, value: bytes) -> str:
    """The text of octets that are text, the time of octets that can only be one."""
    if spec.type in TEXTS:
        return readings.quoted(value.decode("utf-8", "replace"))
    if spec.type == "octet-string" and len(value) == 6 and value[5] == 0xFF:
        return readings.logical_name(value)
    if spec.type == "octet-string" and readings.is_date_time(value):
        return readings.date_time(value)
    text = readings.printable(value)
    if not text or spec.type not in ("octet-string", "") or spec.name in ("undecoded", "ciphered_text"):
        return ""
    return f'"{text}"'


def _attach(nodes: tuple[Node, ...], issue: Issue, text: str, offset: int) -> tuple[Node, ...]:
    """Puts an issue that no node carries where its octets would be: on what was left undecoded, or as an empty node."""
    start = issue.start + offset
    for index in reversed(range(len(nodes))):
        node = nodes[index]
        if node.name == "undecoded" and node.start == start:
            said = f"{issue.spec.name}: {text}"
            changed = replace(node, error=f"{said}; {node.error}" if node.error else said)
        elif node.name == issue.spec.name and node.start == start and node.end > start:
            changed = replace(node, error=f"{text}; {node.error}" if node.error else text)
        elif node.start <= start <= node.end and node.children:
            changed = replace(node, children=_attach(node.children, issue, text, offset))
        else:
            continue
        return (*nodes[:index], changed, *nodes[index + 1 :])
    buffer = nodes[0].buffer if nodes else 0
    return (*nodes, Node(issue.spec.name, start, start, buffer, error=text, doc=issue.spec.doc))


def _with_security(node: Node, layer: Layer) -> Node:
    """Says on the protected text what became of it; text that no tag vouches for is always marked so."""
    security = layer.sealed
    assert security is not None
    words = {
        "verified": "the tag is right",
        "unauthenticated": f"NOT AUTHENTICATED: {security.reason}",
        "failed": f"NOT AUTHENTICATED: {security.reason}",
        "no-key": security.reason,
    }[security.verdict]
    if node.name == "ciphered_text":
        error = node.error if security.verdict == "verified" else words
        return replace(node, meaning=f"{security.verdict}: {words}", error=error)
    if not node.children:
        return node
    return replace(node, children=tuple(_with_security(child, layer) for child in node.children))
