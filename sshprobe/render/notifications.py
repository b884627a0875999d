"""Notifications as text, for channels without JSON."""

from __future__ import annotations

from collections.abc import Mapping

from sshprobe.render.changes import render
from sshprobe.render.text.phrases import count
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.notifications import Notification, ScanSummary


def scan_title(summary: ScanSummary) -> str:
    """Return a scan in one sentence."""
    return f"Scanned {count(summary.hosts, 'host')}: {_numbers(summary.statuses)}."


def notification_text(made: Notification) -> str:
    """Return a notification whose text is printable."""
    if made.changes is not None:
        return render(made.changes, "table", Terminal(), verbose=False)
    if made.scan is None:
        return ""
    lines = [f"{profile}: {_numbers(grades)}" for profile, grades in made.scan.grades.items()]
    lines += [f"{each.grade:2}  {each.host}  {each.finding}: {each.message}" for each in made.scan.worst]
    return "\n".join(lines) + "\n"


def _numbers(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items() if number) or "none"
