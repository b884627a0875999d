"""`make serve-soak`: a real Prometheus reads probes and scheduled scans for ten minutes (SSHPROBE_SERVE_SOAK=1).

Of three hosts, one changes its key after three minutes and one falls silent after five.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from sshprobe.lab.openssh import OpenSSHServer, find_openssh
from sshprobe.lab.process import ServerProcess, free_port
from tests.deploy.test_dashboards import asked, serving
from tests.installed import need, need_program

ROOT = Path(__file__).parents[3]

MINUTES = 10


class Relay:
    """A fixed port that leads to one server after another, or to none."""

    def __init__(self) -> None:
        self.target: OpenSSHServer | None = None
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Listen no longer."""
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert self.target is not None
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, back = await asyncio.open_connection(self.target.host, self.target.port)
        with suppress(ConnectionError):
            await asyncio.gather(self._copy(reader, back), self._copy(there, writer))
        self._tasks.discard(task)

    @staticmethod
    async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@pytest.mark.skipif(os.environ.get("SSHPROBE_SERVE_SOAK") != "1", reason="`make serve-soak` takes ten minutes")
@pytest.mark.timeout(900)
async def test_ten_minutes_of_scraping(tmp_path: Path) -> None:
    prometheus = need_program("prometheus", "prometheus")
    newest = find_openssh(minimum=(10, 0))
    need(newest, "OpenSSH 10", "openssh-server of bookworm-backports")
    async with AsyncExitStack() as stack:
        steady = await stack.enter_async_context(OpenSSHServer(newest[0], log_level="DEBUG1"))
        first, second = [await stack.enter_async_context(OpenSSHServer()) for _ in range(2)]
        changing, silent = Relay(), Relay()
        for relay in (changing, silent):
            relay.target = first
            await relay.start()
            stack.push_async_callback(relay.stop)
        hosts = [f"127.0.0.1:{port}" for port in (steady.port, changing.port, silent.port)]
        targets = ", ".join(f'"{host}"' for host in hosts)
        (tmp_path / "sshprobe.toml").write_text(
            f'[history]\nurl = "fleet.db"\n[scan.fleet]\ntargets = [{targets}]\nschedule = "* * * * *"\n'
            '[serve]\nlisten = "127.0.0.1:0"\nallow = ["127.0.0.0/8"]\n'
        )
        place = stack.enter_context(serving(tmp_path))
        listen = f"127.0.0.1:{free_port('127.0.0.1')}"
        write_configuration(tmp_path, place, hosts)
        words = [f"--config.file={tmp_path}/prometheus.yml", f"--storage.tsdb.path={tmp_path}/tsdb"]
        process = ServerProcess([prometheus, *words, f"--web.listen-address={listen}"], tmp_path / "prometheus.log")
        stack.push_async_callback(process.stop)
        await asyncio.sleep(180)
        assert "SSHHostKeyChanged" not in await alerts(listen)
        changing.target = second
        await asyncio.sleep(120)
        await silent.stop()
        await asyncio.sleep(MINUTES * 60 - 300)
        found = await alerts(listen)
        assert found["SSHHostKeyChanged"] == {f"{hosts[1]}"}
        assert found["SSHSilent"] == {hosts[2]}
        assert hosts[0] in found["SSHNotCompliant"]
        assert "SSHScanFailed" not in found
        for query in ("up", "probe_success"):
            values = await asyncio.to_thread(asked, f"http://{listen}/api/v1/query?query=min_over_time({query}[9m])")
            lowest = {each["metric"]["instance"]: each["value"][1] for each in values}
            assert {host for host, value in lowest.items() if value == "0"} <= {hosts[2]}
        log = steady.log()
        assert "drop connection" not in log
        assert "activating" not in log
        assert log.count("Received disconnect") > 30


def write_configuration(folder: Path, place: str, hosts: list[str]) -> None:
    config: dict[str, Any] = yaml.safe_load((ROOT / "docker/prometheus.yml").read_text())
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text())
    for group in rules["groups"]:
        group["interval"] = "5s"
        for rule in group["rules"]:
            if "for" in rule:
                rule["for"] = "30s"
    config.pop("alerting")
    probe, process = config["scrape_configs"]
    for job in (probe, process):
        job.pop("authorization")
        job.update(scrape_interval="20s", scrape_timeout="15s")
    probe["static_configs"][0]["targets"] = hosts
    probe["relabel_configs"][-1]["replacement"] = place
    process["static_configs"][0]["targets"] = [place]
    (folder / "rules.yml").write_text(yaml.safe_dump(rules))
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config))


async def alerts(listen: str) -> dict[str, set[str]]:
    """Return the firing alerts, each with its hosts."""
    firing = await asyncio.to_thread(asked, f"http://{listen}/api/v1/query?query=ALERTS%7Balertstate%3D%22firing%22%7D")
    found: dict[str, set[str]] = {}
    for each in firing:
        labels = each["metric"]
        place = (
            f"{labels['host']}:{labels['port']}" if "port" in labels else labels.get("host", labels.get("instance", ""))
        )
        found.setdefault(labels["alertname"], set()).add(place)
    return found
