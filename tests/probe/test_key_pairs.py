"""Key pairs shared by the connections of one scan."""

from __future__ import annotations

from sshprobe.probe.driver import Driver
from sshprobe.scan.scanner import Scanner
from sshprobe.targets import Target, parse_targets


def test_the_hosts_of_a_scan_share_key_pairs_and_two_scans_do_not() -> None:
    targets = list(parse_targets(["127.0.0.1", "127.0.0.2"], files=(), port=22, stdin=None))
    one, another = Scanner(profiles=[]), Scanner(profiles=[])
    first, second, third = [
        job
        for scanner, target in ((one, targets[0]), (one, targets[1]), (another, targets[0]))
        for job in _jobs(scanner, target)
    ]
    assert first.probe.connections._key_pairs is second.probe.connections._key_pairs
    assert first.probe.connections._key_pairs is not third.probe.connections._key_pairs


def _jobs(scanner: Scanner, target: Target) -> list[Driver]:
    jobs = scanner._context.jobs.of(target)
    assert isinstance(jobs, list)
    return [job for job in jobs if isinstance(job, Driver)]
