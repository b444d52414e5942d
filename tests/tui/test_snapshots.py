"""Pictures of the screens at three sizes, grouped by what a user does. `--snapshot-update` takes them anew."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import TextArea

from analyzer.tui.app import DlmscopeApp

Settled = Callable[[Pilot[Any]], Awaitable[None]]
SIZES = [(80, 24), (120, 40), (200, 60)]
ROOT = Path(__file__).parents[2]
THREAD = ROOT / "captures/gurux-forum-2017/thread.log"

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blinking, no animation."""
    monkeypatch.setattr(DlmscopeApp, "animation_level", "none", raising=False)
    monkeypatch.setattr(TextArea, "cursor_blink", False)


@sizes
def test_start_empty(snap_compare: Any, empty_app: DlmscopeApp, settled: Settled, size: tuple[int, int]) -> None:
    assert snap_compare(empty_app, terminal_size=size, run_before=settled)


@sizes
def test_start_pasted(snap_compare: Any, empty_app: DlmscopeApp, settled: Settled, size: tuple[int, int]) -> None:
    async def paste(pilot: Pilot[Any]) -> None:
        pilot.app.screen.query_one(TextArea).insert(THREAD.read_text())
        await settled(pilot)
        await pilot.press("tab", "0", "0", "1")
        await settled(pilot)

    assert snap_compare(empty_app, terminal_size=size, run_before=paste)


@sizes
def test_trace_field_in_opened_text(
    snap_compare: Any, app: DlmscopeApp, settled: Settled, size: tuple[int, int]
) -> None:
    async def look(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        app.show_message(0, 7)
        await settled(pilot)
        tree = app.screen.query_one("#fields")
        tree.select(tree.matching(1, 5, 11))  # type: ignore[attr-defined]
        tree.focus()
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=look)


@sizes
def test_trace_finding(snap_compare: Any, app: DlmscopeApp, settled: Settled, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await pilot.press("right_square_bracket")
        await settled(pilot)
        await pilot.press("n", "n")
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=look)


@sizes
def test_trace_filtered(snap_compare: Any, app: DlmscopeApp, settled: Settled, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await pilot.press("slash", *"sec:verified get", "enter")
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=look)


@sizes
def test_keys(snap_compare: Any, app: DlmscopeApp, settled: Settled, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await pilot.press("6")
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=look)


@sizes
def test_help(snap_compare: Any, app: DlmscopeApp, settled: Settled, size: tuple[int, int]) -> None:
    async def look(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await pilot.press("question_mark")
        await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=look)


def test_light(snap_compare: Any, app: DlmscopeApp, settled: Settled) -> None:
    async def look(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        await pilot.press("ctrl+t", "down", "down", "down", "tab", "down")
        await settled(pilot)

    assert snap_compare(app, terminal_size=(120, 40), run_before=look)
