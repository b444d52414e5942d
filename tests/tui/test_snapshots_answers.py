"""Pictures of diff, diagnosis and values at three sizes, grouped by what a user does."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from analyzer.tui.app import DlmscopeApp
from analyzer.tui.settings import Settings
from tests.tui.test_values_screen import profile_trace

Settled = Callable[[Pilot[Any]], Awaitable[None]]
SIZES = [(80, 24), (120, 40), (200, 60)]
STEPS: dict[str, tuple[str, ...]] = {
    "diff-first-divergence": ("3", "f"),
    "diff-expected-hidden": ("3", "e", "d", "d", "d", "d", "d"),
    "diff-choose-a-trace": ("3", "b"),
    "diagnose-causes": ("4",),
    "diagnose-second-cause": ("4", "down"),
    "diagnose-wrong-key-supposed": ("4", "h", "tab", "end", "backspace", "1"),
    "diagnose-edit-a-field": ("4", "e"),
}

sizes = pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """No blinking, no animation."""
    monkeypatch.setattr(DlmscopeApp, "animation_level", "none", raising=False)
    monkeypatch.setattr(Input, "cursor_blink", False)


@sizes
@pytest.mark.parametrize("step", STEPS)
def test_diff_and_diagnose(
    snap_compare: Any, app: DlmscopeApp, settled: Settled, step: str, size: tuple[int, int]
) -> None:
    async def go(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        for key in STEPS[step]:
            await pilot.press(key)
            await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=go)


@sizes
@pytest.mark.parametrize("keys", [(), ("down", "enter")], ids=["list", "profile"])
def test_values(snap_compare: Any, settled: Settled, keys: tuple[str, ...], size: tuple[int, int]) -> None:
    app = DlmscopeApp([profile_trace()], first="values", settings=Settings())

    async def go(pilot: Pilot[Any]) -> None:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)

    assert snap_compare(app, terminal_size=size, run_before=go)
