"""The HTTP server: its socket, the application of all routes, slow clients, start and end."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from sshprobe.model.errors import InputError
from sshprobe.serve.http.access import Access
from sshprobe.serve.http.guard import LARGEST_HEADERS, LONGEST_QUERY, Guard

MAX_CONNECTIONS = 200
"""The most concurrent connections of clients. Others get 503."""

IDLE = 5
"""Seconds after which an idle connection is closed."""

REQUEST_TIMEOUT = 10.0
"""Seconds for a whole request, and for a client that does not read our answer. Without a limit, a client that sends one
byte at a time holds a connection for hours."""

ErrorPage = Callable[[Request, HTTPException], Awaitable[Response]]


def application(
    routes: Iterable[BaseRoute],
    names: Iterable[str],
    access: Access,
    error_pages: Iterable[tuple[str, ErrorPage]] = (),
) -> ASGIApp:
    """Return the ASGI application of all routes.

    `names`: our host names. `error_pages`: prefixes of paths, and what makes their error pages; the first that fits is
    used. Other errors are one line of text.
    """
    pages = list(error_pages)

    async def error_page(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        for prefix, page in pages:
            if request.url.path.startswith(prefix):
                return await page(request, error)
        return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)

    return Guard(Starlette(routes=list(routes), exception_handlers={HTTPException: error_page}), names, access)


def listen(host: str, port: int, access: Access) -> socket.socket:
    """Return a listening socket.

    Raises `InputError` if the port is taken, or if `host` is not a loopback address and everybody has access.
    """
    try:
        address = ip_address(host)
    except ValueError:
        raise InputError(f"{host} is not an address", source="--listen") from None
    if access.is_open and not address.is_loopback:
        raise InputError(
            f"{host} is not a loopback address: add a token with `sshprobe config token` first", source="--listen"
        )
    try:
        return socket.create_server((host, port), family=socket.AF_INET if address.version == 4 else socket.AF_INET6)
    except OSError as error:
        raise InputError(f"{host} port {port}: {(error.strerror or str(error)).lower()}", source="--listen") from None


class _Protocol(H11Protocol):
    """Ends the connection of a slow client. uvicorn limits only the time between requests."""

    _too_slow: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        super().connection_made(transport)
        self._start_timer()

    def data_received(self, data: bytes) -> None:
        if self._too_slow is None and not self._is_answering():
            self._start_timer()  # the next request on this connection
        super().data_received(data)
        if self._is_answering() and not self.cycle.more_body:
            self._stop_timer()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._start_timer()  # the client does not read

    def resume_writing(self) -> None:
        super().resume_writing()
        self._stop_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_timer()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _start_timer(self) -> None:
        self._stop_timer()
        self._too_slow = self.loop.call_later(REQUEST_TIMEOUT, self.transport.abort)

    def _stop_timer(self) -> None:
        if self._too_slow is not None:
            self._too_slow.cancel()
            self._too_slow = None


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
        http=_Protocol,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=IDLE,
        timeout_graceful_shutdown=IDLE,
        h11_max_incomplete_event_size=LARGEST_HEADERS + LONGEST_QUERY,
        ws="none",
    )
    host, port = listener.getsockname()[:2]
    url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    await _Server(config, lambda: on_start(url)).serve(sockets=[listener])
