"""The list of scans, and the page of one."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sshprobe.model.verdict import GRADES
from sshprobe.render.text.phrases import count
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.pages.lists import Section, list_page
from sshprobe.serve.pages.rendering import moment
from sshprobe.serve.pages.tables import Cell, Column, Listing
from sshprobe.store.history import queries
from sshprobe.store.history.counters import ALL
from sshprobe.store.history.queries import Scan

MOST_SCANS = 500
"""The most scans of the list."""


def _ended(scan: Scan) -> str:
    if scan.duration_ms is None:
        return "running or killed"
    return "complete" if scan.complete else "interrupted"


async def scans_page(request: Request, fleet: Fleet) -> Response:
    """Return the scans, the newest first."""
    index = await fleet.index()
    rows = [
        (
            Cell(moment(scan.started_at), f"/scans/{scan.scan_id}", "time"),
            Cell(scan.scan_id, kind="code"),
            Cell(scan.hosts),
            Cell(None if scan.duration_ms is None else round(scan.duration_ms / 1000)),
            Cell(_ended(scan)),
        )
        for scan in index.scans[:MOST_SCANS]
    ]
    columns = (
        Column("started", "Started", heads=True),
        Column("scan", "Scan", hides=True),
        Column("hosts", "Hosts", is_number=True),
        Column("seconds", "Seconds", is_number=True, hides=True),
        Column("end", "End"),
    )
    listing = Listing("Scans", columns, rows)
    return list_page(request, fleet, "Scans", listing, name="scans", number=count(len(index.scans), "scan"))


async def scan_page(request: Request, fleet: Fleet) -> Response:
    """Return one scan. Raises 404 for an unknown one."""
    index = await fleet.index()
    scan = next((each for each in index.scans if each.scan_id == request.path_params["scan"]), None)
    if scan is None:
        raise HTTPException(404, "this history has no such scan")
    header, counted = await asyncio.to_thread(_scan_facts, fleet, scan)
    listing = Listing(
        "Grades and answers",
        (
            Column("kind", "What"),
            Column("of", "Of"),
            Column("value", "Value"),
            Column("hosts", "Hosts", is_number=True),
        ),
        counted,
    )
    lines = (
        f"sshprobe {' '.join(header.arguments)}",
        f"{count(scan.hosts, 'host')}, {_ended(scan)}, by {header.tool}",
    )
    return list_page(
        request, fleet, f"Scan of {moment(scan.started_at)}", listing, name=f"scan-{scan.scan_id}",
        sections=[Section("Command", Listing("", (), [], empty=""), lines)],
    )  # fmt: skip


def _scan_facts(fleet: Fleet, scan: Scan) -> tuple[Any, list[tuple[Cell, ...]]]:
    header, _ = queries.header_of(fleet.database, scan)
    rows = [
        (key.kind, key.scope, key.name, hosts)
        for key, hosts in queries.counters(fleet.database, scan, ALL).items()
        if key.kind in ("status", "grade", "compliant")
    ]
    order = {"status": 0, "grade": 1, "compliant": 2}
    rows.sort(key=lambda row: (order[row[0]], row[1], GRADES.index(row[2]) if row[2] in GRADES else 0, row[2]))
    return header, [(Cell(kind), Cell(scope or None), Cell(name), Cell(hosts)) for kind, scope, name, hosts in rows]
