"""Second tries change a possible cause of the failure: joined packets, sizes of groups, host keys."""

from __future__ import annotations

import pytest

from sshprobe.probe.probe_progress import CARRYING
from tests.reports.conftest import StartDevice
from tests.reports.test_who_goes_first import both_drivers, epoll, scan

__all__ = ["epoll"]


@both_drivers
@pytest.mark.usefixtures("epoll")
async def test_a_server_that_loses_data_after_newkeys(device: StartDevice) -> None:
    odd = await device("x01")
    record = await scan(odd, timeout=3)
    assert (record.error, record.status, record.authentication_methods) == (None, "ok", ["password"])
    assert record.connections <= 3


@pytest.mark.parametrize(("likes", "asked"), [("min3072", 3), ("n4096", 3), ("max4096", 4)])
async def test_keys_that_need_a_group_exchange(device: StartDevice, likes: str, asked: int) -> None:
    record = await scan(await device("x02", likes, "only"), timeout=5)
    assert (record.error, record.status) == (None, "ok")
    assert {(key.type, key.signature_verified) for key in record.host_keys or []} == {
        ("ssh-rsa", True),
        ("ssh-ed25519", True),
    }
    groups = record.group_exchange or []
    assert [(group.min, group.n, group.max) for group in groups][:asked] == [
        (size.min, size.n, size.max) for size in CARRYING[:asked]
    ]
    assert [group.refused for group in groups][:asked] == [True] * (asked - 1) + [False]


async def test_a_group_that_needs_one_host_key(device: StartDevice) -> None:
    record = await scan(await device("x02", "rsa"), timeout=5)
    assert (record.error, record.status, len(record.host_keys or [])) == (None, "ok", 3)
    assert [group.modulus_bits for group in record.group_exchange or []] == [None, 2048]
