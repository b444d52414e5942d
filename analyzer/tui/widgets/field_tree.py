"""The fields of a message as rows of a tree; bit fields show where their bits are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from textual.binding import Binding, BindingType

from analyzer.model import Node
from analyzer.shown import shown, value_text
from analyzer.tui.widgets.rows_view import RowsView

QUIET = frozenset({"tag", "length", "count", "presence", "marker"})
SHALLOW = 3  # levels that are unfolded where a message is large
LARGE = 400  # fields
NARROW = 60  # columns; with less, each level takes one


@dataclass(frozen=True, slots=True)
class Row:
    """One field: its depth, its node, its path of indexes, and the nodes above it."""

    depth: int
    node: Node
    path: tuple[int, ...]


class FieldTree(RowsView):
    """A tree of nodes. Folding is by path, so that the next message of the same kind opens the same way."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("right,l", "unfold", "Unfold", show=False),
        Binding("left,h", "fold", "Fold", show=False),
        Binding("space", "fold_or_unfold", "Fold or unfold", show=False),
    ]

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.rows: list[Row] = []
        self._root: Node | None = None
        self._folded: set[tuple[int, ...]] = set()
        self._octets: dict[int, bytes] = {}

    def show(self, root: Node | None, octets: dict[int, bytes]) -> None:
        """Another tree; `octets` are the buffers by number."""
        self._root, self._octets = root, octets
        self._folded = set()
        if root is not None and sum(1 for _ in root.walk()) > LARGE:
            self._fold_deep(root, ())
        self._flatten()
        self.rows_changed(0)

    def _fold_deep(self, node: Node, path: tuple[int, ...]) -> None:
        for index, child in enumerate(node.children):
            if len(child.children) > LARGE // 10 or (len(path) >= SHALLOW and child.children):
                self._folded.add((*path, index))
            self._fold_deep(child, (*path, index))

    def _flatten(self) -> None:
        self.rows = []
        if self._root is not None:
            self._add(self._root, 0, ())

    def _add(self, node: Node, depth: int, path: tuple[int, ...]) -> None:
        self.rows.append(Row(depth, node, path))
        if path not in self._folded:
            for index, child in enumerate(node.children):
                self._add(child, depth + 1, (*path, index))

    def row_count(self) -> int:
        """Fields that are not folded away."""
        return len(self.rows)

    @property
    def current(self) -> Node | None:
        """The field under the cursor."""
        return self.rows[self.cursor].node if self.cursor < len(self.rows) else None

    def path_names(self) -> str:
        """The dotted path of the field under the cursor."""
        if self._root is None or self.cursor >= len(self.rows):
            return ""
        names, node = [], self._root
        for index in self.rows[self.cursor].path:
            node = node.children[index]
            names.append(node.name)
        return ".".join(names) or self._root.name

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """Fold sign, name, bits, value and meaning."""
        row = self.rows[index]
        node = row.node
        sign = " " if not node.children else "▸" if row.path in self._folded else "▾"
        look = "error" if node.error else "dim" if node.name in QUIET else "plain"
        pieces = [((" " if width < NARROW else "  ") * row.depth + sign + " ", "dim"), (node.name, look)]
        if node.bits is not None:
            pieces.append((f"  {bit_pattern(node)}", "accent"))
        text = said(node, self._octets.get(node.buffer, b"")) if row.path in self._folded or not node.children else ""
        if node.children and not text:
            text = node.meaning or bits_on(node)
        if text:
            pieces.append((f"  {text}", "dim" if look == "dim" else "plain"))
        if node.error:
            pieces.append((f"  ! {node.error}", "error"))
        return pieces

    def covering(self, buffer: int, offset: int) -> tuple[int, ...] | None:
        """The path of the innermost field that covers an octet of a buffer, folded away or not."""
        return self.matching(buffer, offset, offset + 1)

    def matching(self, buffer: int, start: int, end: int) -> tuple[int, ...] | None:
        """The path of the innermost field that covers a whole range."""
        best: tuple[int, int, tuple[int, ...]] | None = None
        stack: list[tuple[Node, tuple[int, ...]]] = [(self._root, ())] if self._root is not None else []
        while stack:
            node, path = stack.pop()
            if node.buffer == buffer and node.start <= start and end <= node.end and node.bits is None:
                key = (node.end - node.start, -len(path), path)
                best = key if best is None or key < best else best
            stack += [(child, (*path, index)) for index, child in enumerate(node.children)]
        return best[2] if best is not None else None

    def reveal(self, path: tuple[int, ...]) -> int:
        """Unfolds what is above a field; its row."""
        hidden = {path[:n] for n in range(len(path))} & self._folded
        if hidden:
            self._folded -= hidden
            self._flatten()
            self.rows_changed()
        return next(index for index, row in enumerate(self.rows) if row.path == path)

    def select(self, path: tuple[int, ...]) -> None:
        """Puts the cursor on a field and says so."""
        self.move(self.reveal(path))

    def action_unfold(self) -> None:
        """Shows what is inside; from an unfolded field to the first inside."""
        if self.cursor >= len(self.rows):
            return
        row = self.rows[self.cursor]
        if row.path in self._folded:
            self.action_fold_or_unfold()
        elif row.node.children:
            self.move(self.cursor + 1)

    def action_fold(self) -> None:
        """Hides what is inside; from a leaf to the field around."""
        if self.cursor >= len(self.rows):
            return
        row = self.rows[self.cursor]
        if row.node.children and row.path not in self._folded:
            self.action_fold_or_unfold()
        elif row.path:
            self.move(next(index for index, other in enumerate(self.rows) if other.path == row.path[:-1]))

    def action_fold_or_unfold(self) -> None:
        """Folds or unfolds."""
        if self.cursor < len(self.rows) and self.rows[self.cursor].node.children:
            self._folded ^= {self.rows[self.cursor].path}
            self._flatten()
            self.rows_changed(self.cursor)

    def action_choose(self) -> None:
        """Enter folds and unfolds, too."""
        self.action_fold_or_unfold()


def said(node: Node, octets: bytes) -> str:
    """Value and meaning in a few words."""
    if node.value is None and not node.children:
        return node.meaning
    return shown(node, octets) if node.children else value_text(node)


def bits_on(node: Node) -> str:
    """The names of single bits that are set."""
    if not all(child.bits is not None for child in node.children):
        return ""
    return ", ".join(
        c.name for c in node.children if c.bits is not None and c.bits[1] == 1 and c.value and not c.meaning
    )


def bit_pattern(node: Node) -> str:
    """Where the bits of a field are: "..10 ...." for two bits of an octet."""
    assert node.bits is not None
    first, width = node.bits
    total = (node.end - node.start) * 8
    value = node.value if isinstance(node.value, int) else 0
    digits = ["."] * total
    for place in range(width):
        if first + place < total:
            digits[first + place] = str(value >> (width - 1 - place) & 1)
    if total > 16:
        return f"bit {first}" if width == 1 else f"bits {first}-{first + width - 1}"
    return " ".join("".join(digits[n : n + 4]) for n in range(0, total, 4))
