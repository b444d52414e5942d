"""Inputs that once broke something, and windows of any size: a message or a partial trace, never an exception."""

import contextlib
import os
import pty
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Static, TextArea

from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
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


async def test_names_and_texts_are_no_commands_for_the_terminal(settled: Settled, tmp_path: Path) -> None:
    """Escape sequences in names of files and traces are shown as pictures, on every screen."""
    path = tmp_path / "e\x1b[31mvil.log"
    path.write_text("EVIL \x1b]0;owned\x07 METER\n==================\nTX: 7E A0 07 03 21 93 0F 01 7E\n\n"
                    "SECOND \x9b31m\n==========\nTX: 7E A0 07 03 21 93 0F 01 7E\n")  # fmt: skip
    app = DlmscopeApp(open_traces(str(path)), KeyRing(), settings=Settings())
    pictures = 0
    async with app.run_test(size=(120, 40)) as pilot:
        for key in ("f2", "f3", "f4", "f5", "f6", "f2"):
            await pilot.press(key)
            await settled(pilot)
            for strip in app.screen._compositor.render_strips():
                assert strip.text.isprintable(), strip.text
                pictures += "␛" in strip.text
        app.notify("\x1b[31mred", markup=False)
        await pilot.pause()
        assert all(strip.text.isprintable() for strip in app.screen._compositor.render_strips())
    assert pictures > 5


def test_a_signal_that_ends_it_leaves_the_terminal_as_it_was() -> None:
    """SIGTERM and SIGHUP as Ctrl+Q: on a terminal of its own, which gets its screen and its echo back."""
    controller, terminal = pty.openpty()
    before = termios.tcgetattr(terminal)
    command = [sys.executable, "-m", "analyzer.cli", "open", "--hex", "7EA0070321930F017E"]
    for name in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, cwd=ROOT) as process:
            seen, limit = b"", time.monotonic() + 30
            while b"SNRM" not in seen and time.monotonic() < limit:
                seen += os.read(controller, 65536)
            process.send_signal(name)
            os.set_blocking(controller, False)
            while process.poll() is None and time.monotonic() < limit:
                with contextlib.suppress(BlockingIOError):
                    seen += os.read(controller, 65536)
                time.sleep(0.02)
            with contextlib.suppress(BlockingIOError):
                seen += os.read(controller, 65536)
            os.set_blocking(controller, True)
            assert process.returncode == 0
        assert b"Traceback" not in seen
        assert seen.rindex(b"\x1b[?1049l") > seen.rindex(b"\x1b[?1049h")
        assert termios.tcgetattr(terminal)[3] == before[3]
    os.close(controller)
    os.close(terminal)


async def test_a_file_that_is_cut_off_while_it_is_open_is_closed(
    tmp_path: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a thread, which decodes it, or while its rows are drawn: said once, and nothing ends."""
    monkeypatch.setattr("analyzer.inputs.MAPPED", 1000)
    monkeypatch.setattr("analyzer.tui.session.HELD", 1000)
    path = tmp_path / "line.bin"
    for drawn in (False, True):
        path.write_bytes(bytes.fromhex("7EA0070321930F017E") * 12_000)
        app = DlmscopeApp(open_traces(str(path), "raw"), settings=Settings())
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            assert app.screen.query_one(MessageList).row_count() == 12_000
            path.write_bytes(b"")
            if drawn:
                await pilot.press("end", "home", "pagedown")
            else:
                app.session.set_keys(KeyRing())
            await settled(pilot)
            assert app.session.traces == ()
            said = [notice.message for notice in app._notifications]
            assert len(said) == 1 and "line.bin: the file became shorter while it was open" in said[0]
