"""`dlmscope serve` in headless Chromium, where there is one: load, paste, keys, diff."""

import asyncio
import base64
import re
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from analyzer.tui.serve import GuardedServer

ROOT = Path(__file__).parents[2]
THREAD = ROOT / "captures/gurux-forum-2017/thread.log"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ZEROS = "0" * 32
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PATIENCE = 15  # seconds

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")]


class Tab:
    """A browser tab by the protocol of the developer tools."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._number = socket, 0
        self.received = ""  # what the server has sent to the terminal of the page

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        await self._socket.send_json({"id": self._number, "method": method, "params": parameters})
        while True:
            answer = await self._socket.receive_json(timeout=PATIENCE)
            self._note(answer)
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                return dict(answer["result"])

    def _note(self, answer: dict[str, Any]) -> None:
        if answer.get("method") == "Network.webSocketFrameReceived":
            response = answer["params"]["response"]
            data = response["payloadData"]
            octets = base64.b64decode(data) if response["opcode"] == 2 else data.encode()
            self.received += octets.decode("utf-8", "replace")

    async def until(self, text: str) -> None:
        for _ in range(PATIENCE * 10):
            if text in ESCAPES.sub("", self.received):
                return
            await self.call("Runtime.evaluate", expression="1")
            await asyncio.sleep(0.1)
        plain = ESCAPES.sub("", self.received)
        raise AssertionError(f"{text!r} never came; the last was {plain[-4000:]!r}")

    async def type(self, text: str) -> None:
        for character in text:
            await self.call("Input.dispatchKeyEvent", type="char", text=character)

    async def press(self, key: str, code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            await self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    server = GuardedServer(f"{sys.executable} -m analyzer.cli open", "127.0.0.1", 0, "")
    runner = web.AppRunner(await server._make_app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[union-attr]
    await runner.cleanup()
    await asyncio.sleep(1)


@pytest.fixture
async def tab(url: str, tmp_path: Path) -> AsyncIterator[Tab]:
    assert CHROMIUM is not None
    browser = await asyncio.create_subprocess_exec(
        CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0",
        f"--user-data-dir={tmp_path}", "--window-size=1280,800", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(PATIENCE):
            while not (tmp_path / "DevToolsActivePort").exists():
                await asyncio.sleep(0.1)
        await asyncio.sleep(0.3)
        port = (tmp_path / "DevToolsActivePort").read_text().split()[0]
        async with aiohttp.ClientSession() as client:
            async with client.get(f"http://127.0.0.1:{port}/json/list") as answer:
                pages = [page for page in await answer.json() if page["type"] == "page"]
            async with client.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=1 << 26) as socket:
                made = Tab(socket)
                await made.call("Network.enable")
                await made.call("Page.enable")
                await made.call("Page.navigate", url=url)
                yield made
    finally:
        browser.terminate()
        await browser.wait()


async def test_paste_keys_diff(tab: Tab, tmp_path: Path) -> None:
    await tab.until("What is seen")
    await asyncio.sleep(0.5)
    await tab.call("Runtime.evaluate", expression="document.querySelector('textarea').focus()")
    for line in THREAD.read_text().splitlines():  # a paste, line by line: insertText drops the ends of lines
        await tab.call("Input.insertText", text=line)
        await tab.press("Enter", 13)
    await tab.until("0 open, no key")
    for _ in range(2):  # without a pause: what comes behind a Tab is for the next field
        await tab.press("Tab", 9)
        await tab.type(ZEROS)
    await tab.until("7 open")
    await tab.press("F3", 114)
    await tab.until("pairs of messages differ")
    await asyncio.sleep(0.5)
    shot = await tab.call("Page.captureScreenshot")
    (tmp_path / "diff.png").write_bytes(base64.b64decode(shot["data"]))
    assert (tmp_path / "diff.png").stat().st_size > 20_000


async def test_load_a_file(tab: Tab) -> None:
    await tab.until("What is seen")
    await asyncio.sleep(0.5)
    await tab.call("Runtime.evaluate", expression="document.querySelector('textarea').focus()")
    await tab.call("Input.insertText", text=str(THREAD))
    await tab.until("2 traces, 16 frames, HDLC")
    await tab.press("F2", 113)
    await tab.until("AARQ, logical-name-referencing-with-ciphering")
