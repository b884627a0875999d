"""Builds the view of `sshprobe report --by deadline`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import msgspec

from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.views.deadline_report import DeadlineReport, DeadlineUse, ExchangeUse, Mandate
from sshprobe.views.report import ReportView, place_with_name


class Ending(NamedTuple):
    """The algorithms of a deadline that one host offers."""

    names: Sequence[str]
    """Algorithms that end then. Empty: none."""
    is_late: bool
    """Whether the day of the host is after the last day. False if the day is not known."""


Find = Callable[[HostRecord], Sequence[Ending | None]]
"""Returns the algorithms of each deadline that a host offers. None: its list was not seen."""


class DeadlineBuilder:
    """Counts hosts one by one for each deadline.

    `deadlines`: each deadline, without hosts. `find`: what a host offers of each, in their order. `mandates` and
    `exchanges` do not depend on hosts. `at`: the day of `--at`.
    """

    def __init__(
        self,
        deadlines: Sequence[DeadlineUse],
        find: Find,
        *,
        mandates: list[Mandate],
        exchanges: list[ExchangeUse],
        at: str | None,
    ) -> None:
        self._deadlines = deadlines
        self._find = find
        self._mandates, self._exchanges, self._at = mandates, exchanges, at
        self._counts: list[dict[str, int]] = [{} for _ in deadlines]
        self._hosts: list[set[str]] = [set() for _ in deadlines]
        self._late, self._not_seen = [0] * len(deadlines), [0] * len(deadlines)
        self._names: dict[str, str] = {}

    def add(self, record: HostRecord) -> None:
        """Add one host."""
        place = place_with_name(record, self._names)
        for number, ending in enumerate(self._find(record)):
            if ending is None:
                self._not_seen[number] += record.identification is not None
            elif ending.names:
                for name in ending.names:
                    self._counts[number][name] = self._counts[number].get(name, 0) + 1
                self._hosts[number].add(place)
                self._late[number] += ending.is_late

    def build(self, summary: SummaryRecord, *, servers: int) -> ReportView:
        """Return the view of all hosts so far."""
        uses = [
            msgspec.structs.replace(
                deadline,
                algorithms=dict(sorted(self._counts[number].items(), key=lambda item: (-item[1], item[0]))),
                hosts=sorted(self._hosts[number]),
                late=self._late[number],
                not_seen=self._not_seen[number],
            )
            for number, deadline in enumerate(self._deadlines)
        ]
        uses.sort(key=lambda use: (use.until, use.profile, use.category))
        report = DeadlineReport(
            at=self._at, deadlines=uses, mandates=self._mandates, exchanges=self._exchanges, summary=summary
        )
        return ReportView(report, servers, self._names)
