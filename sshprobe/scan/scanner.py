"""The public way to scan: targets in, records out. `docs/python.md` has examples.

    async with Scanner(profiles=["sshprobe-2026"]) as scanner:
        async for record in scanner.scan(["192.0.2.7", "198.51.100.0/30"]):
            print(record.host, record.status, [verdict.grade for verdict in record.verdicts])

Facts first, judgement second: each host is probed once, and its observation is graded against every profile.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Literal, Self, TypeVar

import msgspec

from sshprobe.model.observation import Depth, Observation
from sshprobe.model.records import HostRecord
from sshprobe.net import open_network
from sshprobe.probe.fast_lists import FastLists
from sshprobe.probe.options import DEFAULT_AUTH_USERS
from sshprobe.profiles import Profile, load_profile
from sshprobe.scan.engine import Engine, Progress
from sshprobe.scan.jobs import Job
from sshprobe.scan.limits import Limits
from sshprobe.scan.record_stream import Feed, RecordStream
from sshprobe.scan.results import HostBatch, HostResult, Result, ResultEncoder
from sshprobe.scan.settings import ScanSettings
from sshprobe.scan.target_jobs import TargetJobs
from sshprobe.scan.verdicts import VerdictCache
from sshprobe.targets import (
    ADDRESSES,
    Exclusions,
    Target,
    TargetLike,
    Targets,
    TargetSource,
    open_target,
    open_targets,
    word_of,
)
from sshprobe.wire.kex.exchange import KeyPairs

_log = logging.getLogger("sshprobe")
_trace = logging.getLogger("sshprobe.trace")

T = TypeVar("T")


class Scanner:
    """Scans hosts and grades them. Use it as an async context manager, for any number of scans, also at the same time.

    Scans of one Scanner share its limits: together they keep to `concurrency` and `rate`, and no two of them are
    connected to one address at the same time. All times are in seconds.

    - `profiles`: what to grade against: profiles that `load_profile` returned, ids, or paths of files. None (default):
      `sshprobe-2026`. Empty: records have no verdicts.
    - `strict`: True: an algorithm that a profile does not name is a deviation, however strong it is. Default: False.
    - `depth`: "lists" reads the name-lists, in one connection. "keys" also reads all host keys and verifies their
      signatures. "full" (default) also finds the smallest group-exchange modulus and the authentication methods.
    - `auth_methods`: False: do not query the authentication methods, which names users to the server. Default: True.
    - `auth_users`: one user name or several, whose authentication methods are queried. The first has a connection in
      any case, the others use connections that are made anyway. Default: "root" and "nobody".
    - `client_id`: the identification string that servers see, for instance one with a contact: "SSH-2.0-" and printable
      ASCII, at most 253 bytes. None (default): "SSH-2.0-sshprobe_" and the version.
    - `connect_timeout`: limit for the lookup of a name, and for each TCP connection. More than 0; default: 5.
    - `timeout`: limit for each question to a host. More than 0; default: 10.
    - `host_timeout`: limit for all questions to a host together. More than 0; default: 60.
    - `concurrency`: hosts probed at once. At least 1; default: 100.
    - `rate`: hosts started per second. More than 0; None (default): no limit.
    - `throttle_wait`: pause before the second try of a host that refused or closed connections. Second tries come last.
      At least 0; default: 20.
    - `all_addresses`: True: `scan` probes every address of a name. False (default): the first that answers.
    - `family`: 4 or 6: use only addresses of that IP version. None (default): both.
    - `exclude`: hosts and networks that are never contacted, as strings that `--exclude` takes, objects of `ipaddress`,
      or `Exclusions`. None (default): nothing is excluded.
    - `on_resource_error`: called with a line of text when the scan pauses because this machine ran out of descriptors,
      ports, buffers or memory. Default: None.
    - `on_progress`: called with a new `Progress` of all scans of this Scanner, each time that hosts are done, before
      their records can be read. An exception that it raises ends the scan. Default: None.

    Raises:
        InputError: a `client_id` that a server would drop, a profile that is unknown or of clients, a value that is out
            of range, or a malformed exclusion.
        TypeError: a profile, an exclusion or a user of another type.
    """

    def __init__(
        self,
        *,
        profiles: Sequence[Profile | str] | None = None,
        strict: bool = False,
        depth: Depth = "full",
        auth_methods: bool = True,
        auth_users: str | Sequence[str] = DEFAULT_AUTH_USERS,
        client_id: str | None = None,
        connect_timeout: float = 5.0,
        timeout: float = 10.0,
        host_timeout: float = 60.0,
        concurrency: int = 100,
        rate: float | None = None,
        throttle_wait: float = 20.0,
        all_addresses: bool = False,
        family: Literal[4, 6] | None = None,
        exclude: Exclusions | Iterable[TargetLike] | None = None,
        on_resource_error: Callable[[str], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Check all settings; nothing is contacted. See the class for what they are, and what it raises."""
        settings = ScanSettings(
            profiles=_loaded(profiles),
            strict=strict,
            depth=depth,
            auth_methods=auth_methods,
            auth_users=tuple(dict.fromkeys([auth_users] if isinstance(auth_users, str) else auth_users)),
            client_id=client_id,
            connect_timeout=connect_timeout,
            timeout=timeout,
            host_timeout=host_timeout,
            concurrency=concurrency,
            rate=rate,
            throttle_wait=throttle_wait,
            all_addresses=all_addresses,
            family=family,
            exclude=_exclusions(exclude),
        )
        self._begin(settings, on_resource_error, on_progress)

    @classmethod
    def _of(cls, settings: ScanSettings) -> Self:
        """Return a Scanner with settings that were checked before: those of the command line, or of a worker."""
        scanner = cls.__new__(cls)
        scanner._begin(settings)
        return scanner

    def _begin(
        self,
        settings: ScanSettings,
        on_resource_error: Callable[[str], None] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self._settings = settings
        self._verdicts = VerdictCache(settings.profiles, strict=settings.strict)
        self._encoder = ResultEncoder(self._verdicts)
        self._options = settings.probe_options()
        self._key_pairs: KeyPairs = {}
        self._jobs: TargetJobs[HostResult] = TargetJobs(
            self._options,
            exclude=settings.exclude,
            family=settings.address_family,
            all_addresses=settings.all_addresses,
            key_pairs=self._key_pairs,
            lists=FastLists(self._options, self._encoder.template) if self._has_fast_path() else None,
        )
        self._on_resource_error = on_resource_error
        self._on_progress = on_progress
        self._limits = Limits(settings.concurrency, settings.rate)
        self._engines: list[Engine[Target, Result]] = []
        """Of the scans under way."""
        self._past = Progress(total=0)
        """Of the scans that have ended."""
        self._tasks: set[asyncio.Task[None]] = set()
        """Of the scans under way: the event loop keeps no strong reference to tasks."""
        self._lines_progress = Progress(total=0)
        """Live counters of `_scan_lines`."""
        self._is_stopped = False
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self._is_closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the scans that are still under way, and wait until nothing of them is left."""
        self._is_closed = True
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    @property
    def progress(self) -> Progress:
        """How far all scans of this Scanner are, as counted now. `total` is None if one of them reads a stream."""
        counted = msgspec.structs.replace(self._past)
        for each in (self._lines_progress, *(engine.progress for engine in self._engines)):
            _add(counted, each)
        return counted

    def stop(self) -> None:
        """Start no new host, in this scan and later ones; hosts under way are finished, and their records can be read.

        Names that are still being looked up have not been contacted: they get no record.
        """
        self._is_stopped = True
        for engine in self._engines:
            engine.stop()
        self._jobs.stop()

    def scan(self, targets: Targets) -> RecordStream:
        """Return the records of all hosts that `targets` names, as an async iterator: `async for record in scan(...)`.

        `targets` is one target, an iterable or an async iterable of them, each a string as on the command line ("host",
        "host:port", "[v6]:port", "192.0.2.0/24", "192.0.2.5-9"), an object of `ipaddress`, or a `Target`. They are
        read and checked here, before a host is contacted; of an iterator the first 65,536 entries, then the others as
        hosts are started. An async iterable is read as hosts are started.

        One record for every host, as hosts finish; nothing that a server does raises. What goes wrong with an entry
        that is read later, or in the iterable itself, is raised by the iterator after the records of the hosts that
        were started. Stopping to read (`break`, `return`, an exception) ends the scan.

        Raises:
            InputError: a target is malformed.
            TypeError: a target is of another type.
            RuntimeError: the `async with` block of this Scanner was left.
        """
        self._check_open()
        source = open_targets(targets)
        return self._stream(source)

    async def scan_one(self, target: TargetLike) -> HostRecord:
        """Return the record of one host.

        `target` is an entry as `scan` takes it, and names one host. Of a name with several addresses the first that
        answers is probed, with `all_addresses` too.

        Raises:
            InputError: `target` is malformed, or names several hosts.
            TypeError: `target` is of another type.
            RuntimeError: the `async with` block of this Scanner was left, or `stop` was called.
        """
        self._check_open()
        one = open_target(target)
        async with aclosing(self._stream(TargetSource(iter([one]), total=1), all_addresses=False)) as records:
            async for record in records:
                return record
        raise RuntimeError("the host was not probed: `stop` was called before")

    def _check_open(self) -> None:
        if self._is_closed:
            raise RuntimeError("this Scanner is closed: scan inside its `async with` block")

    def _stream(self, source: TargetSource, *, all_addresses: bool | None = None) -> RecordStream:
        async def fill(feed: Feed) -> None:
            self._check_open()
            expand = partial(self._jobs.of, all_addresses=all_addresses)
            engine = self._new_engine(expand)
            engine.progress.total = source.total
            source.on_error = engine.stop
            self._engines.append(engine)
            if self._is_stopped:
                engine.stop()
            try:
                async with aclosing(engine.batches(source)) as batches:
                    async for batch in batches:
                        if self._on_progress is not None:
                            self._on_progress(self.progress)
                        await feed.put([result for outcome in batch for result in outcome.results])
                if source.error is not None:
                    raise source.error
            finally:
                self._engines.remove(engine)
                engine.progress.started = engine.progress.done  # what was dropped is not pending
                engine.progress.waiting = 0
                _add(self._past, engine.progress)
                await source.aclose()

        return RecordStream(fill, started=self._keep, record_of=lambda result: self._result(result).record)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _scan_lines(
        self, targets: Iterable[Target], on_resource_error: Callable[[str], None] | None = None
    ) -> AsyncGenerator[HostBatch, None]:
        """Yield the results of all hosts, each time all that there are."""
        engine = self._new_engine(self._jobs.of, on_resource_error=on_resource_error)
        engine.progress = self._lines_progress
        self._engines.append(engine)
        if self._is_stopped:
            engine.stop()
        try:
            async with aclosing(engine.batches(targets)) as batches:
                async for batch in batches:
                    yield HostBatch([self._result(result) for outcome in batch for result in outcome.results])
        finally:
            self._engines.remove(engine)

    def _new_engine(
        self,
        expand: Callable[[T], list[Job[Result]] | Awaitable[Sequence[Job[Result]]]],
        *,
        on_deferred: Callable[[T], None] | None = None,
        on_resource_error: Callable[[str], None] | None = None,
    ) -> Engine[T, Result]:
        """Return an engine within this scanner's limits, for whatever `expand` turns into jobs."""
        self._jobs.is_traced = _trace.isEnabledFor(logging.DEBUG)
        return Engine(
            expand,
            open_network,
            concurrency=self._settings.concurrency,
            throttle_wait=self._settings.throttle_wait,
            on_deferred=on_deferred,
            on_resource_error=on_resource_error or self._on_resource_error,
            limits=self._limits,
        )

    def _has_fast_path(self) -> bool:
        return self._options.depth == "lists" and not self._verdicts.has_waivers  # these depend on host and time

    def _result(self, result: Result) -> HostResult:
        return self._encoder.result(result) if isinstance(result, Observation) else result


def _loaded(profiles: Sequence[Profile | str] | None) -> tuple[Profile, ...]:
    if profiles is None:
        return (load_profile(),)
    if isinstance(profiles, (str, Profile)):
        raise TypeError("profiles is a list of profiles or of their ids")
    return tuple(load_profile(each) if isinstance(each, str) else each for each in profiles)


def _exclusions(exclude: Exclusions | Iterable[TargetLike] | None) -> Exclusions:
    if isinstance(exclude, Exclusions):
        return exclude
    # A network is iterable itself, and bytes are.
    one = isinstance(exclude, (str, bytes, *ADDRESSES))
    return Exclusions.parse(map(word_of, [exclude] if one else exclude or ()))


def _add(counted: Progress, more: Progress) -> None:
    counted.started += more.started
    counted.done += more.done
    counted.waiting += more.waiting
    counted.total = None if counted.total is None or more.total is None else counted.total + more.total
