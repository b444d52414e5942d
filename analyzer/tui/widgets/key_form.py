"""Fields for keys, masked, with what is wrong with each beside its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Label

from analyzer.tui.keybook import FIELDS, PUBLIC, TITLES, Entry, problem_of, remark_on

HINTS = {name: hint for name, _, hint in FIELDS}


class Field(Input):
    """A field from which Enter goes on to the next."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "app.focus_next", "Next field", show=False)]


class KeyForm(Vertical):
    """One entry of a key file, or some fields of it. Posts `Edited` with all texts at every change."""

    class Edited(Message):
        """Something was typed."""

        def __init__(self, entry: Entry) -> None:
            super().__init__()
            self.entry = entry

    def __init__(self, fields: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._fields = tuple(fields)
        self._masked = True

    def compose(self) -> ComposeResult:
        for name in self._fields:
            yield Label(TITLES[name], id=f"label-{name}", markup=False)
            yield Field(placeholder=HINTS[name], password=name not in PUBLIC, id=f"key-{name}", compact=True)

    def _input(self, name: str) -> Input:
        return self.query_one(f"#key-{name}", Input)

    def show(self, entry: Entry | None) -> None:
        """Fills the fields. While somebody types in one of them they are left alone: what they hold is newer."""
        if self.has_focus_within:
            return
        for name in self._fields:
            text = entry.text(name) if entry is not None else ""
            field = self._input(name)
            if field.value.strip() != text:
                with self.prevent(Input.Changed):
                    field.value = text
            self._judge(name, field.value)

    def entry(self) -> Entry:
        """What is typed now."""
        return Entry({name: text for name in self._fields if (text := self._input(name).value.strip())})

    @on(Input.Changed)
    def changed(self, event: Input.Changed) -> None:
        """Judges the field and passes all on."""
        event.stop()
        name = (event.input.id or "").removeprefix("key-")
        self._judge(name, event.value)
        self.post_message(self.Edited(self.entry()))

    def _judge(self, name: str, text: str) -> None:
        label = self.query_one(f"#label-{name}", Label)
        problem, remark = problem_of(name, text), remark_on(name, text)
        said = TITLES[name]
        if problem:
            said = f"{said}: ! {problem.rpartition('found ')[2] or problem}"
        elif remark:
            said = f"{said}: ? {remark}"
        elif text.strip():
            said = f"{said}: ok" if name not in ("name", "password") else said
        label.update(said)
        label.set_class(bool(problem), "wrong")
        label.set_class(bool(remark), "odd")

    def toggle_mask(self) -> bool:
        """Shows the secrets, or masks them; whether they are masked now."""
        self._masked = not self._masked or getattr(self.app, "masking", None) is not None
        for name in self._fields:
            if name not in PUBLIC:
                self._input(name).password = self._masked
        return self._masked
