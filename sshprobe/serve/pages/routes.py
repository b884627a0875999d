"""The addresses of the pages."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sshprobe.model.errors import InputError
from sshprobe.render.formats.format import ReportContext
from sshprobe.serve.fleet.holder import Fleet
from sshprobe.serve.fleet.index import FleetIndex
from sshprobe.serve.pages.algorithms import algorithm_page, algorithms_page
from sshprobe.serve.pages.host import host_page
from sshprobe.serve.pages.hosts import hosts_page
from sshprobe.serve.pages.lists import deadlines_page, finding_page, findings_page, keys_page, profiles_page
from sshprobe.serve.pages.overview import Schedules, changes_page, overview_page
from sshprobe.serve.pages.rendering import static_file
from sshprobe.serve.pages.scans import scan_page, scans_page

KEPT_SECONDS = 5.0
"""Seconds for which a page is kept."""

MOST_KEPT = 300
"""The most pages that are kept."""

LARGEST_KEPT = 200_000
"""Bytes of the largest page that is kept."""

PagePart = Callable[[Request], Coroutine[Any, Any, Response]]

_Key = tuple[str, str]
"""The address and the accepted types of a request."""


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
    kept = _Kept(fleet)
    found = [Route(path, partial(kept.answer, page)) for path, page in pages.items()]
    return [*found, Route("/static/{name}", static_file)]


class _Kept:
    """Keeps pages for some seconds, and makes each only once at a time: a team looks at the same ones."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._pages: OrderedDict[_Key, tuple[FleetIndex, float, Response]] = OrderedDict()
        self._made: dict[_Key, asyncio.Task[Response]] = {}

    async def answer(self, page: PagePart, request: Request) -> Response:
        """Make a page, or return the kept one of the same history. A history that cannot be read is 503."""
        key = str(request.url), request.headers.get("accept", "")
        try:
            index = await self._fleet.index()
            found = self._pages.get(key)
            if found is not None and found[0] is index and found[1] > time.monotonic():
                return found[2]
            task = self._made.get(key)
            if task is None:
                task = asyncio.create_task(page(request))
                self._made[key] = task
                task.add_done_callback(lambda _: self._made.pop(key))
            answer = await asyncio.shield(task)
        except InputError as error:
            raise HTTPException(503, f"The history cannot be read: {error}", {"Retry-After": "10"}) from None
        if answer.status_code == 200 and len(answer.body) <= LARGEST_KEPT and self._fleet.failure is None:
            self._pages[key] = index, time.monotonic() + KEPT_SECONDS, answer
            self._pages.move_to_end(key)
            if len(self._pages) > MOST_KEPT:
                self._pages.popitem(last=False)
        return answer
