"""The first screen: paste text, see at once what it is, with the keys beside it."""

from __future__ import annotations

import os
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.widgets import OptionList, TextArea
from textual.widgets.option_list import Option

from analyzer.report import source_issues
from analyzer.shown import counted
from analyzer.tui.recognition import Seen, recognise, sentence, shown_path
from analyzer.tui.screens import PLACES
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.session import Change
from analyzer.tui.widgets.key_form import KeyForm
from analyzer.tui.widgets.said import Said

PAUSE = 0.15  # seconds without typing until it is worth looking
HINT = "Paste hexadecimal text or a whole log here, or the path of a file. What it is stands below at once."
ISSUES = 20
FORM = ("global_unicast_encryption_key", "authentication_key", "client_system_title", "system_title", "password",
        "dedicated_key")  # fmt: skip


class PasteArea(TextArea, inherit_bindings=False):
    """A field for much text. F6 and F7 are keys of the application."""

    BINDINGS: ClassVar[list[BindingType]] = [
        one for one in TextArea.BINDINGS if isinstance(one, Binding) and one.key not in ("f6", "f7")
    ]


class StartScreen(BaseScreen):
    """Paste, keys, what was seen, recent files."""

    place: ClassVar[str] = "start"
    help_text: ClassVar[str] = """
Paste a log, a thread, hexadecimal text, or the path of a file into the big field. Below it stands what dlmscope sees in
it. Type the keys beside it; they are masked, and each change is tried at once. Then F2 shows the messages.
"""
    BINDINGS: ClassVar[list[BindingType]] = [
        *(
            Binding(f"f{place.key}", f"app.show_screen('{place.name}')", place.title, priority=True)
            for place in PLACES
            if place.name in ("trace", "diagnose")
        ),
        Binding("ctrl+o", "app.open_file", "Open", show=True),
        Binding("f7", "app.watch", "Live", show=True, priority=True),
        Binding("ctrl+g", "unmask", "Mask", tooltip="show or mask the keys"),
        Binding("ctrl+l", "empty", "Empty", show=False, tooltip="empty the field"),
    ]

    def body(self) -> ComposeResult:
        with Horizontal(id="start-top"):
            paste = PasteArea(id="paste", classes="pane", show_line_numbers=False, placeholder=HINT)
            paste.border_title = "Paste"
            yield paste
            with VerticalScroll(id="start-keys", classes="pane", can_focus=False) as keys:
                keys.border_title = "Keys"
                yield KeyForm(FORM, id="form")
        with Horizontal(id="start-bottom"):
            with VerticalScroll(id="start-seen", classes="pane", can_focus=False) as seen:
                seen.border_title = "What is seen"
                yield Said("", id="seen", markup=False)
            with Vertical(id="start-recent", classes="pane") as recent:
                recent.border_title = "Recent files"
                yield OptionList(id="recent", markup=False, compact=True)

    def on_mount(self) -> None:
        """Shows what is there already."""
        self.seen = Seen()
        self._said = ""
        self._ours = False
        self.query_one(KeyForm).show(self.dlmscope.keybook.typed)
        self._show_recent()
        self._say("Nothing yet.")
        self.query_one("#paste").focus()
        if self.session.traces:
            self._describe()

    @on(TextArea.Changed, "#paste")
    def look(self, event: TextArea.Changed) -> None:
        """Looks at the text when the typing pauses."""
        text = event.text_area.text
        self.dlmscope.background.run("recognise", lambda stop: recognise(text), self._recognised, PAUSE)

    def _recognised(self, seen: Seen) -> None:
        before, self.seen = self.seen, seen
        if seen.traces:
            self._ours = True
            if seen.path:
                self.dlmscope.settings.opened(seen.path)
                self._show_recent()
            self._say("Decoding ...")
            self.session.set_traces(seen.traces)
        elif seen.problem:
            self._say(("! " if self.query_one(TextArea).text.strip() else "") + seen.problem)
        elif before.traces or before.problem:
            self._say("Nothing yet.")
        if not seen.traces and self._ours:
            self._ours = False
            self.session.set_traces(())

    def session_changed(self, change: Change) -> None:
        """Other traces or other keys: what is seen changes."""
        if change == "keys":
            self.query_one(KeyForm).show(self.dlmscope.keybook.typed)
        if change == "traces" and self.session.traces != self.seen.traces:
            self._ours = False  # something else was opened: emptying the field does not close it
        if change in ("traces", "keys", "settled"):
            if self.session.traces:
                self._describe()
            elif not self.seen.problem:
                self._say("Nothing yet.")
            self._show_recent()

    def _describe(self) -> None:
        session = self.session
        self.dlmscope.background.run("describe", lambda stop: sentence(session, stop), self._say_all)

    def _say_all(self, said: str) -> None:
        text = Text(said + ".", "bold")
        for trace in self.session.traces:
            text.append(f"\n  {trace.name}", "bold").append(f"  {counted(len(trace), 'record')}", "not bold")
        issues = [issue for trace in self.session.traces for issue in trace.issues]
        for line in source_issues.as_lines(issues[:ISSUES]):
            text.append(f"\n{line}", "not bold")
        if len(issues) > ISSUES:
            text.append(f"\n... and {len(issues) - ISSUES:,} more remarks", "not bold")
        self.query_one("#seen", Said).update(text)

    def _say(self, text: str) -> None:
        self.query_one("#seen", Said).update(Text(text))

    def _show_recent(self) -> None:
        recent = self.query_one("#recent", OptionList)
        self._recent = [path for path in self.dlmscope.settings.recent if os.path.isfile(path)]
        recent.clear_options()
        recent.add_options([Option(f"{os.path.basename(p)}  {shown_path(os.path.dirname(p))}") for p in self._recent])
        if not self._recent:
            recent.add_option(Option("none yet; Ctrl+O opens one", disabled=True))

    @on(OptionList.OptionSelected, "#recent")
    def reopen(self, event: OptionList.OptionSelected) -> None:
        """Opens a recent file."""
        self.dlmscope.open_path(self._recent[event.option_index])

    @on(KeyForm.Edited)
    def typed(self, event: KeyForm.Edited) -> None:
        """A key was typed: it serves when the typing pauses."""
        book = self.dlmscope.keybook
        entry = book.typed
        if entry is None:
            entry = event.entry
            book.entries.insert(0, entry)
        for field in FORM:
            entry.put(field, event.entry.text(field))
        if not entry.fields():
            book.entries.remove(entry)
        self.dlmscope.background.run("keys", lambda stop: None, lambda _: self.dlmscope.keys_edited(), PAUSE)

    def action_unmask(self) -> None:
        """Shows the keys, or masks them again."""
        self.query_one(KeyForm).toggle_mask()

    def action_empty(self) -> None:
        """Empties the field."""
        self.query_one(TextArea).text = ""
        self.query_one(TextArea).focus()
