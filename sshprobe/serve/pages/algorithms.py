"""All offered algorithms, and who offers one of them since when."""

from __future__ import annotations

import asyncio
from urllib.parse import quote, unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.verdict import SEVERITIES
from sshprobe.render.formats.format import ReportContext
from sshprobe.render.text.phrases import count
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.fleet.index import FleetIndex
from sshprobe.serve.fleet.selection import select_hosts
from sshprobe.serve.pages.host import TYPES
from sshprobe.serve.pages.hosts import hosts_listing
from sshprobe.serve.pages.lists import HOSTS, MOST_SHOWN, Section, list_page, profile_of
from sshprobe.serve.pages.rendering import address_of, moment
from sshprobe.serve.pages.tables import Cell, Column, Listing
from sshprobe.store.history import queries


async def algorithms_page(request: Request, fleet: Fleet, context: ReportContext) -> Response:
    """Return all offered algorithms."""
    index = await fleet.index()
    return list_page(
        request,
        fleet,
        "Algorithms",
        await asyncio.to_thread(_algorithms, index, context),
        name="algorithms",
        number=count(len(index.algorithms), "algorithm"),
    )


def _algorithms(index: FleetIndex, context: ReportContext) -> Listing:
    rows = []
    for (type_, name), hosts in index.algorithms.items():
        notes = context.describe(type_, name)
        rows.append((notes.severity, type_, name, notes.weakness, hosts.bit_count()))
    rows.sort(key=lambda row: (SEVERITIES.index(row[0]) if row[0] else len(SEVERITIES), -row[4], row[2]))
    columns = (
        Column("severity", "Weakness"),
        Column("algorithm", "Algorithm", heads=True),
        Column("type", "Type", hides=True),
        Column("why", "Why", hides=True),
        HOSTS,
    )
    cells = [
        (
            Cell(severity, kind="severity"),
            Cell(name, f"/algorithms/{quote(name, safe='')}", "foreign"),
            Cell(TYPES[type_]),
            Cell(weakness or None),
            Cell(number, address_of("/hosts", algorithm=name)),
        )
        for severity, type_, name, weakness, number in rows
    ]
    return Listing("Algorithms that hosts offer", columns, cells, "No host showed its algorithms.")


async def algorithm_page(request: Request, fleet: Fleet, context: ReportContext) -> Response:
    """Return who offers an algorithm, and since when. Raises 404 if nobody does."""
    index = await fleet.index()
    name = unquote(request.path_params["name"])
    types = [type_ for type_, each in index.algorithms if each == name]
    if not types:
        raise HTTPException(404, "no host offers this algorithm")
    profile = profile_of(request, index)
    hosts = select_hosts(index, {"algorithm": name}).hosts
    listing = hosts_listing(index.first(hosts, "worst", profile, MOST_SHOWN), profile)
    trend = await asyncio.to_thread(_algorithm_trend, fleet, types[0], name)
    notes = context.describe(types[0], name)
    lines = [f"{TYPES[types[0]]}.", notes.weakness, *notes.facts]
    return list_page(
        request, fleet, name, listing, name="algorithm", number=count(hosts.bit_count(), "host"),
        sections=[Section("Hosts that offer it, by scan", trend, tuple(filter(None, lines)))],
    )  # fmt: skip


def _algorithm_trend(fleet: Fleet, type_: AlgorithmType, name: str) -> Listing:
    found = queries.trend(fleet.database, "algorithm", name=name, last=60)
    numbers = found.series.get((type_, name), {})
    rows = [
        (Cell(moment(scan.started_at), f"/scans/{scan.scan_id}"), Cell(numbers.get(scan.id, 0)))
        for scan in reversed(found.scans)
        if scan.duration_ms is not None
    ]
    return Listing("Hosts that offer it, by scan", (Column("scan", "Scan", heads=True), HOSTS), rows)
