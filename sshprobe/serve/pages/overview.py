"""The first page: grades now and over time, what changed, the worst hosts. And the page of all changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sshprobe.model.errors import InputError
from sshprobe.model.verdict import GRADES
from sshprobe.render.changes.sections import Section, sections, verdict
from sshprobe.render.changes.words import note_sentences
from sshprobe.render.text.phrases import count
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.fleet.index import NOT_GRADED, FleetIndex
from sshprobe.serve.fleet.selection import select_hosts
from sshprobe.serve.pages.charts import GradePoint, grade_bars
from sshprobe.serve.pages.hosts import hosts_listing
from sshprobe.serve.pages.lists import finding_rows, findings_listing
from sshprobe.serve.pages.rendering import address_of, moment, render
from sshprobe.serve.pages.tables import Cell, Column, Listing
from sshprobe.store.history import queries
from sshprobe.views.changes import Changes

SHOWN = 10
"""Rows of the lists of the overview."""

MOST_POINTS = 60
"""The most scans of a chart."""


class ShownChanges(NamedTuple):
    """The changes since an earlier scan, for a page."""

    verdict: str
    since: str
    sections: list[Section]
    notes: list[str]


def shown_changes(changes: Changes) -> ShownChanges:
    """Return changes as texts."""
    return ShownChanges(
        verdict(changes),
        f"Since {moment(changes.old.started_at)}.",
        sections(changes, verbose=False),
        list(note_sentences(changes)),
    )


class _Tile(NamedTuple):
    number: str
    words: str
    below: str
    link: str
    mood: str


Schedules = Callable[[], Sequence[tuple[Cell, ...]]]
"""Returns a row for each scheduled scan: name, next run, last end, result."""

SCHEDULE_COLUMNS = (
    Column("scan", "Scan", heads=True),
    Column("next", "Next run"),
    Column("last", "Last run"),
    Column("result", "Result"),
)


async def overview_page(request: Request, fleet: Fleet, schedules: Schedules) -> Response:
    """Return the overview; without a scan, what to do. Raises 400 for an unknown profile."""
    index = await fleet.index()
    if not index.hosts:
        reason = "A scan is running or was interrupted before its first host." if index.scans else ""
        command = f"sshprobe scan 192.0.2.0/24 --history {fleet.database.name}"
        return render("empty.html.j2", request, title="No scans yet", command=command, reason=reason)
    profile = request.query_params.get("profile") or next(iter(index.profiles), None)
    if profile is not None and profile not in index.profiles:
        raise HTTPException(400, f"no host has a verdict of the profile {profile!r}")
    points = await asyncio.to_thread(_points, fleet, index, profile)
    changes, reason = await fleet.changes()
    worst = index.first(index.everything, "worst", profile, SHOWN)
    common = sorted(finding_rows(index, profile), key=lambda each: -each[1].hosts.bit_count())[:SHOWN]
    return render(
        "overview.html.j2",
        request,
        title="Overview",
        failure=fleet.failure,
        headline=_headline(index, profile),
        below=_below(index),
        profile=profile,
        profiles=index.profiles,
        grades=list(_grades(index, profile)),
        tiles=_tiles(index, profile),
        points=points,
        bars=grade_bars(points) if len(points) > 1 else [],
        trend=_trend(points),
        changes_title="What changed",
        changes=None if changes is None else shown_changes(changes),
        no_changes=reason,
        worst=hosts_listing(worst, profile),
        all_hosts=address_of("/hosts", profile=profile),
        common=findings_listing(common, profile),
        schedules=Listing("Scheduled scans", SCHEDULE_COLUMNS, schedules()),
    )


async def changes_page(request: Request, fleet: Fleet) -> Response:
    """Return what changed since the last scan of the same targets."""
    await fleet.index()
    changes, reason = await fleet.changes()
    shown = None if changes is None else shown_changes(changes)
    return render(
        "changes.html.j2",
        request,
        title="What changed",
        failure=fleet.failure,
        changes=shown,
        since="" if shown is None else shown.since,
        no_changes=reason,
    )


def _headline(index: FleetIndex, profile: str | None) -> str:
    failing = index.compliance.get((profile or "", "false"), 0).bit_count()
    complying = index.compliance.get((profile or "", "true"), 0).bit_count()
    unknown = index.compliance.get((profile or "", "null"), 0).bit_count()
    graded = failing + complying + unknown
    if not graded:
        return "No host was graded."
    if failing:
        does = "does" if failing == 1 else "do"
        return f"{failing:,} of {count(graded, 'graded server')} {does} not comply with {profile}."
    if unknown:
        return f"{complying:,} of {count(graded, 'graded server')} surely comply with {profile}."
    return f"All {count(graded, 'graded server')} comply with {profile}."


def _below(index: FleetIndex) -> str:
    answered = count(index.answered, "SSH server")
    return f"{count(len(index.hosts), 'host')} known, {answered}. Last scan: {moment(index.newest)}."


def _grades(index: FleetIndex, profile: str | None) -> list[tuple[str, int, float, str]]:
    counted: dict[str, int] = {letter: index.grades.get((profile or "", letter), 0).bit_count() for letter in GRADES}
    rest = len(index.hosts) - sum(counted.values())
    if rest:
        counted[NOT_GRADED] = rest
    most = max(counted.values(), default=0) or 1
    return [
        (
            "" if letter == NOT_GRADED else letter,
            hosts,
            round(100 * hosts / most, 1),
            address_of("/hosts", grade=letter, profile=profile),
        )
        for letter, hosts in counted.items()
    ]


def _tiles(index: FleetIndex, profile: str | None) -> list[_Tile]:
    def address(**filters: str) -> str:
        return address_of("/hosts", **filters, profile=profile)

    complying = index.compliance.get((profile or "", "true"), 0).bit_count()
    graded = sum(hosts.bit_count() for (of, _), hosts in index.compliance.items() if of == profile)
    severe = select_hosts(index, {"severity": "critical,high", "profile": profile or ""}).hosts
    without = index.values.get(("quantum", "false"), 0).bit_count()
    asked = without + index.values.get(("quantum", "true"), 0).bit_count()
    shared = len(index.keys)
    part = f"{100 * complying // graded} %" if graded else "-"
    return [
        _Tile(part, "comply", f"{complying:,} of {graded:,}", address(compliant="true"), "plain"),
        _Tile(
            f"{severe.bit_count():,}",
            "with a critical or high finding",
            f"of {graded:,}",
            address(severity="critical,high"),
            "bad" if severe else "fine",
        ),
        _Tile(
            f"{without:,}",
            "without post-quantum key exchange",
            f"of {asked:,}",
            address(quantum="false"),
            "warn" if without else "fine",
        ),
        _Tile(f"{shared:,}", "shared host keys", "on several hosts", "/keys", "bad" if shared else "fine"),
    ]


def _points(fleet: Fleet, index: FleetIndex, profile: str | None) -> list[GradePoint]:
    """Return the grades of the complete scans of the same targets as the newest one, the oldest first."""
    alike = fleet.alike(index, MOST_POINTS)
    if profile is None or len(alike) < 2:
        return []
    try:
        found = queries.trend(fleet.database, "grade")
    except InputError:
        return []
    return [
        GradePoint(
            scan.started_at,
            {
                letter: found.series[profile, letter].get(scan.id, 0)
                for letter in GRADES
                if (profile, letter) in found.series
            },
        )
        for scan in alike
    ]


def _trend(points: Sequence[GradePoint]) -> Listing:
    letters = [letter for letter in GRADES if any(point.grades.get(letter) for point in points)]
    rows = [
        (Cell(moment(point.started_at)), *(Cell(point.grades.get(letter, 0)) for letter in letters)) for point in points
    ]
    columns = (Column("scan", "Scan", heads=True), *(Column(letter, letter, is_number=True) for letter in letters))
    return Listing("Hosts with each grade, by scan", columns, rows)
