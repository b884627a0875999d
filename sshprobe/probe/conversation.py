"""One connection: the messages in both directions so far, and its end.

Every early end of a connection becomes one exception, `ConnectionEnded`, with the status for the record.
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
"""The names of awaited answers, for records."""

_IN_CLEAR = (KEXINIT, EXCHANGE)

TOO_MANY_CONNECTIONS = 12
"""SSH_DISCONNECT_TOO_MANY_CONNECTIONS (RFC 4253 section 11.1)."""

SLOW_IDENTIFICATION = 0.25
"""A server that has not lost our identification sends its own within this many seconds after the connection."""

ERROR_TEXT = 200
"""The most bytes of a server's message in an error."""


class ConnectionEnded(Exception):
    """The connection ended before its question was answered. `str()` is one line for people."""

    def __init__(self, status: Status, message: str) -> None:
        self.status: Status = status
        super().__init__(message)


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
        self.early = False
        """Whether a key exchange was started before the lists arrived, and is not answered yet."""
        self.started = False
        """Whether a key exchange was started."""
        self.alone = False
        """Whether it was started with only our KEXINIT."""
        self.proposed = False
        """Whether a KEXINIT with all our algorithms was sent."""
        self.named_a_user = False
        """Whether the authentication methods of a user were requested."""
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
    def may_have_lost_ours(self) -> bool:
        """Whether the server identified itself so late that it may have dropped our identification."""
        return self.identified_after is not None and self.identified_after > SLOW_IDENTIFICATION

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
        words = escape_bytes(event.description, ERROR_TEXT)
        busy = event.code == TOO_MANY_CONNECTIONS or says_busy(event.description)
        status: Status = "throttled" if busy else "reset"
        return ConnectionEnded(status, f'the server disconnected with reason {event.code}: "{words}"')

    def _busy(self) -> ConnectionEnded | None:
        """Return the end of a connection on which the server wrote, before encryption, that it is busy."""
        if self.awaited not in _IN_CLEAR:
            return None
        lines = self.lines if self.awaited is KEXINIT else ()  # lines before an identification without data after it
        words = next((words for words in (self.transport.unread, *lines) if says_busy(words)), None)
        return None if words is None else throttled(words.strip(), ERROR_TEXT)


def throttled(words: bytes, length: int | None = None) -> ConnectionEnded:
    """Return the end of a connection on which the server said that it is busy. `length`: bytes quoted."""
    return ConnectionEnded("throttled", f'the server says "{escape_bytes(words, length)}"')
