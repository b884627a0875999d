"""What holds for all tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from sshprobe.net import Dialer

# No test asserts a wall-clock time. Hypothesis does, by its deadline for an example and by its limit for making the
# first ones: on a busy machine they fail for nothing.
settings.register_profile("no-wall-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-wall-clock")

# pytest-xdist sets it for its workers, and then our output is as wide as it says.
os.environ.pop("COLUMNS", None)


@pytest.fixture
async def dialer() -> AsyncIterator[Dialer]:
    """A dialer on the test's loop."""
    dialer = Dialer()
    dialer.open()
    yield dialer
    dialer.close()
