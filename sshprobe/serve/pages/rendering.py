"""Makes HTML of templates. Texts of servers are not trusted: every value is escaped, and reorders nothing around it."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response

from sshprobe.model.escape import escape_unprintable
from sshprobe.serve.fleet.orders import Host

VIEWS = (
    ("/", "Overview"),
    ("/hosts", "Hosts"),
    ("/findings", "Findings"),
    ("/algorithms", "Algorithms"),
    ("/keys", "Host keys"),
    ("/deadlines", "Deadlines"),
    ("/profiles", "Profiles"),
    ("/scans", "Scans"),
)
"""Path and title of each view in the navigation."""

_STATIC = {
    "report.css": ("sshprobe.render.formats.html", "report.css", "text/css"),
    "dashboard.css": ("sshprobe.serve.pages", "static/dashboard.css", "text/css"),
    "icon.svg": ("sshprobe.serve.pages", "static/icon.svg", "image/svg+xml"),
    "dashboard.js": ("sshprobe.serve.pages", "static/dashboard.js", "text/javascript"),
}
"""The static files: package, path and type."""


def render(template: str, request: Request, *, status: int = 200, **values: Any) -> HTMLResponse:
    """Return a page of a template."""
    text = _environment().get_template(template).render(path=request.url.path, views=VIEWS, **values)
    return HTMLResponse(text, status)


async def static_file(request: Request) -> Response:
    """Return a static file. Raises 404 for other names."""
    found = _STATIC.get(request.path_params["name"])
    if found is None:
        raise HTTPException(404, "there is no such file")
    package, path, kind = found
    return Response(_content(package, path), media_type=kind, headers={"Cache-Control": "max-age=3600"})


@cache
def _content(package: str, path: str) -> bytes:
    return files(package).joinpath(path).read_bytes()


async def error_page(request: Request, error: HTTPException) -> Response:
    """Return the page of an error; one line of text for programs."""
    if "text/html" not in request.headers.get("accept", ""):
        return PlainTextResponse(f"{error.detail}\n", error.status_code, error.headers)
    title = {404: "Not found", 400: "Wrong request"}.get(error.status_code, "Not available")
    page = render("error.html.j2", request, status=error.status_code, title=title, message=error.detail)
    page.headers.update(error.headers or {})
    return page


def host_path(host: Host) -> str:
    """Return the path of the page of a host."""
    return f"/hosts/{quote(host.id, safe=':[]')}"


def address_of(path: str, **parameters: str | None) -> str:
    """Return a path with parameters; None and "" are left out."""
    query = urlencode({name: value for name, value in parameters.items() if value})
    return f"{path}?{query}" if query else path


def moment(time: str | None) -> str:
    """Return a time of RFC 3339 for people: "2026-12-01 07:30 UTC"."""
    return f"{time[:16].replace('T', ' ')} UTC" if time else ""


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("sshprobe.serve.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_printable,
    )
    environment.filters["moment"] = moment
    environment.filters["number"] = lambda value: f"{value:,}"
    environment.filters["letter_class"] = lambda letter: letter.replace("?", "").replace("+", "-plus")
    environment.globals["address_of"] = address_of
    return environment


def _printable(value: Any) -> Any:
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return escape_unprintable(value)
