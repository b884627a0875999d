"""ProbeGenerator one host: as many `connections` as the plan needs, what is asked in each, and the `Observation` of it.

What was learnt stays learnt: a `HostProbe` that was throttled or reset can be run again later and goes on with what is
missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from sshprobe.algorithms.openssh import SIGN, claims_openssh
from sshprobe.model import timestamps
from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import Observation, Status
from sshprobe.net import Address, NetworkError
from sshprobe.probe.connections import Connections
from sshprobe.probe.conversation import LATE_SHARE, ConnectionEnded, Conversation
from sshprobe.probe.driving import drive
from sshprobe.probe.effects import Begun, Effect, ProbeGenerator, RunAsync
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.observed import with_facts
from sshprobe.probe.options import ProbeOptions
from sshprobe.probe.plan import authentication_needs_fallback, is_optional, negotiated_exchange, unanswered
from sshprobe.probe.probe_status import ProbeStatus, classify_missing_identification
from sshprobe.probe.progress import NARROW, ExchangePlan, Progress
from sshprobe.probe.trace import describe_exchange, host_trace, traced
from sshprobe.probe.usual_plans import next_exchange
from sshprobe.wire.identification import Identification
from sshprobe.wire.kex.exchange import KeyPairs
from sshprobe.wire.messages import KexInit

_log = logging.getLogger("sshprobe")

ASKED_AGAIN: frozenset[Status] = frozenset({"throttled", "reset"})
"""Statuses that may be another one a while later. A reset may be throttling, too: OpenSSH 6.7 drops those that are too
many without a word."""

ENDS_THE_HOST: frozenset[Status] = frozenset({"throttled", "not_ssh", "ssh1_only"})
"""Statuses after which no further connection is made in this run."""


class HostProbe:
    """One host: the first of `addresses` that takes a connection; or that to which a connection was `begun`."""

    def __init__(
        self,
        target: str,
        host: str,
        port: int,
        addresses: Sequence[Address],
        options: ProbeOptions,
        begun: Begun | None = None,
        key_pairs: KeyPairs | None = None,
    ) -> None:
        self.target = target
        self.host = host
        self.port = port
        self.facts = ObservationBuilder()
        self._options = options
        self._wanted = options.wanted
        self._progress = Progress()
        self._planned: ExchangePlan | None = None  # what comes next, if the lists are those of the first connection
        self._left_off: tuple[ProbeGenerator[Observation], Effect] | None = None
        self._started_at = datetime.now(UTC) if begun is None else begun.started_at
        self._elapsed = 0.0
        self._silence: ConnectionEnded | None = None  # how the first connection ended, if it brought no lists
        self._status = ProbeStatus()
        self._trace = host_trace(host, port)
        self._connections = Connections(addresses, port, options, self._status, begun, key_pairs, self._trace)

    @property
    def addresses(self) -> Sequence[str]:
        """The address that is talked to; until one took a connection, all that may be."""
        return [address.ip for address in self._connections.addresses]

    @property
    def place(self) -> Address:
        """The address that is talked to, or talked to first."""
        return self._connections.addresses[0]

    @property
    def come_back_later(self) -> bool:
        """True if another try may give more, a while later: `run` may be called once more after a pause."""
        return self._status.status in ASKED_AGAIN

    @property
    def local_trouble(self) -> str | None:
        """What this machine, not the host, was short of, if that is why the last run failed."""
        return self._status.error if self._status.local else None

    async def run(self) -> Observation:
        """Ask until everything is answered, given up or out of time. Never raises: see `given_up` for bugs of ours."""
        left_off, self._left_off = self._left_off, None
        try:
            return await drive(*left_off or (self.effects(asyncio.get_running_loop().time),))
        except Exception as error:
            _log.exception("internal error while asking %s port %d", self.host, self.port)
            return self.abandon(error)

    def go_on_from(self, asking: ProbeGenerator[Observation], step: Effect) -> None:
        """Make `run` go on with what this probe is `asking`, from a step that was not performed."""
        self._left_off = asking, step

    def effects(self, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        """Ask, step by step. `clock` is that of whoever drives."""
        asking = self._ask_all(clock)
        return asking if self._trace is None else traced(asking, self._trace, clock)

    def _ask_all(self, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        started = self._connections.begin(clock)
        self._status.begin()
        try:
            while (yield from self._one_connection()):
                pass
            yield from self._fallback()
        except (ConnectionEnded, NetworkError) as error:
            self._status.failed(error)
        except Exception as error:
            # A bug of ours met by one host must not cost the others their records, nor pass as an answer.
            _log.exception("internal error while asking %s port %d", self.host, self.port)
            self._status.failed(error)
        self._elapsed += clock() - started
        return self._known()

    def failed(self, error: Exception) -> None:
        """Take `error` as the reason why the host gave no more."""
        self._status.failed(error)

    def abandon(self, error: Exception) -> Observation:
        """Take `error`, a bug of ours, as the reason why the host gave no more. Returns what is known."""
        self._status.failed(error)
        return self._known()

    def not_connected(self, error: NetworkError) -> None:
        """Take the failure of a connection that was not made."""
        self._connections.not_made(error)

    def answered(self, identification: Identification, kexinit: KexInit) -> None:
        """Take the lists of a server from whom nothing else is wanted, as one connection brought them."""
        self._connections.made = 1
        self._status.reached("kexinit")
        self.facts.add_identification(identification)
        self.facts.add_kexinit(kexinit)

    # -- one connection ------------------------------------------------------------------------------------------

    def _one_connection(self) -> ProbeGenerator[bool]:
        """Make one connection and ask what the plan says. Returns whether there is more to ask."""
        connections = self._connections
        planned = self._planned
        if self._trace is not None:
            self._trace.log(describe_exchange(planned))
        yield from connections.pace(names_a_user=planned is not None and planned.suite is not None)
        early = planned if connections.start_early else None
        conversation = yield from connections.open(early=early is not None)
        exchange: ExchangePlan | None = None
        trouble: ConnectionEnded | None = None
        try:
            if early is not None:
                self._start(conversation, early, self.facts.kexinit)
            yield from self._identify(conversation)
            self._status.reached("kexinit")
            kexinit = yield from self._lists(conversation)
            exchange = self._exchange_for(kexinit, conversation)
            if self._trace is not None and exchange is not None and exchange is not planned:
                self._trace.log(describe_exchange(exchange))
            if exchange is not None:
                yield from self._exchange(conversation, exchange)
        except ConnectionEnded as ended:
            trouble = ended
        except Exception:  # a bug of ours, of which the server need not write an error into its log
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

    def _lists(self, conversation: Conversation) -> ProbeGenerator[KexInit]:
        """Wait for the server's lists; where it waits for ours, send them first."""
        if conversation.early:
            return (yield from conversation.kexinit())
        connections = self._connections
        may_be_lost = conversation.may_have_lost_ours and not connections.late and self.facts.kexinit is None
        leave = LATE_SHARE * self._options.timeout if may_be_lost else 0.0
        go_first = partial(self._go_first, conversation)
        return (yield from conversation.kexinit(go_first, patience=connections.patience, leave=leave))

    def _go_first(self, conversation: Conversation) -> None:
        """Send our KEXINIT before the server's: by the lists of an earlier connection, or else with all we speak."""
        planned, known = self._planned, self.facts.kexinit
        if planned is None or known is None:
            conversation.propose()
        else:
            self._start(conversation, planned, known, alone=True)

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

    def _exchange_for(self, kexinit: KexInit, conversation: Conversation) -> ExchangePlan | None:
        planned, self._planned = self._planned, None
        same = self.facts.add_kexinit(kexinit)
        if conversation.proposed:
            return negotiated_exchange(conversation.transport.negotiated, self._progress, self._wanted)
        if planned is not None and (same or conversation.started):
            return planned
        return next_exchange(kexinit, self._progress, self._wanted)

    def _start(
        self,
        conversation: Conversation,
        exchange: ExchangePlan,
        expected: KexInit | None = None,
        *,
        alone: bool = False,
    ) -> None:
        """Start an exchange; before the lists have come, if they are `expected`; with our KEXINIT `alone` at first."""
        conversation.start_key_exchange(
            exchange.kex,
            exchange.host_key_algorithm,
            suite=exchange.suite,
            request=exchange.request,
            expected=expected,
            alone=alone,
        )

    def _identify(self, conversation: Conversation) -> ProbeGenerator[None]:
        connections = self._connections
        self._status.reached("identification")
        try:
            identification = yield from conversation.identification()
        except ConnectionEnded as ended:
            raise classify_missing_identification(
                ended, conversation, self.facts, after_others=connections.identified
            ) from None
        finally:
            if not connections.identified:
                for line in conversation.answers.lines:
                    self.facts.add_line(line)
        known = connections.identified and self._progress.maybe_openssh
        self._progress.maybe_openssh = known or claims_openssh(identification.software)
        if self._planned is not None and self._planned.request == NARROW and self._progress.maybe_openssh:
            self._planned = None  # another server than before
        connections.answered(identification)
        self.facts.add_identification(identification)
        if identification.protocol.lstrip(b"0").startswith(b"1.") and not identification.speaks_2:
            raise ConnectionEnded("ssh1_only", "the server speaks SSH-1 only")
        if not identification.speaks_2:
            raise ConnectionEnded(
                "protocol_error", f"the server speaks SSH {escape_bytes(identification.protocol, 20)} only"
            )

    def _exchange(self, conversation: Conversation, exchange: ExchangePlan) -> ProbeGenerator[None]:
        self._status.reached("key_exchange")
        if not conversation.started:
            self._start(conversation, exchange, alone=self._connections.cautious and not conversation.proposed)
        try:
            event = yield from conversation.host_key()
        except ConnectionEnded:
            self.facts.add_other_host_key(conversation.answers.other_host_key, exchange)
            raise
        finally:
            if exchange.request is not None and not conversation.early:
                group = conversation.answers.group
                if group is not None or not self._progress.is_doubtful(exchange):
                    bits = self.facts.add_group(exchange.kex, exchange.request, group)
                    self._progress.add_group(exchange, bits, faulty=group is not None and bits is None)
        self.facts.add_host_key(event)
        if not self._progress.shown(exchange, event.signature_verified):
            return  # what follows would be encrypted by a hash that may not be the server's
        if exchange.user is not None and conversation.transport.can_encrypt:
            self._status.reached("authentication")
            yield from self._authentication(conversation, exchange.user)

    def _authentication(self, conversation: Conversation, user: str) -> ProbeGenerator[None]:
        self._connections.names_a_user()
        answered = False
        try:
            connections = self._connections
            apart = self._progress.authentication_attempts > 0 or connections.cautious
            methods = yield from conversation.methods(user, at_once=connections.read_ahead and not apart, apart=apart)
            answered = True
        except ConnectionEnded as ended:
            self._progress.authentication_failed(user)
            whose = "" if user == self._options.auth_users[0] else f" of {escape_bytes(user.encode())}"
            self.facts.warn(f"authentication methods{whose}: {ended}")
            return
        finally:
            if conversation.answers.extensions is not None:
                self.facts.add_extensions(conversation.answers.extensions, whole=answered)
                self._progress.maybe_openssh |= SIGN in (self.facts.extensions or ())
            if conversation.answers.banner is not None and user == self._options.auth_users[0]:
                self.facts.banner = escape_bytes(conversation.answers.banner, 4096)
        self._progress.authentication_answered(user, self._wanted)
        self.facts.add_methods(user, methods)

    # -- what comes next -----------------------------------------------------------------------------------------

    def _sort_out(self, ended: ConnectionEnded, exchange: ExchangePlan | None) -> None:
        """Give up the host, or note that one exchange failed and go on."""
        if exchange is None or ended.status in ENDS_THE_HOST:
            raise ended
        self._progress.failed(exchange, str(ended))

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

    def _fallback(self) -> ProbeGenerator[None]:
        """Ask for the authentication methods through asyncssh if we could not."""
        kexinit = self.facts.kexinit
        if kexinit is not None and authentication_needs_fallback(kexinit, self._progress, self._wanted):
            yield from self._connections.pace(names_a_user=True)
            self._status.reached("authentication")
            yield RunAsync(lambda: self._ask_elsewhere(kexinit))

    async def _ask_elsewhere(self, kexinit: KexInit) -> None:
        from sshprobe.probe.fallback import FallbackError, authentication_methods

        connections, options = self._connections, self._options
        banners: list[str] = []
        try:
            methods = await authentication_methods(
                self.place,  # lists came from it
                self.port,
                kexinit,
                user=options.auth_users[0],
                client_id=options.client_id,
                timeout=min(options.timeout, connections.time_left()),
                on_banner=banners.append,
            )
        except FallbackError as error:
            connections.made += error.connected
            self._progress.authentication = "failed"
            self.facts.warn(f"authentication methods: {error}")
            return
        connections.made += 1
        self._progress.authentication = "answered"
        if banners:
            self.facts.banner = escape_bytes("".join(banners).encode("utf-8", "surrogateescape"), 4096)
        self.facts.add_methods(options.auth_users[0], None if methods is None else tuple(map(str.encode, methods)))

    # -- the record ----------------------------------------------------------------------------------------------

    def _known(self) -> Observation:
        """Return what is known; where a bug of ours is in the telling, no more than who it is."""
        try:
            return self.observation()
        except Exception as error:
            _log.exception("internal error while telling what is known of %s port %d", self.host, self.port)
            self._status.failed(error)
        return self._bare(self._status.status, self._status.error)

    def _bare(self, status: Status, error: str | None) -> Observation:
        return Observation(
            target=self.target,
            host=self.host,
            address=self.place.ip,
            port=self.port,
            status=status,
            error=error,
            stage="done" if status == "ok" else self._status.stage,
            depth=self._options.depth,
            started_at=timestamps.encode(self._started_at),
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
