"""The jobs of a target. A name is resolved first. An excluded target, or one without an address, ends at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Literal

from sshprobe.model.observation import Observation
from sshprobe.net import Address, Network, NetworkError, parse_ip
from sshprobe.net.resolve import resolve
from sshprobe.probe.driver import Driver, Slot
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.host_state import unprobed
from sshprobe.probe.probe_options import ProbeOptions
from sshprobe.scan.job import Job
from sshprobe.scan.results import HostResult, Result
from sshprobe.targets import Exclusions, Target
from sshprobe.wire.kex.exchange import KeyPairs

if TYPE_CHECKING:
    from sshprobe.probe.fast_lists import FastLists

_log = logging.getLogger("sshprobe")


class TargetJobs:
    """Makes the jobs of targets, with the settings of one Scanner.

    - `family`: `socket.AF_INET`, `socket.AF_INET6`, or None for both.
    - `all_addresses`: a job for each address of a name, not one for the first that answers.
    - `key_pairs`: shared by all probes.
    - `lists`: the fast path for addresses.
    """

    def __init__(
        self,
        options: ProbeOptions,
        *,
        exclude: Exclusions,
        family: int | None,
        all_addresses: bool,
        key_pairs: KeyPairs,
        lists: FastLists[HostResult] | None = None,
    ) -> None:
        self._options = options
        self._exclude = exclude
        self._excludes = bool(exclude)
        self._family = family
        self._all_addresses = all_addresses
        self._key_pairs = key_pairs
        self._lists = lists
        self.is_traced = False
        """Whether each step of a host is logged, which the fast path cannot do."""
        self._lookups: set[asyncio.Task[list[Address]]] = set()
        """The running lookups of names."""
        self._is_stopped = False

    def of(
        self, target: Target, *, all_addresses: bool | None = None
    ) -> list[Job[Result]] | Coroutine[Any, Any, list[Job[Result]]]:
        """Return the jobs of a target, or a coroutine that resolves its name first and returns none after a stop.

        `all_addresses` overrides the setting. Our own bug here affects only this target.
        """
        try:
            address = self._only_address(target)
            if address is not None:
                if self._lists is not None and not self.is_traced:
                    from sshprobe.probe.fast_lists import Host, ListsProbe  # for --depth lists alone

                    host = Host(target.text, target.host, address, target.port, target.labels)
                    probe: ListsProbe[HostResult] = ListsProbe(self._lists, host)
                    return [probe]
                return [self._job(target, [address])]
        except Exception as error:
            return [self._failed(target, error)]
        return self._resolved(target, self._all_addresses if all_addresses is None else all_addresses)

    def _only_address(self, target: Target) -> Address | None:
        """Return the address that `target` spells, if it may be probed; None for names, which have to be resolved."""
        address = parse_ip(target.host)
        if address is None or "%" in address.ip or address.unspecified or self._family not in (None, address.family):
            return None
        return None if self._excludes and self._exclude.covers(address.ip) else address

    async def _resolved(self, target: Target, all_addresses: bool) -> list[Job[Result]]:
        covers = self._exclude.covers
        try:
            addresses = [] if covers(target.host) else await self._resolve(target.host)
            if addresses is None:
                return []
            allowed = [address for address in addresses if not covers(address.ip)]
            if not allowed:
                return [self._unprobed(target, "excluded", "excluded by the user")]
            groups = [[address] for address in allowed] if all_addresses else [allowed]
            return [self._job(target, group) for group in groups]
        except NetworkError as error:
            return [self._unprobed(target, "unreachable" if error.failure == "local" else "dns_error", str(error))]
        except Exception as error:
            return [self._failed(target, error)]

    async def _resolve(self, host: str) -> list[Address] | None:
        """Return the addresses of a host, None if the scan is stopped first. Raises `NetworkError`."""
        work = resolve(host, family=self._family, timeout=self._options.connect_timeout)
        if parse_ip(host) is not None:
            return await work
        lookup = asyncio.create_task(work)
        self._lookups.add(lookup)
        if self._is_stopped:
            lookup.cancel()
        try:
            return await lookup
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():  # this task was cancelled, not the lookup
                raise
            return None
        finally:
            self._lookups.discard(lookup)

    def _job(self, target: Target, addresses: Sequence[Address]) -> Driver:
        text, host, port, labels = target
        return Driver(HostProbe(text, host, port, addresses, self._options, self._key_pairs, labels=labels))

    def _failed(self, target: Target, error: Exception) -> Job[Observation]:
        _log.error("internal error while preparing %s port %d", target.host, target.port, exc_info=error)
        return self._unprobed(target, "protocol_error", f"internal error: {type(error).__name__}")

    def _unprobed(
        self, target: Target, status: Literal["excluded", "dns_error", "unreachable", "protocol_error"], error: str
    ) -> Job[Observation]:
        text, host, port, labels = target
        return _Known(unprobed(text, host, port, self._options.depth, status, error, labels=labels))

    def stop(self) -> None:
        """End the running lookups, and start no new one."""
        self._is_stopped = True
        for lookup in self._lookups:
            lookup.cancel()


class _Known:
    """A job that connects to nothing: its result is known."""

    addresses = ()
    retry_later = False
    resource_error = None

    def __init__(self, observation: Observation) -> None:
        self._observation = observation
        self.unanswered = observation.status == "dns_error"

    def start(self, network: Network, slot: Slot, done: Callable[[Observation], None]) -> None:
        done(self._observation)

    def failed_internally(self, error: Exception) -> None:
        raise error
