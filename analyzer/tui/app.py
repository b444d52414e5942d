"""The application: one session, the screens over it, and what is the same on all of them."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.signal import Signal

from analyzer.keyring import KeyRing
from analyzer.model import Span, Trace
from analyzer.tui.screens import PLACES
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.session import Change, Session


class DlmscopeApp(App[int]):
    """dlmscope in a terminal. `first` is the screen to begin with; without it, the trace if there is one."""

    TITLE = "dlmscope"
    CSS_PATH = "dlmscope.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(p.key, f"show_screen('{p.name}')", p.title, show=False, priority=False) for p in PLACES),
        *(Binding(f"f{p.key}", f"show_screen('{p.name}')", p.title, show=False, priority=True) for p in PLACES),
        Binding("ctrl+q", "quit", "Quit", show=True, priority=True),
        Binding("ctrl+p", "command_palette", "Palette", show=True, priority=True),
    ]

    def __init__(self, traces: Sequence[Trace] = (), keys: KeyRing | None = None, first: str | None = None) -> None:
        super().__init__()
        self.session = Session(traces, keys)
        self.session_signal: Signal[Change] = Signal(self, "session")
        self.session.subscribe(self._session_changed)
        self._first = first or ("trace" if traces else "start")
        self._thread = threading.get_ident()

    def on_mount(self) -> None:
        """Makes the screens and shows the first."""
        self._thread = threading.get_ident()
        for place in PLACES:
            self.install_screen(place.make(), place.name)
        self.push_screen(self._first if any(p.name == self._first for p in PLACES) else PLACES[0].name)

    def _session_changed(self, change: Change) -> None:
        """Passes a change on to the screens, in the thread of the interface."""
        if threading.get_ident() == self._thread:
            self.session_signal.publish(change)
        else:
            self.call_later(self.session_signal.publish, change)

    def show_screen(self, name: str) -> None:
        """Brings a screen to the front."""
        if any(place.name == name for place in PLACES) and self.screen is not self.get_screen(name):
            self.switch_screen(name)

    def action_show_screen(self, name: str) -> None:
        """The same for a key."""
        self.show_screen(name)

    def show_message(self, trace: int, number: int, span: Span | None = None) -> None:
        """Opens the trace screen at a message (number from 1), with `span` lit."""
        screen = self.get_screen("trace")
        assert isinstance(screen, BaseScreen)
        self.show_screen("trace")
        self.call_later(screen.show_message, trace, number, span)  # type: ignore[attr-defined]
