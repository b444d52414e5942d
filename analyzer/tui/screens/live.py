"""What to watch: a file that grows, an interface, a serial port, or a proxy to connect through."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import ContentSwitcher, Input, Label, OptionList, Static
from textual.widgets.option_list import Option

from analyzer.sources import InputError
from analyzer.tui.sources import HINTS, KINDS, Given, interfaces, ports, source_of
from analyzer.watching import Watched

STOP = "Stop watching"


class LiveForm(ModalScreen[Watched | None]):
    """Kinds on top, the fields of the chosen one below. Gives a source, or None; `stop` is called where what is watched
    now shall end."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Cancel", show=False)]

    def __init__(self, running: str = "", stop: Callable[[], None] | None = None) -> None:
        super().__init__()
        self._now, self._end = running, stop

    def compose(self) -> ComposeResult:
        with Vertical(id="live-box") as box:
            box.border_title = "Live"
            box.border_subtitle = "arrows choose, Tab to the fields, Enter begins, Escape leaves"
            options = [Option(f"{title:<13} {what}", id=kind) for kind, title, what, _ in KINDS]
            if self._now:
                options.insert(0, Option(f"{STOP}: {self._now}", id="stop"))
            yield OptionList(*options, id="live-kinds", markup=False, compact=True)
            with ContentSwitcher(initial="live-stop" if self._now else f"live-{KINDS[0][0]}", id="live-fields"):
                yield Vertical(id="live-stop")
                for kind, _, _, fields in KINDS:
                    with Vertical(id=f"live-{kind}"):
                        for field, title, value, hint in fields:
                            with Horizontal():
                                yield Label(title, markup=False)
                                yield Input(
                                    time.strftime(value), placeholder=hint, id=f"live-{kind}-{field}", compact=True
                                )
            yield Static("", id="live-problem", markup=False)

    def on_mount(self) -> None:
        """The kinds have the keys; what there is on this machine stands in the fields."""
        for kind, found in (("interface", interfaces()), ("serial", ports())):
            if found:
                self._input(kind, "name").placeholder = ", ".join(found[:HINTS])
        self._kinds.highlighted = 0
        self.watch(self._kinds, "highlighted", self._highlighted, init=False)
        self._kinds.focus()

    @property
    def _kinds(self) -> OptionList:
        return self.query_one("#live-kinds", OptionList)

    def _input(self, kind: str, field: str) -> Input:
        return self.query_one(f"#live-{kind}-{field}", Input)

    @property
    def _kind(self) -> str:
        index = self._kinds.highlighted or 0
        return self._kinds.get_option_at_index(index).id or KINDS[0][0]

    def _highlighted(self) -> None:
        """Another kind, other fields; at once, for a Tab may be right behind."""
        self.query_one("#live-fields", ContentSwitcher).current = f"live-{self._kind}"
        self._say("")

    @on(OptionList.OptionSelected)
    def selected(self) -> None:
        """Enter on a kind: begins where nothing is missing, else goes to its first field."""
        if self._kind == "stop":
            if self._end is not None:
                self._end()
            self.dismiss(None)
            return
        needed = [field for field, _, _, hint in self._fields if not hint.startswith("optional")]
        empty = [field for field in needed if not self._text(field)]
        if empty:
            self._input(self._kind, empty[0]).focus()
        else:
            self._begin()

    @property
    def _fields(self) -> tuple[tuple[str, str, str, str], ...]:
        return next((fields for kind, _, _, fields in KINDS if kind == self._kind), ())

    def _text(self, field: str) -> str:
        return self._input(self._kind, field).value.strip()

    @on(Input.Submitted)
    def _begin(self) -> None:
        given: Given = {field: self._text(field) for field, _, _, _ in self._fields}
        try:
            source = source_of(self._kind, given)
        except InputError as problem:
            self._say(f"! {problem}")
            return
        self.dismiss(source)

    @on(Input.Changed)
    def _typed(self) -> None:
        self._say("")

    def _say(self, text: str) -> None:
        self.query_one("#live-problem", Static).update(text)

    def action_leave(self) -> None:
        """Without anything."""
        self.dismiss(None)
