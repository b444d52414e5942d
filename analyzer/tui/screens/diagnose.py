"""What is wrong and why; what would be if; how the frame should have been."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Vertical, VerticalScroll
from textual.widgets import ContentSwitcher, Input

from analyzer import hiding
from analyzer.diagnosis import Diagnosis
from analyzer.shown import counted
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.session import Change
from analyzer.tui.widgets.diagnosis_edit import EditPanel
from analyzer.tui.widgets.diagnosis_frames import TwoFrames
from analyzer.tui.widgets.diagnosis_rows import FindingRow, FindingRows, first_cause, rows_of
from analyzer.tui.widgets.diagnosis_try import TryPanel
from analyzer.tui.widgets.diagnosis_words import words_of
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.said import Said


class Evidence(VerticalScroll):
    """The words of a finding."""

    ALLOW_MAXIMIZE = True


class DiagnoseScreen(BaseScreen):
    """Findings, suppositions, and the edited frame: three views of one screen."""

    place: ClassVar[str] = "diagnose"
    help_text: ClassVar[str] = """
Findings in the order of causes: the first is the earliest sufficient cause, and what follows from another says of which.
Enter jumps to the octets of the evidence. Below stand the frame as it was sent and as it should have been; c copies that.

h supposes other keys, titles, counters, authenticated data or protection, and shows at once which APDUs verify under that and
what their text would be. Ctrl+R searches for what explains the rest, Ctrl+S takes the keys of the form over, Ctrl+N begins
again with the given ones, Ctrl+G shows or masks the keys. Authenticated data is written as parts in their order: SC AK H is the
standard's.

e sets fields of the message and builds the frame again. Escape leaves a field, then goes back to the findings.
"""
    CSS = """
    #diagnose-views { height: 1fr; }
    #view-findings { height: 1fr; }
    #findings-top { height: 2fr; layout: vertical; }
    DiagnoseScreen.-middle #findings-top, DiagnoseScreen.-wide #findings-top { layout: horizontal; }
    #findings { height: 4fr; width: 1fr; }
    #finding-words { height: 3fr; width: 1fr; padding: 0 1; }
    DiagnoseScreen.-middle #findings, DiagnoseScreen.-wide #findings { height: 1fr; width: 1fr; }
    DiagnoseScreen.-middle #finding-words, DiagnoseScreen.-wide #finding-words { height: 1fr; width: 1fr; }
    #finding-text { height: auto; }
    #finding-frames { height: 1fr; min-height: 5; }
    DiagnoseScreen.-tall #finding-frames { min-height: 11; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h", "suppose", "Suppose", tooltip="suppose other keys, titles, counters, data"),
        Binding("e", "edit", "Edit", tooltip="set fields of the message and build the frame again"),
        Binding("c", "copy", "Copy right", tooltip="copy the corrected or rebuilt frame in hexadecimal"),
        Binding("C", "copy_sent", "Copy sent", show=False, tooltip="copy the frame as it was sent"),
        Binding("o", "open", "Open", show=False, tooltip="show message and octets of the evidence"),
        Binding("n", "finding(1)", "Next", show=False, tooltip="next finding"),
        Binding("N", "finding(-1)", "Previous", show=False, tooltip="previous finding"),
        Binding("z", "zoom", "Zoom", show=False, tooltip="the pane in use alone, and back"),
        Binding("ctrl+r", "search", "Search", tooltip="search for what explains what does not verify", priority=True),
        Binding("ctrl+s", "apply", "Take keys", tooltip="take the keys of the form over", priority=True),
        Binding("ctrl+n", "restore", "As given", show=False, tooltip="the form as it was given", priority=True),
        Binding("ctrl+g", "unmask", "Show keys", show=False, tooltip="show or mask the keys", priority=True),
    ]

    def body(self) -> ComposeResult:
        with ContentSwitcher(initial="view-findings", id="diagnose-views"):
            with Vertical(id="view-findings"):
                with Container(id="findings-top"):
                    yield FindingRows(id="findings", classes="pane")
                    with Evidence(id="finding-words", classes="pane") as words:
                        words.border_title = "Evidence"
                        yield Said("", id="finding-text", markup=False)
                yield TwoFrames(id="finding-frames")
            yield TryPanel(id="view-try")
            yield EditPanel(id="view-edit")

    def on_mount(self) -> None:
        """Diagnoses what is open."""
        self._kept: tuple[int, int] | None = None
        self._rows.border_title = "Findings"
        self._rows.focus()
        self._diagnose()

    @property
    def _rows(self) -> FindingRows:
        return self.query_one("#findings", FindingRows)

    @property
    def _views(self) -> ContentSwitcher:
        return self.query_one("#diagnose-views", ContentSwitcher)

    @property
    def view(self) -> str:
        """Which of the three is in front: findings, try, edit."""
        return (self._views.current or "view-findings").removeprefix("view-")

    def session_changed(self, change: Change) -> None:
        """Diagnoses again with other traces or keys."""
        if change == "traces":
            self._kept = None
            self.query_one(TryPanel).stop_search()
            if self.view == "edit":
                self._show("findings")
        if change in ("traces", "keys", "settled"):
            self._diagnose()
            if change != "settled" and self.view == "try":
                self.query_one(TryPanel).begin()

    # Findings

    def _diagnose(self) -> None:
        session = self.session
        if not session.traces:
            self.dlmscope.background.cancel("diagnose")
            self._rows.show((), 0)
            self._words(Text("Nothing is open. Press 1 to paste, Ctrl+O to open a file.", "italic"))
            self.query_one("#finding-frames", TwoFrames).show(b"", b"")
            return
        self._rows.border_subtitle = "diagnosing ..."
        self.dlmscope.background.run("diagnose", session.diagnosis, self._diagnosed)

    def _diagnosed(self, diagnoses: list[Diagnosis]) -> None:
        rows = rows_of(diagnoses)
        cursor = first_cause(rows)
        if self._kept is not None:
            same = [n for n, row in enumerate(rows) if row.finding and (row.trace, row.finding.id) == self._kept]
            cursor = same[0] if same else cursor
        self._rows.show(rows, cursor)
        errors = sum(row.finding is not None and row.finding.severity == "error" for row in rows)
        failing = sum(diagnosis.health == "failing" for diagnosis in diagnoses)
        self._rows.border_subtitle = (
            f"{counted(errors, 'error')}, {failing} of {counted(len(diagnoses), 'trace')} failing"
        )
        self._look()

    @on(RowsView.Moved, "#findings")
    def moved(self) -> None:
        """Another finding."""
        row = self._rows.current
        self._kept = (row.trace, row.finding.id) if row is not None and row.finding is not None else None
        self._look()

    def _look(self) -> None:
        row = self._rows.current
        if row is None:
            return
        self._words(words_of(row))
        frames, finding = self.query_one("#finding-frames", TwoFrames), row.finding
        if finding is None or finding.message is None:
            frames.show(b"", b"", missing="No corrected frame")
            return
        sent = row.diagnosis.wires.get(finding.message, b"")
        if finding.fixed_bytes is not None:
            frames.show(sent, finding.fixed_bytes, f", message {finding.message}")
            return
        self._point(row, frames)

    def _point(self, row: FindingRow, frames: TwoFrames) -> None:
        """The octets that a finding without corrected frame is about."""
        finding = row.finding
        messages = self.session.so_far(row.trace)[0]
        number = finding.message if finding is not None else None
        if finding is None or number is None or number > len(messages):
            frames.show(b"", b"", missing="No corrected frame")
            return
        message, span = messages[number - 1], finding.span
        if span is None or span.message not in (None, number):
            frames.point(message.wire, 0, 0, f"Message {number}, {len(message.wire)} octets")
            return
        known = span.buffer == 0 or any(buffer.id == span.buffer for buffer in message.buffers)
        data = message.octets(span.buffer) if known else message.wire
        what = "opened text of message" if span.buffer and known else "Message"
        frames.point(data, span.start if known else 0, span.end if known else 0, f"{what} {number}")

    def _words(self, text: Text) -> None:
        self.query_one("#finding-text", Said).update(text)
        self.query_one("#finding-words", VerticalScroll).scroll_home(animate=False)

    @on(RowsView.Chosen, "#findings")
    def chosen(self) -> None:
        """Enter on a finding: the octets of its evidence."""
        self.action_open()

    # Views

    def _show(self, view: str) -> None:
        self._views.current = f"view-{view}"
        if view == "findings":
            self._rows.focus()
        self.refresh_bindings()

    def action_suppose(self) -> None:
        """The form of suppositions."""
        self._show("try")
        self.query_one(TryPanel).begin()

    def action_edit(self) -> None:
        """The fields of the message of this finding."""
        row = self._rows.current
        if row is None:
            self.notify("There is no message to edit yet", timeout=2)
            return
        number = row.finding.message if row.finding is not None else None
        self._show("edit")
        self.query_one(EditPanel).begin(row.trace, number or 1)

    def action_leave_field(self) -> None:
        """Escape: out of the field, then back to the findings."""
        if self.unzoomed():
            return
        if isinstance(self.focused, Input):
            rows = "#trials" if self.view == "try" else "#edit-fields"
            self.query_one(rows).focus()
        elif self.view != "findings":
            self._show("findings")
        else:
            self._rows.focus()

    def action_zoom(self) -> None:
        """The pane in use alone, and back."""
        self.zoom()

    def action_finding(self, by: int) -> None:
        """The next finding."""
        rows, here = self._rows.rows, self._rows.cursor
        places = [n for n, row in enumerate(rows) if row.finding is not None]
        ahead = [n for n in places if (n > here if by > 0 else n < here)]
        if places:
            self._rows.move((ahead or places)[0 if by > 0 else -1])

    def action_open(self) -> None:
        """The message in the trace screen, with the octets of the evidence lit."""
        row = self._rows.current
        if row is None or row.finding is None or row.finding.message is None:
            return
        span = row.finding.span
        number = span.message if span is not None and span.message is not None else row.finding.message
        self.dlmscope.show_message(row.trace, number, span)

    # Copying

    def action_copy(self) -> None:
        """The corrected frame, or the one that was rebuilt."""
        frames = self._frames()
        if not frames.right:
            self.notify("There is no corrected frame here", timeout=2)
            return
        self._copy(frames.right, "Corrected frame" if self.view != "edit" else "Rebuilt frame")

    def action_copy_sent(self) -> None:
        """The frame as it was sent."""
        if self._frames().sent:
            self._copy(self._frames().sent, "Sent frame")

    def _frames(self) -> TwoFrames:
        return self.query_one(EditPanel).frames if self.view == "edit" else self.query_one("#finding-frames", TwoFrames)

    def _copy(self, data: bytes, what: str) -> None:
        if hiding.are_hidden():
            self.notify("Values are covered (--redact=payload): frames are not copied from here", severity="warning")
            return
        self.app.copy_to_clipboard(data.hex(" ").upper())
        self.notify(f"{what} copied ({len(data):,} octets)", timeout=2)

    # The form

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Keys of the form belong to its view."""
        if action in ("search", "apply", "restore", "unmask"):
            return self.is_mounted and self.view == "try"
        return True

    def action_search(self) -> None:
        """Searches for what explains what does not verify."""
        self.query_one(TryPanel).run_search()

    def action_apply(self) -> None:
        """The keys of the form serve everywhere."""
        self.query_one(TryPanel).apply()

    def action_restore(self) -> None:
        """The form as it was given."""
        self.query_one(TryPanel).restore()

    def action_unmask(self) -> None:
        """Shows the keys, or masks them."""
        self.query_one("SuppositionForm").toggle_mask()  # type: ignore[attr-defined]
