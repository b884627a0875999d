"""Many hosts as one view: rows for the worst, and counts of all. Memory depends on the rows, not the hosts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain, groupby, islice
from operator import itemgetter

import msgspec

from sshprobe.model.observation import endpoint
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.views.host_names import Place, alias_of, natural_order
from sshprobe.views.host_stats import HostStats, Subject, letter, record_stats, status_matters, worst_first

SHOWN = 100
"""The most rows of hosts that answered. The worst ones are kept."""

SHOWN_VERBOSE = 1000
"""The same with -v, and as many rows of hosts that gave no answer."""

_SHOWN_SILENT = 10
"""Up to this many silent or excluded hosts have rows; if there are more, they are only counted."""

_COUNTED_SUBJECTS = 4096
"""The most counted subjects, because servers can invent endless names."""

_MOST_COMMON = 3

SILENT = frozenset({"refused", "unreachable", "timeout", "excluded", "dns_error"})
"""Statuses of hosts that gave no answer or were excluded."""

_key = itemgetter(0)


class FleetRow(msgspec.Struct, frozen=True):
    """One host. Similar hosts share their `stats`."""

    target: str
    host: str
    port: int
    stats: HostStats


class FleetView(msgspec.Struct, frozen=True, kw_only=True):
    """Many hosts, worst first, and their common properties."""

    summary: SummaryRecord
    profiles: list[str]
    """Ids. The first one decides the order of rows."""
    rows: list[FleetRow]
    """The worst hosts first; those without a verdict last."""
    hidden: int
    """The number of hosts without a row, none worse than a host with a row."""
    hidden_silent: int
    """Hosts that have no row because they gave no answer or were excluded."""
    excluded: int
    servers: int
    """Hosts that sent an identification."""
    partial: int
    """Graded hosts with a partial letter: something that can cost points was not seen."""
    one_user: int
    """Graded hosts that showed the authentication methods of only their first user."""
    common: list[tuple[Subject, int]]
    """The three most common subjects of findings, and all that tie with the third, with their number of hosts."""


class _FirstRows:
    """Keeps the first `limit` rows and counts all."""

    def __init__(self, limit: int) -> None:
        self.count = 0
        self.bar: tuple[object, ...] | None = None
        """Rows with a key of this or above are not among the first."""
        self._limit = limit
        self._rows: list[tuple[tuple[object, ...], FleetRow]] = []

    def add(self, key: tuple[object, ...], row: FleetRow) -> None:
        """Keep a row. Sorting once for many rows is cheaper than a heap."""
        self._rows.append((key, row))
        if len(self._rows) >= 2 * self._limit:
            self._rows = self.rows()
            self.bar = self._rows[-1][0]

    def rows(self) -> list[tuple[tuple[object, ...], FleetRow]]:
        """Return keys and rows in order, independent of the order of arrival."""
        ordered = sorted(self._rows, key=_key)
        groups = (list(group) for _, group in groupby(ordered, key=_key))
        # The second key costs more than the first, and only equal rows need it.
        rows = chain.from_iterable(
            group if len(group) == 1 else sorted(group, key=lambda each: _order_at_one_place(each[1]))
            for group in groups
        )
        return list(islice(rows, self._limit))


class FleetBuilder:
    """Collects hosts as they finish and keeps rows of the worst ones. `verbose`: more rows."""

    def __init__(self, *, verbose: bool = False) -> None:
        self._verbose = verbose
        self._rows = _FirstRows(SHOWN_VERBOSE if verbose else SHOWN)
        self._silent = _FirstRows(SHOWN_VERBOSE if verbose else _SHOWN_SILENT)
        self._excluded = self._servers = self._partial = self._one_user = 0
        self._profiles: dict[str, None] = {}
        self._common: Counter[Subject] = Counter()

    def add(self, record: HostRecord) -> None:
        """Add one host."""
        self.add_alike(record_stats(record), [record])

    def add_alike(self, stats: HostStats, hosts: Sequence[Place]) -> None:
        """Add hosts that share their stats."""
        number = len(hosts)
        self._servers += number * stats.answered
        self._excluded += number * (stats.status == "excluded")
        rows = self._rows
        if stats.verdicts:
            partial = False
            for each in stats.verdicts:
                self._profiles[each.profile] = None
                partial = partial or each.grade_is_partial
            self._partial += number * partial
            self._one_user += number * stats.one_user
            for subject in (*stats.verdicts[0].subjects, *stats.fleet):
                self._common[subject] += number
            if len(self._common) > _COUNTED_SUBJECTS:
                self._common = Counter(dict(self._common.most_common(_COUNTED_SUBJECTS // 2)))
        elif stats.status in SILENT:
            rows = self._silent
            if not self._verbose:
                hosts = hosts[: max(0, _SHOWN_SILENT - rows.count)]  # more are not listed
        rows.count += number
        order = worst_first(stats)
        for host in hosts:
            if rows.bar is not None and rows.bar < order:
                break  # the other hosts sort after this one
            key = (*order, natural_order(host.host if host.port == 22 else endpoint(host.host, host.port)))
            if rows.bar is None or key < rows.bar:
                rows.add(key, FleetRow(host.target, host.host, host.port, stats))

    def build(self, summary: SummaryRecord) -> FleetView:
        """Return the view of all hosts so far."""
        rows = self._rows.rows()
        silent = self._silent.rows() if self._verbose or self._silent.count <= _SHOWN_SILENT else []
        least = min((number for _, number in self._common.most_common(_MOST_COMMON)), default=0)
        return FleetView(
            summary=summary,
            profiles=list(self._profiles),
            rows=[row for _, row in sorted([*rows, *silent], key=_key)],
            hidden=self._rows.count - len(rows),
            hidden_silent=self._silent.count - len(silent),
            excluded=self._excluded,
            servers=self._servers,
            partial=self._partial,
            one_user=self._one_user,
            common=[(subject, number) for subject, number in self._common.most_common() if number >= least],
        )


def _order_at_one_place(row: FleetRow) -> tuple[str, ...]:
    """Return a key for rows of one host and port, such as the addresses of a name."""
    stats = row.stats
    if not stats.verdicts:
        return alias_of(row) or "", stats.software, repr(stats)
    status = stats.status if status_matters(stats) else ""
    return status, letter(stats.verdicts[0]), alias_of(row) or "", stats.software, repr(stats)
