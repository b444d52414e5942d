"""One message in its panes: the fields, the octets on the wire and opened, and what the chosen field means."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from analyzer import hiding
from analyzer.message import Message
from analyzer.model import Finding, Node, Span
from analyzer.tui.masking import Masking
from analyzer.tui.origins import origin
from analyzer.tui.widgets.bytes_view import BytesView, Lit
from analyzer.tui.widgets.field_tree import FieldTree
from analyzer.tui.widgets.words import Words


class Panes:
    """Keeps the panes of the trace screen in step. `views` are that of the wire and that of what was opened."""

    def __init__(self, tree: FieldTree, views: tuple[BytesView, BytesView], words: Words) -> None:
        self._tree, self._views, self._words = tree, views, words
        self._inner = 0  # the buffer that is shown as opened
        self._mark: Span | None = None  # octets of the finding that was jumped to
        self._findings: Sequence[Finding] = ()
        self.message: Message | None = None
        tree.border_title, views[0].border_title = "Fields", "Wire"

    @property
    def node(self) -> Node | None:
        """The chosen field."""
        return self._tree.current

    def forget(self) -> None:
        """The next message is shown anew, whichever it is."""
        self.message = None

    def show(self, message: Message | None, findings: Sequence[Finding] = (), instead: str = "") -> None:
        """Another message, or none, and `instead` what is to be said."""
        self.message, self._mark, self._findings = message, None, findings
        wire, opened = self._views
        opened.display = message is not None and bool(message.buffers)
        if message is None:
            self._tree.show(None, {})
            wire.show(b"")
            wire.border_title = "Wire"
            self._words.say(Text(instead, "italic"))
            return
        octets = {0: message.wire} | {buffer.id: buffer.data for buffer in message.buffers}
        self._tree.show(hiding.tree(message), octets)
        wire.show(message.wire, (), self._covered(message, 0))
        wire.border_title = f"Wire, {len(message.wire)} octets"
        self._inner = 0
        if message.buffers:
            self._show_buffer(message.buffers[-1].id)
        self.describe(findings)

    def describe(self, findings: Sequence[Finding]) -> None:
        """The chosen field in words, with the findings of its message."""
        self._findings = findings
        node = self._tree.current
        if self.message is not None and node is not None:
            self._words.describe(node, self._tree.path_names(), findings)

    def _show_buffer(self, number: int) -> None:
        message = self.message
        if message is None or number == self._inner:
            return
        self._inner = number
        buffer = next(b for b in message.buffers if b.id == number)
        view = self._views[1]
        view.show(buffer.data, (), self._covered(message, number))
        which = f" ({number} of {len(message.buffers)})" if len(message.buffers) > 1 else ""
        verdict = message.security.verdict if message.security is not None and buffer.how == "decrypted" else ""
        marked = "" if verdict in ("", "verified") else ", NOT AUTHENTICATED"
        view.border_title = f"{buffer.how.capitalize()}{which}, {len(buffer.data)} octets{marked}"

    def _covered(self, message: Message, buffer: int) -> frozenset[int]:
        masking: Masking | None = getattr(self._tree.app, "masking", None)
        return masking.places_in(message, buffer) if masking is not None else frozenset()

    def next_buffer(self) -> None:
        """The next of the buffers that were opened."""
        if self.message is not None and self.message.buffers:
            self._show_buffer(self._inner % len(self.message.buffers) + 1)

    # What is lit

    def light_frame(self, frame: int | None) -> None:
        """The octets of one frame of several, or of the chosen field."""
        message = self.message
        if message is None or frame is None:
            self.light()
            return
        start = sum(len(f.data) for f in message.frames[:frame])
        self._views[0].light([Lit(start, start + len(message.frames[frame].data))])

    def light(self) -> None:
        """The octets of the chosen field, and where they come from or went to."""
        node, message = self._tree.current, self.message
        if node is None or message is None:
            return
        if node.buffer:
            self._show_buffer(node.buffer)
        here, there = (self._inner, 0) if node.buffer else (0, self._inner)
        self._view(there).light([*origin(message, node, self._inner), *self._marked(there)])
        lit, marked = Lit(node.start, node.end), self._marked(here)
        whole = (here, lit.start, lit.end) == (0, 0, len(message.wire))  # nothing stands out of all
        same = any((mark.start, mark.end) == (lit.start, lit.end) for mark in marked)
        self._view(here).light(marked if same or whole else [*marked, lit])
        self.describe(self._findings)

    def mark(self, span: Span) -> None:
        """The field of a finding, with the octets of the finding lit."""
        if self.message is None:
            return
        path = self._tree.matching(span.buffer, span.start, max(span.end, span.start + 1))
        if path is not None:
            self._tree.select(path)
            self._tree.focus()
        if span.buffer:
            self._show_buffer(span.buffer)
        self._mark = span
        self._view(span.buffer).light(self._marked(span.buffer))

    def select_at(self, view: BytesView, offset: int) -> None:
        """The innermost field that covers an octet."""
        path = self._tree.covering(self._inner if view is self._views[1] else 0, offset)
        if path is not None:
            self._tree.select(path)

    def _view(self, buffer: int) -> BytesView:
        return self._views[1 if buffer else 0]

    def _marked(self, buffer: int) -> list[Lit]:
        mark = self._mark
        return [Lit(mark.start, mark.end, "finding")] if mark is not None and mark.buffer == buffer else []
