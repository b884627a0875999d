"""What holds for all tests."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# No test asserts a wall-clock time. Hypothesis does, by its deadline for an example and by its limit for making the
# first ones: on a busy machine they fail for nothing.
settings.register_profile("no-wall-clock", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no-wall-clock")
