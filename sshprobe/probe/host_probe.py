"""Probing one host: as many connections as the plan needs, and the questions of each.

The questions of one connection, in their order: identification, lists, one key exchange, authentication methods.

Facts are kept: a `HostProbe` that was throttled or reset can be run again later for the missing ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

from sshprobe.algorithms.openssh import SIGN, claims_openssh
from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import LONGEST_BANNER, Observation
from sshprobe.net import CloseGracefully, Exchange, NetworkError
from sshprobe.probe.conversation import (
    EXCHANGE,
    IDENTIFICATION,
    KEXINIT,
    METHODS,
    ConnectionEnded,
    Conversation,
    throttled,
)
from sshprobe.probe.effects import STILL_OPEN, Connect, Pause, ProbeGenerator, RunAsync
from sshprobe.probe.host_state import HostState, log
from sshprobe.probe.plan import authentication_needs_fallback, negotiated_exchange
from sshprobe.probe.plan_cache import next_exchange
from sshprobe.probe.probe_progress import NARROW, ExchangePlan
from sshprobe.probe.probe_status import classify_missing_identification
from sshprobe.probe.trace import TracedTransport, describe_exchange, traced
from sshprobe.wire import events
from sshprobe.wire.client_kexinit import negotiate
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.messages import KexInit
from sshprobe.wire.transport import NEED_DATA, ClientTransport

# Events are compared by exact type: if `isinstance` is false, a msgspec.Struct goes through its slow metaclass.

THROTTLED_LINES = (b"Not allowed at this time", b"Exceeded MaxStartups")
"""The line of OpenSSH instead of an identification: from 9.8 on for penalties, from 8.2 on past MaxStartups."""

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

    _clock: Callable[[], float] = time.monotonic
    _host_deadline = 0.0

    def effects(self, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        """Probe the host by effects, in a first try or another one. `clock` is the driver's."""
        effects = self._all_effects(clock)
        return effects if self._trace is None else traced(effects, self._trace, clock)

    def _all_effects(self, clock: Callable[[], float]) -> ProbeGenerator[Observation]:
        self._clock = clock
        started = clock()
        self._host_deadline = started + self._options.host_timeout
        self._connections.begin()
        self._status.begin()
        try:
            while (yield from self._one_connection()):
                pass
            yield from self._fallback()
        except (ConnectionEnded, NetworkError) as error:
            self._status.failed(error.with_traceback(None))
        except Exception as error:  # our own bug must not look like an answer of the host
            self._status.failed(error)
            if not self._status.local:
                log.exception("internal error while probing %s port %d", self.host, self.port)
        self._elapsed += clock() - started
        return self._known()

    def _fallback(self) -> ProbeGenerator[None]:
        """Request the authentication methods through asyncssh if we could not."""
        kexinit = self.facts.kexinit
        if kexinit is not None and authentication_needs_fallback(kexinit, self._progress, self._wanted):
            from sshprobe.probe.asyncssh_fallback import ask_asyncssh  # few hosts need it

            now = yield from self._pause(names_a_user=True)
            self._stages.add("authentication")
            address, timeout = self.candidates[0], min(self._options.timeout, self._host_deadline - now)

            async def ask() -> None:
                self._connections.made += await ask_asyncssh(
                    address, self.port, kexinit, self._options, timeout, self.facts, self._progress
                )

            yield RunAsync(ask)

    # -- one connection ------------------------------------------------------------------------------------------------

    def _one_connection(self) -> ProbeGenerator[bool]:
        """Make one connection and ask the questions of the plan. Returns whether there are more."""
        connections, planned = self._connections, self._planned
        if self._trace is not None:
            self._trace.log(describe_exchange(planned))
        early = planned if connections.start_early else None
        conversation = yield from self._connect(names_a_user=planned is not None and planned.suite is not None)
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

    def _pause(self, *, names_a_user: bool = False) -> ProbeGenerator[float]:
        """Wait until the next connection may be made, and return the time."""
        now = self._clock()
        seconds = self._connections.delay(now, names_a_user=names_a_user)
        if seconds:
            yield Pause(seconds)
            now = self._clock()
        self._connections.last_start = now
        return now

    def _connect(self, *, names_a_user: bool) -> ProbeGenerator[Conversation]:
        """Connect to the address that answered before, or to the first one that answers now.

        Raises `NetworkError`, or `ConnectionEnded`.
        """
        now = yield from self._pause(names_a_user=names_a_user)
        candidates = self.candidates
        failure: NetworkError | None = None
        for left, address in zip(range(len(candidates), 0, -1), candidates, strict=True):
            remaining = self._host_deadline - now
            # If others follow, leave time for them.
            timeout = min(self._options.connect_timeout, remaining if left == 1 else remaining / (left + 1))
            try:
                if remaining <= 0:
                    raise NetworkError("timeout", "out of time for this host")
                yield Connect(address, self.port, now + timeout, timeout)
            except NetworkError as error:
                failure = failure or error
                now = self._clock()
                self.not_connected(error)
                if self._connections.identified and error.failure in ("refused", "reset"):
                    raise ConnectionEnded("throttled", f"{error}, after earlier connections") from None
                continue
            self._connections.made += 1
            self.candidates = (address,)
            until, self._kexinit_deadline = self._kexinit_deadline, None
            return Conversation(self._new_transport(), self._clock(), self._host_deadline, until)
        assert failure is not None  # there is at least one candidate
        try:
            if len(candidates) > 1:
                raise NetworkError(failure.failure, f"{failure} (and {len(candidates) - 1} more addresses)")
            raise failure
        finally:
            del failure  # it refers to this frame by its traceback

    def _new_transport(self) -> ClientTransport:
        client_id, key_pairs = self._options.client_id, self._key_pairs
        if self._trace is None:
            return ClientTransport(client_id, key_pairs=key_pairs)
        return TracedTransport(client_id, key_pairs=key_pairs, trace=self._trace)

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
        conversation.deadline = until if until < self._host_deadline else self._host_deadline

    def _identify(self, conversation: Conversation) -> ProbeGenerator[None]:
        """Wait for the server's identification. Raises `ConnectionEnded`, also for servers without SSH-2."""
        connections = self._connections
        self._stages.add("identification")
        self._wait_for(IDENTIFICATION, conversation, conversation.opened)
        try:
            while type(event := (yield from self._next(conversation))) is not events.IdentificationReceived:
                if type(event) is events.LineReceived:
                    conversation.lines.append(event.line)
                    if event.line.rstrip() in THROTTLED_LINES:
                        raise throttled(event.line.rstrip())
        except ConnectionEnded as ended:
            raise classify_missing_identification(
                ended, conversation, self.facts, after_others=connections.identified
            ) from None
        finally:
            if not connections.identified:
                for line in conversation.lines:
                    self.facts.add_line(line)
        conversation.identified_after = self._clock() - conversation.opened
        identification = event.identification
        if identification != connections.identification:
            known = connections.identified and self._progress.maybe_openssh
            self._progress.maybe_openssh = known or claims_openssh(identification.software)
            if self._planned is not None and self._planned.request == NARROW and self._progress.maybe_openssh:
                self._planned = None  # a different server than before
            connections.answered(identification)
            self.facts.add_identification(identification)
        if identification.protocol.lstrip(b"0").startswith(b"1.") and not identification.speaks_2:
            raise ConnectionEnded("ssh1_only", "the server speaks SSH-1 only")
        if not identification.speaks_2:
            raise ConnectionEnded(
                "protocol_error", f"the server speaks SSH {escape_bytes(identification.protocol, 20)} only"
            )

    def _lists(self, conversation: Conversation) -> ProbeGenerator[KexInit]:
        """Wait for the server's lists; if it waits for ours, send them first."""
        connections = self._connections
        self._stages.add("kexinit")
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
        self._stages.add("key_exchange")
        transport = conversation.transport
        if not conversation.started:
            self._start(conversation, exchange, alone=self._connections.cautious and not conversation.proposed)
        try:
            if conversation.alone:
                if not conversation.waited_for_ours:
                    yield from conversation.rest(min(self._clock() + APART, self._host_deadline))
                transport.send_held()
            self._wait_for(EXCHANGE, conversation, self._clock())
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
        self._stages.add("authentication")
        conversation.named_a_user = True
        connections, transport = self._connections, conversation.transport
        # Separately: send the first encrypted packet when the server must have read our NEWKEYS.
        apart = self._progress.authentication_attempts > 0 or connections.cautious
        answered = False
        methods: tuple[bytes, ...] | None = None  # "none" logged us in
        try:
            transport.request_authentication_methods(
                user.encode(), at_once=connections.read_ahead and not apart, alone=apart
            )
            if apart:
                yield from conversation.rest(min(self._clock() + APART, self._host_deadline))
                transport.send_held()
            self._wait_for(METHODS, conversation, self._clock())
            while type(event := (yield from self._next(conversation))) is not events.AuthenticationSucceeded:
                if type(event) is events.AuthenticationFailed:
                    methods = event.methods
                    break
                if type(event) is events.ExtensionsReceived:
                    conversation.extensions = (conversation.extensions or ()) + event.extensions
                elif type(event) is events.AuthenticationBanner:
                    conversation.banner = (conversation.banner or b"") + event.message
            answered = True
        except ConnectionEnded as ended:
            self._progress.authentication_failed(user)
            whose = "" if user == self._options.auth_users[0] else f" of {escape_bytes(user.encode())}"
            self.facts.warn(f"authentication methods{whose}: {ended}")
            return
        finally:
            if conversation.extensions is not None:
                self.facts.add_extensions(conversation.extensions, whole=answered)
                self._progress.maybe_openssh |= SIGN in (self.facts.extensions or ())
            if conversation.banner is not None and user == self._options.auth_users[0]:
                self.facts.banner = escape_bytes(conversation.banner, LONGEST_BANNER)
        self._progress.authentication_answered(user, self._wanted)
        self.facts.add_methods(user, methods)

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
                if not self._connections.late or conversation.identified_after is not None:
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
