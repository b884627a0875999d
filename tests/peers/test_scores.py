"""docs/scores.md is up to date, and so are the data behind it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sshprobe.lab.openssh import find_openssh
from sshprobe.wire.messages import NAME_LISTS
from tests.installed import need, need_program
from tests.live.asking import ask_address
from tests.live.peers import need_ssh_audit, ssh_audit
from tests.peers import recording
from tests.peers.configurations import configurations
from tests.peers.replay import ReplayServer
from tests.peers.scores import (
    DEFENCES,
    counts_of,
    kendall,
    measured,
    opposite_pairs,
    ranks,
    rows,
    spearman,
    undefended,
)

ROOT = Path(__file__).parents[2]
CONFIGURATIONS = configurations()
COUNTS = measured()

LIVE = (
    "Mozilla Modern on OpenSSH 9.2",
    "OpenSSH 9.2 with a DSA key",
    "OpenSSH 9.2 with an RSA key of 1024 bits",
    "OpenSSH 9.2, old algorithms alone",
)


def test_the_document_is_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "scores"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_configuration_is_measured() -> None:
    assert len(CONFIGURATIONS) >= 15
    assert set(COUNTS) == set(CONFIGURATIONS)
    assert {row.verdict.grade for row in rows()} >= {"A", "B", "C", "D", "F"}
    assert set(DEFENCES) <= set(CONFIGURATIONS)


def test_every_large_difference_has_a_reason() -> None:
    assert undefended(rows()) == []


@pytest.mark.parametrize("title", CONFIGURATIONS)
async def test_ssh_audit_still_gives_the_stored_counts(title: str) -> None:
    need_ssh_audit()
    async with ReplayServer(CONFIGURATIONS[title]) as server:
        assert counts_of(await ssh_audit(server.host, server.port)) == COUNTS[title]


@pytest.mark.parametrize("title", LIVE)
async def test_ssh_audit_gives_the_same_for_replay_and_server(title: str) -> None:
    need_ssh_audit()
    need_program("ssh-keygen", "openssh-client")
    need(find_openssh(below=(10, 0)), "OpenSSH's sshd", "openssh-server")
    async with recording.RECORDED[title]() as server:
        assert counts_of(await ssh_audit(server.host, server.port)) == COUNTS[title]


@pytest.mark.parametrize("title", ["OpenSSH 5.3, default", "lshd 2.1", "TinySSH 20230101, default"])
async def test_the_replay_equals_the_observation(title: str) -> None:
    seen = CONFIGURATIONS[title]
    async with ReplayServer(seen) as server:
        found = await ask_address(server.host, server.port, depth="lists")
    assert found.identification == seen.identification
    assert found.lines_before_identification == seen.lines_before_identification
    for name in NAME_LISTS:
        # Empty lists of languages are not stored for captures.
        assert getattr(found, name) == (getattr(seen, name) or [])


async def test_live_servers_still_equal_the_recorded_ones() -> None:
    """One of them completely; the same few lines make the others."""
    need_program("ssh-keygen", "openssh-client")
    found = find_openssh(below=(10, 0))
    need(found, "OpenSSH's sshd", "openssh-server")
    title = "Mozilla Modern on OpenSSH 9.2"
    kept, now = CONFIGURATIONS[title], await recording.record(title)
    if kept.identification != now.identification:
        pytest.skip(f"recorded from another build than {now.identification and now.identification.raw}")
    assert now == kept


def test_ranks_and_agreement() -> None:
    assert ranks([10, 30, 20, 20]) == [4, 1, 2.5, 2.5]
    same, opposite = [1, 2, 3, 4], [4, 3, 2, 1]
    assert spearman(same, same) == pytest.approx(1)
    assert spearman(same, opposite) == pytest.approx(-1)
    assert kendall(same, same) == 1
    assert kendall(same, opposite) == -1
    # By hand: of six pairs four agree, one does not, and one is a tie in the second.
    assert kendall([1, 2, 3, 4], [1, 3, 2, 3]) == pytest.approx((4 - 1) / (6 * 5) ** 0.5)
    assert spearman([1, 2, 3, 4, 5], [5, 6, 7, 8, 7]) == pytest.approx(0.8207826816681233)


def test_pairs_in_opposite_order() -> None:
    table = rows()[:3]
    (pair,) = opposite_pairs(table, [1, 2, 3], [1, 3, 2])
    assert (pair.better_here, pair.better_there, pair.gap) == (table[1], table[2], 1)
