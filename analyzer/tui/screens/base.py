"""What every screen has: the row of tabs, a body, the footer, and a call when traces or keys change."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen
from textual.widgets import Footer

from analyzer.tui.session import Change, Session
from analyzer.tui.widgets.tab_row import TabRow

if TYPE_CHECKING:
    from analyzer.tui.app import DlmscopeApp


class BaseScreen(Screen[None]):
    """A screen of the shell. Subclasses give `place`, `body`, `help_text`, and overwrite `session_changed`."""

    place: ClassVar[str] = ""
    help_text: ClassVar[str] = ""

    @property
    def dlmscope(self) -> DlmscopeApp:
        """The application, with its type."""
        from analyzer.tui.app import DlmscopeApp

        app = self.app
        assert isinstance(app, DlmscopeApp)
        return app

    @property
    def session(self) -> Session:
        """What is open."""
        return self.dlmscope.session

    def compose(self) -> ComposeResult:
        yield TabRow(self.place)
        yield from self.body()
        yield Footer(show_command_palette=False)

    def body(self) -> ComposeResult:
        """The widgets between tabs and footer."""
        yield from ()

    def on_mount(self) -> None:
        """Listens for changes; subclasses that overwrite it call it."""
        self.dlmscope.session_signal.subscribe(self, self.session_changed)

    def session_changed(self, change: Change) -> None:
        """Traces or keys have changed, or more messages are decoded. Called in the thread of the interface, also
        while another screen is in front."""
