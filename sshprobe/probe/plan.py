"""The plan: which questions go into the next connection. A pure function of the progress so far.

One connection yields one host key and at most one group, because no server allows a second exchange before login. But
the server's lists arrive before we must choose, and one exchange can answer several questions: a host key, the smallest
group-exchange modulus and, after encryption, the authentication methods. So the minimal number of connections is the
number of host keys.

Rules:

1. RSA is one key under several names: it is requested once, by rsa-sha2-512 first, SHA-1 last.
2. The authentication methods are requested with the first exchange that leads to encryption.
3. A group exchange also yields a host key: the second one, if there are two. Some servers offer the exchange but close
   the connection at any request (paramiko, ssh2 for Node), and then the first connection was not wasted.
4. A failed question is repeated once in another way. After two failures the record says that it failed. If every
   exchange failed, the methods fail too. A refused group is requested once more, larger and with another host key. If
   only a group exchange can yield a host key, the sizes of `CARRYING` are tried, each once per host.
5. A request with a wide range (`WIDE`) finds the smallest group of OpenSSH. Other servers may raise the requested size
   up to the largest allowed (ProFTPD): these also get a `NARROW` request, with another host key or on one more
   connection, and one for a second method. OpenSSH never gets one: since 7.2 it closes the connection when the largest
   allowed size is below 2048 bits (dh.h, DH_GRP_MIN), and up to 9.9 it answers with a built-in group when its moduli
   file has no match.
6. The methods of users after the first are requested on connections for other questions, but not with a group exchange,
   unless the server has nothing else. A server that closes the connection at the name of a user has answered: the
   record says that there was no list, and is complete. The same is true for a request for a group.
7. The exchange that leads to encryption is mlkem768x25519-sha256 where it is offered: OpenSSH 10.6 logs a warning for
   one that is not post-quantum.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import msgspec

from sshprobe.probe.probe_progress import (
    ATTEMPTS,
    CARRYING,
    LARGE,
    NARROW,
    WIDE,
    ExchangePlan,
    ProbeProgress,
    Wanted,
    is_foreign,
)
from sshprobe.wire.client_kexinit import NegotiatedAlgorithms
from sshprobe.wire.host_keys import host_key_family
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.kex.methods import METHODS, Method
from sshprobe.wire.messages import KexInit
from sshprobe.wire.suites import Suite, choose_suite

ENCRYPTS_BEST = "mlkem768x25519-sha256"

NARROW_METHODS = 2
"""The most group-exchange methods that get a `NARROW` request on their own connections. If a server has more, the
others are only requested together with host keys."""

FAMILIES_NAMED = 8
"""The most missing host keys that a record names: a server may offer two thousand. Real servers have at most six."""

_RSA_ORDER = ("rsa-sha2-512", "rsa-sha2-256", "rsa-sha2-512-cert-v01@openssh.com", "rsa-sha2-256-cert-v01@openssh.com")


class Offer(msgspec.Struct, frozen=True):
    """The possible questions for lists. Shared by all hosts with the same lists, so it must not be changed."""

    families: dict[str, list[str]]
    """Host key family to its algorithm names, best first."""
    groups: list[Method]
    """Group exchanges."""
    carriers: list[Method]
    """All methods, in the order of attempts for a host key."""
    encrypting: list[Method]
    """The same for an exchange that leads to encryption."""
    encrypts: bool
    """Whether any of them leads to encryption."""


def offer(server: KexInit) -> Offer:
    """Return the possible questions for the lists of `server`."""
    return _offer(server.kex_algorithms, server.server_host_key_algorithms)


@lru_cache(maxsize=64)  # fleets repeat few lists, as in `wire.messages`
def _offer(kex_algorithms: tuple[bytes, ...], server_host_key_algorithms: tuple[bytes, ...]) -> Offer:
    families: dict[str, list[str]] = {}
    for raw in server_host_key_algorithms:
        name = printable_name(raw)
        if name and name != "null":
            families.setdefault(host_key_family(name), []).append(name)
    families = dict(sorted(families.items(), key=lambda item: is_foreign(item[0])))
    for names in families.values():
        names.sort(key=lambda name: _RSA_ORDER.index(name) if name in _RSA_ORDER else len(_RSA_ORDER))
    offered = set(kex_algorithms)
    methods = [method for name, method in METHODS.items() if name.encode() in offered]
    plain = [method for method in methods if method.kind != "gex" and method.verifiable]
    groups = [method for method in methods if method.kind == "gex"]
    carriers = plain + groups + [method for method in methods if not method.verifiable]
    encrypting = sorted(carriers, key=lambda method: method.name != ENCRYPTS_BEST)
    return Offer(families, groups, carriers, encrypting, encrypts=bool(plain or groups))


def pending_families(offered: Offer, progress: ProbeProgress) -> list[str]:
    """Return the host keys that are offered, not seen yet, and not failed."""
    return [
        family
        for family in offered.families
        if family not in progress.answered and progress.attempts.get(family, 0) < ATTEMPTS
    ]


def unanswered(server: KexInit, progress: ProbeProgress, wanted: Wanted) -> str | None:
    """Describe the wanted facts that were never answered; None if nothing is missing."""
    words = [
        f"no {'proof of the ' if family in progress.unproven else ''}{family} host key: {reason}"
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


def next_exchange(server: KexInit, progress: ProbeProgress, wanted: Wanted) -> ExchangePlan | None:
    """Return the exchange for the connection whose KEXINIT is `server`; None if no question remains."""
    if not (wanted.host_keys or wanted.group_exchange or wanted.authentication):
        return None
    offered = offer(server)
    pending = pending_families(offered, progress) if wanted.host_keys else []
    user = _user(progress, wanted, offered, pending)
    if user is not None and wanted.host_keys and not pending and not progress.answered:
        user = None  # no exchange ever yielded a host key: rule 4
    suite = None if user is None else _suite(server, progress)
    found = _group(offered.groups, progress, wanted)
    if not offered.families or not offered.carriers:
        return None
    if (
        found is not None
        and not _worth_a_connection(found[1], progress, offered.groups)
        and (suite is not None or not pending)
    ):
        found = None  # rule 6
    sure = pending if found is None else [family for family in pending if not is_foreign(family)]
    if found is not None and pending and (pending[0] in progress.unproven or (not sure and progress.answered)):
        found = None  # rule 4: another method than before; a group must not share the failure of a key
    if found is not None and suite is not None:
        if progress.authentication != "open":
            suite = None  # rule 6
        elif len(sure) > 1:
            found = None  # rule 3
    if not (pending or suite or found):
        return None
    family = pending[0] if pending else _carrier(offered.families, progress)
    if found is not None and found[1] == LARGE and len(sure) > 1:
        family = sure[1]  # rule 4: the reason of the refusal may be the key that was requested with it
    methods = [found[0]] if found is not None else offered.carriers if suite is None else offered.encrypting
    if found is None and not pending:
        methods = [method for method in methods if method.verifiable]  # the user's methods are the only question
    method, algorithm = _pair(methods, offered.families[family], progress)
    if not method.verifiable:
        suite = None
    carried = _carrying(progress)
    request = (carried if found is None else found[1]) if method.kind == "gex" else None
    return ExchangePlan(
        method.name,
        algorithm,
        family,
        request,
        group_exchange=found is not None,
        suite=suite,
        user=None if suite is None else user,
    )


def _carrying(progress: ProbeProgress) -> GroupExchangeRequest:
    """Return the request for a group that serves only to get a host key: one that was not refused yet."""
    return next((request for request in CARRYING if request not in progress.refused), CARRYING[-1])


def is_optional(exchange: ExchangePlan, progress: ProbeProgress) -> bool:
    """Return whether a `NARROW` request is the only question: a record is complete without its answer."""
    return exchange.request == NARROW and exchange.family in progress.answered


def _suite(server: KexInit, progress: ProbeProgress) -> Suite | None:
    """Return cipher and MAC; on a second try, others."""
    suite = choose_suite(server)
    return choose_suite(server, other_than=suite) if progress.authentication_attempts else suite


def _user(progress: ProbeProgress, wanted: Wanted, offered: Offer, pending: list[str]) -> str | None:
    """Return the user for the next request of methods; users after the first only together with a host key."""
    if not wanted.authentication or not offered.encrypts:
        return None
    if progress.authentication != "answered":
        return wanted.users[0] if progress.authentication == "open" else None
    for user in wanted.users[1:] if pending else ():
        if progress.further.get(user) != "answered" and progress.further_attempts.get(user, 0) < ATTEMPTS:
            return user
    return None


def _group(groups: list[Method], progress: ProbeProgress, wanted: Wanted) -> tuple[Method, GroupExchangeRequest] | None:
    """Return the next request for a group, whether or not it justifies its own connection."""
    if not wanted.group_exchange:
        return None
    refused = [method for method in groups if progress.groups.get(method.name) == "refused"]
    if refused:
        return None if progress.large_groups or "answered" in progress.groups.values() else (refused[0], LARGE)
    for method in groups:
        if not progress.groups:
            return method, WIDE
        # For software other than OpenSSH, only the answer to `NARROW` proves the smallest size of a method.
        if method.name not in progress.narrow_groups and progress.asks_narrowly:
            return method, NARROW
        if method.name not in progress.groups:
            return method, WIDE
    return None


def _worth_a_connection(request: GroupExchangeRequest, progress: ProbeProgress, groups: list[Method]) -> bool:
    """Return whether the answer to a request with a known host key may complete a proof."""
    return not progress.outcomes(request) or (request == NARROW and len(groups) <= NARROW_METHODS)


def _carrier(offered: Mapping[str, list[str]], progress: ProbeProgress) -> str:
    """Return a known host key, because an exchange needs one: preferably one that worked."""
    return next((family for family in offered if family in progress.answered), next(iter(offered)))


def _pair(methods: list[Method], names: list[str], progress: ProbeProgress) -> tuple[Method, str]:
    """Return the pair of method and name that differs most from the failed ones; the first pair without failures."""
    failed = [(METHODS[kex], name) for kex, name in progress.tried if name in names]
    if not failed:
        return methods[0], names[0]
    details = {(method.kind, method.detail) for method, _ in failed}
    failed_names = {name for _, name in failed}

    def likeness(pair: tuple[Method, str]) -> tuple[bool, bool, bool, bool]:
        method, name = pair
        is_tried = (method.name, name) in progress.tried
        return is_tried, not method.verifiable, (method.kind, method.detail) in details, name in failed_names

    return min(((method, name) for name in names for method in methods), key=likeness)


def negotiated_exchange(
    agreed: NegotiatedAlgorithms | None, progress: ProbeProgress, wanted: Wanted
) -> ExchangePlan | None:
    """Return the exchange after both sides proposed all their algorithms; None if it answers no question."""
    if agreed is None:
        return None
    method, family = METHODS[agreed.kex], host_key_family(agreed.host_key_algorithm)
    group = method.kind == "gex" and wanted.group_exchange and method.name not in progress.groups
    asks = wanted.authentication and progress.authentication == "open" and method.verifiable
    suite = agreed.suite if asks else None
    if not group and suite is None and (family in progress.answered or not wanted.host_keys):
        return None
    return ExchangePlan(
        agreed.kex,
        agreed.host_key_algorithm,
        family,
        WIDE if method.kind == "gex" else None,
        group_exchange=group,
        suite=suite,
        user=None if suite is None else wanted.users[0],
    )


def can_encrypt(server: KexInit) -> bool:
    """Return whether we speak ciphers and exchanges of `server`."""
    return choose_suite(server) is not None and offer(server).encrypts


def printable_name(raw: bytes) -> str | None:
    """Return a name as text, or None if it cannot be sent: only US-ASCII without a comma can."""
    try:
        name = raw.decode("ascii")
    except UnicodeDecodeError:
        return None
    return name if name.isprintable() and name and "," not in name else None
