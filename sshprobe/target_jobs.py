"""Targets to probes: a name is resolved, what is excluded and what has no address gets its result at once."""

from __future__ import annotations

import asyncio
import logging
from typing import Literal

from sshprobe.model.observation import Observation
from sshprobe.net import Address, NetworkError, parse_ip
from sshprobe.net.resolve import resolve
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.options import ProbeOptions
from sshprobe.probe.unprobed import unprobed
from sshprobe.sweep import Job
from sshprobe.targets import Exclusions, Target
from sshprobe.wire.kex.exchange import KeyPairs

_log = logging.getLogger("sshprobe")


class TargetJobs:
    """Makes the probes of targets, under the settings of one Scanner.

    `family` is `socket.AF_INET`, `socket.AF_INET6` or None for both. `all_addresses`: a probe for each address of a
    name, not one for the first that answers. The probes share `key_pairs`.
    """

    def __init__(
        self,
        options: ProbeOptions,
        *,
        exclude: Exclusions,
        family: int | None,
        all_addresses: bool,
        key_pairs: KeyPairs,
    ) -> None:
        self._options = options
        self._exclude = exclude
        self._excludes = bool(exclude)
        self._family = family
        self._all_addresses = all_addresses
        self._key_pairs = key_pairs
        self._lookups: set[asyncio.Task[list[Address]]] = set()
        """Lookups of names under way."""
        self._is_stopped = False

    def only_address(self, target: Target) -> Address | None:
        """Return the address that `target` spells, if it may be asked; None for names, which have to be resolved."""
        address = parse_ip(target.host)
        if address is None or "%" in address.ip or address.unspecified or self._family not in (None, address.family):
            return None
        return None if self._excludes and self._exclude.covers(address.ip) else address

    async def of(self, target: Target, *, all_addresses: bool | None = None) -> list[Job[Observation]]:
        """Resolve one target into probes, none if the scan is stopped first. `all_addresses`: in place of the setting.

        A bug of ours in that costs the target its record, and no other.
        """
        try:
            return await self._probes(target, self._all_addresses if all_addresses is None else all_addresses)
        except Exception as error:
            _log.exception("internal error while resolving %s port %d", target.host, target.port)
            return [self._unprobed(target, "protocol_error", f"internal error: {type(error).__name__}")]

    async def _probes(self, target: Target, all_addresses: bool) -> list[Job[Observation]]:
        if self._excludes and self._exclude.covers(target.host):
            return [self._unprobed(target, "excluded", "excluded by the user")]
        try:
            addresses = await self._resolve(target.host)
        except NetworkError as error:
            return [self._unprobed(target, "unreachable" if error.failure == "local" else "dns_error", str(error))]
        if addresses is None:
            return []
        allowed = addresses
        if self._excludes:
            allowed = [address for address in addresses if not self._exclude.covers(address.ip)]
        if not allowed:
            return [self._unprobed(target, "excluded", "excluded by the user")]
        groups = [[address] for address in allowed] if all_addresses else [allowed]
        return [
            HostProbe(target.text, target.host, target.port, group, self._options, key_pairs=self._key_pairs)
            for group in groups
        ]

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
            if task is not None and task.cancelling():  # not the lookup, but who waits for it
                raise
            return None
        finally:
            self._lookups.discard(lookup)

    def _unprobed(
        self, target: Target, status: Literal["excluded", "dns_error", "unreachable", "protocol_error"], error: str
    ) -> Job[Observation]:
        return _Known(unprobed(target.text, target.host, target.port, self._options.depth, status, error))

    def stop(self) -> None:
        """End the lookups under way, and let no new one begin."""
        self._is_stopped = True
        for lookup in self._lookups:
            lookup.cancel()


class _Known:
    """A job whose result is known without talking to anyone."""

    addresses = ()  # nobody's
    come_back_later = False
    local_trouble = None

    def __init__(self, observation: Observation) -> None:
        self._observation = observation

    async def run(self) -> Observation:
        return self._observation
