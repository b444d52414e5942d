"""Who may connect to `dlmscope serve`: requests over a real socket."""

import asyncio
import gc
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from analyzer.cli import main
from analyzer.tui.serve import COOKIE, GuardedServer, ServeError, is_loopback, token_for

TOKEN = "a-token-that-nobody-guesses"


async def started(host: str, token: str) -> tuple[web.AppRunner, str]:
    """A server on a free port of loopback that behaves as if bound to `host`."""
    server = GuardedServer("echo", host, 0, token)
    runner = web.AppRunner(await server._make_app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    return runner, f"http://127.0.0.1:{port}"


@pytest.fixture
async def loopback() -> AsyncIterator[str]:
    runner, url = await started("127.0.0.1", "")
    yield url
    await runner.cleanup()


@pytest.fixture
async def public() -> AsyncIterator[str]:
    runner, url = await started("0.0.0.0", TOKEN)
    yield url
    await runner.cleanup()


async def status(url: str, **headers: str) -> int:
    async with aiohttp.ClientSession() as client, client.get(url, headers=headers, allow_redirects=False) as answer:
        return answer.status


async def test_on_loopback_its_own_browser_alone_connects(loopback: str) -> None:
    assert await status(f"{loopback}/") == 200
    assert await status(f"{loopback}/", Host="attacker.example") == 403
    assert await status(f"{loopback}/ws", Origin="http://attacker.example") == 403
    assert await status(f"{loopback}/ws", Origin="null") == 403


async def test_elsewhere_a_token_is_needed(public: str) -> None:
    assert await status(f"{public}/") == 403
    assert await status(f"{public}/ws") == 403
    assert await status(f"{public}/static/js/textual.js") == 403
    assert await status(f"{public}/?token=wrong") == 403
    assert await status(f"{public}/", Cookie=f"{COOKIE}=ä") == 403
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
        async with client.get(f"{public}/?token={TOKEN}") as answer:
            assert answer.status == 200
            assert str(answer.url) == f"{public}/"  # the token is no longer in the address
            assert TOKEN not in await answer.text()
        async with client.get(f"{public}/", headers={"Origin": "http://attacker.example"}) as answer:
            assert answer.status == 403


def test_which_addresses_need_a_token() -> None:
    assert all(map(is_loopback, ("localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]")))
    assert not any(map(is_loopback, ("0.0.0.0", "::", "192.168.0.4", "meter.example", "")))
    assert token_for("127.0.0.1", None) == ""
    assert len(token_for("0.0.0.0", None)) >= 32
    assert token_for("0.0.0.0", None) != token_for("0.0.0.0", None)
    assert token_for("127.0.0.1", TOKEN) == TOKEN
    with pytest.raises(ServeError, match="16 or more"):
        token_for("0.0.0.0", "short")


def test_a_token_that_is_too_short_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--host", "0.0.0.0", "--token", "short"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


async def test_a_tab_gets_the_interface() -> None:
    import sys
    from pathlib import Path

    root = Path(__file__).parents[2]
    server = GuardedServer(
        f"{sys.executable} -m analyzer.cli open {root / 'captures/gurux-forum-2017/thread.log'}", "127.0.0.1", 0, ""
    )
    runner = web.AppRunner(await server._make_app())
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
    seen = b""
    try:
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(f"http://127.0.0.1:{port}/ws?width=100&height=30") as ws,
        ):
            async with asyncio.timeout(30):
                while b"MANUFACTURER SOFTWARE" not in seen:
                    message = await ws.receive()
                    assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), message
                    seen += message.data if isinstance(message.data, bytes) else message.data.encode()
    finally:
        await runner.cleanup()
        await asyncio.sleep(1)  # the process of the tab ends
        gc.collect()
