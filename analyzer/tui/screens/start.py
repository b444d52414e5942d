"""The first screen: paste text, see what it is, give keys."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import TextArea

from analyzer.tui.screens.base import BaseScreen


class StartScreen(BaseScreen):
    """Paste text here."""

    place: ClassVar[str] = "start"

    def body(self) -> ComposeResult:
        yield TextArea(id="paste")
