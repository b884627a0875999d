"""The public way to scan: targets in, records out.

    async with Scanner(profiles=[load_profile("sshprobe-2026")]) as scanner:
        async for record in scanner.scan(["192.0.2.7", "198.51.100.0/30"]):
            print(record.host, record.status, [verdict.grade for verdict in record.verdicts])

Facts first, judgement second: each host is asked once, and its observation is graded against every profile.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import aclosing
from types import TracebackType
from typing import Literal, Self, TypeVar

import msgspec

import sshprobe
from sshprobe.judging import UNJUDGED, Judge, record_of
from sshprobe.kinds import Alike, Whole, whole
from sshprobe.model.errors import InputError
from sshprobe.model.observation import Depth, Observation
from sshprobe.model.records import HostRecord
from sshprobe.net import Address, Dialer, NetworkError, literal, resolve
from sshprobe.probe.host import HostProbe
from sshprobe.probe.options import DEFAULT_AUTH_USERS, ProbeOptions
from sshprobe.probe.unasked import not_asked
from sshprobe.profiles import Profile, load_profile
from sshprobe.shortcuts import DialledShortcut, ListsShortcut, Result, Shortcut
from sshprobe.sweep import Job, Progress, Sweep
from sshprobe.targets import Exclusions, Target, parse_targets
from sshprobe.wire.errors import LocalProtocolError
from sshprobe.wire.identification import check_client_identification
from sshprobe.wire.kex.exchange import KeyPairs

_log = logging.getLogger("sshprobe")
_trace = logging.getLogger("sshprobe.trace")

T = TypeVar("T")

DEFAULT_CLIENT_ID = f"SSH-2.0-sshprobe_{sshprobe.__version__}"
"""Who we say we are. sshd drops names that its own scanner filter knows; this is none of them."""


class Scanner:
    """Scans hosts and grades what it saw. Use it as an async context manager; one `scan` at a time.

    `profiles` are what to grade against, loaded or as ids or paths: `sshprobe-2026` if None, nothing if empty. All
    times are in seconds. `auth_user` names the users whose authentication methods are asked for: the first in any case,
    the others on connections that are made anyway. `timeout` is for each question to a host, `host_timeout` for all of
    them together. `rate` limits how many hosts are started a second, None does not. `family` is the IP version to use
    of names that have both: 4, 6, or None for either. `exclude` are hosts and networks that are never contacted,
    spelled as `--exclude` reads them. `trouble` is told when this machine is short of something and the scan pauses
    for it.

    Raises `InputError` for a `client_id` that a server would drop, a profile that is unknown or of clients, a number
    that is out of range, or a malformed exclusion.
    """

    def __init__(
        self,
        *,
        profiles: Sequence[Profile | str] | None = None,
        strict: bool = False,
        depth: Depth = "full",
        auth_methods: bool = True,
        auth_user: str | Sequence[str] = DEFAULT_AUTH_USERS,
        client_id: str | None = None,
        connect_timeout: float = 5.0,
        timeout: float = 10.0,
        host_timeout: float = 60.0,
        concurrency: int = 100,
        rate: float | None = None,
        throttle_wait: float = 20.0,
        all_addresses: bool = False,
        family: Literal[4, 6] | None = None,
        exclude: Exclusions | Iterable[str] | None = None,
        trouble: Callable[[str], None] | None = None,
    ) -> None:
        """Check all settings; nothing is contacted. See the class for what they are, and what it raises."""
        for name, value in (("connect_timeout", connect_timeout), ("timeout", timeout), ("host_timeout", host_timeout)):
            if value <= 0:
                raise InputError(f"{name} must be more than 0 seconds")
        if concurrency < 1 or (rate is not None and rate <= 0) or throttle_wait < 0:
            raise InputError("concurrency and rate must be more than 0 (rate None is no limit), throttle_wait not less")
        users = tuple(dict.fromkeys([auth_user] if isinstance(auth_user, str) else auth_user))
        if not users or not all(users):
            raise InputError("auth_user must not be empty")
        self.judge = Judge([load_profile()] if profiles is None else _loaded(profiles), strict=strict)
        """Grades what is seen."""
        self.options = ProbeOptions(
            client_id=_client_identification(client_id or DEFAULT_CLIENT_ID),
            depth=depth,
            auth_methods=auth_methods,
            auth_users=users,
            connect_timeout=connect_timeout,
            timeout=timeout,
            host_timeout=host_timeout,
        )
        self._key_pairs: KeyPairs = {}
        self._all_addresses = all_addresses
        self._family = {None: None, 4: socket.AF_INET, 6: socket.AF_INET6}[family]
        self._exclude = _exclusions(exclude)
        self._excludes = bool(self._exclude)
        self._trouble = trouble
        self._concurrency = concurrency
        self._rate = rate
        self._throttle_wait = throttle_wait
        self._sweep: Sweep[Target, Result] = self.sweep(self.jobs, of=lambda target: target)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def sweep(
        self,
        expand: Callable[[T], Awaitable[Sequence[Job[Result]]]],
        *,
        of: Callable[[T], Target],
        deferred: Callable[[T], None] | None = None,
        trouble: Callable[[str], None] | None = None,
    ) -> Sweep[T, Result]:
        """Return a sweep with this scanner's pace over whatever `expand` turns into jobs; `of` gives a target."""
        return Sweep(
            expand,
            concurrency=self._concurrency,
            rate=self._rate,
            throttle_wait=self._throttle_wait,
            deferred=deferred,
            trouble=trouble or self._trouble,
            shortcut=self._shortcut(of) if Dialer.works() else None,
        )

    def _shortcut(self, of: Callable[[T], Target]) -> Shortcut[T]:
        followed = _trace.isEnabledFor(logging.DEBUG)  # step by step, which the short cut of the lists does not take
        if self.options.depth == "lists" and not self.judge.waives and not followed:
            return ListsShortcut(of, self.only_address, self.options, self.judge)
        return DialledShortcut(of, self.only_address, self.options, self._key_pairs)

    @property
    def progress(self) -> Progress:
        """How far the scan is."""
        return self._sweep.progress

    def stop(self) -> None:
        """Start no new host; those under way are finished and still come out of `scan`."""
        self._sweep.stop()

    async def scan(self, targets: Iterable[Target | str]) -> AsyncGenerator[HostRecord, None]:
        """Yield one record for every host, as hosts finish. Never raises for what a server does.

        Strings are read as the command line reads them: "host", "host:port", "[v6]:port", "192.0.2.0/24". Raises
        `InputError` before anything is contacted if one is malformed.
        """
        async with aclosing(self._sweep.run(_as_targets(targets))) as outcomes:
            async for outcome in outcomes:
                for result in outcome.results:
                    yield self.judged(result).record()

    async def scan_lines(self, targets: Iterable[Target]) -> AsyncGenerator[list[Alike | Whole], None]:
        """Yield what came of each host, with its line of JSON, each time all that there is: for those who write."""
        async with aclosing(self._sweep.batches(targets)) as batches:
            async for batch in batches:
                yield [self.judged(result) for outcome in batch for result in outcome.results]

    def judged(self, result: Result) -> Alike | Whole:
        """Judge what a host was seen to be, unless it was judged with those that are alike.

        A bug of ours in that costs the host its verdicts and its status. What was seen is kept to be read, unless it is
        what cannot be written; `sshprobe grade` does not judge it either.
        """
        if not isinstance(result, Observation):
            return result
        try:
            return whole(result, self.judge.judged(result), self.judge.head(result))
        except Exception as error:
            _log.exception("internal error while judging %s port %d", result.host, result.port)
            words = f"internal error: {type(error).__name__}"
        try:
            return self._unjudged(msgspec.structs.replace(result, status="protocol_error", error=words))
        except Exception:
            _log.exception("internal error while writing what was seen of %s port %d", result.host, result.port)
        bare = not_asked(result.target, result.host, result.port, result.depth, "protocol_error", words)
        known = {
            name: getattr(result, name) for name in ("address", "stage", "started_at", "duration_ms", "connections")
        }
        return self._unjudged(msgspec.structs.replace(bare, **known))

    def _unjudged(self, observation: Observation) -> Whole:
        return whole(observation, UNJUDGED, self.judge.head(observation))

    def graded(self, observation: Observation) -> HostRecord:
        """Return the record of an observation: itself, and a verdict for each profile if it can be judged."""
        return record_of(observation, self.judge.judged(observation))

    def only_address(self, target: Target) -> Address | None:
        """Return the address that `target` spells, if it may be asked; None for names, which have to be resolved."""
        address = literal(target.host)
        if address is None or "%" in address.ip or address.unspecified or self._family not in (None, address.family):
            return None
        return None if self._excludes and self._exclude.covers(address.ip) else address

    async def jobs(self, target: Target) -> list[Job[Result]]:
        """Resolve one target into probes. A bug of ours in that costs the target its record, and no other."""
        try:
            return await self._jobs(target)
        except Exception as error:
            _log.exception("internal error while resolving %s port %d", target.host, target.port)
            return [self._not_asked(target, "protocol_error", f"internal error: {type(error).__name__}")]

    async def _jobs(self, target: Target) -> list[Job[Result]]:
        if self._excludes and self._exclude.covers(target.host):
            return [self._not_asked(target, "excluded", "excluded by the user")]
        try:
            addresses = await resolve(target.host, family=self._family, timeout=self.options.connect_timeout)
        except NetworkError as error:
            return [self._not_asked(target, "unreachable" if error.failure == "local" else "dns_error", str(error))]
        allowed = addresses
        if self._excludes:
            allowed = [address for address in addresses if not self._exclude.covers(address.ip)]
        if not allowed:
            return [self._not_asked(target, "excluded", "excluded by the user")]
        groups = [[address] for address in allowed] if self._all_addresses else [allowed]
        return [
            HostProbe(target.text, target.host, target.port, group, self.options, key_pairs=self._key_pairs)
            for group in groups
        ]

    def _not_asked(
        self, target: Target, status: Literal["excluded", "dns_error", "unreachable", "protocol_error"], error: str
    ) -> Job[Result]:
        return _Known(not_asked(target.text, target.host, target.port, self.options.depth, status, error))


class _Known:
    """A job whose result is known without talking to anyone."""

    addresses = ()  # nobody's
    come_back_later = False
    local_trouble = None

    def __init__(self, observation: Observation) -> None:
        self._observation = observation

    async def run(self) -> Observation:
        return self._observation


def _loaded(profiles: Sequence[Profile | str]) -> list[Profile]:
    if isinstance(profiles, (str, Profile)):
        raise InputError("profiles is a list of profiles or of their ids")
    loaded = [load_profile(each) if isinstance(each, str) else each for each in profiles]
    for each in loaded:
        if not isinstance(each, Profile):
            raise InputError(f"a profile is one that `load_profile` gives, or an id, not `{type(each).__name__}`")
    return loaded


def _exclusions(exclude: Exclusions | Iterable[str] | None) -> Exclusions:
    if isinstance(exclude, Exclusions):
        return exclude
    return Exclusions.parse([exclude] if isinstance(exclude, str) else exclude or ())


def _client_identification(text: str) -> bytes:
    try:
        line = text.encode("ascii")
        check_client_identification(line)
    except (LocalProtocolError, UnicodeEncodeError) as error:
        words = str(error) if isinstance(error, LocalProtocolError) else "an identification is printable ASCII"
        raise InputError(words, source="client id") from None
    return line


def _as_targets(targets: Iterable[Target | str]) -> Iterable[Target]:
    """Let lazy streams of targets through as they are; read strings as the command line does."""
    if isinstance(targets, str):
        targets = [targets]
    if isinstance(targets, Sequence):
        strings = [target for target in targets if isinstance(target, str)]
        ready = [target for target in targets if isinstance(target, Target)]
        return [*ready, *(parse_targets(strings, files=(), port=22, stdin=None) if strings else ())]
    return (target if isinstance(target, Target) else _one(target) for target in targets)


def _one(text: str) -> Target:
    return next(iter(parse_targets([text], files=(), port=22, stdin=None)))
