"""What is known of one host: facts, progress and status, and the `Observation` made of them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from sshprobe.model import timestamps
from sshprobe.model.observation import Observation, Stage, Status
from sshprobe.net import Address, NetworkError
from sshprobe.probe.connections import Connections
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.observations import with_facts
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
"""Statuses that may be another one a while later. A reset may be throttling, too: OpenSSH 6.7 drops connections past
its limit without a word."""


class HostState:
    """One host: the first of `addresses` that takes a connection."""

    def __init__(
        self,
        target: str,
        host: str,
        port: int,
        addresses: Sequence[Address],
        options: ProbeOptions,
        key_pairs: KeyPairs | None = None,
    ) -> None:
        self.target = target
        self.host = host
        self.port = port
        self.facts = ObservationBuilder()
        self.started_at = datetime.now(UTC)
        self._options = options
        self._wanted = options.wanted
        self._elapsed = 0.0
        self._progress = ProbeProgress()
        self._planned: ExchangePlan | None = None  # what comes next, if the lists are those of the first connection
        self._status = ProbeStatus()
        self._stage: Stage = "connect"  # how far the connection under way got
        self._trace = host_trace(host, port)
        self._connections = Connections(addresses, port, options, self._status, key_pairs, self._trace)

    @property
    def addresses(self) -> Sequence[str]:
        """The address of the host; until one took a connection, all that it may be."""
        return [address.ip for address in self._connections.addresses]

    @property
    def address(self) -> Address:
        """The address of the host, or the first that is tried."""
        return self._connections.addresses[0]

    @property
    def retry_later(self) -> bool:
        """Whether another try, after a pause, may find more."""
        return self._status.status in RETRIED

    @property
    def resource_error(self) -> str | None:
        """What this machine, not the host, ran out of, if that ended the last try."""
        return self._status.error if self._status.local else None

    def failed(self, error: Exception) -> None:
        """Take `error` as the reason why the host gave no more."""
        self._status.failed(error)

    def abandon(self, error: Exception) -> Observation:
        """Take `error`, a bug of ours, as the reason why the host gave no more, and return what is known."""
        self._status.reached(self._stage)
        self._status.failed(error)
        return self._known()

    def not_connected(self, error: NetworkError) -> None:
        """Take the failure of a connection that was not made."""
        self._connections.not_made(error)

    def set_lists(self, identification: Identification, kexinit: KexInit) -> None:
        """Take the lists of a server as one connection brought them, where nothing else is wanted."""
        self._connections.made = 1
        self._status.reached("kexinit")
        self.facts.add_identification(identification)
        self.facts.add_kexinit(kexinit)

    def _known(self) -> Observation:
        """Return what is known; no more than target and status, where a bug of ours is in the code for the rest."""
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
            status=status,
            error=error,
            stage="done" if status == "ok" else self._status.stage,
            depth=self._options.depth,
            started_at=timestamps.encode(self.started_at),
            duration_ms=round(self._elapsed * 1000, 1),
            connections=self._connections.made,
        )

    def _lacks_an_option(self) -> bool:
        """Return whether all questions were answered but one that a record is whole without."""
        if self.facts.kexinit is None:
            return False
        exchange = next_exchange(self.facts.kexinit, self._progress, self._wanted)
        return exchange is not None and is_optional(exchange, self._progress)

    def observation(self) -> Observation:
        """Return what is known now. Nothing in it changes when the probe goes on."""
        facts, wanted = self.facts, self._wanted
        missing = None if facts.kexinit is None else unanswered(facts.kexinit, self._progress, wanted)
        status, error = self._status.final(facts, missing, whole=self._lacks_an_option)
        return with_facts(self._bare(status, error), facts, self._progress, wanted)
