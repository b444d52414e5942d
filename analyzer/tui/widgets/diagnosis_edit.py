"""Setting fields of a message and seeing the frame built again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.suggester import SuggestFromList
from textual.widgets import Input

from analyzer import hiding
from analyzer.edit import EditError, NotBuildable, edited
from analyzer.message import Message
from analyzer.paths import paths
from analyzer.rebuild import SAME_COUNTER
from analyzer.shown import value_text
from analyzer.tui.session import Stop
from analyzer.tui.widgets.diagnosis_frames import TwoFrames
from analyzer.tui.widgets.field_tree import FieldTree
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.said import Said

if TYPE_CHECKING:
    from analyzer.tui.app import DlmscopeApp

PAUSE = 0.08
HINT = "path=value, several with ;   such as proposed_dlms_version_number=6"


class PickTree(FieldTree):
    """A field tree in which Enter takes a field instead of folding it."""

    def action_choose(self) -> None:
        """Says that this field is meant."""
        RowsView.action_choose(self)


class EditPanel(Vertical):
    """The fields of a message, a line for what is set, the frame as sent and as rebuilt."""

    DEFAULT_CSS = """
    EditPanel #edit-top { height: 1; background: $boost; }
    EditPanel #edit-number { width: 16; }
    EditPanel #edit-line { width: 1fr; }
    EditPanel #edit-said { height: auto; max-height: 2; padding: 0 1; }
    EditPanel #edit-low { height: 1fr; }
    EditPanel FieldTree { width: 2fr; height: 1fr; }
    EditPanel TwoFrames { width: 3fr; height: 1fr; layout: vertical; }
    """

    def compose(self) -> ComposeResult:
        with Horizontal(id="edit-top"):
            yield Input(id="edit-number", placeholder="message", compact=True, type="integer")
            yield Input(id="edit-line", placeholder=HINT, compact=True, select_on_focus=False)
        yield Said("", id="edit-said", markup=False)
        with Horizontal(id="edit-low"):
            fields = PickTree(id="edit-fields", classes="pane")
            fields.border_title = "Fields (Escape, Enter takes one)"
            yield fields
            yield TwoFrames(id="edit-frames")

    def on_mount(self) -> None:
        """No message yet."""
        self.trace = 0
        self.message: Message | None = None

    @property
    def _app(self) -> DlmscopeApp:
        from analyzer.tui.app import DlmscopeApp

        assert isinstance(self.app, DlmscopeApp)
        return self.app

    @property
    def _line(self) -> Input:
        return self.query_one("#edit-line", Input)

    @property
    def frames(self) -> TwoFrames:
        """Sent and rebuilt."""
        return self.query_one("#edit-frames", TwoFrames)

    def begin(self, trace: int, number: int, field: str = "") -> None:
        """Opens a message of a trace, by its number, with a path in the line."""
        with self.prevent(Input.Changed):
            self.query_one("#edit-number", Input).value = str(number)
            self._line.value = field
        self._open(trace, number)
        self._line.focus()

    def _open(self, trace: int, number: int) -> None:
        messages = self._app.session.so_far(trace)[0] if trace < len(self._app.session.traces) else []
        self.trace = trace
        if not 1 <= number <= len(messages):
            self._say(Text(f"There is no message {number}; the trace has {len(messages):,}.", "bold"))
            return
        self.message = message = messages[number - 1]
        tree = hiding.tree(message)
        octets = {0: message.wire} | {buffer.id: buffer.data for buffer in message.buffers}
        self.query_one("#edit-fields", FieldTree).show(tree, octets)
        self._line.suggester = SuggestFromList([f"{path}=" for path, _ in paths(tree)], case_sensitive=True)
        self._build()

    @on(Input.Changed, "#edit-number")
    def other_message(self, event: Input.Changed) -> None:
        """Another message."""
        event.stop()
        if event.value.isdigit():
            self._open(self.trace, int(event.value))

    @on(Input.Changed, "#edit-line")
    def typed(self, event: Input.Changed) -> None:
        """Builds the frame when the typing pauses."""
        event.stop()
        self._build()

    @on(RowsView.Chosen, "#edit-fields")
    def taken(self, event: RowsView.Chosen) -> None:
        """A field of the tree into the line, with its value."""
        event.stop()
        tree = self.query_one("#edit-fields", FieldTree)
        if tree.current is None:
            return
        line = self._line
        before = line.value.rpartition(";")[0]
        line.value = f"{before}; {tree.path_names()}=" if before else f"{tree.path_names()}="
        line.focus()
        line.cursor_position = len(line.value)
        self._say(Text(f"{tree.current.name} is {value_text(tree.current) or 'a group'} now"))

    def _build(self) -> None:
        message, keys = self.message, self._app.session.keys
        if message is None:
            return
        settings = []
        for part in filter(None, (part.strip() for part in self._line.value.split(";"))):
            path, equals, value = part.partition("=")
            if not equals or not value.strip():
                self._built(message, b"", f"{path}: type = and a value", "")
                return
            settings.append((path.strip(), value.strip()))

        def work(_stop: Stop) -> tuple[bytes, str, str]:
            if not settings:
                return b"", "", "Nothing is set: Enter on a field takes it into the line."
            try:
                made = edited(message, settings, keys)
            except (EditError, NotBuildable) as problem:
                return b"", str(problem), ""
            kept = any(path.endswith("invocation_counter") for path, _ in settings)
            note = f" Sealed under the counter of the sent frame: {SAME_COUNTER}." if made.resealed and not kept else ""
            return made.data, "", f"Lengths, check sequences and tags are right.{note} c copies it outside the line."

        self._app.background.run("edit", work, lambda made: self._built(message, *made), PAUSE)

    def _built(self, message: Message, data: bytes, problem: str, said: str) -> None:
        self.frames.show(
            message.wire, data, f", message {message.number}", "Rebuilt", "Not built" if problem else "Rebuilt"
        )
        self._say(Text(f"! {problem}", "bold") if problem else Text(said))

    def _say(self, text: Text) -> None:
        self.query_one("#edit-said", Said).update(text)
