"""The connections to one host, one after the other: when each may be made, its state so far, and its end.

Never more than one to an address at a time, and the next one only after the server closed the last.
`sshprobe.probe.host_probe` asks the questions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from sshprobe.algorithms.openssh import may_charge_for_users
from sshprobe.model.observation import Stage
from sshprobe.net import CLOSED, Address, Exchange, NetworkError
from sshprobe.probe.early_end import ERROR_TEXT, ConnectionEnded, busy, disconnected
from sshprobe.probe.effects import Connect, Pause, ProbeGenerator
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.probe.trace import HostTrace, TracedTransport
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import ConnectionClosed, DisconnectReceived, GroupReceived
from sshprobe.wire.host_keys import OtherHostKey
from sshprobe.wire.identification import Identification
from sshprobe.wire.kex.exchange import KeyPairs
from sshprobe.wire.public_keys import HostKey
from sshprobe.wire.transport import ClientTransport

IDENTIFICATION, KEXINIT, EXCHANGE = "an identification", "KEXINIT", "the key exchange"
METHODS = "the authentication methods"
"""The names of awaited answers, for records."""

_IN_CLEAR = (KEXINIT, EXCHANGE)

SLOW_IDENTIFICATION = 0.25
"""A server that has not lost our identification sends its own within this many seconds after the connection."""

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


class Conversation:
    """The state of one connection. `opened`: its start by the driver's clock."""

    def __init__(
        self, transport: ClientTransport, opened: float, deadline: float, lists_deadline: float | None
    ) -> None:
        self.transport = transport
        self.opened = opened
        self.awaited = ""
        """The awaited answer: `IDENTIFICATION`, `KEXINIT`, `EXCHANGE` or `METHODS`."""
        self.deadline = deadline
        """The deadline of that answer."""
        self.our_turn: float | None = None
        """While the server's KEXINIT is awaited: the time to send ours first."""
        self.lists_deadline = lists_deadline
        """The deadline of the KEXINIT, once this or an earlier connection has started to wait for it."""
        self.reads = 0
        """The number of times that data arrived."""
        self.identified_after: float | None = None
        """Seconds from `opened` to the server's identification."""
        self.may_have_lost_ours = False
        """Whether the server identified itself so late that it may have dropped our identification."""
        self.early = False
        """Whether a key exchange was started before the lists arrived, and is not answered yet."""
        self.started = False
        """Whether a key exchange was started."""
        self.alone = False
        """Whether it was started with only our KEXINIT."""
        self.proposed = False
        """Whether a KEXINIT with all our algorithms was sent."""
        self.user = ""
        """The user whose authentication methods were requested, if any."""
        self.waited_for_ours = False
        """Whether the server's KEXINIT came only after ours."""
        self.failure: NetworkError | None = None
        """The failure of the connection, to be reported after the data before it."""
        self.is_silent = False
        """Whether the server let a deadline pass."""
        self.is_settled = True
        """After the end: whether the server has certainly finished with the connection."""
        self.is_over = False
        """Whether the server has closed the connection."""
        self.lines: list[bytes] = []
        self.group: GroupReceived | None = None
        self.extensions: tuple[tuple[bytes, bytes], ...] | None = None
        self.banner: bytes | None = None
        self.other_host_key: HostKey | None = None
        """A host key of another type than negotiated, which ends the connection."""

    @property
    def waits_for_lists(self) -> bool:
        """Whether the server's KEXINIT is awaited, and no part of it has arrived."""
        return self.awaited is KEXINIT and not self.transport.unread

    def rest(self, until: float) -> ProbeGenerator[None]:
        """Send pending data and let the server read it. Received data is kept for the next question."""
        transport = self.transport
        try:
            while True:
                ours, transport.outgoing = transport.outgoing, b""
                data = yield Exchange(ours, until)
                if not data:
                    transport.receive_eof()
                    return
                self.reads += 1
                transport.receive_data(data)
                if transport.is_full:  # a server may send endless data
                    return
        except NetworkError as error:
            if error.failure != "timeout":
                self.failure = error  # to be reported after the data before it

    def failed(self, error: NetworkError) -> ConnectionEnded:
        """Return the end of a connection that broke or timed out."""
        if error.failure == "timeout":
            self.is_silent = True
            return ConnectionEnded("timeout", f"timed out waiting for {self.awaited}")
        self.is_over = True
        return ConnectionEnded("reset", f"{error} before {self.awaited}")

    def broke_protocol(self, error: RemoteProtocolError) -> ConnectionEnded:
        """Return the end of a connection on which the server broke the protocol."""
        if isinstance(error, OtherHostKey):
            self.other_host_key = error.host_key
        return self._busy() or ConnectionEnded("protocol_error", str(error))

    def closed(self, event: DisconnectReceived | ConnectionClosed) -> ConnectionEnded:
        """Return the end of a connection that the server closed."""
        if isinstance(event, ConnectionClosed):
            return self._busy() or ConnectionEnded("reset", f"{CLOSED} before {self.awaited}")
        self.is_over = True
        return disconnected(event)

    def _busy(self) -> ConnectionEnded | None:
        """Return the end of a connection on which the server wrote, before encryption, that it is busy."""
        if self.awaited not in _IN_CLEAR:
            return None
        lines = self.lines if self.awaited is KEXINIT else ()  # lines before an identification without data after it
        return busy((self.transport.unread, *lines), ERROR_TEXT)


class Connections:
    """Makes the connections to one host, and stores how the next one must be made.

    Call `begin` at the start of a try, `answered` when the server identified itself, and `ended`.
    """

    def __init__(
        self,
        options: ProbeOptions,
        addresses: Sequence[Address],
        port: int,
        *,
        key_pairs: KeyPairs | None,
        trace: HostTrace | None,
    ) -> None:
        self.candidates: Sequence[Address] = tuple(addresses)
        """The address of the host; before the first connection, all its possible addresses."""
        self.stages: set[Stage] = {"connect"}
        """The stages that any connection reached."""
        self.clock: Callable[[], float] = time.monotonic
        """The driver's clock."""
        self.host_deadline = 0.0
        """The end of this try."""
        self.lists_deadline: float | None = None
        """The deadline of KEXINIT in the next connection, if an earlier one started to wait for it."""
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
        self._failed = False  # an exchange failed
        self._together = False  # one succeeded that sent our KEXINIT and the first message together
        self._options = options
        self.port = port
        self._key_pairs = {} if key_pairs is None else key_pairs
        self._trace = trace
        self._last_start = 0.0  # the start of the last connection
        self._charges_for_users = False
        self._charged_until = 0.0  # the time when all our penalties have expired
        self._made_before: int | None = None  # connections of earlier tries, if there was one
        self._is_first_try = True
        self._settled = True  # whether the server has certainly finished with our last connection

    def begin(self, clock: Callable[[], float]) -> float:
        """Begin a first try or another one, and return the time."""
        self.clock, now = clock, clock()
        self.host_deadline = now + self._options.host_timeout
        self._made_before, self._is_first_try = None if self._is_first_try else self.made, False
        return now

    def pause(self, now: float, *, names_a_user: bool = False) -> ProbeGenerator[float]:
        """Wait until the next connection may be made, and return the time. `now`: the time before."""
        seconds = self.delay(now, names_a_user=names_a_user)
        if seconds:
            yield Pause(seconds)
            now = self.clock()
        self._last_start = now
        return now

    def connect(self, now: float, *, names_a_user: bool) -> ProbeGenerator[Conversation]:
        """Connect to the address that answered before, or to the first one that answers now.

        Raises `NetworkError`, or `ConnectionEnded`.
        """
        now = yield from self.pause(now, names_a_user=names_a_user)
        candidates = self.candidates
        failure: NetworkError | None = None
        for left, address in zip(range(len(candidates), 0, -1), candidates, strict=True):
            remaining = self.host_deadline - now
            # If others follow, leave time for them.
            timeout = min(self._options.connect_timeout, remaining if left == 1 else remaining / (left + 1))
            try:
                if remaining <= 0:
                    raise NetworkError("timeout", "out of time for this host")
                yield Connect(address, self.port, now + timeout, timeout)
            except NetworkError as error:
                failure = failure or error
                now = self.clock()
                self.not_connected(error)
                if self.identified and error.failure in ("refused", "reset"):
                    raise ConnectionEnded("throttled", f"{error}, after earlier connections") from None
                continue
            self.made += 1
            self.candidates = (address,)
            client_id, key_pairs = self._options.client_id, self._key_pairs
            if self._trace is None:
                transport = ClientTransport(client_id, key_pairs=key_pairs)
            else:
                transport = TracedTransport(client_id, key_pairs=key_pairs, trace=self._trace)
            until, self.lists_deadline = self.lists_deadline, None
            return Conversation(transport, self.clock(), self.host_deadline, until)
        assert failure is not None  # there is at least one candidate
        try:
            if len(candidates) > 1:
                raise NetworkError(failure.failure, f"{failure} (and {len(candidates) - 1} more addresses)")
            raise failure
        finally:
            del failure  # it refers to this frame by its traceback

    def not_connected(self, error: NetworkError) -> None:
        """Record the failure of a connection that was not made.

        A connection that was accepted and reset before we noticed counts as made; one that was refused is "refused".
        """
        if error.failure == "reset":
            self.made += 1
            self.stages.add("identification")

    def delay(self, now: float, *, names_a_user: bool = False) -> float:
        """Return the seconds until the next connection: one at a time, slowly enough that penalties never add up."""
        seconds = 0.0 if self._settled else SETTLE
        if self._made_before is not None and self.made > self._made_before:
            seconds = CAREFUL
        if self.made >= self._options.burst:
            seconds = max(seconds, self._last_start + self._options.pace - now)
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
            charge = USER_CHARGE if conversation.user else CHARGE
            self._charged_until = max(self._charged_until, identified) + charge
