"""A question with a few answers: which trace, which file, which format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList
from textual.widgets.option_list import Option


class Choice(ModalScreen[int | None]):
    """A list over the screen. Gives the index of the answer, or None."""

    CSS = """
    Choice { align: center middle; }
    #choice { width: 70; max-width: 96%; height: auto; max-height: 80%; background: $surface; }
    #choice { border: round $primary; padding: 0 1; }
    #choice OptionList { background: $surface; border: none; height: auto; max-height: 100%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "leave", "Cancel", show=False)]

    def __init__(self, title: str, answers: Sequence[str], first: int = 0) -> None:
        super().__init__()
        self._title, self._answers, self._first = title, answers, first

    def compose(self) -> ComposeResult:
        with Vertical(id="choice") as box:
            box.border_title = self._title.replace("[", "\\[")
            box.border_subtitle = "Enter chooses, Escape leaves"
            yield OptionList(*(Option(answer) for answer in self._answers), markup=False)

    def on_mount(self) -> None:
        """The list has the keys."""
        chosen = self.query_one(OptionList)
        chosen.highlighted = min(self._first, len(self._answers) - 1) if self._answers else None
        chosen.focus()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """An answer."""
        self.dismiss(event.option_index)

    def action_leave(self) -> None:
        """Without an answer."""
        self.dismiss(None)
