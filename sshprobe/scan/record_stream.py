"""The records of one scan, as an async iterator that can be dropped at any time.

A separate task scans, and the iterator reads its results. So a reader that stops early, is cancelled or fails does not
run the scan's clean-up: dropping or closing the iterator cancels the task, which cleans up itself. (The event loop
would close an async generator later, in another task, together with the generators inside.)
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from sshprobe.model.records import HostRecord
from sshprobe.scan.results import Result

ENDED_EARLY = "the scan was ended before it was done: its Scanner was closed, or its event loop"


class Feed:
    """The unread results, between the scanning task and the reader."""

    def __init__(self) -> None:
        self.results: deque[Result] = deque()
        self.is_complete = False
        """No more results follow."""
        self.error: BaseException | None = None
        """The error that ended the scan early."""
        self.changed = asyncio.Event()
        """Set when results were added, all were read, or the feed is complete."""

    async def change(self) -> None:
        """Wait until `changed` is set."""
        self.changed.clear()
        await self.changed.wait()

    async def put(self, results: Sequence[Result]) -> None:
        """Add results, and wait until they are read."""
        self.results.extend(results)
        self.changed.set()
        while self.results:
            await self.change()

    def complete(self, error: BaseException | None) -> None:
        """End the feed, once. After the last result, the reader gets `error`, if any."""
        if not self.is_complete:
            self.is_complete = True
            self.error = error
            self.changed.set()


class RecordStream(AsyncIterator[HostRecord]):
    """The records of one scan, in the order in which hosts finish. The scan starts when the first one is read.

    `async for` reads it. `aclose()` ends the scan and waits until it has cleaned up. If the iterator is dropped, for
    example by `break`, its scan ends in the background, and `async with Scanner(...)` waits for that.
    """

    _task: asyncio.Task[None] | None = None

    def __init__(
        self,
        start: Callable[[Feed], Coroutine[Any, Any, None]],
        *,
        started: Callable[[asyncio.Task[None]], None],
        record_of: Callable[[Result], HostRecord],
    ) -> None:
        self._start = start
        self._started = started
        self._record_of = record_of
        self._feed = Feed()
        self._is_closed = False

    async def __anext__(self) -> HostRecord:
        if self._is_closed:
            raise StopAsyncIteration
        feed = self._feed
        if self._task is None:
            # The task refers to the feed, not to the stream, so that an unused stream is freed.
            self._task = asyncio.create_task(self._start(feed))
            self._task.add_done_callback(partial(_complete, feed))
            self._started(self._task)
        while not feed.results:
            if feed.error is not None:
                error, feed.error = feed.error, None
                raise error
            if feed.is_complete:
                raise StopAsyncIteration
            await feed.change()
        result = feed.results.popleft()
        if not feed.results:
            feed.changed.set()
        return self._record_of(result)

    async def aclose(self) -> None:
        """End the scan, and wait until it has cleaned up. Unfinished hosts are dropped. Can be called again."""
        self._is_closed = True
        self._feed.results.clear()
        self._feed.complete(None)
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait([self._task])

    def __del__(self) -> None:
        task = self._task
        if task is not None and not task.done():
            with suppress(RuntimeError):  # the loop is closed
                # This may run in another thread, because any thread may collect garbage.
                task.get_loop().call_soon_threadsafe(task.cancel)


def _complete(feed: Feed, task: asyncio.Task[None]) -> None:
    feed.complete(RuntimeError(ENDED_EARLY) if task.cancelled() else task.exception())
