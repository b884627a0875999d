"""Checks that a run did what it was started for, so that its numbers count."""

from __future__ import annotations

import json

from bench.measure import RECORDS, BenchError


def records_say(status: set[str], stdout: str, hosts: int) -> None:
    """Raise BenchError unless every host has one record with one of these statuses, and a verdict of each profile."""
    seen: dict[str, int] = {}
    with RECORDS.open("rb") as lines:
        for line in lines:
            record = json.loads(line)
            if "host" not in record:
                continue  # header and summary
            seen[record["status"]] = seen.get(record["status"], 0) + 1
            if record["status"] == "ok" and len(record["verdicts"]) != 2:
                raise BenchError(f"{record['host']} has {len(record['verdicts'])} verdicts")
    if sum(seen.values()) != hosts or not set(seen) <= status:
        raise BenchError(f"{hosts} hosts were asked and the records say {seen}")


def sshprobe_answered(stdout: str, hosts: int) -> None:
    records_say({"ok"}, stdout, hosts)


def number_printed(stdout: str, hosts: int) -> None:
    if stdout.split()[-1:] != [str(hosts)]:
        raise BenchError(f"{hosts} hosts were asked, it says {stdout[-200:]!r}")


def floor_answered(stdout: str, hosts: int) -> None:
    if sum(json.loads(line)["hosts"] for line in stdout.splitlines()) != hosts:  # a line from each process
        raise BenchError(f"{hosts} hosts were asked: {stdout}")


def occurs(text: str, stdout: str, hosts: int) -> None:
    if stdout.count(text) < hosts:
        raise BenchError(f"{text!r} occurs {stdout.count(text)} times for {hosts} hosts")
