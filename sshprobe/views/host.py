"""One host as a struct: verdicts, grouped findings, lines to paste, unseen facts, and all its offers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.records import HostRecord
from sshprobe.model.remedy import Remedy
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.views.host_names import software
from sshprobe.views.host_stats import record_stats, says_the_same, status_matters
from sshprobe.views.offers import Describe, Offer, offers_of

FindingGroup = list[Finding]
"""Findings with the same message on several algorithms."""


class RemedyView(msgspec.Struct, frozen=True, kw_only=True):
    """The changes for the host under one profile, and their effect."""

    goal: Literal["grade", "compliance", "closer"]
    """The effect: a better grade or score; compliance with the same score; or only fewer deviations."""
    remedy: Remedy
    config: list[str]
    """Lines for `remedy.file`, and each comment that must be read before the lines are applied, once."""


class VerdictView(msgspec.Struct, frozen=True, kw_only=True):
    """The verdict of one profile on the host."""

    verdict: Verdict
    groups: list[FindingGroup]
    """Worst first, notes last; then waived findings, one each. Under a further profile: only deviations that the first
    verdict does not have."""
    shared: int
    """Under a further profile: its deviations that the first verdict has too."""
    unlisted: int
    """Algorithms that the profile does not list but lets pass: `--strict` would count them."""
    not_observed: list[str]
    """Facts that the profile needs and that were not observed. Under a further profile: empty if they are the same."""
    remedy: RemedyView | None
    """None: not computed, or no advice."""


class HostView(msgspec.Struct, frozen=True, kw_only=True):
    """The content of the report on one host."""

    record: HostRecord
    """The observation, and the cost of the conversation."""
    software: str
    """"OpenSSH 9.2p1 (Debian 12)"; empty if the server names none."""
    is_cut_short: bool
    """Whether the probe ended before everything was seen, and no finding says so."""
    verdicts: list[VerdictView]
    across: list[Finding]
    """Findings across the fleet, which no grade counts."""
    offers: dict[AlgorithmType, list[Offer]]
    """Type to offers, in the server's order. Types that were not seen are left out."""


def host_view(record: HostRecord, remedies: Mapping[str, Remedy], describe: Describe) -> HostView:
    """Return the view of a host. `remedies` maps profile ids to remedies; `describe` returns notes of the catalogue."""
    verdicts = record.verdicts
    first = verdicts[0] if verdicts else None
    return HostView(
        record=record,
        software=software(record.identification),
        is_cut_short=first is not None and status_matters(record_stats(record)),
        verdicts=[
            _verdict_view(each, None if each is first else first, remedies.get(each.profile)) for each in verdicts
        ],
        across=record.fleet_findings,
        offers=offers_of(record, [] if first is None else first.findings, describe),
    )


def _verdict_view(verdict: Verdict, first: Verdict | None, remedy: Remedy | None) -> VerdictView:
    waived = [[finding] for finding in verdict.findings if finding.waived is not None]
    found = [finding for finding in verdict.findings if finding.waived is None]
    shared = 0
    if first is not None:
        known = {(each.id, each.algorithm) for each in first.findings if each.counts}
        deviations = [each for each in found if each.deviation]
        found = [each for each in deviations if (each.id, each.algorithm) not in known]
        shared = len(deviations) - len(found)
    stronger = sum(each.id.endswith(".stronger") and each.severity == "note" for each in verdict.findings)
    is_new = first is None or verdict.not_observed != first.not_observed
    return VerdictView(
        verdict=verdict,
        groups=[*sorted(_alike(found), key=lambda group: group[0].severity == "note"), *waived],
        shared=shared,
        unlisted=stronger if verdict.compliant else 0,
        not_observed=verdict.not_observed if is_new else [],
        remedy=None if remedy is None else _remedy_view(remedy, verdict),
    )


def _alike(findings: Iterable[Finding]) -> list[FindingGroup]:
    """Return groups of findings with the same message on several algorithms, in the order of their first ones."""
    groups: dict[object, FindingGroup] = {}
    for finding in findings:
        groups.setdefault(says_the_same(finding), []).append(finding)
    return list(groups.values())


def _remedy_view(remedy: Remedy, verdict: Verdict) -> RemedyView | None:
    if not (remedy.changes or remedy.lines or remedy.short_commands or remedy.advice or remedy.left_briefly):
        return None
    is_better = (remedy.grade, remedy.score) != (verdict.grade, verdict.score)
    # The first comment repeats `remedy.file`, and other comments repeat the findings.
    about = {f"# {change.comment}" for change in remedy.changes if not change.caution}
    about.update(line for line in remedy.lines[:1] if line.startswith("# "))
    lines = (line for line in remedy.lines if line not in about)
    return RemedyView(
        goal="grade" if is_better else "compliance" if remedy.compliant else "closer",
        remedy=remedy,
        config=list(dict.fromkeys(lines)),
    )
