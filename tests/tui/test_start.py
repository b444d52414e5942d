"""Pasting, keys beside it, files: what the first screen says."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input, Static, TextArea

from analyzer.tui.app import DlmscopeApp
from analyzer.tui.recognition import path_in, recognise
from analyzer.tui.widgets.key_form import KeyForm

Settled = Callable[[Pilot[Any]], Awaitable[None]]
ROOT = Path(__file__).parents[2]
THREAD = ROOT / "captures/gurux-forum-2017/thread.log"
ZEROS = "0" * 32


def seen(app: DlmscopeApp) -> str:
    return str(app.get_screen("start").query_one("#seen", Static).render())


async def test_a_pasted_thread_is_told_at_once_and_keys_open_it(empty_app: DlmscopeApp, settled: Settled) -> None:
    app = empty_app
    async with app.run_test(size=(80, 24)) as pilot:
        app.screen.query_one("#paste", TextArea).insert(THREAD.read_text())
        await settled(pilot)
        assert seen(app).startswith("2 traces, 16 frames, HDLC; 7 ciphered APDUs, 0 open, no key.")
        await pilot.press("tab", *ZEROS)
        await settled(pilot)
        assert "7 open, 7 not authenticated" in seen(app)
        await pilot.press("tab", *ZEROS)
        await settled(pilot)
        assert seen(app).startswith("2 traces, 16 frames, HDLC; 7 ciphered APDUs, 7 open.")
        await pilot.press("backspace", "1")
        await settled(pilot)
        assert "0 open, 7 with a wrong tag" in seen(app)
        await pilot.press("f2")
        await settled(pilot)
        assert len(app.screen.query_one("#messages").messages) == 10  # type: ignore[attr-defined]


async def test_a_paste_as_terminals_send_it(empty_app: DlmscopeApp, settled: Settled) -> None:
    from textual.events import Paste

    async with empty_app.run_test(size=(80, 24)) as pilot:
        empty_app.post_message(Paste("7E A0 07 03 21 93 0F 01 7E"))
        await settled(pilot)
        assert seen(empty_app).startswith("1 trace, 1 frame, HDLC; nothing is ciphered.")


@pytest.mark.parametrize("text", ["hello world", "Send:\n(nothing)", "\x00\x01", "zz zz zz", "7E A"])
async def test_what_cannot_be_read_is_said_and_does_no_harm(
    empty_app: DlmscopeApp, settled: Settled, text: str
) -> None:
    async with empty_app.run_test(size=(80, 24)) as pilot:
        empty_app.screen.query_one("#paste", TextArea).insert(text)
        await settled(pilot)
        assert seen(empty_app) not in ("", "Nothing yet.")
        empty_app.screen.query_one("#paste", TextArea).text = ""
        await settled(pilot)
        assert seen(empty_app) == "Nothing yet."
        assert not empty_app.session.traces


async def test_a_path_that_is_dragged_here_opens_the_file(empty_app: DlmscopeApp, settled: Settled) -> None:
    async with empty_app.run_test(size=(80, 24)) as pilot:
        empty_app.screen.query_one("#paste", TextArea).insert(f"'{THREAD}'")
        await settled(pilot)
        assert "2 traces" in seen(empty_app)
        assert empty_app.settings.recent == [str(THREAD)]


def test_paths_as_terminals_paste_them(tmp_path: Path) -> None:
    file = tmp_path / "a b.log"
    file.write_text("7E A0 07 03 21 93 0F 01 7E")
    for text in (
        str(file),
        f"'{file}'",
        f'"{file}"\n',
        str(file).replace(" ", "\\ "),
        f"file://{str(file).replace(' ', '%20')}",
    ):
        assert path_in(text) == str(file), text
    assert path_in(f"{file}#1") == f"{file}#1"
    assert path_in("7E A0") is None
    assert path_in("a\0b") is None
    assert path_in("x" * 3000) is None


def test_an_unreadable_file_is_a_problem_and_no_exception(tmp_path: Path) -> None:
    file = tmp_path / "empty.pcap"
    file.write_bytes(b"")
    assert "empty" in recognise(str(file)).problem
    file.write_bytes(b"\xd4\xc3\xb2\xa1garbage")
    found = recognise(str(file))
    assert found.problem or found.traces


async def test_keys_are_masked_until_somebody_asks(empty_app: DlmscopeApp, settled: Settled) -> None:
    async with empty_app.run_test(size=(80, 24)) as pilot:
        await pilot.press("tab", *"CAFE5")
        await settled(pilot)
        shown = empty_app.export_screenshot()
        assert "CAFE5" not in shown
        assert "5&#160;digits" in shown
        await pilot.press("ctrl+g")
        await pilot.pause()
        assert "CAFE5" in empty_app.export_screenshot()
        assert "CAFE" not in repr(empty_app.keybook.entries)
        assert empty_app.screen.query_one("#key-authentication_key", Input).password is False


async def test_the_picker_opens_a_file(
    empty_app: DlmscopeApp, settled: Settled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(THREAD.parent)
    async with empty_app.run_test(size=(80, 24)) as pilot:
        await pilot.press("ctrl+o")
        await pilot.pause(0.3)
        await pilot.press("down", "down", "down", "enter")
        await settled(pilot)
        assert [trace.name for trace in empty_app.session.traces] == ["MANUFACTURER SOFTWARE", "MY SOFTWARE"]
        assert empty_app.screen.place == "trace"  # type: ignore[attr-defined]
        await pilot.press("ctrl+o")
        await pilot.pause(0.3)
        empty_app.screen.query_one("#path", Input).value = "/no/such/file"
        empty_app.screen.query_one("#path", Input).focus()
        await pilot.press("enter", "escape")
        await pilot.pause()
        assert empty_app.screen.place == "trace"  # type: ignore[attr-defined]


@pytest.mark.parametrize("between", ["tab", "enter"])
async def test_keys_typed_without_a_pause(empty_app: DlmscopeApp, settled: Settled, between: str) -> None:
    """Digits that come in behind a Tab before the field has seen it belong to the next field."""
    async with empty_app.run_test() as pilot:
        await pilot.press("tab")
        await settled(pilot)
        for key in [*"1" * 32, between, *"2" * 32]:
            empty_app.post_message(events.Key(key, key if len(key) == 1 else None))
        await settled(pilot)
        form = empty_app.screen.query_one(KeyForm)
        for _ in range(100):
            if len(form.entry().text("authentication_key")) == 32:
                break
            await pilot.pause(0.02)
        assert form.entry().text("global_unicast_encryption_key") == "1" * 32
        assert form.entry().text("authentication_key") == "2" * 32
