"""Which algorithm is offered by which hosts."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from sshprobe.model.name_lists import FIELDS
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import Severity
from sshprobe.views.host_names import name_beside, place_of

Assess = Callable[[str, str], tuple[Severity | None, str, bool]]
"""Class and name to the severity of a weakness, if it has one, words about it, and whether it is a marker."""


class AlgorithmUse(msgspec.Struct, frozen=True, kw_only=True):
    """One algorithm and the hosts that offer it, in one direction or both."""

    category: str
    """"kex", "host_key", "cipher", "mac" or "compression"."""
    algorithm: str
    severity: Severity | None
    """The severity of its weakness. None: it is not weak."""
    weakness: str
    is_marker: bool = msgspec.field(name="signal")
    """It is a marker such as "kex-strict-s-v00@openssh.com", and not an algorithm."""
    hosts: list[str]
    """"address:port", sorted."""


class AlgorithmReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by algorithm --format json`."""

    by: str = "algorithm"
    algorithms: list[AlgorithmUse]
    """By class, most hosts first."""
    summary: SummaryRecord


class AlgorithmView(msgspec.Struct, frozen=True, kw_only=True):
    """The report for programs, and what people see besides."""

    report: AlgorithmReport
    names: dict[str, str]
    """ "address:port" to the further name of the host, if it has one."""
    servers: int
    """Hosts that sent an identification."""


class AlgorithmBuilder:
    """Takes hosts one by one and keeps where each algorithm was seen."""

    def __init__(self, assess: Assess) -> None:
        self._assess = assess
        self._hosts: dict[tuple[str, str], set[str]] = {}
        self._names: dict[str, str] = {}

    def add(self, record: HostRecord) -> None:
        """Take one host."""
        place = place_of(record)
        name = name_beside(record)
        if name is not None:
            self._names.setdefault(place, name)
        for category, fields in FIELDS.items():
            for _, field in fields:
                for name in getattr(record, field) or ():
                    self._hosts.setdefault((category, name), set()).add(place)

    def build(self, summary: SummaryRecord, *, servers: int) -> AlgorithmView:
        """Return the view of all hosts so far."""
        classes: list[str] = list(FIELDS)
        uses = []
        for (category, name), hosts in self._hosts.items():
            severity, words, is_marker = self._assess(category, name)
            uses.append(
                AlgorithmUse(
                    category=category,
                    algorithm=name,
                    severity=severity,
                    weakness=words,
                    is_marker=is_marker,
                    hosts=sorted(hosts),
                )
            )
        uses.sort(key=lambda use: (classes.index(use.category), -len(use.hosts), use.algorithm))
        report = AlgorithmReport(algorithms=uses, summary=summary)
        return AlgorithmView(report=report, names=self._names, servers=servers)
