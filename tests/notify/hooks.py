"""A web server on loopback that receives notifications."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple


class Taken(NamedTuple):
    """A received request."""

    path: str
    headers: dict[str, str]
    body: bytes


class Hooks:
    """The received requests, and the statuses of the answers in order; the last one repeats."""

    def __init__(self, statuses: Sequence[int], headers: dict[str, str]) -> None:
        self.statuses = list(statuses)
        self.headers = headers
        self.taken: list[Taken] = []
        self.url = ""


@contextlib.contextmanager
def hooks(*statuses: int, **headers: str) -> Iterator[Hooks]:
    """Run a server that answers with `statuses`, 200 by default, and further `headers`."""
    state = Hooks(statuses or [200], headers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            state.taken.append(Taken(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(state.statuses.pop(0) if len(state.statuses) > 1 else state.statuses[0])
            for name, value in state.headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}/ssh?token=hidden"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield state
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
