"""The list of hosts."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sshprobe.render.text.phrases import count
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.fleet.index import NOT_GRADED, FleetIndex
from sshprobe.serve.fleet.orders import Host
from sshprobe.serve.fleet.selection import CursorGone, Selection, WrongParameter, page_of, select_hosts
from sshprobe.serve.pages.rendering import host_path, moment, render
from sshprobe.serve.pages.tables import Cell, Column, Listing, exported

PER_PAGE = 50
"""Hosts on a page. A row takes 0.1 ms of CPU."""

MOST_EXPORTED = 100_000
"""The most hosts in one CSV or JSON file."""

_COLUMNS = (
    Column("grade", "Grade", sort="worst"),
    Column("host", "Host", sort="host", heads=True),
    Column("address", "Address", hides=True),
    Column("software", "Software", sort="software", hides=True),
    Column("score", "Score", is_number=True, hides=True),
    Column("compliant", "Complies", hides=True),
    Column("severity", "Worst"),
    Column("finding", "Finding"),
    Column("labels", "Labels", hides=True),
    Column("seen", "Seen", sort="seen", hides=True),
)


class _Field(NamedTuple):
    """A field of a form."""

    name: str
    title: str
    value: str
    choices: list[tuple[str, str]] = []  # noqa: RUF012 - never changed
    hint: str = ""


class _Chip(NamedTuple):
    """A filter without a field, and the address without it."""

    title: str
    value: str
    without: str


def hosts_listing(hosts: Iterable[Host], profile: str | None, sort: str = "") -> Listing:
    """Return hosts as a list."""
    rows = []
    for host in hosts:
        verdict, worst = host.verdict_of(profile), host.worst(profile)
        about = "" if worst is None else f"{worst.algorithm}: {worst.message}" if worst.algorithm else worst.message
        rows.append(
            (
                Cell(None if verdict is None else _letter(verdict.grade, verdict.grade_is_partial), kind="grade"),
                Cell(host.id, host_path(host), "foreign"),
                Cell(host.address, kind="foreign"),
                Cell(host.software or None, kind="foreign"),
                Cell(None if verdict is None else verdict.score),
                Cell(None if verdict is None else _complies(verdict.compliant)),
                Cell(None if worst is None else worst.severity, kind="severity"),
                Cell(about or (None if verdict else host.seen.error or host.seen.status), kind="foreign"),
                Cell(" ".join(host.judged.labels) or None, kind="foreign"),
                Cell(moment(host.scan.started_at), kind="time"),
            )
        )
    return Listing("Hosts", _COLUMNS, rows, "No host matches.", sort)


def _letter(grade: str, partial: bool) -> str:
    return f"{grade}?" if partial else grade


def _complies(compliant: bool | None) -> str:
    return {True: "yes", False: "no", None: "unknown"}[compliant]


async def hosts_page(request: Request, fleet: Fleet) -> Response:
    """Return the list of hosts. Raises 400 for a wrong filter."""
    index = await fleet.index()
    parameters = dict(request.query_params)
    form = parameters.get("format", "")
    limit = MOST_EXPORTED if form else PER_PAGE
    try:
        chosen = select_hosts(index, parameters)
        page = page_of(index, chosen, limit=limit, cursor=parameters.get("after") or None)
    except WrongParameter as error:
        raise HTTPException(400, str(error)) from None
    except CursorGone:
        raise HTTPException(400, "the list has changed: begin with the first page") from None
    if form:
        download = await asyncio.to_thread(
            lambda: exported(hosts_listing(page.hosts, chosen.profile), form, "hosts")  # seconds for 100,000 hosts
        )
        if download is not None:
            return download
    listing = hosts_listing(page.hosts, chosen.profile, chosen.sort)

    def address(**other: str | None) -> str:
        return f"/hosts?{chosen.query(**other)}"

    return render(
        "list.html.j2",
        request,
        title="Hosts",
        failure=fleet.failure,
        count=f"{page.total:,} of {count(len(index.hosts), 'host')}",
        intro="",
        fields=_fields(index, chosen),
        hidden=[("sort", chosen.sort), *((name, chosen.filters[name]) for name in _CHIPS if name in chosen.filters)],
        clear=f"/hosts?{Selection(chosen.profile, chosen.sort, {}, 0).query()}" if chosen.filters else "",
        chips=[
            _Chip(title, chosen.filters[name], address(**{name: None}))
            for name, title in _CHIPS.items()
            if name in chosen.filters
        ],
        listing=listing,
        sort_link=lambda sort: address(sort=_other_way(sort, chosen.sort)),
        first_link=address() if "after" in parameters else "",
        next_link=address(after=page.cursor) if page.cursor else "",
        export_link=lambda form: address(format=form),
        sections=[],
    )


_CHIPS = {
    "finding": "Finding",
    "algorithm": "Algorithm",
    "key": "Host key",
    "software": "Software",
    "severity": "Severity",
    "quantum": "Post-quantum key exchange",
}
"""Filters without a field in the form."""


def _other_way(sort: str, now: str) -> str:
    return "best" if sort == "worst" and now == "worst" else sort


def _fields(index: FleetIndex, chosen: Selection) -> list[_Field]:
    def values(kind: str) -> list[tuple[str, str]]:
        found = sorted(
            (value, hosts.bit_count()) for (of, value), hosts in index.values.items() if of == kind and value
        )
        return [(value, f"{value} ({number:,})") for value, number in found[:200]]

    filters = chosen.filters
    grades = [
        (each, f"{each} ({index.grades.get((chosen.profile or '', each), 0).bit_count():,})")
        for each in ("A+", "A", "B", "C", "D", "F")
    ]
    fields = [
        _Field("q", "Text", filters.get("q", ""), hint="name, address, software"),
        _Field("grade", "Grade", filters.get("grade", ""), [("", "any"), *grades, (NOT_GRADED, "not graded")]),
        _Field(
            "compliant", "Complies", filters.get("compliant", ""),
            [("", "any"), ("true", "yes"), ("false", "no"), ("null", "unknown")],
        ),
        _Field("status", "Answer", filters.get("status", ""), [("", "any"), *values("status")]),
        _Field("network", "Network", filters.get("network", ""), hint="192.0.2.0/24"),
    ]  # fmt: skip
    labels = values("label")
    if labels:
        fields.insert(3, _Field("label", "Label", filters.get("label", ""), [("", "any"), *labels]))
    if len(index.profiles) > 1:
        fields.insert(0, _Field("profile", "Profile", chosen.profile or "", [(each, each) for each in index.profiles]))
    return fields
