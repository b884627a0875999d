"""The time of changes of host keys, in a history of several scans."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sshprobe.model.records import HostRecord
from sshprobe.store.history.database import Database, open_history
from sshprobe.store.history.key_changes import key_changes
from tests.cli.test_cli_commands import sshprobe, write
from tests.sample_records import captured
from tests.store.history.test_recorder import header, store

THIRD = 1763812800
"""The day of the third scan, 2025-11-22 12:00 UTC, in seconds."""


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    opened = open_history(str(tmp_path / "history.db"), create=True, migrate=True)
    yield opened
    opened.close()


def with_keys(address: str, **fingerprints: str) -> HostRecord:
    """Return a host with the first keys of a captured one, by type without its dashes."""
    record = captured("openssh-9.9p2", address)
    types = {key.type.replace("-", ""): key for key in record.host_keys or ()}
    keys = [
        msgspec.structs.replace(types[type_], fingerprint=f"SHA256:{value}") for type_, value in fingerprints.items()
    ]
    return msgspec.structs.replace(record, host_keys=keys)


def test_a_change_is_another_key_of_a_type_that_was_seen_before(database: Database, tmp_path: Path) -> None:
    stable = with_keys("192.0.2.1", sshed25519="a", sshrsa="b")
    unseen = msgspec.structs.replace(captured("openssh-9.9p2", "192.0.2.3"), host_keys=None)
    silent = [with_keys("192.0.2.3", sshed25519="a"), unseen, with_keys("192.0.2.3", sshed25519="a", sshrsa="b")]
    changed = [with_keys("192.0.2.2", sshed25519=value) for value in ("a", "z", "a")]
    for day, (one, two) in enumerate(zip(changed, silent, strict=True)):
        store(database, [stable, one, two], f"{day}" * 16, header(f"2025-11-2{day}T12:00:00.000Z"))
    assert key_changes(database) == {("192.0.2.2", 22): THIRD}
    once = with_keys("192.0.2.3", sshrsa="other")
    store(database, [once], "9" * 16, header("2025-11-24T12:00:00.000Z"))
    assert key_changes(database)["192.0.2.3", 22] == THIRD + 2 * 86400
    write(tmp_path / "saved.jsonl", [stable, changed[2]])
    run = sshprobe("report", "saved.jsonl", "--history", "history.db", "--format", "prometheus", cwd=tmp_path)
    lines = [line for line in run.stdout.decode().splitlines() if line.startswith("sshprobe_host_key_changed")]
    assert [line.rpartition(" ")[2] for line in lines] == ["1.7638128e+09"]
    assert 'host="192.0.2.2:22"' in lines[0]
