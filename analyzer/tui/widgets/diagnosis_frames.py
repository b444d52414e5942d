"""A frame as it was sent beside the frame as it should have been, with what differs lit."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal

from analyzer.tui.widgets.bytes_view import BytesView, Lit
from analyzer.tui.widgets.diff_octets import differing, joined


class TwoFrames(Horizontal):
    """Two views of octets; `right` is what a copy takes."""

    DEFAULT_CSS = """
    TwoFrames { height: 1fr; min-height: 4; }
    TwoFrames BytesView { width: 1fr; height: 1fr; }
    """

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.sent, self.right = b"", b""

    def compose(self) -> ComposeResult:
        yield BytesView(classes="pane sent")
        yield BytesView(classes="pane right")

    def _views(self) -> tuple[BytesView, BytesView]:
        return self.query_one(".sent", BytesView), self.query_one(".right", BytesView)

    def show(self, sent: bytes, right: bytes, title: str = "", corrected: str = "Right", missing: str = "") -> None:
        """Both frames; where there is no right one, `missing` says so."""
        self.sent, self.right = sent, right
        left, other = self._views()
        here, there = differing(sent, right) if right else (set(), set())
        left.show(sent, joined(here, "changed"))
        other.show(right, joined(there, "added"))
        left.border_title = f"Sent{title}, {len(sent)} octets" if sent else "Sent"
        left.border_subtitle = f"{len(here)} changed" if right else ""
        other.border_title = f"{corrected}, {len(right)} octets" if right else (missing or corrected)
        other.border_subtitle = (f"{len(there)} new" if there else "the same octets") if right else ""
        if here:
            left.light(joined(here, "changed"), scroll=False)
        if there:
            other.light(joined(there, "added"), scroll=False)
        left.scroll_to(0, 0, animate=False)
        other.scroll_to(0, 0, animate=False)

    def point(self, data: bytes, start: int, end: int, title: str) -> None:
        """One frame alone, with the octets that a finding is about lit."""
        self.show(data, b"", missing="No corrected frame")
        left = self._views()[0]
        left.border_title = title
        left.light([Lit(start, end, "finding")] if end > start else [])
