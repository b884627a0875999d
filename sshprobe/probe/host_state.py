"""The state of one host: facts, progress and status, the plan between two connections, and the `Observation`."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

from sshprobe.model import timestamps
from sshprobe.model.observation import Observation, Stage, Status
from sshprobe.net import Address, NetworkError
from sshprobe.probe.connections import Connections
from sshprobe.probe.conversation import ConnectionEnded, Conversation
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.plan import is_optional, unanswered
from sshprobe.probe.plan_cache import next_exchange
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.probe.probe_progress import ExchangePlan, ProbeProgress
from sshprobe.probe.probe_status import ProbeStatus
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
        self.candidates: Sequence[Address] = tuple(addresses)
        """The address of the host; before the first connection, all its possible addresses."""
        self.facts = ObservationBuilder()
        self.started_at = datetime.now(UTC)
        self._options = options
        self._wanted = options.wanted
        self._key_pairs: KeyPairs = {} if key_pairs is None else key_pairs
        self._elapsed = 0.0
        self._stages: set[Stage] = {"connect"}  # those that accepted a connection
        self._progress = ProbeProgress()
        self._status = ProbeStatus()
        self._connections = Connections(options)
        self._trace = host_trace(host, port)
        self._planned: ExchangePlan | None = None  # the next exchange, if the lists equal those of the first connection
        self._silence: ConnectionEnded | None = None  # the end of the first connection, if it brought no lists
        self._kexinit_deadline: float | None = None  # of KEXINIT, if an earlier connection began to wait for it

    @property
    def addresses(self) -> Sequence[str]:
        """The address of the host; before the first connection, all its possible addresses."""
        return [address.ip for address in self.candidates]

    @property
    def address(self) -> Address:
        """The address of the host, or the first one to try."""
        return self.candidates[0]

    @property
    def retry_later(self) -> bool:
        """Whether another try, after a pause, may find more."""
        return self._status.status in RETRIED

    @property
    def resource_error(self) -> str | None:
        """The resource that this machine ran out of, if that ended the last try."""
        return self._status.error if self._status.local else None

    def failed(self, error: Exception) -> None:
        """Record `error` as the end of the try."""
        self._status.failed(error)

    def abandon(self, error: Exception) -> Observation:
        """Record `error`, our own bug, as the end of the try, and return the facts so far."""
        self._status.failed(error)
        return self._known()

    def not_connected(self, error: NetworkError) -> None:
        """Record the failure of a connection that was not made.

        A connection that was accepted and reset before we noticed counts as made; one that was refused is "refused".
        """
        if error.failure == "reset":
            self._connections.made += 1
            self._stages.add("identification")

    def set_lists(self, identification: Identification, kexinit: KexInit) -> None:
        """Record the lists of a server from its only connection."""
        self._connections.made = 1
        self._stages.add("kexinit")
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
        self._connections.ended(conversation, in_order=not odd, failed=trouble is not None)
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
        if not (lost and conversation.waits_for_lists and self._connections.made < self._options.max_connections):
            return False
        self._silence = trouble
        self._connections.late = True
        self._kexinit_deadline = conversation.lists_deadline
        return True

    def _more_to_ask(self) -> bool:
        if self.facts.kexinit is None:
            return False
        self._planned = next_exchange(self.facts.kexinit, self._progress, self._wanted)
        if self._planned is None:
            return False
        if self._connections.made >= self._options.max_connections:
            if is_optional(self._planned, self._progress):
                return False
            raise ConnectionEnded("partial", f"stopped after {self._connections.made} connections")
        return True

    # -- the record --------------------------------------------------------------------------------------------------

    def _known(self) -> Observation:
        """Return the observation; only target and status if the code for the rest has a bug."""
        try:
            return self.observation()
        except Exception as error:
            log.exception("internal error in the record of %s port %d", self.host, self.port)
            self._status.failed(error)
        return self._bare(self._status.status, self._status.error)

    def _bare(self, status: Status, error: str | None) -> Observation:
        return Observation(
            target=self.target,
            host=self.host,
            address=self.address.ip,
            port=self.port,
            labels=list(self._labels),
            status=status,
            error=error,
            stage="done" if status == "ok" else max(self._stages, key=_RANK.__getitem__),
            depth=self._options.depth,
            started_at=timestamps.encode(self.started_at),
            duration_ms=round(self._elapsed * 1000, 1),
            connections=self._connections.made,
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
