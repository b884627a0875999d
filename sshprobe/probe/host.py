"""Asking one host: as many connections as the plan needs, one after the other, and the `Observation` of it.

Never more than one connection to an address at a time, and the next one only after the server closed the last. What
was learnt stays learnt: a `HostProbe` that was throttled can be run again later and goes on with what is missing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from datetime import UTC, datetime

from sshprobe.escape import escape_bytes
from sshprobe.net import Address, NetworkError
from sshprobe.probe.conversation import Begun, Conversation, Ended, go_on, open_conversation
from sshprobe.probe.facts import Facts, hexadecimal
from sshprobe.probe.options import ProbeOptions
from sshprobe.probe.plan import (
    Exchange,
    Progress,
    authentication_needs_fallback,
    next_exchange,
    unanswered,
)
from sshprobe.probe.unasked import rfc3339
from sshprobe.records import GroupExchange, Observation, Stage, Status
from sshprobe.wire.identification import MALFORMED, Identification
from sshprobe.wire.key_exchange import METHODS, KeyPairs
from sshprobe.wire.messages import KexInit
from sshprobe.wire.transport import ClientTransport

_log = logging.getLogger("sshprobe")

SMALL_GROUP = 2048
"""Bits below which a modulus is too small for every profile (RFC 8270)."""

READS_AHEAD = b"OpenSSH_"
"""Software that was seen to answer a "none" request which came together with the request for the service. Others get
the one when they have answered the other; and so does this on a second attempt."""

ENDS_THE_HOST: frozenset[Status] = frozenset({"throttled", "not_ssh", "ssh1_only"})
"""Statuses after which no further connection is made in this run."""


TARPIT_READS = 5
"""Pieces that a server may send in place of an identification before it is likened to a tarpit such as endlessh."""

TARPIT_LINES = 100
"""The same for whole lines, of a server that sends more than are read."""


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
        self.facts = Facts()
        self._addresses = list(addresses)
        self._address: Address | None = addresses[0] if len(addresses) == 1 else None
        self._options = options
        self._wanted = options.wanted
        self._progress = Progress()
        self._key_pairs: KeyPairs = {} if key_pairs is None else key_pairs
        self._planned: Exchange | None = None  # what comes next, if the lists are those of the first connection
        self._connections = 0
        self._begun = begun
        self._started_at = datetime.now(UTC) if begun is None else begun.started_at
        self._elapsed = 0.0
        self._status: Status = "ok"
        self._error: str | None = None
        self._local = False
        self._stage: Stage = "connect"
        self._takes_what_comes_early = False
        self._identified = False  # some connection got as far as the identification
        self._last_start = 0.0
        self._deadline = 0.0

    @property
    def address(self) -> str:
        """The address that is talked to, or talked to first."""
        return (self._address or self._addresses[0]).ip

    @property
    def come_back_later(self) -> bool:
        """True if the server told us to come back later: `run` may be called once more after a pause."""
        return self._status == "throttled"

    @property
    def local_trouble(self) -> str | None:
        """What this machine, not the host, was short of, if that is why the last run failed."""
        return self._error if self._local else None

    async def run(self) -> Observation:
        """Ask until everything is answered, given up or out of time. Never raises for what the host does."""
        loop = asyncio.get_running_loop()
        started = loop.time() if self._begun is None else self._begun.started
        self._deadline = started + self._options.host_timeout
        self._status, self._error, self._local = "ok", None, False
        try:
            while await self._one_connection():
                pass
            await self._fallback()
        except (Ended, NetworkError) as error:
            self.failed(error)
        except Exception as error:
            # A bug of ours met by one host must not cost the others their records, nor pass as an answer.
            _log.exception("internal error while asking %s port %d", self.host, self.port)
            self.failed(error)
        self._elapsed += loop.time() - started
        return self.observation()

    def failed(self, error: Exception) -> None:
        """Take `error` as the reason why the host gave no more: every way to end has its status here."""
        self._local = isinstance(error, NetworkError) and error.failure == "local"
        if isinstance(error, Ended):
            self._status, self._error = error.status, str(error)
        elif isinstance(error, NetworkError):
            self._status = "unreachable" if error.failure == "local" else error.failure
            self._error = str(error)
        else:
            self._status, self._error = "protocol_error", f"internal error: {type(error).__name__}"

    def not_connected(self, error: NetworkError) -> None:
        """Count a connection that was taken and reset before we knew of it: one that was refused is "refused"."""
        if error.failure == "reset":
            self._connections += 1
            self._stage = _later(self._stage, "identification")

    def answered(self, identification: Identification, kexinit: KexInit) -> None:
        """Take the lists of a server from whom nothing else is wanted, as one connection brought them."""
        self._connections = 1
        self._stage = "kexinit"
        self.facts.saw_identification(identification)
        self.facts.saw_kexinit(kexinit)

    # -- connections ---------------------------------------------------------------------------------------------

    async def _one_connection(self) -> bool:
        """Make one connection and ask what the plan says. Returns whether there is more to ask."""
        await self._pace()
        conversation = await self._connect()
        exchange: Exchange | None = None
        try:
            await self._identify(conversation)
            self._stage = _later(self._stage, "kexinit")
            kexinit = await conversation.kexinit()
            planned, self._planned = self._planned, None
            if not self.facts.saw_kexinit(kexinit) or planned is None:
                planned = next_exchange(kexinit, self._progress, self._wanted)
            exchange = planned
            if exchange is not None:
                await self._exchange(conversation, exchange)
        except Ended as ended:
            self._sort_out(ended, exchange)
        finally:
            await conversation.goodbye(self._options.goodbye, self._options.linger)
        # Where later lists hold nothing to ask, although the first ones did, another connection would not either.
        return exchange is not None and self._more_to_ask()

    async def _identify(self, conversation: Conversation) -> None:
        self._stage = _later(self._stage, "identification")
        try:
            identification = await conversation.identification()
        except Ended as ended:
            raise self._no_identification(ended, conversation) from None
        finally:
            if not self._identified:
                for line in conversation.answers.lines:
                    self.facts.saw_line(line)
        self._identified = True
        self._takes_what_comes_early = identification.software.startswith(READS_AHEAD)
        self.facts.saw_identification(identification)
        if identification.protocol.startswith(b"1.") and not identification.speaks_2:
            raise Ended("ssh1_only", "the server speaks SSH-1 only")
        if not identification.speaks_2:
            raise Ended("protocol_error", f"the server speaks SSH {escape_bytes(identification.protocol, 20)} only")

    def _no_identification(self, ended: Ended, conversation: Conversation) -> Ended:
        """Sort out what a connection without an identification means."""
        lines, unread = conversation.answers.lines, conversation.transport.unread
        if ended.status == "throttled":
            return ended
        if ended.status == "timeout" and conversation.reads >= TARPIT_READS:
            self.facts.warn("sends a little at a time and never an identification, as a tarpit does")
        elif ended.status == "protocol_error" and len(lines) >= TARPIT_LINES:
            self.facts.warn("sends lines without end and never an identification, as a tarpit does")
        if self._identified and ended.status == "reset":
            return Ended("throttled", "the server closed the connection before its identification, after earlier ones")
        if str(ended) == MALFORMED or (unread and b"SSH-".startswith(unread[:4])):
            return ended  # an identification that was begun, whatever came with it
        if lines or unread:
            # Whether it then closed, or waits for us to say more (SMTP, telnet), or never ends (a tarpit).
            said = next((line for line in lines if line.strip()), unread)
            return Ended("not_ssh", f'no SSH identification; it sent "{escape_bytes(said, 80)}"')
        return ended

    async def _exchange(self, conversation: Conversation, exchange: Exchange) -> None:
        self._stage = _later(self._stage, "key_exchange")
        request = self._options.group_request if METHODS[exchange.kex].kind == "gex" else None
        try:
            conversation.start_key_exchange(
                exchange.kex, exchange.host_key_algorithm, suite=exchange.suite, request=request
            )
            event = await conversation.host_key()
        finally:
            if exchange.group_exchange:
                self._saw_group(conversation, exchange)
        self.facts.saw_host_key(event)
        self._progress.answered.add(exchange.family)
        if exchange.suite is not None and conversation.transport.can_encrypt:
            self._stage = _later(self._stage, "authentication")
            await self._authentication(conversation)

    def _saw_group(self, conversation: Conversation, exchange: Exchange) -> None:
        group, request = conversation.answers.group, self._options.group_request
        bits = None if group is None else group.modulus.bit_length()
        if group is not None and group.fault is not None:
            self.facts.warn(f"{exchange.kex}: {group.fault} ({bits} bits)")
            if group.modulus.bit_length() >= SMALL_GROUP:
                bits = None  # what is no group has no size that could pass; a small one is small all the same
        sound = group is not None and group.fault is None
        self._progress.groups[exchange.kex] = "answered" if sound else "refused"
        self.facts.group_exchange.append(
            GroupExchange(
                algorithm=exchange.kex,
                min=request.min,
                n=request.n,
                max=request.max,
                modulus_bits=bits,
                refused=group is None,
                modulus=None if group is None else hexadecimal(group.modulus),
                generator=None if group is None else hexadecimal(group.generator),
            )
        )

    async def _authentication(self, conversation: Conversation) -> None:
        try:
            at_once = self._takes_what_comes_early and not self._progress.authentication_attempts
            methods = await conversation.methods(self._options.auth_user, at_once=at_once)
        except Ended as ended:
            self._progress.authentication_failed()
            self.facts.warn(f"authentication methods: {ended}")
            return
        finally:
            if conversation.answers.extensions is not None:
                self.facts.saw_extensions(conversation.answers.extensions)
            if conversation.answers.banner is not None:
                self.facts.banner = escape_bytes(conversation.answers.banner, 4096)
        self._progress.authentication = "answered"
        self.facts.none_accepted = methods is None
        self.facts.authentication_methods = [escape_bytes(name) for name in methods or ()]

    # -- what comes next -----------------------------------------------------------------------------------------

    def _sort_out(self, ended: Ended, exchange: Exchange | None) -> None:
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
        if self._connections >= self._options.max_connections:
            raise Ended("partial", f"stopped after {self._connections} connections")
        return True

    async def _fallback(self) -> None:
        """Ask for the authentication methods through asyncssh if we could not."""
        kexinit, options = self.facts.kexinit, self._options
        if kexinit is None or not authentication_needs_fallback(kexinit, self._progress, self._wanted):
            return
        from sshprobe.probe.fallback import FallbackError, authentication_methods

        assert self._address is not None  # lists came from it
        await self._pace()
        self._stage = _later(self._stage, "authentication")
        remaining = self._deadline - asyncio.get_running_loop().time()
        try:
            methods = await authentication_methods(
                self._address,
                self.port,
                kexinit,
                user=options.auth_user,
                client_id=options.client_id,
                timeout=min(options.timeout, remaining),
            )
        except FallbackError as error:
            self._connections += error.connected
            self._progress.authentication = "failed"
            self.facts.warn(f"authentication methods: {error}")
            return
        self._connections += 1
        self._progress.authentication = "answered"
        self.facts.none_accepted = methods is None
        self.facts.authentication_methods = [escape_bytes(name.encode()) for name in methods or ()]

    async def _pace(self) -> None:
        """Keep the rate at which a server's penalties never add up."""
        loop = asyncio.get_running_loop()
        if self._connections >= self._options.burst:
            await asyncio.sleep(max(0.0, self._last_start + self._options.pace - loop.time()))
        self._last_start = loop.time()

    async def _connect(self) -> Conversation:
        """Connect to the address that answered, or to the first that does. Raises `NetworkError`."""
        if self._begun is not None:
            begun, self._begun = self._begun, None
            self._connections = 1
            transport = ClientTransport(self._options.client_id)
            return await go_on(begun, transport, timeout=self._options.timeout, deadline=self._deadline)
        candidates = [self._address] if self._address is not None else self._addresses
        failure: NetworkError | None = None
        loop = asyncio.get_running_loop()
        for left, address in zip(range(len(candidates), 0, -1), candidates, strict=True):
            transport = ClientTransport(self._options.client_id, key_pairs=self._key_pairs)
            connect_timeout = self._options.connect_timeout
            if left > 1:  # leave time for those that come after it
                connect_timeout = min(connect_timeout, (self._deadline - loop.time()) / (left + 1))
            try:
                conversation = await open_conversation(
                    address,
                    self.port,
                    transport,
                    connect_timeout=connect_timeout,
                    timeout=self._options.timeout,
                    deadline=self._deadline,
                )
            except NetworkError as error:
                failure = failure or error
                self.not_connected(error)
                if self._identified and error.failure in ("refused", "reset"):
                    raise Ended("throttled", f"{error}, after earlier connections") from None
                continue
            self._connections += 1
            self._address = address
            return conversation
        assert failure is not None  # there is at least one candidate
        if len(candidates) > 1:
            raise NetworkError(failure.failure, f"{failure} (and {len(candidates) - 1} more addresses)")
        raise failure

    # -- the record ----------------------------------------------------------------------------------------------

    def observation(self) -> Observation:
        """Return what is known now. Nothing in it changes when the probe goes on."""
        facts, wanted = self.facts, self._wanted
        status, error = self._final_status()
        lists = facts.lists()
        asked = facts.kexinit is not None
        return Observation(
            target=self.target,
            host=self.host,
            address=self._address.ip if self._address else self._addresses[0].ip,
            port=self.port,
            status=status,
            error=error,
            stage="done" if status == "ok" else self._stage,
            depth=self._options.depth,
            started_at=rfc3339(self._started_at),
            duration_ms=round(self._elapsed * 1000, 1),
            connections=self._connections,
            lines_before_identification=list(facts.lines),
            identification=facts.identification,
            kex_algorithms=lists["kex_algorithms"],
            server_host_key_algorithms=lists["server_host_key_algorithms"],
            encryption_algorithms_client_to_server=lists["encryption_algorithms_client_to_server"],
            encryption_algorithms_server_to_client=lists["encryption_algorithms_server_to_client"],
            mac_algorithms_client_to_server=lists["mac_algorithms_client_to_server"],
            mac_algorithms_server_to_client=lists["mac_algorithms_server_to_client"],
            compression_algorithms_client_to_server=lists["compression_algorithms_client_to_server"],
            compression_algorithms_server_to_client=lists["compression_algorithms_server_to_client"],
            languages_client_to_server=lists["languages_client_to_server"],
            languages_server_to_client=lists["languages_server_to_client"],
            first_kex_packet_follows=facts.kexinit.first_kex_packet_follows if facts.kexinit else None,
            host_keys=list(facts.host_keys) if wanted.host_keys and asked else None,
            group_exchange=list(facts.group_exchange) if wanted.group_exchange and asked else None,
            extensions=facts.extensions,
            authentication_user=self._options.auth_user if wanted.authentication else None,
            authentication_methods=facts.authentication_methods,
            authentication_none_accepted=facts.none_accepted,
            authentication_banner=facts.banner,
            hassh_server=facts.hassh_server(),
            strict_kex=facts.strict_kex(),
            post_quantum_kex=facts.post_quantum_kex(),
            several_servers=facts.several_servers,
            warnings=list(facts.warnings),
        )

    def _final_status(self) -> tuple[Status, str | None]:
        """Return the status of the record: "ok" only if every question was answered or definitely refused."""
        missing = None
        if self.facts.kexinit is not None:
            missing = unanswered(self.facts.kexinit, self._progress, self._wanted)
        if self._status == "ok":
            return ("partial", missing) if missing else ("ok", None)
        if self.facts.kexinit is not None:
            return "partial", self._error
        # Without lists, these say more than that an identification was seen.
        if self.facts.identification is not None and self._status not in ("ssh1_only", "throttled", "protocol_error"):
            return "partial", self._error
        return self._status, self._error


_STAGES: tuple[Stage, ...] = (
    "resolve",
    "connect",
    "identification",
    "kexinit",
    "key_exchange",
    "authentication",
    "done",
)


_RANK = {stage: rank for rank, stage in enumerate(_STAGES)}


def _later(one: Stage, other: Stage) -> Stage:
    return other if _RANK[other] > _RANK[one] else one
