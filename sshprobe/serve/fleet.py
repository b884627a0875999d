"""Keeps the index of the fleet of a history, for pages and API, and renews it when the history has changed."""

from __future__ import annotations

import logging
import threading
import time

import msgspec

from sshprobe.model.errors import InputError
from sshprobe.store.history.database import Database, one_line
from sshprobe.store.history.last_sightings import Revision, last_sightings, revision, stored_json
from sshprobe.views.fleet_facts import FactsReader, JudgedHost, ObservedHost
from sshprobe.views.fleet_index import FleetHost, FleetIndex

_log = logging.getLogger(__name__)

CHECK_SECONDS = 3.0
"""Seconds between two looks at the history."""

_REST = 10
"""The index is built again at the earliest after this many times the duration of the last build: a running scan
changes the history all the time."""

_SPARE_PARTS = 50_000
"""Parts of hosts that are not in the fleet any more, before all are read again to free them."""


class FleetState(msgspec.Struct, frozen=True):
    """The fleet as it was last read."""

    index: FleetIndex
    number: int
    """Grows with each index; 0: nothing was read yet."""
    read_at: float
    """When the history was last found to be as in the index, in seconds since 1970-01-01 UTC."""
    failure: str | None
    """Why the history cannot be read now, in one line. The index is that of `read_at` then."""


class Fleet:
    """The index of a history. `start` begins a thread that renews it; `state` is what it has now."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.state = FleetState(FleetIndex(()), 0, 0.0, None)
        self._revision: Revision | None = None
        self._reader = FactsReader()
        self._parts_at_first = 0
        self._observed: dict[int, ObservedHost] = {}
        self._judged: dict[int, JudgedHost] = {}
        self._end = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Read the history in a thread, again and again until `close`."""
        self._thread = threading.Thread(target=self._keep_fresh, name="fleet", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. The database stays open."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def refresh(self) -> None:
        """Read the history now, if it has changed. Its failure is in `state`."""
        try:
            now = time.time()
            found = revision(self.database)
            if found == self._revision and self.state.number:
                self.state = msgspec.structs.replace(self.state, read_at=now, failure=None)
                return
            if self._revision is not None and not found.scan_ids >= self._revision.scan_ids:
                self._forget()  # pruned: a new row can have the id of an old one
            index = FleetIndex(self._read())
            self._revision = found
            self.state = FleetState(index, self.state.number + 1, now, None)
        except InputError as error:
            self.state = msgspec.structs.replace(self.state, failure=str(error))

    def _keep_fresh(self) -> None:
        pause = 0.0
        while not self._end.wait(pause):
            begin, number = time.monotonic(), self.state.number
            try:
                self.refresh()
            except Exception:
                _log.exception("internal error while reading the history")
                self.state = msgspec.structs.replace(self.state, failure="internal error while reading the history")
            duration = time.monotonic() - begin
            pause = max(CHECK_SECONDS, _REST * duration if self.state.number > number else 0.0)

    def _forget(self) -> None:
        self._reader, self._observed, self._judged, self._parts_at_first = FactsReader(), {}, {}, 0

    def _read(self) -> list[FleetHost]:
        if self._parts_at_first and self._reader.size > self._parts_at_first + _SPARE_PARTS:
            self._forget()
        sightings = last_sightings(self.database)
        observations = {each.observation for each in sightings}
        verdicts = {each.verdict for each in sightings}
        observed = {id_: seen for id_, seen in self._observed.items() if id_ in observations}
        judged = {id_: found for id_, found in self._judged.items() if id_ in verdicts}
        with one_line(self.database.name):
            for id_, encoded in stored_json(self.database, "observation", observations - observed.keys()):
                observed[id_] = self._reader.observed(encoded)
            for id_, encoded in stored_json(self.database, "verdict", verdicts - judged.keys()):
                judged[id_] = self._reader.judged(encoded)
        self._observed, self._judged = observed, judged
        self._parts_at_first = self._parts_at_first or self._reader.size
        return [
            FleetHost(
                name=each.host.name,
                port=each.host.port,
                via=each.host.via,
                address=each.address,
                scan_id=each.scan_id,
                scan_started_at=each.scan_started_at,
                started_ms=each.started_ms,
                observation=each.observation,
                verdict=each.verdict,
                facts=observed[each.observation].shared,
                keys=observed[each.observation].keys,
                judged=judged[each.verdict],
            )
            for each in sightings
            if each.observation in observed and each.verdict in judged
        ]
