"""Devices without peculiarities are read as they are."""

from __future__ import annotations

from tests.reports.conftest import StartDevice


async def test_sun_ssh_is_read_completely(device: StartDevice) -> None:
    sun = await device("10")
    seen = await sun.probe()
    assert seen.status == "ok"
    assert sun.connections() == seen.connections
