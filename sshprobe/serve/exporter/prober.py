"""Probes one host for each request, never so often that its server imposes penalties.

A result is kept until the penalties for its connections have expired, and requests for the same host share one probe.
OpenSSH 9.8 and later adds one second of penalty for each connection without a login, and refuses a source above 15
seconds (sshd_config(5), PerSourcePenalties).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from contextlib import AsyncExitStack
from types import TracebackType
from typing import NamedTuple, Self, get_args
from weakref import WeakValueDictionary

import msgspec

from sshprobe.grading import assess, is_gradeable
from sshprobe.model.errors import InputError
from sshprobe.model.observation import Depth, Status
from sshprobe.model.records import HostRecord
from sshprobe.net.addresses import parse_ip
from sshprobe.net.errors import NetworkError
from sshprobe.net.resolve import resolve
from sshprobe.probe.host_state import unprobed
from sshprobe.profiles import Profile
from sshprobe.scan.scanner import Scanner
from sshprobe.serve.exporter.allow_list import AllowList
from sshprobe.serve.exporter.probe_modules import ProbeModule
from sshprobe.targets import Target
from sshprobe.targets.specification import parse_specification
from sshprobe.targets.specs import HostSpec

_log = logging.getLogger(__name__)

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
    """Probes hosts of an `AllowList`. Use it as an async context manager. `most`: probes at once.

    Raises `InputError` for a `client_id` that a server would drop.
    """

    def __init__(self, allowed: AllowList, *, most: int = 20, client_id: str | None = None) -> None:
        self._allowed = allowed
        self._most = most
        self._scanners: dict[Depth, Scanner] = {
            depth: Scanner(profiles=[], depth=depth, client_id=client_id, concurrency=most) for depth in get_args(Depth)
        }
        self._stack = AsyncExitStack()
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._running: dict[_Key, asyncio.Task[HostRecord]] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        """One for each address with a probe that runs or waits, which keeps it alive."""
        self._lookups = asyncio.Semaphore(most)
        self._grading = asyncio.Lock()

    async def __aenter__(self) -> Self:
        for scanner in self._scanners.values():
            await self._stack.enter_async_context(scanner)
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
        permitted = await self._permitted(spec)
        if not permitted:
            key = _Key(spec.host, port, module.depth)
            return Answer(_without_facts(spec.text, key, "dns_error", "the name has no address"), 0)
        for ip in permitted:
            answer = await self._observe(spec, _Key(ip, port, module.depth), deadline - time.monotonic())
            if answer.record is None or answer.record.status not in _NO_CONNECTION:
                break
        if answer.record is None or not is_gradeable(answer.record):
            return answer
        async with self._grading:  # in a thread: a test of 8192-bit numbers takes seconds, and other requests wait
            record = await asyncio.to_thread(_graded, answer.record, module.profile)
        return answer._replace(record=record)

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
            try:
                record = await self._scanners[key.depth].scan_one(Target(spec.text, key.ip, key.port))
            except Exception as error:  # our own bug: the server must rest after it too
                _log.exception("internal error while probing %s port %d", key.ip, key.port)
                words = f"internal error: {type(error).__name__}"
                record = _without_facts(spec.text, key, "protocol_error", words)
        now = time.monotonic()
        rest = max(SHORTEST_REST, SECONDS_FOR_A_CONNECTION * record.connections)
        self._kept[key] = _Kept(record, now, now + rest)
        self._kept.move_to_end(key)
        return record


def _without_facts(target: str, key: _Key, status: Status, words: str) -> HostRecord:
    """Return the record of a host without a connection. `key.ip`: its name, if that has no address."""
    bare = unprobed(target, key.ip, key.port, key.depth, status, words)
    return HostRecord(**msgspec.structs.asdict(bare))


def _graded(record: HostRecord, profile: Profile) -> HostRecord:
    """Return a record with its verdict; after an internal error, which is logged, without one."""
    try:
        return msgspec.structs.replace(record, verdicts=[assess(record, profile)])
    except Exception:
        _log.exception("internal error while grading %s port %d", record.host, record.port)
        return record


def _one_host(target: str) -> HostSpec:
    spec = parse_specification(target)
    if not isinstance(spec, HostSpec):
        raise InputError(f'"{spec.text}" names several hosts: a probe takes one')
    return spec
