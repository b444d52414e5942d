"""The messages of a trace, the fields of one, its octets on the wire and opened, and what a field means."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from analyzer.diagnosis import Diagnosis
from analyzer.message import Message
from analyzer.model import Finding, Severity, Span
from analyzer.shown import counted
from analyzer.tui import copying, filters
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.screens.trace_keys import HELP, KEYS
from analyzer.tui.screens.trace_panes import Panes
from analyzer.tui.session import Change, Stop
from analyzer.tui.widgets.ask_line import AskLine
from analyzer.tui.widgets.bytes_view import BytesView
from analyzer.tui.widgets.field_tree import FieldTree
from analyzer.tui.widgets.message_list import MessageList
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.words import Words

WORST: tuple[Severity, ...] = ("error", "warning", "info")
PAUSE = 0.12
SILENT = 2.0  # seconds after which another trace is followed
COUNTED_LATER = 2.0  # seconds until the messages of a long trace are counted, so that the first are seen before
NONE_PASSES = "No message passes the filter. Escape shows all."
SMALL = 5_000  # records of all traces; in more, findings are looked for when somebody asks for them


class TraceScreen(BaseScreen):
    """Message list on top, field tree and octets beneath, words below."""

    place: ClassVar[str] = "trace"
    help_text: ClassVar[str] = HELP
    BINDINGS: ClassVar[list[BindingType]] = KEYS

    def body(self) -> ComposeResult:
        yield AskLine(id="line")
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
        self._pending = False
        self._filter = ""
        self._tests: list[filters.Test] = []
        self.following = self.dlmscope.watching  # the end of what is watched stays in sight
        self._bookmarks: dict[int, set[int]] = {}
        self._findings: dict[int, list[Finding]] = {}
        self._filtered_to = 0  # messages that the filter was applied to
        self._wanted: tuple[int, Span | None] | None = None
        self._findings_wanted = False
        views = self.query_one("#wire", BytesView), self.query_one("#opened", BytesView)
        self._panes = Panes(self.query_one("#fields", FieldTree), views, self.query_one("#words", Words))
        self._list.border_title = "Messages"
        self._open_trace(0)
        self._list.focus()

    @property
    def _list(self) -> MessageList:
        return self.query_one("#messages", MessageList)

    @property
    def _line(self) -> AskLine:
        return self.query_one("#line", AskLine)

    # What is shown

    def _open_trace(self, index: int) -> None:
        """Shows a trace from its first message; what is decoded comes as it comes."""
        session = self.session
        self.index = max(0, min(index, len(session.traces) - 1))
        self._findings, self._filter, self._tests = {}, "", []
        if not session.traces:
            self._list.findings, self._list.bookmarks = {}, set()
            self._list.display_messages(())
            self._title()
            self._panes.show(None, instead="Nothing is open. Press 1 to paste, Ctrl+O to open a file, F7 to capture.")
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
        if session.is_worth_counting(index):
            background.run("count", lambda stop: session.count(index, stop), lambda _: self._title(), COUNTED_LATER)
        if not self._is_much() or self._findings_wanted:
            background.run("findings", self._diagnosed, self._found)

    def _is_much(self) -> bool:
        """Whether findings are looked for only when somebody asks for them."""
        session = self.session
        return sum(map(len, session.traces)) > SMALL or any(map(session.is_long, range(len(session.traces))))

    def _diagnosed(self, stop: Stop) -> Sequence[Diagnosis]:
        """The findings; none where it shows only now that the traces are long, and nobody has asked for them."""
        for index in range(len(self.session.traces)):
            self.session.messages(index, stop)
        return self.session.diagnosis(stop) if self._findings_wanted or not self._is_much() else ()

    def session_changed(self, change: Change) -> None:
        """Begins again with other traces; with other keys stays where it is."""
        if change in ("decoded", "grown"):
            self._grown()
            return
        if change == "settled":
            self._decode()
            return
        if change == "traces":
            self._bookmarks, self._findings_wanted = {}, False
            self.following = self.dlmscope.watching
            self._open_trace(0)
            return
        message = self._list.current
        if message is not None and self._wanted is None and not self.following:
            self._wanted = (message.number, None)
        self._open_trace(self.index)

    def _grown(self) -> None:
        """More messages are there. Whoever has scrolled away from the end stays where he is."""
        session, rows = self.session, self._list
        if not session.traces:
            return
        if self.following and rows.scrolled_up:
            self.following = False
        if self.following and (latest := self._latest()) != self.index:
            self._open_trace(latest)
        messages = session.so_far(self.index)[0]
        if messages is not rows.messages:  # decoded anew
            rows.display_messages(messages)
            self._filter, self._tests = "", []
            self._panes.forget()
        rows.more(self._passed(len(messages)))
        if self.following:
            rows.rows_changed(rows.row_count() - 1)
        self._title()
        if self._wanted is not None and self._wanted[0] <= len(messages):
            number, span = self._wanted
            self._wanted = None
            self._go(number, span)
        elif self._panes.message is None or self._panes.message is not rows.current:
            self._choose()

    def _latest(self) -> int:
        """The trace to follow: the one that had something last, once the shown one is silent for a while."""
        session = self.session
        heard = [session.heard(index) for index in range(len(session.traces))]
        latest = max(range(len(heard)), key=heard.__getitem__)
        return latest if heard[latest] > heard[self.index] + SILENT else self.index

    def _passed(self, end: int) -> Sequence[int]:
        """Which of the messages that have come since the filter was applied pass it."""
        rows = self._list
        if rows.shown is None:
            return ()
        facts = filters.Facts(rows.findings, frozenset(rows.bookmarks))
        new = range(self._filtered_to, end)
        self._filtered_to = max(end, self._filtered_to)
        return [n for n in new if all(test(rows.messages[n], facts) for test in self._tests)]

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
        self._panes.describe(self._findings_of(self._panes.message))

    def _title(self) -> None:
        traces = self.session.traces
        if not traces:
            self._list.border_title, self._list.border_subtitle, self._list.empty = "Messages", "", ""
            return
        messages, complete = self.session.so_far(self.index)
        of = f" ({self.index + 1} of {len(traces)})" if len(traces) > 1 else ""
        self._list.border_title = f"{traces[self.index].name}{of}".replace("[", "\\[")
        total = counted(len(messages), "message") + ("" if complete else ", decoding ...")
        expected = None if complete else self.session.expected(self.index)
        if expected is not None and expected > len(messages):
            total = f"{len(messages):,} of {counted(expected, 'message')}, decoding ..."
        if complete and self.session.is_cut(self.index):
            total = f"the first {len(messages):,} messages of {len(traces[self.index]):,} records, + decodes more"
        if self.dlmscope.watching:
            total += ", following" if self.following else ", paused, f follows"
        self._list.empty = NONE_PASSES if self._filter and messages else ""
        if self._filter and self._list.shown is not None:
            total = f"{len(self._list.shown):,} of {total} with {self._filter}"
        self._list.border_subtitle = total.replace("[", "\\[")

    @on(RowsView.Moved, "#messages")
    def message_chosen(self) -> None:
        """Another message, or a frame of it. The list is drawn first, so that paging does not wait for the fields."""
        if self.dlmscope.watching:
            self.following = self._list.cursor == self._list.row_count() - 1
            self._title()
        if not self._pending:
            self._pending = True
            self.call_after_refresh(self._choose)

    def _choose(self) -> None:
        """Shows the message under the cursor, and the frame where the row is one."""
        self._pending = False
        message = self._list.current
        if message is not self._panes.message:
            self._panes.show(message, self._findings_of(message))
        self._panes.light_frame(self._list.frame)

    def _findings_of(self, message: Message | None) -> Sequence[Finding]:
        return self._findings.get(message.number, ()) if message is not None else ()

    @on(RowsView.Moved, "#fields")
    def field_chosen(self) -> None:
        """Another field: its octets are lit."""
        self._panes.light()

    @on(BytesView.Selected)
    def octet_chosen(self, event: BytesView.Selected) -> None:
        """An octet: the innermost field that covers it."""
        self._panes.select_at(event.view, event.offset)

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
        if span is not None:
            self._panes.mark(span)

    @property
    def _here(self) -> int:
        """The number of the message that is shown."""
        return self._panes.message.number if self._panes.message is not None else 0

    def action_finding(self, by: int) -> None:
        """The next message with a finding, of those that are shown; from the last one again to the first."""
        if not self._findings_wanted and self._is_much():
            self._findings_wanted = True
            self.notify("Looking for findings; this takes a while in a long trace")
            self._decode()
            return
        here = self._here
        self._jump(sorted(self._list.findings), here, by, "There is no finding in this trace")

    def action_next_bookmark(self) -> None:
        """The next bookmark."""
        here = self._here
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
        if self._panes.message is not None:
            self._list.bookmarks ^= {self._here}
            self._bookmarks[self.index] = self._list.bookmarks
            self._list.refresh()

    def action_trace(self, by: int) -> None:
        """The next trace of those that are open."""
        if len(self.session.traces) > 1:
            self._panes.forget()
            self.following = False
            self._open_trace((self.index + by) % len(self.session.traces))
            self._list.move(0)

    def action_more(self) -> None:
        """Decodes more of a trace that is too long to be decoded at once."""
        if self.session.traces and self.session.is_cut(self.index):
            self.session.want_more(self.index)
            self._decode()

    def action_follow(self) -> None:
        """To the end of what is watched, which stays in sight from now on; or no longer."""
        self.following = not self.following
        if self.following:
            self._list.move(self._list.row_count() - 1)
        self._title()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what is watched can be followed, of one trace there is no next, and a slash is typed into a field."""
        if action == "filter":
            return not isinstance(self.focused, AskLine)
        if action == "trace":
            return len(self.session.traces) > 1
        return action != "follow" or self.dlmscope.watching

    def action_next_buffer(self) -> None:
        """The next buffer that was opened."""
        self._panes.next_buffer()

    def action_zoom(self) -> None:
        """The pane in use alone, and back."""
        self.zoom()

    # The line: filter, or a number

    def action_filter(self) -> None:
        """Asks for filter words."""
        hint = "filter: text dir: apdu: obis: frame: sec: find: hex: is:   Enter keeps, Escape ends"
        self._line.ask("filter", self._filter, hint)

    def action_go_to(self) -> None:
        """Asks for a number."""
        self._line.ask("number", "", "number of a message")

    def action_leave_field(self) -> None:
        """Escape: out of the line, then out of the filter, then to the messages."""
        line = self._line
        if line.display:
            line.display = False
        elif self.unzoomed():
            return
        elif self._filter:
            self._filtered("", [], None)
        self._list.focus()

    @on(AskLine.Typed)
    def typed(self, event: AskLine.Typed) -> None:
        """Filters when the typing pauses; in a thread, and the next key cancels it."""
        if event.what != "filter" or isinstance(event, AskLine.Entered):
            return
        line = event.text
        try:
            tests = filters.parse(line)
        except filters.FilterError as problem:
            self._list.border_subtitle = f"! {problem}".replace("[", "\\[")
            return
        messages = self._list.messages
        facts = filters.Facts(self._list.findings, frozenset(self._list.bookmarks))
        self._filtered_to = len(messages)
        some = islice(messages, self._filtered_to)
        self.dlmscope.background.run(
            "filter",
            lambda stop: filters.matching(some, tests, facts, stop) if tests else None,
            lambda shown: self._filtered(line, tests, shown),
            PAUSE,
        )

    def _filtered(self, line: str, tests: list[filters.Test], shown: list[int] | None) -> None:
        here = self._list.index_at(self._list.cursor)
        self._filter, self._tests = line, tests
        self._list.filter(shown)
        if here is None or not self._list.go_to(here):
            self._list.move(0)
        self._title()
        self._choose()

    @on(AskLine.Entered)
    def entered(self, event: AskLine.Entered) -> None:
        """Enter: the number, or back to the messages with the filter kept."""
        self._list.focus()
        if event.what == "number":
            text = event.text.replace(",", "")
            if text.isdigit():
                self._go(int(text))
            elif text:
                self.notify(f"{event.text}: is no number", severity="warning", markup=False)

    # Copying

    def _copy(self, text: str, what: str) -> None:
        self.app.copy_to_clipboard(text)
        self.notify(f"{what} copied ({len(text):,} characters)", markup=False, timeout=2)

    def action_copy_field(self) -> None:
        """The value of the field: its octets in hexadecimal for a group, else the value."""
        message, node = self._panes.message, self._panes.node
        if message is not None and node is not None:
            self._copy(copying.field_text(message, node), node.name)

    def action_copy_frame(self) -> None:
        """The frame in hexadecimal; all frames of a message, a line each."""
        if (message := self._panes.message) is not None:
            self._copy(copying.frame_text(message, self._list.frame), f"Message {message.number}")

    def action_copy_json(self) -> None:
        """The message as `dlmscope decode --format json` gives it."""
        if (message := self._panes.message) is not None:
            self._copy(copying.json_text(message), f"Message {message.number} as JSON")
