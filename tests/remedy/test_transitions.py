"""What a verdict and a remedy cost: how often a call goes from one file to another, and how often a remedy grades."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.hops import Hops
from sshprobe.model.observation import Observation
from sshprobe.profiles import load_profile
from sshprobe.remedy import remedy
from tests.grading.observations import CAPTURES, captured

ROOT = Path(__file__).parents[2]
DEBIAN = next(path for path in CAPTURES if path.stem == "openssh-debian12-9.2p1")


@pytest.fixture
def debian() -> Observation:
    return captured(DEBIAN)


@pytest.mark.parametrize("id", ["mozilla-modern", "sshprobe-2026", "alibaba-ecs", "pci-dss"])
def test_a_remedy_grades_the_host_before_and_after(id: str, debian: Observation) -> None:
    hops = Hops(ROOT)
    with hops.counted():
        found = remedy(debian, load_profile(id))
    assert found.changes
    assert hops.hops[f"{ROOT}/sshprobe/remedy/search.py", f"{ROOT}/sshprobe/grading/assess.py"] == 2
