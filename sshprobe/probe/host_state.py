"""The state of one host: facts, progress and status, the plan between two connections, and the `Observation`."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import get_args

from sshprobe.model import timestamps
from sshprobe.model.observation import Depth, Observation, Stage, Status
from sshprobe.net import CLOSED, Address, NetworkError
from sshprobe.net.errors import LOCAL, network_error
from sshprobe.probe.connections import IDENTIFICATION, Connections, Conversation
from sshprobe.probe.early_end import ConnectionEnded
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.plan import is_optional, unanswered
from sshprobe.probe.plan_cache import next_exchange
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.probe.probe_progress import ExchangePlan, ProbeProgress
from sshprobe.probe.trace import host_trace
from sshprobe.wire.identification import Identification
from sshprobe.wire.kex.exchange import KeyPairs
from sshprobe.wire.messages import KexInit

log = logging.getLogger("sshprobe")

RETRIED: frozenset[Status] = frozenset({"throttled", "reset"})
"""Statuses that may change soon. A reset may be throttling too: OpenSSH 6.7 drops connections past its limit
silently."""

ENDS_THE_HOST: frozenset[Status] = frozenset({"throttled", "not_ssh", "ssh1_only"})
"""Statuses after which no further connection is made in this run."""

_RANK: dict[Stage, int] = {stage: rank for rank, stage in enumerate(get_args(Stage))}


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
    """The status of one host in one try."""

    status: Status = "ok"
    error: str | None = None
    local = False
    """Whether this machine ran out of resources."""
    _bug = False

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


class HostState:
    """One host: the first of `addresses` that accepts a connection."""

    def __init__(
        self,
        target: str,
        host: str,
        port: int,
        addresses: Sequence[Address],
        options: ProbeOptions,
        key_pairs: KeyPairs | None = None,
        *,
        labels: Sequence[str] = (),
    ) -> None:
        self.target = target
        self._labels = labels
        self.host = host
        self.port = port
        self.facts = ObservationBuilder()
        self.started_at = datetime.now(UTC)
        self._options = options
        self._wanted = options.wanted
        self._elapsed = 0.0
        self._progress = ProbeProgress()
        self._status = ProbeStatus()
        self._trace = host_trace(host, port)
        self.connections = Connections(options, addresses, port, key_pairs=key_pairs, trace=self._trace)
        self.retry_later = False
        """At the end of a try: whether another one, after a pause, may find more."""
        self.resource_error: str | None = None
        """At the end of a try: the resource that this machine ran out of, if that ended it."""
        self._planned: ExchangePlan | None = None  # the next exchange, if the lists equal those of the first connection
        self._silence: ConnectionEnded | None = None  # the end of the first connection, if it brought no lists

    def failed(self, error: Exception) -> None:
        """Record `error` as the end of the try."""
        status = self._status
        status.failed(error)
        self.retry_later = status.status in RETRIED
        self.resource_error = status.error if status.local else None

    def abandon(self, error: Exception) -> Observation:
        """Record `error`, our own bug, as the end of the try, and return the facts so far."""
        self.failed(error)
        return self._known()

    def set_lists(self, identification: Identification, kexinit: KexInit) -> None:
        """Record the lists of a server from its only connection."""
        self.connections.made = 1
        self.connections.stages.add("kexinit")
        self.facts.add_identification(identification)
        self.facts.add_kexinit(kexinit)

    # -- between two connections -------------------------------------------------------------------------------------

    def _next_connection(
        self, conversation: Conversation, exchange: ExchangePlan | None, trouble: ConnectionEnded | None
    ) -> bool:
        """Record the end of a connection, and plan the next. Return whether there is one.

        Raises `ConnectionEnded` if the host cannot be probed further.
        """
        odd = trouble is not None or self.facts.several_servers or self._progress.authentication_attempts > 0
        self.connections.ended(conversation, in_order=not odd, failed=trouble is not None)
        if trouble is not None:
            if self.facts.kexinit is None and self._tries_late(trouble, conversation):
                return True
            if conversation.early and trouble.status not in ENDS_THE_HOST:
                return self._more_to_ask()  # the same in the usual order: it may have failed because it was early
            if exchange is None or trouble.status in ENDS_THE_HOST:
                raise trouble
            self._progress.failed(exchange, str(trouble))
        # If later lists allow no question although the first ones did, another connection would not help.
        return (exchange is not None or conversation.proposed) and self._more_to_ask()

    def _tries_late(self, trouble: ConnectionEnded, conversation: Conversation) -> bool:
        """Return whether to connect once more, and to identify ourselves only after the server.

        Raises the first failure if that brought no lists either.
        """
        if self._silence is not None:
            raise self._silence
        lost = conversation.may_have_lost_ours and (trouble.status == "timeout" or conversation.waited_for_ours)
        if not (lost and conversation.waits_for_lists and self.connections.made < self._options.max_connections):
            return False
        self._silence = trouble
        self.connections.late = True
        self.connections.lists_deadline = conversation.lists_deadline
        return True

    def _more_to_ask(self) -> bool:
        if self.facts.kexinit is None:
            return False
        self._planned = next_exchange(self.facts.kexinit, self._progress, self._wanted)
        if self._planned is None:
            return False
        if self.connections.made >= self._options.max_connections:
            if is_optional(self._planned, self._progress):
                return False
            raise ConnectionEnded("partial", f"stopped after {self.connections.made} connections")
        return True

    # -- the record --------------------------------------------------------------------------------------------------

    def _known(self) -> Observation:
        """Return the observation; only target and status if the code for the rest has a bug."""
        try:
            return self.observation()
        except Exception as error:
            log.exception("internal error in the record of %s port %d", self.host, self.port)
            self.failed(error)
        return self._bare(self._status.status, self._status.error)

    def _bare(self, status: Status, error: str | None) -> Observation:
        return Observation(
            target=self.target,
            host=self.host,
            address=self.connections.candidates[0].ip,
            port=self.port,
            labels=list(self._labels),
            status=status,
            error=error,
            stage="done" if status == "ok" else max(self.connections.stages, key=_RANK.__getitem__),
            depth=self._options.depth,
            started_at=timestamps.encode(self.started_at),
            duration_ms=round(self._elapsed * 1000, 1),
            connections=self.connections.made,
        )

    def _lacks_an_option(self) -> bool:
        """Return whether only optional questions remain."""
        if self.facts.kexinit is None:
            return False
        exchange = next_exchange(self.facts.kexinit, self._progress, self._wanted)
        return exchange is not None and is_optional(exchange, self._progress)

    def observation(self) -> Observation:
        """Return the facts so far. Nothing in it changes when the probe continues."""
        facts, wanted = self.facts, self._wanted
        missing = None if facts.kexinit is None else unanswered(facts.kexinit, self._progress, wanted)
        status, error = self._status.final(facts, missing, whole=self._lacks_an_option)
        return facts.observation(self._bare(status, error), self._progress, wanted)
