"""Several workers find the same as one process, for real servers at full depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.live.conftest import StartOpenSSH
from tests.live.test_waivers import run

VARIES = ("started_at", "duration_ms", "group_exchange")
"""Fields that differ from scan to scan: times, and the group, which sshd picks from a list."""


async def test_the_records_of_one_process_and_of_two_are_equal(openssh: StartOpenSSH, tmp_path: Path) -> None:
    servers = [await openssh(host=f"127.0.0.{last}", host_keys=("ed25519",)) for last in range(1, 4)]
    found: list[dict[str, Any]] = []
    for workers in ("1", "2"):
        places = [f"{server.host}:{server.port}" for server in servers]
        done = await run("scan", *places, "127.0.0.7:1", "--workers", workers, "--format", "json", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        document = json.loads(done.stdout)
        for host in document["hosts"]:
            assert bool(host["group_exchange"]) == (host["status"] == "ok")
            for name in VARIES:
                del host[name]
        document["hosts"].sort(key=lambda host: host["host"])
        del document["summary"]["duration_ms"]
        found.append({"hosts": document["hosts"], "summary": document["summary"]})
    one, two = found
    assert [host["status"] for host in one["hosts"]] == ["ok"] * 3 + ["refused"]
    assert one == two
