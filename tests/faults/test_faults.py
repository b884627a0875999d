"""Some faults in every run of the tests; all with `make faults` (SSHPROBE_ALL_FAULTS=1). See `harness.py`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import harness

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("gcc") is None, reason="needs Linux and gcc (package gcc)"
)

ALL = bool(os.environ.get("SSHPROBE_ALL_FAULTS"))
FEW = {
    "over a finished file": ("write", "link", "rename", "fsync"),
    "over an interrupted file": ("rename",),
    "with two workers": ("fork",),
    "resume alone": ("truncate", "write"),
    "over a compressed file": ("write", "rename"),
    "resume compressed": ("truncate", "write"),
    "grade to a document": ("open", "rename"),
}
"""Kinds of calls; the last of each fails if not all are tried."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Server]:
    with harness.server(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.mark.timeout(600)
@pytest.mark.parametrize("kill", [False, True], ids=["fails", "killed"])
@pytest.mark.parametrize("scenario", harness.SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_fault_costs_nothing_that_was_finished(
    scenario: harness.Scenario, kill: bool, server: harness.Server, tmp_path: Path
) -> None:
    calls = harness.points(server, scenario, tmp_path / "f")
    kinds = [call.split()[1] for call in calls]
    wanted = list(range(1, len(calls) + 1))
    if not ALL:
        wanted = sorted({len(kinds) - kinds[::-1].index(kind) for kind in FEW.get(scenario.name, ())})
    wrong = []
    for at in wanted:
        try:
            harness.check(server, scenario, tmp_path / "f", at, kill=kill)
        except AssertionError as error:
            wrong.append(f"{calls[at - 1].strip()}: {error}")
    print(f"{scenario.name}: {len(wanted)} points")
    assert not wrong, "\n".join(wrong)
    assert len(calls) >= 10


def test_the_harness_detects_a_loss(server: harness.Server, tmp_path: Path) -> None:
    """Check the rules: a finished scan is gone, or a host is there twice."""
    scenario = harness.SCENARIOS[2]

    class Loses(harness.Server):
        def __init__(self) -> None:
            pass

        def run(
            self, arguments: list[str], folder: Path, *, at: int = 0, kill: bool = False
        ) -> tuple[int, str, list[str]]:
            found = server.run(arguments, folder, at=0)
            if at:
                (folder / "x.jsonl~").unlink()
                return 2, "error: x\n", ["1 write"] * at
            return found

    with pytest.raises(AssertionError, match="is gone"):
        harness.check(Loses(), scenario, tmp_path / "f", 1, kill=False)
    server.run(scenario.arguments, tmp_path / "f")
    data = (tmp_path / "f" / "x.jsonl").read_bytes()
    line = data.splitlines(keepends=True)[1]
    assert max(harness.hosts_of(data.replace(line, line * 2)).values()) == 2
