"""Whether ordinary clients still find something to speak: a remedy must lock nobody out."""

from __future__ import annotations

from collections.abc import Iterable

from sshprobe.algorithms import AlgorithmType, in_openssh, lookup

RELEASES = ("5.3", "6.0", "6.7", "7.4", "7.9", "8.4", "9.2", "10.0")
"""OpenSSH of RHEL 6 and of Debian 7 to 13: what a fleet's clients are, one release or the next older one."""


def older_release(version: str | None) -> str:
    """The next older release of `RELEASES`; for a server that hides its version, that of the newest but one."""
    if version is None:
        return RELEASES[-2]
    older = [release for release in RELEASES if in_openssh(f"{release}+", version) and not _same(release, version)]
    return older[-1] if older else RELEASES[0]


def deaf(category: AlgorithmType, names: Iterable[str], version: str | None) -> list[str]:
    """Of the clients of a server's own release and of the next older one, those that speak none of `names`.

    As the clients come: what a release's server offers by default its client offers too (myproposal.h has one list
    for both, or a longer one for the client).
    """
    entries = [entry for name in names if (entry := lookup(category, name)) is not None]
    releases = (older_release(version), version or RELEASES[-1])
    return [release for release in releases if not any(in_openssh(entry.openssh_default, release) for entry in entries)]


def _same(release: str, version: str) -> bool:
    return bool(in_openssh(f"{release}..{release}", version))
