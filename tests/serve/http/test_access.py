"""Logins: tokens, the header of a reverse proxy, and wrong attempts."""

from __future__ import annotations

import base64
from datetime import UTC, date, datetime, timedelta
from ipaddress import ip_network

import pytest

from sshprobe.serve.http import access as module
from sshprobe.serve.http.access import Access, Proxy, Token, new_token

SECRET, DIGEST = new_token()
Headers = list[tuple[bytes, bytes]]


def bearer(secret: str) -> Headers:
    return [(b"authorization", f"Bearer {secret}".encode())]


def basic(secret: str) -> Headers:
    return [(b"authorization", b"Basic " + base64.b64encode(f"me:{secret}".encode()))]


def test_without_a_token_everybody_has_all_scopes() -> None:
    assert Access().is_open
    assert Access().scopes("127.0.0.1", []) == ("read", "scan")


@pytest.mark.parametrize("headers", [bearer(SECRET), basic(SECRET), [(b"authorization", b"bearer " + SECRET.encode())]])
def test_a_token_lets_in(headers: Headers) -> None:
    access = Access([Token(name="a", sha256="0" * 64), Token(name="b", sha256=DIGEST, scopes=("read", "scan"))])
    assert access.scopes("192.0.2.1", headers) == ("read", "scan")


@pytest.mark.parametrize(
    "headers",
    [
        [],
        bearer(""),
        bearer(SECRET[:-1]),
        bearer(DIGEST),
        basic(SECRET + "x"),
        bearer(SECRET) * 2,
        [(b"authorization", SECRET.encode())],
        [(b"authorization", b"Basic not base64")],
        [(b"authorization", b"Digest " + SECRET.encode())],
        [(b"x-remote-user", b"root")],
    ],
)
def test_anything_else_does_not(headers: Headers) -> None:
    assert Access([Token(name="a", sha256=DIGEST)]).scopes("127.0.0.1", headers) is None


def test_an_expired_token_does_not() -> None:
    today = datetime.now(UTC).date()
    ended, ends = (Token(name="a", sha256=DIGEST, expires=day) for day in (today - timedelta(days=1), today))
    assert Access([ended]).scopes("127.0.0.1", bearer(SECRET)) is None
    assert Access([ends]).scopes("127.0.0.1", bearer(SECRET)) == ("read",)
    assert date.min < today


def test_the_header_of_a_proxy_counts_only_from_the_proxy() -> None:
    access = Access(proxy=Proxy(header="x-remote-user", addresses=(ip_network("10.0.0.0/24"),)))
    user: Headers = [(b"x-remote-user", b"alice")]
    assert access.scopes("10.0.0.7", user) == ("read",)
    assert access.scopes("::ffff:10.0.0.7", user) == ("read",)
    for client, headers in (
        ("10.0.1.7", user),
        ("10.0.0.7", []),
        ("10.0.0.7", [(b"x-remote-user", b" ")]),
        ("10.0.0.7", user * 2),
        ("", user),
    ):
        assert access.scopes(client, headers) is None


def test_a_client_must_wait_after_wrong_logins(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    access = Access([Token(name="a", sha256=DIGEST)])
    for _ in range(module.FAILURES):
        assert access.must_wait("192.0.2.1") == 0
        assert access.scopes("192.0.2.1", bearer("wrong")) is None
    assert access.must_wait("192.0.2.1") == module.FAILURE_SECONDS
    assert access.must_wait("192.0.2.2") == 0
    now += module.FAILURE_SECONDS
    assert access.must_wait("192.0.2.1") == 0


def test_the_number_of_remembered_clients_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MAX_CLIENTS", 10)
    access = Access([Token(name="a", sha256=DIGEST)])
    for number in range(50):
        access.scopes(f"192.0.2.{number}", bearer("wrong"))
    assert len(access._failures) == 10
