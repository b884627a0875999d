"""The counters of a scan."""

from __future__ import annotations

import msgspec
import pytest

from sshprobe import grade
from sshprobe.store.history import counters
from sshprobe.store.history.counters import CounterKey, ScanCounters, counters_of
from tests.sample_records import captured, failed

OLD = captured("openssh-5.3p1")


def test_a_host_counts_once_for_each_counter() -> None:
    record = msgspec.structs.replace(OLD, verdicts=[grade(OLD, "sshprobe-2026")])
    found = counters_of(record)
    assert len(found) == len(set(found))
    kinds = {(key.kind, key.scope) for key in found}
    assert {("status", ""), ("grade", "sshprobe-2026"), ("algorithm", "kex")} <= kinds
    assert CounterKey("", "algorithm", "cipher", "arcfour") in found


def test_an_algorithm_counts_once_for_its_type() -> None:
    record = msgspec.structs.replace(
        OLD, mac_algorithms_client_to_server=["hmac-md5"], mac_algorithms_server_to_client=["hmac-md5", "hmac-sha1"]
    )
    found = [key for key in counters_of(record) if key.kind == "algorithm"]
    assert {key.scope for key in found} == {"kex", "host_key", "cipher", "mac", "compression"}
    assert sorted(key.name for key in found if key.scope == "mac") == ["hmac-md5", "hmac-sha1"]


def test_a_silent_host_counts_by_its_status_alone() -> None:
    assert counters_of(failed("timeout", "no answer")) == [CounterKey("", "status", "", "timeout")]


def test_invented_names_do_not_fill_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "MAX_COUNTERS", 500)
    counted = ScanCounters()
    counted.add(OLD, hosts=3)
    for number in range(10):
        names = ["x" * 65, *(f"kex{number}-{each}" for each in range(1000))]
        counted.add(msgspec.structs.replace(OLD, kex_algorithms=names))
    assert len(counted.hosts) == 500
    assert not any("x" * 65 in key.name for key in counted.hosts)
    assert counted.hosts[CounterKey("", "status", "", "ok")] == 13
