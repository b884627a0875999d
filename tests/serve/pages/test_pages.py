"""The pages over a real history, without a browser."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.types import ASGIApp

from sshprobe.cli.report_writer import report_context
from sshprobe.model.records import HostRecord
from sshprobe.serve.http.access import Access
from sshprobe.serve.http.server import application
from sshprobe.serve.pages.rendering import VIEWS, error_page
from sshprobe.serve.pages.routes import routes
from sshprobe.serve.pages.tables import Listing, exported
from sshprobe.store.history.database import Database
from tests.render.formats.html.pages import fleet
from tests.render.formats.html.test_in_browser import MARKS, hostile
from tests.sample_records import captured
from tests.serve.asking import Answer, ask, fleet_of, history

HTML = [("accept", "text/html")]


def dashboard(database: Database) -> ASGIApp:
    pages = routes(fleet_of(database), report_context(), list)
    return application(pages, ["localhost"], Access(), [("/", error_page)])


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two scans: on the second day a host has another key and fewer algorithms."""
    first, *others = fleet()
    assert first.host_keys
    other = msgspec.structs.replace(first.host_keys[0], fingerprint="SHA256:" + "x" * 43)
    changed = msgspec.structs.replace(first, host_keys=[other, *first.host_keys[1:]])
    opened = history(tmp_path_factory.mktemp("pages") / "history.db", fleet(), [changed, *others])
    yield opened
    opened.close()


@pytest.fixture
def app(database: Database) -> ASGIApp:
    return dashboard(database)


async def get(app: ASGIApp, target: str, status: int = 200) -> Answer:
    answer = await ask(app, target, headers=HTML)
    assert answer.status == status, answer.text[:500]
    return answer


class Page(HTMLParser):
    """The links and tags of a page. Void and unclosed tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if found.get("href"):
            self.links.append(str(found["href"]))
        if tag not in ("meta", "link", "input", "path", "rect"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("path", "rect"):
            return
        assert self._open.pop() == tag


async def test_every_link_of_every_page_leads_somewhere(app: ASGIApp) -> None:
    waiting, seen = ["/"], set()
    while waiting:
        target = waiting.pop()
        if target in seen or target.startswith("#"):
            continue
        seen.add(target)
        assert target.startswith("/")
        answer = await get(app, target.partition("#")[0])
        if "text/html" in answer.headers["content-type"]:
            waiting += [
                link for link in Page(answer.text).links if kind_of(link) not in map(kind_of, [*seen, *waiting])
            ]
    assert {path for path, _ in VIEWS} <= seen
    assert len(seen) > 30


def kind_of(link: str) -> str:
    """Return a link without what differs between similar ones, which are followed once."""
    return re.sub(r"=[^&]*", "=", re.sub(r"/(hosts|findings|algorithms|scans)/.*", r"/\1/one", link))


async def test_no_page_has_inline_code(app: ASGIApp) -> None:
    for path, _ in VIEWS:
        for tag, attributes in Page((await get(app, path)).text).tags:
            assert tag not in ("style", "iframe", "object", "base")
            assert not any(name.startswith("on") or name == "style" for name in attributes)
            assert tag != "script" or attributes["src"] == "/static/dashboard.js"


async def test_the_overview_says_what_matters(app: ASGIApp) -> None:
    text = (await get(app, "/")).text
    assert re.search(r"\d+ of 16 graded servers do not comply with sshprobe-2026\.", text)
    assert "18 hosts known, 16 SSH servers. Last scan: 2026-11-02 12:00 UTC." in text
    assert "Grades of 2 scans, from 2026-11-01 to 2026-11-02" in text
    assert "1 host key changed" in text
    assert "mozilla-modern." in (await get(app, "/?profile=mozilla-modern")).text
    assert "no host has a verdict" in (await get(app, "/?profile=x", 400)).text


async def test_filters_of_the_list(app: ASGIApp) -> None:
    assert "18 of 18 hosts" in (await get(app, "/hosts")).text
    failing = (await get(app, "/hosts?grade=F")).text
    number = int(re.search(r"(\d+) of 18 hosts", failing)[1])  # type: ignore[index] # it is there
    assert failing.count('class="grade grade-F"') == number > 0
    assert "not a network" in (await get(app, "/hosts?network=x", 400)).text
    assert "No host matches." in (await get(app, "/hosts?q=nosuchhost")).text


async def test_lists_are_saved_as_csv_and_json(app: ASGIApp) -> None:
    for path in ("/hosts", "/findings", "/algorithms", "/keys", "/deadlines", "/profiles", "/scans"):
        table = list(csv.DictReader(io.StringIO((await get(app, f"{path}?format=csv")).text)))
        rows = (await get(app, f"{path}?format=json")).json
        assert [list(row) for row in rows] == [list(row) for row in table], path
        assert "attachment" in (await get(app, f"{path}?format=csv")).headers["content-disposition"]
        shown = (await get(app, path)).text
        assert len(rows) == 0 or shown.count("<tr>") >= len(rows)


async def test_no_cell_of_a_file_is_a_formula(tmp_path: Path) -> None:
    host = msgspec.structs.replace(captured("openssh-9.9p2"), labels=["=1+1=x"])
    database = history(tmp_path / "history.db", [host])
    assert "'=1+1" in (await get(dashboard(database), "/hosts?format=csv")).text
    database.close()


def test_the_name_of_a_file_cannot_add_a_header() -> None:
    answer = exported(Listing("", (), []), "csv", 'x"\r\nSet-Cookie: a=b')
    assert answer is not None
    assert answer.headers["content-disposition"] == 'attachment; filename="sshprobe-x___Set-Cookie__a_b.csv"'


async def test_a_host_has_everything(app: ASGIApp) -> None:
    host = fleet()[0]
    page = (await get(app, f"/hosts/{host.host}:22")).text
    for name in host.kex_algorithms or ():
        assert name in page
    assert page.count("SHA256:") >= 2
    assert "What to change" in page
    assert "2026-11-02 12:00 UTC" in page
    other = (await get(app, f"/hosts/{host.host}:22?profile=mozilla-modern")).text
    assert "mozilla-modern." in other
    await get(app, "/hosts/192.0.2.99:22", 404)
    await get(app, "/hosts/../../etc/passwd", 404)


async def test_the_difference_of_two_observations(app: ASGIApp) -> None:
    path = f"/hosts/{fleet()[0].host}:22"
    page = (await get(app, f"{path}?old={1:016x}&new={2:016x}")).text
    assert "From 2026-11-01 12:00 UTC to 2026-11-02 12:00 UTC" in page
    assert "SHA256:" + "x" * 43 in page
    same = (await get(app, f"{path}?old={2:016x}&new={2:016x}")).text
    assert "Nothing that lasts differs." in same
    await get(app, f"{path}?old=x&new=y", 404)


async def test_changes(app: ASGIApp) -> None:
    page = (await get(app, "/changes")).text
    assert "Host keys changed" in page
    assert "Since 2026-11-01 12:00 UTC." in page


async def test_an_algorithm_and_since_when(app: ASGIApp) -> None:
    name = "diffie-hellman-group1-sha1"
    offering = sum(name in (host.kex_algorithms or ()) for host in fleet())
    page = (await get(app, f"/algorithms/{name}")).text
    assert f"{offering} hosts" in page
    assert "2026-11-01 12:00 UTC" in page
    await get(app, "/algorithms/nosuch", 404)


async def test_an_empty_history_says_what_to_do(tmp_path: Path) -> None:
    database = history(tmp_path / "history.db", [])
    page = (await get(dashboard(database), "/")).text
    assert f"sshprobe scan 192.0.2.0/24 --history {database.name}" in page
    for path, _ in VIEWS[1:]:
        await get(dashboard(database), path)
    database.close()


async def test_static_files_are_a_closed_list(app: ASGIApp) -> None:
    for name in ("report.css", "dashboard.css", "dashboard.js", "icon.svg"):
        assert (await get(app, f"/static/{name}")).body
    for name in ("nosuch", "../rendering.py", "..%2frendering.py", "%2e%2e/rendering.py", ""):
        assert (await ask(app, f"/static/{name}")).status == 404


def text_of(page: str) -> str:
    class Text(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.parts: list[str] = []
            self.feed(page)

        def handle_data(self, data: str) -> None:
            self.parts.append(data)

    return "".join(Text().parts)


async def test_texts_of_a_hostile_server_stay_texts(tmp_path: Path) -> None:
    hosts: list[HostRecord] = [hostile(host) for host in fleet()[:4]]
    database = history(tmp_path / "history.db", hosts)
    app = dashboard(database)
    links = Page((await get(app, "/hosts")).text).links
    one = next(link for link in links if link.startswith("/hosts/"))
    targets: list[Any] = [
        *(path for path, _ in VIEWS),
        "/changes",
        one,
        "/hosts?q=%22%3E%3Cscript%3E",
    ]
    for target in targets:
        answer = await get(app, target)
        found = [tag for tag, attributes in Page(answer.text).tags if tag in ("img", "style", "script")]
        assert found == ["script"], target
        assert not set(MARKS) & set(answer.text), target
    assert "<script>window.ran = 1</script>" in text_of((await get(app, one)).text)
    database.close()


def test_a_damaged_history_is_not_available(tmp_path: Path) -> None:
    database = history(tmp_path / "history.db", [])
    database.close()
    (tmp_path / "history.db").write_bytes(b"not a database " * 1000)
    answer = asyncio.run(ask(dashboard(database), "/", headers=HTML))
    assert answer.status == 503
    assert "The history cannot be read" in answer.text
    database.close()
