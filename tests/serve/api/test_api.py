"""The API over a real history."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import quote

import jsonschema
import msgspec
import pytest
import pytest_asyncio
from starlette.types import ASGIApp

from sshprobe.model.records import HostRecord
from sshprobe.serve.api.openapi import openapi
from sshprobe.serve.api.routes import problem_page, routes
from sshprobe.serve.http.access import Access, Token, new_token
from sshprobe.serve.http.server import application
from sshprobe.serve.schedule.planner import Schedule
from sshprobe.serve.schedule.runner import Runner
from sshprobe.store.history.database import Database
from tests.render.formats.html.pages import fleet
from tests.serve.asking import Answer, ask, fleet_of, history

SECRET, DIGEST = new_token()
ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    opened = history(tmp_path_factory.mktemp("api") / "history.db", fleet(), fleet()[1:])
    yield opened
    opened.close()


def api(database: Database, *tokens: Token) -> ASGIApp:
    runner = Runner(Path("sshprobe.toml"), {"nightly": Schedule("30 2 * * *")}, dict, command=("false",))
    found = routes(fleet_of(database), runner)
    return application(found, ["localhost"], Access(tokens), [("/api/", problem_page)])


@pytest_asyncio.fixture
async def app(database: Database) -> AsyncIterator[ASGIApp]:
    yield api(database)


async def get(app: ASGIApp, path: str, status: int = 200, *headers: tuple[str, str]) -> Answer:
    answer = await ask(app, f"/api/v1{path}", headers=headers)
    assert answer.status == status, answer.text[:300]
    return answer


async def test_hosts_by_pages(app: ASGIApp) -> None:
    rows, cursor = [], None
    while True:
        page = (await get(app, f"/hosts?limit=5{f'&cursor={cursor}' if cursor else ''}")).json
        rows += page["hosts"]
        assert page["total"] == 18
        cursor = page["next"]
        if cursor is None:
            break
    assert sorted(row["name"] for row in rows) == sorted(host.host for host in fleet())
    scores = [row["verdicts"][0]["score"] for row in rows if row["verdicts"]]
    assert scores == sorted(scores)


async def test_a_record_is_the_scanned_one(app: ASGIApp) -> None:
    host = fleet()[3]
    (record,) = (await get(app, f"/hosts/{host.host}:22")).json["records"]
    found = msgspec.convert(record, HostRecord)
    assert found.verdicts == host.verdicts
    assert found.kex_algorithms == host.kex_algorithms
    timeline = (await get(app, f"/hosts/{host.host}:22/timeline")).json
    assert [(row["scans"], row["first_seen_at"][:10]) for row in timeline["periods"]] == [(2, "2026-11-01")]


async def test_documents_have_their_schemas(app: ASGIApp) -> None:
    document = (await get(app, "/openapi.json")).json
    assert document == json.loads(msgspec.json.encode(openapi()))
    assert document == json.loads((ROOT / "docs/openapi.json").read_text()), "run `scripts/schema`"
    host = fleet()[0].host
    filled = {"{host}": f"{host}:22", "{scan}": f"{1:016x}"}
    queries = {"/trend": "?of=grade", "/diff": f"?new={2:016x}"}
    for path, methods in document["paths"].items():
        schema = methods["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        target = path
        for name, value in filled.items():
            target = target.replace(name, quote(value))
        answer = (await get(app, target + queries.get(path, ""))).json
        jsonschema.validate(answer, {**schema, "components": document["components"]})


async def test_counts_agree_with_the_records(app: ASGIApp) -> None:
    algorithms = {row["name"]: row["hosts"] for row in (await get(app, "/algorithms")).json["algorithms"]}
    name = "diffie-hellman-group1-sha1"
    assert algorithms[name] == sum(name in (host.kex_algorithms or ()) for host in fleet())
    assert (await get(app, f"/hosts?algorithm={name}")).json["total"] == algorithms[name]
    for row in (await get(app, "/findings")).json["findings"]:
        filter_ = f"{row['finding']} {row['algorithm']}".strip()
        total = (await get(app, f"/hosts?finding={quote(filter_)}")).json["total"]
        assert total == row["hosts"] if row["algorithm"] else total >= row["hosts"]
    profiles = (await get(app, "/profiles")).json["profiles"]
    assert all(row["comply"] + row["differ"] + row["unknown"] == 16 for row in profiles)


async def test_an_etag_saves_the_body(app: ASGIApp) -> None:
    first = await get(app, "/hosts")
    again = await get(app, "/hosts", 304, ("if-none-match", first.headers["etag"]))
    assert again.body == b""
    assert again.headers["etag"] == first.headers["etag"]
    assert (await get(app, "/hosts", 200, ("if-none-match", '"other"'))).body == first.body
    assert first.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/hosts?limit=0", 400),
        ("/hosts?limit=1001", 400),
        ("/hosts?limit=ten", 400),
        ("/hosts?limit=1&limit=2", 400),
        ("/hosts?color=red", 400),
        ("/hosts?cursor=!", 400),
        ("/hosts?cursor=bm9zdWNoOjIyCg", 410),
        ("/hosts?network=x", 400),
        ("/hosts?q=", 400),
        ("/hosts/nosuch:22", 404),
        ("/hosts/nosuch:22/timeline", 404),
        ("/scans/nosuch", 404),
        ("/trend", 400),
        ("/trend?of=size", 400),
        ("/diff?new=nosuch", 404),
        ("/nosuch", 404),
    ],
)
async def test_errors_are_documents(app: ASGIApp, path: str, status: int) -> None:
    answer = await get(app, path, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["detail"]


async def test_a_scheduled_scan_is_started(database: Database) -> None:
    app = api(database, Token(name="a", sha256=DIGEST, scopes=("read", "scan")))
    login = ("authorization", f"Bearer {SECRET}")

    async def post(body: bytes, *headers: tuple[str, str]) -> int:
        sent = [("content-type", "application/json"), ("content-length", str(len(body))), *headers]
        return (await ask(app, "/api/v1/scans", method="POST", headers=sent, body=body)).status

    assert await post(b'{"saved": "nightly"}') == 401
    assert await post(b'{"saved": "nosuch"}', login) == 404
    assert await post(b'{"saved": 1}', login) == 400
    assert await post(b"x", login) == 400
    assert await post(b'{"saved": "nightly"}', login) == 202
    assert await post(b'{"saved": "nightly"}', login) == 409


async def test_a_damaged_history_is_503(tmp_path: Path) -> None:
    database = history(tmp_path / "history.db", [])
    database.close()
    (tmp_path / "history.db").write_bytes(b"not a database " * 1000)
    answer = await get(api(database), "/hosts", 503)
    assert answer.headers["retry-after"] == "10"
    database.close()
