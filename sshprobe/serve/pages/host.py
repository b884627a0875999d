"""The page of one host: its verdicts, what to change, its offers, and how it changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import SEVERITIES, Finding, Verdict
from sshprobe.render.changes.sections import sections
from sshprobe.render.fix.pasted import group_steps
from sshprobe.render.formats.format import ReportContext
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.fleet.index import FleetIndex
from sshprobe.serve.fleet.orders import Host
from sshprobe.serve.fleet.records import Period, difference, periods_of, record_of
from sshprobe.serve.pages.rendering import address_of, moment, render
from sshprobe.serve.pages.tables import Cell, Column, Listing
from sshprobe.store.history.last_sightings import judged_parts, seen_parts
from sshprobe.views.fixes import Plan
from sshprobe.views.host_stats import letter
from sshprobe.views.offers import offers_of

TYPES = {"kex": "Key exchange", "host_key": "Host key", "cipher": "Cipher", "mac": "MAC", "compression": "Compression"}

MOST_PERIODS = 50
"""The most rows of a timeline."""


async def host_page(request: Request, fleet: Fleet, context: ReportContext) -> Response:
    """Return the page of a host. Raises 404 for an unknown one."""
    index = await fleet.index()
    found = index.find(unquote(request.path_params["host"]))
    if not found:
        raise HTTPException(404, "this history has no such host")
    wanted = request.query_params.get("address")
    host = next((each for each in found if each.address == wanted), found[0])
    values = await asyncio.to_thread(_host_values, fleet, index, host, context, dict(request.query_params))
    addresses = [each.address for each in found if each.address]
    return render("host.html.j2", request, failure=fleet.failure, addresses=addresses, **values)


class _FindingGroup(NamedTuple):
    title: str
    findings: list[Finding]


def _host_values(
    fleet: Fleet, index: FleetIndex, host: Host, context: ReportContext, parameters: dict[str, str]
) -> dict[str, Any]:
    record = record_of(fleet.database, host)
    profiles = [each.profile for each in record.verdicts]
    profile = parameters.get("profile") or next((each for each in index.profiles if each in profiles), None)
    verdict = next((each for each in record.verdicts if each.profile == profile), None)
    found = [*(verdict.findings if verdict else []), *record.fleet_findings]
    periods = periods_of(fleet.database, host)
    old, new = parameters.get("old", ""), parameters.get("new", "")
    first = record.verdicts[0].findings if record.verdicts else []
    steps, promise = _steps(record, verdict, context)
    methods = record.authentication_by_user or {}
    return {
        "title": host.id,
        "host": host,
        "profile": profile,
        "profiles": profiles,
        "verdict": verdict and {"letter": letter(verdict), "score": verdict.score},
        "lead": _lead(host, verdict),
        "facts": list(_facts(host, record)),
        "findings": _groups(found),
        "not_observed": verdict.not_observed if verdict else [],
        "steps": steps,
        "promise": promise,
        "keys": _keys(index, host),
        "offers": [(TYPES[type_], each) for type_, each in offers_of(record, first, context.describe).items() if each],
        "methods": [
            (user, "no answer" if answer.methods is None else ", ".join(answer.methods) or "none")
            for user, answer in methods.items()
        ],
        "banner": record.authentication_banner,
        "timeline": _timeline(periods, fleet),
        "moments": _moments(periods),
        "old": old or (periods[1].newest.scan.scan_id if len(periods) > 1 else ""),
        "new": new or (periods[0].newest.scan.scan_id if periods else ""),
        "difference": _difference(fleet, host, periods, old, new) if old and new else None,
    }


def _lead(host: Host, verdict: Verdict | None) -> str:
    if verdict is None:
        return host.seen.error or f"not graded: {host.seen.status}"
    word = {True: "Complies", False: "Does not comply", None: "May comply"}[verdict.compliant]
    return f"{word} with {verdict.profile}{' with waivers' if verdict.waived and verdict.compliant else ''}."


def _facts(host: Host, record: HostRecord) -> Iterator[tuple[str, str, str]]:
    said = record.identification
    if said is not None:
        yield "Software", host.software, address_of("/hosts", software=host.software)
        yield "Identification", said.raw, ""
    if record.status != "ok":
        yield "Answer", f"{record.status}{f': {record.error}' if record.error else ''}", ""
    yield "Seen", moment(host.scan.started_at), f"/scans/{host.scan.scan_id}"
    for label in record.labels:
        yield "Label", label, address_of("/hosts", label=label)
    if record.several_servers:
        yield "Several servers", "connections met different servers, as behind a load balancer", ""


def _groups(found: list[Finding]) -> list[_FindingGroup]:
    ordered = sorted(found, key=lambda each: SEVERITIES.index(each.severity))
    groups = [
        _FindingGroup("Findings", [each for each in ordered if each.counts]),
        _FindingGroup("Notes", [each for each in ordered if each.severity == "note" and not each.waived]),
        _FindingGroup("Waived", [each for each in ordered if each.waived]),
    ]
    return [group for group in groups if group.findings]


def _steps(record: HostRecord, verdict: Verdict | None, context: ReportContext) -> tuple[list[str], str]:
    """Return the lines to paste for a verdict, and their effect; both empty without advice."""
    remedy = None if verdict is None else context.remedy(record, verdict)
    if verdict is None or remedy is None:
        return [], ""
    group = Plan().add(record, remedy, verdict)
    if group is None or not (group.changes or remedy.left_briefly):
        return [], ""
    promise = f"With these changes the grade under {verdict.profile} is {letter(remedy)}, {remedy.score} of 100."
    return group_steps(group).splitlines(), promise if group.changes else ""


def _keys(index: FleetIndex, host: Host) -> Listing:
    rows = []
    for key in host.seen.host_keys or ():
        shared = index.keys.get(key.fingerprint)
        others = 0 if shared is None else shared[1].bit_count() - 1
        rows.append(
            (
                Cell(key.fingerprint, address_of("/hosts", key=key.fingerprint), "code"),
                Cell(key.type, kind="foreign"),
                Cell(key.bits),
                Cell("wrong proof" if key.signature_verified is False else None),
                Cell(others or None),
            )
        )
    columns = (
        *(
            Column("fingerprint", "Fingerprint", heads=True),
            Column("type", "Type"),
            Column("bits", "Bits", is_number=True),
        ),
        *(Column("proof", "Proof"), Column("others", "Other hosts with it", is_number=True)),
    )
    return Listing("Host keys", columns, rows)


def _timeline(periods: list[Period], fleet: Fleet) -> Listing:
    shown = periods[:MOST_PERIODS]
    seen = dict(seen_parts(fleet.database, {each.newest.observation for each in shown}))
    judged = dict(judged_parts(fleet.database, {each.newest.verdict for each in shown}))
    rows = []
    for period in shown:
        verdicts = judged[period.newest.verdict].verdicts
        grades = ", ".join(f"{each.grade}{'?' * each.grade_is_partial} ({each.profile})" for each in verdicts)
        rows.append(
            (
                Cell(moment(period.oldest.scan.started_at), kind="time"),
                Cell(moment(period.newest.scan.started_at), kind="time"),
                Cell(period.scans),
                Cell(seen[period.newest.observation].status),
                Cell(grades or None, kind="foreign"),
            )
        )
    columns = (
        *(Column("first", "From", heads=True), Column("last", "To"), Column("scans", "Scans", is_number=True)),
        *(Column("status", "Answer"), Column("grades", "Grades")),
    )
    return Listing("Timeline", columns, rows)


def _moments(periods: list[Period]) -> list[tuple[str, str]]:
    """Return the id of a scan in each period, and its time."""
    return [(each.newest.scan.scan_id, moment(each.newest.scan.started_at)) for each in periods]


def _difference(fleet: Fleet, host: Host, periods: list[Period], old: str, new: str) -> dict[str, Any]:
    """Return the changes between the periods of two scans. Raises 404 for an unknown one."""
    by_scan: dict[str, Period] = {each.newest.scan.scan_id: each for each in periods}
    if old not in by_scan or new not in by_scan:
        raise HTTPException(404, "this host has no such scan")
    pair = sorted((by_scan[old].newest, by_scan[new].newest), key=lambda each: each.scan.started_at)
    changes = difference(fleet.database, host, *pair)
    return {
        "old": pair[0].scan.started_at,
        "new": pair[1].scan.started_at,
        "sections": sections(changes, verbose=True),
    }
