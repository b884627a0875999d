"""Probing one host: as many connections as the plan needs, and the `Observation` made of their answers.

What was found out is kept: a `HostProbe` that was throttled or reset can be driven again later, for what is missing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from sshprobe.model import timestamps
from sshprobe.model.observation import Observation, Status
from sshprobe.net import Address, NetworkError
from sshprobe.probe.connections import Connections
from sshprobe.probe.conversation import ConnectionEnded, Conversation
from sshprobe.probe.effects import ProbeGenerator, RunAsync
from sshprobe.probe.fallback import ask_asyncssh
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.observations import with_facts
from sshprobe.probe.options import ProbeOptions
from sshprobe.probe.plan import authentication_needs_fallback, is_optional, unanswered
from sshprobe.probe.probe_status import ProbeStatus
from sshprobe.probe.progress import ExchangePlan
from sshprobe.probe.questions import Questions
from sshprobe.probe.trace import describe_exchange, host_trace, traced
from sshprobe.probe.usual_plans import next_exchange
from sshprobe.wire.identification import Identification
from sshprobe.wire.kex.exchange import KeyPairs
from sshprobe.wire.messages import KexInit

_log = logging.getLogger("sshprobe")

RETRIED: frozenset[Status] = frozenset({"throttled", "reset"})
"""Statuses that may be another one a while later. A reset may be throttling, too: OpenSSH 6.7 drops connections past
its limit without a word."""

ENDS_THE_HOST: frozenset[Status] = frozenset({"throttled", "not_ssh", "ssh1_only"})
"""Statuses after which no further connection is made in this run."""


class HostProbe:
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
        self._silence: ConnectionEnded | None = None  # how the first connection ended, if it brought no lists
        self._status = ProbeStatus()
        self._trace = host_trace(host, port)
        self._connections = Connections(addresses, port, options, self._status, key_pairs, self._trace)
        self._questions = Questions(options, self.facts, self._connections, self._status)
        self._progress = self._questions.progress

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

    def effects(self, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        """Probe the host by effects, in a first try or another one. `clock` is the driver's."""
        effects = self._all_effects(clock)
        return effects if self._trace is None else traced(effects, self._trace, clock)

    def _all_effects(self, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        started = self._connections.begin(clock)
        self._status.begin()
        try:
            while (yield from self._one_connection()):
                pass
            yield from self._fallback()
        except (ConnectionEnded, NetworkError) as error:
            self._status.failed(error)
        except Exception as error:  # a bug of ours must not pass as an answer of the host
            _log.exception("internal error while probing %s port %d", self.host, self.port)
            self._status.failed(error)
        self._elapsed += clock() - started
        return self._known()

    def failed(self, error: Exception) -> None:
        """Take `error` as the reason why the host gave no more."""
        self._status.failed(error)

    def abandon(self, error: Exception) -> Observation:
        """Take `error`, a bug of ours, as the reason why the host gave no more, and return what is known."""
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

    def _one_connection(self) -> ProbeGenerator[bool]:
        """Make one connection and ask what the plan says. Returns whether there is more to ask."""
        connections, questions = self._connections, self._questions
        planned = questions.planned
        if self._trace is not None:
            self._trace.log(describe_exchange(planned))
        yield from connections.pace(names_a_user=planned is not None and planned.suite is not None)
        early = planned if connections.start_early else None
        conversation = yield from connections.open()
        exchange: ExchangePlan | None = None
        trouble: ConnectionEnded | None = None
        try:
            if early is not None:
                questions.start(conversation, early, self.facts.kexinit)
            yield from questions.identify(conversation)
            self._status.reached("kexinit")
            kexinit = yield from questions.lists(conversation)
            exchange = questions.choose_exchange(kexinit, conversation)
            if self._trace is not None and exchange is not None and exchange is not planned:
                self._trace.log(describe_exchange(exchange))
            if exchange is not None:
                yield from questions.exchange(conversation, exchange)
        except ConnectionEnded as ended:
            trouble = ended
        except Exception:  # a bug of ours: the server's log need not show it as an error
            with suppress(Exception):
                yield from conversation.goodbye(self._options.goodbye, self._options.linger)
            raise
        settled = yield from conversation.goodbye(self._options.goodbye, self._options.linger)
        odd = trouble is not None or self.facts.several_servers or self._progress.authentication_attempts > 0
        connections.ended(conversation, settled=settled, in_order=not odd, failed=trouble is not None)
        if trouble is not None:
            if self.facts.kexinit is None and self._tries_late(trouble, conversation):
                return True
            if conversation.early and trouble.status not in ENDS_THE_HOST:
                return self._more_to_ask()  # the same, in the usual order: it may have failed for coming early
            self._sort_out(trouble, exchange)
        # Where later lists hold nothing to ask, although the first ones did, another connection would not either.
        return (exchange is not None or conversation.proposed) and self._more_to_ask()

    def _tries_late(self, trouble: ConnectionEnded, conversation: Conversation) -> bool:
        """Say whether to connect once more, and to identify ourselves only after the server.

        Where that brought no lists either, the first failure is what counts: raises it.
        """
        if self._silence is not None:
            raise self._silence
        lost = conversation.may_have_lost_ours and (trouble.status == "timeout" or conversation.waited_for_ours)
        if not (lost and conversation.waits_for_lists and self._connections.made < self._options.max_connections):
            return False
        self._silence = trouble
        self._connections.identify_late(conversation.lists_deadline)
        return True

    # -- what comes next -----------------------------------------------------------------------------------------

    def _sort_out(self, ended: ConnectionEnded, exchange: ExchangePlan | None) -> None:
        """Give up the host, or note that one exchange failed and go on."""
        if exchange is None or ended.status in ENDS_THE_HOST:
            raise ended
        self._progress.failed(exchange, str(ended))

    def _more_to_ask(self) -> bool:
        if self.facts.kexinit is None:
            return False
        self._questions.planned = next_exchange(self.facts.kexinit, self._progress, self._wanted)
        if self._questions.planned is None:
            return False
        if self._connections.made >= self._options.max_connections:
            if is_optional(self._questions.planned, self._progress):
                return False
            raise ConnectionEnded("partial", f"stopped after {self._connections.made} connections")
        return True

    def _fallback(self) -> ProbeGenerator[None]:
        """Ask for the authentication methods through asyncssh if we could not."""
        kexinit = self.facts.kexinit
        if kexinit is not None and authentication_needs_fallback(kexinit, self._progress, self._wanted):
            yield from self._connections.pace(names_a_user=True)
            self._status.reached("authentication")
            yield RunAsync(lambda: ask_asyncssh(kexinit, self._options, self._connections, self.facts, self._progress))

    # -- the record ----------------------------------------------------------------------------------------------

    def _known(self) -> Observation:
        """Return what is known; no more than target and status, where a bug of ours is in the code for the rest."""
        try:
            return self.observation()
        except Exception as error:
            _log.exception("internal error in the record of %s port %d", self.host, self.port)
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
