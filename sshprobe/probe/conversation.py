"""One connection: the messages in both directions so far, and its end.

Every early end of a connection becomes one exception, `ConnectionEnded`, with the status that the record gets.
`sshprobe.probe.host_probe` asks the questions.
"""

from __future__ import annotations

from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import Status
from sshprobe.net import CLOSED, Exchange, NetworkError
from sshprobe.probe.busy_words import says_busy
from sshprobe.probe.effects import ProbeGenerator
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import ConnectionClosed, DisconnectReceived, GroupReceived
from sshprobe.wire.host_keys import OtherHostKey
from sshprobe.wire.public_keys import HostKey
from sshprobe.wire.transport import ClientTransport

IDENTIFICATION, KEXINIT, EXCHANGE = "an identification", "KEXINIT", "the key exchange"
METHODS = "the authentication methods"
"""The answers that are awaited, in words of a record."""

_IN_CLEAR = (KEXINIT, EXCHANGE)

TOO_MANY_CONNECTIONS = 12
"""SSH_DISCONNECT_TOO_MANY_CONNECTIONS (RFC 4253 section 11.1)."""

SLOW_IDENTIFICATION = 0.25
"""Seconds after the connection within which a server that has not lost our identification sends its own."""

ERROR_TEXT = 200
"""Bytes of a server's words quoted in an error."""


class ConnectionEnded(Exception):
    """The connection is over before its question was answered. `str()` is one line for people."""

    def __init__(self, status: Status, message: str) -> None:
        self.status: Status = status
        super().__init__(message)


class Conversation:
    """The state of one connection, which was `opened` at a time of the driver's clock."""

    def __init__(
        self, transport: ClientTransport, opened: float, deadline: float, lists_deadline: float | None
    ) -> None:
        self.transport = transport
        self.opened = opened
        self.awaited = ""
        """The answer that is awaited now: `IDENTIFICATION`, `KEXINIT`, `EXCHANGE` or `METHODS`."""
        self.deadline = deadline
        """The end of that wait."""
        self.our_turn: float | None = None
        """While the server's KEXINIT is awaited: when ours goes first."""
        self.lists_deadline = lists_deadline
        """The end of the wait for KEXINIT, if an earlier connection began it, or once this one has."""
        self.reads = 0
        """How many times data came."""
        self.identified_after: float | None = None
        """Seconds from `opened` to the server's identification."""
        self.early = False
        """Whether a key exchange was started before the lists came, and is not answered yet."""
        self.started = False
        """Whether a key exchange was started."""
        self.alone = False
        """Whether it was started with our KEXINIT alone."""
        self.proposed = False
        """Whether a KEXINIT of all we speak was sent."""
        self.named_a_user = False
        """Whether we asked for the authentication methods of a user."""
        self.waited_for_ours = False
        """Whether the server's KEXINIT came only after ours."""
        self.failure: NetworkError | None = None
        """The failure of the connection, to be reported behind the data before it."""
        self.is_silent = False
        """Whether the server let a deadline pass."""
        self.is_settled = True
        """Whether the server is known to be done with the connection, once it ended."""
        self.is_over = False
        """Whether the server has closed the connection."""
        self.lines: list[bytes] = []
        self.group: GroupReceived | None = None
        self.extensions: tuple[tuple[bytes, bytes], ...] | None = None
        self.banner: bytes | None = None
        self.other_host_key: HostKey | None = None
        """A host key of another type than was negotiated: it ends the connection."""

    @property
    def may_have_lost_ours(self) -> bool:
        """Whether the server took so long to identify itself that it may have thrown our identification away."""
        return self.identified_after is not None and self.identified_after > SLOW_IDENTIFICATION

    @property
    def waits_for_lists(self) -> bool:
        """Whether the server's KEXINIT is awaited, and nothing of it has come."""
        return self.awaited is KEXINIT and not self.transport.unread

    def rest(self, until: float) -> ProbeGenerator[None]:
        """Send what there is to send and let the server read it. Data is kept for the next question."""
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
                if transport.is_full:  # a server may send without end
                    return
        except NetworkError as error:
            if error.failure != "timeout":
                self.failure = error  # to be reported behind the data before it

    def failed(self, error: NetworkError) -> ConnectionEnded:
        """Return the end of a connection that broke, or on which an answer did not come in time."""
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
        words = escape_bytes(event.description, ERROR_TEXT)
        busy = event.code == TOO_MANY_CONNECTIONS or says_busy(event.description)
        status: Status = "throttled" if busy else "reset"
        return ConnectionEnded(status, f'the server disconnected with reason {event.code}: "{words}"')

    def _busy(self) -> ConnectionEnded | None:
        """Return the end of a connection on which the server wrote, in clear, that it is busy."""
        if self.awaited not in _IN_CLEAR:
            return None
        lines = self.lines if self.awaited is KEXINIT else ()  # before an identification that nothing followed
        words = next((words for words in (self.transport.unread, *lines) if says_busy(words)), None)
        return None if words is None else throttled(words.strip(), ERROR_TEXT)


def throttled(words: bytes, length: int | None = None) -> ConnectionEnded:
    """Return the end of a connection on which the server said that it is busy. `length`: bytes quoted."""
    return ConnectionEnded("throttled", f'the server says "{escape_bytes(words, length)}"')
