"""Two traces compared: messages side by side, fields beneath, octets of both below."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll

from analyzer.comparison import Diff, totals_of
from analyzer.inputs import open_traces
from analyzer.message import Message
from analyzer.model import Span, Trace
from analyzer.report.diff_text import LEGEND, headline, short
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.screens.choice import Choice
from analyzer.tui.screens.picker import FilePicker
from analyzer.tui.session import Change, Stop
from analyzer.tui.widgets.bytes_view import BytesView, Lit
from analyzer.tui.widgets.diff_octets import field_node, lit_of
from analyzer.tui.widgets.diff_rows import DiffRow, DiffRows, place_of, rows_of
from analyzer.tui.widgets.rows_view import RowsView
from analyzer.tui.widgets.said import Said


@dataclass(frozen=True, slots=True)
class Lights:
    """What to light on the left and right, in which buffers, and the field that is chosen."""

    ranges: tuple[list[Lit], list[Lit]]
    buffers: tuple[int, int]
    fields: tuple[Lit | None, Lit | None]


class DiffScreen(BaseScreen):
    """Two columns, aligned by message."""

    place: ClassVar[str] = "diff"
    help_text: ClassVar[str] = f"""
Two traces side by side; messages that correspond stand in one row, one without a partner faces a gap. Beneath stand the
fields that differ, with the value of either side in its column. Ciphered messages are compared as plain text where
the keys open both. Signs: {LEGEND}.

Below are the octets of both messages: those that differ are underlined, those of an expected difference are in italics. Any
two of the open traces can be chosen, and further files opened beside them.
"""
    CSS = """
    #diff-head { height: auto; max-height: 3; padding: 0 1; background: $boost; }
    #diff-rows { height: 3fr; min-height: 6; }
    #diff-low { height: 1fr; min-height: 5; }
    DiffScreen.-tall #diff-low { min-height: 9; }
    #diff-low BytesView { width: 1fr; height: 1fr; }
    #diff-words { height: auto; max-height: 2; padding: 0 1; }
    DiffScreen.-tall #diff-words { max-height: 6; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "walk(1)", "Next", tooltip="next difference that matters"),
        Binding("D", "walk(-1)", "Previous", show=False, tooltip="previous difference that matters"),
        Binding("f", "first", "First", tooltip="first divergence"),
        Binding("e", "expected", "Expected", show=False, tooltip="show or hide expected differences"),
        Binding("a", "choose(0)", "Left", tooltip="choose the trace on the left"),
        Binding("b", "choose(1)", "Right", tooltip="choose the trace on the right"),
        Binding("z", "zoom", "Zoom", show=False, tooltip="the pane in use alone, and back"),
        Binding("x", "swap", "Swap", show=False, tooltip="exchange left and right"),
        Binding("w", "buffer", "Wire/text", tooltip="octets on the wire, or opened"),
        Binding("enter,o", "open(0)", "Open", show=False, tooltip="open the left message in the trace screen"),
        Binding("O", "open(1)", "Open right", show=False, tooltip="open the right message in the trace screen"),
        Binding("c", "copy", "Copy", show=False, tooltip="copy the difference as a line of text"),
    ]

    def body(self) -> ComposeResult:
        yield Said("", id="diff-head", markup=False)
        yield DiffRows(id="diff-rows", classes="pane")
        with Horizontal(id="diff-low"):
            yield BytesView(id="octets-a", classes="pane")
            yield BytesView(id="octets-b", classes="pane")
        with VerticalScroll(id="diff-words", can_focus=False):
            yield Said("", id="diff-why", markup=False)

    def on_mount(self) -> None:
        """Compares the first two traces that are open."""
        self.sides = (0, 1)
        self._traces: tuple[Trace | None, ...] = (None, None)
        self._result: Diff | None = None
        self._expected = True
        self._opened = False  # the octets of what was opened, not of the wire
        self._shown: tuple[int, int] | None = None
        self._messages: tuple[list[Message], list[Message]] = ([], [])
        self._rows.focus()
        self._compare()

    @property
    def _rows(self) -> DiffRows:
        return self.query_one("#diff-rows", DiffRows)

    def _octets(self, side: int) -> BytesView:
        return self.query_one("#octets-b" if side else "#octets-a", BytesView)

    def session_changed(self, change: Change) -> None:
        """Compares again with other traces or keys."""
        if change == "traces" and not self._still_open():
            self.sides = (0, 1)
            self._shown = None
        if change in ("traces", "keys", "settled"):
            self._compare()

    def _still_open(self) -> bool:
        """Whether the traces that are compared are open still, where they were: others were added to them."""
        traces = self.session.traces
        now = [traces[n] if n < len(traces) else None for n in self.sides]
        return all(one is other for one, other in zip(now, self._traces, strict=True))

    # Comparing

    def _compare(self) -> None:
        traces, (a, b) = self.session.traces, self.sides
        self._traces = tuple(traces[n] if n < len(traces) else None for n in self.sides)
        self._result = None
        if max(a, b) >= len(traces):
            self.dlmscope.background.cancel("diff")
            self.dlmscope.background.cancel("rows")
            self._rows.show((), (), ())
            self._empty(len(traces))
            return
        self._head(Text("Comparing ..."))
        session = self.session

        def work(stop):  # type: ignore[no-untyped-def]
            result = session.diff(a, b, stop)
            return result, session.messages(a, stop), session.messages(b, stop)

        self.dlmscope.background.run("diff", work, lambda made: self._compared((a, b), *made))

    def _empty(self, number: int) -> None:
        few = "One trace is open" if number else "Nothing is open"
        hint = "press b to open a file beside it" if number else "press 1 to paste, Ctrl+O to open a file"
        self._head(Text(f"{few}: {hint}."))
        for side in (0, 1):
            self._octets(side).show(b"")
            self._octets(side).border_title = ("Left", "Right")[side]
        self._rows.border_title = "Diff"
        self._rows.border_subtitle = ""
        self._say(Text(""))

    def _compared(self, sides: tuple[int, int], result: Diff, a: list[Message], b: list[Message]) -> None:
        if sides != self.sides or max(sides) >= len(self.session.traces):
            return
        again = self._shown == sides
        row = self._rows.current if again else None
        self._result, self._messages, self._shown = result, (a, b), sides
        names = [self.session.traces[n].name for n in sides]
        self._head(Text(headline(totals_of(result), *names), "bold" if result.first_divergence else ""))
        self._rows.border_title = f"{names[0]}  |  {names[1]}".replace("[", "\\[")
        self._fill(row)

    def _fill(self, here: DiffRow | None) -> None:
        """Makes the rows, with the cursor at that of `here`, or at its pair."""
        result, expected = self._result, self._expected
        if result is None:
            return

        def work(_stop: Stop) -> tuple[list[DiffRow], int, str]:
            rows = rows_of(result, expected)
            hidden = sum(f.status == "expected" for pair in result.pairs for f in pair.fields)
            said = f"{sum(row.matters for row in rows)} to walk (d)"
            if hidden:
                said += f"  {hidden} expected {'shown' if expected else 'hidden'} (e)"
            return rows, place_of(rows, here), said

        self.dlmscope.background.run("rows", work, lambda made: self._filled(*made))

    def _filled(self, rows: list[DiffRow], cursor: int, said: str) -> None:
        self._rows.show(rows, *self._messages, cursor)
        self._rows.border_subtitle = said
        self._look()

    # What is chosen

    @on(RowsView.Moved, "#diff-rows")
    def moved(self) -> None:
        """Another row."""
        self._look()

    def _look(self) -> None:
        row = self._rows.current
        if row is None:
            return
        self._words(row)
        a, b = self._rows.message(0, row.pair), self._rows.message(1, row.pair)
        opened = self._opened
        self.dlmscope.background.run("octets", lambda stop: _lights(row, a, b, opened), self._lit)

    def _lit(self, made: Lights) -> None:
        row = self._rows.current
        if row is None:
            return
        for side in (0, 1):
            message, view, buffer = self._rows.message(side, row.pair), self._octets(side), made.buffers[side]
            if message is None:
                view.show(b"")
                view.border_title = f"{('Left', 'Right')[side]}: no message"
                view.border_subtitle = ""
                continue
            where = "wire" if buffer == 0 else next(x.how for x in message.buffers if x.id == buffer)
            view.border_title = f"{('Left', 'Right')[side]} {message.number}, {where}"
            lit = [*made.ranges[side]]
            if (field := made.fields[side]) is not None:
                lit.append(field)
            masking = self.dlmscope.masking
            view.show(message.octets(buffer), lit, masking.places_in(message, buffer) if masking is not None else None)
            differ = sum(x.end - x.start for x in made.ranges[side] if x.look == "changed")
            view.border_subtitle = f"{differ} of {len(message.octets(buffer))} octets differ" if differ else ""

    def _words(self, row: DiffRow) -> None:
        field = row.field
        if field is None:
            said = {
                "same": "the same on both sides",
                "expected": "differs only as two healthy runs do",
                "different": "differs: the fields stand below",
                "only-a": "only on the left",
                "only-b": "only on the right",
            }[row.pair.status]
            self._say(Text(said))
            return
        text = Text(short(field.path), "bold")
        kind = "differs" if field.status == "different" else "expected"
        text.append(f"  {kind}: {field.why}" if field.why else f"  {kind}", "not bold")
        text.append(f"\nleft {field.a or '-'}   right {field.b or '-'}", "not bold")
        self._say(text)

    def _say(self, text: Text) -> None:
        self.query_one("#diff-why", Said).update(text)

    def _head(self, text: Text) -> None:
        self.query_one("#diff-head", Said).update(text)

    # Actions

    def action_zoom(self) -> None:
        """The pane in use alone, and back."""
        self.zoom()

    def action_walk(self, by: int) -> None:
        """The next difference that matters."""
        place = self._rows.next_difference(by)
        if place is None:
            self.notify("That was the last difference" if by > 0 else "That was the first difference", timeout=2)
            return
        self._rows.move(place)

    def action_first(self) -> None:
        """The first divergence."""
        first = self._result.first_divergence if self._result is not None else None
        if first is None:
            self.notify("No difference that matters", timeout=2)
            return
        self._rows.move(self._rows.first_of(first))
        self._rows.focus()

    def action_expected(self) -> None:
        """Shows what differs as expected, or hides it; the cursor stays at its pair."""
        self._expected = not self._expected
        self._fill(self._rows.current)

    def action_buffer(self) -> None:
        """The octets on the wire, or those that were opened."""
        self._opened = not self._opened
        self._look()

    def action_swap(self) -> None:
        """Exchanges left and right."""
        self.sides = (self.sides[1], self.sides[0])
        self._compare()

    def action_open(self, side: int) -> None:
        """The message in the trace screen, with the octets of the field lit."""
        row = self._rows.current
        if row is None:
            return
        message = self._rows.message(side, row.pair)
        if message is None:
            side = 1 - side
            message = self._rows.message(side, row.pair)
        if message is not None:
            node = field_node(message, row.field)
            span = Span(node.buffer, node.start, node.end) if node is not None else None
            self.dlmscope.show_message(self.sides[side], message.number, span)

    def action_copy(self) -> None:
        """The difference as a line."""
        row = self._rows.current
        if row is None or row.field is None:
            self.notify("Choose a field first", timeout=2)
            return
        field = row.field
        self.app.copy_to_clipboard(f"{field.path}: {field.a or '-'} | {field.b or '-'} ({field.why})")
        self.notify(f"{field.path} copied", markup=False, timeout=2)

    # Choosing traces

    def action_choose(self, side: int) -> None:
        """Which trace stands on the left or right; another file can be opened for it."""
        traces = self.session.traces
        answers = [f"{trace.name}  ({len(trace):,} records of {trace.source})" for trace in traces]
        answers.append("Another file ...")
        which = ("left", "right")[side]

        def chosen(index: int | None) -> None:
            if index is None:
                return
            if index < len(traces):
                self._put(side, index)
            else:
                self.app.push_screen(
                    FilePicker(self.dlmscope.settings.recent, f"A file for the {which}"),
                    lambda path: self._open_beside(side, path),
                )

        self.app.push_screen(Choice(f"Which trace on the {which}?", answers, self.sides[side]), chosen)

    def _put(self, side: int, index: int) -> None:
        other = self.sides[1 - side]
        self.sides = (index, other) if side == 0 else (other, index)
        self._compare()

    def _open_beside(self, side: int, path: str | None) -> None:
        if not path:
            return

        def done(traces: list[Trace]) -> None:
            self.dlmscope.settings.opened(path.rpartition("#")[0] or path)
            self._put(side, self.session.add_traces(traces))

        self.dlmscope.background.run("open", lambda stop: open_traces(path), done)


def _lights(row: DiffRow, a: Message | None, b: Message | None, opened: bool) -> Lights:
    """What to light of a pair in which buffers: those of the field, else the wire or what was opened."""
    nodes = field_node(a, row.field), field_node(b, row.field)
    buffers = []
    for message, node, other in zip((a, b), nodes, nodes[::-1], strict=True):
        last = message.buffers[-1].id if message is not None and message.buffers else 0
        if node is not None and message is not None:
            buffers.append(node.buffer)
        elif other is not None:
            buffers.append(last if other.buffer else 0)
        else:
            buffers.append(last if opened else 0)
    pair = buffers[0], buffers[1]
    fields = [Lit(n.start, n.end, "field") if n is not None and n.end > n.start else None for n in nodes]
    return Lights(lit_of(a, b, row.pair, pair), pair, (fields[0], fields[1]))
