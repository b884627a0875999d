"""The short cut of `--depth lists`: one address, one connection, and no parsing of what was parsed before.

A fleet says the same few things again and again. What a server says up to the end of its KEXINIT is its greeting:

    SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10 CR LF  length  padding_length  20  cookie[16]  lists  padding

Two greetings that agree in all but cookie and padding give records that agree in all but who and when. (The comments
of a TinySSH are random, and left out of the comparison too.) So the first one of a kind is parsed by the state machine
that parses all others (`sshprobe.wire.transport`), its observation is made by `HostProbe`, and the caller makes of it
what it wants to find again for the next one (`Kinds`). The framing is in what is compared, so it is checked with it.

How a host is asked, driven by a `net.Network` without a task of its own:

    connect        send our identification
    greeting       gathered until its last byte is there
    goodbye        DISCONNECT and our end, in one segment; then wait for the server's end, as `Stream.finish` does

Rules:

1. Nothing is judged here. What is not exactly this (a line before the identification, another message, a length that no
   packet has, an end or a reset too early, a deadline) leaves the short cut: a `HostProbe` goes on with the socket, the
   bytes that came, the deadlines and the start. So no byte is lost and nothing is asked twice.
2. A connection that could not be made is a result here, with the status that `HostProbe` has for it.
3. What this machine was short of is met again by the `HostProbe`, whom the sweep then lets wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, NamedTuple, Protocol, TypeVar

import msgspec

from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import RANDOM_COMMENTS, Identification, Observation
from sshprobe.model.timestamps import encode_seconds
from sshprobe.net import LINGER_BYTES, Address, EpollNetwork, NetworkError
from sshprobe.probe.conversation import IDENTIFICATION, KEXINIT, OURS_FIRST, TURN
from sshprobe.probe.effects import Begun
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.observation_builder import identification_record
from sshprobe.probe.options import ProbeOptions
from sshprobe.probe.unprobed import unprobed
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import IdentificationReceived, KexInitReceived
from sshprobe.wire.framing import PLAIN_BLOCK, PlainPacketWriter
from sshprobe.wire.identification import parse_identification
from sshprobe.wire.limits import IDENTIFICATION_LINE, PACKET_LENGTH
from sshprobe.wire.messages import DISCONNECT_BY_APPLICATION, Disconnect
from sshprobe.wire.transport import ClientTransport

PIECES = 32
"""Reads that a greeting may take. A server that sends it byte by byte is the state machine's, which is linear."""

_COOKIE = 16

_RANDOM_COMMENTS = f"SSH-2.0-{RANDOM_COMMENTS}".encode()


class Weighed(Protocol):
    """What is kept of a kind."""

    @property
    def weight(self) -> int:
        """About how many bytes it takes."""


K = TypeVar("K", bound=Weighed)


class Kind(NamedTuple, Generic[K]):
    """What is known of hosts that are alike."""

    made: K
    line: bytes
    """The identification of the first of them, with its line end; empty for hosts that did not answer."""


class Kinds(Generic[K]):
    """What `make` made of the first observation of each kind. Keys are parts of greetings, or ways not to answer."""

    def __init__(self, make: Callable[[Observation], K]) -> None:
        self.make = make
        self._known: LruCache[bytes, Kind[K]] = LruCache()
        self.find = self._known.get

    def learn(self, key: bytes, first: Observation, line: bytes = b"") -> Kind[K]:
        """Keep a kind by its first observation. `find` gives it from then on, while it is met."""
        kind = Kind(self.make(first), line)
        self._known.put(key, kind, len(key) + kind.made.weight)
        return kind


class Host(NamedTuple):
    """Who is asked."""

    target: str
    host: str
    address: Address
    port: int


class Greeting(NamedTuple):
    """A greeting that is there to its last byte, split."""

    key: bytes
    """All that its kind depends on: everything but cookie and padding, and comments that are random."""
    line: bytes
    """The identification with its line end."""
    end: int
    """How many bytes it has."""


def split_greeting(data: bytes) -> Greeting | int | None:
    """Split what a server sent first.

    Returns the number of bytes of the identification, with its line end, while the rest is not there yet (0 while not
    even that is), and None for what is no greeting, or one that only the state machine may judge.
    """
    end = data.find(b"\n") + 1
    if end > IDENTIFICATION_LINE or not data.startswith(b"SSH-"[: len(data)]):
        return None
    if not end:
        return 0 if len(data) <= IDENTIFICATION_LINE else None
    if len(data) < end + 5:
        return end
    length = int.from_bytes(data[end : end + 4], "big")
    whole = end + 4 + length
    if len(data) < whole:
        possible = _COOKIE < length <= PACKET_LENGTH and (4 + length) % PLAIN_BLOCK == 0
        return end if possible else None
    # packet_length, padding_length and message number are in the key, so what has a known key has their sum too.
    lists = data[end + 6 + _COOKIE : whole - data[end + 4]]
    space = data.find(b" ", 0, end) if data.startswith(_RANDOM_COMMENTS) else -1
    if space < 0:
        return Greeting(data[: end + 6] + lists, data[:end], whole)
    return Greeting(data[: space + 1] + data[end - 1 : end + 6] + lists, data[:end], whole)


def observe(probe: HostProbe, client_id: bytes, greeting: bytes) -> Observation | None:
    """Return the observation of a host that sent exactly this; None if it is not an identification and a KEXINIT.

    `probe` is of that host, and asked nothing yet.
    """
    transport = ClientTransport(client_id)
    transport.receive_data(greeting)
    try:
        first, second = transport.next_event(), transport.next_event()
    except RemoteProtocolError:
        return None
    if not isinstance(first, IdentificationReceived) or not isinstance(second, KexInitReceived) or transport.unread:
        return None
    probe.answered(first.identification, second.kexinit)
    return probe.observation()


class ListsProbe(Generic[K]):
    """One host on the short cut. A subclass takes what comes of it: one of `ended`, `left` and `given_up` is called."""

    __slots__ = (
        "_asker",
        "_buffer",
        "_connected",
        "_connection",
        "_identification",
        "_identified_after",
        "_kind",
        "_lingers",
        "_pieces",
        "_started",
        "_thrown_away",
        "_until",
        "_waits",
        "host",
        "started_at",
    )

    def __init__(self, asker: ListsAsker[K], host: Host) -> None:
        self._connection = asker.network.connection(self, host.address, host.port)
        self.host = host
        self._asker = asker
        self._waits = ""
        self._buffer = b""
        self._pieces = 0
        self._lingers = False
        self._thrown_away = 0

    # -- for the subclass to define ----------------------------------------------------------------------------------

    def ended(
        self,
        kind: K,
        identification: Identification | None,
        started_at: float,
        duration_ms: float,
        again: HostProbe | None = None,
    ) -> None:
        """Take what came of the host: it is of `kind`, but for the `identification` if there is one.

        `started_at` is in seconds since 1970-01-01 UTC. `again` may ask once more, later.
        """

    def left(self, probe: HostProbe) -> None:
        """Take who goes on."""

    def given_up(self, observation: Observation) -> None:
        """Take what came of the host: a bug of ours."""

    # -- for the subclass to call ------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Begin. It may end at once."""
        self.started_at = time.time()
        self._started = self._asker.network.time()
        try:
            self._connection.dial(self._asker.connect_timeout)
        except Exception as error:  # a bug of ours, met before the network has us: it costs this host, not the sweep
            self._connection.fail_internally(error)

    # -- events of the connection --------------------------------------------------------------------------------------

    def connected(self) -> None:
        """Send our identification, and wait for theirs."""
        self._connected = self._asker.network.time()
        self._identified_after: float | None = None
        self._wait_for(IDENTIFICATION)
        self._connection.send(self._asker.identification)

    def received(self, data: bytes) -> None:
        """Gather the greeting, then say goodbye; after that, wait for the end."""
        if self._lingers:
            self._thrown_away += len(data)
            if not data or self._thrown_away >= LINGER_BYTES:
                self._end()
            return
        buffer = self._buffer = self._buffer + data if self._buffer else data
        self._pieces += bool(data)
        found = split_greeting(buffer) if data and self._pieces <= PIECES else None
        if isinstance(found, Greeting):
            self._greeted(found)
        elif found is None:
            self._leave(None)
        elif found and self._waits is not KEXINIT:
            self._identified_after = self._asker.network.time() - self._connected
            self._wait_for(KEXINIT)

    def broken(self, error: NetworkError) -> None:
        """Take a connection that was not made as the result, and one that broke too early out of the short cut."""
        if self._lingers:
            self._end()
        elif self._waits or error.failure == "local":
            self._leave(error)
        else:
            kind = self._asker.unconnected(self.host, error)
            again = self._asker.probe_of_unconnected(self.host, error) if error.failure == "reset" else None
            self.ended(kind, None, self.started_at, self._duration(), again)

    def unsent(self, error: NetworkError) -> None:
        """Take it as the end of the connection."""
        self.broken(error)

    def expired(self) -> None:
        """Leave to the `HostProbe` what silence means, unless all was said."""
        if self._lingers:
            self._end()
        else:
            self._leave(None)

    def failed_internally(self, error: Exception) -> None:
        """Cost this host its record, and no other."""
        # Neither as one of a kind nor by a probe: what makes those may have the bug, and nobody else ends this host.
        target, host, address, port = self.host
        words = f"internal error: {type(error).__name__}"
        known = unprobed(target, host, port, self._asker.options.depth, "protocol_error", words)
        started_at, duration = encode_seconds(self.started_at), self._duration()
        self.given_up(
            msgspec.structs.replace(
                known, address=address.ip, stage="connect", started_at=started_at, duration_ms=duration
            )
        )

    # -- steps -------------------------------------------------------------------------------------------------------

    def _wait_for(self, what: str) -> None:
        options = self._asker.options
        self._waits = what
        now = self._asker.network.time()
        self._until = min(now + options.timeout, self._started + options.host_timeout)
        # A server without KEXINIT by then waits for ours: the `HostProbe` sends it.
        self._connection.wait_until(self._until if what is IDENTIFICATION else min(self._until, now + OURS_FIRST))

    def _greeted(self, greeting: Greeting) -> None:
        seen = self._asker.recognised(self.host, greeting, self._buffer)
        if seen is None:
            self._leave(None)
            return
        self._kind, self._identification = seen
        self._lingers = True
        self._buffer = b""
        self._connection.send_last(self._asker.goodbye)
        self._connection.wait_until(self._asker.network.time() + self._asker.options.linger)

    def _end(self) -> None:
        self._connection.close()
        self.ended(self._kind, self._identification, self.started_at, self._duration())

    def _leave(self, error: NetworkError | None) -> None:
        if not self._waits:  # nothing was opened
            self.left(self._asker.probe(self.host))
            return
        begun = Begun(
            self._connection.leave(),
            self._buffer,
            self._pieces,
            error,
            datetime.fromtimestamp(self.started_at, UTC),
            self._started,
            {self._waits: self._until, TURN: self._connection.deadline}
            if self._waits is KEXINIT
            else {self._waits: self._until},
            self._connected,
            self._identified_after,
        )
        self.left(self._asker.probe(self.host, begun))

    def _duration(self) -> float:
        return round((self._asker.network.time() - self._started) * 1000, 1)


class ListsAsker(Generic[K]):
    """Asks many hosts for their lists. `make` is what is wanted of each kind of host; see `Kinds`."""

    def __init__(self, network: EpollNetwork, options: ProbeOptions, make: Callable[[Observation], K]) -> None:
        self.network = network
        self.options = options
        self.connect_timeout = min(options.connect_timeout, options.host_timeout)
        self.kinds = Kinds(make)
        self.identification = options.client_id + b"\r\n"
        farewell = Disconnect(DISCONNECT_BY_APPLICATION, options.goodbye).encode()
        self.goodbye = PlainPacketWriter().write(farewell, 0)

    def probe(self, host: Host, begun: Begun | None = None) -> HostProbe:
        """Return who asks a host in the usual way."""
        return HostProbe(host.target, host.host, host.port, [host.address], self.options, begun)

    def unconnected(self, host: Host, error: NetworkError) -> K:
        """Return the kind of a host to which no connection could be made."""
        key = f"{error.failure} {error}".encode()
        kind = self.kinds.find(key)
        if kind is None:
            kind = self.kinds.learn(key, self.probe_of_unconnected(host, error).observation())
        return kind.made

    def probe_of_unconnected(self, host: Host, error: NetworkError) -> HostProbe:
        """Return who found that no connection to a host could be made."""
        probe = self.probe(host)
        probe.not_connected(error)
        probe.failed(error)
        return probe

    def recognised(self, host: Host, greeting: Greeting, data: bytes) -> tuple[K, Identification | None] | None:
        """Return the kind of a host, and its identification where it is not that of the kind.

        None if its greeting, at the beginning of `data`, is out of the ordinary.
        """
        kind = self.kinds.find(greeting.key)
        if kind is None:
            first = observe(self.probe(host), self.options.client_id, data[: greeting.end])
            if first is None:
                return None
            return self.kinds.learn(greeting.key, first, greeting.line).made, None
        if kind.line == greeting.line:
            return kind.made, None
        line = greeting.line.removesuffix(b"\n").removesuffix(b"\r")
        return kind.made, identification_record(parse_identification(line))
