"""Probing one host: as many connections as the plan needs, and the questions of each.

The questions of one connection, in their order: identification, lists, one key exchange, authentication methods.

Facts are kept: a `HostProbe` that was throttled or reset can be run again later for the missing ones.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from sshprobe.algorithms.openssh import SIGN, claims_openssh
from sshprobe.model.observation import Observation
from sshprobe.net import CloseGracefully, Exchange, NetworkError
from sshprobe.probe.connections import EXCHANGE, IDENTIFICATION, KEXINIT, METHODS, SLOW_IDENTIFICATION, Conversation
from sshprobe.probe.early_end import ConnectionEnded, is_refusal, throttled, without_identification, without_ssh_2
from sshprobe.probe.effects import STILL_OPEN, ProbeGenerator, RunAsync
from sshprobe.probe.host_state import HostState, ProbeStatus, log
from sshprobe.probe.plan import can_encrypt, negotiated_exchange
from sshprobe.probe.plan_cache import next_exchange
from sshprobe.probe.probe_progress import NARROW, ExchangePlan
from sshprobe.probe.trace import describe_exchange, traced
from sshprobe.wire import events
from sshprobe.wire.client_kexinit import negotiate
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.messages import KexInit
from sshprobe.wire.transport import NEED_DATA

# Events are compared by exact type: if `isinstance` is false, a msgspec.Struct goes through its slow metaclass.

LATE_SHARE = 0.3
"""Share of the wait for KEXINIT that remains for one more connection, in which our identification comes after theirs:
some servers drop data until they have sent theirs (Cisco IOS), and then wait for ours."""

APART = 0.5
"""Seconds between our KEXINIT and the first message of the exchange once an exchange has failed. Some servers treat the
data of one read as one packet (Cisco IOS 15), and we cannot know when they have read."""

SILENT_LINGER = 0.1
"""Seconds for a server that missed a deadline to close its side."""


class HostProbe(HostState):
    """The probe of one host: see the module, and `HostState`."""

    def effects(self, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        """Probe the host by effects, in a first try or another one. `clock` is the driver's."""
        effects = self._all_effects(clock)
        return effects if self._trace is None else traced(effects, self._trace, clock)

    def _all_effects(self, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        started = now = self.connections.begin(clock)
        self._status = ProbeStatus()
        self.retry_later, self.resource_error = False, None
        try:
            while (yield from self._one_connection(now)):
                now = clock()
            yield from self._fallback()
        except (ConnectionEnded, NetworkError) as error:
            self.failed(error.with_traceback(None))
        except Exception as error:  # our own bug must not look like an answer of the host
            self.failed(error)
            if self.resource_error is None:
                log.exception("internal error while probing %s port %d", self.host, self.port)
        self._elapsed += clock() - started
        return self._known()

    def _fallback(self) -> ProbeGenerator[None]:
        """Request the authentication methods through asyncssh if we could not."""
        kexinit = self.facts.kexinit
        is_open = self._wanted.authentication and self._progress.authentication == "open"
        if is_open and kexinit is not None and not can_encrypt(kexinit):
            from sshprobe.probe.asyncssh_fallback import ask_asyncssh  # few hosts need it

            connections = self.connections
            now = yield from connections.pause(connections.clock(), names_a_user=True)
            connections.stages.add("authentication")
            timeout = min(self._options.timeout, connections.host_deadline - now)
            ask = partial(ask_asyncssh, connections, kexinit, self._options, timeout, self.facts, self._progress)
            yield RunAsync(ask)

    # -- one connection ------------------------------------------------------------------------------------------------

    def _one_connection(self, now: float) -> ProbeGenerator[bool]:
        """Make one connection, from `now` on, and ask the questions of the plan. Returns whether there are more."""
        connections, planned = self.connections, self._planned
        if self._trace is not None:
            self._trace.log(describe_exchange(planned))
        early = planned if connections.start_early else None
        conversation = yield from connections.connect(
            now, names_a_user=planned is not None and planned.suite is not None
        )
        exchange: ExchangePlan | None = None
        trouble: ConnectionEnded | None = None
        try:
            if early is not None:
                self._start(conversation, early, self.facts.kexinit)
            yield from self._identify(conversation)
            exchange = self._choose_exchange((yield from self._lists(conversation)), conversation)
            if self._trace is not None and exchange is not None and exchange is not planned:
                self._trace.log(describe_exchange(exchange))
            if exchange is not None:
                yield from self._exchange(conversation, exchange)
        except ConnectionEnded as ended:
            trouble = ended.with_traceback(None)  # it refers to this frame, and so to `trouble`
        except Exception:  # our own bug: the server's log need not show it as an error
            with suppress(Exception):
                yield self._goodbye(conversation)
            raise
        conversation.is_settled = (yield self._goodbye(conversation)) != STILL_OPEN
        return self._next_connection(conversation, exchange, trouble)

    def _goodbye(self, conversation: Conversation) -> CloseGracefully:
        """Return the effect that ends the connection, in any state, as quietly as possible."""
        transport, data = conversation.transport, b""
        if not conversation.is_over:
            transport.disconnect(self._options.goodbye)
            data, transport.outgoing = transport.outgoing, b""
        # A server that was silent so far does not close in time either.
        linger = self._options.linger
        return CloseGracefully(data, min(linger, SILENT_LINGER) if conversation.is_silent else linger)

    # -- the questions of one connection -----------------------------------------------------------------------------

    def _wait_for(self, awaited: str, conversation: Conversation, now: float, until: float | None = None) -> None:
        """Begin a question. Its answer is `awaited` for the timeout of one question, or `until` a time."""
        until = now + self._options.timeout if until is None else until
        conversation.awaited = awaited
        conversation.deadline = until if until < self.connections.host_deadline else self.connections.host_deadline

    def _identify(self, conversation: Conversation) -> ProbeGenerator[None]:
        """Wait for the server's identification. Raises `ConnectionEnded`, also for servers without SSH-2."""
        connections = self.connections
        connections.stages.add("identification")
        self._wait_for(IDENTIFICATION, conversation, conversation.opened)
        try:
            while type(event := (yield from self._next(conversation))) is not events.IdentificationReceived:
                if type(event) is events.LineReceived:
                    conversation.lines.append(event.line)
                    if is_refusal(event.line):
                        raise throttled(event.line.rstrip())
        except ConnectionEnded as ended:
            lines, unread, reads = conversation.lines, conversation.transport.unread, conversation.reads
            raise without_identification(
                ended, lines, unread, reads=reads, after_others=connections.identified, warn=self.facts.warn
            ) from None
        finally:
            if not connections.identified:
                for line in conversation.lines:
                    self.facts.add_line(line)
        conversation.identified_after = after = connections.clock() - conversation.opened
        conversation.may_have_lost_ours = after > SLOW_IDENTIFICATION
        identification = event.identification
        if identification != connections.identification:
            known = connections.identified and self._progress.maybe_openssh
            self._progress.maybe_openssh = known or claims_openssh(identification.software)
            if self._planned is not None and self._planned.request == NARROW and self._progress.maybe_openssh:
                self._planned = None  # a different server than before
            connections.answered(identification)
            self.facts.add_identification(identification)
        if not identification.speaks_2:
            raise without_ssh_2(identification)

    def _lists(self, conversation: Conversation) -> ProbeGenerator[KexInit]:
        """Wait for the server's lists; if it waits for ours, send them first."""
        connections = self.connections
        connections.stages.add("kexinit")
        assert conversation.identified_after is not None
        now = conversation.opened + conversation.identified_after
        self._wait_for(KEXINIT, conversation, now, conversation.lists_deadline)
        conversation.lists_deadline = conversation.deadline
        if not conversation.early:
            if conversation.may_have_lost_ours and not connections.late and self.facts.kexinit is None:
                conversation.deadline -= LATE_SHARE * self._options.timeout
            conversation.our_turn = min(now + connections.patience, conversation.deadline)
        while type(event := (yield from self._next(conversation))) is not events.KexInitReceived:
            pass
        conversation.our_turn = None
        return event.kexinit

    def _go_first(self, conversation: Conversation) -> None:
        """Send our KEXINIT before the server's: for the lists of an earlier connection, or with all our algorithms."""
        conversation.our_turn = None
        if conversation.transport.unread:
            return  # the server's KEXINIT has begun to arrive
        conversation.waited_for_ours = True
        planned, known = self._planned, self.facts.kexinit
        if planned is None or known is None:
            conversation.proposed = True
            conversation.transport.propose()
        else:
            self._start(conversation, planned, known, alone=True)

    def _choose_exchange(self, kexinit: KexInit, conversation: Conversation) -> ExchangePlan | None:
        """Keep the lists of this connection, and return the exchange to do; None if no question is left."""
        planned, self._planned = self._planned, None
        same = self.facts.add_kexinit(kexinit)
        if conversation.proposed:
            return negotiated_exchange(negotiate(kexinit), self._progress, self._wanted)
        if planned is not None and (same or conversation.started):
            return planned
        return next_exchange(kexinit, self._progress, self._wanted)

    def _start(
        self, conversation: Conversation, plan: ExchangePlan, expected: KexInit | None = None, *, alone: bool = False
    ) -> None:
        """Start an exchange; before the lists have come, if they are `expected`.

        `alone`: send the first message when the server must have read our KEXINIT.
        """
        conversation.early = expected is not None and not alone
        conversation.started, conversation.alone = True, alone
        conversation.transport.start_key_exchange(
            plan.kex, plan.host_key_algorithm, suite=plan.suite, request=plan.request, expected=expected, alone=alone
        )

    def _exchange(self, conversation: Conversation, exchange: ExchangePlan) -> ProbeGenerator[None]:
        """Do an exchange: its group, its host key, and, if planned, the authentication methods."""
        connections, transport = self.connections, conversation.transport
        connections.stages.add("key_exchange")
        if not conversation.started:
            self._start(conversation, exchange, alone=connections.cautious and not conversation.proposed)
        try:
            if conversation.alone:
                if not conversation.waited_for_ours:
                    yield from conversation.rest(min(connections.clock() + APART, connections.host_deadline))
                transport.send_held()
            self._wait_for(EXCHANGE, conversation, connections.clock())
            while type(event := (yield from self._next(conversation))) is not events.HostKeyReceived:
                if type(event) is events.GroupReceived:
                    conversation.early = False
                    conversation.group = event
                    if event.fault is not None:
                        raise ConnectionEnded("protocol_error", event.fault)
            conversation.early = False
        except ConnectionEnded:
            self.facts.add_other_host_key(conversation.other_host_key, exchange)
            raise
        finally:
            if exchange.request is not None and not conversation.early:
                group = conversation.group
                if group is not None or not self._progress.is_doubtful(exchange):
                    bits = self.facts.add_group(exchange.kex, exchange.request, group)
                    self._progress.add_group(exchange, bits, faulty=group is not None and bits is None)
        self.facts.add_host_key(event)
        if not self._progress.shown(exchange, event.signature_verified):
            return  # encryption would depend on a hash that may differ from the server's
        if exchange.user is not None and event.can_encrypt:
            yield from self._methods(conversation, exchange.user)

    def _methods(self, conversation: Conversation, user: str) -> ProbeGenerator[None]:
        """Request the authentication methods of `user`."""
        connections, transport = self.connections, conversation.transport
        connections.stages.add("authentication")
        conversation.user = user
        # Separately: send the first encrypted packet when the server must have read our NEWKEYS.
        apart = self._progress.authentication_attempts > 0 or connections.cautious
        failure: ConnectionEnded | None = None
        methods: tuple[bytes, ...] | None = None  # "none" logged us in
        try:
            transport.request_authentication_methods(
                user.encode(), at_once=connections.read_ahead and not apart, alone=apart
            )
            if apart:
                yield from conversation.rest(min(connections.clock() + APART, connections.host_deadline))
                transport.send_held()
            self._wait_for(METHODS, conversation, connections.clock())
            while type(event := (yield from self._next(conversation))) is not events.AuthenticationSucceeded:
                if type(event) is events.AuthenticationFailed:
                    methods = event.methods
                    break
                if type(event) is events.ExtensionsReceived:
                    conversation.extensions = (conversation.extensions or ()) + event.extensions
                elif type(event) is events.AuthenticationBanner:
                    conversation.banner = (conversation.banner or b"") + event.message
            self._progress.authentication_answered(user, self._wanted)
        except ConnectionEnded as ended:
            failure = ended.with_traceback(None)
            self._progress.authentication_failed(user)
        is_first = user == self._wanted.users[0]
        self.facts.add_authentication(conversation, methods, failure, is_first=is_first)
        if conversation.extensions is not None:
            self._progress.maybe_openssh |= SIGN in (self.facts.extensions or ())

    def _next(self, conversation: Conversation) -> ProbeGenerator[events.Event]:
        """Return the next event, within the deadline of this question. Raises `ConnectionEnded`."""
        transport = conversation.transport
        data: bytes | None = None
        try:
            while True:
                if data is not None or transport.has_more:
                    event = transport.next_event(data)
                    if event is not NEED_DATA:
                        break
                    data = None
                if conversation.failure is not None:
                    raise conversation.failure
                # Sent when all data is read: each write wakes the server, and one is enough.
                ours = b""
                if not self.connections.late or conversation.identified_after is not None:
                    ours, transport.outgoing = transport.outgoing, b""
                turn = conversation.our_turn
                try:
                    data = yield Exchange(ours, conversation.deadline if turn is None else turn)
                except NetworkError as error:
                    if error.failure != "timeout" or turn is None:
                        raise
                    self._go_first(conversation)
                    continue
                conversation.reads += bool(data)
        except NetworkError as error:
            raise conversation.failed(error) from None
        except RemoteProtocolError as error:
            raise conversation.broke_protocol(error) from None
        if type(event) is events.DisconnectReceived or type(event) is events.ConnectionClosed:
            raise conversation.closed(event)
        return event
