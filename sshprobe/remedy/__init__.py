"""What to change on a host: a hint for each finding, and the smallest set of changes with what it comes to.

Above `sshprobe.grading`, which judges without advice. Pure: no I/O, no clock. Profiles made from a host are in
`profile_from_host`, which a scan does not need.
"""

from __future__ import annotations

from sshprobe.remedy.hints import grade
from sshprobe.remedy.remedy_cache import RemedyCache
from sshprobe.remedy.search import remedy

__all__ = ["RemedyCache", "grade", "remedy"]
