"""Prepares advice: decides from the findings of an observation which names to remove and which to keep."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical, in_openssh, is_newer_than_known
from sshprobe.grading.offers import Offer, offers_by_type
from sshprobe.grading.strength import is_post_quantum
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding
from sshprobe.profiles import Profile
from sshprobe.remedy.kept_names import config_line
from sshprobe.remedy.platforms import openssh_version, platform_of
from sshprobe.remedy.remedy_context import AGAINST_A_NAME, CHACHA20, OLD_RSA, RemedyContext, is_unknown
from sshprobe.remedy.replacements import choose, in_place_of, last_over_sha2, loses_post_quantum, post_quantum_exchanges


def prepare_context(
    observation: Observation, profile: Profile, findings: Sequence[Finding], *, strict: bool = False
) -> RemedyContext:
    """Return the context of advice for the findings of one observation. Waived names stay."""
    profile = _with_waived_methods(profile, findings)
    platform, version = platform_of(observation), openssh_version(observation)
    offered: dict[AlgorithmType, dict[str, Offer]] = {category: {} for category in ALGORITHM_TYPES}
    offered |= offers_by_type(observation)
    waived = _named(finding for finding in findings if finding.waived is not None)
    findings = [finding for finding in findings if finding.waived is None]
    gone = _named(findings)
    newer, old = is_newer_than_known(version), in_openssh("7.2+", version) is False
    if newer:
        for category, names in gone.items():
            names -= {name for name in names if is_unknown(category, name)}
    if old and any((finding.id, finding.algorithm) == OLD_RSA for finding in findings):
        # It stays if the profile accepts it.
        gone["host_key"].discard("ssh-rsa")
    if any(finding.id == "kex.terrapin" for finding in findings):
        _end_terrapin(offered["cipher"], gone)
    needed = any(finding.id == "kex.no_post_quantum" and finding.deviation for finding in findings)
    stay: dict[AlgorithmType, set[str]] = {}
    if gone["kex"] and loses_post_quantum(observation, profile, gone["kex"]):
        needed = bool(post_quantum_exchanges(profile, gone["kex"], platform, version, strict=strict))
        stay["kex"] = set() if needed else set(filter(is_post_quantum, gone["kex"]))
    if gone["host_key"]:
        stay["host_key"] = last_over_sha2(observation, gone["host_key"], waived["host_key"])
    for category, kept in stay.items():
        gone[category] -= kept
    context = RemedyContext(
        observation=observation,
        profile=profile,
        strict=strict,
        platform=platform,
        version=version,
        is_newer_than_known=newer,
        signs_with_sha1_only=old,
        offered=offered,
        to_remove={category: frozenset(found) for category, found in gone.items()},
        waived={category: frozenset(found - gone[category]) for category, found in waived.items()},
        must_stay=stay,
        needs_post_quantum=needed,
        instead={},
        lines={},
    )
    for category in ALGORITHM_TYPES:
        if platform is not None:
            if gone[category] or (category == "kex" and needed):
                context.lines[category] = config_line(context, category)
        elif gone[category]:
            chosen = choose(observation, profile, category, gone[category], context.waived[category], strict=strict)
            context.instead[category] = chosen
            context.lines[category] = in_place_of(observation, category, gone[category], chosen)
    return context


def _named(findings: Iterable[Finding]) -> dict[AlgorithmType, set[str]]:
    """Return the canonical names with findings against them, by type."""
    found: dict[AlgorithmType, set[str]] = {category: set() for category in ALGORITHM_TYPES}
    for finding in findings:
        is_against = finding.severity != "note" and finding.id.partition(".")[2] in AGAINST_A_NAME
        if is_against and finding.category in ALGORITHM_TYPES and finding.algorithm:
            found[finding.category].add(canonical(finding.category, finding.algorithm))
    return found


def _with_waived_methods(profile: Profile, findings: Sequence[Finding]) -> Profile:
    """Return the profile with the waived methods allowed: no line may switch them off."""
    rule = profile.authentication
    waived = [each.algorithm for each in findings if each.waived and each.id == "authentication.unlisted"]
    if rule is None or not waived:
        return profile
    allowed = (*rule.passing, *(method for method in waived if method))
    return msgspec.structs.replace(profile, authentication=msgspec.structs.replace(rule, allowed=allowed))


def _end_terrapin(ciphers: dict[str, Offer], gone: dict[AlgorithmType, set[str]]) -> None:
    """Add the ciphers that Terrapin attacks to those that go, if other ciphers are left."""
    ending = {
        same
        for same, offer in ciphers.items()
        if same == CHACHA20 or any(name.endswith("-cbc") for name in offer.names)
    }
    if set(ciphers) - gone["cipher"] - ending:
        gone["cipher"] |= ending
