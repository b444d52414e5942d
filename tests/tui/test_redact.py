"""`--redact` in the terminal interface: no key, title or password on any screen, nor in what is copied."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from analyzer.hiding import values_hidden
from analyzer.inputs import open_traces
from analyzer.keyring import KeyRing
from analyzer.redaction import secrets_of
from analyzer.sources import read_input
from analyzer.tui.app import DlmscopeApp
from analyzer.tui.masking import Masking
from analyzer.tui.session import Session
from analyzer.tui.settings import Settings
from tests.support import CLOCK, GET_CLOCK, wrapped

Settled = Callable[[Pilot[Any]], Awaitable[None]]
ROOT = Path(__file__).parents[2]
THREAD = ROOT / "captures/gurux-forum-2017/thread.log"
KEYS = KeyRing.from_options(ek="000102030405060708090A0B0C0D0E0F", ak="D0D1D2D3D4D5D6D7D8D9DADBDCDDDEDF")
DIGITS = re.compile(r"[^0-9A-F]")


def secrets() -> list[bytes]:
    session = Session(open_traces(str(THREAD)), KEYS)
    found = [s for n in (0, 1) for s in secrets_of(session.messages(n), KEYS, False) if isinstance(s, bytes)]
    assert len({len(one) for one in found}) > 2
    return [one for one in found if len(one) >= 4]


def drawn(app: DlmscopeApp) -> str:
    """The text of what stands on the screen, line by line."""
    lines = app.screen._compositor.render_strips()
    return "\n".join(strip.text for strip in lines)


def shows(text: str, secret: bytes) -> bool:
    """Whether any line, or octets over neighbouring lines of a view, hold a secret."""
    shown = text.upper()
    written = secret.decode("ascii", "ignore").upper() if secret.isalnum() else "\0"
    return written in shown or any(secret.hex().upper() in DIGITS.sub("", line) for line in shown.splitlines())


async def every_screen(app: DlmscopeApp, pilot: Pilot[Any], settled: Settled) -> list[str]:
    seen = []
    await settled(pilot)
    for number in (2, 4, 5, 6, 7):
        app.show_message(0, number)
        await settled(pilot)
        seen.append(drawn(app))
        await pilot.press("tab", "end", "tab")
        await settled(pilot)
        seen.append(drawn(app))
    for key in ("1", "3", "4", "5", "6"):
        await pilot.press("escape", "f2", key)
        await settled(pilot)
        seen.append(drawn(app))
        for _ in range(2):
            await pilot.press("ctrl+g", "down")
            await settled(pilot)
            seen.append(drawn(app))
    return seen


async def test_no_secret_on_any_screen(settled: Settled) -> None:
    wanted = secrets()
    for masking in (None, Masking()):
        app = DlmscopeApp(open_traces(str(THREAD)), KEYS, settings=Settings(), masking=masking)
        async with app.run_test(size=(130, 40)) as pilot:
            seen = await every_screen(app, pilot, settled)
        found = {secret.hex() for secret in wanted for text in seen if shows(text, secret)}
        assert bool(found) == (masking is None), found
        assert ("**" in "".join(seen)) == (masking is not None)


async def test_no_secret_is_copied(settled: Settled, monkeypatch: pytest.MonkeyPatch) -> None:
    copied: list[str] = []
    monkeypatch.setattr("textual.app.App.copy_to_clipboard", lambda self, text: copied.append(text))
    app = DlmscopeApp(open_traces(str(THREAD)), KEYS, settings=Settings(), masking=Masking())
    async with app.run_test() as pilot:
        await settled(pilot)
        for number in range(1, 8):
            app.show_message(0, number)
            await settled(pilot)
            await pilot.press("c", "C", "J")
            await settled(pilot)
    assert len(copied) == 21
    assert not [secret for secret in secrets() for text in copied if shows(text, secret)]
    assert any("**" in text for text in copied)


async def test_values_too(settled: Settled) -> None:
    octets = wrapped(CLOCK, 1, 16)
    text = f"TX: {wrapped(GET_CLOCK, 16, 1).hex(' ')}\nRX: {octets.hex(' ')}\n"
    traces = read_input(text.encode(), "x.log")
    with values_hidden():
        app = DlmscopeApp(traces, KeyRing(), settings=Settings(), masking=Masking(True))
        async with app.run_test(size=(160, 50)) as pilot:
            await settled(pilot)
            app.show_message(0, 2)
            await settled(pilot)
            seen = [drawn(app)]
            for key in ("5", "4", "2"):
                await pilot.press(key)
                await settled(pilot)
                seen.append(drawn(app))
    assert "2024-11-26" not in "".join(seen)
    assert "07 E8" not in "".join(seen)
    assert "0-0:1.0.0" in "".join(seen)
