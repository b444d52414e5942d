"""The row on top: the screens with their number keys, and what is open."""

from __future__ import annotations

from typing import Any

from rich.segment import Segment
from rich.text import Text
from textual import events
from textual.strip import Strip
from textual.widget import Widget

from analyzer.tui.screens import PLACES


class TabRow(Widget):
    """One line: "1 Start  2 Trace ...". The tab in front is in brackets, so that no colour is needed to see it."""

    COMPONENT_CLASSES = {"tab-row--tab", "tab-row--front", "tab-row--open"}  # noqa: RUF012
    DEFAULT_CSS = """
    TabRow { height: 1; dock: top; background: $panel; color: $foreground; }
    TabRow > .tab-row--tab { color: $text-muted; background: $panel; }
    TabRow > .tab-row--front { color: $text; background: $primary; text-style: bold; }
    TabRow > .tab-row--open { color: $text-muted; background: $panel; }
    """

    def __init__(self, front: str) -> None:
        super().__init__()
        self._front = front
        self._spans: list[tuple[int, int, str]] = []

    def on_mount(self) -> None:
        """Shows what is open when that changes."""
        signal = getattr(self.app, "session_signal", None)
        if signal is not None:
            signal.subscribe(self, self._changed)

    def _changed(self, _change: Any) -> None:
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The one line."""
        segments, column = [], 0
        self._spans = []
        plain = self.get_component_rich_style("tab-row--tab")
        for place in PLACES:
            front = place.name == self._front
            text = f"[{place.key} {place.title}]" if front else f" {place.key} {place.title} "
            style = self.get_component_rich_style("tab-row--front") if front else plain
            segments.append(Segment(text, style))
            self._spans.append((column, column + len(text), place.name))
            column += len(text)
        said = self._open()
        room = self.size.width - column - 1
        if room > 8 and said:
            said = said if len(said) <= room else said[: room - 1] + "…"
            segments.append(
                Segment(" " * (room - len(said)) + said + " ", self.get_component_rich_style("tab-row--open"))
            )
        return Strip(segments).adjust_cell_length(self.size.width, plain)

    def _open(self) -> str:
        session = getattr(self.app, "session", None)
        traces = session.traces if session is not None else ()
        if not traces:
            return ""
        names = list(dict.fromkeys(trace.source for trace in traces))
        count = f"{len(traces)} traces" if len(traces) > 1 else traces[0].name
        return f"{', '.join(names)}: {count}"

    def on_click(self, event: events.Click) -> None:
        """A click on a tab opens its screen."""
        for start, end, name in self._spans:
            if start <= event.x < end:
                self.app.call_later(self.app.show_screen, name)  # type: ignore[attr-defined]

    def render(self) -> Text:
        """For Textual's own questions about the content."""
        return Text("")
