"""The time of the next connection to one host, and whether it may send everything at once.

Never more than one to an address at a time, and the next one only after the server closed the last.
"""

from __future__ import annotations

from sshprobe.algorithms.openssh import may_charge_for_users
from sshprobe.probe.conversation import Conversation
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.wire.identification import Identification

OURS_FIRST = 1.0
"""Seconds to wait for the server's KEXINIT before sending ours first: in RFC 4253 section 7 both sides send, and some
servers wait for the client (Cisco Catalyst 1200, AudioCodes). All others send theirs with their identification."""

READS_AHEAD = b"OpenSSH_"
"""Software that accepts messages early: a "none" request together with the service request; from the second connection
on, our KEXINIT and the first message of the exchange together with our identification. Other software gets one message
after it answered the other, and so does this software after any failure."""

USER_CHARGE = 5.0
"""Seconds of penalty in OpenSSH 10.3 and later for the name of a user who may not log in (unknown, or not in
AllowUsers). For any other connection without a login it is `CHARGE`. The answers are the same, so we assume the worst.
Past 15 s, a source is refused (sshd_config(5), PerSourcePenalties)."""

CHARGE = 1.0

CHARGES_AT_ONCE = 7.0
"""The most seconds of penalty that we may have when a connection ends. Root, a group and another user make 11: the last
waits 4 s, and a repetition right after it makes 14."""

SETTLE = 0.05
"""Seconds before the next connection if the server did not close its side, so that it notices our close."""

CAREFUL = 0.25
"""The same in another try of a host that refused us: a server that accepts only one connection (MaxStartups, VTY lines)
may count the last one slightly longer than it is open."""


class Connections:
    """Counts the connections to one host, and stores how the next one must be made.

    Call `delay` before each connection, `answered` when the server identified itself, and `ended`.
    """

    def __init__(self, options: ProbeOptions) -> None:
        self.made = 0
        """The number of connections made."""
        self.identified = False
        """Whether any connection received an identification."""
        self.identification: Identification | None = None
        """The last one."""
        self.read_ahead = False
        """Whether the server answers messages that come early (`READS_AHEAD`)."""
        self.start_early = True
        """Whether there was no reason so far to wait for the lists in the next connections."""
        self.patience = OURS_FIRST
        """Seconds to wait for the server's KEXINIT before sending ours; 0 once a server has waited for it."""
        self.late = False
        """Whether to send our identification only after the server's."""
        self.cautious = False
        """Whether to send our KEXINIT separately: an exchange failed, and none succeeded that sent it together."""
        self.last_start = 0.0
        """The start of the last connection."""
        self._failed = False  # an exchange failed
        self._together = False  # one succeeded that sent our KEXINIT and the first message together
        self._options = options
        self._charges_for_users = False
        self._charged_until = 0.0  # the time when all our penalties have expired
        self._made_before: int | None = None  # connections of earlier tries, if there was one
        self._is_first_try = True
        self._settled = True  # whether the server has certainly finished with our last connection

    def begin(self) -> None:
        """Begin a first try or another one."""
        self._made_before, self._is_first_try = None if self._is_first_try else self.made, False

    def delay(self, now: float, *, names_a_user: bool = False) -> float:
        """Return the seconds until the next connection: one at a time, slowly enough that penalties never add up."""
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
        """Record that the server identified itself."""
        self.identified = True
        self.identification = identification
        self.read_ahead = identification.software.startswith(READS_AHEAD)
        self._charges_for_users = may_charge_for_users(identification.software)

    def ended(self, conversation: Conversation, *, in_order: bool, failed: bool) -> None:
        """Record the end of a connection. `in_order`: it gave no reason against sending early in the next one."""
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
