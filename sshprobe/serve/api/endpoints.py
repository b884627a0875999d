"""The endpoints of the API as a table: path, parameters, document, and the function that makes it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from starlette.exceptions import HTTPException

from sshprobe.serve.api import answers
from sshprobe.serve.api.answers import HostRow, ScanRow
from sshprobe.serve.api.parameters import CURSOR, DEFAULT_LIMIT, FILTERS, LIMIT, PROFILE, SORT, Parameter
from sshprobe.serve.fleet.holder import MOST_COMPARED, Fleet
from sshprobe.serve.fleet.index import FleetIndex
from sshprobe.serve.fleet.orders import Host
from sshprobe.serve.fleet.records import periods_of, record_of
from sshprobe.serve.fleet.selection import CursorGone, WrongParameter, page_of, select_hosts
from sshprobe.serve.pages.lists import finding_rows
from sshprobe.store.history import queries
from sshprobe.store.history.counters import ALL, KINDS, Kind
from sshprobe.store.history.queries import Scan
from sshprobe.views.changes import Changes

MOST_POINTS = 20_000
"""The most points of a trend."""


class Call(NamedTuple):
    """A checked request."""

    fleet: Fleet
    hosts: FleetIndex
    path: dict[str, str]
    """The parts of the path."""
    query: dict[str, Any]
    """The parameters."""


class Endpoint(NamedTuple):
    """One endpoint. It answers GET."""

    path: str
    summary: str
    answer: type
    """The type of the document."""
    make: Callable[[Call], Any]
    """Makes the document, in a thread. Raises `HTTPException`."""
    parameters: tuple[Parameter, ...] = ()


def _hosts(call: Call) -> answers.HostList:
    query = dict(call.query)
    limit, cursor = query.pop("limit", DEFAULT_LIMIT), query.pop("cursor", None)
    try:
        chosen = select_hosts(call.hosts, query)
        page = page_of(call.hosts, chosen, limit=limit, cursor=cursor)
    except WrongParameter as error:
        raise HTTPException(400, str(error)) from None
    except CursorGone:
        raise HTTPException(410, "the list has changed at this cursor: begin again without a cursor") from None
    rows = [HostRow.of(host, chosen.profile) for host in page.hosts]
    return answers.HostList(total=page.total, hosts=rows, next=page.cursor)


def _found(call: Call) -> list[Host]:
    found = call.hosts.find(call.path["host"])
    if not found:
        raise HTTPException(404, "this history has no such host")
    return found


def _host(call: Call) -> answers.HostAnswer:
    found = _found(call)
    return answers.HostAnswer(host=found[0].id, records=[record_of(call.fleet.database, host) for host in found])


def _timeline(call: Call) -> answers.Timeline:
    found = _found(call)
    rows = [
        answers.PeriodRow(
            first_seen_at=period.oldest.scan.started_at,
            last_seen_at=period.newest.scan.started_at,
            scan=period.newest.scan.scan_id,
            scans=period.scans,
            address=period.newest.address,
        )
        for host in found
        for period in periods_of(call.fleet.database, host)
    ]
    return answers.Timeline(host=found[0].id, periods=rows)


def _scan_row(scan: Scan) -> ScanRow:
    return ScanRow(
        scan=scan.scan_id,
        started_at=scan.started_at,
        duration_ms=scan.duration_ms,
        hosts=scan.hosts,
        complete=scan.complete,
    )


def _scans(call: Call) -> answers.ScanList:
    limit = call.query.get("limit", DEFAULT_LIMIT)
    return answers.ScanList(scans=[_scan_row(scan) for scan in call.hosts.scans[:limit]])


def _one_scan(index: FleetIndex, scan_id: str) -> Scan:
    scan = next((each for each in index.scans if each.scan_id == scan_id), None)
    if scan is None:
        raise HTTPException(404, "this history has no such scan")
    return scan


def _scan(call: Call) -> answers.ScanAnswer:
    scan = _one_scan(call.hosts, call.path["scan"])
    header, _ = queries.header_of(call.fleet.database, scan)
    counted = queries.counters(call.fleet.database, scan, ALL)
    rows = [
        answers.CountRow(of=key.kind, scope=key.scope, name=key.name, hosts=hosts)
        for key, hosts in sorted(counted.items())
    ]
    return answers.ScanAnswer(scan=_scan_row(scan), arguments=header.arguments, saved=header.saved, counts=rows)


def _findings(call: Call) -> answers.FindingList:
    profile = call.query.get("profile") or next(iter(call.hosts.profiles), None)
    if profile is not None and profile not in call.hosts.profiles:
        raise HTTPException(400, "no host has a verdict of this profile")
    rows = [
        answers.FindingCount(
            finding=key.id,
            algorithm=key.algorithm,
            severity=row.severity,
            message=row.finding.message,
            hosts=row.hosts.bit_count(),
        )
        for key, row in finding_rows(call.hosts, profile)
    ]
    return answers.FindingList(profile=profile, findings=rows)


def _algorithms(call: Call) -> answers.AlgorithmList:
    rows = [
        answers.AlgorithmCount(type=type_, name=name, hosts=hosts.bit_count())
        for (type_, name), hosts in call.hosts.algorithms.items()
    ]
    return answers.AlgorithmList(algorithms=sorted(rows, key=lambda row: (-row.hosts, row.type, row.name)))


def _profiles(call: Call) -> answers.ProfileList:
    def number(profile: str, word: str) -> int:
        return call.hosts.compliance.get((profile, word), 0).bit_count()

    rows = [
        answers.ProfileCount(
            profile=each, comply=number(each, "true"), differ=number(each, "false"), unknown=number(each, "null")
        )
        for each in call.hosts.profiles
    ]
    return answers.ProfileList(profiles=rows)


def _trend(call: Call) -> answers.TrendAnswer:
    kind: Kind = call.query["of"]
    found = queries.trend(
        call.fleet.database,
        kind,
        name=call.query.get("name"),
        label=call.query.get("label", ""),
        last=call.query.get("limit", DEFAULT_LIMIT),
    )
    points = [
        answers.TrendPoint(scan=scan.scan_id, started_at=scan.started_at, scope=scope, name=name, hosts=hosts)
        for scan in found.scans
        for (scope, name), numbers in sorted(found.series.items())
        if (hosts := numbers.get(scan.id))
    ]
    if len(points) > MOST_POINTS:
        raise HTTPException(400, f"these are more than {MOST_POINTS:,} points: give `name`, or a lower `limit`")
    return answers.TrendAnswer(points=points)


def _diff(call: Call) -> Changes:
    new = _one_scan(call.hosts, call.query["new"])
    old = _one_scan(call.hosts, call.query["old"]) if "old" in call.query else None
    if max(new.hosts, old.hosts if old else 0) > MOST_COMPARED:
        raise HTTPException(400, f"with more than {MOST_COMPARED:,} hosts, use `sshprobe diff --history`")
    return call.fleet.compare(new.scan_id, None if old is None else old.scan_id)


ENDPOINTS = (
    Endpoint("/hosts", "Hosts in their last scan.", answers.HostList, _hosts, (PROFILE, SORT, LIMIT, CURSOR, *FILTERS)),
    Endpoint("/hosts/{host}", "The record of a host.", answers.HostAnswer, _host),
    Endpoint("/hosts/{host}/timeline", "How a host changed.", answers.Timeline, _timeline),
    Endpoint("/findings", "Findings, and how many hosts have each.", answers.FindingList, _findings, (PROFILE,)),
    Endpoint("/algorithms", "Algorithms, and how many hosts offer each.", answers.AlgorithmList, _algorithms),
    Endpoint("/profiles", "Profiles, and how many hosts comply.", answers.ProfileList, _profiles),
    Endpoint("/scans", "Scans, the newest first.", answers.ScanList, _scans, (LIMIT,)),
    Endpoint("/scans/{scan}", "One scan and its counters.", answers.ScanAnswer, _scan),
    Endpoint(
        "/trend",
        "Counters of one kind over the last scans.",
        answers.TrendAnswer,
        _trend,
        (
            Parameter("of", "What is counted.", KINDS, is_required=True),
            Parameter("name", "Only this status, letter, finding or algorithm."),
            Parameter("label", "Only hosts with this label."),
            LIMIT,
        ),
    ),
    Endpoint(
        "/diff",
        "What changed between two scans.",
        Changes,
        _diff,
        (
            Parameter("new", "Id of the new scan.", is_required=True),
            Parameter("old", "Id of the old scan. By default the last one of the same targets."),
        ),
    ),
)
"""All endpoints that read."""
