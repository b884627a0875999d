"""The cost of a verdict and a remedy: calls from file to file, and gradings of a remedy."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.hops import Hops
from sshprobe.model.observation import Observation
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from tests.grading.observations import CAPTURES, captured, host_key, modulus

ROOT = Path(__file__).parents[2]
DEBIAN = next(path for path in CAPTURES if path.stem == "openssh-debian12-9.2p1")


@pytest.fixture
def debian() -> Observation:
    """Return a host as in a full scan."""
    return msgspec.structs.replace(
        captured(DEBIAN),
        depth="full",
        host_keys=[host_key("ssh-rsa", 3072), host_key("ecdsa-sha2-nistp256", 256), host_key("ssh-ed25519", 256)],
        group_exchange=[modulus(2048)],
        authentication_methods=["publickey", "password"],
        authentication_none_accepted=False,
    )


@pytest.mark.parametrize("id", ["mozilla-modern", "sshprobe-2026", "alibaba-ecs", "pci-dss"])
def test_a_remedy_grades_the_host_before_and_after(id: str, debian: Observation) -> None:
    hops = Hops(ROOT)
    with hops.counted():
        found = remedy(debian, load_profile(id))
    assert found.changes
    assert hops.hops[f"{ROOT}/sshprobe/remedy/search.py", f"{ROOT}/sshprobe/grading/assess.py"] == 2


@pytest.mark.parametrize("id", ["mozilla-modern", "sshprobe-2026", "alibaba-ecs", "pci-dss"])
def test_a_verdict_goes_from_file_to_file_250_times_at_most(id: str, debian: Observation) -> None:
    hops, profile = Hops(ROOT), load_profile(id)
    grade(debian, profile)
    with hops.counted():
        found = grade(debian, profile)
    assert found.findings
    assert 0 < hops.hops.total() <= 250, hops.result()
