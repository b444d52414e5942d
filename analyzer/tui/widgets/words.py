"""What a field is, in words: its path, place, value, meaning, what the standard says, and the findings of its message."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll

from analyzer.model import Finding, Node
from analyzer.shown import value_text
from analyzer.tui.widgets.field_tree import bit_pattern
from analyzer.tui.widgets.said import Said

PLACE = 34  # columns that the place of a field may take


class Words(VerticalScroll, can_focus=False):
    """A few lines that scroll."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows = 0

    def compose(self) -> ComposeResult:
        yield Said("", id="doc", markup=False)

    def say(self, text: Text) -> None:
        """Shows a text. Laid out again only where the number of rows differs, which is most of what a key costs."""
        width = max(self.size.width - 3, 1)
        rows = sum(max(1, -(-len(line) // width)) for line in text.plain.split("\n"))
        self.query_one("#doc", Said).update(text, layout=rows != self._rows)
        self._rows = rows

    def describe(self, node: Node, path: str, findings: Sequence[Finding]) -> None:
        """Shows a field."""
        room = max(self.size.width - PLACE, PLACE)
        text = Text(path if len(path) <= room else "…" + path[-room:], "bold")
        where = f"octet {node.start}" if node.end - node.start == 1 else f"octets {node.start} to {node.end - 1}"
        if node.end == node.start:
            where = f"nothing at octet {node.start}"
        if node.bits is not None:
            where += f", bits {bit_pattern(node)}"
        text.append(f"  {where}" + (f" of buffer {node.buffer}" if node.buffer else ""), "not bold")
        value = value_text(node)
        if value and not node.children:
            text.append(f"\n{value}{f' {node.unit}' if node.unit else ''}", "not bold")
        elif node.meaning:
            text.append(f"\n{node.meaning}", "not bold")
        if node.error:
            text.append(f"\n! {node.error}", "bold")
        if node.doc:
            text.append(f"\n{node.doc}", "not bold italic")
        for finding in findings:
            text.append(f"\n{finding.severity}: {finding.title} ({finding.certainty}, {finding.code})", "not bold")
        self.say(text)
