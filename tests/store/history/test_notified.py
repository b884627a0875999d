"""Changes that were sent are remembered for each URL, and as long as a scan can find them again."""

from __future__ import annotations

from pathlib import Path

from sshprobe.store.history.database import open_history
from sshprobe.store.history.notified import add_sent, sent_changes
from sshprobe.store.history.recorder import Recorder
from sshprobe.store.history.transfer import prune
from tests.sample_records import HEADER

OLD, NEW = "2026-11-01T12:00:00.000Z", "2026-11-21T12:00:00.000Z"


def test_each_url_has_its_own_changes(tmp_path: Path) -> None:
    database = open_history(str(tmp_path / "history.db"), create=True)
    first, second = b"1" * 16, b"2" * 16
    add_sent(database, first, {b"a" * 16, b"b" * 16}, NEW)
    add_sent(database, first, {b"a" * 16}, NEW)  # two processes may send at once
    add_sent(database, second, set(), NEW)
    assert sent_changes(database, first) == {b"a" * 16, b"b" * 16}
    assert sent_changes(database, second) == set()
    database.close()


def test_prune_forgets_what_no_scan_can_find(tmp_path: Path) -> None:
    database = open_history(str(tmp_path / "history.db"), create=True)
    add_sent(database, b"1" * 16, {b"a" * 16}, OLD)
    add_sent(database, b"1" * 16, {b"b" * 16}, NEW)
    prune(database, keep=10)
    assert len(sent_changes(database, b"1" * 16)) == 2  # without a scan nothing is known to be old
    recorder = Recorder(database)
    recorder.begin(HEADER, "f00d")
    recorder.finish(None)
    prune(database, keep=10)
    assert sent_changes(database, b"1" * 16) == {b"b" * 16}
    database.close()
