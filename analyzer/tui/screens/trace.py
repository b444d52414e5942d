"""The messages of a trace, the fields of one, and its octets."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from analyzer.model import Span
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.widgets.bytes_view import BytesView


class TraceScreen(BaseScreen):
    """Three panes."""

    place: ClassVar[str] = "trace"

    def body(self) -> ComposeResult:
        yield BytesView(id="wire")

    def show_message(self, trace: int, number: int, span: Span | None = None) -> None:
        """Selects a message."""
