"""How records are said in words: hosts, software, compliance, counts. Input is printable text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from sshprobe.model.observation import Identification, Status
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Finding, Verdict

if TYPE_CHECKING:
    from sshprobe.model.remedy import Remedy

    Graded = Verdict | Remedy


class Ended(Protocol):
    """A record, or what of it is counted."""

    @property
    def status(self) -> Status:
        """How the host ended."""


_DEBIAN = re.compile(r"Debian-.*[+~]deb(\d+)u")
"""Debian marks security updates with the release they are for: "Debian-2+deb12u10"."""


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


def methods_seen_for(record: HostRecord) -> str:
    """Return for whom methods were seen: "the users root and nobody", "the user root alone". Empty: nothing tells."""
    found = record.authentication_by_user or {}
    *others, last = [user for user, answer in found.items() if answer.methods is not None] or [""]
    return f"the users {', '.join(others)} and {last}" if others else f"the user {last} alone" if last else ""


def compliance(verdict: Verdict) -> str:
    """Return what can be said about the profile as a whole."""
    if verdict.compliant and verdict.waived:
        return "compliant with waivers"
    return {True: "compliant", False: "not compliant", None: "compliance unknown"}[verdict.compliant]


def letter(graded: Graded) -> str:
    """Return the grade; "A+?" where not everything was seen that can cost points."""
    return f"{graded.grade}?" if graded.grade_is_partial else graded.grade


def alike(findings: Iterable[Finding]) -> list[list[Finding]]:
    """Return findings that say the same of several algorithms together, at the place of the first."""
    groups: dict[object, list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.severity, finding.category, finding.message), []).append(finding)
    return list(groups.values())


def names(findings: Sequence[Finding], room: int) -> str:
    """Return the algorithms of findings in at most `room` characters: "aes128-cbc, aes192-cbc +1".

    The first is named in any case. Of authentication methods that is `password`, if it is one: others mean the same
    and are known to fewer. A finding about the group exchange has no algorithm, and is named so.
    """
    found = [finding.algorithm or _NAMELESS.get(finding.category, "") for finding in findings]
    found.sort(key=lambda name: name != "password")
    for shown in range(len(found), 1, -1):
        left = len(found) - shown
        text = ", ".join(found[:shown]) + (f" +{left}" if left else "")
        if len(text) <= room:
            return text
    return found[0] + (f" +{len(found) - 1}" if len(found) > 1 else "")


def fault(finding: Finding) -> str:
    """Return what a finding is about, for a count of hosts: the algorithm where to offer it is the fault."""
    return _FAULTS.get(finding.id) or finding.algorithm or finding.id.partition(".")[2].replace("_", " ")


SSH1 = "SSH-1"

_FAULTS = {
    "protocol.ssh1": SSH1,
    "protocol.unlisted": "unlisted protocol versions",
    "group_exchange.modulus": "small moduli",
    "group_exchange.not_safe_prime": "groups of no safe prime",
    "group_exchange.generator": "generators that hide nothing",
    "host_key.size": "small host keys",
    "host_key.sha1_only": "signatures with SHA-1 alone",
    "host_key.authority": "certificates of weak authorities",
    "host_key.certificate_expired": "expired certificates",
    "host_key.certificate_not_yet_valid": "certificates of the future",
    "host_key.certificate_kind": "certificates that are for no host",
    "host_key.certificate_principals": "certificates for other names",
    "host_key.malformed": "keys whose numbers are not those of a key",
    "host_key.close_primes": "RSA keys with primes close together",
    "host_key.roca": "ROCA",
    "host_key.exponent": "poor RSA exponents",
    "host_key.small_private_key": "keys with a small private key",
    "host_key.small_order": "keys of small order",
    "host_key.factored": "factored RSA keys",
    "host_key.known": "host keys on a list of known ones",
    "host_key.shared": "shared host keys",
    "host_key.shared_prime": "shared primes",
    "host_key.unproven": "host keys without proof",
    "authentication.none_accepted": "logins without a credential",
    "authentication.no_methods": "empty lists of methods",
    "authentication.no_banner": "no banner before login",
    "authentication.banner": "banners before login",
    "authentication.banner_text": "wrong banners before login",
    "authentication.signature_unlisted": "unlisted signatures of users' keys",
    "authentication.signature_weak": "SHA-1 signatures of users' keys",
    "kex.terrapin": "Terrapin",
    "kex.no_strict_kex": "no strict key exchange",
    "kex.no_post_quantum": "no post-quantum key exchange",
    "profile.waiver_expired": "expired waivers",
}
"""Findings that cost something and say more than the name of an algorithm, in the plural."""

_NAMELESS = {"group_exchange": "group exchange"}


def status(record: Ended) -> str:
    """Return how the host ended, in words: "dns_error" is "name not resolved"."""
    return _STATUSES.get(record.status, record.status)


def outcome(record: HostRecord) -> str:
    """Return how the host ended and why: "timeout: no connection within 5 s"; once, where both say the same."""
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
