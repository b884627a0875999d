"""The public way to scan: targets in, records out. `docs/python.md` has examples.

    async with Scanner(profiles=["sshprobe-2026"]) as scanner:
        async for record in scanner.scan(["192.0.2.7", "198.51.100.0/30"]):
            print(record.host, record.status, [verdict.grade for verdict in record.verdicts])

Facts first, judgement second: each host is probed once, and its observation is graded against every profile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from functools import partial
from types import TracebackType
from typing import Literal, Self

import msgspec

from sshprobe.model.observation import Depth
from sshprobe.model.records import HostRecord
from sshprobe.probe.probe_options import DEFAULT_AUTH_USERS
from sshprobe.profiles import Profile, load_profile
from sshprobe.scan.job import Progress
from sshprobe.scan.record_stream import Feed, RecordStream
from sshprobe.scan.scan_context import ScanContext
from sshprobe.scan.settings import ScanSettings
from sshprobe.targets import (
    ADDRESSES,
    Exclusions,
    TargetLike,
    Targets,
    TargetSource,
    open_target,
    open_targets,
    word_of,
)


class Scanner:
    """Scans hosts and grades them. Use it as an async context manager, for any number of scans, also at the same time.

    Scans of one Scanner share its limits: `concurrency` and `rate` apply to all of them together, and no two of them
    are connected to one address at the same time. All times are in seconds.

    - `profiles`: profiles for grading: from `load_profile`, ids, or paths of files. None (default):
      `sshprobe-2026`. Empty: records have no verdicts.
    - `strict`: True: an algorithm that a profile does not name is a deviation, however strong it is. Default: False.
    - `depth`: "lists" reads the name-lists, in one connection. "keys" also reads all host keys and verifies their
      signatures. "full" (default) also finds the smallest group-exchange modulus and the authentication methods.
    - `auth_methods`: False: do not query the authentication methods, which names users to the server. Default: True.
    - `auth_users`: one user name or several, whose authentication methods are queried. The first one always gets a
      connection, the others use connections that are made anyway. Default: "root" and "nobody".
    - `client_id`: the identification string that servers see, for example with a contact: "SSH-2.0-" and printable
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
      ports, buffers or memory, or lost its network. Default: None.
    - `on_progress`: called with a new `Progress` of all scans of this Scanner, each time that hosts are done, before
      their records can be read. An exception that it raises ends the scan. Default: None.

    Raises:
        InputError: for a `client_id` that a server would drop, an unknown profile or one for clients, a value out of
        range, or a malformed exclusion.
        TypeError: for a profile, an exclusion or a user of another type.
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
        """Check all settings without contacting anything. The class describes them, and the exceptions."""
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
        self._context = ScanContext(settings)
        self._on_resource_error = on_resource_error
        self._on_progress = on_progress
        self._tasks: set[asyncio.Task[None]] = set()
        """The tasks of running scans: the event loop keeps no strong reference to tasks."""
        self._is_closed = False

    async def __aenter__(self) -> Self:
        self._is_closed = False
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the running scans, and wait until they have cleaned up."""
        self._is_closed = True
        running = [task for task in self._tasks if not task.done()]
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)

    @property
    def progress(self) -> Progress:
        """The current progress of all scans of this Scanner. `total` is None if one of them reads a stream."""
        return msgspec.structs.replace(self._context.progress)

    def stop(self) -> None:
        """Start no new host, in this scan and later ones; running hosts are finished, and their records can be read.

        Hosts whose names are still being looked up get no record, because they have not been contacted.
        """
        self._context.stop()

    def scan(self, targets: Targets) -> RecordStream:
        """Return the records of all hosts that `targets` names, as an async iterator: `async for record in scan(...)`.

        `targets` is one target, an iterable or an async iterable of them, each a string as on the command line ("host",
        "host:port", "[v6]:port", "192.0.2.0/24", "192.0.2.5-9"), an object of `ipaddress`, or a `Target`. They are
        read and checked here, before a host is contacted; of an iterator the first 65,536 entries, then the others as
        hosts are started. An async iterable is read as hosts are started.

        The iterator yields one record for every host, as hosts finish; a server cannot cause an exception. It raises
        errors of entries that are read later, and of the iterable itself, after the records of the hosts that were
        started. If the caller stops reading (`break`, `return`, an exception), the scan ends.

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

        `target` is an entry as `scan` takes it, and names one host. For a name with several addresses, the first one
        that answers is probed, also with `all_addresses`.

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
        context = self._context

        async def fill(feed: Feed) -> None:
            self._check_open()
            expand = partial(context.jobs.of, all_addresses=all_addresses)
            engine = context.engine(expand, on_resource_error=self._on_resource_error)
            total = context.progress.total
            context.progress.total = None if total is None or source.total is None else total + source.total
            source.on_error = engine.stop
            try:
                with context.running(engine):
                    async with aclosing(engine.batches(source)) as batches:
                        async for batch in batches:
                            if self._on_progress is not None:
                                self._on_progress(self.progress)
                            await feed.put([result for outcome in batch for result in outcome.results])
                if source.error is not None:
                    raise source.error
            finally:
                await source.aclose()

        return RecordStream(fill, started=self._keep, record_of=context.record)

    def _keep(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _loaded(profiles: Sequence[Profile | str] | None) -> tuple[Profile, ...]:
    if profiles is None:
        return (load_profile(),)
    if isinstance(profiles, (str, Profile)):
        raise TypeError("profiles is a list of profiles or of their ids")
    return tuple(load_profile(each) if isinstance(each, str) else each for each in profiles)


def _exclusions(exclude: Exclusions | Iterable[TargetLike] | None) -> Exclusions:
    if isinstance(exclude, Exclusions):
        return exclude
    # Networks and bytes are iterable themselves.
    one = isinstance(exclude, (str, bytes, *ADDRESSES))
    return Exclusions.parse(map(word_of, [exclude] if one else exclude or ()))
