"""The status of a host, for every way to end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sshprobe.model import timestamps
from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import Depth, Observation, Status
from sshprobe.net import CLOSED, NetworkError
from sshprobe.net.errors import LOCAL, network_error
from sshprobe.probe.busy_words import says_busy
from sshprobe.probe.conversation import IDENTIFICATION, ConnectionEnded, Conversation, throttled
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.wire.identification import MALFORMED

TARPIT_READS = 5
"""A server that sends this many pieces instead of an identification looks like a tarpit such as endlessh."""

TARPIT_LINES = 100
"""The same for full lines, of a server that sends more lines than the limit."""


def unprobed(
    target: str, host: str, port: int, depth: Depth, status: Status, error: str, *, labels: Sequence[str] = ()
) -> Observation:
    """Return the observation of a target to which no connection was made, with status "dns_error" or "excluded"."""
    return Observation(
        target=target,
        host=host,
        address=None,
        port=port,
        labels=list(labels),
        status=status,
        error=error,
        stage="resolve",
        depth=depth,
        started_at=timestamps.encode(datetime.now(UTC)),
        duration_ms=0.0,
        connections=0,
    )


class ProbeStatus:
    """The status of one host so far."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin a try. Earlier failures are over."""
        self.status: Status = "ok"
        self.error: str | None = None
        self.local = False
        """Whether this machine ran out of resources."""
        self._bug = False

    def failed(self, error: Exception) -> None:
        """Record `error` as the end of the try."""
        if isinstance(error, OSError) and error.errno in LOCAL:
            error = network_error(error)  # a late import needs a descriptor too
        self.local = isinstance(error, NetworkError) and error.failure == "local"
        self._bug = not isinstance(error, (ConnectionEnded, NetworkError))
        if isinstance(error, ConnectionEnded):
            self.status, self.error = error.status, str(error)
        elif isinstance(error, NetworkError):
            self.status = "unreachable" if error.failure == "local" else error.failure
            self.error = str(error)
            if error.failure == "reset":  # while we connected; later ones are `ConnectionEnded`
                self.error = self.error.replace(CLOSED, f"{CLOSED} before {IDENTIFICATION}", 1)
        else:
            self.status, self.error = "protocol_error", f"internal error: {type(error).__name__}"

    def final(
        self, facts: ObservationBuilder, missing: str | None, whole: Callable[[], bool]
    ) -> tuple[Status, str | None]:
        """Return status and error of the record: "ok" only if every question was answered or definitely refused.

        `missing` names the others. `whole` returns whether a record is complete without the remaining questions. After
        our own bug it is unknown what else is missing, so that host is not graded.
        """
        if self.status == "ok":
            return ("partial", missing) if missing else ("ok", None)
        if self._bug:
            return self.status, self.error
        if facts.kexinit is not None:
            return ("ok", None) if missing is None and whole() else ("partial", self.error)
        # Without lists, these statuses say more than that an identification was seen.
        if facts.identification is not None and self.status not in ("ssh1_only", "throttled", "protocol_error"):
            return "partial", self.error
        return self.status, self.error


def classify_missing_identification(
    ended: ConnectionEnded, conversation: Conversation, facts: ObservationBuilder, *, after_others: bool
) -> ConnectionEnded:
    """Classify a connection without an identification. `after_others`: an earlier one had it."""
    lines, unread = conversation.lines, conversation.transport.unread
    if ended.status == "throttled":
        return ended
    if ended.status == "timeout" and conversation.reads >= TARPIT_READS:
        facts.warn("sends a little at a time and never an identification, as a tarpit does")
    elif ended.status == "protocol_error" and len(lines) >= TARPIT_LINES:
        facts.warn("sends lines without end and never an identification, as a tarpit does")
    if after_others and ended.status == "reset":
        return ConnectionEnded("throttled", f"{CLOSED}, after earlier connections")
    if str(ended) == MALFORMED or (unread and b"SSH-".startswith(unread[:4])):
        return ended  # an incomplete identification, with or without other data
    busy = next((line for line in (*lines, unread) if says_busy(line)), None)
    if busy is not None:
        return throttled(busy.strip(), 80)
    if lines or unread:
        # The same if it closed, waits for us (SMTP, telnet), or never ends (a tarpit).
        said = next((line for line in lines if line.strip()), unread)
        return ConnectionEnded("not_ssh", f'no SSH identification; it sent "{escape_bytes(said, 80)}"')
    return ended
