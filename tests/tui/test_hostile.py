"""Inputs that once broke something, and windows of any size: a message or a partial trace, never an exception."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from analyzer.inputs import open_traces
from analyzer.sources import InputError
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.screens import PLACES
from analyzer.tui.settings import Settings
from analyzer.tui.widgets.message_list import MessageList

Settled = Callable[[Pilot[Any]], Awaitable[None]]
ROOT = Path(__file__).parents[2]
FILES = sorted(path for path in (ROOT / "tests/regression").iterdir() if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
async def test_every_message_of_an_odd_input_can_be_shown(path: Path, settled: Settled) -> None:
    try:
        traces = open_traces(str(path))
    except InputError:
        traces = []
    app = DlmscopeApp(traces, first="trace", settings=Settings())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        messages = app.screen.query_one(MessageList)
        for row in range(min(messages.row_count(), 40)):
            messages.move(row)
            await settled(pilot)
            assert messages.current is None or app.screen.query_one("#fields").rows  # type: ignore[attr-defined]
        for place in PLACES:
            app.show_screen(place.name)
            await settled(pilot)


@pytest.mark.parametrize(("size", "small"), [((20, 5), True), ((59, 40), True), ((200, 10), True), ((60, 16), False)])
async def test_a_window_that_is_too_small_is_said(
    app: DlmscopeApp, settled: Settled, size: tuple[int, int], small: bool
) -> None:
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        assert app.screen.query_one("#too-small", Static).display is small
        assert app.screen.query_one(MessageList).display is not small
        await pilot.resize_terminal(80, 24)
        await settled(pilot)
        assert app.screen.query_one(MessageList).display
        assert not app.screen.query_one("#too-small", Static).display


async def test_a_large_paste_does_not_hold_up_typing(empty_app: DlmscopeApp, settled: Settled) -> None:
    text = "7E A0 07 03 21 93 0F 01 7E\n" * 20_000
    async with empty_app.run_test(size=(80, 24)) as pilot:
        empty_app.screen.query_one(TextArea).load_text(text)
        await pilot.pause(0.4)
        await pilot.press("tab", "0", "1")  # while it is being looked at
        assert empty_app.screen.query_one("#key-global_unicast_encryption_key").value == "01"  # type: ignore[attr-defined]
        empty_app.screen.query_one(TextArea).load_text("")
        await pilot.pause(1)


async def test_without_colour_the_signs_say_the_same(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        await pilot.press("right_square_bracket")
        await settled(pilot)
        messages = app.screen.query_one(MessageList)
        texts = ["".join(text for text, _ in messages.row(n, 118)) for n in range(messages.row_count())]
        assert texts[2].startswith("!") and "✓" in texts[2]
        tabs = app.screen.query_one("TabRow").render_line(0).text
        assert "[2 Trace]" in tabs and "[1" not in tabs
