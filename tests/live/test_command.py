"""The command against real servers, in every output format."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import msgspec

from sshprobe.lab.server import LabServer
from sshprobe.model.records import HostRecord, Record, SummaryRecord, SweepDocument, SweepRecord
from tests.live.conftest import StartAsyncSSH, StartOpenSSH

NOT_FOR_ONE_HOST = (
    *(
        "asyncssh",
        "paramiko",
        "rich",
    ),
    *("json", "multiprocessing", "secrets", "xml", "sqlite3", "http", "_ssl", "email", "importlib.metadata"),
    *("uvloop", "gmpy2", "nacl"),
    *("cryptography.hazmat.primitives.asymmetric.dsa", "cryptography.x509"),
    *("sshprobe.remedy.profile_from_host", "sshprobe.lab", "sshprobe.scan.workers", "sshprobe.probe.asyncssh_fallback"),
    *("sshprobe.targets.inventories", "sshprobe.store.reading", "sshprobe.render.formats.table", "sshprobe.cli.resume"),
    *("sshprobe.render.text.fleet_table", "sshprobe.cli.options.filters", "sshprobe.net.asyncio_network"),
)
"""Modules of other scans and commands: importing them would take longer than the scan of the host."""

FOR_RECORDS = ("sshprobe.store.files", "sshprobe.store.backups", "sshprobe.store.locks")
"""Modules that write a file."""

FOR_LISTS = ("sshprobe.probe.fast_lists", "sshprobe.probe.greetings")

FOR_HOST_KEYS = ("cryptography",)

PACKAGES = {"click", "msgspec", "typing_extensions", *FOR_HOST_KEYS}
"""What is not of the standard library, and a scan of one host may import."""

MOST_OF_OURS = 215
"""Modules of `sshprobe` that one scan may import: each takes some 0.2 ms."""


async def run(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    return await python("-m", "sshprobe", *arguments, cwd=cwd, **environment)


async def python(*arguments: str, cwd: Path, **environment: str) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-W",
        "error",
        *arguments,
        cwd=cwd,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": "/usr/bin:/bin", **environment},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


def target(server: LabServer) -> str:
    return f"{server.host}:{server.port}"


async def test_one_host_is_scanned(openssh: StartOpenSSH, tmp_path: Path) -> None:
    server = await openssh()
    code, out, err = await run("scan", target(server), cwd=tmp_path)
    assert (code, err) == (0, "")
    first = out.splitlines()[0]
    assert first.startswith(f"{target(server)}  OpenSSH 9.2p1")
    assert first.endswith("sshprobe-2026: not compliant")
    assert "in /etc/ssh/sshd_config:" in out
    assert "    PasswordAuthentication no" in out.splitlines()
    assert "3 connections" in out


async def test_a_default_host_fits_on_one_screen(openssh: StartOpenSSH, tmp_path: Path) -> None:
    server = await openssh()
    _, out, _ = await run("scan", target(server), cwd=tmp_path, COLUMNS="80")
    assert sum(-(-max(len(line), 1) // 80) for line in out.splitlines()) <= 24
    assert "    KexAlgorithms -diffie-hellman-group14-sha256" in out.splitlines()


async def test_one_host_loads_only_needed_modules(openssh: StartOpenSSH, tmp_path: Path) -> None:
    server = await openssh()
    code = "import sys; from sshprobe.__main__ import run; run(); print(*sys.modules, file=sys.stderr)"
    for arguments in ((), ("-o", "records.jsonl"), ("--depth", "lists")):
        status, out, err = await python("-c", code, "scan", target(server), *arguments, cwd=tmp_path)
        loaded = set(err.split())
        assert (status, "sshprobe.wire.transport" in loaded) == (0, True)
        assert f"{target(server)}  OpenSSH" in out
        assert loaded.isdisjoint(NOT_FOR_ONE_HOST), loaded & set(NOT_FOR_ONE_HOST)
        assert loaded.isdisjoint(() if "-o" in arguments else FOR_RECORDS)
        assert loaded.isdisjoint(FOR_HOST_KEYS if "lists" in arguments else FOR_LISTS)
        roots = {name.partition(".")[0] for name in loaded} - sys.stdlib_module_names - PACKAGES
        assert {each for each in roots if not each.startswith(("_", "cython"))} == {"sshprobe"}
        assert sum(name.startswith("sshprobe") for name in loaded) <= MOST_OF_OURS


async def test_the_worst_host_is_first(openssh: StartOpenSSH, asyncssh_server: StartAsyncSSH, tmp_path: Path) -> None:
    good, bad = await asyncssh_server("hardened"), await asyncssh_server("legacy")
    middle = await openssh()
    code, out, err = await run("scan", target(good), target(bad), target(middle), "-o", "records.jsonl", cwd=tmp_path)
    assert (code, err) == (0, "")
    rows = [line for line in out.splitlines() if line[:2].strip() in ("A", "B", "C", "D", "F", "A+")]
    assert [target(server) in row for server, row in zip((bad, middle, good), rows, strict=True)] == [True] * 3
    lines = (tmp_path / "records.jsonl").read_bytes().splitlines()
    records = [msgspec.json.decode(line, type=Record) for line in lines]
    assert isinstance(records[0], SweepRecord)
    assert isinstance(records[-1], SummaryRecord)
    hosts = [record for record in records if isinstance(record, HostRecord)]
    assert {host.target for host in hosts} == {target(server) for server in (good, bad, middle)}
    # again, offline, with another profile
    code, out, err = await run("grade", "records.jsonl", "--profile", "alibaba-ecs", cwd=tmp_path)
    assert (code, err) == (0, "")
    assert "alibaba-ecs" in out


async def test_machine_formats_have_nothing_else_on_stdout(asyncssh_server: StartAsyncSSH, tmp_path: Path) -> None:
    server = await asyncssh_server("default")
    code, out, err = await run("scan", target(server), "--format", "json", cwd=tmp_path)
    assert (code, err) == (0, "")
    document = msgspec.json.decode(out.encode(), type=SweepDocument)
    assert [host.status for host in document.hosts] == ["ok"]
    code, out, err = await run(
        "scan",
        target(server),
        "--format",
        "jsonl",
        "--profile",
        "mozilla-modern",
        "--profile",
        "alibaba-ecs",
        cwd=tmp_path,
    )
    assert (code, err) == (0, "")
    header, host, summary = (json.loads(line) for line in out.splitlines())
    assert [header["type"], host["type"], summary["type"]] == ["sweep", "host", "summary"]
    assert [verdict["profile"] for verdict in host["verdicts"]] == ["mozilla-modern", "alibaba-ecs"]


async def test_fail_on_sets_the_exit_code(asyncssh_server: StartAsyncSSH, tmp_path: Path) -> None:
    good, bad = await asyncssh_server("hardened"), await asyncssh_server("legacy")
    assert (await run("scan", target(bad), "--fail-on", "high", cwd=tmp_path))[0] == 1
    assert (await run("scan", target(bad), "--fail-on", "D", cwd=tmp_path))[0] == 1
    assert (await run("scan", target(bad), "--fail-on", "noncompliant", cwd=tmp_path))[0] == 1
    assert (await run("scan", target(good), "--fail-on", "high", cwd=tmp_path))[0] == 0
    assert (await run("scan", target(good), "--fail-on", "noncompliant", cwd=tmp_path))[0] == 0
    not_asked = await run("scan", target(good), "--no-auth-methods", "--fail-on", "noncompliant", cwd=tmp_path)
    assert not_asked[0] == 1


async def test_a_name_that_does_not_resolve_is_a_record(asyncssh_server: StartAsyncSSH, tmp_path: Path) -> None:
    server = await asyncssh_server("hardened")
    code, out, _ = await run("scan", target(server), "no-such-name.invalid", "--format", "jsonl", cwd=tmp_path)
    assert code == 0
    hosts = {record["target"]: record for record in map(json.loads, out.splitlines()) if record["type"] == "host"}
    assert hosts["no-such-name.invalid"]["status"] == "dns_error"
    assert hosts["no-such-name.invalid"]["verdicts"] == []
    assert hosts[target(server)]["status"] == "ok"


async def test_all_addresses_respects_exclusions(asyncssh_server: StartAsyncSSH, tmp_path: Path) -> None:
    server = await asyncssh_server("hardened")
    code, out, _ = await run("scan", f"localhost:{server.port}", "--all-addresses", "--format", "jsonl", cwd=tmp_path)
    hosts = {record["address"]: record for record in map(json.loads, out.splitlines()) if record["type"] == "host"}
    assert code == 0
    assert hosts["127.0.0.1"]["status"] == "ok"
    code, out, _ = await run("scan", target(server), "--exclude", "127.0.0.0/8", "--format", "jsonl", cwd=tmp_path)
    assert code == 3
    assert json.loads(out.splitlines()[1])["status"] == "excluded"
    assert server.connections() == hosts["127.0.0.1"]["connections"]


async def test_ip_versions_of_a_name(asyncssh_server: StartAsyncSSH, tmp_path: Path) -> None:
    server = await asyncssh_server("hardened")
    name = f"localhost:{server.port}"
    _, out, _ = await run("scan", name, "-4", "--depth", "lists", "--format", "jsonl", cwd=tmp_path)
    record = json.loads(out.splitlines()[1])
    assert (record["status"], record["address"]) == ("ok", "127.0.0.1")
    _, out, _ = await run("scan", name, "-6", "--depth", "lists", "--format", "jsonl", cwd=tmp_path)
    record = json.loads(out.splitlines()[1])
    assert record["address"] in ("::1", None)  # None: a machine without IPv6
    assert record["status"] != "ok"
