"""One line for typing something, which is there only while it is asked for: filter words, a number."""

from __future__ import annotations

from textual.message import Message
from textual.widgets import Input


class AskLine(Input):
    """Posts `Typed` at each key and `Entered` at Enter; `what` is what was asked for."""

    class Typed(Message):
        """Something was typed."""

        def __init__(self, what: str, text: str) -> None:
            super().__init__()
            self.what, self.text = what, text

    class Entered(Typed):
        """What was typed is meant."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id, compact=True)
        self._what = ""
        self.display = False

    def ask(self, what: str, value: str, hint: str) -> None:
        """Asks for something."""
        self._what = what
        self.placeholder = hint
        with self.prevent(Input.Changed):
            self.value = value
        self.display = True
        self.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Passes it on."""
        event.stop()
        self.post_message(self.Typed(self._what, event.value.strip()))

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Passes it on, and goes away."""
        event.stop()
        self.display = False
        self.post_message(self.Entered(self._what, event.value.strip()))
