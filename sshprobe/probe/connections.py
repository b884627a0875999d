"""When the next connection to one host may be made, and whether it may send everything at once.

Never more than one to an address at a time, and the next one only after the server closed the last.
"""

from __future__ import annotations

from sshprobe.algorithms.openssh import may_charge_for_users
from sshprobe.probe.conversation import Conversation
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.wire.identification import Identification

OURS_FIRST = 1.0
"""Seconds without the server's KEXINIT after which ours goes first: RFC 4253 section 7 has each side send, and some
servers wait for the client (Cisco Catalyst 1200, AudioCodes). All others send theirs with their identification."""

READS_AHEAD = b"OpenSSH_"
"""Software that answers messages before it is ready for them: a "none" request together with the
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
"""The same in another try of a host that refused us: a server that takes a single connection (MaxStartups, VTY lines)
may count the last one a little longer than it is open."""


class Connections:
    """Counts the connections to one host, and keeps what they showed about the next.

    Call `delay` before each connection, `answered` when the server identified itself, and `ended`.
    """

    def __init__(self, options: ProbeOptions) -> None:
        self.made = 0
        """How many connections were made."""
        self.identified = False
        """Whether some connection got as far as the identification."""
        self.identification: Identification | None = None
        """The last one."""
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
        self.last_start = 0.0
        """When the last one was begun."""
        self._failed = False  # an exchange failed
        self._together = False  # one worked in which our KEXINIT and its first message came together
        self._options = options
        self._charges_for_users = False
        self._charged_until = 0.0  # when all that we were charged for has run off
        self._made_before: int | None = None  # connections of earlier tries, if there was one
        self._is_first_try = True
        self._settled = True  # whether the server is known to be done with our last connection

    def begin(self) -> None:
        """Begin a first try or another one."""
        self._made_before, self._is_first_try = None if self._is_first_try else self.made, False

    def delay(self, now: float, *, names_a_user: bool = False) -> float:
        """Return the seconds until the next connection: one at a time, at a rate at which penalties never add up."""
        seconds = 0.0 if self._settled else SETTLE
        if self._made_before is not None and self.made > self._made_before:
            seconds = CAREFUL
        if self.made >= self._options.burst:
            seconds = max(seconds, self.last_start + self._options.pace - now)
        if self._charges_for_users:
            charge = USER_CHARGE if names_a_user else CHARGE
            seconds = max(seconds, self._charged_until - now + charge - CHARGES_AT_ONCE)
        return max(seconds, 0.0)

    def answered(self, identification: Identification) -> None:
        """Take the identification of the server."""
        self.identified = True
        self.identification = identification
        self.read_ahead = identification.software.startswith(READS_AHEAD)
        self._charges_for_users = may_charge_for_users(identification.software)

    def ended(self, conversation: Conversation, *, in_order: bool, failed: bool) -> None:
        """Take how one ended. `in_order`: it gave no reason against starting the next one early."""
        self._settled = conversation.is_settled
        self._failed |= failed
        self._together |= conversation.started and not failed and not conversation.alone
        self.cautious = self._failed and not self._together
        if conversation.waited_for_ours and not conversation.waits_for_lists:
            self.patience = 0.0
        self.start_early &= in_order and self.read_ahead and not self.late and self.patience > 0
        if self._charges_for_users and conversation.identified_after is not None:
            identified = conversation.opened + conversation.identified_after
            charge = USER_CHARGE if conversation.named_a_user else CHARGE
            self._charged_until = max(self._charged_until, identified) + charge
