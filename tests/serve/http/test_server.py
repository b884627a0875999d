"""Slow, large and malformed requests to a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sshprobe.model.errors import InputError
from sshprobe.serve.http import server as module
from sshprobe.serve.http.access import Access, Token
from sshprobe.serve.http.server import application, listen, serve

LARGE = 64 * 2**20


async def page(request: Request) -> Response:
    return PlainTextResponse("x" * LARGE if request.url.path == "/large" else "fine\n")


@pytest_asyncio.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    """The port of a server that waits 0.5 s for a request."""
    monkeypatch.setattr(module, "REQUEST_TIMEOUT", 0.5)
    access = Access()
    listener = listen("127.0.0.1", 0, access)
    started = asyncio.Event()
    app = application([Route("/{path:path}", page)], ["127.0.0.1"], access)
    task = asyncio.create_task(serve(app, listener, lambda url: started.set()))
    await started.wait()
    yield listener.getsockname()[1]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    listener.close()


async def send(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts of a request, and return everything until the end of the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(pause)
        return await asyncio.wait_for(reader.read(), 20)
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_a_request_that_never_ends_is_dropped(port: int) -> None:
    assert await send(port, b"") == b""
    assert await send(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n") == b""
    dripping = [bytes([byte]) for byte in b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 60]
    assert await send(port, *dripping, pause=0.02) == b""


async def test_a_second_request_that_never_ends_is_dropped(port: int) -> None:
    answer = await send(port, b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"GET / HTTP/1.1\r\nHo", pause=0.1)
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


async def test_a_client_that_does_not_read_is_dropped(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1024)
    writer.write(b"GET /large HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
    await asyncio.sleep(2)
    read = 0
    try:
        while part := await reader.read(2**20):
            read += len(part)
    except ConnectionError:
        pass
    writer.close()
    assert read < LARGE


@pytest.mark.parametrize(
    "request_",
    [
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"SSH-2.0-OpenSSH_9.9\r\n",
    ],
)
async def test_malformed_requests_are_refused(port: int, request_: bytes) -> None:
    answer = await send(port, request_)
    assert not answer.startswith(b"HTTP/1.1 200")
    assert (await send(port, b"GET / HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n")).startswith(b"HTTP/1.1 200")


def test_other_machines_need_a_token() -> None:
    for address in ("0.0.0.0", "::", "192.0.2.1"):
        with pytest.raises(InputError, match="add a token"):
            listen(address, 0, Access())
    with pytest.raises(InputError, match="is not an address"):
        listen("localhost", 0, Access())
    listen("::1", 0, Access()).close()
    listen("127.0.0.2", 0, Access([Token(name="a", sha256="0" * 64)])).close()
