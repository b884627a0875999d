"""Servers that wait for our KEXINIT, lose our identification, or expect one packet per read."""

from __future__ import annotations

import select

import pytest

from sshprobe.model.observation import Depth
from sshprobe.model.records import HostRecord
from sshprobe.scan.scanner import Scanner
from tests.reports.conftest import Device, StartDevice


async def scan(device: Device, depth: Depth = "full", timeout: float = 10) -> HostRecord:
    async with Scanner(depth=depth, timeout=timeout, throttle_wait=0.01) as scanner:
        (record,) = [record async for record in scanner.scan([f"127.0.0.1:{device.port}"])]
    assert device.connections() == record.connections
    return record


@pytest.fixture
def epoll(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if not request.param:
        monkeypatch.delattr(select, "epoll")


both_drivers = pytest.mark.parametrize("epoll", [True, False], ids=["dialled", "by tasks"], indirect=True)


@both_drivers
@pytest.mark.usefixtures("epoll")
@pytest.mark.parametrize("depth", ["full", "keys", "lists"])
async def test_a_server_that_waits_for_our_kexinit(device: StartDevice, depth: Depth) -> None:
    record = await scan(await device("01"), depth)
    assert (record.status, record.error, record.connections) == ("ok", None, 1)
    assert record.kex_algorithms is not None
    assert record.kex_algorithms[:1] == ["curve25519-sha256"]
    if depth != "lists":
        assert [(key.type, key.signature_verified) for key in record.host_keys or []] == [("ssh-rsa", True)]
    if depth == "full":
        assert record.authentication_methods == ["password"]


async def test_later_connections_send_first_at_once(device: StartDevice) -> None:
    waiting = await device("w01")
    record = await scan(waiting)
    assert (record.status, record.error) == ("ok", None)
    assert {key.type for key in record.host_keys or []} == {"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"}
    assert all(key.signature_verified for key in record.host_keys or [])
    assert record.authentication_methods == ["password", "publickey"]
    assert [group.modulus_bits for group in record.group_exchange or []][:1] == [2048]
    assert not any("ASSERT" in line for line in waiting.log())


async def test_lists_that_share_nothing_with_ours_are_read(device: StartDevice) -> None:
    record = await scan(await device("w01", "nothing"), timeout=3)
    assert (record.status, record.kex_algorithms) == ("partial", ["sm2kep-sha2-nistp256"])
    assert record.host_keys == []


@both_drivers
@pytest.mark.usefixtures("epoll")
@pytest.mark.parametrize("depth", ["full", "lists"])
async def test_a_server_that_loses_data_before_its_identification(device: StartDevice, depth: Depth) -> None:
    record = await scan(await device("37"), depth, timeout=5)
    assert (record.error, record.warnings, record.status) == (None, [], "ok")
    assert record.connections <= 2
    if depth == "full":
        assert [(key.type, key.signature_verified) for key in record.host_keys or []] == [("ssh-rsa", True)]
        assert record.authentication_methods == ["publickey", "password"]


@both_drivers
@pytest.mark.usefixtures("epoll")
async def test_a_server_that_expects_one_packet_per_read(device: StartDevice) -> None:
    cisco = await device("36")
    record = await scan(cisco)
    assert (record.error, record.warnings, record.connections, record.status) == (None, [], 2, "ok")
    assert [(key.type, key.signature_verified) for key in record.host_keys or []] == [("ssh-rsa", True)]
    assert record.authentication_methods == ["publickey", "keyboard-interactive", "password"]
    packets = [line.split(", ")[1] for line in cisco.log() if "KEXINIT of" in line]
    assert packets[1:] == ["0 bytes more with it"]
