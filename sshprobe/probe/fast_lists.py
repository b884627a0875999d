"""The fast path of `--depth lists`: one address, one connection, and each distinct greeting is parsed once.

The steps of a probe, by a handler that comes before the driver:

    connect        send our identification
    greeting       collected until its last byte is there
    goodbye        DISCONNECT and our end, in one segment; then wait for the server's end

Rules:

1. Any other event (a line before the identification, another message, an impossible length, an early end or reset, a
   deadline) goes to a `Driver`. It replays the data to a `HostProbe`, which sees every piece at its time and continues
   on the same connection.
2. A failed connect is a result here, with the same status as from a `HostProbe`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from sshprobe.model.observation import Identification, Observation
from sshprobe.model.timestamps import encode_seconds
from sshprobe.net import Action, Address, CloseGracefully, Exchange, Network, NetworkError
from sshprobe.probe.connections import IDENTIFICATION, KEXINIT, OURS_FIRST
from sshprobe.probe.driver import Driver, FirstAnswer, Slot
from sshprobe.probe.greetings import Greeting, GreetingCache, Weighed, observe, split_greeting
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.host_state import unprobed
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.probe.record_fields import identification_record
from sshprobe.wire.identification import parse_identification
from sshprobe.wire.messages import disconnect
from sshprobe.wire.transport import packet

PIECES = 32
"""The most reads of one greeting. The state machine accepts more, in linear time."""


R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Host(NamedTuple):
    """Target, and its one address."""

    target: str
    host: str
    address: Address
    port: int
    labels: Sequence[str] = ()


class HostTemplate(Weighed, Protocol[R_co]):
    """The result of similar hosts, without the parts that differ between them."""

    def result(self, host: Host, identification: Identification | None, started_at: float, duration_ms: float) -> R_co:
        """Return the result of one host.

        `identification`: None if it equals the first one. `started_at` is in seconds since 1970-01-01 UTC.
        """


class ListsProbe(Generic[R]):
    """A job: the lists of one host, by the fast path or, from the first unusual event on, by a `Driver`."""

    def __init__(self, lists: FastLists[R], host: Host) -> None:
        self.host = host
        self.addresses = (host.address.ip,)
        """The address to which it connects."""
        self.retry_later = False
        """See `Driver`."""
        self.resource_error: str | None = None
        self.unanswered = False
        self._lists = lists
        self._driver: Driver | None = None

    # -- as a job ----------------------------------------------------------------------------------------------------

    def start(self, network: Network, slot: Slot, done: Callable[[Observation | R], None]) -> None:
        """Probe the host, and call `done`, perhaps at once."""
        self._done = done  # also for `failed_internally`
        if self._driver is not None:
            self._driver.start(network, slot, self._driven)
            return
        self._network, self._slot = network, slot
        self._waits = ""
        self._buffer = b""
        self._pieces: tuple[bytes, ...] = ()
        self._started_at = time.time()
        self._started = network.time()
        self._connection = network.connection(self, self.host.address, self.host.port)
        timeout = self._lists.connect_timeout
        self._connection.dial(self._started + timeout, timeout)

    # -- events of the connection --------------------------------------------------------------------------------------

    def connected(self) -> Action:
        """Send our identification, and wait for the server's."""
        self._connected = self._network.time()
        self._identified: float | None = None
        return Exchange(self._lists.identification, self._deadline(IDENTIFICATION, self._connected))

    def received(self, data: bytes) -> Action | None:
        """Collect the greeting, then disconnect."""
        self._pieces += (data,)
        buffer = self._buffer = self._buffer + data if self._buffer else data
        found = split_greeting(buffer) if data and len(self._pieces) <= PIECES else None
        if isinstance(found, Greeting):
            cached = self._lists.recognise(self.host, found, buffer)
            if cached is not None:
                self._cached = cached
                return self._lists.goodbye
        elif found is not None:
            if not found or self._waits is KEXINIT:
                return None
            self._identified = self._network.time()
            return Exchange(b"", self._deadline(KEXINIT, self._identified))
        return self._drive()[1]

    def expired(self) -> Action | None:
        """Let the driver interpret the silence."""
        driver, action = self._drive()
        return action if type(action) is CloseGracefully else driver.expired()

    def closed(self, *, still_open: bool) -> None:
        """End with the result of similar hosts."""
        self._report()

    def broken(self, error: NetworkError) -> None:
        """End with a failed connect as the result. The driver handles a connection that broke later."""
        if self._waits:
            driver, action = self._drive()
            if type(action) is CloseGracefully:
                driver.closed(still_open=False)
            else:
                driver.broken(error)
        elif error.failure == "local":
            probe = self._lists.unconnected_probe(self.host, error)
            self._driver = Driver(probe)
            self.resource_error = probe.resource_error
            self._done(probe.observation())
        else:
            self.unanswered = error.failure != "refused"
            if error.failure == "reset":  # a server may do this to one of many connections
                self.retry_later = True
                self._driver = Driver(self._lists.unconnected_probe(self.host, error))
            self._cached = self._lists.unconnected(self.host, error), None
            self._report()

    def failed_internally(self, error: Exception) -> None:
        """End with a record of the error."""
        # Not a cached record, and not from a probe: their code may have the bug.
        target, host, address, port, labels = self.host
        words = f"internal error: {type(error).__name__}"
        known = unprobed(target, host, port, self._lists.options.depth, "protocol_error", words, labels=labels)
        self._done(
            msgspec.structs.replace(
                known,
                address=address.ip,
                stage="connect",
                started_at=encode_seconds(self._started_at),
                duration_ms=self._duration(),
            )
        )

    # -- the fast path -----------------------------------------------------------------------------------------------

    def _deadline(self, what: str, now: float) -> float:
        """Return the end of the wait for `what`, which begins now."""
        options = self._lists.options
        self._waits = what
        until = min(now + options.timeout, self._started + options.host_timeout)
        # A server without a KEXINIT by then waits for ours, which the `HostProbe` sends.
        return until if what is IDENTIFICATION else min(until, now + OURS_FIRST)

    def _report(self) -> None:
        template, identification = self._cached
        result = template.result(self.host, identification, self._started_at, self._duration())
        done = self._done
        # They refer to this object: break the cycle, to free it at once.
        del self._connection, self._done, self._slot
        done(result)

    def _drive(self) -> tuple[Driver, Action | None]:
        """Let a driver continue on this connection. Return it, and its action for the data so far."""
        probe = self._lists.probe(self.host)
        probe.started_at = datetime.fromtimestamp(self._started_at, UTC)
        self._driver = driver = Driver(probe)
        identified = self._network.time() if self._identified is None else self._identified
        before = FirstAnswer(self._started, self._connected, identified, self._pieces)
        connection, slot = self._connection, self._slot
        del self._connection, self._slot
        return driver, driver.take_over(connection, self._network, slot, self._driven, before)

    def _driven(self, observation: Observation) -> None:
        """End with the result of the driver."""
        driver = self._driver
        assert driver is not None
        self.retry_later, self.resource_error = driver.retry_later, driver.resource_error
        self.unanswered = driver.unanswered
        done = self._done
        del self._done
        done(observation)

    def _duration(self) -> float:
        return round((self._network.time() - self._started) * 1000, 1)


class FastLists(Generic[R]):
    """The shared part of all `ListsProbe`s of a scan.

    `make` returns the template of a kind of host from its first observation; see `GreetingCache`.
    """

    def __init__(self, options: ProbeOptions, make: Callable[[Observation], HostTemplate[R]]) -> None:
        self.options = options
        self.connect_timeout = min(options.connect_timeout, options.host_timeout)
        self.greetings = GreetingCache(make)
        self.identification = options.client_id + b"\r\n"
        farewell = disconnect(options.goodbye)
        self.goodbye = CloseGracefully(packet(farewell), options.linger)

    def probe(self, host: Host) -> HostProbe:
        """Return the normal probe of a host."""
        return HostProbe(host.target, host.host, host.port, [host.address], self.options, labels=host.labels)

    def unconnected(self, host: Host, error: NetworkError) -> HostTemplate[R]:
        """Return the template of hosts to which no connection could be made."""
        key = f"{error.failure} {error}".encode()
        cached = self.greetings.find(key)
        if cached is None:
            cached = self.greetings.add(key, self.unconnected_probe(host, error).observation())
        return cached.template

    def unconnected_probe(self, host: Host, error: NetworkError) -> HostProbe:
        """Return a probe that found that no connection to a host could be made."""
        probe = self.probe(host)
        probe.connections.not_connected(error)
        probe.failed(error)
        return probe

    def recognise(
        self, host: Host, greeting: Greeting, data: bytes
    ) -> tuple[HostTemplate[R], Identification | None] | None:
        """Return the template of a host, and its identification if the template has another one.

        None if its greeting, at the beginning of `data`, is unusual.
        """
        cached = self.greetings.find(greeting.key)
        if cached is None:
            first = observe(self.probe(host), self.options.client_id, data[: greeting.end])
            if first is None:
                return None
            return self.greetings.add(greeting.key, first, greeting.line).template, None
        if cached.line == greeting.line:
            return cached.template, None
        line = greeting.line.removesuffix(b"\n").removesuffix(b"\r")
        return cached.template, identification_record(parse_identification(line))
