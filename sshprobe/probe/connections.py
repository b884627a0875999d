"""The connections to one host: to which address, when, and whether the next may send everything at once.

Never more than one to an address at a time, and the next one only after the server closed the last.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sshprobe.algorithms.openssh import may_charge_for_users
from sshprobe.net import Address, NetworkError
from sshprobe.probe.conversation import OURS_FIRST, ConnectionEnded, Conversation
from sshprobe.probe.effects import Connect, Pause, ProbeGenerator
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.probe.probe_status import ProbeStatus
from sshprobe.probe.trace import HostTrace, TracedTransport
from sshprobe.wire.identification import Identification
from sshprobe.wire.kex.exchange import KeyPairs
from sshprobe.wire.transport import ClientTransport

READS_AHEAD = b"OpenSSH_"
"""Software that was seen to answer messages that came before it asked for them: a "none" request together with the
request for the service; in the second and later connections our KEXINIT and the first message of the exchange together
with our identification. Other software gets one after it answered the other, and so does this after any failure."""

USER_CHARGE = 5.0
"""Seconds of penalty that OpenSSH 10.3 and later charge for the name of a user whom they let nobody log in as (not
there, or not in AllowUsers); else, as for any connection without a login, it is `CHARGE`. The answers are the same, so
the worst is counted. A source past 15 s is refused (sshd_config(5), PerSourcePenalties)."""

CHARGE = 1.0

CHARGES_AT_ONCE = 7.0
"""Seconds of penalty that we may have run up when a connection ends. Root, a group and another user are 11: the last
waits 4 s, and the same again right behind it comes to 14."""

SETTLE = 0.05
"""Seconds given to a server that did not close its side, to see that we closed ours, before we connect again."""

CAREFUL = 0.25
"""The same where a host is asked again that refused us: one that takes a single connection (MaxStartups, VTY lines) may
count the last one a little longer than it is open."""


class Connections:
    """Opens and counts connections to the first of `addresses` that takes one. `status` keeps how far they get.

    Call for each connection, in this order: `open`, `answered` when the server identified itself,
    `names_a_user` before a user is named, `ended`.
    """

    def __init__(
        self,
        addresses: Sequence[Address],
        port: int,
        options: ProbeOptions,
        status: ProbeStatus,
        key_pairs: KeyPairs | None = None,
        trace: HostTrace | None = None,
    ) -> None:
        self.addresses: Sequence[Address] = tuple(addresses)
        """The address of the host; until one took a connection, all that it may be."""
        self.made = 0
        """How many connections were made."""
        self.identified = False
        """Whether some connection got as far as the identification."""
        self.read_ahead = False
        """Whether the server answers messages that come early (`READS_AHEAD`)."""
        self.start_early = True
        """Whether no connection has shown a reason to wait for the lists of the next ones."""
        self.patience = OURS_FIRST
        """Seconds to wait for the server's KEXINIT before ours goes first: none once a server has waited for it."""
        self.late = False
        """Whether our identification goes out only after theirs."""
        self.cautious = False
        """Whether our KEXINIT goes out alone: an exchange failed, and none worked in which it did not."""
        self._failed = False  # an exchange failed
        self._together = False  # one worked in which our KEXINIT and its first message came together
        self._kexinit_deadline: float | None = None
        self.port = port
        self._options = options
        self._status = status
        self._key_pairs: KeyPairs = {} if key_pairs is None else key_pairs
        self._trace = trace
        self._clock: Callable[[], float] = time.monotonic
        self._deadline = 0.0
        self._last_start = 0.0
        self._charges_for_users = False
        self._charged_until = 0.0  # when all that we were charged for has run off
        self._made_before: int | None = None  # connections of earlier tries, if there was one
        self._is_first_run = True
        self._settled = True  # whether the server is known to be done with our last connection

    def begin(self, clock: Callable[[], float]) -> float:
        """Begin a try by the driver's clock, and return the time."""
        self._clock = clock
        self._made_before, self._is_first_run = None if self._is_first_run else self.made, False
        started = clock()
        self._deadline = started + self._options.host_timeout
        return started

    def time_left(self) -> float:
        """Return the seconds that are left for this host."""
        return self._deadline - self._clock()

    def pace(self, *, names_a_user: bool = False) -> ProbeGenerator[None]:
        """Keep to one connection at a time, and to the rate at which a server's penalties never add up."""
        early = 0.0 if self._settled else SETTLE
        if self._made_before is not None and self.made > self._made_before:
            early = CAREFUL
        if self.made >= self._options.burst:
            early = max(early, self._last_start + self._options.pace - self._clock())
        if self._charges_for_users:
            charge = USER_CHARGE if names_a_user else CHARGE
            early = max(early, self._charged_until - self._clock() + charge - CHARGES_AT_ONCE)
        if early > 0:
            yield Pause(early)
        self._last_start = self._clock()

    def names_a_user(self) -> None:
        """Count what a server may charge for the name of a user, besides the connection."""
        if self._charges_for_users:
            self._charged_until += USER_CHARGE - CHARGE

    def open(self, *, names_a_user: bool) -> ProbeGenerator[Conversation]:
        """Connect to the address that answered before, or to the first that does now, at the pace of `pace`.

        Raises `NetworkError`, or `ConnectionEnded`.
        """
        yield from self.pace(names_a_user=names_a_user)
        options = self._options
        candidates = self.addresses
        failure: NetworkError | None = None
        now = self._last_start
        for left, address in zip(range(len(candidates), 0, -1), candidates, strict=True):
            remaining = self._deadline - now
            # Where others come after it, leave time for them.
            timeout = min(options.connect_timeout, remaining if left == 1 else remaining / (left + 1))
            try:
                if remaining <= 0:
                    raise NetworkError("timeout", "out of time for this host")
                yield Connect(address, self.port, now + timeout, timeout)
            except NetworkError as error:
                failure = failure or error
                now = self._clock()
                self.not_made(error)
                if self.identified and error.failure in ("refused", "reset"):
                    raise ConnectionEnded("throttled", f"{error}, after earlier connections") from None
                continue
            self.made += 1
            self.addresses = (address,)
            transport = self._new_transport()
            until, self._kexinit_deadline = self._kexinit_deadline, None
            return Conversation(
                transport, self._clock, options.timeout, self._deadline, kexinit_deadline=until, late=self.late
            )
        assert failure is not None  # there is at least one candidate
        try:
            if len(candidates) > 1:
                raise NetworkError(failure.failure, f"{failure} (and {len(candidates) - 1} more addresses)")
            raise failure
        finally:
            del failure  # it refers to this frame by its traceback

    def _new_transport(self) -> ClientTransport:
        client_id, key_pairs = self._options.client_id, self._key_pairs
        if self._trace is None:
            return ClientTransport(client_id, key_pairs=key_pairs)
        return TracedTransport(client_id, key_pairs=key_pairs, trace=self._trace)

    def not_made(self, error: NetworkError) -> None:
        """Count a connection that was taken and reset before we knew of it: one that was refused is "refused"."""
        if error.failure == "reset":
            self.made += 1
            self._status.reached("identification")

    def answered(self, identification: Identification) -> None:
        """Take who answered."""
        self.identified = True
        self.read_ahead = identification.software.startswith(READS_AHEAD)
        self._charges_for_users = may_charge_for_users(identification.software)
        if self._charges_for_users:
            self._charged_until = max(self._charged_until, self._clock()) + CHARGE

    def identify_late(self, deadline: float) -> None:
        """From now on send our identification only after theirs; the wait for the lists ends at `deadline`."""
        self.late = True
        self._kexinit_deadline = deadline

    def ended(self, conversation: Conversation, *, settled: bool, in_order: bool, failed: bool) -> None:
        """Take how one ended: with the server done with it, with nothing known against starting early, and `failed`."""
        self._settled = settled
        self._failed |= failed
        self._together |= conversation.started and not failed and not conversation.alone
        self.cautious = self._failed and not self._together
        if conversation.waited_for_ours and not conversation.waits_for_lists:
            self.patience = 0.0
        self.start_early &= in_order and self.read_ahead and not self.late and self.patience > 0
