"""Probing one host: as many connections as the plan needs, and the questions of each.

The questions of one connection, in their order: identification, lists, one key exchange, authentication methods.

What was found out is kept: a `HostProbe` that was throttled or reset can be driven again later, for what is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from sshprobe.algorithms.openssh import SIGN, claims_openssh
from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import Observation, Status
from sshprobe.net import NetworkError
from sshprobe.probe.conversation import LATE_SHARE, ConnectionEnded, Conversation
from sshprobe.probe.effects import STILL_OPEN, ProbeGenerator, RunAsync
from sshprobe.probe.host_state import HostState, log
from sshprobe.probe.plan import authentication_needs_fallback, is_optional, negotiated_exchange
from sshprobe.probe.plan_cache import next_exchange
from sshprobe.probe.probe_progress import NARROW, ExchangePlan
from sshprobe.probe.probe_status import classify_missing_identification
from sshprobe.probe.trace import describe_exchange, traced
from sshprobe.wire.messages import KexInit

ENDS_THE_HOST: frozenset[Status] = frozenset({"throttled", "not_ssh", "ssh1_only"})
"""Statuses after which no further connection is made in this run."""


class HostProbe(HostState):
    """See the module, and `HostState`."""

    _silence: ConnectionEnded | None = None
    """How the first connection ended, if it brought no lists."""

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
            self._status.failed(error.with_traceback(None))
        except Exception as error:  # a bug of ours must not pass as an answer of the host
            self._status.failed(error)
            if not self._status.local:
                log.exception("internal error while probing %s port %d", self.host, self.port)
        self._elapsed += clock() - started
        return self._known()

    def _one_connection(self) -> ProbeGenerator[bool]:
        """Make one connection and ask what the plan says. Returns whether there is more to ask."""
        connections, planned = self._connections, self._planned
        if self._trace is not None:
            self._trace.log(describe_exchange(planned))
        early = planned if connections.start_early else None
        conversation = yield from connections.open(names_a_user=planned is not None and planned.suite is not None)
        exchange: ExchangePlan | None = None
        trouble: ConnectionEnded | None = None
        try:
            if early is not None:
                self._start(conversation, early, self.facts.kexinit)
            yield from self._identify(conversation)
            self._stage = "kexinit"
            kexinit = yield from self._lists(conversation)
            exchange = self._choose_exchange(kexinit, conversation)
            if self._trace is not None and exchange is not None and exchange is not planned:
                self._trace.log(describe_exchange(exchange))
            if exchange is not None:
                yield from self._exchange(conversation, exchange)
        except ConnectionEnded as ended:
            trouble = ended.with_traceback(None)  # which refers to this frame, and so to `trouble`
        except Exception:  # a bug of ours: the server's log need not show it as an error
            with suppress(Exception):
                yield conversation.goodbye(self._options.goodbye, self._options.linger)
            raise
        finally:
            self._status.reached(self._stage)
        settled = (yield conversation.goodbye(self._options.goodbye, self._options.linger)) != STILL_OPEN
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

    # -- the questions of one connection ---------------------------------------------------------------------------

    def _lists(self, conversation: Conversation) -> ProbeGenerator[KexInit]:
        """Wait for the server's lists; where it waits for ours, send them first."""
        if conversation.early:
            return (yield from conversation.kexinit())
        connections = self._connections
        may_be_lost = conversation.may_have_lost_ours and not connections.late and self.facts.kexinit is None
        leave = LATE_SHARE * self._options.timeout if may_be_lost else 0.0
        return (yield from conversation.kexinit(self._go_first, patience=connections.patience, leave=leave))

    def _go_first(self, conversation: Conversation) -> None:
        """Send our KEXINIT before the server's: by the lists of an earlier connection, or else with all we speak."""
        planned, known = self._planned, self.facts.kexinit
        if planned is None or known is None:
            conversation.propose()
        else:
            self._start(conversation, planned, known, alone=True)

    def _choose_exchange(self, kexinit: KexInit, conversation: Conversation) -> ExchangePlan | None:
        """Keep the lists of this connection, and return the exchange to do; None: there is nothing more to ask."""
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
        """Wait for the server's identification. Raises `ConnectionEnded`, also for servers without SSH-2."""
        connections = self._connections
        self._stage = "identification"
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
        """Do an exchange: its group, its host key, and the authentication methods if they are planned with it."""
        self._stage = "key_exchange"
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
            self._stage = "authentication"
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
            from sshprobe.probe.asyncssh_fallback import ask_asyncssh  # few hosts need it

            yield from self._connections.pace(names_a_user=True)
            self._status.reached("authentication")
            yield RunAsync(lambda: ask_asyncssh(kexinit, self._options, self._connections, self.facts, self._progress))
