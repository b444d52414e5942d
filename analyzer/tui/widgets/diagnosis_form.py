"""The form of a supposition: a line a field, keys masked."""

from __future__ import annotations

from collections.abc import Mapping

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Input, Label

from analyzer.hypothesis_text import FIELDS

SECRET = frozenset({"encryption_key", "authentication_key"})


class SuppositionForm(Vertical):
    """Posts `Edited` with all texts at every change."""

    DEFAULT_CSS = """
    SuppositionForm { height: auto; }
    SuppositionForm Horizontal { height: 1; }
    SuppositionForm Label { width: 13; color: $text-muted; }
    SuppositionForm Input { width: 1fr; background: $boost; }
    """

    class Edited(Message):
        """Something was typed."""

        def __init__(self, texts: dict[str, str]) -> None:
            super().__init__()
            self.texts = texts

    def compose(self) -> ComposeResult:
        for name, title, hint in FIELDS:
            with Horizontal():
                yield Label(title, markup=False)
                yield Input(placeholder=hint, password=name in SECRET, id=f"suppose-{name}", compact=True)

    def _input(self, name: str) -> Input:
        return self.query_one(f"#suppose-{name}", Input)

    def texts(self) -> dict[str, str]:
        """What is typed now."""
        return {name: self._input(name).value for name, _, _ in FIELDS}

    def show(self, texts: Mapping[str, str]) -> None:
        """Fills all fields, without saying so."""
        for name, _, _ in FIELDS:
            field = self._input(name)
            if field.value != texts.get(name, ""):
                with self.prevent(Input.Changed):
                    field.value = texts.get(name, "")

    def begin(self) -> None:
        """The cursor into the first field."""
        self._input(FIELDS[0][0]).focus()

    def toggle_mask(self) -> None:
        """Shows the keys, or masks them again."""
        for name in SECRET:
            self._input(name).password = not self._input(name).password

    @on(Input.Changed)
    def changed(self, event: Input.Changed) -> None:
        """Passes all fields on."""
        event.stop()
        self.post_message(self.Edited(self.texts()))

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """Enter goes on to the next field."""
        event.stop()
        self.screen.focus_next()
