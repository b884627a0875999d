"""The questions of one connection, in their order: identification, lists, one key exchange, authentication methods.

`HostProbe` decides how many connections are made. What the answers are is kept in the `ObservationBuilder` and in the
`Progress`, which all connections share.
"""

from __future__ import annotations

from functools import partial

from sshprobe.algorithms.openssh import SIGN, claims_openssh
from sshprobe.model.escape import escape_bytes
from sshprobe.probe.connections import Connections
from sshprobe.probe.conversation import LATE_SHARE, ConnectionEnded, Conversation
from sshprobe.probe.effects import ProbeGenerator
from sshprobe.probe.observation_builder import ObservationBuilder
from sshprobe.probe.options import ProbeOptions
from sshprobe.probe.plan import negotiated_exchange
from sshprobe.probe.probe_status import ProbeStatus, classify_missing_identification
from sshprobe.probe.progress import NARROW, ExchangePlan, Progress
from sshprobe.probe.usual_plans import next_exchange
from sshprobe.wire.messages import KexInit


class Questions:
    """Asks the questions of each connection to one host."""

    def __init__(
        self, options: ProbeOptions, facts: ObservationBuilder, connections: Connections, status: ProbeStatus
    ) -> None:
        self.facts = facts
        self.progress = Progress()
        self.planned: ExchangePlan | None = None
        """The next exchange, if the server's lists are those of the first connection."""
        self._options = options
        self._wanted = options.wanted
        self._connections = connections
        self._status = status

    def lists(self, conversation: Conversation) -> ProbeGenerator[KexInit]:
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
        planned, known = self.planned, self.facts.kexinit
        if planned is None or known is None:
            conversation.propose()
        else:
            self.start(conversation, planned, known, alone=True)

    def choose_exchange(self, kexinit: KexInit, conversation: Conversation) -> ExchangePlan | None:
        """Keep the lists of this connection, and return the exchange to do; None: there is nothing more to ask."""
        planned, self.planned = self.planned, None
        same = self.facts.add_kexinit(kexinit)
        if conversation.proposed:
            return negotiated_exchange(conversation.transport.negotiated, self.progress, self._wanted)
        if planned is not None and (same or conversation.started):
            return planned
        return next_exchange(kexinit, self.progress, self._wanted)

    def start(
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

    def identify(self, conversation: Conversation) -> ProbeGenerator[None]:
        """Wait for the server's identification. Raises `ConnectionEnded`, also for servers without SSH-2."""
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
        known = connections.identified and self.progress.maybe_openssh
        self.progress.maybe_openssh = known or claims_openssh(identification.software)
        if self.planned is not None and self.planned.request == NARROW and self.progress.maybe_openssh:
            self.planned = None  # another server than before
        connections.answered(identification)
        self.facts.add_identification(identification)
        if identification.protocol.lstrip(b"0").startswith(b"1.") and not identification.speaks_2:
            raise ConnectionEnded("ssh1_only", "the server speaks SSH-1 only")
        if not identification.speaks_2:
            raise ConnectionEnded(
                "protocol_error", f"the server speaks SSH {escape_bytes(identification.protocol, 20)} only"
            )

    def exchange(self, conversation: Conversation, exchange: ExchangePlan) -> ProbeGenerator[None]:
        """Do an exchange: its group, its host key, and the authentication methods if they are planned with it."""
        self._status.reached("key_exchange")
        if not conversation.started:
            self.start(conversation, exchange, alone=self._connections.cautious and not conversation.proposed)
        try:
            event = yield from conversation.host_key()
        except ConnectionEnded:
            self.facts.add_other_host_key(conversation.answers.other_host_key, exchange)
            raise
        finally:
            if exchange.request is not None and not conversation.early:
                group = conversation.answers.group
                if group is not None or not self.progress.is_doubtful(exchange):
                    bits = self.facts.add_group(exchange.kex, exchange.request, group)
                    self.progress.add_group(exchange, bits, faulty=group is not None and bits is None)
        self.facts.add_host_key(event)
        if not self.progress.shown(exchange, event.signature_verified):
            return  # what follows would be encrypted by a hash that may not be the server's
        if exchange.user is not None and conversation.transport.can_encrypt:
            self._status.reached("authentication")
            yield from self._authentication(conversation, exchange.user)

    def _authentication(self, conversation: Conversation, user: str) -> ProbeGenerator[None]:
        self._connections.names_a_user()
        answered = False
        try:
            connections = self._connections
            apart = self.progress.authentication_attempts > 0 or connections.cautious
            methods = yield from conversation.methods(user, at_once=connections.read_ahead and not apart, apart=apart)
            answered = True
        except ConnectionEnded as ended:
            self.progress.authentication_failed(user)
            whose = "" if user == self._options.auth_users[0] else f" of {escape_bytes(user.encode())}"
            self.facts.warn(f"authentication methods{whose}: {ended}")
            return
        finally:
            if conversation.answers.extensions is not None:
                self.facts.add_extensions(conversation.answers.extensions, whole=answered)
                self.progress.maybe_openssh |= SIGN in (self.facts.extensions or ())
            if conversation.answers.banner is not None and user == self._options.auth_users[0]:
                self.facts.banner = escape_bytes(conversation.answers.banner, 4096)
        self.progress.authentication_answered(user, self._wanted)
        self.facts.add_methods(user, methods)
