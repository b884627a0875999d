"""Detects that this machine has lost its network: then failed connections say nothing about hosts.

An unroutable target, a dead host and a lost network cause the same errors. Witnesses, that is, hosts that answered
before, make the difference. The network is lost while the path to one of them is gone: its route, the link of its
interface, or its gateway. A neighbour that does not answer ARP is a dead host, so only gateways count. A firewall of
this machine does not change the path. If it blocked one of our packets, a datagram towards a witness, which its gateway
drops, shows whether it blocks everything.

A witness stands for its path, an interface and a gateway, so a VPN and a local network have one each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sshprobe.net.addresses import Address
from sshprobe.net.clock import Clock
from sshprobe.net.routes import NO_PATH, Path, look_for_gateway, path_to, unsent_retransmissions

MAX_WITNESSES = 8
"""The most paths that are watched."""

SOUGHT_SECONDS = 1.0
"""Seconds for a gateway to answer: ARP sends a request once a second, and a working gateway answers at once."""

SETTLE_SECONDS = 5.0
"""A path that has changed counts as gone for this many seconds: a VPN reconnects in this time, and after it another
network is accepted."""

ASK_SECONDS = 1.0
"""Seconds between two datagrams."""

FRESH_SECONDS = 0.05
"""A check is valid for this many seconds for jobs that began before it. A lost network fails new connections at
once."""

Key = tuple[int, str]
"""An interface and a gateway."""

_UNKNOWN: Key = (NO_PATH.interface, NO_PATH.gateway)


class Watched(Protocol):
    """The parts of a `Network` that a monitor uses."""

    time: Callable[[], float]
    clock: Clock
    last_made: Address | None
    rejected: int


class SharedWitnesses:
    """The witnesses that the processes of one scan share, so that a process without connections also detects an outage.

    `send(address)` is called with each witness of this process. `received` has those of others.
    """

    def __init__(self, send: Callable[[Address], None]) -> None:
        self.send = send
        self.received: list[Address] = []


class OutageMonitor:
    """Watches the network of one scan.

    `read_path`, `seek` and `count_unsent` are functions of `sshprobe.net.routes`.
    """

    def __init__(
        self,
        network: Watched,
        read_path: Callable[[Address], Path] = path_to,
        seek: Callable[[Address], bool] = look_for_gateway,
        count_unsent: Callable[[], int] = unsent_retransmissions,
        shared: SharedWitnesses | None = None,
    ) -> None:
        self.is_lost = False
        """Whether the network was lost at the last check."""
        self.checks = 0
        """The number of checks. A job stores this number when it starts."""
        self._disturbed_at = 0  # the number of the last check that found an outage, its end, or a stop of this process
        self._stopped_at = float("-inf")  # of the clock, then
        self._network = network
        self._read_path = read_path
        self._seek = seek
        self._count_unsent = count_unsent
        self._shared = shared
        self._sent: set[Key] = set()  # paths whose witness the other processes have
        self._stopped_here = (network.rejected, count_unsent())
        """The number of times that a firewall of this machine may have blocked something."""
        self._suspects: set[Key] = set()  # paths on which it may have blocked everything since the last datagram there
        self._blocked: set[Key] = set()  # paths on which it did
        self._heeds_firewall = True
        self._to_ask: dict[Key, Address] = {}  # paths on which a datagram is to be sent
        self._asked: dict[Key, float] = {}  # the time of the last datagram
        self._asked_at = float("-inf")
        self._witnesses: dict[Key, Address] = {}
        self._known: Address | None = None  # the last `last_made` that was checked
        self._sought: dict[Key, float] = {}  # path to the time since when its gateway is looked for
        self._moved: dict[Key, float] = {}  # witness to the time since when its path differs
        self._checked = float("-inf")

    def check(self) -> bool:
        """Look at the paths of all witnesses. Return whether the network is lost."""
        now = self._network.time()
        self.checks += 1
        self._checked = now
        self._add_witness()
        self._look_at_firewall()
        was_lost = self.is_lost
        gone = [self._is_gone(key, witness, now) for key, witness in list(self._witnesses.items())]
        self._ask(now)
        self.is_lost = any(gone) or bool(self._blocked)
        self._sought = {key: since for key, since in self._sought.items() if key in self._witnesses}
        stopped_at = self._network.clock.stopped_at
        if self.is_lost or was_lost or stopped_at != self._stopped_at:
            self._disturbed_at = self.checks
        self._stopped_at = stopped_at
        return self.is_lost

    def disturbed(self, checks: int) -> bool:
        """Return whether there was an outage, or a stop of this process, since `checks` had this value."""
        now = self._network.time()
        is_news = self._network.rejected != self._stopped_here[0] and now - self._asked_at >= ASK_SECONDS
        if checks == self.checks or is_news or now - self._checked > FRESH_SECONDS:
            self.check()
        # A gateway that is looked for may be lost: a needless restart of a job is better than a wrongly blamed host.
        return self._disturbed_at > checks or bool(self._sought)

    def give_up(self) -> None:
        """Accept that the network is lost: forget witnesses whose path is gone."""
        now = self._network.time()
        self._witnesses = {key: each for key, each in self._witnesses.items() if not self._is_gone(key, each, now)}
        self._sought.clear()
        self._moved.clear()
        self._heeds_firewall = not self._blocked  # it may pass TCP but no datagram: this is tried only once
        self._blocked.clear()
        self.is_lost = False

    def _look_at_firewall(self) -> None:
        stopped_here = (self._network.rejected, self._count_unsent())
        if stopped_here != self._stopped_here and self._heeds_firewall:
            self._suspects |= self._witnesses.keys()
        self._stopped_here = stopped_here

    def _ask(self, now: float) -> None:
        """Send one datagram, on the path that has waited longest."""
        self._suspects &= self._to_ask.keys()
        self._blocked &= self._witnesses.keys()
        if self._to_ask and now - self._asked_at >= ASK_SECONDS:
            key = min(self._to_ask, key=lambda key: self._asked.get(key, 0.0))
            self._asked_at = self._asked[key] = now
            self._suspects.discard(key)
            if self._seek(self._to_ask[key]) and self._heeds_firewall:
                self._blocked.add(key)
            else:
                self._blocked.discard(key)
        self._to_ask.clear()

    def _add_witness(self) -> None:
        if self._shared is not None and self._shared.received:
            for address in self._shared.received:
                self._sent.add(self._add(address))
            self._shared.received.clear()
        made = self._network.last_made
        if made is None or made == self._known:
            return
        self._known = made
        key = self._add(made)
        if self._shared is not None and key not in self._sent:
            self._sent.add(key)
            self._shared.send(made)

    def _add(self, address: Address) -> Key:
        path = self._read_path(address)
        if path.works and path.gateway_state != "failed":
            key = path.interface, path.gateway
            self._watch(key, address)
            return key
        if not self._witnesses:  # the host answered, so there was a path
            self._witnesses[_UNKNOWN] = address
        return _UNKNOWN

    def _watch(self, key: Key, witness: Address) -> None:
        self._witnesses.pop(key, None)
        self._witnesses[key] = witness
        if len(self._witnesses) > MAX_WITNESSES:
            del self._witnesses[next(iter(self._witnesses))]

    def _is_gone(self, key: Key, witness: Address, now: float) -> bool:
        path = self._read_path(witness)
        if not path.works:
            return True
        if (path.interface, path.gateway) == _UNKNOWN != key:
            return False  # it could not be read, for example without a free descriptor
        if (path.interface, path.gateway) != key:
            if key != _UNKNOWN and now - self._moved.setdefault(key, now) < SETTLE_SECONDS:
                return True
            self._moved.pop(key, None)
            del self._witnesses[key]
            self._watch((path.interface, path.gateway), witness)
            return False
        self._moved.pop(key, None)
        if path.gateway_state in ("unknown", "reached"):
            self._sought.pop(key, None)
            if path.gateway and (key in self._suspects or key in self._blocked):
                self._to_ask[key] = witness
            return False
        since = self._sought.setdefault(key, now)
        if path.gateway_state == "failed":
            self._to_ask[key] = witness  # without new connections, nothing else makes the kernel look for it
            return True
        # After a failure it is looked for repeatedly.
        return self.is_lost or now - since >= SOUGHT_SECONDS
