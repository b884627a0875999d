"""Settings and fixtures of all tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

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


def group_of(nodeid: str) -> str:
    """Return the group of a test: tests that share a set-up have one, and others have a group of their own.

    A module of `SHARED_SET_UP` is a group. Two modules have one for each first parameter, a table or a release.
    """
    module, _, test = nodeid.partition("::")
    if not module.startswith(SHARED_SET_UP):
        return nodeid
    if not module.endswith(("/test_hostile.py", "/test_fixing.py")):
        return module
    parameter = test.partition("[")[2].partition("-")[0].rstrip("]")
    return f"{module} {parameter}"


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Run each group in one process (`pytest -n`, `--dist loadgroup`), the largest first.

    xdist 3.8 marks groups in a field of tests that pytest 9.2 does not have any more, and then runs every test alone.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    scheduler = import_module("xdist.scheduler").LoadScopeScheduling(config, log)
    scheduler._split_scope = group_of
    return scheduler


@pytest.fixture
async def network() -> AsyncIterator[EpollNetwork]:
    """Yield a network on the test's loop."""
    network = EpollNetwork()
    network.open()
    yield network
    network.close()
