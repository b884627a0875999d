"""Phrases for people: outcome, compliance, names of algorithms, counts. Input is printable text."""

from __future__ import annotations

from collections.abc import Iterable

from sshprobe.model.finding_table import LABELS
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Category, Verdict
from sshprobe.views.host_stats import HostStats, Subject, VerdictStats


def methods_seen_for(record: HostRecord) -> str:
    """Return the users whose methods were seen: "for root and nobody", "only for root", or nothing."""
    found = record.authentication_by_user or {}
    *others, last = [user for user, answer in found.items() if answer.methods is not None] or [""]
    return f"for {', '.join(others)} and {last}" if others else f"only for {last}" if last else ""


def compliance(verdict: Verdict | VerdictStats) -> str:
    """Describe compliance with a profile."""
    if verdict.compliant and verdict.waived:
        return "compliant with waivers"
    return {True: "compliant", False: "not compliant", None: "compliance unknown"}[verdict.compliant]


def names(category: Category, algorithms: Iterable[str | None], room: int) -> str:
    """Return the algorithms of findings of one category in at most `room` characters: "aes128-cbc, aes192-cbc +1".

    The first one is always named: for authentication methods it is `password`, the best-known one. Findings on the
    group exchange have no algorithm, and are named "group exchange".
    """
    found = [algorithm or _NAMELESS.get(category, "") for algorithm in algorithms]
    found.sort(key=lambda name: name != "password")
    for shown in range(len(found), 1, -1):
        left = len(found) - shown
        text = ", ".join(found[:shown]) + (f" +{left}" if left else "")
        if len(text) <= room:
            return text
    return found[0] + (f" +{len(found) - 1}" if len(found) > 1 else "")


_NAMELESS: dict[Category, str] = {"group_exchange": "group exchange"}


def status(record: HostRecord | HostStats) -> str:
    """Return the text of a status: "dns_error" is "name not resolved"."""
    return _STATUSES.get(record.status, record.status)


def outcome(record: HostRecord | HostStats) -> str:
    """Return status and error: "timeout: no connection within 5 s"; the error alone if it contains the status."""
    words, error = status(record), record.error
    if not error:
        return words
    return error if f" {words} " in f" {error} " else f"{words}: {error}"


_STATUSES = {
    "dns_error": "name not resolved",
    "not_ssh": "not SSH",
    "ssh1_only": "SSH-1 only",
    "protocol_error": "protocol error",
}


def count(number: int, one: str, many: str | None = None) -> str:
    """Return "1 host", "2 hosts", "1,024 hosts"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def seconds(milliseconds: float) -> str:
    """Return a duration for people: "0.4 s", "75 s"."""
    value = milliseconds / 1000
    return f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"


def finding_label(subject: Subject) -> str:
    """Return the label of a subject of findings: an algorithm, "Terrapin", "small moduli"."""
    id = subject.finding_id
    return subject.algorithm or LABELS.get(id) or id.partition(".")[2].replace("_", " ")
