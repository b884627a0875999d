"""ssh-audit and nmap on the same servers: every difference of the inventories is known and explained."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe.cli.report_writer import report_context
from sshprobe.lab.asyncssh_server import AsyncSSHServer
from sshprobe.lab.dropbear import DropbearServer, find_dropbear
from sshprobe.lab.openssh import Certificate, OpenSSHServer, find_openssh
from sshprobe.lab.paramiko_server import ParamikoServer
from sshprobe.lab.server import LabServer
from sshprobe.lab.tinyssh import TinySSHServer, find_tinyssh
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.render.formats.ssh_audit import ssh_audit_document
from tests.grading.observations import modern
from tests.installed import need, need_program
from tests.live import known_differences as known
from tests.live.asking import ask, ask_address, nmap_lists
from tests.live.known_differences import DIFFERENCES
from tests.live.peers import (
    Kind,
    differences,
    inventory_like_nmap,
    inventory_of_document,
    need_ssh_audit,
    nmap,
    ssh_audit,
    ssh_audit_of_several,
)
from tests.peers.replay import ReplayServer
from tests.render.importers import defect_dojo, secure_code_box
from tests.render.writing import report_of

DOCUMENT = Path(__file__).parents[2] / "docs" / "peers.md"


def openssh(**arguments: Any) -> LabServer:
    need_program("ssh-keygen", "openssh-client")
    found = find_openssh(below=(10, 0))
    need(found and found[0].root is None, "OpenSSH's sshd", "openssh-server")
    return OpenSSHServer(found[0], **arguments)


def openssh10() -> LabServer:
    found = find_openssh(minimum=(10, 0))
    need(found, "OpenSSH 10", "openssh-server of bookworm-backports")
    # ssh-audit makes more connections than the default allows.
    return OpenSSHServer(found[0], config_lines=["PerSourcePenalties no"])


def dropbear() -> LabServer:
    need(find_dropbear(), "Dropbear", "dropbear-bin")
    return DropbearServer()


def tinyssh() -> LabServer:
    need(find_tinyssh(), "TinySSH", "tinysshd")
    return TinySSHServer()


SERVERS: dict[str, Callable[[], LabServer]] = {
    known.STOCK: openssh,
    known.CERTIFICATES: lambda: openssh(
        host_keys=("rsa", "ed25519"), certificates=(Certificate("ed25519"), Certificate("rsa"))
    ),
    known.STOCK_10: openssh10,
    known.DROPBEAR: dropbear,
    known.TINYSSH: tinyssh,
    known.ASYNCSSH: lambda: AsyncSSHServer("default"),
    known.HARDENED: lambda: AsyncSSHServer("hardened"),
    known.SMALL_KEY: lambda: AsyncSSHServer("small-key"),
    "asyncssh, dated": lambda: AsyncSSHServer("dated"),
    "asyncssh, legacy": lambda: AsyncSSHServer("legacy"),
    known.PARAMIKO: ParamikoServer,
}

Start = Callable[[str], Awaitable[LabServer]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    async with AsyncExitStack() as stack:

        async def started(name: str) -> LabServer:
            return await stack.enter_async_context(SERVERS[name]())

        yield started


def as_record(observation: Observation) -> HostRecord:
    return msgspec.convert({**msgspec.to_builtins(observation), "type": "host"}, HostRecord)


def as_ssh_audit(observation: Observation) -> dict[str, Any]:
    record = as_record(observation)
    return ssh_audit_document(record, report_context())


def expected(peer: str, server: str) -> dict[str, Kind]:
    return {each.field: each.kind for each in DIFFERENCES if each.peer == peer and server in each.servers}


@pytest.mark.parametrize("name", SERVERS)
async def test_ssh_audit_sees_the_same(name: str, start: Start) -> None:
    need_ssh_audit()
    server = await start(name)
    ours = as_ssh_audit(await ask(server))
    theirs = await ssh_audit(server.host, server.port)
    found = differences(inventory_of_document(ours), inventory_of_document(theirs))
    assert found == expected("ssh-audit", name)
    assert_same_shape(ours, theirs)
    # Importers of theirs import ours, and name the same place.
    for document in (ours, theirs):
        assert {(each.host, each.port) for each in defect_dojo(document)} <= {(server.host, str(server.port))}
    secure_code_box(ours)


@pytest.mark.parametrize("name", SERVERS)
async def test_nmap_sees_the_same(name: str, start: Start) -> None:
    need_program("nmap", "nmap")
    server = await start(name)
    found = differences(inventory_like_nmap(await ask(server)), await nmap(server))
    assert found == expected("nmap", name)


def shape(value: Any, path: str = "") -> set[str]:
    """Return every path in a document with the type at its end. Names from the server are not part of a path."""
    if isinstance(value, dict):
        if path == ".recommendations":
            value = {f"LEVEL.ACTION.LIST.{key}": each for key, each in _recommended(value)}
        return {f"{path}:object"}.union(*(shape(each, f"{path}.{key}") for key, each in value.items()))
    if isinstance(value, list):
        return {f"{path}:array"}.union(*(shape(each, f"{path}[]") for each in value))
    return {f"{path}:{type(value).__name__}"}


def _recommended(levels: dict[str, Any]) -> list[tuple[str, Any]]:
    found = []
    for level, actions in levels.items():
        assert level in ("critical", "warning", "informational")
        for action, lists in actions.items():
            assert action in ("del", "add", "chg")
            assert set(lists) <= {"kex", "key", "enc", "mac"}
            found += [(key, value) for entries in lists.values() for entry in entries for key, value in entry.items()]
    return found


def assert_same_shape(ours: dict[str, Any], theirs: dict[str, Any]) -> None:
    """Both documents have the same paths."""
    allowed = {
        f".{list_}[].{rest}"
        for list_ in ("kex", "key", "enc", "mac")
        for rest in (
            *(f"notes.{level}:array" for level in ("fail", "warn", "info")),
            *(f"notes.{level}[]:str" for level in ("fail", "warn", "info")),
            "keysize:int",
        )
    }
    allowed |= {
        ".additional_notes[]:str",
        *(f".recommendations.LEVEL.ACTION.LIST.{key}:str" for key in ("name", "notes")),
    }
    assert ours.keys() == theirs.keys()
    assert shape(ours) ^ shape(theirs) <= allowed
    for list_ in ("enc", "mac"):
        assert all("keysize" not in entry for entry in ours[list_])


async def test_shape_of_certificates(start: Start) -> None:
    need_ssh_audit()
    server = await start(known.CERTIFICATES)
    ours, theirs = as_ssh_audit(await ask(server)), await ssh_audit(server.host, server.port)
    for document in (ours, theirs):
        assert {".key[].ca_algorithm:str", ".key[].casize:int"} <= shape(document)


async def test_lists_that_differ_by_direction(start: Start) -> None:
    """No server here has them, so one is replayed: nmap sees both directions, ssh-audit only server to client."""
    need_ssh_audit()
    need_program("nmap", "nmap")
    seen = modern(
        encryption_algorithms_client_to_server=["aes128-cbc", "aes128-ctr"],
        encryption_algorithms_server_to_client=["aes128-ctr", "aes256-ctr"],
        mac_algorithms_client_to_server=["hmac-sha1"],
        mac_algorithms_server_to_client=["hmac-sha2-256"],
        compression_algorithms_client_to_server=["none", "zlib"],
        compression_algorithms_server_to_client=["none"],
    )
    async with ReplayServer(seen) as server:
        observation = await ask_address(server.host, server.port, depth="lists")
        by_nmap = await nmap_lists(server)
        theirs = inventory_of_document(await ssh_audit(server.host, server.port))
    assert len(by_nmap) == 8
    for name, names in by_nmap.items():
        assert getattr(observation, name) == getattr(seen, name) == names
    assert theirs["encryption_algorithms"] == ["aes128-ctr", "aes256-ctr"]
    ours = inventory_of_document(as_ssh_audit(observation))
    assert ours["encryption_algorithms"] == ["aes128-ctr", "aes256-ctr", "aes128-cbc"]
    assert ours["mac_algorithms"] == ["hmac-sha2-256", "hmac-sha1"]
    assert ours["compression_algorithms"] == ["none", "zlib"]


async def test_several_hosts_are_a_list_in_both(start: Start) -> None:
    servers = [await start(known.ASYNCSSH), await start(known.SMALL_KEY)]
    observations = [await ask(server) for server in servers]
    theirs = await ssh_audit_of_several(servers)
    ours = json.loads(report_of("ssh-audit", map(as_record, observations)))
    for mine, yours in zip(ours, theirs, strict=True):
        assert differences(inventory_of_document(mine), inventory_of_document(yours)) == {}
        assert_same_shape(mine, yours)


def test_every_known_difference_is_explained() -> None:
    text = DOCUMENT.read_text()
    for each in DIFFERENCES:
        assert each.row() in text.splitlines()
        assert set(each.servers) <= set(SERVERS)
    rows = [line for line in text.splitlines() if line.startswith(("| ssh-audit |", "| nmap |"))]
    assert len(rows) == len(DIFFERENCES)
