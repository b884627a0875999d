"""A real Prometheus with the configuration of docs/how-to/prometheus.md, before an exporter and an sshd."""

from __future__ import annotations

import asyncio
import json
import re
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from sshprobe.lab.openssh import OpenSSHServer
from tests.installed import need_program
from tests.serve.exporter.test_exporter import exporting

PAGE = (Path(__file__).parents[3] / "docs/how-to/prometheus.md").read_text("utf-8")


def _blocks() -> list[dict[str, Any]]:
    return [yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)]


def _ask(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return json.load(answer)["data"]


@pytest.mark.asyncio
async def test_prometheus_reads_the_exporter_and_alerts(tmp_path: Path) -> None:
    program, promtool = need_program("prometheus", "prometheus"), need_program("promtool", "prometheus")
    scraping, rules = _blocks()
    async with OpenSSHServer() as server:
        with exporting(tmp_path, "--allow", "127.0.0.0/24") as (exporter, _):
            hosts = [f"127.0.0.1:{server.port}", "127.0.0.2:1"]
            probe, process = scraping["scrape_configs"]
            probe["static_configs"][0]["targets"] = hosts
            probe["relabel_configs"][-1]["replacement"] = exporter.place
            process["static_configs"][0]["targets"] = [exporter.place]
            for job in (probe, process):
                job.update(scrape_interval="1s", scrape_timeout="1s")
            rules["groups"][0]["interval"] = "1s"
            (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
            config = {**scraping, "rule_files": ["rules.yml"]}
            (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
            await asyncio.to_thread(
                subprocess.run, [promtool, "check", "config", f"{tmp_path}/prometheus.yml"], check=True
            )
            await asyncio.to_thread(_watch, program, tmp_path, hosts)


def _watch(program: str, folder: Path, hosts: list[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        place = f"127.0.0.1:{free.getsockname()[1]}"
    words = [
        f"--config.file={folder}/prometheus.yml",
        f"--storage.tsdb.path={folder}/tsdb",
        f"--web.listen-address={place}",
    ]
    with subprocess.Popen([program, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            api = f"http://{place}/api/v1"
            _until(
                lambda: _alerts(api) == {("SSHNotCompliant", hosts[0], "firing"), ("SSHSilent", hosts[1], "pending")}
            )
            scores = _ask(f"{api}/query?query=sshprobe_score")["result"]
            assert [score["metric"]["instance"] for score in scores] == [hosts[0]]
            up = _ask(f"{api}/query?query=up")["result"]
            assert {each["value"][1] for each in up} == {"1"}
        finally:
            running.terminate()


def _alerts(api: str) -> set[tuple[str, str, str]]:
    alerts = _ask(f"{api}/alerts")["alerts"]
    return {(each["labels"]["alertname"], each["labels"]["instance"], each["state"]) for each in alerts}


def _until(is_so: Any) -> None:
    """Wait until a condition holds. A Prometheus that has not started refuses connections."""
    for _ in range(300):
        try:
            if is_so():
                return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.1)
    raise AssertionError("Prometheus did not come to this state")
