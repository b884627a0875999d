"""The effects of probe options, and servers that refuse."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

from sshprobe.net.addresses import Address
from sshprobe.probe.host_probe import HostProbe
from sshprobe.probe.probe_options import ProbeOptions
from tests.driving import observe
from tests.live.asking import CLIENT_ID, ask, connections_in_log, probe
from tests.live.conftest import StartAsyncSSH, StartOpenSSH


async def test_depth_lists_is_one_connection_without_a_key_exchange(openssh: StartOpenSSH) -> None:
    server = await openssh(log_level="DEBUG1")
    observation = await ask(server, depth="lists")
    assert (observation.status, observation.connections) == ("ok", 1)
    assert await connections_in_log(server, 1) == 1
    assert observation.kex_algorithms
    assert observation.host_keys is None
    assert observation.group_exchange is None
    assert observation.authentication_methods is None
    await asyncio.sleep(0.2)
    assert "SSH2_MSG_KEXINIT received" not in server.log()
    assert "Received disconnect" in server.log()


async def test_depth_keys_asks_neither_for_groups_nor_for_methods(openssh: StartOpenSSH) -> None:
    server = await openssh()
    observation = await ask(server, depth="keys")
    assert (observation.status, observation.connections) == ("ok", 3)
    assert len(observation.host_keys or ()) == 3
    assert observation.group_exchange is None
    assert observation.authentication_methods is None
    await asyncio.sleep(0.2)
    assert "authenticating user" not in server.log()


async def test_no_auth_methods(openssh: StartOpenSSH) -> None:
    server = await openssh()
    observation = await ask(server, auth_methods=False)
    assert (observation.status, observation.connections) == ("ok", 3)
    assert observation.authentication_methods is None
    assert observation.authentication_user is None
    assert observation.group_exchange
    await asyncio.sleep(0.2)
    assert "authenticating user" not in server.log()


async def test_the_default_user_is_root(openssh: StartOpenSSH) -> None:
    server = await openssh(config_lines=["Match User nobody", "  AuthenticationMethods publickey"])
    assert "password" in ((await ask(server)).authentication_methods or ())
    observation = await ask(server, auth_users=("nobody",))
    assert observation.authentication_methods == ["publickey"]
    assert observation.authentication_user == "nobody"
    await asyncio.sleep(0.2)
    assert " user root 127" in server.log()
    assert " user nobody 127" in server.log()


async def test_the_banner_is_kept_and_escaped(openssh: StartOpenSSH, tmp_path: object) -> None:
    server = await openssh()
    banner = server.directory / "banner"
    banner.write_bytes(b"Keep out\x1b[31m\r\n")
    other = await openssh(config_lines=[f"Banner {banner}"])
    observation = await ask(other)
    # sshd itself turns the escape into \033 (utf8.c); what it sends is escaped once more on the way here
    assert observation.authentication_banner is not None
    assert "Keep out" in observation.authentication_banner
    assert observation.authentication_banner.isprintable()


async def test_an_open_login_is_recorded_and_closed(asyncssh_server: StartAsyncSSH) -> None:
    server = await asyncssh_server("hardened", accept_none=True)
    observation = await ask(server)
    assert observation.authentication_none_accepted is True
    assert observation.authentication_methods == []
    assert observation.status == "ok"


async def test_a_penalised_source_is_throttled_and_probed_again_later(openssh10: StartOpenSSH) -> None:
    server = await openssh10(config_lines=["PerSourcePenalties noauth:2s min:1s"])
    job = probe(server)
    first = await observe(job)
    assert job.retry_later
    assert first.status == "partial"
    assert 'the server says "Not allowed at this time"' in (first.error or "")
    assert first.kex_algorithms
    assert len(first.host_keys or ()) < 3
    await asyncio.sleep(6)
    second = await observe(job)
    assert len(second.host_keys or ()) > len(first.host_keys or ())


async def test_max_startups_is_throttled(openssh: StartOpenSSH) -> None:
    server = await openssh(config_lines=["MaxStartups 1"])
    with closing(socket.create_connection((server.host, server.port))):
        await asyncio.sleep(0.2)
        observation = await ask(server)
    assert observation.status == "throttled"
    assert "Exceeded MaxStartups" in (observation.error or "")
    assert observation.connections == 1


async def test_the_first_address_that_answers_is_recorded(openssh: StartOpenSSH) -> None:
    server = await openssh()
    addresses = [Address("127.0.0.99", socket.AF_INET), Address(server.host, socket.AF_INET)]
    observation = await observe(
        HostProbe("name", "name", server.port, addresses, ProbeOptions(client_id=CLIENT_ID, depth="lists"))
    )
    assert (observation.status, observation.address) == ("ok", server.host)
    assert observation.connections == 1  # the refused one was never open


async def test_a_closed_port_is_refused() -> None:
    with closing(socket.socket()) as placeholder:
        placeholder.bind(("127.0.0.1", 0))  # bound, not listening: refused
        port = placeholder.getsockname()[1]
        observation = await observe(
            HostProbe("t", "127.0.0.1", port, [Address("127.0.0.1", socket.AF_INET)], ProbeOptions(client_id=CLIENT_ID))
        )
    assert (observation.status, observation.stage) == ("refused", "connect")
    assert observation.kex_algorithms is None
