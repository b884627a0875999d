"""Keeps the index of a history up to date while requests read it."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Generic, TypeVar

from sshprobe.model import timestamps
from sshprobe.model.errors import InputError
from sshprobe.serve.fleet.index import FleetIndex
from sshprobe.store.history.database import Database
from sshprobe.store.history.key_changes import key_changes
from sshprobe.store.history.last_sightings import Judged, Seen, judged_parts, last_sightings, seen_parts
from sshprobe.store.history.queries import Scan, header_of, scans
from sshprobe.views.change_builder import targets_of
from sshprobe.views.changes import Changes

_log = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
"""The shortest time between two looks for new scans."""

REST = 10
"""After a reading, the next one begins at the earliest after this many times its duration, because a running scan adds
hosts all the time."""

MAX_SCANS = 10
"""The newest scans that are read as a whole. Hosts that only older ones have are looked up one by one."""


MOST_COMPARED = 20_000
"""The most hosts of a scan that a page compares with the scan before."""

PATIENCE = 0.5
"""Seconds that a page waits for something that is being computed."""

Compare = Callable[[str, str | None], Changes]
"""Takes the ids of a scan and of an older one, by default the last of the same targets, and returns what changed.
Raises `InputError`."""

KeyChange = tuple[tuple[str, int], str]
"""Name and port of a host, and a time of RFC 3339."""

_Value = TypeVar("_Value")


class _Kept(Generic[_Value]):
    """A value that is computed in a thread once for each state of the history."""

    def __init__(self) -> None:
        self._state: int | None = None
        self._task: asyncio.Task[_Value] | None = None

    async def get(self, state: int, compute: Callable[[], _Value], patience: float) -> _Value | None:
        """Return the value; None if it is not known after `patience` seconds. Raises what `compute` raises."""
        if self._task is None or (self._state != state and self._task.done()):
            self._state = state
            self._task = asyncio.create_task(asyncio.to_thread(compute))
        try:
            return await asyncio.wait_for(asyncio.shield(self._task), patience)
        except TimeoutError:
            return None

    async def close(self) -> None:
        """Wait until the thread has ended."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)


class Fleet:
    """The index of a history. It is read again, in a thread, when the history has other scans.

    `compare`: compares a scan with the one before.
    """

    def __init__(self, database: Database, compare: Compare) -> None:
        self.database = database
        self.failure: str | None = None
        """Why the database cannot be read now. The index is that of the last successful reading."""
        self._index: FleetIndex | None = None
        self._seen: dict[int, Seen] = {}
        self._judged: dict[int, Judged] = {}
        self._read: list[Scan] = []
        self._next_check = 0.0
        self._reading: asyncio.Task[None] | None = None
        self.compare = compare
        self._changes: _Kept[tuple[Changes | None, str]] = _Kept()
        self._key_changes: _Kept[list[KeyChange]] = _Kept()
        self._alike: dict[tuple[int, int], list[Scan]] = {}

    async def index(self) -> FleetIndex:
        """Return the index; the last one if a new one is being made. Raises `InputError` if there never was one."""
        if self._reading is None and time.monotonic() >= self._next_check:
            self._reading = asyncio.create_task(self._refresh())
        if self._index is None and self._reading is not None:
            await asyncio.shield(self._reading)
        if self._index is None:
            raise InputError(self.failure or "cannot be read", source=self.database.name)
        return self._index

    async def changes(self) -> tuple[Changes | None, str]:
        """Return what changed between the newest complete scan and the one before, or None and the reason.

        A comparison takes seconds for 10,000 hosts, so it is made in a thread and kept until there is another scan.
        """
        index = await self.index()
        newest = next((scan for scan in index.scans if scan.complete), None)
        if newest is None:
            return None, "No scan is complete yet."
        if newest.hosts > MOST_COMPARED:
            return None, f"With more than {MOST_COMPARED:,} hosts, use `sshprobe diff --history`."
        found = await self._changes.get(newest.id, lambda: self._compared(newest), PATIENCE)
        return found or (None, "The last two scans are being compared. Load this page again in a few seconds.")

    def _compared(self, newest: Scan) -> tuple[Changes | None, str]:
        try:
            return self.compare(newest.scan_id, None), ""
        except InputError as error:
            return None, error.message

    async def key_changes(self) -> list[KeyChange] | None:
        """Return the hosts whose keys changed, with the time of the first scan that saw that; the newest first.

        None: not known yet. The history of 100,000 hosts takes seconds.
        """
        index = await self.index()
        newest = index.scans[0].id if index.scans else 0
        return await self._key_changes.get(newest, self._read_key_changes, PATIENCE)

    def _read_key_changes(self) -> list[KeyChange]:
        found = sorted(key_changes(self.database).items(), key=lambda each: -each[1])
        return [(host, timestamps.encode(datetime.fromtimestamp(when, UTC))) for host, when in found]

    def alike(self, index: FleetIndex, most: int) -> list[Scan]:
        """Return the last complete scans of the same targets as the newest complete one, the oldest first."""
        complete = [scan for scan in index.scans if scan.complete][:most]
        if not complete:
            return []
        key = complete[0].id, len(index.scans)
        if key not in self._alike:
            targets = {scan.id: targets_of(header_of(self.database, scan)[0]) for scan in complete}
            wanted = targets[complete[0].id]
            self._alike = {key: [scan for scan in reversed(complete) if targets[scan.id] == wanted]}
        return self._alike[key]

    async def close(self) -> None:
        """Wait until the threads have ended."""
        if self._reading is not None:
            await asyncio.gather(self._reading, return_exceptions=True)
        await self._changes.close()
        await self._key_changes.close()

    async def _refresh(self) -> None:
        begin, before = time.monotonic(), self._index
        try:
            self._index = await asyncio.to_thread(self._made)
            self.failure = None
        except InputError as error:
            if self.failure is None:
                _log.warning("%s", error)
            self.failure = str(error)
        finally:
            now = time.monotonic()
            rest = 0.0 if self._index is before else REST * (now - begin)
            self._next_check = now + max(CHECK_SECONDS, rest)
            self._reading = None

    def _made(self) -> FleetIndex:
        """Return the index of all scans, also running and killed ones, or the present one if there is nothing new."""
        every = scans(self.database)
        if self._index is not None and every == self._read:
            return self._index
        if not {scan.scan_id for scan in self._read} <= {scan.scan_id for scan in every}:
            self._seen, self._judged = {}, {}  # pruned: SQLite can give the id of an old row to a new one
        sightings = list(last_sightings(self.database, every[:MAX_SCANS], every[MAX_SCANS:]))
        seen_ids = {each.sighting.observation for each in sightings}
        judged_ids = {each.sighting.verdict for each in sightings}
        self._seen = {id_: part for id_, part in self._seen.items() if id_ in seen_ids}
        self._judged = {id_: part for id_, part in self._judged.items() if id_ in judged_ids}
        self._seen.update(seen_parts(self.database, seen_ids - self._seen.keys()))
        self._judged.update(judged_parts(self.database, judged_ids - self._judged.keys()))
        made = FleetIndex(sightings, self._seen, self._judged, every)
        made.prepare()
        self._read = every
        return made
