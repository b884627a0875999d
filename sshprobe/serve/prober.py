"""Probes one host for each request, never so often that its server imposes penalties.

A result is kept until the penalties for its connections have expired, and requests for the same host share one probe.
OpenSSH 9.8 and later adds one second of penalty for each connection without a login, and refuses a source above 15
seconds (sshd_config(5), PerSourcePenalties).
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from contextlib import AsyncExitStack
from types import TracebackType
from typing import NamedTuple, Self
from weakref import WeakValueDictionary

import msgspec

from sshprobe.grading import assess, is_gradeable
from sshprobe.model.errors import InputError
from sshprobe.model.observation import Depth
from sshprobe.model.records import HostRecord
from sshprobe.net.addresses import parse_ip
from sshprobe.net.errors import NetworkError
from sshprobe.net.resolve import resolve
from sshprobe.scan.scanner import Scanner
from sshprobe.serve.allow_list import AllowList
from sshprobe.serve.probe_modules import ProbeModule
from sshprobe.targets import Target
from sshprobe.targets.specification import parse_specification
from sshprobe.targets.specs import HostSpec

SECONDS_FOR_A_CONNECTION = 3
"""Seconds of rest for a host after each connection. Three modules of different depth together still make one connection
per second."""

SHORTEST_REST = 15
"""The fewest seconds between two probes of a host."""

MAX_CACHED = 2000
"""The most results that are kept, about 10 kB each. More hosts than this in a row are `TooBusy`."""

LOOKUP_TIMEOUT = 5.0
"""Timeout in seconds of a query to the resolver."""

_NO_CONNECTION = frozenset({"unreachable", "timeout", "refused"})
"""Statuses after which the next address of a name is tried."""


class NotAllowed(Exception):
    """The target may not be probed. `str()` is one line."""


class TooBusy(Exception):
    """No probe can begin now."""


class Answer(NamedTuple):
    """The result of a probe."""

    record: HostRecord | None
    """The record with the verdict of the module's profile. None: the probe still runs; its result will be kept."""
    age: float
    """Seconds since the probe ended. 0: it has just ended, or still runs."""


class _Key(NamedTuple):
    ip: str
    port: int
    depth: Depth


class _Kept(NamedTuple):
    observation: HostRecord
    ended_at: float
    until: float


class Prober:
    """Probes hosts of an `AllowList`. Use it as an async context manager. `most`: probes at once."""

    def __init__(self, allowed: AllowList, *, most: int = 20, client_id: str | None = None) -> None:
        self._allowed = allowed
        self._most = most
        self._client_id = client_id
        self._scanners: dict[Depth, Scanner] = {}
        self._stack = AsyncExitStack()
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._running: dict[_Key, asyncio.Task[HostRecord]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """One for each address with a probe that runs or waits, which keeps it alive."""
        self._lookups = asyncio.Semaphore(most)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the running probes."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._stack.aclose()

    @property
    def running(self) -> int:
        """The number of running probes."""
        return len(self._running)

    async def probe(self, target: str, module: ProbeModule, timeout: float) -> Answer:
        """Probe `target`, a host with or without a port, or return the kept result.

        `timeout`: seconds until the answer; a probe that takes longer continues, for the next request.

        Raises:
            InputError: `target` is malformed, or names several hosts.
            NotAllowed: it may not be probed.
            TooBusy: too many probes run, or too many results are kept.
        """
        spec = _one_host(target)
        deadline = time.monotonic() + timeout
        port = spec.port or module.port
        answer = Answer(None, 0)
        for ip in await self._permitted(spec):
            answer = await self._observe(spec, _Key(ip, port, module.depth), deadline - time.monotonic())
            if answer.record is None or answer.record.status not in _NO_CONNECTION:
                break
        if answer.record is None or not is_gradeable(answer.record):
            return answer
        verdict = assess(answer.record, module.profile)
        return answer._replace(record=msgspec.structs.replace(answer.record, verdicts=[verdict]))

    async def _permitted(self, spec: HostSpec) -> list[str]:
        """Return the addresses of a host that may be dialled; none for an allowed name that is not known."""
        name = None if parse_ip(spec.host) else spec.host
        by_name = name is not None and self._allowed.permits_name(name)
        try:
            async with self._lookups:
                found = await resolve(spec.host, family=None, timeout=LOOKUP_TIMEOUT)
        except NetworkError:
            if by_name:
                return []
            raise NotAllowed(f"{spec.text} is not allowed") from None
        permitted = [each.ip for each in found if self._allowed.permits_address(each.ip, by_name=by_name)]
        if not permitted:
            raise NotAllowed(f"{spec.text} is not allowed")
        return permitted

    async def _observe(self, spec: HostSpec, key: _Key, timeout: float) -> Answer:
        now = time.monotonic()
        kept = self._kept.get(key)
        if kept is not None and now < kept.until:
            return Answer(kept.observation, now - kept.ended_at)
        task = self._running.get(key)
        if task is None:
            self._make_room(now)
            if len(self._running) >= self._most:
                raise TooBusy
            task = asyncio.create_task(self._scan(spec, key))
            self._running[key] = task
            task.add_done_callback(lambda _: self._running.pop(key))
        try:
            return Answer(await asyncio.wait_for(asyncio.shield(task), max(timeout, 0)), 0)
        except TimeoutError:
            return Answer(None, 0)

    def _make_room(self, now: float) -> None:
        """Drop the oldest result if there are too many. Raises `TooBusy` if its host must still rest."""
        if len(self._kept) < MAX_CACHED:
            return
        if next(iter(self._kept.values())).until > now:
            raise TooBusy
        self._kept.popitem(last=False)

    async def _scan(self, spec: HostSpec, key: _Key) -> HostRecord:
        lock = self._locks.setdefault(key.ip, asyncio.Lock())
        async with lock:
            scanner = await self._scanner(key.depth)
            record = await scanner.scan_one(Target(spec.text, key.ip, key.port))
        now = time.monotonic()
        rest = max(SHORTEST_REST, SECONDS_FOR_A_CONNECTION * record.connections)
        self._kept[key] = _Kept(record, now, now + rest)
        self._kept.move_to_end(key)
        return record

    async def _scanner(self, depth: Depth) -> Scanner:
        if depth not in self._scanners:
            scanner = Scanner(profiles=[], depth=depth, client_id=self._client_id, concurrency=self._most)
            self._scanners[depth] = await self._stack.enter_async_context(scanner)
        return self._scanners[depth]


def _one_host(target: str) -> HostSpec:
    spec = parse_specification(target)
    if not isinstance(spec, HostSpec):
        raise InputError(f'"{spec.text}" names several hosts: a probe takes one')
    return spec
