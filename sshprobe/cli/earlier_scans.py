"""Earlier scans for a page: the changes since an older one, and the grades of those in a history."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sshprobe.cli.compared_scans import read_files, read_history
from sshprobe.cli.options.history import open_database
from sshprobe.cli.output_file import note
from sshprobe.model.errors import InputError

if TYPE_CHECKING:
    from sshprobe.model.records import SweepRecord
    from sshprobe.store.history.database import Database
    from sshprobe.store.history.queries import Scan
    from sshprobe.views.changes import Changes
    from sshprobe.views.fleet_tables import GradePoint

MOST_POINTS = 60
"""Scans of a trend."""


class EarlierScans:
    """Finds the scans before the scan of some records.

    Arguments:
        records: names of the files of records.
        older: the name of an older file.
        history: the name of a history. It must have the scan of the records, or it shows no changes.
        optional: go on without a history that cannot be opened, with a note. Else that raises `InputError`.
        header: returns the header of the records. It is called after they are read.
    """

    def __init__(
        self,
        records: Sequence[str],
        older: str | None,
        history: str | None,
        header: Callable[[], SweepRecord | None],
        *,
        optional: bool,
    ) -> None:
        self._records = records
        self._older = older
        self._history = history
        self._header = header
        if history is not None:
            try:
                open_database(history).close()
            except InputError as error:
                if not optional:
                    raise
                note(f"no earlier scans are shown: {error}")
                self._history = None

    def changes(self) -> Changes | None:
        """Return the changes since the older file, or since the last scan of the same targets before this one."""
        if self._older is not None:
            builder, old = read_files((self._older, *self._records))
        elif self._history is not None:
            header = self._header()
            try:
                builder, old = read_history(self._history, (_scan_id(header),), None)
            except InputError as error:
                note(f"no changes are shown: {error}")
                return None
        else:
            return None
        return builder.build(today=f"{datetime.now(UTC):%Y-%m-%d}", old=old)

    def trend(self) -> list[GradePoint]:
        """Return the grades of the scans of the same targets in the history, the oldest first."""
        if self._history is None:
            return []
        from sshprobe.store.history import queries
        from sshprobe.views.fleet_tables import GradePoint

        with contextlib.closing(open_database(self._history)) as database:
            alike = self._alike(database)[-MOST_POINTS:]
            found = queries.trend(database, "grade")
        profiles = dict.fromkeys(profile for profile, _ in found.series)
        points = []
        for scan in alike:
            for profile in profiles:
                letters = {name: hosts for (scope, name), hosts in found.series.items() if scope == profile}
                grades = {name: hosts[scan.id] for name, hosts in letters.items() if hosts.get(scan.id)}
                points.append(GradePoint(started_at=scan.started_at, profile=profile, grades=grades))
        return points

    def _alike(self, database: Database) -> list[Scan]:
        """Return the complete scans of the same targets up to this one, the oldest first."""
        from sshprobe.store.history import queries
        from sshprobe.views.change_builder import targets_of

        header = self._header()
        if header is None:
            return []
        wanted = targets_of(header)
        scans = [
            scan for scan in queries.scans(database)[::-1] if scan.complete and scan.started_at <= header.started_at
        ]
        return [scan for scan in scans if targets_of(queries.header_of(database, scan)[0]) == wanted]


def _scan_id(header: SweepRecord | None) -> str:
    if header is None or header.scan_id is None:
        raise InputError("the records have no scan id")
    return header.scan_id
