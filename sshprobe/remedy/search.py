"""The smallest change that fixes a host, and the grade that follows: computed, never assumed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType
from sshprobe.grading.assess import assess
from sshprobe.grading.checks.algorithms import algorithms
from sshprobe.grading.checks.authentication import login_methods
from sshprobe.grading.checks.fleet_keys import FleetIndex
from sshprobe.grading.checks.group_exchange import leaves_groups_untested, smallest_group
from sshprobe.grading.checks.host_keys import shown_keys
from sshprobe.grading.checks.registry import graded_host
from sshprobe.grading.key_findings import fleet_key_findings
from sshprobe.grading.offers import offers_by_type, shorten_lists
from sshprobe.grading.verdict_key import verdict_key
from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Change, Remedy
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.profiles import Profile
from sshprobe.remedy.dropbear import dropbear_steps, dropbear_version
from sshprobe.remedy.hints import with_hints
from sshprobe.remedy.names_to_remove import prepare_context
from sshprobe.remedy.openssh import openssh_steps
from sshprobe.remedy.other_servers import other_server_steps, preamble
from sshprobe.remedy.platforms import platform_of
from sshprobe.remedy.steps import Step, after, minimal_steps
from sshprobe.remedy.what_if import usable

FIRST = "# Put these lines first in sshd_config: sshd uses the first line of each keyword"
UNLESS = "# A Match block, or an option on sshd's command line, overrides these lines"
KEYS = "# If `sshd -T | grep -i ^hostkey` shows another file than {}, take that one"


def remedy(
    observation: Observation, profile: Profile, *, strict: bool = False, fleet: FleetIndex | None = None
) -> Remedy:
    """Return the changes for a host, with the grade that follows.

    Only OpenSSH gets lines, with names that this server offers or its release knows. Other software gets advice in
    plain words. `fleet`: findings about keys of other hosts are fixed too.
    """
    observation = shorten_lists(observation)
    steps, projected = planned(observation, profile, strict=strict, fleet=fleet)
    platform = platform_of(observation)
    openssh = platform is not None
    changes = [step.change for step in steps]
    lines: list[str] = []
    commands: list[str] = []
    if openssh:
        for change in changes:
            if change.kind in ("sshd_config", "host_key") and change.text:
                comments = [f"# {words}" for words in (change.comment, *change.beside)]
                lines += [comment for comment in comments if comment not in lines]
                lines += change.text
        commands = [command for change in changes for command in change.commands]
    long = [change for change in changes if change.moduli_bits is not None] if openssh else []
    short = [command for command in commands if not any(command in change.commands for change in long)]
    keys = [change.key.file for change in changes if change.key is not None and change.key.replaces]
    left = [finding for finding in projected.findings if finding.counts]
    left += _across(after(observation, steps), profile, fleet)
    return Remedy(
        changes=changes,
        platform=platform,
        file="" if platform is None else f"{platform.folder}/sshd_config",
        lines=[FIRST, UNLESS, *lines] if lines else [],
        commands=commands,
        short_commands=[*([KEYS.format(" and ".join(keys))] if short and keys else []), *short],
        long_commands=[change.comment for change in long],
        advice=[] if openssh else _advice(preamble(observation, steps), changes),
        grade=projected.grade,
        score=projected.score,
        compliant=projected.compliant,
        grade_is_partial=projected.grade_is_partial,
        left=[_left(finding) for finding in left],
        left_briefly=[_left(finding, briefly=True) for finding in left],
    )


def planned(
    observation: Observation, profile: Profile, *, strict: bool = False, fleet: FleetIndex | None = None
) -> tuple[list[Step], Verdict]:
    """Return the smallest set of steps that fixes a host, and the verdict after them."""
    observation = shorten_lists(observation)
    now = assess(observation, profile, strict=strict)
    context = prepare_context(observation, profile, now.findings, strict=strict)
    projections = _Projections(observation, profile, now, waived=context.waived, strict=strict, fleet=fleet)
    others = other_server_steps if dropbear_version(observation) is None else dropbear_steps
    find = openssh_steps if context.platform is not None else others
    before = [*(each for each in now.findings if each.waived is None), *_across(observation, profile, fleet)]
    steps = minimal_steps(list(find(context, msgspec.structs.replace(now, findings=before))), projections.are_equal)
    projected = projections.verdict(steps)
    bad = {category: context.to_remove[category] | context.waived[category] for category in ALGORITHM_TYPES}
    safe = usable(observation, bad)
    while steps and (introduced(now, projected) or projections.unusable(steps, safe)):
        # This does not happen with real servers. Drop the step whose absence leaves the most lists usable and, of
        # these, causes the fewest new findings.
        ways = [[other for other in steps if other is not step] for step in steps]
        way = min(
            ways,
            key=lambda way: (projections.unusable(way, safe), len(introduced(now, projections.verdict(way)))),
        )
        steps = minimal_steps(way, projections.are_equal)
        projected = projections.verdict(steps)
    return steps, with_hints(projected, projections.observation(steps), profile, strict=strict)


class _Projections:
    """Observations and verdicts after sets of steps. Each set is applied and graded at most once."""

    def __init__(
        self,
        observation: Observation,
        profile: Profile,
        now: Verdict,
        *,
        waived: Mapping[AlgorithmType, Collection[str]],
        strict: bool,
        fleet: FleetIndex | None,
    ) -> None:
        self._profile = profile
        self._waived = waived
        self._strict = strict
        self._fleet = fleet
        self._observations: dict[tuple[int, ...], Observation] = {(): observation}
        self._verdicts: dict[tuple[int, ...], Verdict] = {(): now}

    def observation(self, steps: Sequence[Step]) -> Observation:
        key = tuple(map(id, steps))
        if key not in self._observations:
            self._observations[key] = after(self._observations[()], steps)
        return self._observations[key]

    def verdict(self, steps: Sequence[Step]) -> Verdict:
        key = tuple(map(id, steps))
        if key not in self._verdicts:
            self._verdicts[key] = assess(self.observation(steps), self._profile, strict=self._strict)
        return self._verdicts[key]

    def unusable(self, steps: Sequence[Step], safe: tuple[int, ...]) -> int:
        """Return the number of lists that clients can use less after the steps than `safe`, a result of `usable`."""
        found = usable(self.observation(steps), self._waived)
        return sum(later < earlier for earlier, later in zip(safe, found, strict=True))

    def are_equal(self, some: Sequence[Step], steps: Sequence[Step]) -> bool:
        """Return whether some steps have the outcome of `steps`: score, compliance and remaining deviations.

        The outcome includes lists that are empty or have only waived names, and shared keys, which no score counts.
        """
        whole = self.verdict(steps)
        if self._is_worse(self.observation(some), self.observation(steps), whole):
            return False
        return self._outcome(some) == self._outcome(steps)

    def _outcome(self, steps: Sequence[Step]) -> tuple[object, ...]:
        observation, verdict = self.observation(steps), self.verdict(steps)
        across = [(each.id, each.algorithm) for each in _across(observation, self._profile, self._fleet)]
        return verdict.score, verdict.compliant, _deviations(verdict), usable(observation, self._waived), across

    def _is_worse(self, some: Observation, whole: Observation, verdict: Verdict) -> bool:
        """Return whether `some` surely has a new deviation, or loses points that `whole` does not lose.

        This runs only the checks of facts that differ. It proves most steps necessary without a full verdict.
        """
        if self._profile.waiver:
            return False
        known = _deviations(verdict)
        return any(
            (judged.deviation and (judged.id, judged.algorithm) not in known)
            or (judged.effect.points > 0 and verdict.score == 100)
            for judged in self._judge_differences(some, whole)
        )

    def _judge_differences(self, some: Observation, whole: Observation) -> Iterator[Finding]:
        host = graded_host(some, self._profile, strict=self._strict)
        there = offers_by_type(whole)
        differing = {category: found for category, found in host.offers.items() if found != there.get(category)}
        yield from algorithms(msgspec.structs.replace(host, offers=differing))
        if some.host_keys != whole.host_keys:
            yield from shown_keys(host)
        if some.group_exchange != whole.group_exchange:
            yield from smallest_group(host)
        yield from login_methods(host)


def introduced(before: Verdict, after: Verdict) -> set[tuple[str, str | None]]:
    """Return id and algorithm of the findings above a note that are in `after` and not in `before`.

    `kex.no_strict_kex` after `kex.terrapin` does not count: it is the remainder of the same fault, without an attack.
    """
    known = {(finding.id, finding.algorithm) for finding in before.findings}
    new = {(finding.id, finding.algorithm) for finding in after.findings if finding.counts} - known
    if ("kex.terrapin", None) in known:
        new.discard(("kex.no_strict_kex", None))
    return new


def _across(observation: Observation, profile: Profile, fleet: FleetIndex | None) -> list[Finding]:
    """Return the findings about keys of other hosts, per key type, without notes and waived ones."""
    found = [] if fleet is None else fleet_key_findings(observation, fleet, [profile])
    return [finding for finding in found if finding.counts]


def _advice(first: str | None, changes: list[Change]) -> list[str]:
    lines = [] if first is None else [first]
    for change in changes:
        where = {"localoptions.h": "localoptions.h, then compile again: ", "argument": "option of dropbear: "}
        why = f" ({change.reasons[0]})" if change.kind != "words" and change.reasons else ""
        lines += [f"{where.get(change.kind, '')}{text}{why}" for text in (*change.text, *change.commands)]
    return lines


def _deviations(verdict: Verdict) -> frozenset[tuple[str, str | None]]:
    return frozenset((each.id, each.algorithm) for each in verdict.findings if each.deviation and each.waived is None)


def _left(finding: Finding, *, briefly: bool = False) -> str:
    about = finding.id if finding.algorithm is None else f"{finding.id} {finding.algorithm}"
    if finding.remediation is None:
        return f"{about}: {finding.message}"
    return f"{about}: {finding.remediation}" if briefly else f"{about}: {finding.message}; {finding.remediation}"


_encode = msgspec.json.Encoder().encode  # it encodes numbers of any size, unlike msgpack


class RemedyCache:
    """Makes remedies under one profile, and caches the latest ones.

    A remedy depends on the same facts as the verdict, and on the findings about the host's keys across the fleet. A
    test compares cached remedies with fresh ones.

    Arguments:
        profile: the profile that hosts should meet.
        strict: as for `grade`.
        fleet: findings across the fleet are fixed too.
    """

    def __init__(self, profile: Profile, *, strict: bool = False, fleet: FleetIndex | None = None) -> None:
        self._profile = profile
        self._strict = strict
        self._fleet = fleet
        self._known: LruCache[bytes, Remedy] = LruCache()

    def remedy_for(self, observation: Observation) -> Remedy:
        """Return the remedy for an observation. Hosts share it, so callers must not change it."""
        key = self._key(observation)
        found = self._known.get(key)
        if found is None:
            found = remedy(observation, self._profile, strict=self._strict, fleet=self._fleet)
            self._known.put(key, found, len(key) + len(_encode(found)))
        return found

    def _key(self, observation: Observation) -> bytes:
        key = verdict_key(observation, (self._profile,))
        if leaves_groups_untested(observation):
            # After a step there may be fewer groups, so that others are tested.
            key += _encode(observation.group_exchange)
        if self._fleet is not None:
            # Without `observed`, which names other hosts and does not affect remedies.
            across = fleet_key_findings(observation, self._fleet, (self._profile,))
            key += _encode([(each.id, each.algorithm, each.message, each.remediation, each.counts) for each in across])
        return key
