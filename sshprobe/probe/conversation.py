"""One connection: the wire's events and the network's bytes brought together, one question after the other.

A `Conversation` turns every way in which a connection can end early into one exception, `Ended`, that carries the
status a record gets for it. It knows deadlines; it does not know why the questions are asked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from sshprobe.escape import escape_bytes
from sshprobe.net import CLOSED, NetworkError
from sshprobe.probe.busy_words import says_busy
from sshprobe.probe.steps import STILL_OPEN, Asking, Finish, Receive
from sshprobe.records import Status
from sshprobe.wire.errors import OtherHostKey, RemoteProtocolError
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
from sshprobe.wire.host_keys import HostKey
from sshprobe.wire.identification import Identification
from sshprobe.wire.key_exchange import GroupExchangeRequest
from sshprobe.wire.messages import KexInit
from sshprobe.wire.suites import Suite
from sshprobe.wire.transport import NEED_DATA, ClientTransport

# Events are told apart by their very type: where `isinstance` is false, a msgspec.Struct goes through its metaclass.

THROTTLED_LINES = (b"Not allowed at this time", b"Exceeded MaxStartups")
"""What OpenSSH sends in place of an identification: 9.8 and later under penalty, 8.2 and later past MaxStartups."""

IDENTIFICATION, KEXINIT = "an identification", "KEXINIT"
"""What is waited for, in words of a record."""

TOO_MANY_CONNECTIONS = 12
"""SSH_DISCONNECT_TOO_MANY_CONNECTIONS (RFC 4253 section 11.1)."""

SILENT_LINGER = 0.1
"""Seconds that a server which let a deadline pass gets to close its side."""

ERROR_TEXT = 200
"""Bytes of a server's words quoted in an error."""


class Ended(Exception):
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
        deadlines: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._transport = transport
        self._clock = clock
        self._timeout = timeout
        self._host_deadline = host_deadline
        self._deadline = host_deadline
        self._deadlines = deadlines
        self._awaited = ""
        self._silent = False
        self._closed = False
        self.answers = Answers([])
        self.reads = 0
        """How many times data came."""
        self.began_with = 0
        """Bytes that came the first time."""
        self.greeting = 0
        """Bytes of the server's identification, what stood before it, and KEXINIT."""
        self.early = False
        """Whether a key exchange was started before the lists came, and nothing has come of it yet."""

    @property
    def transport(self) -> ClientTransport:
        """The wire's side, to look at."""
        return self._transport

    def identification(self) -> Asking[Identification]:
        """Wait for the server's identification."""
        while True:
            event = yield from self._next(IDENTIFICATION)
            if type(event) is LineReceived:
                self.answers.lines.append(event.line)
                if event.line.rstrip() in THROTTLED_LINES:
                    raise Ended("throttled", f'the server says "{escape_bytes(event.line.rstrip())}"')
            elif type(event) is IdentificationReceived:
                return event.identification

    def kexinit(self) -> Asking[KexInit]:
        """Wait for the server's lists."""
        while True:
            event = yield from self._next(KEXINIT)
            if type(event) is KexInitReceived:
                self.greeting = self._transport.taken
                return event.kexinit

    def start_key_exchange(
        self,
        kex: str,
        host_key_algorithm: str,
        *,
        suite: Suite | None,
        request: GroupExchangeRequest | None,
        expected: KexInit | None = None,
    ) -> None:
        """Answer the server's lists, or those that are `expected`. See `ClientTransport.start_key_exchange`."""
        self.early = expected is not None
        self._transport.start_key_exchange(kex, host_key_algorithm, suite=suite, request=request, expected=expected)

    def host_key(self) -> Asking[HostKeyReceived]:
        """Wait for the server's host key; a group that comes before it is put into `answers`."""
        while True:
            event = yield from self._next("the key exchange")
            if type(event) is GroupReceived:
                self.early = False
                self.answers.group = event
                if event.fault is not None:
                    raise Ended("protocol_error", event.fault)
            elif type(event) is HostKeyReceived:
                self.early = False
                return event

    def methods(self, user: str, *, at_once: bool = False) -> Asking[tuple[bytes, ...] | None]:
        """Ask for the authentication methods of `user`; None means that "none" logged us in.

        `at_once`: see `ClientTransport.request_authentication_methods`.
        """
        self._transport.request_authentication_methods(user.encode(), at_once=at_once)
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

    def goodbye(self, description: bytes, linger: float) -> Asking[bool]:
        """End the connection as quietly as it can be ended. Safe to call in any state.

        Returns whether the server is done with it, too.
        """
        data = b""
        if not self._closed:
            self._transport.disconnect(description)
            data = self._transport.data_to_send()
        # Who was silent so far will not close in time either.
        answer = yield Finish(data, min(linger, SILENT_LINGER) if self._silent else linger)
        return answer != STILL_OPEN

    def _next(self, awaited: str) -> Asking[Event]:
        """Return the next event, within the deadline of this question. Raises `Ended`."""
        if awaited != self._awaited:
            self._awaited = awaited
            deadline = self._clock() + self._timeout
            if self._deadlines:
                deadline = self._deadlines.get(awaited, deadline)
            self._deadline = min(deadline, self._host_deadline)
        transport = self._transport
        try:
            while (event := transport.next_event()) is NEED_DATA:
                # Sent when there is nothing left to read: each write wakes the server, and one is enough.
                data = yield Receive(transport.data_to_send(), self._deadline)
                if data:
                    if not self.reads:
                        self.began_with = len(data)
                    self.reads += 1
                    transport.receive_data(data)
                else:
                    transport.receive_eof()
        except NetworkError as error:
            if error.failure == "timeout":
                self._silent = True
                raise Ended("timeout", f"timed out waiting for {awaited}") from None
            self._closed = True
            raise Ended("reset", f"{error} before {awaited}") from None
        except RemoteProtocolError as error:
            if isinstance(error, OtherHostKey):
                self.answers.other_host_key = error.host_key
            raise self._in_words(awaited) or Ended("protocol_error", str(error)) from None
        if type(event) is DisconnectReceived or type(event) is ConnectionClosed:
            raise self._ended(event, awaited)
        return event

    def _ended(self, event: DisconnectReceived | ConnectionClosed, awaited: str) -> Ended:
        if isinstance(event, ConnectionClosed):
            return self._in_words(awaited) or Ended("reset", f"{CLOSED} before {awaited}")
        self._closed = True
        words = escape_bytes(event.description, ERROR_TEXT)
        busy = event.code == TOO_MANY_CONNECTIONS or says_busy(event.description)
        status: Status = "throttled" if busy else "reset"
        return Ended(status, f'the server disconnected with reason {event.code}: "{words}"')

    def _in_words(self, awaited: str) -> Ended | None:
        """Return the end of a connection on which the server wrote, behind its identification, that it is busy."""
        words = self._transport.unread
        if awaited is not KEXINIT or not says_busy(words):
            return None
        return Ended("throttled", f'the server says "{escape_bytes(words.strip(), ERROR_TEXT)}"')
