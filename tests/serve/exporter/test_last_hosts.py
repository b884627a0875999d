"""The hosts of a history for /metrics."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sshprobe.serve.exporter.last_hosts import last_hosts
from sshprobe.store.history.database import open_history
from tests.sample_records import HEADER, captured, failed
from tests.store.history.test_recorder import store


def test_an_address_of_an_older_scan_is_not_shown(tmp_path: Path) -> None:
    """A name has the addresses of its last scan, or none: otherwise a host that is gone would stay "answered"."""
    database = open_history(str(tmp_path / "history.db"), create=True)
    first, second, third = (
        msgspec.structs.replace(captured("dropbear-2022.83", address), host="web1", target="web1")
        for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3")
    )
    alone = captured("openssh-debian12-9.2p1", "192.0.2.9")
    store(database, [first, alone], "aa01", msgspec.structs.replace(HEADER, started_at="2026-11-01T12:00:00.000Z"))
    store(database, [second, third], "bb02", msgspec.structs.replace(HEADER, started_at="2026-11-08T12:00:00.000Z"))
    assert [each.address for each, _ in last_hosts(database)] == ["192.0.2.2", "192.0.2.3", "192.0.2.9"]
    gone = msgspec.structs.replace(failed("dns_error", "no such name", "web1"), address=None)
    store(database, [gone], "cc03", msgspec.structs.replace(HEADER, started_at="2026-11-15T12:00:00.000Z"))
    assert [(each.host, each.address) for each, _ in last_hosts(database)] == [
        ("web1", None),
        ("192.0.2.9", "192.0.2.9"),
    ]
    database.close()
