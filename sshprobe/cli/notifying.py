"""`--notify`: sends changes, or a summary of a scan. A failure is a line on standard error, without an exit code."""

from __future__ import annotations

import contextlib
import heapq
import secrets
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from sshprobe.cli.output_file import note
from sshprobe.model import timestamps
from sshprobe.model.errors import InputError, bug_line
from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.scan.sinks import Sink

if TYPE_CHECKING:
    from sshprobe.model.records import SummaryRecord, SweepRecord
    from sshprobe.notify.destinations import Destination
    from sshprobe.scan.results import HostBatch
    from sshprobe.store.history.database import Database
    from sshprobe.views.change_builder import ChangesBuilder
    from sshprobe.views.changes import Changes
    from sshprobe.views.host_stats import HostStats
    from sshprobe.views.notifications import Notification, ScanSummary

WORST_HOSTS = 10
"""The most hosts in the summary of a scan."""


class Notifier:
    """Sends notifications to the destinations in a file or in the environment (`sshprobe.notify.destinations`).

    Raises `InputError` for a file or a URL that cannot be used.
    """

    def __init__(self, words: str) -> None:
        from sshprobe.notify.destinations import read_destinations

        self._destinations, self._secret = read_destinations(words, note=note)
        channels = [each for each in self._destinations if not each.is_http]
        if channels:
            from sshprobe.notify.channels import check_channels

            check_channels(channels)

    def send_changes(self, changes: Changes, builder: ChangesBuilder, old: int, database: Database | None) -> None:
        """Send changes to each destination. With a `database`, which remembers them, each is sent once.

        `builder`, `old`: the scans, and the number of the old one, as `read_history` returns them. If the delivery of
        earlier changes failed, those are sent too.
        """
        for destination in self._destinations:
            with _failures_as_lines(f"the notification to {destination.name}"):
                if database is None:
                    self._send_new(destination, changes, lambda key: False)
                else:
                    self._send_remembered(destination, changes, builder, old, database)

    def _send_remembered(
        self, destination: Destination, changes: Changes, builder: ChangesBuilder, old: int, database: Database
    ) -> None:
        from sshprobe.cli.compared_scans import changes_between
        from sshprobe.store.history.notified import add_sent, remove_sent, sent_changes, undelivered
        from sshprobe.views.notifications import change_keys

        sent, names = sent_changes(database, destination.digest), builder.names
        first = next((number for number, name in enumerate(names[:old]) if undelivered(name) in sent), old)
        if first != old:
            changes = changes_between(builder, first, gone_after=changes.gone_after)
        # Marked before the delivery, so that a killed process loses nothing; each scan, as only some are read later.
        marks = {undelivered(name) for name in names[first : old + 1]}
        now = timestamps.encode(datetime.now(UTC))
        made = self._send_new(
            destination, changes, sent.__contains__, before=lambda: add_sent(database, destination.digest, marks, now)
        )
        if made is not None and made.changes is not None:
            add_sent(database, destination.digest, change_keys(made.changes), made.sent_at)
            remove_sent(database, destination.digest, marks)

    def _send_new(
        self,
        destination: Destination,
        changes: Changes,
        is_sent: Callable[[bytes], bool],
        *,
        before: Callable[[], None] = lambda: None,
    ) -> Notification | None:
        """Send the changes that were not sent. Return the notification; None if there are none."""
        from sshprobe.render.changes.sections import verdict
        from sshprobe.views.notifications import only

        new = only(changes, is_sent)
        if new is None:
            return None
        made = _notification("changes", verdict(new), changes=new)
        before()
        self._deliver(destination, made)
        return made

    def send_scan(self, summary: ScanSummary) -> None:
        """Send the summary of a scan to each destination."""
        from sshprobe.render.notifications import scan_title

        for destination in self._destinations:
            with _failures_as_lines(f"the notification to {destination.name}"):
                self._deliver(destination, _notification("scan", scan_title(summary), scan=summary))

    def _deliver(self, destination: Destination, made: Notification) -> None:
        import msgspec

        from sshprobe.notify.posting import deliver, post
        from sshprobe.render.text.terminal import printable

        made = printable(made)
        if destination.is_http:
            body = msgspec.json.encode(made)
            deliver(lambda: post(destination.url, body, id=made.id, secret=self._secret))
            return
        from sshprobe.notify.channels import send_text
        from sshprobe.render.notifications import notification_text

        text = notification_text(made)
        deliver(lambda: send_text(destination, f"sshprobe: {made.title}", text))


@contextlib.contextmanager
def _failures_as_lines(what: str) -> Iterator[None]:
    """Turn a failure of the block into a line on standard error, which `-q` does not silence."""
    from sshprobe.notify.posting import NotDelivered

    try:
        yield
    except (NotDelivered, InputError) as error:
        _say(f"{what} failed: {error}")
    except Exception as error:
        _say(f"{what} failed: {bug_line(error)}")


def _say(words: str) -> None:
    print(escape_unprintable(f"error: {words}"), file=sys.stderr, flush=True)


def _notification(kind: Literal["changes", "scan"], title: str, **content: Changes | ScanSummary) -> Notification:
    from sshprobe.views.notifications import Notification

    now = timestamps.encode(datetime.now(UTC))
    return Notification(kind=kind, id=secrets.token_hex(8), sent_at=now, title=title, **content)  # type: ignore[arg-type] # the one of `kind`


class ScanNotifier(Sink):
    """Follows a scan and sends a notification at its end.

    `words`: the file of `--notify`. `history`: the history of the scan, if any. If it has an earlier scan of the same
    targets, the changes since then are sent, else a summary of the scan.
    """

    def __init__(self, words: str, history: str | None) -> None:
        self._notifier = Notifier(words)
        self._history = history
        self._header: SweepRecord | None = None
        self._summary: SummaryRecord | None = None
        self._worst: list[tuple[tuple[int, ...], int, str, HostStats]] = []
        self._added = 0

    def header(self, record: SweepRecord) -> None:
        """Receive the header."""
        self._header = record

    def add(self, batch: HostBatch) -> None:
        """Keep the worst hosts."""
        for result in batch.results:
            stats = result.stats
            if stats.verdicts and stats.verdicts[0].worst is not None:
                self._added += 1
                badness = (-stats.verdicts[0].score, *(-number for number in stats.verdicts[0].severities))
                place = endpoint(result.target.host, result.target.port)
                item = (badness, -self._added, place, stats)  # the number, because stats cannot be compared
                push = heapq.heappush if len(self._worst) < WORST_HOSTS else heapq.heappushpop
                push(self._worst, item)

    def finish(self, summary: SummaryRecord) -> None:
        """Receive the summary."""
        self._summary = summary

    def send(self) -> None:
        """Send the notification, after files and history are complete."""
        assert self._header is not None
        assert self._summary is not None
        if self._summary.interrupted:
            note("interrupted: no notification was sent")
            return
        with _failures_as_lines("the notification"):
            if self._history is None or not self._send_changes(self._history, self._header):
                self._notifier.send_scan(self._scan_summary(self._header, self._summary))

    def _send_changes(self, history: str, header: SweepRecord) -> bool:
        """Send the changes since the previous scan. Return False if there is none."""
        from sshprobe.cli.compared_scans import NoEarlierScan, changes_between, read_history
        from sshprobe.cli.options.history import open_database
        from sshprobe.store.history.hashing import scan_id_of

        try:
            builder, old = read_history(history, [scan_id_of(header)], None)
        except NoEarlierScan:
            return False
        with contextlib.closing(open_database(history)) as database:
            self._notifier.send_changes(changes_between(builder, old), builder, old, database)
        return True

    def _scan_summary(self, header: SweepRecord, summary: SummaryRecord) -> ScanSummary:
        from sshprobe.views.notifications import ScanSummary, worst_host

        return ScanSummary(
            scan_id=header.scan_id,
            started_at=header.started_at,
            hosts=summary.targets,
            statuses=summary.all_statuses,
            grades=summary.grades,
            compliant=summary.compliant,
            worst=[worst_host(place, stats) for _, _, place, stats in sorted(self._worst, reverse=True)],
        )
