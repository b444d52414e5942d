"""What every screen has: the row of tabs, a body, the footer, and a call when traces or keys change."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult, SystemCommand
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, Static

from analyzer.tui.session import Change, Session
from analyzer.tui.widgets.bytes_view import BytesView
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.tab_row import TabRow

if TYPE_CHECKING:
    from analyzer.tui.app import DlmscopeApp


TOO_SMALL = "dlmscope needs a window of 60 x 16 or more. Make it larger, or the letters smaller."


class BaseScreen(Screen[None]):
    """A screen of the shell. Subclasses give `place`, `body`, `help_text`, and overwrite `session_changed`."""

    place: ClassVar[str] = ""
    help_text: ClassVar[str] = ""
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (100, "-middle"), (150, "-wide")]  # noqa: RUF012
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-short"), (34, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave_field", "Leave the field", show=False)]

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
        yield Static(TOO_SMALL, id="too-small", markup=False)
        yield TabRow(self.place)
        yield from self.body()
        yield Static("", id="watch-line", markup=False)
        yield Footer(show_command_palette=False)

    def body(self) -> ComposeResult:
        """The widgets between tabs and footer."""
        yield from ()

    def on_mount(self) -> None:
        """Listens for changes. Textual calls this one as well as that of a subclass."""
        self._stale = False
        self.dlmscope.session_signal.subscribe(self, self._heard)

    def on_screen_resume(self) -> None:
        """What is watched goes on while another screen is in front."""
        self.show_watch()
        if self._stale:
            self._stale = False
            self.session_changed("settled")

    def _heard(self, change: Change) -> None:
        """Passes a change on. What a growing trace makes anew now and then, only the screen in front makes."""
        if change == "traces":
            self.refresh_bindings()  # some keys want several traces
        if change == "settled" and not self.is_current:
            self._stale = True
            return
        self.session_changed(change)

    def show_watch(self) -> None:
        """The line on what is watched; none where nothing was."""
        watch = self.dlmscope.watched
        for line in self.query("#watch-line").results(Static):  # none while the screen is made or closed
            line.display = watch is not None
            if watch is not None:
                line.update(Text(watch.line(), no_wrap=True, overflow="ellipsis"))
                line.set_class(watch.state == "failed", "failed")

    def session_changed(self, change: Change) -> None:
        """Traces or keys have changed, or more messages are there: see `Change`. Called in the thread of the interface,
        also while another screen is in front; "settled" only for the one in front."""

    def zoom(self) -> None:
        """The pane in use alone, and back."""
        if not self.unzoomed() and isinstance(self.focused, RowsView | BytesView | VerticalScroll):
            self.maximize(self.focused, container=False)

    def unzoomed(self) -> bool:
        """Shows all panes again, where one was alone."""
        alone = self.maximized is not None
        if alone:
            self.minimize()
        return alone

    def action_leave_field(self) -> None:
        """Nothing has the focus, so that keys reach the screen."""
        self.set_focus(None)

    @property
    def binding_prefixes(self) -> tuple[str, ...]:
        """Actions that belong to this class and not to Textual's own screen."""
        return tuple(name.removeprefix("action_") for name in vars(type(self)) if name.startswith("action_")) or ("\0",)

    def keys_of_screen(self) -> list[tuple[str, str]]:
        """Keys and what they do, for the help."""
        joined: dict[str, list[str]] = {}
        for key, binding in self._bindings.key_to_bindings.items():
            for one in binding:
                if one.description and one.action.partition("(")[0] in self.binding_prefixes:
                    joined.setdefault(one.tooltip or one.description, []).append(
                        one.key_display or self.app.get_key_display(one) or key
                    )
        return [(", ".join(dict.fromkeys(keys)), what) for what, keys in joined.items()]

    def commands(self) -> Iterator[SystemCommand]:
        """The actions of this screen, for the palette."""
        done = set()
        for bindings in self._bindings.key_to_bindings.values():
            for one in bindings:
                name = one.action.partition("(")[0]
                if one.description and name in self.binding_prefixes and one.action not in done:
                    done.add(one.action)
                    key = one.key_display or self.app.get_key_display(one)
                    what = one.tooltip or one.description
                    yield SystemCommand(
                        what[:1].upper() + what[1:], f"Key {key}", lambda action=one.action: self._do(action)
                    )

    def _do(self, action: str) -> None:
        self.call_later(self.run_action, action)
