"""The addresses of the pages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sshprobe.model.errors import InputError
from sshprobe.render.formats.format import ReportContext
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.pages.algorithms import algorithm_page, algorithms_page
from sshprobe.serve.pages.host import host_page
from sshprobe.serve.pages.hosts import hosts_page
from sshprobe.serve.pages.lists import deadlines_page, finding_page, findings_page, keys_page, profiles_page
from sshprobe.serve.pages.overview import Schedules, changes_page, overview_page
from sshprobe.serve.pages.rendering import static_file
from sshprobe.serve.pages.scans import scan_page, scans_page

PagePart = Callable[[Request], Awaitable[Response]]


def routes(fleet: Fleet, context: ReportContext, schedules: Schedules) -> list[Route]:
    """Return the pages of a history.

    `context`: facts of catalogue, grader and remedies. `schedules`: the scheduled scans.
    """
    pages: dict[str, PagePart] = {
        "/": partial(overview_page, fleet=fleet, schedules=schedules),
        "/changes": partial(changes_page, fleet=fleet),
        "/hosts": partial(hosts_page, fleet=fleet),
        "/hosts/{host:path}": partial(host_page, fleet=fleet, context=context),
        "/findings": partial(findings_page, fleet=fleet),
        "/findings/{finding}": partial(finding_page, fleet=fleet, context=context),
        "/algorithms": partial(algorithms_page, fleet=fleet, context=context),
        "/algorithms/{name:path}": partial(algorithm_page, fleet=fleet, context=context),
        "/keys": partial(keys_page, fleet=fleet),
        "/deadlines": partial(deadlines_page, fleet=fleet, context=context),
        "/profiles": partial(profiles_page, fleet=fleet),
        "/scans": partial(scans_page, fleet=fleet),
        "/scans/{scan}": partial(scan_page, fleet=fleet),
    }
    found = [Route(path, partial(_page, page)) for path, page in pages.items()]
    return [*found, Route("/static/{name}", static_file)]


async def _page(page: PagePart, request: Request) -> Response:
    """Make a page. A history that cannot be read is 503."""
    try:
        return await page(request)
    except InputError as error:
        raise HTTPException(503, f"The history cannot be read: {error}", {"Retry-After": "10"}) from None
