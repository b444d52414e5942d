"""The terminal interface in a browser, by textual-serve: who may connect, and on which address.

A page of somebody else in the same browser can reach an address of this machine, too. So the names of the hosts are checked
with every request, and where another machine can connect, a token is needed. Each browser tab runs a process of its own.
"""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

COOKIE = "dlmscope_token"
TOKEN_OCTETS = 24
SHORTEST = 16  # characters of a token that somebody chooses
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ServeError(ValueError):
    """What keeps the server from starting; one line."""


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to an address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def token_for(host: str, token: str | None) -> str:
    """The token that requests need, made where none was chosen; empty on loopback. Raises ServeError."""
    if token is not None and len(token) < SHORTEST:
        raise ServeError(f"the token has {len(token)} characters; {SHORTEST} or more are needed")
    if token is None and is_loopback(host):
        return ""
    return token or secrets.token_urlsafe(TOKEN_OCTETS)


class GuardedServer(Server):
    """textual-serve with a look at every request before it."""

    def __init__(self, command: str, host: str, port: int, token: str) -> None:
        super().__init__(command, host=host, port=port, title="dlmscope")
        self._token = token

    async def _make_app(self) -> web.Application:
        app = await super()._make_app()
        app.middlewares.append(self._guard)
        return app

    def initialize_logging(self) -> None:
        """Problems alone: a line for each request would hold the token."""
        logging.basicConfig(level=logging.WARNING)

    async def on_startup(self, app: web.Application) -> None:
        """The command has said already where to go."""

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuses pages of other hosts, and requests without the token. The token moves from the address to a cookie."""
        refused = self._refused(request)
        if refused:
            return web.Response(status=403, text=f"dlmscope: {refused}\n")
        given = request.query.get("token")
        if self._token and given is not None and request.path == "/":
            moved = web.HTTPFound("/")
            moved.set_cookie(COOKIE, given, httponly=True, samesite="Strict")
            raise moved
        if request.path == "/":
            self.public_url = f"http://{request.host}"
        answer = await handler(request)
        if not answer.prepared:
            answer.headers["X-Frame-Options"] = "DENY"
            answer.headers["Referrer-Policy"] = "no-referrer"
        return answer

    def _refused(self, request: web.Request) -> str:
        """Why a request is not answered, or nothing."""
        host = urlsplit(f"//{request.host}").hostname or ""
        if is_loopback(self.host) and not is_loopback(host):
            return "this server is for its own machine"  # a name that somebody else's DNS lets point here
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            return "the page of another host cannot connect"
        given = request.query.get("token") or request.cookies.get(COOKIE, "")
        if self._token and not hmac.compare_digest(given.encode(), self._token.encode()):
            return "open the address with the token that the server printed"
        return ""
