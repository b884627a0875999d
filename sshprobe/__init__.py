"""Scans SSH servers and grades what they offer against recommended profiles.

    import sshprobe

    async with sshprobe.Scanner(profiles=["sshprobe-2026"]) as scanner:
        async for record in scanner.scan(["192.0.2.7"]):
            print(record.host, record.status, record.verdicts)

    for record in sshprobe.read_records("monday.jsonl"):
        print(record.host, sshprobe.grade(record, "alibaba-ecs").grade)

Names are imported when they are first used: `import sshprobe` alone loads nothing else.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sshprobe.model.errors import InputError
    from sshprobe.model.observation import Observation
    from sshprobe.model.records import HostRecord
    from sshprobe.model.verdict import Finding, Verdict
    from sshprobe.offline import grade, read_records
    from sshprobe.profiles import Profile, available_profiles, load_profile
    from sshprobe.scan.job import Progress
    from sshprobe.scan.scanner import Scanner

__version__ = "0.1.0"

__all__ = [
    "Finding",
    "HostRecord",
    "InputError",
    "Observation",
    "Profile",
    "Progress",
    "Scanner",
    "Verdict",
    "available_profiles",
    "grade",
    "load_profile",
    "read_records",
]

_HOMES = {
    "Finding": "sshprobe.model.verdict",
    "HostRecord": "sshprobe.model.records",
    "InputError": "sshprobe.model.errors",
    "Observation": "sshprobe.model.observation",
    "Profile": "sshprobe.profiles",
    "Progress": "sshprobe.scan.engine",
    "Scanner": "sshprobe.scan.scanner",
    "Verdict": "sshprobe.model.verdict",
    "available_profiles": "sshprobe.profiles",
    "grade": "sshprobe.offline",
    "load_profile": "sshprobe.profiles",
    "read_records": "sshprobe.offline",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(home), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
