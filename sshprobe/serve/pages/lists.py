"""Lists over all hosts: findings, algorithms, host keys, deadlines, profiles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.verdict import SEVERITIES
from sshprobe.profiles import available_profiles, load_profile
from sshprobe.render.formats.format import ReportContext
from sshprobe.render.text.fleet_phrases import mandate_sentences
from sshprobe.render.text.phrases import count
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.fleet.index import FindingKey, FindingRow, FleetIndex
from sshprobe.serve.fleet.selection import select_hosts
from sshprobe.serve.pages.hosts import hosts_listing
from sshprobe.serve.pages.rendering import address_of, moment, render
from sshprobe.serve.pages.tables import Cell, Column, Listing, exported
from sshprobe.views.deadline_report import Deadlines

HOSTS = Column("hosts", "Hosts", is_number=True)

MOST_SHOWN = 50
"""The most hosts on the page of a finding or an algorithm."""

Name = tuple[AlgorithmType, str]
"""Type and name of an algorithm."""


class Section(NamedTuple):
    """A second list on a page."""

    title: str
    listing: Listing
    lines: tuple[str, ...] = ()


def list_page(
    request: Request,
    fleet: Fleet,
    title: str,
    listing: Listing,
    *,
    name: str,
    number: str = "",
    intro: str = "",
    sections: Iterable[Section] = (),
) -> Response:
    """Return a page with one list, or the list as a file. `name`: of the file."""
    download = exported(listing, request.query_params.get("format", ""), name)
    if download is not None:
        return download
    parameters = {each: value for each, value in request.query_params.items() if each != "format"}
    return render(
        "list.html.j2",
        request,
        title=title,
        failure=fleet.failure,
        count=number,
        intro=intro,
        fields=[],
        hidden=[],
        chips=[],
        listing=listing,
        sort_link=None,
        first_link="",
        next_link="",
        export_link=lambda form: address_of(request.url.path, **parameters, format=form),
        sections=list(sections),
    )


# -- findings -----------------------------------------------------------------------------------------------------


def finding_rows(index: FleetIndex, profile: str | None) -> list[tuple[FindingKey, FindingRow]]:
    """Return the findings under a profile and across the fleet: the worst first, then those of most hosts."""
    found = [(key, row) for (of, key), row in index.findings.items() if of in (profile, "")]
    return sorted(found, key=lambda each: (SEVERITIES.index(each[1].severity), -each[1].hosts.bit_count(), each[0]))


def findings_listing(rows: Iterable[tuple[FindingKey, FindingRow]], profile: str | None) -> Listing:
    """Return findings as a list."""
    columns = (
        Column("severity", "Severity"),
        Column("finding", "Finding", heads=True),
        Column("algorithm", "Algorithm"),
        Column("message", "Message", hides=True),
        HOSTS,
    )
    return Listing(
        "Findings",
        columns,
        [
            (
                Cell(row.severity, kind="severity"),
                Cell(key.id, f"/findings/{quote(key.id)}", "code"),
                Cell(key.algorithm or None, kind="foreign"),
                Cell(row.finding.message, kind="foreign"),
                Cell(row.hosts.bit_count(), address_of("/hosts", finding=_filter(key), profile=profile)),
            )
            for key, row in rows
        ],
        "No host has a finding above a note.",
    )


def _filter(key: FindingKey) -> str:
    return f"{key.id} {key.algorithm}" if key.algorithm else key.id


def profile_of(request: Request, index: FleetIndex) -> str | None:
    """Return the profile that a request names, or the first."""
    named = request.query_params.get("profile")
    return named if named in index.profiles else next(iter(index.profiles), None)


async def findings_page(request: Request, fleet: Fleet) -> Response:
    """Return all findings."""
    index = await fleet.index()
    profile = profile_of(request, index)
    rows = finding_rows(index, profile)
    listing = findings_listing(rows, profile)
    return list_page(
        request, fleet, "Findings", listing, name="findings", number=count(len(rows), "finding"),
        intro=f"Under {profile}, and across the fleet." if profile else "",
    )  # fmt: skip


async def finding_page(request: Request, fleet: Fleet, context: ReportContext) -> Response:
    """Return what a finding means, and the hosts that have it. Raises 404 for an unknown one."""
    index = await fleet.index()
    id_ = unquote(request.path_params["finding"])
    text = context.explain(id_)
    profile = profile_of(request, index)
    rows = [(key, row) for key, row in finding_rows(index, profile) if key.id == id_]
    if text is None and not rows:
        raise HTTPException(404, "there is no such finding")
    hosts = select_hosts(index, {"finding": id_, "profile": profile or ""}).hosts
    listing = hosts_listing(index.first(hosts, "worst", profile, MOST_SHOWN), profile)
    about = () if text is None else tuple(filter(None, (text.title, text.meaning, text.why, text.fix)))
    return list_page(
        request, fleet, id_, listing, name=id_, number=count(hosts.bit_count(), "host"),
        sections=[Section("On which algorithms", findings_listing(rows, profile), about)],
    )  # fmt: skip


# -- keys, deadlines, profiles -------------------------------------------------------------------------------------


async def keys_page(request: Request, fleet: Fleet) -> Response:
    """Return the host keys that several hosts have, and those that changed lately."""
    index = await fleet.index()
    shared = list(index.keys.items())
    columns = (
        Column("fingerprint", "Fingerprint", heads=True),
        Column("type", "Type", hides=True),
        Column("bits", "Bits", is_number=True, hides=True),
        HOSTS,
    )
    listing = Listing(
        "Host keys of several hosts",
        columns,
        [
            (
                Cell(fingerprint, address_of("/hosts", key=fingerprint), "code"),
                Cell(key.type, kind="foreign"),
                Cell(key.bits),
                Cell(hosts.bit_count()),
            )
            for fingerprint, (key, hosts) in (shared if "format" in request.query_params else shared[:MOST_SHOWN])
        ],
        "No key was seen on several hosts.",
    )
    changed = await fleet.key_changes()
    rows = [
        (Cell(f"{name}:{port}", f"/hosts/{quote(name, safe=':')}:{port}", "foreign"), Cell(moment(when)))
        for (name, port), when in (changed or [])[:MOST_SHOWN]
    ]
    of_changes = (Column("host", "Host", heads=True), Column("changed", "First scan with another key"))
    busy = "The history is being searched for changed keys. Load this page again in a few seconds."
    more = Listing("Changed host keys", of_changes, rows, busy if changed is None else "No host key changed.")
    return list_page(
        request, fleet, "Host keys", listing, name="keys", number=count(len(shared), "shared key"),
        intro="Keys that several hosts have: one machine with several addresses, or clones of one image."
        + (f" Here are the first {MOST_SHOWN}; the files have all." if len(shared) > MOST_SHOWN else ""),
        sections=[Section("Changed keys, the newest first", more)],
    )  # fmt: skip


@lru_cache(maxsize=2)
def _deadlines(compute: Callable[[Iterable[Name]], Deadlines], names: frozenset[Name]) -> Deadlines:
    """Return the dates of algorithms. They take 50 ms, and change only with the names."""
    return compute(names)


async def deadlines_page(request: Request, fleet: Fleet, context: ReportContext) -> Response:
    """Return the dates of documents, and how many hosts offer what ends then."""
    index = await fleet.index()
    dates = await asyncio.to_thread(_deadlines, context.deadlines, frozenset(index.algorithms))
    rows = []
    for use in dates.deadlines:
        hosts = 0
        for name in use.algorithms:
            hosts |= index.algorithms.get((use.category, name), 0)
        names = list(use.algorithms)
        shown = ", ".join(names[:4]) + (f" and {len(names) - 4} more" if len(names) > 4 else "")
        rows.append(
            (
                Cell(use.until),
                Cell(use.profile, below=f"{use.document}, {use.where}{'' if use.checked else ' [not verified]'}"),
                Cell(f"{shown}{' (advice)' if use.only_advises else ''}"),
                Cell(hosts.bit_count()),
            )
        )
    columns = (
        Column("until", "Until", heads=True),
        Column("document", "Document"),
        Column("ends", "What ends", hides=True),
        HOSTS,
    )
    kinds = {"hybrid": "Hybrid", "pure": "Pure ML-KEM", "classical": "Classical"}
    matrix = Listing(
        "Kinds of key exchanges that each document accepts",
        (Column("document", "Document", heads=True), *(Column(kind, title) for kind, title in kinds.items())),
        [(Cell(each.profile), *(Cell(each.kinds[kind]) for kind in kinds)) for each in dates.mandates],  # type: ignore[index] # the keys are kinds
    )
    return list_page(
        request, fleet, "Deadlines", Listing("Deadlines", columns, rows), name="deadlines",
        intro="Dates of published documents for algorithms that hosts offer. Dates marked [not verified] were not "
        "compared with the document itself.",
        sections=[Section("Key exchanges that each document accepts", matrix, tuple(mandate_sentences(dates)))],
    )  # fmt: skip


@cache
def _titles() -> dict[str, tuple[str, str]]:
    """Return the title and version of the built-in profiles of servers, by id."""
    found = {id_: load_profile(id_) for id_ in available_profiles()}
    return {id_: (each.title, each.version) for id_, each in found.items() if each.kind == "server"}


async def profiles_page(request: Request, fleet: Fleet) -> Response:
    """Return the profiles, and how many hosts comply with those in use."""
    index = await fleet.index()
    titles = await asyncio.to_thread(_titles)
    rows: list[tuple[Cell, ...]] = []
    for profile in [*index.profiles, *(id_ for id_ in titles if id_ not in index.profiles)]:
        title, version = titles.get(profile, ("", ""))
        numbers = [index.compliance.get((profile, word), 0).bit_count() for word in ("true", "false", "null")]
        is_used = profile in index.profiles
        links = [address_of("/hosts", profile=profile, compliant=word) for word in ("true", "false", "null")]
        rows.append(
            (
                Cell(profile, address_of("/", profile=profile) if is_used else "", "code", below=title),
                Cell(version or None),
                *(
                    Cell(number if is_used else None, link if number else "")
                    for number, link in zip(numbers, links, strict=True)
                ),
            )
        )
    columns = (
        Column("profile", "Profile", heads=True),
        Column("version", "Edition", hides=True),
        *(Column(key, title, is_number=True) for key, title in _COMPLIANCE.items()),
    )
    return list_page(
        request, fleet, "Profiles", Listing("Profiles", columns, rows), name="profiles",
        number=f"{len(index.profiles)} in use", intro="Profiles without numbers are known, but no scan used them.",
    )  # fmt: skip


_COMPLIANCE: dict[str, Any] = {"comply": "Comply", "differ": "Do not comply", "unknown": "Unknown"}
