"""The messages of a trace, the fields of one, its octets on the wire and opened, and what a field means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input

from analyzer.diagnosis import Diagnosis
from analyzer.message import Message
from analyzer.model import Finding, Severity, Span
from analyzer.tree import tree_of
from analyzer.tui import copying, filters
from analyzer.tui.origins import origin
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.screens.trace_keys import HELP, KEYS
from analyzer.tui.session import Change
from analyzer.tui.widgets.bytes_view import BytesView, Lit
from analyzer.tui.widgets.field_tree import FieldTree
from analyzer.tui.widgets.message_list import MessageList
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.words import Words

WORST: tuple[Severity, ...] = ("error", "warning", "info")
PAUSE = 0.12
SMALL = 5_000  # records of all traces; in more, findings are looked for when somebody asks for them


class TraceScreen(BaseScreen):
    """Message list on top, field tree and octets beneath, words below."""

    place: ClassVar[str] = "trace"
    help_text: ClassVar[str] = HELP
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def body(self) -> ComposeResult:
        yield Input(id="line", compact=True)
        yield MessageList(id="messages", classes="pane")
        with Horizontal(id="trace-low"):
            yield FieldTree(id="fields", classes="pane")
            with Vertical(id="octets"):
                yield BytesView(id="wire", classes="pane")
                yield BytesView(id="opened", classes="pane")
        yield Words(id="words")

    def on_mount(self) -> None:
        """Shows the first trace."""
        self.index = 0
        self._asking = ""
        self._pending = False
        self._filter = ""
        self._inner = 0
        self._frames: tuple[int, int] | None = None
        self._bookmarks: dict[int, set[int]] = {}
        self._findings: dict[int, list[Finding]] = {}
        self._wanted: tuple[int, Span | None] | None = None
        self._shown: Message | None = None
        self._findings_wanted = False
        self._mark: Span | None = None  # octets of the finding that was jumped to
        self._list.border_title, self._tree.border_title = "Messages", "Fields"
        self.query_one("#wire").border_title = "Wire"
        self.query_one("#line").display = False
        self._open_trace(0)
        self._list.focus()

    @property
    def _list(self) -> MessageList:
        return self.query_one("#messages", MessageList)

    @property
    def _tree(self) -> FieldTree:
        return self.query_one("#fields", FieldTree)

    @property
    def _words(self) -> Words:
        return self.query_one("#words", Words)

    def _view(self, buffer: int) -> BytesView:
        """The view of the wire, or that of what was opened."""
        return self.query_one("#opened" if buffer else "#wire", BytesView)

    # What is shown

    def _open_trace(self, index: int) -> None:
        """Shows a trace from its first message; what is decoded comes as it comes."""
        session = self.session
        self.index = max(0, min(index, len(session.traces) - 1))
        self._findings, self._filter = {}, ""
        if not session.traces:
            self._list.findings, self._list.bookmarks = {}, set()
            self._list.display_messages(())
            self._title()
            self._show(None)
            return
        index = self.index
        self._list.findings, self._list.bookmarks = {}, self._bookmarks.setdefault(index, set())
        self._list.display_messages(session.so_far(index)[0])
        self._title()
        self._choose()
        self._decode()

    def _decode(self) -> None:
        """Messages first, then findings; in threads."""
        session, background, index = self.session, self.dlmscope.background, self.index
        background.run("messages", lambda stop: session.messages(index, stop), lambda _: self._grown())
        if sum(map(len, session.traces)) <= SMALL or self._findings_wanted:
            background.run("findings", lambda stop: session.diagnosis(stop), self._found)

    def session_changed(self, change: Change) -> None:
        """Begins again with other traces; with other keys stays where it is."""
        if change == "decoded":
            self._grown()
            return
        if change == "traces":
            self._bookmarks, self._findings_wanted = {}, False
            self._open_trace(0)
            return
        message = self._list.current
        if message is not None and self._wanted is None:
            self._wanted = (message.number, None)
        self._open_trace(self.index)

    def _grown(self) -> None:
        """More messages are there."""
        if not self.session.traces:
            return
        self._list.messages = self.session.so_far(self.index)[0]
        self._list.rows_changed()
        self._title()
        if self._wanted is not None and self._wanted[0] <= len(self._list.messages):
            number, span = self._wanted
            self._wanted = None
            self._go(number, span)
        elif self._shown is None or self._shown is not self._list.current:
            self._choose()

    def _found(self, diagnoses: Sequence[Diagnosis]) -> None:
        if self.index >= len(diagnoses):
            return
        worst: dict[int, Severity] = {}
        self._findings = {}
        for finding in diagnoses[self.index].findings:
            if finding.message is not None:
                self._findings.setdefault(finding.message, []).append(finding)
                before = worst.get(finding.message, "info")
                worst[finding.message] = min(before, finding.severity, key=WORST.index)
        self._list.findings = worst
        self._list.refresh()
        self._title()
        self._describe()

    def _title(self) -> None:
        traces = self.session.traces
        if not traces:
            self._list.border_title, self._list.border_subtitle = "Messages", ""
            return
        messages, complete = self.session.so_far(self.index)
        of = f" ({self.index + 1} of {len(traces)})" if len(traces) > 1 else ""
        self._list.border_title = f"{traces[self.index].name}{of}".replace("[", "\\[")
        total = f"{len(messages):,} messages" if complete else f"{len(messages):,} messages, decoding ..."
        if complete and self.session.is_cut(self.index):
            total = f"the first {len(messages):,} messages of {len(traces[self.index]):,} records, + decodes more"
        if self._filter and self._list.shown is not None:
            total = f"{len(self._list.shown):,} of {total} with {self._filter}"
        self._list.border_subtitle = total.replace("[", "\\[")

    def _choose(self) -> None:
        """Shows the message under the cursor."""
        self._pending = False
        message = self._list.current
        if message is not self._shown:
            self._show(message)
        self._light_frame()

    def _show(self, message: Message | None) -> None:
        self._shown, self._mark = message, None
        opened = self._view(1)
        opened.display = message is not None and bool(message.buffers)
        if message is None:
            self._tree.show(None, {})
            self._view(0).show(b"")
            self._words.say(Text("Nothing is open. Press 1 to paste, Ctrl+O to open a file.", "italic"))
            return
        octets = {0: message.wire} | {buffer.id: buffer.data for buffer in message.buffers}
        self._tree.show(tree_of(message), octets)
        wire = self._view(0)
        wire.show(message.wire)
        wire.border_title = f"Wire, {len(message.wire)} octets"
        self._inner = 0
        if message.buffers:
            self._show_buffer(message.buffers[-1].id)
        self._describe()

    def _show_buffer(self, number: int) -> None:
        message = self._shown
        if message is None or number == self._inner:
            return
        self._inner = number
        buffer = next(b for b in message.buffers if b.id == number)
        view = self._view(1)
        view.show(buffer.data)
        which = f" ({number} of {len(message.buffers)})" if len(message.buffers) > 1 else ""
        verdict = message.security.verdict if message.security is not None and buffer.how == "decrypted" else ""
        marked = "" if verdict in ("", "verified") else ", NOT AUTHENTICATED"
        view.border_title = f"{buffer.how.capitalize()}{which}, {len(buffer.data)} octets{marked}"

    @on(RowsView.Moved, "#messages")
    def message_chosen(self) -> None:
        """Another message, or a frame of it. The list is drawn first, so that paging does not wait for the fields."""
        if not self._pending:
            self._pending = True
            self.call_after_refresh(self._choose)

    def _light_frame(self) -> None:
        message, frame = self._shown, self._list.frame
        if message is None or frame is None:
            self._light()
            return
        start = sum(len(f.data) for f in message.frames[:frame])
        self._view(0).light([Lit(start, start + len(message.frames[frame].data))])

    @on(RowsView.Moved, "#fields")
    def field_chosen(self) -> None:
        """Another field: its octets are lit."""
        self._light()

    def _light(self) -> None:
        node, message = self._tree.current, self._shown
        if node is None or message is None:
            return
        if node.buffer:
            self._show_buffer(node.buffer)
        here, there = (self._inner, 0) if node.buffer else (0, self._inner)
        self._view(there).light([*origin(message, node, self._inner), *self._marked(there)])
        lit, marked = Lit(node.start, node.end), self._marked(here)
        whole = (here, lit.start, lit.end) == (0, 0, len(message.wire))  # nothing stands out of all
        same = any((mark.start, mark.end) == (lit.start, lit.end) for mark in marked)
        self._view(here).light(marked if same or whole else [*marked, lit])
        self._describe()

    def _marked(self, buffer: int) -> list[Lit]:
        mark = self._mark
        return [Lit(mark.start, mark.end, "finding")] if mark is not None and mark.buffer == buffer else []

    @on(BytesView.Selected)
    def octet_chosen(self, event: BytesView.Selected) -> None:
        """An octet: the innermost field that covers it."""
        buffer = 0 if event.view.id == "wire" else self._inner
        path = self._tree.covering(buffer, event.offset)
        if path is not None:
            self._tree.select(path)

    # Words

    def _describe(self) -> None:
        message, node = self._shown, self._tree.current
        if message is not None and node is not None:
            self._words.describe(node, self._tree.path_names(), self._findings.get(message.number, ()))

    # Going somewhere

    def show_message(self, trace: int, number: int, span: Span | None = None) -> None:
        """Selects a message of a trace, with the field of a span, or its octets, lit."""
        if trace != self.index:
            self._open_trace(trace)
        if number > len(self._list.messages):
            self._wanted = (number, span)
            return
        self._go(number, span)

    def _go(self, number: int, span: Span | None = None) -> None:
        if not self._list.go_to(number - 1):
            if not 1 <= number <= len(self._list.messages):
                self.notify(f"There is no message {number}", severity="warning")
                return
            self._list.filter(None)
            self._filter = ""
            self._list.go_to(number - 1)
            self._title()
        self._choose()
        if span is not None and self._shown is not None:
            path = self._tree.matching(span.buffer, span.start, max(span.end, span.start + 1))
            if path is not None:
                self._tree.select(path)
                self._tree.focus()
            if span.buffer:
                self._show_buffer(span.buffer)
            self._mark = span
            self._view(span.buffer).light(self._marked(span.buffer))

    def action_finding(self, by: int) -> None:
        """The next message with a finding, of those that are shown; from the last one again to the first."""
        if not self._findings_wanted and sum(map(len, self.session.traces)) > SMALL:
            self._findings_wanted = True
            self.notify("Looking for findings; this takes a while in a long trace")
            self._decode()
            return
        here = self._shown.number if self._shown is not None else 0
        self._jump(sorted(self._list.findings), here, by, "There is no finding in this trace")

    def action_next_bookmark(self) -> None:
        """The next bookmark."""
        here = self._shown.number if self._shown is not None else 0
        self._jump(sorted(self._list.bookmarks), here, 1, "There is no bookmark; b sets one")

    def _jump(self, numbers: list[int], here: int, by: int, none: str) -> None:
        if not numbers:
            self.notify(none)
            return
        ahead = [n for n in numbers if (n > here if by > 0 else n < here)]
        number = (ahead or numbers)[0 if by > 0 else -1]
        finding = next(iter(self._findings.get(number, ())), None)
        span = finding.span if finding is not None and "Finding" not in none else None
        self._go(number, span if span is not None and span.message in (None, number) else None)

    def action_bookmark(self) -> None:
        """Sets or removes a bookmark."""
        if self._shown is not None:
            self._list.bookmarks ^= {self._shown.number}
            self._bookmarks[self.index] = self._list.bookmarks
            self._list.refresh()

    def action_trace(self, by: int) -> None:
        """The next trace of those that are open."""
        if len(self.session.traces) > 1:
            self._shown = None
            self._open_trace((self.index + by) % len(self.session.traces))
            self._list.move(0)

    def action_more(self) -> None:
        """Decodes more of a trace that is too long to be decoded at once."""
        if self.session.traces and self.session.is_cut(self.index):
            self.session.want_more(self.index)
            self._decode()

    def action_next_buffer(self) -> None:
        """The next buffer that was opened."""
        if self._shown is not None and self._shown.buffers:
            self._show_buffer(self._inner % len(self._shown.buffers) + 1)

    def action_zoom(self) -> None:
        """The pane in use alone, and back."""
        if self.maximized is not None:
            self.minimize()
        elif isinstance(self.focused, RowsView | BytesView):
            self.maximize(self.focused, container=False)

    # The line: filter, or a number

    def action_filter(self) -> None:
        """Asks for filter words."""
        self._ask(
            "filter",
            self._filter,
            "filter: text dir: apdu: obis: frame: sec: find: hex: is:   Enter keeps, Escape ends",
        )

    def action_go_to(self) -> None:
        """Asks for a number."""
        self._ask("number", "", "number of a message")

    def _ask(self, what: str, value: str, hint: str) -> None:
        line = self.query_one("#line", Input)
        self._asking = what
        line.placeholder = hint
        with self.prevent(Input.Changed):
            line.value = value
        line.display = True
        line.focus()

    def action_leave_field(self) -> None:
        """Escape: out of the line, then out of the filter, then to the messages."""
        line = self.query_one("#line", Input)
        if line.display:
            line.display = False
        elif self.maximized is not None:
            self.minimize()
        elif self._filter:
            self._filtered("", None)
        self._list.focus()

    @on(Input.Changed, "#line")
    def typed(self, event: Input.Changed) -> None:
        """Filters when the typing pauses; in a thread, and the next key cancels it."""
        event.stop()
        line = event.value.strip()
        if self._asking != "filter":
            return
        try:
            tests = filters.parse(line)
        except filters.FilterError as problem:
            self._list.border_subtitle = f"! {problem}".replace("[", "\\[")
            return
        messages = self._list.messages
        facts = filters.Facts(self._list.findings, frozenset(self._list.bookmarks))
        self.dlmscope.background.run(
            "filter",
            lambda stop: filters.matching(messages, tests, facts, stop) if tests else None,
            lambda shown: self._filtered(line, shown),
            PAUSE,
        )

    def _filtered(self, line: str, shown: list[int] | None) -> None:
        here = self._list.index_at(self._list.cursor)
        self._filter = line
        self._list.filter(shown)
        if here is None or not self._list.go_to(here):
            self._list.move(0)
        self._title()
        self._choose()

    @on(Input.Submitted, "#line")
    def entered(self, event: Input.Submitted) -> None:
        """Enter: the number, or back to the messages with the filter kept."""
        event.stop()
        event.input.display = False
        self._list.focus()
        if self._asking == "number":
            text = event.value.strip().replace(",", "")
            if text.isdigit():
                self._go(int(text))
            elif text:
                self.notify(f"{event.value}: is no number", severity="warning", markup=False)

    # Copying

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(f"{what} copied ({len(text):,} characters)", markup=False, timeout=2)

    def action_copy_field(self) -> None:
        """The value of the field: its octets in hexadecimal for a group, else the value."""
        if self._shown is not None and (node := self._tree.current) is not None:
            self._copy(copying.field_text(self._shown, node), node.name)

    def action_copy_frame(self) -> None:
        """The frame in hexadecimal; all frames of a message, a line each."""
        if self._shown is not None:
            self._copy(copying.frame_text(self._shown, self._list.frame), f"Message {self._shown.number}")

    def action_copy_json(self) -> None:
        """The message as `dlmscope decode --format json` gives it."""
        if self._shown is not None:
            self._copy(copying.json_text(self._shown), f"Message {self._shown.number} as JSON")
