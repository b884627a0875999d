"""Early ends of a connection: each is one exception, `ConnectionEnded`, with the status for the record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import Status
from sshprobe.net import CLOSED
from sshprobe.probe.busy_words import says_busy
from sshprobe.wire.events import DisconnectReceived
from sshprobe.wire.identification import MALFORMED, Identification

THROTTLED_LINES = (b"Not allowed at this time", b"Exceeded MaxStartups")
"""The line of OpenSSH instead of an identification: from 9.8 on for penalties, from 8.2 on past MaxStartups."""

TOO_MANY_CONNECTIONS = 12
"""SSH_DISCONNECT_TOO_MANY_CONNECTIONS (RFC 4253 section 11.1)."""

ERROR_TEXT = 200
"""The most bytes of a server's message in an error."""

LINE_TEXT = 80
"""The same for a line instead of an identification."""

TARPIT_READS = 5
"""A server that sends this many pieces instead of an identification looks like a tarpit such as endlessh."""

TARPIT_LINES = 100
"""The same for full lines, of a server that sends more lines than the limit."""


class ConnectionEnded(Exception):
    """The connection ended before its question was answered. `str()` is one line for people."""

    def __init__(self, status: Status, message: str) -> None:
        self.status: Status = status
        super().__init__(message)


def is_refusal(line: bytes) -> bool:
    """Return whether OpenSSH sends `line` instead of an identification because it accepts no connection for now."""
    return line.rstrip() in THROTTLED_LINES


def throttled(words: bytes, length: int | None = None) -> ConnectionEnded:
    """Return the end of a connection on which the server said that it is busy. `length`: bytes quoted."""
    return ConnectionEnded("throttled", f'the server says "{escape_bytes(words, length)}"')


def busy(messages: Iterable[bytes], length: int) -> ConnectionEnded | None:
    """Return the end of a connection if one of the server's `messages` says that it is busy."""
    said = next((message for message in messages if says_busy(message)), None)
    return None if said is None else throttled(said.strip(), length)


def disconnected(event: DisconnectReceived) -> ConnectionEnded:
    """Return the end of a connection by DISCONNECT."""
    words = escape_bytes(event.description, ERROR_TEXT)
    is_busy = event.code == TOO_MANY_CONNECTIONS or says_busy(event.description)
    status: Status = "throttled" if is_busy else "reset"
    return ConnectionEnded(status, f'the server disconnected with reason {event.code}: "{words}"')


def without_ssh_2(identification: Identification) -> ConnectionEnded:
    """Return the end of a connection to a server that does not speak SSH-2."""
    if identification.protocol.lstrip(b"0").startswith(b"1."):
        return ConnectionEnded("ssh1_only", "the server speaks SSH-1 only")
    return ConnectionEnded("protocol_error", f"the server speaks SSH {escape_bytes(identification.protocol, 20)} only")


def without_identification(
    ended: ConnectionEnded,
    lines: Sequence[bytes],
    unread: bytes,
    *,
    reads: int,
    after_others: bool,
    warn: Callable[[str], None],
) -> ConnectionEnded:
    """Classify the end of a connection without an identification.

    `lines` and `unread`: the data of the server, in `reads` pieces. `after_others`: an earlier connection had an
    identification. `warn` is called with a line for the record.
    """
    if ended.status == "throttled":
        return ended
    if ended.status == "timeout" and reads >= TARPIT_READS:
        warn("sends a little at a time and never an identification, as a tarpit does")
    elif ended.status == "protocol_error" and len(lines) >= TARPIT_LINES:
        warn("sends lines without end and never an identification, as a tarpit does")
    if after_others and ended.status == "reset":
        return ConnectionEnded("throttled", f"{CLOSED}, after earlier connections")
    if str(ended) == MALFORMED or (unread and b"SSH-".startswith(unread[:4])):
        return ended  # an incomplete identification, with or without other data
    if (full := busy((*lines, unread), LINE_TEXT)) is not None:
        return full
    if lines or unread:
        # The same if it closed, waits for us (SMTP, telnet), or never ends (a tarpit).
        said = next((line for line in lines if line.strip()), unread)
        return ConnectionEnded("not_ssh", f'no SSH identification; it sent "{escape_bytes(said, LINE_TEXT)}"')
    return ended
