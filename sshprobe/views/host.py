"""One host as people want to see it: its software, its grade, and findings that belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Protocol

from sshprobe.model.observation import Identification, endpoint
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Finding, Grade


class Graded(Protocol):
    """A verdict, what is counted of one, or what a remedy comes to."""

    @property
    def grade(self) -> Grade:
        """The letter."""

    @property
    def grade_is_partial(self) -> bool:
        """Whether not everything was seen that can cost points."""


_DEBIAN = re.compile(r"Debian-.*[+~]deb(\d+)u")
"""Debian marks security updates with the release they are for: "Debian-2+deb12u10"."""


@lru_cache(maxsize=256)  # many hosts say the same
def software(identification: Identification | None) -> str:
    """Return what the server says it is: "OpenSSH 9.2p1 (Debian 12)". Empty where it said nothing.

    Comments that a server makes up anew for each connection are no part of it.
    """
    if identification is None:
        return ""
    name = identification.software
    if identification.version and name.endswith(identification.version):
        name = name.removesuffix(identification.version).rstrip("_-") + " " + identification.version
    comments = identification.lasting_comments
    if not comments:
        return name
    debian = _DEBIAN.match(comments)
    return f"{name} ({f'Debian {debian[1]}' if debian else comments})"


def letter(graded: Graded) -> str:
    """Return the grade; "A+?" where not everything was seen that can cost points."""
    return f"{graded.grade}?" if graded.grade_is_partial else graded.grade


def alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return findings that say the same of several algorithms together, at the place of the first."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        groups.setdefault(says_the_same(finding), []).append(finding)
    return list(groups.values())


def says_the_same(finding: Finding) -> tuple[str, ...]:
    """Return what is equal in findings that say the same of several algorithms."""
    return finding.severity, finding.category, finding.message


def place_of(record: HostRecord) -> str:
    """Return "address:port", as summaries name hosts; the name where no address was found."""
    return endpoint(record.address or record.host, record.port)
