"""Two users on real servers need no more connections than one."""

from __future__ import annotations

import asyncio

from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.live.asking import ask, connections_in_log
from tests.live.conftest import StartOpenSSH

KEYS_FOR_ROOT = ["PasswordAuthentication yes", "Match User root", "  PasswordAuthentication no"]


async def test_passwords_for_all_but_root_are_seen_in_three_connections(openssh: StartOpenSSH) -> None:
    server = await openssh(config_lines=KEYS_FOR_ROOT)
    seen = await ask(server)
    assert (seen.status, seen.connections) == ("ok", 3)
    assert await connections_in_log(server, 3) == 3
    assert seen.authentication_user == "root"
    assert "password" not in (seen.authentication_methods or ())
    assert seen.authentication_by_user is not None
    assert list(seen.authentication_by_user) == ["root", "nobody"]
    assert "password" in (seen.authentication_by_user["nobody"].methods or ())
    assert seen.several_servers is False
    verdict = grade(seen, load_profile("mozilla-modern"))
    assert any(each.algorithm == "password" and each.deviation for each in verdict.findings)
    await asyncio.sleep(0.2)
    assert " user root 127" in server.log()
    assert " user nobody 127" in server.log()


async def test_openssh_never_gets_a_request_for_only_1024_bits(openssh: StartOpenSSH, openssh10: StartOpenSSH) -> None:
    for start in (openssh, openssh10):
        server = await start()
        seen = await ask(server)
        assert [each.max for each in seen.group_exchange or ()] in ([8192], [])
        assert "out of range" not in server.log()


async def test_a_single_connection_is_for_the_first_user(openssh: StartOpenSSH) -> None:
    server = await openssh(config_lines=["HostKeyAlgorithms ssh-ed25519"])
    seen = await ask(server)
    assert (seen.status, seen.connections) == ("ok", 1)
    assert seen.authentication_by_user is not None
    assert list(seen.authentication_by_user) == ["root"]


async def test_one_user_by_name(openssh: StartOpenSSH) -> None:
    seen = await ask(await openssh(), auth_users=("nobody",))
    assert seen.authentication_by_user is not None
    assert (seen.authentication_user, list(seen.authentication_by_user)) == ("nobody", ["nobody"])


async def test_a_default_openssh_can_be_scanned_repeatedly(openssh10: StartOpenSSH) -> None:
    server = await openssh10()
    for _ in range(3):
        seen = await ask(server)
        assert (seen.status, seen.connections) == ("ok", 3)
