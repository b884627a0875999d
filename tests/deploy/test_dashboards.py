"""Each query of the Grafana dashboards, in a real Prometheus and a real PostgreSQL after real scans."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml

from sshprobe.lab.openssh import OpenSSHServer
from sshprobe.lab.process import free_port
from tests.installed import need, need_program
from tests.store.history.postgresql_server import PostgreSQL, programs

ROOT = Path(__file__).parents[2]
DASHBOARDS = sorted((ROOT / "docker/grafana/dashboards").glob("*.json"))

pytestmark = pytest.mark.xdist_group("postgresql")


def queries(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the title of each panel and its query; `kind`: expr or rawSql. Variables ask too."""
    for path in DASHBOARDS:
        dashboard = json.loads(path.read_text())
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                if kind in target:
                    yield f"{path.name}: {panel['title']}", target[kind]
        for variable in dashboard["templating"]["list"]:
            if (variable["datasource"]["type"] == "postgres") == (kind == "rawSql"):
                yield f"{path.name}: variable {variable['name']}", variable["query"]


def grafana(query: str, host: str) -> str:
    """Return a query as Grafana sends it: with its variables and its time filter."""
    query = query.replace("$profile", "sshprobe-2026").replace("$instance", host)
    while found := re.search(r"\$__timeFilter\(", query):
        depth, at = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(query[at], 0)
            at += 1
        column = query[found.end() : at - 1]
        lately = "between now() - interval '30 days' and now() + interval '1 hour'"
        query = f"{query[: found.start()]}{column} {lately}{query[at:]}"
    return re.sub(r"label_values\((\w+), (\w+)\)", r"group by (\2) (\1)", query)


async def test_every_query_of_every_panel_has_an_answer(tmp_path: Path) -> None:
    need(programs(), "PostgreSQL", "postgresql")
    prometheus = need_program("prometheus", "prometheus")
    database = PostgreSQL()
    try:
        await database.start()
        url = await asyncio.to_thread(database.new_database)
        async with OpenSSHServer(config_lines=["KexAlgorithms +diffie-hellman-group14-sha1"]) as server:
            host = f"127.0.0.1:{server.port}"
            await asyncio.to_thread(fill, url, host, tmp_path)
            with psycopg.connect(url) as connection:
                for title, query in queries("rawSql"):
                    assert connection.execute(grafana(query, host)).fetchall(), title
            with serving(tmp_path) as place:
                await asyncio.to_thread(ask_prometheus, prometheus, place, host, tmp_path)
    finally:
        await database.close()


def fill(url: str, host: str, folder: Path) -> None:
    """Scan into a history, and import the same scan of a day before, with another key."""
    run("history", "migrate", "--history", url)
    records = folder / "records.jsonl"
    run("scan", host, "--history", url, "-o", str(records), codes=(0, 1))
    older = []
    for line in records.read_text().splitlines():
        record = json.loads(line)
        if "started_at" in record:
            moment = datetime.fromisoformat(record["started_at"]) - timedelta(days=1)
            record["started_at"] = moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        if "scan_id" in record:
            record["scan_id"] = "0" * 16
        for key in record.get("host_keys") or ():
            key["fingerprint"] = "SHA256:" + "A" * 43
        older.append(json.dumps(record))
    (folder / "older.jsonl").write_text("\n".join(older) + "\n")
    run("history", "import", str(folder / "older.jsonl"), "--history", url)
    (folder / "sshprobe.toml").write_text(
        f'[history]\nurl = "{url}"\n[scan.fleet]\ntargets = ["{host}"]\nschedule = "* * * * *"\n'
        '[serve]\nlisten = "127.0.0.1:0"\nallow = ["127.0.0.0/8"]\n'
    )


def run(*words: str, codes: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run([sys.executable, "-m", "sshprobe", *words], capture_output=True, text=True, check=False)
    assert done.returncode in codes, done.stderr


class serving:
    """Run `sshprobe serve` with the schedule, whose first run begins at once by its API."""

    def __init__(self, folder: Path) -> None:
        self._command = [sys.executable, "-m", "sshprobe", "serve", "--config", str(folder / "sshprobe.toml")]
        self._environment = {**os.environ, "XDG_STATE_HOME": str(folder)}

    def __enter__(self) -> str:
        self._process = subprocess.Popen(self._command, stderr=subprocess.PIPE, text=True, env=self._environment)
        assert self._process.stderr is not None
        place = next(line.split("//")[1].strip() for line in self._process.stderr if line.startswith("Listening"))
        body = json.dumps({"saved": "fleet"}).encode()
        request = urllib.request.Request(
            f"http://{place}/api/v1/scans", data=body, headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert answer.status == 202
        return place

    def __exit__(self, *error: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stderr is not None
        self._process.stderr.close()


def ask_prometheus(program: str, place: str, host: str, folder: Path) -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "docker/prometheus.yml").read_text())
    config.pop("alerting")
    probe, process = config["scrape_configs"]
    for job in (probe, process):
        job.pop("authorization")
        job.update(scrape_interval="1s", scrape_timeout="1s")
    probe["static_configs"][0]["targets"] = [host, "127.0.0.2:1"]
    probe["relabel_configs"][-1]["replacement"] = place
    process["static_configs"][0]["targets"] = [place]
    (folder / "rules.yml").write_text((ROOT / "deploy/prometheus/rules.yml").read_text())
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
    listen = f"127.0.0.1:{free_port('127.0.0.1')}"
    words = [f"--config.file={folder}/prometheus.yml", f"--storage.tsdb.path={folder}/tsdb"]
    words.append(f"--web.listen-address={listen}")
    with subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            for title, query in queries("expr"):
                text = urllib.parse.quote(grafana(query, host))
                until(lambda text=text: bool(asked(f"http://{listen}/api/v1/query?query={text}")), title)  # type: ignore[misc] # bound now
        finally:
            running.terminate()


def asked(url: str) -> list[Any]:
    with urllib.request.urlopen(url, timeout=5) as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
        return found


def until(is_so: Callable[[], bool], what: str) -> None:
    """Wait until a condition holds. A Prometheus that has not started refuses connections."""
    for _ in range(300):
        try:
            if is_so():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.1)
    raise AssertionError(f"{what} has no answer")
