"""What can be done on a screen, and with which keys: made from its bindings."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from analyzer.tui.screens import PLACES

if TYPE_CHECKING:
    from analyzer.tui.screens.base import BaseScreen


class HelpScreen(ModalScreen[None]):
    """Help over the screen that it is about. Any of Escape, ?, q closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,question_mark,f1,q", "dismiss", "Close", show=False)]

    def __init__(self, about: BaseScreen) -> None:
        super().__init__()
        self._about = about

    def compose(self) -> ComposeResult:
        with VerticalScroll(id="help") as scroll:
            title = next((place.title for place in PLACES if place.name == self._about.place), "dlmscope")
            scroll.border_title = f"{title}: help"
            scroll.border_subtitle = "Escape closes"
            yield Static(_paragraphs(self._about.help_text), id="help-text", markup=False)
            yield Static(self._table())

    def _table(self) -> Table:
        table = Table.grid(padding=(0, 2))
        table.add_column(no_wrap=True)
        table.add_column()
        for keys, what in (*self._about.keys_of_screen(), ("", ""), *general()):
            table.add_row(Text(keys, "bold"), Text(what))
        return table


def _paragraphs(text: str) -> str:
    """Lines of one paragraph joined, so that they are broken where the window is narrow."""
    return "\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n"))


def general() -> list[tuple[str, str]]:
    """Keys that work everywhere."""
    last = PLACES[-1].key
    return [
        (f"1 ... {last}", "the screens: " + ", ".join(place.title for place in PLACES)),
        (f"F2 ... F{last}", "the same while you type into a field"),
        ("Tab, Shift+Tab", "next and previous pane"),
        ("Escape", "leave a field"),
        ("Ctrl+O", "open a file"),
        ("F7", "watch a file, an interface, a serial port or a proxy"),
        ("Ctrl+P", "every command by name"),
        ("Ctrl+T", "light or dark"),
        ("?, F1", "this help"),
        ("Ctrl+Q", "quit"),
    ]
