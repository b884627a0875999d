"""Advice for a host: a hint for each finding, and the smallest set of changes with the grade that follows.

It builds on `sshprobe.grading`, which judges without advice. Pure: no I/O, no clock. `profile_from_host` makes profiles
from hosts; scans do not need it.
"""

from __future__ import annotations

from sshprobe.remedy.hints import grade
from sshprobe.remedy.search import RemedyCache, remedy

__all__ = ["RemedyCache", "grade", "remedy"]
