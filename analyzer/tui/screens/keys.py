"""Keys of all meters: add, edit, show and mask, load a key file, save one that its owner alone can read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import Input

from analyzer.keyring import KeyRing
from analyzer.message import Message
from analyzer.tui.keybook import FIELDS, Entry
from analyzer.tui.recognition import shown_path, told
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.session import Change
from analyzer.tui.widgets.key_form import KeyForm
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.said import Said

PAUSE = 0.15


class EntryList(RowsView):
    """The meters by name."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.entries: list[Entry] = []

    def row_count(self) -> int:
        """One row a meter."""
        return len(self.entries)

    def row(self, index: int, width: int) -> list[tuple[str, str]]:
        """Its name, its title, what is there."""
        entry = self.entries[index]
        held = [title for name, title, _ in FIELDS if name in entry.fields() and name not in ("name", "system_title")]
        return [(f"{entry.label:<22}", "plain"), (f" {', '.join(held) or 'no keys yet'}", "dim")]


def _opened(messages: Sequence[Message], keys: KeyRing) -> str:
    """What a trace is, without saying that it is one."""
    return told([messages], keys).partition(", ")[2]


class KeysScreen(BaseScreen):
    """The meters, and the form of one."""

    place: ClassVar[str] = "keys"
    help_text: ClassVar[str] = """
An entry without a meter title serves any meter; with one, it serves that meter alone. Every change is tried on the open
traces at once, and the line below says how many ciphered APDUs it opens. Keys are masked until Ctrl+G, are never written
to a log, and are saved only when you ask for it, to a file that you alone can read (0600).
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g", "unmask", "Show", tooltip="show or mask the keys"),
        Binding("ctrl+s", "save", "Save", tooltip="save to a key file"),
        Binding("ctrl+r", "load", "Load", tooltip="load a key file"),
        Binding("a", "add", "Add", tooltip="add a meter"),
        Binding("delete", "remove", "Remove", tooltip="remove the meter"),
    ]

    def body(self) -> ComposeResult:
        yield Input(id="path", compact=True)
        with Horizontal(id="keys-main"):
            with Vertical(id="keys-left"):
                yield EntryList(id="entries", classes="pane")
                with VerticalScroll(id="keys-words", classes="pane", can_focus=False) as words:
                    words.border_title = "What they open"
                    yield Said("", id="opens", markup=False)
            with VerticalScroll(id="keys-form", classes="pane", can_focus=False) as form:
                form.border_title = "Keys of the meter"
                yield KeyForm([name for name, _, _ in FIELDS], id="form")

    def on_mount(self) -> None:
        """Shows what there is."""
        self._asking = ""
        self._said = ""
        self.query_one("#path").display = False
        self._list.border_title = "Meters"
        self._refresh()
        self._describe()
        self._list.focus()

    @property
    def _list(self) -> EntryList:
        return self.query_one("#entries", EntryList)

    def _refresh(self) -> None:
        self._list.entries = self.dlmscope.keybook.entries
        self._list.rows_changed()
        path = self.dlmscope.keybook.path
        self._list.border_subtitle = (shown_path(path) if path else "a adds one").replace("[", "\\[")
        self._show_entry()

    def _show_entry(self) -> None:
        self.query_one(KeyForm).show(self._entry)

    @property
    def _entry(self) -> Entry | None:
        entries = self._list.entries
        return entries[self._list.cursor] if self._list.cursor < len(entries) else None

    def session_changed(self, change: Change) -> None:
        """Other keys or traces."""
        if change == "keys":
            self._refresh()
        if change in ("keys", "traces", "settled"):
            self._describe()

    def _describe(self) -> None:
        session = self.session
        if not session.traces:
            self._tell("No trace is open; 1 to paste one, Ctrl+O to open a file.")
            return
        self.dlmscope.background.run(
            "opens",
            lambda stop: [
                (t.name, _opened(session.messages(n, stop), session.keys)) for n, t in enumerate(session.traces)
            ],
            lambda lines: self._tell("\n".join(f"{name}: {line}" for name, line in lines)),
        )

    def _tell(self, text: str) -> None:
        warning = f"\n! {self._said}" if self._said else ""
        self.query_one("#opens", Said).update(Text(text + warning))

    @on(RowsView.Moved, "#entries")
    def chosen(self) -> None:
        """Another meter."""
        self._show_entry()

    @on(RowsView.Chosen, "#entries")
    def edit(self) -> None:
        """Enter goes into the form."""
        self.query_one(KeyForm).query(Input).first().focus()

    @on(KeyForm.Edited)
    def typed(self, event: KeyForm.Edited) -> None:
        """The change serves when the typing pauses."""
        entry = self._entry
        if entry is None:
            entry = Entry()
            self.dlmscope.keybook.entries.append(entry)
            self._list.entries = self.dlmscope.keybook.entries
        for name, _, _ in FIELDS:
            entry.put(name, event.entry.text(name))
        self._list.rows_changed()
        self.dlmscope.background.run("keys", lambda stop: None, lambda _: self.dlmscope.keys_edited(), PAUSE)

    def action_add(self) -> None:
        """A new meter, ready to type."""
        self.dlmscope.keybook.entries.append(Entry())
        self._refresh()
        self._list.move(len(self._list.entries) - 1)
        self._show_entry()
        self.edit()

    def action_remove(self) -> None:
        """Forgets the meter; the key file stays as it is until it is saved."""
        entry = self._entry
        if entry is not None:
            self.dlmscope.keybook.entries.remove(entry)
            self.dlmscope.keys_edited()

    def action_unmask(self) -> None:
        """Shows the keys, or masks them again."""
        self.query_one(KeyForm).toggle_mask()

    def action_save(self) -> None:
        """Asks where to."""
        self._ask("save", "save to (Enter saves with permissions 0600)")

    def action_load(self) -> None:
        """Asks what."""
        self._ask("load", "key file to load")

    def _ask(self, what: str, hint: str) -> None:
        line = self.query_one("#path", Input)
        self._asking, line.placeholder = what, hint
        line.value = self.dlmscope.keybook.path or ("keys.toml" if what == "save" else "")
        line.display = True
        line.focus()

    def action_leave_field(self) -> None:
        """Escape: back to the meters."""
        self.query_one("#path").display = False
        self._list.focus()

    @on(Input.Submitted, "#path")
    def entered(self, event: Input.Submitted) -> None:
        """Saves or loads."""
        event.stop()
        path, book = event.value.strip(), self.dlmscope.keybook
        self.action_leave_field()
        if not path:
            return
        try:
            if self._asking == "save":
                self._said = book.save(path)
                self.notify(f"Saved to {path}, readable by you alone", markup=False)
            else:
                self._said = book.load(path)
                self.dlmscope.keys_edited()
        except (OSError, ValueError) as problem:
            why = getattr(problem, "strerror", None) or str(problem)
            self.dlmscope.complain(f"{os.path.basename(path)}: {why}" if os.path.basename(path) not in why else why)
            return
        self._refresh()
        self._describe()
        if self._said:
            self.notify(self._said, severity="warning", markup=False)
