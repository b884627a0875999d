"""Hosts that need the same changes, together."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sshprobe.model.escape import escape_unprintable
from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Change, Platform, Remedy
from sshprobe.model.verdict import Verdict
from sshprobe.render.text.phrases import count, status
from sshprobe.views.host import letter, software
from sshprobe.views.host_names import alias_of, with_alias

KEEP_A_SESSION = "Keep a session open until a new login has worked."
UNLESS = (
    "That holds unless something counts before these lines: a Match block, or an option on sshd's command line "
    "(`ps ax | grep sshd`; Red Hat 8 gives it the crypto policy of /etc/sysconfig/sshd)."
)
OTHER_KEYS = (
    "And where {} is the key in use: if `sshd -T | grep -i ^hostkey` shows another file, take that one in its place."
)
WIDTH = 118


class Group(NamedTuple):
    """Hosts of one software that need the same, and what they come to."""

    software: str
    """The word of the identification: "OpenSSH_9.2p1"; empty where none was seen."""
    about: str
    """For people: "OpenSSH 9.2p1 (Debian 12)"."""
    verdict: tuple[str, str, int, bool | None]
    """Profile, letter, score and compliance before."""
    remedy: Remedy
    hosts: list[tuple[str, int]]
    names: dict[tuple[str, int], str]
    """What an inventory calls a host, where that is not its address or name."""
    aliases: dict[tuple[str, int], str]
    """The same, without networks and what else is no name."""

    def places(self) -> list[str]:
        """Return hosts and ports in words, each with what it is called."""
        return [with_alias(endpoint(host, port), self.aliases.get((host, port))) for host, port in self.hosts]

    @property
    def changes(self) -> Sequence[Change]:
        """The changes."""
        return self.remedy.changes

    @property
    def platform(self) -> Platform | None:
        """Where lines and commands belong; None: changes are in words."""
        return self.remedy.platform


class Plan:
    """Takes hosts with what fixes them, and groups them. Memory grows with the hosts: a name and a port of each."""

    def __init__(self) -> None:
        self._groups: dict[object, Group] = {}
        self.ungraded: list[tuple[str, str]] = []
        """Hosts with their ports, and what became of them."""

    def add(self, record: HostRecord, remedy: Remedy | None) -> None:
        """Take one host; None: it was not graded."""
        verdict: Verdict | None = record.verdicts[0] if record.verdicts else None
        if verdict is None or remedy is None:
            place = with_alias(endpoint(record.host, record.port), alias_of(record))
            self.ungraded.append((place, status(record)))
            return
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

    def groups(self) -> list[Group]:
        """Those with something to change first, the largest first; hosts in order."""
        for group in self._groups.values():
            group.hosts.sort()
        return sorted(
            self._groups.values(), key=lambda g: (not g.changes, -len(g.hosts), g.verdict[2], g.about, g.hosts)
        )


def comment(lines: Iterable[str]) -> list[str]:
    """Comments of a shell, of sshd_config and of YAML, in which what a server said can do nothing."""
    return [f"# {escape_unprintable(line)}".rstrip() for line in lines]


def is_windows(group: Group) -> bool:
    """Whether the hosts say that they are OpenSSH of Windows."""
    return group.software.startswith("OpenSSH_for_Windows")


def not_for(group: Group) -> str:
    """Why there are no lines for /etc/ssh/sshd_config."""
    if is_windows(group):
        return "no /etc/ssh on Windows"
    if group.software.startswith("OpenSSH"):
        return "no OpenSSH that a known system calls so: it may have no /etc/ssh, and no shell"
    return "no OpenSSH, which alone has sshd_config"


def answer(compliant: bool | None) -> str:
    """Compliance in words."""
    return {True: "compliant", False: "not compliant", None: "not all was seen"}[compliant]


def heading(group: Group) -> Iterator[str]:
    """For whom it is, where they stand, and what it comes to: lines for a comment."""
    profile, grade, score, compliant = group.verdict
    names = group.places()
    who = names[0] if len(names) == 1 else f"these {count(len(names), 'host')}"
    about = f", {group.about}" if group.about else ""
    yield from wrapped(f"For {who}{about}: {grade} ({score}) under {profile}, {answer(compliant)}.")
    if len(names) > 1:
        yield from wrapped(" ".join(names), indent="  ", first="  ")
    remedy = group.remedy
    if not remedy.changes:
        yield "Nothing to change." if not remedy.left else "Nothing that a change of the configuration could fix."
    else:
        yield f"With these changes: {letter(remedy)} ({remedy.score}), {answer(remedy.compliant)}."
        if remedy.platform is not None:
            yield from wrapped(UNLESS)
            files = [change.key.file for change in remedy.changes if change.key is not None and change.key.replaces]
            if files:
                yield from wrapped(OTHER_KEYS.format(" and ".join(files)))


def cautions(group: Group) -> Iterator[str]:
    """What has to be so before anything is applied, each once."""
    yield from dict.fromkeys(_sentence(change.caution) for change in group.changes if change.caution)
    if group.changes:
        yield KEEP_A_SESSION


def left(group: Group) -> Iterator[str]:
    """What stays, for a comment."""
    if group.remedy.left:
        yield "This leaves:" if group.changes else "To change by hand:"
        for line in group.remedy.left:
            yield from wrapped(line, indent="    ", first="  ")


def ungraded(plan: Plan) -> Iterator[str]:
    """Hosts without a verdict, for a comment."""
    for place, words in plan.ungraded:
        yield f"Not graded: {place}, {words}."


def wrapped(text: str, *, indent: str = "", first: str = "") -> list[str]:
    """Lines of a comment."""
    return textwrap.wrap(
        escape_unprintable(text), WIDTH, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
