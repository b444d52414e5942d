"""The application: one session, the screens over it, and what is the same on all of them."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from textual import events
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.screen import Screen
from textual.signal import Signal
from textual.timer import Timer
from textual.widgets import Input, TextArea

from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.model import Span, Trace
from analyzer.sources.mapped import LostFileError
from analyzer.tui.background import Background
from analyzer.tui.keybook import KeyBook
from analyzer.tui.masking import MaskedLines, Masking
from analyzer.tui.plain import PlainLines
from analyzer.tui.screens import PLACES
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.screens.help import HelpScreen
from analyzer.tui.screens.live import LiveForm
from analyzer.tui.screens.picker import FilePicker
from analyzer.tui.session import Change, Session
from analyzer.tui.settings import Settings
from analyzer.tui.watch import Watch
from analyzer.watching import Watched

SWITCH = 0.001  # seconds that a thread may keep the interpreter while a key waits
MOVES = ("tab", "shift+tab")
HELD = 1.5  # seconds; a busy machine may need one to move the focus
TICK = 0.1  # seconds between two looks at what is watched
SETTLED, UNSETTLED = 1.0, 15.0  # seconds without anything new, or with it, after which findings are made anew
DARK, LIGHT = "textual-dark", "textual-light"


class DlmscopeApp(App[int]):
    """dlmscope in a terminal. `first` is the screen to begin with; without it, the trace if there is one."""

    TITLE = "dlmscope"
    CSS_PATH = "dlmscope.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(p.key, f"show_screen('{p.name}')", p.title, show=False) for p in PLACES),
        # Before the field that has the focus: some of them mean something to a text area.
        *(
            Binding(f"f{p.key}", f"show_screen('{p.name}')", p.title, show=False, priority=True)
            for p in PLACES
            if p.key != "1"
        ),
        # Where a field has the focus, a question mark is typed into it.
        Binding("question_mark", "help", "Help", key_display="?", show=True),
        Binding("f1", "help", "Help", show=False),
        Binding("f1", "help_of_field", "Help", show=True),
        Binding("ctrl+o", "open_file", "Open", show=False),
        Binding("f7", "watch", "Live", show=False, priority=True),
        Binding("ctrl+p", "command_palette", "Commands", show=True, priority=True),
        Binding("ctrl+t", "toggle_theme", "Light or dark", show=False),
        Binding("ctrl+q", "quit", "Quit", show=True, priority=True),
    ]

    def __init__(
        self,
        traces: Sequence[Trace] = (),
        keys: KeyRing | None = None,
        first: str | None = None,
        settings: Settings | None = None,
        live: Watched | None = None,
        masking: Masking | None = None,
    ) -> None:
        super().__init__()
        self.settings = settings or Settings()
        self.session = Session(traces, keys)
        self.masking = masking
        self._plain, self._masked = PlainLines(), MaskedLines(masking) if masking is not None else None
        if masking is not None:
            self.session.learn = masking.learn
        self.session_signal: Signal[Change] = Signal(self, "session")
        self.session.subscribe(self._session_changed)
        self.background = Background(self._deliver, self.complain, self.lost)
        self.keybook = KeyBook(self.session.keys)
        self._first = first or ("trace" if traces or live is not None else "start")
        self._live = live
        self.watched: Watch | None = None
        self._held: list[events.Event] | None = None
        self._ticks: Timer | None = None
        self._growth = 0
        self._grown_at = self._settled_at = 0.0
        self._thread = threading.get_ident()

    async def on_event(self, event: events.Event) -> None:
        """Keys that come in while one that may move the focus is on its way wait for it: what is typed right behind a Tab
        is for the next field, as fast as it may come."""
        if not isinstance(event, events.Key | events.Paste):
            await super().on_event(event)
            return
        fresh = not event.is_forwarded
        if fresh and self._held is not None:
            self._held.append(event)
            return
        key = event.key if isinstance(event, events.Key) else ""
        moves = key in MOVES or (key == "enter" and isinstance(self.focused, Input))
        await super().on_event(event)
        if moves and fresh and event.is_forwarded:
            self._held = []
            self.set_timer(HELD, self._release)  # where nothing came back
        elif key in MOVES or key == "enter":
            await self._release()

    async def _release(self) -> None:
        held, self._held = self._held, None
        for event in held or ():
            await self.on_event(event)

    def on_mount(self) -> None:
        """Makes the screens and shows the first."""
        self._thread = threading.get_ident()
        sys.setswitchinterval(SWITCH)
        for name in ("SIGTERM", "SIGHUP"):  # whoever ends the process gets the terminal back as it was
            with contextlib.suppress(AttributeError, NotImplementedError, RuntimeError, ValueError):
                asyncio.get_running_loop().add_signal_handler(getattr(signal, name), self.exit)
        self.theme = self.settings.theme if self.settings.theme in self.available_themes else DARK
        self.theme_changed_signal.subscribe(self, self._theme_changed)
        for place in PLACES:
            self.install_screen(place.make(), place.name)
        self.push_screen(self._first if any(p.name == self._first for p in PLACES) else PLACES[0].name)
        if self._live is not None:
            self.call_after_refresh(self.begin_watch, self._live)

    def on_unmount(self) -> None:
        """Nobody waits for what is still running, but for what has to be closed."""
        self.background.cancel_all()
        if self._ticks is not None:
            self._ticks.stop()
        if self.watched is not None:
            self.watched.stop()
            self.watched.wait()

    def _deliver(self, call: Callable[[], None]) -> None:
        if self.is_running:
            self.call_later(call)

    def _session_changed(self, change: Change) -> None:
        """Passes a change on to the screens, in the thread of the interface."""
        if threading.get_ident() == self._thread:
            self._publish(change)
        else:
            self._deliver(lambda: self._publish(change))

    def _publish(self, change: Change) -> None:
        if change == "keys" and self.session.keys is not self.keybook.ring:
            self.keybook.take(self.session.keys)  # another screen has set them
        if change == "traces" and self.watched is not None and self.watched.epoch != self.session.epoch:
            self.watched.stop()  # something else was opened
            self.watched = None
        self.session_signal.publish(change)

    # What is watched

    @property
    def watching(self) -> bool:
        """Whether there is something to follow."""
        return self.watched is not None and self.watched.state == "running"

    def action_watch(self) -> None:
        """Asks what to watch."""
        if isinstance(self.screen, BaseScreen):
            running = self.watched.name if self.watched is not None and self.watching else ""
            self.push_screen(LiveForm(running, self.action_stop_watching), self.begin_watch)

    def begin_watch(self, source: Watched | None) -> None:
        """Watches a source in the place of what is open."""
        if source is None:
            return
        if self.watched is not None:
            self.watched.stop()
        self.watched = Watch(source, self.session)
        self._growth = self.session.growth
        self._grown_at = self._settled_at = time.monotonic()
        self.watched.start()
        if self._ticks is None:
            self._ticks = self.set_interval(TICK, self._look)
        self.show_screen("trace")
        self.session_signal.publish("traces")

    def action_stop_watching(self) -> None:
        """Ends what is watched; what came stays."""
        if self.watched is not None:
            self.watched.stop()

    def _look(self) -> None:
        """Passes on what came, and that nothing came for a while; only then findings and values are made anew."""
        if not self.screen_stack:
            return  # everything is being closed
        watch, now = self.watched, time.monotonic()
        over = watch is None or watch.state != "running"
        if self.session.growth != self._growth:
            self._growth, self._grown_at = self.session.growth, now
            self.session_signal.publish("grown")
        silent = over or now - self._grown_at > SETTLED or now - self._settled_at > UNSETTLED
        if self._grown_at > self._settled_at and silent:
            self._settled_at = now
            self.session_signal.publish("settled")
        if over and self._ticks is not None:
            self._ticks.stop()
            self._ticks = None
            self.session_signal.publish("grown")
            self.screen.refresh_bindings()
        if isinstance(self.screen, BaseScreen):
            self.screen.show_watch()

    def get_line_filters(self) -> Sequence[LineFilter]:
        """What every line that is drawn goes through."""
        filters = [*super().get_line_filters(), self._plain]
        return filters if self._masked is None else [*filters, self._masked]

    def copy_to_clipboard(self, text: str) -> None:
        """What is copied is masked as what is drawn."""
        super().copy_to_clipboard(self.masking.text(text) if self.masking is not None else text)

    def complain(self, text: str) -> None:
        """Says what went wrong, in a line."""
        self.notify(text, severity="error", title="That did not work", markup=False)

    def lost(self, text: str) -> None:
        """Closes what is open, for its file is gone, and says so once."""
        if self.session.traces:
            self.session.set_traces(())
            self.complain(text)

    def _handle_exception(self, error: Exception) -> None:
        """A file that is gone while its messages are drawn is no reason to end."""
        if isinstance(error, LostFileError):
            self.lost(str(error))
        else:
            super()._handle_exception(error)

    def keys_edited(self) -> None:
        """The entries of the key book serve from now on."""
        self.session.set_keys(self.keybook.made())

    def show_screen(self, name: str) -> None:
        """Brings a screen to the front."""
        if not any(place.name == name for place in PLACES):
            return
        while len(self.screen_stack) > 2:  # help, picker and palette go away
            self.pop_screen()
        if self.screen is not self.get_screen(name):
            self.switch_screen(name)

    def action_show_screen(self, name: str) -> None:
        """The same for a key."""
        self.show_screen(name)

    def show_message(self, trace: int, number: int, span: Span | None = None) -> None:
        """Opens the trace screen at a message (number from 1), with `span` lit."""
        screen = self.get_screen("trace")
        self.show_screen("trace")
        self.call_later(screen.show_message, trace, number, span)  # type: ignore[attr-defined]

    def action_help(self) -> None:
        """What can be done here, and with which keys."""
        if isinstance(self.screen, BaseScreen):
            self.push_screen(HelpScreen(self.screen))

    def action_help_of_field(self) -> None:
        """The same, from a field."""
        self.action_help()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Which key asks for help depends on whether one types."""
        if action in ("help", "help_of_field"):
            return isinstance(self.focused, Input | TextArea) == (action == "help_of_field")
        return True

    def action_open_file(self) -> None:
        """A file from the folder tree."""
        if isinstance(self.screen, BaseScreen):
            self.push_screen(FilePicker(self.settings.recent), self.open_path)

    def open_path(self, path: str | None) -> None:
        """Opens a capture and shows its messages. Complains where it cannot."""
        if not path:
            return

        def done(traces: list[Trace]) -> None:
            self.settings.opened(path.rpartition("#")[0] or path)
            self.session.set_traces(traces)
            self.show_screen("trace")

        self.background.run("open", lambda stop: open_traces(path), done)

    def action_toggle_theme(self) -> None:
        """From dark to light and back."""
        self.theme = LIGHT if self.current_theme.dark else DARK

    def _theme_changed(self, _theme: object) -> None:
        if self.settings.theme != self.theme:
            self.settings.theme = self.theme
            self.settings.save()

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action of the application and of the screen in front, for the palette."""
        for place in PLACES:
            yield SystemCommand(
                f"Go to {place.title}", f"The screen {place.title} ({place.key})",
                lambda name=place.name: self.show_screen(name),
            )  # fmt: skip
        yield SystemCommand("Open a file", "From the folder tree (ctrl+o)", self.action_open_file)
        yield SystemCommand("Live", "Watch a file, an interface, a serial port or a proxy (F7)", self.action_watch)
        if self.watching:
            yield SystemCommand("Stop watching", "What came stays", self.action_stop_watching)
        yield SystemCommand("Help", "What can be done on this screen (?)", self.action_help)
        yield SystemCommand("Light or dark", "Changes the theme (ctrl+t)", self.action_toggle_theme)
        yield SystemCommand("Theme", "Choose one of all themes", self.action_change_theme)
        yield SystemCommand("Quit", "Leave dlmscope (ctrl+q)", self.action_quit)
        if isinstance(screen, BaseScreen):
            yield from screen.commands()
