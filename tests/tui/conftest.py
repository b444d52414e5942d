"""The terminal interface in tests: nothing is stored, and one can wait until its threads are done."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.settings import Settings

ROOT = Path(__file__).parents[2]
THREAD = ROOT / "captures/gurux-forum-2017/thread.log"
ZEROS = "00" * 16
SIZES = [(80, 24), (120, 40), (200, 60)]


async def idle(pilot: Pilot[Any]) -> None:
    """Waits until no thread works and the screen has drawn what they gave."""
    app = pilot.app
    assert isinstance(app, DlmscopeApp)
    for _ in range(400):
        await pilot.pause(0.01)
        if not app.background.busy:
            await pilot.pause()
            if not app.background.busy:
                await pilot.pause()
                return
    raise AssertionError("the threads do not end")


@pytest.fixture
def settled() -> Callable[[Pilot[Any]], Awaitable[None]]:
    """`idle` as a fixture."""
    return idle


@pytest.fixture
def thread_keys() -> KeyRing:
    """The keys of the thread."""
    return KeyRing.from_options(ek=ZEROS, ak=ZEROS)


@pytest.fixture
def app(thread_keys: KeyRing) -> DlmscopeApp:
    """The thread, open with its keys."""
    return DlmscopeApp(open_traces(str(THREAD)), thread_keys, settings=Settings())


@pytest.fixture
def empty_app() -> DlmscopeApp:
    """Nothing is open."""
    return DlmscopeApp(settings=Settings())
