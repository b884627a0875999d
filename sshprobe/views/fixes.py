"""Hosts grouped by the changes that they need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Change, Platform, Remedy
from sshprobe.model.verdict import Verdict
from sshprobe.views.host_names import alias_of, software, with_alias
from sshprobe.views.host_stats import HostStats, letter, record_stats


class Group(NamedTuple):
    """Hosts of one software that need the same changes, and their grade with these."""

    software: str
    """The software of the identification: "OpenSSH_9.2p1"; empty if none was seen."""
    about: str
    """For people: "OpenSSH 9.2p1 (Debian 12)"."""
    verdict: tuple[str, str, int, bool | None]
    """Profile, letter, score and compliance before."""
    remedy: Remedy
    hosts: list[tuple[str, int]]
    names: dict[tuple[str, int], str]
    """The target of each host, if it is not its address or name."""
    aliases: dict[tuple[str, int], str]
    """The further name of each host, if it has one."""

    def places(self) -> list[str]:
        """Return "host:port" of each host, with its further name."""
        return [with_alias(endpoint(host, port), self.aliases.get((host, port))) for host, port in self.hosts]

    @property
    def changes(self) -> Sequence[Change]:
        """The changes."""
        return self.remedy.changes

    @property
    def platform(self) -> Platform | None:
        """The system of the hosts. None: changes are descriptions."""
        return self.remedy.platform


class Plan:
    """Groups hosts by their remedies. It keeps only name and port of each host."""

    def __init__(self) -> None:
        self._groups: dict[object, Group] = {}
        self.ungraded: list[tuple[str, HostStats]] = []
        """Hosts without a verdict: "host:port" with the further name, and stats."""

    def add(self, record: HostRecord, remedy: Remedy | None, verdict: Verdict | None = None) -> Group | None:
        """Add one host and return its group. `remedy` is None if it was not graded; then it has no group.

        `verdict`: the one that the remedy improves; by default the first.
        """
        verdict = verdict or (record.verdicts[0] if record.verdicts else None)
        if verdict is None or remedy is None:
            place = with_alias(endpoint(record.host, record.port), alias_of(record))
            self.ungraded.append((place, record_stats(record)))
            return None
        about = software(record.identification)
        before = (verdict.profile, letter(verdict), verdict.score, verdict.compliant)
        promise = (letter(remedy), remedy.score, remedy.compliant, tuple(remedy.left), tuple(verdict.not_observed))
        key = (about, before, remedy.platform, tuple(remedy.changes), promise)
        name = "" if record.identification is None else record.identification.software
        group = self._groups.setdefault(key, Group(name, about, before, remedy, [], {}, {}))
        group.hosts.append((record.host, record.port))
        if record.target != record.host:
            group.names[record.host, record.port] = record.target
        alias = alias_of(record)
        if alias is not None:
            group.aliases[record.host, record.port] = alias
        return group

    def groups(self) -> list[Group]:
        """Return the groups: those with changes first, the largest first. Hosts are sorted."""
        for group in self._groups.values():
            group.hosts.sort()
        return sorted(
            self._groups.values(), key=lambda g: (not g.changes, -len(g.hosts), g.verdict[2], g.about, g.hosts)
        )
