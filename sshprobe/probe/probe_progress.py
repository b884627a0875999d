"""The questions to one host so far, and their outcomes. `sshprobe.probe.plan` decides the next ones."""

from __future__ import annotations

from typing import Literal

import msgspec

from sshprobe.wire.host_keys import expected_blob_type
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.suites import Suite

ATTEMPTS = 2
"""The most exchanges for one host key."""

WIDE = GroupExchangeRequest(1024, 1024, 8192)
"""Finds the smallest group that an OpenSSH ever uses, and the group of 1024 bits of a server that obeys `n`."""

NARROW = GroupExchangeRequest(1024, 1024, 1024)
"""Finds a group of 1024 bits on any server that has one."""

LARGE = GroupExchangeRequest(2048, 2048, 8192)
"""Sent after a refusal: some servers close the connection at a smaller request (Cisco's `ip ssh dh min size 2048`,
Go's)."""

CARRYING = (WIDE, LARGE, GroupExchangeRequest(3072, 4096, 8192), GroupExchangeRequest(1024, 2048, 4096))
"""Sent one by one, each after a refusal, if only a group exchange can yield a host key. Some servers require more (`ip
ssh dh min size 4096`), or refuse because of the maximum."""


class Wanted(msgspec.Struct, frozen=True):
    """The wanted facts in addition to the lists."""

    host_keys: bool
    group_exchange: bool
    authentication: bool
    users: tuple[str, ...] = ("root",)
    """Users to request methods for: the first always, the others if a connection is available."""


class ExchangePlan(msgspec.Struct, frozen=True):
    """The questions of one connection after the server's KEXINIT."""

    kex: str
    host_key_algorithm: str
    family: str
    request: GroupExchangeRequest | None
    """The request for a group; None if `kex` is not a group-exchange method."""
    group_exchange: bool
    """Whether the group is the question and the host key is incidental."""
    suite: Suite | None
    """Cipher and MAC for a request of the authentication methods; None: stop after the host key."""
    user: str | None
    """The user of that request; None if `suite` is None."""


Answer = Literal["open", "answered", "failed"]


class ProbeProgress(msgspec.Struct):
    """The progress of one host: see the module."""

    answered: set[str] = set()
    """Host key families that were shown."""
    failures: dict[str, str] = {}
    """Family to the error of its last attempt."""
    attempts: dict[str, int] = {}
    tried: set[tuple[str, str]] = set()
    """Pairs of method and host key algorithm that failed."""
    groups: dict[str, Literal["answered", "refused"]] = {}
    """Group-exchange method to the outcome of the `WIDE` request."""
    narrow_groups: dict[str, Literal["answered", "refused"]] = {}
    """The same for the `NARROW` request."""
    large_groups: dict[str, Literal["answered", "refused"]] = {}
    """The same for the `LARGE` request, sent after a refusal, and the others of `CARRYING`."""
    refused: set[GroupExchangeRequest] = set()
    """Requests that returned no group, by any method."""
    unproven: set[str] = set()
    """Host key families with a wrong signature and no second exchange yet."""
    least_bits: int | None = None
    """Bits of the smallest sound group so far."""
    maybe_openssh: bool = True
    """Whether the server of any connection may be an OpenSSH: then no `NARROW` request is sent."""
    authentication: Answer = "open"
    """The outcome for the first user."""
    authentication_attempts: int = 0
    """Requests without an answer, for any user."""
    further: dict[str, Literal["answered", "failed"]] = {}
    """Users after the first to their outcome."""
    further_attempts: dict[str, int] = {}
    troubled: bool = False
    """Whether anything has failed so far (`sshprobe.probe.plan_cache`)."""

    def outcomes(self, request: GroupExchangeRequest | None) -> dict[str, Literal["answered", "refused"]]:
        """Return the outcomes of requests like this."""
        return self.groups if request == WIDE else self.narrow_groups if request == NARROW else self.large_groups

    def add_group(self, exchange: ExchangePlan, bits: int | None, *, faulty: bool = False) -> None:
        """Record the outcome of a request for a group: the bits of a sound one, or None. `faulty`: it was not sound."""
        outcomes = self.outcomes(exchange.request)
        self.troubled |= bits is None
        if faulty:
            self.large_groups[exchange.kex] = "refused"  # that is an answer, so no larger group is requested
        outcomes[exchange.kex] = "refused" if bits is None else "answered"
        if bits is not None:
            self.least_bits = min(bits, self.least_bits or bits)

    @property
    def asks_narrowly(self) -> bool:
        """Whether a `NARROW` request is allowed and could find a smaller group."""
        if self.maybe_openssh or "refused" in self.narrow_groups.values():
            return False
        return self.least_bits is None or self.least_bits > NARROW.n

    def failed(self, exchange: ExchangePlan, reason: str) -> None:
        """Record that `exchange` ended before the host key, or before the requested group."""
        self.troubled = True
        newly_refused = False
        if exchange.request is not None and not self.is_doubtful(exchange):
            outcomes = self.outcomes(exchange.request)
            if outcomes.get(exchange.kex) != "answered":
                newly_refused = exchange.request not in self.refused
                self.refused.add(exchange.request)
                if exchange.group_exchange:
                    outcomes[exchange.kex] = "refused"  # the method's failure, not the key's
                    return
            if exchange.group_exchange and exchange.request == NARROW:
                return
        if exchange.family in self.answered or self.attempts.get(exchange.family, 0) >= ATTEMPTS:
            self.authentication_failed(exchange.user)  # the methods were the only question
            return
        self.failures[exchange.family] = reason
        if newly_refused and exchange.request in CARRYING[:-1]:
            return  # the size's failure, not the key's: there is another size
        all_refused = exchange.request in self.refused and exchange.request == CARRYING[-1]
        self.attempts[exchange.family] = ATTEMPTS if all_refused else self.attempts.get(exchange.family, 0) + 1
        self.tried.add((exchange.kex, exchange.host_key_algorithm))

    def is_doubtful(self, exchange: ExchangePlan) -> bool:
        """Return whether `exchange` may have failed because of its host key, such as one that needs a certificate."""
        family = exchange.family
        return is_foreign(family) and family not in self.answered and self.attempts.get(family, 0) < ATTEMPTS

    def shown(self, exchange: ExchangePlan, verified: bool | None) -> bool:
        """Record the host key. Return False if its signature is wrong, which another exchange must confirm.

        Some servers deviate from the RFC in what they sign with one method, although their key is sound.
        """
        family = exchange.family
        if verified is False and family not in self.answered and self.attempts.get(family, 0) + 1 < ATTEMPTS:
            self.attempts[family] = self.attempts.get(family, 0) + 1
            self.failures[family] = "its signature is wrong, and there was no second one"
            self.tried.add((exchange.kex, exchange.host_key_algorithm))
            self.unproven.add(family)
            self.troubled = True
            return False
        self.answered.add(family)
        if self.unproven:
            self.unproven.discard(family)
        return True

    def authentication_answered(self, user: str, wanted: Wanted) -> None:
        """Record that the methods of `user` arrived."""
        if user == wanted.users[0]:
            self.authentication = "answered"
        else:
            self.further[user] = "answered"

    def authentication_failed(self, user: str | None = None) -> None:
        """Record that the encrypted part gave no answer for `user` (None: the first), who gets one more try."""
        self.troubled = True
        self.authentication_attempts += 1
        if user is not None and self.authentication == "answered":
            self.further_attempts[user] = self.further_attempts.get(user, 0) + 1
            self.further[user] = "failed"
        elif self.authentication_attempts >= ATTEMPTS:
            self.authentication = "failed"


def is_foreign(family: str) -> bool:
    """Whether we do not read host keys of this type: X.509 (RFC 6187), national and vendors' types.

    Some servers list x509v3-ssh-rsa although they have no certificate, and close when a client picks it (Cisco IOS XE).
    """
    return expected_blob_type(family) is None
