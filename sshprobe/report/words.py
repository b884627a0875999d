"""How records are said in words: hosts, software, compliance, counts. Input is printable text."""

from __future__ import annotations

import re

from sshprobe.records import HostRecord, Identification, Verdict

_DEBIAN = re.compile(r"Debian-.*[+~]deb(\d+)u")
"""Debian marks security updates with the release they are for: "Debian-2+deb12u10"."""


def endpoint(host: str, port: int) -> str:
    """Return "host:port", with brackets around an IPv6 address."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


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


def compliance(verdict: Verdict) -> str:
    """Return what can be said about the profile as a whole."""
    if verdict.compliant and verdict.waived:
        return "compliant with waivers"
    return {True: "compliant", False: "not compliant", None: "compliance unknown"}[verdict.compliant]


def status(record: HostRecord) -> str:
    """Return how the host ended, in words: "dns_error" is "name not resolved"."""
    return _STATUSES.get(record.status, record.status)


_STATUSES = {
    "dns_error": "name not resolved",
    "not_ssh": "not SSH",
    "ssh1_only": "SSH 1 only",
    "protocol_error": "protocol error",
}


def count(number: int, one: str, many: str | None = None) -> str:
    """Return "1 host", "2 hosts", "1,024 hosts"."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def seconds(milliseconds: float) -> str:
    """Return a duration for people: "0.4 s", "75 s"."""
    value = milliseconds / 1000
    return f"{value:.1f} s" if value < 10 else f"{value:,.0f} s"
