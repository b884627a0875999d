"""The short cuts of a sweep: hosts with one known address are asked by callbacks, without a task for each.

`ListsShortcut` is that of `--depth lists`, with a template for each kind of host; `DialledShortcut` asks for more.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Generic, TypeVar

from sshprobe.model.observation import Identification, Observation
from sshprobe.net import Address, EpollNetwork, Network
from sshprobe.probe.dialled import DialledProbe
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.lists import Host, ListsAsker, ListsProbe
from sshprobe.probe.options import ProbeOptions
from sshprobe.results import HostResult, RecordTemplate, ResultEncoder
from sshprobe.sweep import Way, WayEnded, WayLeft
from sshprobe.targets import Target
from sshprobe.wire.kex.exchange import KeyPairs

_log = logging.getLogger("sshprobe")

T = TypeVar("T")

Result = Observation | HostResult
"""What a sweep brings of a host: an observation, or a result that was made of a template."""


class Shortcut(ABC, Generic[T]):
    """Takes the targets for which `address_of` knows the one address; `of` gives the target of what is swept."""

    def __init__(self, of: Callable[[T], Target], address_of: Callable[[Target], Address | None]) -> None:
        self.network = EpollNetwork()
        self._of = of
        self._address_of = address_of
        self._is_open = False

    def open(self) -> None:
        """Begin, on the running loop."""
        try:
            self.network.open()
        except OSError:  # not one descriptor is left: then nothing takes the short cut
            return
        self._is_open = True

    def close(self) -> None:
        """End, and drop what is under way."""
        if self._is_open:
            self._is_open = False
            self.network.close()

    def way(self, target: T) -> Way[T, Result] | None:
        """Return how `target` can go; None: not this way. Nothing is begun."""
        asked = self._of(target)
        try:
            address = self._address_of(asked) if self._is_open else None
            return None if address is None else self._way(target, Host(asked.text, asked.host, address, asked.port))
        except Exception:  # a bug of ours: it costs this host the short cut; and its record, if a task meets it, too
            _log.exception("internal error while beginning to ask %s port %d", asked.host, asked.port)
            return None

    @abstractmethod
    def _way(self, target: T, host: Host) -> Way[T, Result]:
        """Return how `host` is asked."""


class ListsShortcut(Shortcut[T]):
    """See `sshprobe.probe.lists`."""

    def __init__(
        self,
        of: Callable[[T], Target],
        address_of: Callable[[Target], Address | None],
        options: ProbeOptions,
        encoder: ResultEncoder,
    ) -> None:
        super().__init__(of, address_of)
        self._asker: ListsAsker[RecordTemplate] = ListsAsker(self.network, options, encoder.template)

    def _way(self, target: T, host: Host) -> _ListsWay[T]:
        return _ListsWay(self._asker, host, target)


class _ListsWay(ListsProbe[RecordTemplate], Generic[T]):
    """One target that is asked for its lists."""

    __slots__ = ("_ended", "_left", "address", "target")

    def __init__(self, asker: ListsAsker[RecordTemplate], host: Host, target: T) -> None:
        super().__init__(asker, host)
        self.target = target
        self.address = host.address.ip

    def start(self, ended: WayEnded[T, Result], left: WayLeft[T, Result]) -> None:
        self._ended, self._left = ended, left
        self.begin()

    def ended(
        self,
        kind: RecordTemplate,
        identification: Identification | None,
        started_at: float,
        duration_ms: float,
        again: HostProbe | None = None,
    ) -> None:
        self._ended(self, kind.result(self.host, identification, started_at, duration_ms), again)

    def left(self, probe: HostProbe) -> None:
        self._left(self, probe)

    def given_up(self, observation: Observation) -> None:
        self._ended(self, observation, None)


class DialledShortcut(Shortcut[T]):
    """See `sshprobe.probe.dialled`."""

    def __init__(
        self,
        of: Callable[[T], Target],
        address_of: Callable[[Target], Address | None],
        options: ProbeOptions,
        key_pairs: KeyPairs,
    ) -> None:
        super().__init__(of, address_of)
        self._options = options
        self._key_pairs = key_pairs

    def _way(self, target: T, host: Host) -> _DialledWay[T]:
        probe = HostProbe(host.target, host.host, host.port, [host.address], self._options, key_pairs=self._key_pairs)
        return _DialledWay(self.network, probe, target)


class _DialledWay(DialledProbe, Generic[T]):
    """One target that is asked by its probe."""

    __slots__ = ("_ended", "_left", "address", "target")

    def __init__(self, network: Network, probe: HostProbe, target: T) -> None:
        super().__init__(network, probe)
        self.target = target
        self.address = probe.place.ip

    def start(self, ended: WayEnded[T, Result], left: WayLeft[T, Result]) -> None:
        self._ended, self._left = ended, left
        self.begin()

    def ended(self, observation: Observation) -> None:
        self._ended(self, observation, self.probe)

    def left(self) -> None:
        self._left(self, self.probe)
