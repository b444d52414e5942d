"""Values whose type was described before them: the contents of a compact-array."""

from collections.abc import Callable
from typing import Any

from grammars.kit.choices import NO_OCTETS, Choice
from grammars.kit.fields import Reader, Word, kept, read_node
from grammars.kit.spec import MAX_DEPTH, TOO_DEEP, Failure, RawNode, Spec

ReadLeaf = Callable[[str, int, int], tuple[RawNode, int]]  # (type, position, end) -> (node, next position)

# Elements without octets (null-data, empty structures) cost the sender nothing. A column or two of them is
# usual; billions are an attack. So many are read for each octet of the contents, and these in any case:
EMPTY_PER_OCTET, EMPTY_ALWAYS = 8, 1000
TOO_MANY_EMPTY = "too many elements without octets"


class Described(Word):
    """Elements without tags, to the end of the region, each as the field `description` says.

    `description` names an earlier field of the same Struct, whose raw nodes are named after the alternatives of
    the Choice `types`; "array" nodes hold `number` and a description, "structure" nodes hold descriptions.
    """

    def __init__(self, description: str, types: Callable[[], Choice], array: str, structure: str) -> None:
        super().__init__()
        self.description, self.types, self.array, self.structure = description, types, array, structure
        self.spec = Spec("element")

    def _parse(self, reader: Reader, context: Any, path: str) -> list[RawNode]:
        cases = {case.name: case for case in self.types().cases.values()}

        def leaf(name: str, pos: int, end: int) -> tuple[RawNode, int]:
            case = cases[name]
            reader.pos = pos
            value = read_node(case.sub, case.spec, reader, context, pos)
            return (case.spec, pos, reader.pos, value), reader.pos

        nodes, reader.pos = self.walk(context[self.description], leaf, reader.pos, reader.limit)
        return nodes

    def walk(self, shape: list[RawNode], leaf: ReadLeaf, pos: int, end: int) -> tuple[list[RawNode], int]:
        """All elements between `pos` and `end`; `leaf` reads one value of a simple type."""
        nodes: list[RawNode] = []
        walker = _Walker(self, leaf, end, EMPTY_ALWAYS + EMPTY_PER_OCTET * (end - pos))
        while pos < end:
            start = pos
            try:
                pos = walker.one(shape[0], pos, 0, nodes)
                if pos == start:
                    raise Failure(start, self.spec, NO_OCTETS)
            except Failure as failure:
                failure.partial = nodes + failure.partial
                raise
        return nodes, pos

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        cases = {case.name: case for case in self.types().cases.values()}

        def put(item: Any) -> None:
            name, value = (item[0].name, item[3]) if len(item) == 4 else item
            if name in (self.array, self.structure):
                for child in value:
                    put(child)
            else:
                cases[name].sub._build(value, stream, context, path)

        for item in obj:
            put(item)
        return obj


class _Walker:
    """Reads elements of one described shape after the other."""

    def __init__(self, word: Described, leaf: ReadLeaf, end: int, empty: int) -> None:
        self.word, self.leaf, self.end, self.empty = word, leaf, end, empty
        self.specs = {case.name: case.spec for case in word.types().cases.values()}

    def one(self, shape: RawNode, pos: int, depth: int, nodes: list[RawNode]) -> int:
        """Adds the node of the element at `pos` to `nodes`; gives the next position."""
        name, start = shape[0].name, pos
        if depth >= MAX_DEPTH:
            raise Failure(pos, self.word.spec, TOO_DEEP)
        if name == self.word.array:
            number, kind = shape[3][0][3], shape[3][1][3][0]
            kinds = (kind for _ in range(number))
        elif name == self.word.structure:
            kinds = iter(shape[3])
        else:
            node, pos = self.leaf(name, pos, self.end)
            nodes.append(node)
            return self._paid(start, pos)
        children: list[RawNode] = []
        try:
            for kind in kinds:
                pos = self.one(kind, pos, depth + 1, children)
        except Failure as failure:
            failure.partial = children + failure.partial
            failure.partial = kept(failure, self.specs[name], start)
            raise
        nodes.append((self.specs[name], start, pos, children))
        return self._paid(start, pos)

    def _paid(self, start: int, pos: int) -> int:
        if pos == start:
            self.empty -= 1
            if self.empty < 0:
                raise Failure(pos, self.word.spec, TOO_MANY_EMPTY)
        return pos
