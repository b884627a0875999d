"""Lookups of names: `getaddrinfo` of the system, in a bounded pool of daemon threads.

The system's resolver blocks its thread until it answers or times out; nothing can end the call sooner. So each lookup
has a thread. A caller stops waiting after its timeout, and the thread continues with the abandoned lookup. The threads
are daemons: neither the event loop nor the interpreter waits for them at exit, unlike for asyncio's own threads.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from sshprobe.net.clock import running_clock
from sshprobe.net.errors import NetworkError
from sshprobe.platform.system import after_fork

Answer = tuple[Any, ...]
"""One address as `socket.getaddrinfo` returns it: family, type, protocol, canonical name, address."""

MAX_LOOKUPS = 48
"""The most concurrent lookups, including abandoned ones. Each has a socket, and all must fit into
`platform.RESERVED_FILES`."""

STUCK_SECONDS = 60.0
"""After this many seconds without the start or end of any lookup, waiting ones fail: all threads are stuck.

glibc gives up after 10 s for each name server by default (resolv.conf(5): `timeout:5`, `attempts:2`)."""


async def look_up(host: str, family: int, timeout: float) -> list[Answer]:
    """Call `socket.getaddrinfo` for `host`: its result, or its error.

    `family` is an address family or 0 for any. `timeout`, in seconds, begins when the lookup gets a thread. Raises
    `NetworkError` ("dns_error") after it, and `OSError` (ENOMEM) if no thread can be started.
    """
    pool = _pool
    clock = running_clock()
    lookup = _Lookup(host, family)
    pool.add(lookup)
    try:
        while not lookup.started.done():
            left = max(pool.last_change + STUCK_SECONDS - time.monotonic(), timeout)
            before = pool.last_change
            if not await clock.wait_for(lookup.started, left) and pool.last_change == before:
                raise NetworkError(
                    "dns_error", f"the resolver hangs: all of {MAX_LOOKUPS} lookups still wait for an answer"
                )
        if not await clock.wait_for(lookup.answer, timeout):
            raise NetworkError("dns_error", f"no answer from the resolver within {timeout:g} s")
        return lookup.answer.result()
    finally:
        lookup.abandon()


class _Lookup:
    """One call of `getaddrinfo`. Its futures belong to the loop of the caller."""

    def __init__(self, host: str, family: int) -> None:
        self._host = host
        self._family = family
        self._loop = asyncio.get_running_loop()
        self.started: asyncio.Future[None] = self._loop.create_future()
        self.answer: asyncio.Future[list[Answer]] = self._loop.create_future()
        self.is_abandoned = False

    def abandon(self) -> None:
        """Stop waiting: a lookup without a thread does not get one, and a late answer is dropped."""
        self.is_abandoned = True
        self.started.cancel()
        if not self.answer.cancel() and not self.answer.cancelled():
            self.answer.exception()  # asyncio would report an exception that was never retrieved

    def run(self) -> None:
        """Call the resolver. Runs in a thread."""
        self._call_in_loop(_set, self.started, None)
        try:
            found = socket.getaddrinfo(self._host, None, family=self._family, type=socket.SOCK_STREAM)
        except Exception as error:
            self._call_in_loop(_fail, self.answer, error)
        else:
            self._call_in_loop(_set, self.answer, found)

    def _call_in_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            self._loop.call_soon_threadsafe(function, *arguments)


def _set(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


class _Pool:
    """Threads that run lookups in order of arrival. A thread ends when no lookup waits."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[_Lookup] = deque()
        self._threads = 0
        self.last_change = time.monotonic()
        """When a lookup last started or ended."""

    def add(self, lookup: _Lookup) -> None:
        """Queue a lookup, and start a thread for it if the limit allows. Raises `OSError`."""
        with self._lock:
            self._waiting.append(lookup)
            if self._threads >= MAX_LOOKUPS:
                return
            self._threads += 1
        try:
            threading.Thread(target=self._work, name="sshprobe lookup", daemon=True).start()
        except RuntimeError:
            with self._lock:
                self._threads -= 1
                if self._threads:  # the running threads take it
                    return
                with suppress(ValueError):
                    self._waiting.remove(lookup)
            raise OSError(errno.ENOMEM, "cannot start a thread") from None

    def _work(self) -> None:
        while (lookup := self._next()) is not None:
            lookup.run()

    def _next(self) -> _Lookup | None:
        with self._lock:
            self.last_change = time.monotonic()
            while self._waiting:
                lookup = self._waiting.popleft()
                if not lookup.is_abandoned:
                    return lookup
            self._threads -= 1
            return None


_pool = _Pool()


def _after_fork() -> None:
    global _pool
    _pool = _Pool()  # threads do not survive fork(2), and the lock might never be released


after_fork(_after_fork)
