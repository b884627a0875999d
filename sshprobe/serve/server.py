"""The HTTP server on loopback: allowed requests, start and end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterable, Iterator
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sshprobe.model.errors import InputError

_log = logging.getLogger(__name__)

MAX_CONNECTIONS = 200
"""The most concurrent connections of clients. Others get 503."""

IDLE = 5
"""Seconds after which an idle connection is closed."""

_HEADERS = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class OnlyKnownNames:
    """Refuses requests for names other than ours, and adds headers to all answers.

    A web page can reach a server on loopback under the page's own name (DNS rebinding). The Host header reveals that.
    `names`: host names without a port, IPv6 addresses in brackets.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str]) -> None:
        self._app = app
        self._names = {name.lower() for name in names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", []), *_HEADERS]
            await send(message)

        hosts = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(hosts) == 1 and _without_port(hosts[0]).lower() in self._names:
            try:
                await self._app(scope, receive, send_with_headers)
            except Exception:  # our own bug: Starlette has sent 500, and uvicorn would print a traceback
                _log.exception("internal error while answering %s", scope["path"])
        else:
            refusal = PlainTextResponse("this server does not have that name\n", 421)
            await refusal(scope, receive, send_with_headers)


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isascii() and port.isdigit() and not host.endswith("]") else host


def application(routes: Iterable[Route], names: Iterable[str]) -> ASGIApp:
    """Return the ASGI application of pages. Errors are one line of text."""
    app = Starlette(routes=list(routes), exception_handlers={HTTPException: _error})
    return OnlyKnownNames(app, names)


async def _error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises `InputError` if `host` is not a loopback address, or the port is taken."""
    try:
        address = ip_address(host)
    except ValueError:
        raise InputError(f"{host} is not an address", source="--listen") from None
    if not address.is_loopback:
        raise InputError(f"{host} is not a loopback address: use a reverse proxy to accept requests", source="--listen")
    try:
        return socket.create_server((host, port), family=socket.AF_INET if address.version == 4 else socket.AF_INET6)
    except OSError as error:
        raise InputError(f"{host} port {port}: {(error.strerror or str(error)).lower()}", source="--listen") from None


class _Server(uvicorn.Server):
    """A server that ends cleanly at SIGINT and SIGTERM. uvicorn's own one would raise the signal again at its end."""

    def __init__(self, config: uvicorn.Config, on_start: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_start = on_start

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end)
        self._on_start()  # not earlier: the reader of our URL may end us at once
        try:
            yield
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    def _end(self) -> None:
        self.force_exit = self.should_exit  # the second signal does not wait for running requests
        self.should_exit = True


async def serve(app: ASGIApp, listener: socket.socket, on_start: Callable[[str], None]) -> None:
    """Answer requests until SIGINT or SIGTERM. `on_start` is called with our URL."""
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=IDLE,
        h11_max_incomplete_event_size=16_384,
        ws="none",
    )
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    await _Server(config, lambda: on_start(url)).serve(sockets=[listener])
