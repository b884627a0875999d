"""Requests that are refused before a page sees them."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sshprobe.serve.http.access import Access, Token, new_token
from sshprobe.serve.http.guard import LARGEST_BODY, LONGEST_QUERY
from sshprobe.serve.http.server import application
from tests.serve.asking import Answer, ask

SECRET, DIGEST = new_token()
LOGIN = ("authorization", f"Bearer {SECRET}")
JSON = ("content-type", "application/json")
SIZE = ("content-length", "2")


async def echo(request: Request) -> Response:
    return PlainTextResponse(request.url.path, headers={"X-Echo": "1"})


def app(*scopes: str) -> object:
    tokens = [Token(name="a", sha256=DIGEST, scopes=scopes)] if scopes else []  # type: ignore[arg-type] # in tests
    routes = [Route("/api/v1/scans", echo, methods=["GET", "POST"]), Route("/{path:path}", echo)]
    return application(routes, ["127.0.0.1", "localhost", "[::1]"], Access(tokens))


async def request(target: str, *scopes: str, headers: Iterable[tuple[str, str]] = (), **more: object) -> Answer:
    return await ask(app(*scopes), target, headers=headers, **more)  # type: ignore[arg-type] # in tests


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1:9622", "[::1]", "[::1]:9622"])
async def test_our_names_are_accepted(host: str) -> None:
    assert (await request("/", host=host)).status == 200


@pytest.mark.parametrize("host", [None, "", "evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "[::2]"])
async def test_other_names_are_refused(host: str | None) -> None:
    """A page of another site reaches loopback under its own name (DNS rebinding)."""
    assert (await request("/", host=host)).status == 421


async def test_two_host_headers_are_refused() -> None:
    assert (await request("/", headers=[("host", "localhost")])).status == 421


async def test_a_login_is_asked_for() -> None:
    answer = await request("/", "read")
    assert answer.status == 401
    assert answer.headers["www-authenticate"].startswith("Basic realm=")
    assert (await request("/", "read", headers=[LOGIN])).status == 200
    assert (await request("/healthz", "read")).status == 200


@pytest.mark.parametrize("path", ["/healthz/../", "/healthz/", "//healthz", "/healthz%2f", "/%68osts", "/HEALTHZ"])
async def test_no_spelling_of_a_path_avoids_the_login(path: str) -> None:
    assert (await request(path, "read")).status == 401


async def test_a_probe_and_a_change_need_the_scope_scan() -> None:
    for scopes, status in ((("read",), 403), (("read", "scan"), 200)):
        assert (await request("/probe?target=x", *scopes, headers=[LOGIN])).status == status
        changed = await request("/api/v1/scans", *scopes, headers=[LOGIN, JSON, SIZE], method="POST", body=b"{}")
        assert changed.status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([JSON, SIZE], 200),
        ([JSON, SIZE, ("origin", "http://localhost")], 200),
        ([JSON, SIZE, ("origin", "http://evil.example")], 403),
        ([JSON, SIZE, ("origin", "null")], 403),
        ([JSON, SIZE, ("sec-fetch-site", "cross-site")], 403),
        ([JSON, SIZE, ("sec-fetch-site", "same-site")], 403),
        ([("content-type", "text/plain"), SIZE], 415),
        ([("content-type", "application/x-www-form-urlencoded"), SIZE], 415),
        ([JSON], 411),
        ([JSON, ("content-length", str(LARGEST_BODY + 1))], 413),
        ([JSON, ("content-length", "-1")], 411),
    ],
)
async def test_only_our_own_pages_and_programs_change_anything(headers: list[tuple[str, str]], status: int) -> None:
    """A form of a foreign page has the login of the browser, but not JSON and our origin."""
    assert (await request("/api/v1/scans", headers=headers, method="POST", body=b"{}")).status == status


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "POST"])
async def test_other_methods_have_no_effect(method: str) -> None:
    assert (await request("/hosts", method=method)).status == 405


async def test_a_long_address_is_refused() -> None:
    assert (await request("/?" + "x" * LONGEST_QUERY)).status == 414


async def test_every_answer_has_strict_headers() -> None:
    for answer in (await request("/"), await request("/", "read"), await request("/", host="evil.example")):
        assert "unsafe" not in answer.headers["content-security-policy"]
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        assert "set-cookie" not in answer.headers


async def test_wrong_logins_are_limited() -> None:
    limited = app("read")
    wrong = [("authorization", "Bearer wrong")]
    statuses = [(await ask(limited, "/", headers=wrong)).status for _ in range(12)]  # type: ignore[arg-type] # in tests
    assert statuses == [401] * 10 + [429] * 2
    answer = await ask(limited, "/", headers=[LOGIN], client="192.0.2.9")  # type: ignore[arg-type] # in tests
    assert answer.status == 200
