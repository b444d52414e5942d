"""Screens by their keys, palette, help, themes, settings, the command."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot
from textual.widgets import Footer

from analyzer.cli import main
from analyzer.inputs import open_traces
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.screens import PLACES
from analyzer.tui.screens.base import BaseScreen
from analyzer.tui.screens.help import HelpScreen
from analyzer.tui.settings import FOLDER_VARIABLE, Settings
from tests.tui.conftest import ROOT, THREAD

Settled = Callable[[Pilot[Any]], Awaitable[None]]


def place(app: DlmscopeApp) -> str:
    return app.screen.place if isinstance(app.screen, BaseScreen) else ""


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (30, 8)])
async def test_every_screen_by_number_and_function_key(
    app: DlmscopeApp, settled: Settled, size: tuple[int, int]
) -> None:
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        for where in reversed(PLACES):
            await pilot.press("escape", where.key)
            await settled(pilot)
            assert place(app) == where.name
        assert place(app) == "start"
        app.screen.query_one("#paste").focus()
        for where in PLACES[1:]:
            await pilot.press(f"f{where.key}")
            await settled(pilot)
            assert place(app) == where.name


async def test_a_click_on_a_tab(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.click("TabRow", offset=(4, 0))
        await settled(pilot)
        assert place(app) == "start"


async def test_help_on_every_screen_names_its_keys(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        await settled(pilot)
        for where in PLACES:
            app.show_screen(where.name)
            await settled(pilot)
            screen = app.screen
            assert isinstance(screen, BaseScreen)
            assert screen.help_text.strip(), where.name
            await pilot.press("f1")
            await settled(pilot)
            assert isinstance(app.screen, HelpScreen)
            await pilot.press("escape")
            await settled(pilot)
            assert app.screen is screen


async def test_the_palette_has_every_action(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        titles = [command.title for command in app.get_system_commands(app.screen)]
        assert {"Go to Start", "Open a file", "Help", "Next finding", "Copy the message as JSON"} <= set(titles)
        assert len(titles) == len(set(titles))
        await pilot.press("ctrl+p", *"go to keys", "enter")
        await pilot.pause(0.2)
        await pilot.press("enter")
        await settled(pilot)
        assert place(app) in ("keys", "trace")


async def test_the_theme_is_kept(tmp_path: Path, settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "dlmscope"))
    app = DlmscopeApp(settings=Settings.load())
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("ctrl+t")
        await settled(pilot)
        assert not app.current_theme.dark
    assert Settings.load().theme == "textual-light"
    assert set(json.loads((tmp_path / "dlmscope/settings.json").read_text())) == {"theme", "recent"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"theme": 3, "recent": "x"}', '{"recent": [1, "/a"]}', "\xff"])
def test_settings_that_cannot_be_read_are_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    (tmp_path / "settings.json").write_bytes(text.encode("latin-1"))
    loaded = Settings.load()
    assert loaded.theme == "textual-dark"
    assert loaded.recent in ([], ["/a"])


async def test_a_defect_in_a_thread_is_a_line_and_shows_no_secret(app: DlmscopeApp, settled: Settled) -> None:
    said: list[str] = []
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app.background._failed = said.append

        def work(stop: Callable[[], bool]) -> None:
            raise LookupError("SECRET")

        app.background.run("test", work, lambda result: None)
        await settled(pilot)
    assert said == ["a defect of dlmscope: LookupError; please report it"]


async def test_a_newer_job_cancels_the_older(app: DlmscopeApp, settled: Settled) -> None:
    import threading

    done: list[int] = []
    gate = threading.Event()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)

        def first(stop: Callable[[], bool]) -> int:
            gate.wait(5)
            return 1 if not stop() else -1

        app.background.run("test", first, done.append)
        app.background.run("test", lambda stop: 2, done.append)
        gate.set()
        await settled(pilot)
    assert done == [2]


def test_open_says_what_it_cannot_open(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["open", "/no/such/file.pcap"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_without_a_terminal_a_command_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main([])
    assert caught.value.code == 2


async def test_the_keys_of_each_screen_fit_into_the_smallest_footer(app: DlmscopeApp, settled: Settled) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        for where in PLACES:
            app.show_screen(where.name)
            await settled(pilot)
            assert app.screen.query_one(Footer).max_scroll_x <= 1, where.name  # the blank behind the last


async def test_the_footer_names_a_key_for_help_that_is_not_typed(app: DlmscopeApp, settled: Settled) -> None:
    def key() -> list[str]:
        return [
            key
            for key, it in app.screen.active_bindings.items()
            if it.binding.show and it.binding.description == "Help"
        ]

    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        assert key() == ["question_mark"]
        await pilot.press("f1")
        await settled(pilot)
        assert isinstance(app.screen, HelpScreen)
        await pilot.press("escape", "slash")
        await settled(pilot)
        assert key() == ["f1"]
        await pilot.press("f1")
        await settled(pilot)
        assert isinstance(app.screen, HelpScreen)


async def test_the_key_for_the_next_trace_is_there_where_there_is_one(settled: Settled) -> None:
    for name, wanted in ((THREAD, True), (ROOT / "captures/mbus-push/push.bin", False)):
        app = DlmscopeApp(open_traces(str(name)), settings=Settings())
        async with app.run_test(size=(80, 24)) as pilot:
            await settled(pilot)
            for place_of in ("trace", "values"):
                app.show_screen(place_of)
                await settled(pilot)
                assert ("right_square_bracket" in app.screen.active_bindings) is wanted
