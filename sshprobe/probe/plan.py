"""Which questions go into which connection. A pure function of what is known so far; it opens nothing.

Why it is a plan. One connection yields one host key and at most one group; no server allows a second exchange before
login. But the server's lists arrive before we must choose, and one exchange can answer several questions: a host key,
the smallest group-exchange modulus, and, once it is encrypted, the authentication methods. So the least number of
connections is the number of host keys, or one where only lists are asked.

Rules:

1. RSA is one key under several names: it is asked for once, by rsa-sha2-512 first, SHA-1 last.
2. The authentication methods ride on the first exchange that leads to encryption.
3. Group exchange carries a host key too. It goes to the second host key if there is one, because some servers offer
   it and hang up on any request (paramiko, ssh2 for Node): then the first connection has not been wasted.
4. What failed is tried once more, another way. What failed twice is left, and the record says so. The methods ride
   on an exchange, so they are left too where every exchange failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

import msgspec

from sshprobe.wire.host_keys import host_key_family
from sshprobe.wire.key_exchange import METHODS, Method
from sshprobe.wire.messages import KexInit
from sshprobe.wire.proposal import Negotiated
from sshprobe.wire.suites import Suite, choose_suite

ATTEMPTS = 2
"""Exchanges tried for one host key."""

FAMILIES_NAMED = 8
"""Host keys that a record names as not shown: a server may offer two thousand. None in use has more than six."""

_RSA_ORDER = ("rsa-sha2-512", "rsa-sha2-256", "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com")


class Wanted(msgspec.Struct, frozen=True):
    """What to find out besides the lists."""

    host_keys: bool
    group_exchange: bool
    authentication: bool


class Exchange(msgspec.Struct, frozen=True):
    """What one connection does after the server's KEXINIT."""

    kex: str
    host_key_algorithm: str
    family: str
    group_exchange: bool
    """Ask for a group; `kex` is a group-exchange method."""
    suite: Suite | None
    """Go on encrypted with this and ask for the authentication methods; None: stop after the host key."""


class Progress(msgspec.Struct):
    """What has been asked of one host so far, and what came of it."""

    answered: set[str] = set()
    """Host key families that were shown."""
    failures: dict[str, str] = {}
    """Family to what ended its last attempt."""
    attempts: dict[str, int] = {}
    tried: set[tuple[str, str]] = set()
    """Pairs of method and host key algorithm that failed."""
    groups: dict[str, Literal["answered", "refused"]] = {}
    """Group-exchange method to its outcome."""
    authentication: Literal["open", "answered", "failed"] = "open"
    authentication_attempts: int = 0

    def failed(self, exchange: Exchange, reason: str) -> None:
        """Note that `exchange` ended before the host key, or before a group where one was asked for."""
        if exchange.group_exchange and self.groups.get(exchange.kex) != "answered":
            self.groups[exchange.kex] = "refused"  # the method's failure, not the key's
            return
        if exchange.family in self.answered or self.attempts.get(exchange.family, 0) >= ATTEMPTS:
            self.authentication_failed()  # nothing but the methods was asked
            return
        self.attempts[exchange.family] = self.attempts.get(exchange.family, 0) + 1
        self.failures[exchange.family] = reason
        self.tried.add((exchange.kex, exchange.host_key_algorithm))

    def authentication_failed(self) -> None:
        """Note that the encrypted part gave no answer. It gets one more try."""
        self.authentication_attempts += 1
        if self.authentication_attempts >= ATTEMPTS:
            self.authentication = "failed"


class Offer(msgspec.Struct, frozen=True):
    """What lists hold to ask for. Made once for each kind of lists; it is not to be changed."""

    families: dict[str, list[str]]
    """Host keys: family to the names to ask for it by, best first."""
    groups: list[Method]
    """Group exchanges."""
    carriers: list[Method]
    """All methods, in the order in which they are tried for a host key."""
    encrypts: bool
    """Whether any of them leads to encryption."""


def offer(server: KexInit) -> Offer:
    """Return what `server` offers."""
    return _offer(server.kex_algorithms, server.server_host_key_algorithms)


@lru_cache(maxsize=64)  # fleets offer the same lists again and again; few, as in `wire.messages`
def _offer(kex_algorithms: tuple[bytes, ...], server_host_key_algorithms: tuple[bytes, ...]) -> Offer:
    families: dict[str, list[str]] = {}
    for raw in server_host_key_algorithms:
        name = printable_name(raw)
        if name and name != "null":
            families.setdefault(host_key_family(name), []).append(name)
    for names in families.values():
        names.sort(key=lambda name: _RSA_ORDER.index(name) if name in _RSA_ORDER else len(_RSA_ORDER))
    offered = set(kex_algorithms)
    methods = [method for name, method in METHODS.items() if name.encode() in offered]
    plain = [method for method in methods if method.kind != "gex" and method.verifiable]
    groups = [method for method in methods if method.kind == "gex"]
    carriers = plain + groups + [method for method in methods if not method.verifiable]
    return Offer(families, groups, carriers, encrypts=bool(plain or groups))


def pending_families(offered: Offer, progress: Progress) -> list[str]:
    """Return the host keys that are offered, not seen yet, and not given up."""
    return [
        family
        for family in offered.families
        if family not in progress.answered and progress.attempts.get(family, 0) < ATTEMPTS
    ]


def unanswered(server: KexInit, progress: Progress, wanted: Wanted) -> str | None:
    """Return in words what is wanted and was not answered when nothing more is asked; None if all was."""
    words = [
        f"no {family} host key: {reason}"
        for family, reason in progress.failures.items()
        if family not in progress.answered
    ]
    if wanted.host_keys and not words:
        pending = pending_families(offer(server), progress)
        words = [f"no {family} host key" for family in pending[:FAMILIES_NAMED]]
        if len(pending) > FAMILIES_NAMED:
            words.append(f"nor {len(pending) - FAMILIES_NAMED:,} more host keys")
    if wanted.authentication and progress.authentication != "answered":
        words.append("no authentication methods")
    return "; ".join(words) or None


def next_exchange(server: KexInit, progress: Progress, wanted: Wanted) -> Exchange | None:
    """Return what to ask in the connection whose KEXINIT is `server`; None if nothing is left to ask."""
    if not (wanted.host_keys or wanted.group_exchange or wanted.authentication):
        return None
    offered = offer(server)
    pending = pending_families(offered, progress) if wanted.host_keys else []
    suite = _suite(server, progress, wanted) if offered.encrypts else None
    if wanted.host_keys and not pending and not progress.answered:
        suite = None  # no exchange ever got as far as a host key: rule 4
    group = _group(offered.groups, progress, wanted)
    if not offered.families or not offered.carriers or not (pending or suite or group):
        return None
    if group is not None and suite is not None and len(pending) > 1:
        group = None  # rule 3
    if not pending and group is not None and "answered" in progress.groups.values():
        group = None  # a second group-exchange method is worth no connection of its own
        if suite is None:
            return None
    family = pending[0] if pending else _carrier(offered.families, progress)
    method, algorithm = _pair(group, offered.carriers, offered.families[family], progress)
    if not method.verifiable:
        suite = None
    return Exchange(method.name, algorithm, family, group_exchange=group is not None, suite=suite)


def _suite(server: KexInit, progress: Progress, wanted: Wanted) -> Suite | None:
    if not wanted.authentication or progress.authentication != "open":
        return None
    return choose_suite(server)


def _group(groups: list[Method], progress: Progress, wanted: Wanted) -> Method | None:
    if not wanted.group_exchange or "refused" in progress.groups.values():
        return None
    for method in groups:
        if method.name not in progress.groups:
            return method
    return None


def _carrier(offered: Mapping[str, list[str]], progress: Progress) -> str:
    """Return a host key to ask for although it is known, because an exchange needs one: one that worked."""
    return next((family for family in offered if family in progress.answered), next(iter(offered)))


def _pair(group: Method | None, methods: list[Method], names: list[str], progress: Progress) -> tuple[Method, str]:
    """Return the first pair of method and name that has not failed; the first pair if all have."""
    candidates = [group] if group is not None else methods
    for name in names:
        for method in candidates:
            if (method.name, name) not in progress.tried:
                return method, name
    return candidates[0], names[0]


def negotiated_exchange(agreed: Negotiated | None, progress: Progress, wanted: Wanted) -> Exchange | None:
    """Return what is asked where both sides have sent all they speak, and `agreed`; None: nothing that is wanted."""
    if agreed is None:
        return None
    method, family = METHODS[agreed.kex], host_key_family(agreed.host_key_algorithm)
    group = method.kind == "gex" and wanted.group_exchange and method.name not in progress.groups
    asks = wanted.authentication and progress.authentication == "open" and method.verifiable
    suite = agreed.suite if asks else None
    if not group and suite is None and (family in progress.answered or not wanted.host_keys):
        return None
    return Exchange(agreed.kex, agreed.host_key_algorithm, family, group_exchange=group, suite=suite)


def authentication_needs_fallback(server: KexInit, progress: Progress, wanted: Wanted) -> bool:
    """True if the methods are still wanted and we cannot speak the server's ciphers or exchanges ourselves."""
    if not wanted.authentication or progress.authentication != "open":
        return False
    return choose_suite(server) is None or not offer(server).encrypts


def printable_name(raw: bytes) -> str | None:
    """Return a name as text, or None if it is not one that can be sent back: US-ASCII without a comma."""
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError:
        return None
    return name if name.isprintable() and name and "," not in name else None
