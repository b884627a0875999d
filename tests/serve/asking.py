"""Requests to an ASGI application without sockets, and a history of captured servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec
from starlette.types import ASGIApp, Message

from sshprobe.cli.serve import _changes
from sshprobe.model.records import HostRecord
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.store.history.database import Database, open_history
from tests.render.formats.html.pages import fleet
from tests.sample_records import HEADER
from tests.store.history.test_recorder import store


class Answer:
    """The answer to a request."""

    def __init__(self, messages: Sequence[Message]) -> None:
        start = messages[0]
        self.status: int = start["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        self.body = b"".join(message.get("body", b"") for message in messages[1:])

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


async def ask(
    app: ASGIApp,
    target: str,
    *,
    method: str = "GET",
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    client: str = "127.0.0.1",
    host: str | None = "localhost",
) -> Answer:
    """Send one request."""
    path, _, query = target.partition("?")
    sent: list[Message] = []
    named = [] if host is None else [(b"host", host.encode())]
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(path),
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [*named, *((name.lower().encode(), value.encode("latin-1")) for name, value in headers)],
        "client": (client, 50_000),
        "server": ("127.0.0.1", 9622),
        "state": {},
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    await app(scope, receive, send)
    return Answer(sent)


def history(path: Path, *scans: Sequence[HostRecord]) -> Database:
    """Return a history of scans of the same targets, one a day; by default one of all captured servers."""
    database = open_history(str(path), create=True)
    for day, hosts in enumerate(scans or (fleet(),), 1):
        moment = f"2026-11-{day:02}T12:00:00.000Z"
        header = msgspec.structs.replace(HEADER, started_at=moment, scan_id=f"{day:016x}")
        store(database, list(hosts), f"{day:016x}", header)
    return database


def fleet_of(database: Database) -> Fleet:
    """Return the fleet of a history. It compares scans as the command does."""
    return Fleet(database, lambda new, old: _changes(database, new, old))


def run(work: Any) -> Any:
    """Run a coroutine."""
    return asyncio.run(work)
