"""Counts of a host are ids and algorithms, each once, without texts."""

import msgspec

from sshprobe.views.host_stats import HostStats, Subject, record_stats
from tests.sample_records import WANTING, debian12, finding, judged


def stats(*findings: tuple[str, str | None]) -> HostStats:
    found = [finding(id, "high", algorithm, "because") for id, algorithm in findings]
    return record_stats(judged(debian12(), msgspec.structs.replace(WANTING, findings=found)))


def test_subjects_are_ids_and_algorithms() -> None:
    seen = stats(("kex.terrapin", None), ("cipher.weak", "3des-cbc"), ("host_key.size", "ssh-rsa"))
    assert seen.verdicts[0].subjects == (Subject("kex.terrapin"), Subject("", "3des-cbc"), Subject("host_key.size"))


def test_a_host_counts_once_for_each_subject() -> None:
    same = stats(
        ("host_key.size", "ssh-rsa"), ("host_key.size", "ssh-dss"), ("cipher.weak", "none"), ("mac.weak", "none")
    )
    assert same.verdicts[0].subjects == (Subject("host_key.size"), Subject("", "none"))


def test_stats_travel_between_processes() -> None:
    seen = stats(("kex.terrapin", None), ("cipher.weak", "3des-cbc"))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(seen), type=HostStats) == seen
