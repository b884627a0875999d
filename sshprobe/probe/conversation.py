"""One connection: the wire's events and the network's bytes brought together, one question after the other.

A `Conversation` turns every early end of a connection into one exception, `ConnectionEnded`, with the status that the
record gets. It knows deadlines, and not the reason for a question.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import Status
from sshprobe.net import CLOSED, CloseGracefully, Exchange, NetworkError
from sshprobe.probe.busy_words import says_busy
from sshprobe.probe.effects import ProbeGenerator
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import (
    AuthenticationBanner,
    AuthenticationFailed,
    AuthenticationSucceeded,
    ConnectionClosed,
    DisconnectReceived,
    Event,
    ExtensionsReceived,
    GroupReceived,
    HostKeyReceived,
    IdentificationReceived,
    KexInitReceived,
    LineReceived,
)
from sshprobe.wire.host_keys import OtherHostKey
from sshprobe.wire.identification import Identification
from sshprobe.wire.kex.exchange import GroupExchangeRequest
from sshprobe.wire.messages import KexInit
from sshprobe.wire.public_keys import HostKey
from sshprobe.wire.suites import Suite
from sshprobe.wire.transport import NEED_DATA, ClientTransport

# Events are told apart by their very type: where `isinstance` is false, a msgspec.Struct goes through its metaclass.

THROTTLED_LINES = (b"Not allowed at this time", b"Exceeded MaxStartups")
"""What OpenSSH sends in place of an identification: 9.8 and later under penalty, 8.2 and later past MaxStartups."""

IDENTIFICATION, KEXINIT, EXCHANGE = "an identification", "KEXINIT", "the key exchange"
"""What is waited for, in words of a record."""

_IN_CLEAR = (KEXINIT, EXCHANGE)

TOO_MANY_CONNECTIONS = 12
"""SSH_DISCONNECT_TOO_MANY_CONNECTIONS (RFC 4253 section 11.1)."""

OURS_FIRST = 1.0
"""Seconds without the server's KEXINIT after which ours goes first: RFC 4253 section 7 has each side send, and some
servers wait for the client (Cisco Catalyst 1200, AudioCodes). All others send theirs with their identification."""

LATE_SHARE = 0.3
"""Share of the wait for KEXINIT that is left for one more connection, in which our identification comes after theirs:
some servers throw away what comes before they have sent their own (Cisco IOS), and then wait for it."""

THINKS = 0.25
"""Seconds after the connection in which a server sends its identification, if it has had no time to lose ours."""

APART = 0.5
"""Seconds between our KEXINIT and the first message of the exchange once an exchange has failed. Some servers take what
they read at once for one packet (Cisco IOS 15), and nothing says when they have read."""

SILENT_LINGER = 0.1
"""Seconds that a server which let a deadline pass gets to close its side."""

ERROR_TEXT = 200
"""Bytes of a server's words quoted in an error."""


class ConnectionEnded(Exception):
    """The connection is over before its question was answered. `str()` is one line for people."""

    def __init__(self, status: Status, message: str) -> None:
        self.status: Status = status
        super().__init__(message)


class Answers(msgspec.Struct):
    """What came beside the answers that were waited for."""

    lines: list[bytes]
    extensions: tuple[tuple[bytes, bytes], ...] | None = None
    banner: bytes | None = None
    group: GroupReceived | None = None
    other_host_key: HostKey | None = None
    """A host key of another type than was negotiated: it ends the connection."""


class Conversation:
    """One connection to one address. Ask in order: `identification`, `kexinit`, `host_key`, `methods`.

    `start_key_exchange` comes before `host_key`; or before all, where the lists to expect are known.
    """

    def __init__(
        self,
        transport: ClientTransport,
        clock: Callable[[], float],
        timeout: float,
        host_deadline: float,
        *,
        kexinit_deadline: float | None = None,
        late: bool = False,
    ) -> None:
        """`kexinit_deadline`: end of the wait for KEXINIT. `late`: our identification is sent after the server's."""
        self.transport = transport
        """The wire's side."""
        self._clock = clock
        self._timeout = timeout
        self._host_deadline = host_deadline
        self._deadline = host_deadline
        self._kexinit_deadline = kexinit_deadline
        self._awaited = ""
        self._silent = False
        self._closed = False
        self._late = late
        self._turn: float | None = None  # when our KEXINIT goes first, while that is still to come
        self._go_first: Callable[[Conversation], None] | None = None
        self._broken: NetworkError | None = None
        self.answers = Answers([])
        self.reads = 0
        """How many times data came."""
        self.opened = clock()
        """When the connection was made."""
        self._asked: float | None = self.opened  # when the next question begins, where that is now
        self.identified_after: float | None = None
        """Seconds from there to the server's identification."""
        self.early = False
        """Whether a key exchange was started before the lists came, and nothing has come of it yet."""
        self.started = False
        """Whether a key exchange was started."""
        self.alone = False
        """Whether it was started with our KEXINIT alone."""
        self.proposed = False
        """Whether a KEXINIT of all we speak was sent."""
        self.waited_for_ours = False
        """Whether the server's KEXINIT came only after ours."""
        self.lists_deadline = host_deadline
        """When the wait for KEXINIT ends, for all connections in which it is waited for."""

    def identification(self) -> ProbeGenerator[Identification]:
        """Wait for the server's identification."""
        while True:
            event = yield from self._next(IDENTIFICATION)
            if type(event) is LineReceived:
                self.answers.lines.append(event.line)
                if event.line.rstrip() in THROTTLED_LINES:
                    raise ConnectionEnded("throttled", f'the server says "{escape_bytes(event.line.rstrip())}"')
            elif type(event) is IdentificationReceived:
                self._late = False
                self._asked = self._clock()
                self.identified_after = self._asked - self.opened
                return event.identification

    def kexinit(
        self,
        go_first: Callable[[Conversation], None] | None = None,
        *,
        patience: float = OURS_FIRST,
        leave: float = 0.0,
    ) -> ProbeGenerator[KexInit]:
        """Wait for the server's lists. After `patience` seconds without any of them `go_first` sends ours.

        `leave`: seconds of the wait that are left for another connection.
        """
        self._go_first = go_first
        self._patience = patience
        self._leave = leave
        while True:
            event = yield from self._next(KEXINIT)
            if type(event) is KexInitReceived:
                self._turn = None
                return event.kexinit

    def start_key_exchange(
        self,
        kex: str,
        host_key_algorithm: str,
        *,
        suite: Suite | None,
        request: GroupExchangeRequest | None,
        expected: KexInit | None = None,
        alone: bool = False,
    ) -> None:
        """Answer the server's lists, or those that are `expected`. See `ClientTransport.start_key_exchange`.

        `alone`: the first message of the exchange follows our KEXINIT when the server must have read that.
        """
        self.early = expected is not None and not alone
        self.started = True
        self.alone = alone
        self.transport.start_key_exchange(
            kex, host_key_algorithm, suite=suite, request=request, expected=expected, alone=alone
        )

    def propose(self) -> None:
        """Send a KEXINIT of all we speak. See `ClientTransport.propose`."""
        self.proposed = True
        self.transport.propose()

    def host_key(self) -> ProbeGenerator[HostKeyReceived]:
        """Wait for the server's host key; a group that comes before it is put into `answers`."""
        if self.alone:
            if not self.waited_for_ours:
                yield from self._rest(APART)
            self.transport.continue_key_exchange()
        while True:
            event = yield from self._next(EXCHANGE)
            if type(event) is GroupReceived:
                self.early = False
                self.answers.group = event
                if event.fault is not None:
                    raise ConnectionEnded("protocol_error", event.fault)
            elif type(event) is HostKeyReceived:
                self.early = False
                return event

    def methods(
        self, user: str, *, at_once: bool = False, apart: bool = False
    ) -> ProbeGenerator[tuple[bytes, ...] | None]:
        """Ask for the authentication methods of `user`; None means that "none" logged us in.

        `at_once`: see `ClientTransport.request_authentication_methods`. `apart`: the first encrypted packet follows our
        NEWKEYS when the server must have read that.
        """
        self.transport.request_authentication_methods(user.encode(), at_once=at_once, alone=apart)
        if apart:
            yield from self._rest(APART)
            self.transport.continue_authentication()
        while True:
            event = yield from self._next("the authentication methods")
            if type(event) is ExtensionsReceived:
                self.answers.extensions = (self.answers.extensions or ()) + event.extensions
            elif type(event) is AuthenticationBanner:
                self.answers.banner = (self.answers.banner or b"") + event.message
            elif type(event) is AuthenticationFailed:
                return event.methods
            elif type(event) is AuthenticationSucceeded:
                return None

    @property
    def may_have_lost_ours(self) -> bool:
        """Whether the server took so long to identify itself that it may have thrown our identification away."""
        return self.identified_after is not None and self.identified_after > THINKS

    @property
    def waits_for_lists(self) -> bool:
        """Whether the server's KEXINIT is awaited, and nothing of it has come."""
        return self._awaited is KEXINIT and not self.transport.unread

    def goodbye(self, description: bytes, linger: float) -> CloseGracefully:
        """Return the effect that ends the connection as quietly as it can be ended, in any state."""
        data = b""
        if not self._closed:
            self.transport.disconnect(description)
            data, self.transport.outgoing = self.transport.outgoing, b""
        # Who was silent so far will not close in time either.
        return CloseGracefully(data, min(linger, SILENT_LINGER) if self._silent else linger)

    def _wait_for_lists(self, now: float) -> None:
        """Set the deadlines of the wait for KEXINIT, which may leave time for another connection, and our turn."""
        self.lists_deadline = self._deadline
        self._deadline -= self._leave
        if self._go_first is not None:
            self._turn = min(now + self._patience, self._deadline)

    def _our_turn(self) -> bool:
        """Send our KEXINIT first if that is what comes now. Returns whether there is something to wait for."""
        if self._turn is None or self._go_first is None:
            return False
        self._turn = None
        if not self.transport.unread:  # else the server's has begun
            self._go_first(self)
            self.waited_for_ours = True
        return True

    def _next(self, awaited: str) -> ProbeGenerator[Event]:
        """Return the next event, within the deadline of this question. Raises `ConnectionEnded`."""
        if awaited != self._awaited:
            self._awaited = awaited
            now = self._clock() if self._asked is None else self._asked
            self._asked = None
            deadline = now + self._timeout
            if awaited is KEXINIT and self._kexinit_deadline is not None:
                deadline = self._kexinit_deadline
            self._deadline = deadline if deadline < self._host_deadline else self._host_deadline
            if awaited is KEXINIT:
                self._wait_for_lists(now)
        transport = self.transport
        data: bytes | None = None
        try:
            while True:
                if data is not None or transport.has_more:
                    event = transport.next_event(data)
                    if event is not NEED_DATA:
                        break
                    data = None
                if self._broken is not None:
                    raise self._broken
                # Sent when there is nothing left to read: each write wakes the server, and one is enough.
                ours = b""
                if not self._late:
                    ours, transport.outgoing = transport.outgoing, b""
                try:
                    data = yield Exchange(ours, self._deadline if self._turn is None else self._turn)
                except NetworkError as error:
                    if error.failure != "timeout" or not self._our_turn():
                        raise
                    continue
                self.reads += bool(data)
        except NetworkError as error:
            if error.failure == "timeout":
                self._silent = True
                raise ConnectionEnded("timeout", f"timed out waiting for {awaited}") from None
            self._closed = True
            raise ConnectionEnded("reset", f"{error} before {awaited}") from None
        except RemoteProtocolError as error:
            if isinstance(error, OtherHostKey):
                self.answers.other_host_key = error.host_key
            raise self._in_words(awaited) or ConnectionEnded("protocol_error", str(error)) from None
        if type(event) is DisconnectReceived or type(event) is ConnectionClosed:
            raise self._ended(event, awaited)
        return event

    def _rest(self, seconds: float) -> ProbeGenerator[None]:
        """Send what there is to send and let the server read it. What comes meanwhile is kept for the next question."""
        until = min(self._clock() + seconds, self._host_deadline)
        try:
            while True:
                ours, self.transport.outgoing = self.transport.outgoing, b""
                data = yield Exchange(ours, until)
                if not data:
                    self.transport.receive_eof()
                    return
                self.reads += 1
                self.transport.receive_data(data)
                if self.transport.is_full:  # a server may send without end
                    return
        except NetworkError as error:
            if error.failure != "timeout":
                self._broken = error  # behind what came before

    def _ended(self, event: DisconnectReceived | ConnectionClosed, awaited: str) -> ConnectionEnded:
        if isinstance(event, ConnectionClosed):
            return self._in_words(awaited) or ConnectionEnded("reset", f"{CLOSED} before {awaited}")
        self._closed = True
        words = escape_bytes(event.description, ERROR_TEXT)
        busy = event.code == TOO_MANY_CONNECTIONS or says_busy(event.description)
        status: Status = "throttled" if busy else "reset"
        return ConnectionEnded(status, f'the server disconnected with reason {event.code}: "{words}"')

    def _in_words(self, awaited: str) -> ConnectionEnded | None:
        """Return the end of a connection on which the server wrote, in clear, that it is busy."""
        if awaited not in _IN_CLEAR:
            return None
        lines = self.answers.lines if awaited is KEXINIT else ()  # before an identification that nothing followed
        words = next((words for words in (self.transport.unread, *lines) if says_busy(words)), None)
        return (
            None
            if words is None
            else ConnectionEnded("throttled", f'the server says "{escape_bytes(words.strip(), ERROR_TEXT)}"')
        )
