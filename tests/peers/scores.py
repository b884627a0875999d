"""Many configurations in the order of three tools, and how far the orders agree: docs/scores.md."""

from __future__ import annotations

import statistics
import tomllib
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any, NamedTuple

from sshprobe.cli.options.grading import DEFAULT_PROFILE
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.peers import ssh_scan
from tests.peers.configurations import configurations

MEASURED = Path(__file__).parent / "ssh_audit_counts.tsv"
"""Counts of ssh-audit 3.9.0 for each configuration, written by `scripts/scores --measure`."""

DEFENCES: dict[str, str] = tomllib.loads((Path(__file__).parent / "defences.toml").read_text())
"""Title to the reason for our rank, where a peer's is far from it."""

LISTS = ("kex", "key", "enc", "mac")
PAIRS_SHOWN = 12


class Counts(NamedTuple):
    """Numbers of algorithms that ssh-audit fails and warns about."""

    fails: int
    warns: int
    names: str
    """The failed algorithms."""


class Row(NamedTuple):
    """One configuration as each tool judges it."""

    title: str
    verdict: Verdict
    counts: Counts
    scan: ssh_scan.Judged | None

    @property
    def scan_score(self) -> int | None:
        """Return ssh_scan's score, 0 to 100."""
        return None if self.scan is None else 100 - 10 * self.scan.recommendations


def counts_of(document: dict[str, Any]) -> Counts:
    """Count the algorithms that `ssh-audit -j` fails and warns about."""
    entries = [entry for list_ in LISTS for entry in document[list_]]
    failed = [entry["algorithm"] for entry in entries if "fail" in entry["notes"]]
    warned = [entry for entry in entries if "warn" in entry["notes"] and "fail" not in entry["notes"]]
    return Counts(len(failed), len(warned), ",".join(failed))


def measured() -> dict[str, Counts]:
    found = {}
    for line in MEASURED.read_text().splitlines()[1:]:
        title, fails, warns, names = line.split("\t")
        found[title] = Counts(int(fails), int(warns), names)
    return found


def rows() -> list[Row]:
    """Return all configurations, our best first; ties by ssh-audit's counts, then by title."""
    profile, counts = load_profile(DEFAULT_PROFILE), measured()
    policy = ssh_scan.policies()["mozilla-modern"]
    found = [
        Row(title, grade(seen, profile), counts[title], ssh_scan.judge(policy, seen))
        for title, seen in configurations().items()
    ]
    return sorted(found, key=lambda row: (-row.verdict.score, row.counts[:2], row.title))


def ranks(values: Sequence[Any]) -> list[float]:
    """Return ranks: 1 is the largest, and ties share the mean of their ranks."""
    order = sorted(values, reverse=True)
    return [order.index(value) + (order.count(value) + 1) / 2 for value in values]


def spearman(one: Sequence[Any], other: Sequence[Any]) -> float:
    """Return the correlation of the ranks, -1 to 1."""
    return statistics.correlation(ranks(one), ranks(other))


def kendall(one: Sequence[Any], other: Sequence[Any]) -> float:
    """Return Kendall's tau-b, -1 to 1: pairs in the same order minus pairs in the opposite order, with ties."""
    balance = ties_one = ties_other = 0
    pairs = list(combinations(zip(one, other, strict=True), 2))
    for (a, x), (b, y) in pairs:
        first, second = (a > b) - (a < b), (x > y) - (x < y)
        balance += first * second
        ties_one += not first
        ties_other += not second
    scale = (len(pairs) - ties_one) * (len(pairs) - ties_other)
    return float(balance / scale**0.5) if scale else 0.0


class Pair(NamedTuple):
    """Two configurations in opposite order at a peer. `gap` is the smaller difference of ranks."""

    better_here: Row
    better_there: Row
    gap: float


def opposite_pairs(table: Sequence[Row], ours: Sequence[float], theirs: Sequence[float]) -> list[Pair]:
    """Return pairs in opposite order, the largest gap first."""
    found = []
    for i, j in combinations(range(len(table)), 2):
        here, there = ours[j] - ours[i], theirs[j] - theirs[i]
        if here * there < 0:
            better, worse = (i, j) if here > 0 else (j, i)
            found.append(Pair(table[better], table[worse], min(abs(here), abs(there))))
    return sorted(found, key=lambda pair: (-pair.gap, pair.better_here.title, pair.better_there.title))


def why(verdict: Verdict, shown: int = 3) -> str:
    """Return the findings that cost most, in a few words."""
    costly = [each for each in verdict.findings if each.effect.points]
    words = [f"{_about(each)} ({each.severity})" for each in costly[:shown]]
    more = len(costly) - shown
    return ", ".join(words) + (f" and {more} more" if more > 0 else "") if words else "nothing"


def _about(finding: Finding) -> str:
    if finding.algorithm is None:
        return finding.id
    listed = finding.id.endswith((".weak", ".unlisted", ".forbidden", ".stronger"))
    return finding.algorithm if listed else f"{finding.algorithm} {finding.id}"


def undefended(table: Sequence[Row]) -> list[str]:
    """Return titles whose rank is far from a peer's and that have no line in `DEFENCES`."""
    return sorted({title for title, _ in _far(table)} - set(DEFENCES))


_FAR = 4
"""A rank is far from a peer's if they differ by the table's length divided by this."""


def _far(table: Sequence[Row]) -> list[tuple[str, str]]:
    """Return (title, ranks in words) where a peer's rank is a quarter of the table or more away."""
    found = []
    ours = ranks([row.verdict.score for row in table])
    audit = ranks([(-row.counts.fails, -row.counts.warns) for row in table])
    judged = [index for index, row in enumerate(table) if row.scan_score is not None]
    scan = dict(zip(judged, ranks([table[index].scan_score for index in judged]), strict=True))
    among = dict(zip(judged, ranks([table[index].verdict.score for index in judged]), strict=True))
    for index, row in enumerate(table):
        words = []
        if abs(ours[index] - audit[index]) >= len(table) / _FAR:
            words.append(f"ssh-audit: {audit[index]:g} for our {ours[index]:g}")
        if index in scan and abs(among[index] - scan[index]) >= len(judged) / _FAR:
            words.append(f"ssh_scan: {scan[index]:g} for our {among[index]:g}")
        if words:
            found.append((row.title, "; ".join(words)))
    return found


def document() -> str:
    """Return the text of docs/scores.md."""
    table = rows()
    profile = load_profile(DEFAULT_PROFILE)
    ours = [row.verdict.score for row in table]
    audit = [(-row.counts.fails, -row.counts.warns) for row in table]
    both = [row for row in table if row.scan_score is not None]
    scan = [row.scan_score for row in both]
    lines = [
        _HEAD.format(number=len(table), profile=profile.id, version=profile.version),
        "| configuration | sshprobe, and the main costs | ssh-audit | ssh_scan |",
        "|---|---|---|---|",
    ]
    for row in table:
        judged = f"{row.verdict.grade} {row.verdict.score}: {why(row.verdict)}"
        fails = f"{row.counts.fails} fails, {row.counts.warns} warns"
        scored = "" if row.scan is None else f"{row.scan.grade} {row.scan_score}"
        lines.append(f"| {row.title} | {judged} | {fails} | {scored} |")
    lines += [
        "",
        "## How far the orders agree",
        "",
        "1 is the same order, 0 no relation, -1 the opposite order. Ties count as ties.",
        "",
        "| | configurations | Spearman | Kendall tau-b |",
        "|---|---|---|---|",
    ]
    for name, one, other in (
        ("sshprobe and ssh-audit", ours, audit),
        ("sshprobe and ssh_scan", [row.verdict.score for row in both], scan),
        ("ssh-audit and ssh_scan", [(-row.counts.fails, -row.counts.warns) for row in both], scan),
    ):
        lines.append(f"| {name} | {len(one)} | {spearman(one, other):.2f} | {kendall(one, other):.2f} |")
    pairs = opposite_pairs(table, ranks(ours), ranks(audit))
    lines += [
        "",
        "## Pairs in opposite order",
        "",
        f"ssh-audit orders {len(pairs)} of {len(table) * (len(table) - 1) // 2} pairs the other way round. "
        f"The {min(PAIRS_SHOWN, len(pairs))} largest gaps:",
        "",
        "| better here | why not better | better at ssh-audit | why not better |",
        "|---|---|---|---|",
    ]
    for pair in pairs[:PAIRS_SHOWN]:
        here, there = pair.better_here, pair.better_there
        lines.append(
            f"| {here.title}: {here.verdict.score} | ssh-audit fails {_cut(here.counts.names)} "
            f"| {there.title}: {there.verdict.score} | {why(there.verdict)} |"
        )
    lines += [
        "",
        "## Differences and why",
        "",
        "These ranks differ from a peer's by a quarter of the table or more.",
        "",
        "| configuration | rank | reason for ours |",
        "|---|---|---|",
        *(f"| {title} | {words} | {DEFENCES.get(title, 'not written yet')} |" for title, words in _far(table)),
    ]
    return "\n".join(lines) + "\n"


def _cut(names: str, shown: int = 4) -> str:
    parts = names.split(",") if names else []
    more = len(parts) - shown
    return (", ".join(parts[:shown]) or "nothing") + (f" and {more} more" if more > 0 else "")


_HEAD = """# Scores beside other tools

<!-- Made by `scripts/scores`; `scripts/scores --check` fails when it is out of date. -->

Compare how three tools order the same servers, and read why. These are {number} configurations, our best first, under
the default profile (`{profile}`, {version}): default servers from captured bytes, guides followed on a live sshd, and
servers made weak on purpose. Authentication methods are left out, since ssh-audit does not ask for them.

- **ssh-audit 3.9.0** has no score. Its order is the number of algorithms that it fails, then of those it warns about.
  It scanned a server that replays lists, host keys and groups of each configuration (`tests/peers/replay.py`).
- **ssh_scan** is represented by its rules (`tests/peers/ssh_scan.py`) with the policy Mozilla Modern: 100 points minus
  10 for each list to change.
"""
