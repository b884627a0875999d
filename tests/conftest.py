"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from sshprobe.net import EpollNetwork

# No test asserts a wall-clock time. Hypothesis does, by its deadline for an example and by its limit for making the
# first ones: on a busy machine they fail for nothing.
settings.register_profile("no-wall-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-wall-clock")

# pytest-xdist sets it for its workers, and then our output is as wide as it says.
os.environ.pop("COLUMNS", None)

SHARED_SET_UP = ("tests/live/", "tests/network/", "tests/hostile/", "tests/peers/", "tests/lab/")
"""Where the tests of one module, or of one table of servers, share what takes long to set up."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have tests that share a set-up run in one process (`pytest -n`, `--dist loadgroup`)."""
    for item in items:
        module, _, _ = item.nodeid.partition("::")
        if module.startswith(SHARED_SET_UP):
            parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
            item.add_marker(pytest.mark.xdist_group(f"{module} {parameters.get('table', '')}"))


@pytest.fixture
async def network() -> AsyncIterator[EpollNetwork]:
    """A network on the test's loop."""
    network = EpollNetwork()
    network.open()
    yield network
    network.close()
