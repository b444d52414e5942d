"""Diff, diagnosis and values of whatever was ever hard to read: no key makes a traceback, on any input."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from analyzer.inputs import open_traces
from analyzer.model import Trace
from analyzer.sources import InputError
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.settings import Settings

Settled = Callable[[Pilot[Any]], Awaitable[None]]
ROOT = Path(__file__).parents[2]
HARD = sorted(path for path in (ROOT / "tests/regression").iterdir() if path.is_file())
CAPTURES = sorted(path for path in ROOT.glob("captures/*/*") if path.suffix not in (".md", ".toml"))
KEYS = {
    "3": ("f", "d", "d", "D", "e", "w", "x", "end", "c"),
    "4": (
        "n",
        "n",
        "end",
        "c",
        "C",
        "h",
        "ctrl+r",
        "ctrl+n",
        "escape",
        "escape",
        "e",
        "a",
        "=",
        "1",
        "escape",
        "enter",
    ),
    "5": ("s", "end", "enter", "p", "right", "escape", "o"),
}


def some(paths: list[Path]) -> list[Trace]:
    found: list[Trace] = []
    for path in paths:
        try:
            found += open_traces(str(path))[:2]
        except InputError:
            continue
    return found


@pytest.mark.parametrize("key", KEYS)
async def test_no_input_makes_a_traceback(settled: Settled, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    monkeypatch.setenv("DLMSCOPE_TRACEBACK", "1")
    complaints: list[str] = []
    traces = some([*HARD, *CAPTURES])
    assert len(traces) > 10
    app = DlmscopeApp(traces[:2], settings=Settings())
    monkeypatch.setattr(app, "complain", complaints.append)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for first in range(0, len(traces), 6):
            app.session.set_traces(traces[first : first + 6])
            await settled(pilot)
            for pressed in (key, *KEYS[key]):
                await pilot.press(pressed)
            await settled(pilot)
            for _ in range(3):
                await pilot.press("escape")
    assert not complaints
