"""Who may send which request: bearer tokens, the user of a reverse proxy, and nobody else from other machines.

Without tokens and proxy, every client is trusted, so the server then listens on loopback only.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal, get_args

import msgspec

TokenScope = Literal["read", "scan"]
"""`read`: pages, the API and /metrics. `scan`: probes and scans too, which contact servers."""

SCOPES: tuple[TokenScope, ...] = get_args(TokenScope)

FAILURES = 10
"""Wrong logins of one client in `FAILURE_SECONDS` before it has to wait."""

FAILURE_SECONDS = 60.0

_MAX_CLIENTS = 10_000
"""Clients whose failures are counted."""


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A secret that lets a program or a person in."""

    name: str
    sha256: str
    """SHA-256 of the token in hex. Slow hashes protect passwords, which can be guessed; a token is 256 random bits."""
    scopes: tuple[TokenScope, ...] = ("read",)
    expires: date | None = None
    """Its last day, in UTC. None: it does not expire."""


class Proxy(msgspec.Struct, frozen=True, kw_only=True):
    """A reverse proxy that logs users in, and names them in a header."""

    header: str
    """The header, in lower case. The proxy must remove it from requests of clients."""
    addresses: tuple[IPv4Network | IPv6Network, ...]
    """The addresses of the proxy. Others cannot use the header."""
    scopes: tuple[TokenScope, ...] = ("read",)


class Access:
    """Decides which scopes a request has.

    Arguments:
        tokens: without any, and without `proxy`, every request has all scopes.
        proxy: a reverse proxy that logs users in.
    """

    def __init__(self, tokens: Iterable[Token] = (), proxy: Proxy | None = None) -> None:
        self._tokens = list(tokens)
        self._proxy = proxy
        self._failures: OrderedDict[str, list[float]] = OrderedDict()

    @property
    def is_open(self) -> bool:
        """Whether every client is trusted."""
        return not self._tokens and self._proxy is None

    def scopes(self, client: str, headers: Sequence[tuple[bytes, bytes]]) -> tuple[TokenScope, ...] | None:
        """Return the scopes of a request from the address `client`. None: it has no valid login."""
        if self.is_open:
            return SCOPES
        if self._proxy is not None and _is_within(client, self._proxy.addresses):
            users = [value for name, value in headers if name == self._proxy.header.encode()]
            if len(users) == 1 and users[0].strip():
                return self._proxy.scopes
        secret = _secret(headers)
        if secret is None:
            return None
        digest = hashlib.sha256(secret).hexdigest()
        today = datetime.now(UTC).date()
        found: tuple[TokenScope, ...] | None = None
        for token in self._tokens:  # all of them: the time does not depend on which one matches
            if hmac.compare_digest(token.sha256, digest) and (token.expires is None or today <= token.expires):
                found = token.scopes
        if found is None:
            self._count_failure(client)
        return found

    def must_wait(self, client: str) -> float:
        """Return the seconds that a client must wait after too many wrong logins. 0: none."""
        failures = self._failures.get(client, [])
        if len(failures) < FAILURES:
            return 0.0
        return max(0.0, failures[-FAILURES] + FAILURE_SECONDS - time.monotonic())

    def _count_failure(self, client: str) -> None:
        failures = self._failures.setdefault(client, [])
        failures.append(time.monotonic())
        del failures[:-FAILURES]
        self._failures.move_to_end(client)
        if len(self._failures) > _MAX_CLIENTS:
            self._failures.popitem(last=False)


def new_token() -> tuple[str, str]:
    """Return a new token and its SHA-256 in hex."""
    token = f"sshprobe_{secrets.token_urlsafe(32)}"
    return token, hashlib.sha256(token.encode()).hexdigest()


def _secret(headers: Sequence[tuple[bytes, bytes]]) -> bytes | None:
    """Return the token of a request: after "Bearer", or as the password of a browser (RFC 6750, RFC 7617)."""
    values = [value for name, value in headers if name == b"authorization"]
    if len(values) != 1:
        return None
    scheme, _, words = values[0].strip().partition(b" ")
    if scheme.lower() == b"bearer":
        return words.strip()
    if scheme.lower() == b"basic":
        try:
            return base64.b64decode(words.strip(), validate=True).partition(b":")[2]
        except binascii.Error:
            return None
    return None


def _is_within(client: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    try:
        address = ip_address(client.partition("%")[0])
    except ValueError:
        return False
    if address.version == 6 and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in networks)
