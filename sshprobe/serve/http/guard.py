"""Checks every request before a page sees it: host name, login, origin and size. Adds headers to every answer."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sshprobe.serve.http.access import Access

_log = logging.getLogger(__name__)

LONGEST_QUERY = 4096
"""Bytes of the path and the query together."""

LARGEST_HEADERS = 16_384
"""Bytes of all headers together."""

LARGEST_BODY = 65_536
"""Bytes of the body of a request."""

HEALTH = "/healthz"
"""The only path that needs no login: it tells nothing."""

PROBE = "/probe"
"""The only path whose GET contacts servers."""

CHANGES = frozenset({"/api/v1/scans"})
"""The paths with a POST. Other methods have no route, and get 405."""

_ANSWER_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)

_LOGIN = 'Basic realm="sshprobe", charset="UTF-8", Bearer realm="sshprobe"'


class Guard:
    """Lets only allowed requests through to an application.

    A web page can reach a server on loopback under the page's own name (DNS rebinding). The Host header reveals that.

    Arguments:
        app: the application.
        names: our host names, without a port, IPv6 addresses in brackets.
        access: the logins.
    """

    def __init__(self, app: ASGIApp, names: Iterable[str], access: Access) -> None:
        self._app = app
        self._names = {name.lower() for name in names}
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = [*message.get("headers", []), *_ANSWER_HEADERS]
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append((b"cache-control", b"no-store"))
                message["headers"] = headers
            await send(message)

        refusal = self._refusal(scope)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:  # our own bug: Starlette has sent 500, and uvicorn would print a traceback
            _log.exception("internal error while answering %s", scope["path"])

    def _refusal(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is not allowed, or None."""
        headers = scope["headers"]
        hosts = [value.decode("latin-1") for name, value in headers if name == b"host"]
        if len(hosts) != 1 or _without_port(hosts[0]).lower() not in self._names:
            return PlainTextResponse("this server does not have that name\n", 421)
        if len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_QUERY:
            return PlainTextResponse("the address is too long\n", 414)
        if sum(len(name) + len(value) for name, value in headers) > LARGEST_HEADERS:
            return PlainTextResponse("the headers are too large\n", 431)
        if scope["path"] == HEALTH:
            return None
        client = scope["client"][0] if scope["client"] else ""
        wait = self._access.must_wait(client)
        if wait:
            return PlainTextResponse("too many wrong logins\n", 429, {"Retry-After": str(math.ceil(wait))})
        scopes = self._access.scopes(client, headers)
        if scopes is None:
            return PlainTextResponse("log in with a token\n", 401, {"WWW-Authenticate": _LOGIN})
        is_change = scope["method"] == "POST" and scope["path"] in CHANGES
        needed = "scan" if is_change or scope["path"] == PROBE else "read"
        if needed not in scopes:
            return PlainTextResponse(f"this token does not have the scope `{needed}`\n", 403)
        return self._refused_change(headers) if is_change else None

    def _refused_change(self, headers: list[tuple[bytes, bytes]]) -> Response | None:
        """Return the refusal of a request that changes something, if it is from a web page of others, or too large.

        A browser adds a login to requests of foreign pages too, and says so in these headers.
        """
        found = {name: value.decode("latin-1") for name, value in headers}
        site = found.get(b"sec-fetch-site", "same-origin")
        origin = found.get(b"origin")
        if site not in ("same-origin", "none") or (
            origin is not None and urlsplit(origin).netloc.lower() != found[b"host"].lower()
        ):
            return PlainTextResponse("requests of other web pages are refused\n", 403)
        if found.get(b"content-type", "").partition(";")[0].strip().lower() != "application/json":
            return PlainTextResponse("send application/json\n", 415)
        size = found.get(b"content-length", "")
        if not (size.isascii() and size.isdigit()):
            return PlainTextResponse("send the length of the body\n", 411)
        return PlainTextResponse("the body is too large\n", 413) if int(size) > LARGEST_BODY else None


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if name and port.isascii() and port.isdigit() and not host.endswith("]") else host
