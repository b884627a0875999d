"""What has been asked of one host so far, and what came of it. What comes next of that, `sshprobe.probe.plan` says."""

from __future__ import annotations

from typing import Literal

import msgspec

from sshprobe.wire.host_keys import expected_blob_type
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.suites import Suite

ATTEMPTS = 2
"""Exchanges tried for one host key."""

WIDE = GroupExchangeRequest(1024, 1024, 8192)
"""Brings the smallest group that an OpenSSH will ever use, and that of any other server which keeps to `n`."""

NARROW = GroupExchangeRequest(1024, 1024, 1024)
"""Brings a group of 1024 bits from a server that uses one at all."""

LARGE = GroupExchangeRequest(2048, 2048, 8192)
"""Asked after a refusal: some servers hang up on a request for less (Cisco's `ip ssh dh min size 2048`, Go's)."""

CARRYING = (WIDE, LARGE, GroupExchangeRequest(3072, 4096, 8192), GroupExchangeRequest(1024, 2048, 4096))
"""Asked, one after the other, where a host key can be carried by a group alone, and what came before was refused: some
servers want more (`ip ssh dh min size 4096`), or may shrink from the maximum."""


class Wanted(msgspec.Struct, frozen=True):
    """What to find out besides the lists."""

    host_keys: bool
    group_exchange: bool
    authentication: bool
    users: tuple[str, ...] = ("root",)
    """Whose methods: those of the first in any case, of the others where a connection is left for it."""


class ExchangePlan(msgspec.Struct, frozen=True):
    """What one connection does after the server's KEXINIT."""

    kex: str
    host_key_algorithm: str
    family: str
    request: GroupExchangeRequest | None
    """What to ask a group with; None: `kex` is no group-exchange method."""
    group_exchange: bool
    """Whether it asks for the group, and the host key comes with it."""
    suite: Suite | None
    """Go on encrypted with this and ask for the authentication methods; None: stop after the host key."""
    user: str | None
    """Whose methods; None where `suite` is."""


Answer = Literal["open", "answered", "failed"]


class ProbeProgress(msgspec.Struct):
    """What has been asked of one host so far, and what came of it."""

    answered: set[str] = set()
    """Host key families that were shown."""
    failures: dict[str, str] = {}
    """Family to what ended its last attempt."""
    attempts: dict[str, int] = {}
    tried: set[tuple[str, str]] = set()
    """Pairs of method and host key algorithm that failed."""
    groups: dict[str, Literal["answered", "refused"]] = {}
    """Group-exchange method to the outcome of the `WIDE` request."""
    narrow_groups: dict[str, Literal["answered", "refused"]] = {}
    """The same of the `NARROW` one."""
    large_groups: dict[str, Literal["answered", "refused"]] = {}
    """The same of the `LARGE` one, which comes after a refusal, and of `OTHERS`."""
    refused: set[GroupExchangeRequest] = set()
    """Requests that brought no group, by whatever method."""
    unproven: set[str] = set()
    """Host key families that were shown with a wrong signature, and not yet in a second exchange."""
    least_bits: int | None = None
    """Of the smallest sound group that came."""
    maybe_openssh: bool = True
    """Whether some connection was answered by what may be an OpenSSH: then no `NARROW` request is sent."""
    authentication: Answer = "open"
    """Of the first user."""
    authentication_attempts: int = 0
    """Of any user, that gave no answer."""
    further: dict[str, Literal["answered", "failed"]] = {}
    """Users after the first, who were asked about, to their outcome."""
    further_attempts: dict[str, int] = {}
    troubled: bool = False
    """Whether anything failed so far, in whatever way (`sshprobe.probe.plan_cache`)."""

    def outcomes(self, request: GroupExchangeRequest | None) -> dict[str, Literal["answered", "refused"]]:
        """Return the outcomes of requests like this."""
        return self.groups if request == WIDE else self.narrow_groups if request == NARROW else self.large_groups

    def add_group(self, exchange: ExchangePlan, bits: int | None, *, faulty: bool = False) -> None:
        """Note what a request for a group brought: a sound one of so many bits, or None; a `faulty` one, too."""
        outcomes = self.outcomes(exchange.request)
        self.troubled |= bits is None
        if faulty:
            self.large_groups[exchange.kex] = "refused"  # what is no group is an answer: no larger one is asked for
        outcomes[exchange.kex] = "refused" if bits is None else "answered"
        if bits is not None:
            self.least_bits = min(bits, self.least_bits or bits)

    @property
    def asks_narrowly(self) -> bool:
        """Whether a `NARROW` request may be sent, and could bring something smaller than came before."""
        if self.maybe_openssh or "refused" in self.narrow_groups.values():
            return False
        return self.least_bits is None or self.least_bits > NARROW.n

    def failed(self, exchange: ExchangePlan, reason: str) -> None:
        """Note that `exchange` ended before the host key, or before a group where one was asked for."""
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
            self.authentication_failed(exchange.user)  # nothing but the methods was asked
            return
        self.failures[exchange.family] = reason
        if newly_refused and exchange.request in CARRYING[:-1]:
            return  # the size's failure, not the key's: there is another
        all_refused = exchange.request in self.refused and exchange.request == CARRYING[-1]
        self.attempts[exchange.family] = ATTEMPTS if all_refused else self.attempts.get(exchange.family, 0) + 1
        self.tried.add((exchange.kex, exchange.host_key_algorithm))

    def is_doubtful(self, exchange: ExchangePlan) -> bool:
        """Whether a failure of `exchange` may be that of its host key: one of a kind that needs a certificate, say."""
        family = exchange.family
        return is_foreign(family) and family not in self.answered and self.attempts.get(family, 0) < ATTEMPTS

    def shown(self, exchange: ExchangePlan, verified: bool | None) -> bool:
        """Note that the host key came. Return False if its signature is wrong, which another exchange has to confirm.

        Some servers sign something else than the RFC has in one method, although their key is sound.
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
        """Note that the methods of `user` came."""
        if user == wanted.users[0]:
            self.authentication = "answered"
        else:
            self.further[user] = "answered"

    def authentication_failed(self, user: str | None = None) -> None:
        """Note that the encrypted part gave no answer for `user`; None: the first. It gets one more try."""
        self.troubled = True
        self.authentication_attempts += 1
        if user is not None and self.authentication == "answered":
            self.further_attempts[user] = self.further_attempts.get(user, 0) + 1
            self.further[user] = "failed"
        elif self.authentication_attempts >= ATTEMPTS:
            self.authentication = "failed"


def is_foreign(family: str) -> bool:
    """Whether host keys of this kind are not read here: X.509 (RFC 6187), national and vendors' ones.

    Some servers list x509v3-ssh-rsa although they have no certificate, and close when a client picks it (Cisco IOS XE).
    """
    return expected_blob_type(family) is None
