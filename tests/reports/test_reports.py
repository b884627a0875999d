"""Devices that need nothing special: what they offer is read as they send it."""

from __future__ import annotations

from tests.reports.conftest import StartDevice


async def test_sun_ssh_is_read_whole(device: StartDevice) -> None:
    sun = await device("10")
    seen = await sun.probe()
    assert seen.status == "ok"
    assert sun.connections() == seen.connections
