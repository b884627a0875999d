"""Greetings: what servers send up to the end of their KEXINIT. For the fast path of `--depth lists` only.

A fleet sends the same few greetings again and again:

    SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u10 CR LF  length  padding_length  20  cookie[16]  lists  padding

Two greetings that differ only in cookie and padding give records that differ only in host and time. (The random
comments of TinySSH are ignored too.) So only the first of equal greetings is parsed, by the usual state machine
(`sshprobe.wire.transport`), and `HostProbe` makes its observation; a `GreetingCache` keeps the caller's template for
it. The key includes the framing, so that is checked too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, NamedTuple, Protocol, TypeVar

from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import RANDOM_COMMENTS, Observation
from sshprobe.probe.host_probe import HostProbe
from sshprobe.wire.errors import RemoteProtocolError
from sshprobe.wire.events import IdentificationReceived, KexInitReceived
from sshprobe.wire.framing import PLAIN_BLOCK
from sshprobe.wire.limits import IDENTIFICATION_LINE, PACKET_LENGTH
from sshprobe.wire.transport import ClientTransport

_COOKIE = 16

_RANDOM_COMMENTS = f"SSH-2.0-{RANDOM_COMMENTS}".encode()


class Weighed(Protocol):
    """A template of results."""

    @property
    def weight(self) -> int:
        """Its size in bytes, roughly."""


K = TypeVar("K", bound=Weighed)


class CachedGreeting(NamedTuple, Generic[K]):
    """The template of hosts with the same greeting."""

    template: K
    line: bytes
    """The identification of the first host, with its line end; empty for hosts that did not answer."""


class GreetingCache(Generic[K]):
    """The template that `make` returned for the first observation of each key: a `Greeting.key` or a failed connect."""

    def __init__(self, make: Callable[[Observation], K]) -> None:
        self.make = make
        self._known: LruCache[bytes, CachedGreeting[K]] = LruCache()
        self.find = self._known.get

    def add(self, key: bytes, first: Observation, line: bytes = b"") -> CachedGreeting[K]:
        """Add the first observation for a key, and return the entry."""
        cached = CachedGreeting(self.make(first), line)
        self._known.put(key, cached, len(key) + cached.template.weight)
        return cached


class Greeting(NamedTuple):
    """A complete greeting, split."""

    key: bytes
    """Everything but cookie, padding, and comments that are random."""
    line: bytes
    """The identification with its line end."""
    end: int
    """Its length in bytes."""


def split_greeting(data: bytes) -> Greeting | int | None:
    """Split the first data of a server.

    While the rest is missing, returns the number of bytes of the identification with its line end (0: it is missing
    too). Returns None for data that is not a greeting, or that needs the state machine.
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
    # packet_length, padding_length and message number are in the key, so data with a known key has the same total
    # length.
    lists = data[end + 6 + _COOKIE : whole - data[end + 4]]
    space = data.find(b" ", 0, end) if data.startswith(_RANDOM_COMMENTS) else -1
    if space < 0:
        return Greeting(data[: end + 6] + lists, data[:end], whole)
    return Greeting(data[: space + 1] + data[end - 1 : end + 6] + lists, data[:end], whole)


def observe(probe: HostProbe, client_id: bytes, greeting: bytes) -> Observation | None:
    """Return the observation of a host that sent exactly this; None if it is not an identification and a KEXINIT.

    `probe` is a new one for that host.
    """
    transport = ClientTransport(client_id)
    transport.receive_data(greeting)
    try:
        first, second = transport.next_event(), transport.next_event()
    except RemoteProtocolError:
        return None
    if not isinstance(first, IdentificationReceived) or not isinstance(second, KexInitReceived) or transport.unread:
        return None
    probe.set_lists(first.identification, second.kexinit)
    return probe.observation()
