"""Settings and fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from sshprobe.net import EpollNetwork

# Hypothesis limits the time of an example and of making the first ones. On a busy machine these limits would fail
# tests for no reason.
settings.register_profile("no-wall-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-wall-clock")

# pytest-xdist sets it for its workers; our tables would follow it.
os.environ.pop("COLUMNS", None)

SHARED_SET_UP = ("tests/live/", "tests/network/", "tests/hostile/", "tests/peers/", "tests/lab/")
"""Files whose tests share a slow set-up."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run tests that share a set-up in one process (`pytest -n`, `--dist loadgroup`)."""
    for item in items:
        module, _, _ = item.nodeid.partition("::")
        if module.startswith(SHARED_SET_UP):
            parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
            item.add_marker(pytest.mark.xdist_group(f"{module} {parameters.get('table', '')}"))


@pytest.fixture
async def network() -> AsyncIterator[EpollNetwork]:
    """Yield a network on the test's loop."""
    network = EpollNetwork()
    network.open()
    yield network
    network.close()
