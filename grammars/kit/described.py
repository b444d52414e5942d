"""Values whose type was described before them: the contents of a compact-array."""

from collections.abc import Callable
from typing import Any

from grammars.kit.choices import Choice
from grammars.kit.fields import Reader, Word, read_node, state_of
from grammars.kit.spec import MAX_DEPTH, TOO_DEEP, TOO_MANY, Failure, RawNode, Spec

ReadLeaf = Callable[[str, int, int], tuple[Any, int]]


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

        def leaf(name: str, pos: int, end: int) -> tuple[Any, int]:
            case = cases[name]
            reader.pos = pos
            return (case.spec, pos, 0, read_node(case.sub, case.spec, reader, context, pos)), reader.pos

        nodes, reader.pos = self.walk(context[self.description], leaf, state_of(context), reader.pos, reader.limit)
        return nodes

    def walk(self, shape: list[RawNode], leaf: ReadLeaf, state: Any, pos: int, end: int) -> tuple[list[RawNode], int]:
        """All elements of buffer[pos:end]; `leaf` reads one value of a simple type."""
        nodes: list[RawNode] = []
        specs = {case.name: case.spec for case in self.types().cases.values()}
        while pos < end:
            start = pos
            try:
                node, pos = self._one(shape[0], leaf, specs, state, pos, end, 0)
            except Failure as failure:
                failure.partial = nodes
                raise
            if pos == start:
                raise Failure(start, self.spec, "elements without octets cannot be counted")
            nodes.append(node)
        return nodes, pos

    def _one(
        self, shape: RawNode, leaf: ReadLeaf, specs: dict[str, Spec], state: Any, pos: int, end: int, depth: int
    ) -> tuple[RawNode, int]:
        name, start = shape[0].name, pos
        state.budget -= 1
        if state.budget < 0:
            raise Failure(pos, self.spec, TOO_MANY)
        if depth >= MAX_DEPTH:
            raise Failure(pos, self.spec, TOO_DEEP)
        if name == self.array:
            number, kind = shape[3][0][3], shape[3][1][3][0]
            kinds = (kind for _ in range(number))
        elif name == self.structure:
            kinds = iter(shape[3])
        else:
            node, pos = leaf(name, pos, end)
            return (node[0], start, pos, node[3]), pos
        children = []
        for kind in kinds:
            child, pos = self._one(kind, leaf, specs, state, pos, end, depth + 1)
            children.append(child)
        return (specs[name], start, pos, children), pos

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        cases = {case.name: case for case in self.types().cases.values()}

        def put(node: RawNode) -> None:
            if node[0].name in (self.array, self.structure):
                for child in node[3]:
                    put(child)
            else:
                cases[node[0].name].sub._build(node[3], stream, context, path)

        for node in obj:
            put(node)
        return obj
