"""The smallest change that fixes a host, and the grade it then has: computed, never assumed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sshprobe.grading.assess import assess
from sshprobe.grading.checks.fleet_keys import FleetIndex
from sshprobe.grading.key_findings import fleet_key_findings
from sshprobe.grading.long_lists import shortened
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Change, Remedy
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.profiles import Profile
from sshprobe.remedy.dropbear import dropbear_steps, dropbear_version
from sshprobe.remedy.hints import with_hints
from sshprobe.remedy.openssh import openssh_steps
from sshprobe.remedy.other_servers import other_server_steps, preamble
from sshprobe.remedy.platforms import platform_of
from sshprobe.remedy.steps import Step, after, minimal_steps
from sshprobe.remedy.to_remove import remedy_context
from sshprobe.remedy.what_if import usable

FIRST = "# Put these lines first in sshd_config: of two lines with one keyword sshd takes the first"
UNLESS = "# A Match block, or an option on sshd's command line, counts before these lines"
KEYS = "# If `sshd -T | grep -i ^hostkey` shows another file than {}, take that one"


def remedy(
    observation: Observation, profile: Profile, *, strict: bool = False, fleet: FleetIndex | None = None
) -> Remedy:
    """What to change, with the verdict on the observation as it will then be.

    Lines are for OpenSSH alone, and only with names that this server offers or its release knows. For other
    software there is advice in plain words. `fleet`: what the keys of other hosts say is fixed too.
    """
    observation = shortened(observation)
    steps, promised = planned(observation, profile, strict=strict, fleet=fleet)
    platform = platform_of(observation)
    openssh = platform is not None
    changes = [step.change for step in steps]
    lines: list[str] = []
    commands: list[str] = []
    if openssh:
        for change in changes:
            if change.kind in ("sshd_config", "host_key") and change.text:
                comment = f"# {change.comment}"
                lines += [*([comment] if comment not in lines else []), *(f"# {words}" for words in change.beside)]
                lines += change.text
        commands = [command for change in changes for command in change.commands]
    long = [change for change in changes if change.moduli_bits is not None] if openssh else []
    short = [command for command in commands if not any(command in change.commands for change in long)]
    keys = [change.key.file for change in changes if change.key is not None and change.key.replaces]
    left = [finding for finding in promised.findings if finding.counts]
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
        grade=promised.grade,
        score=promised.score,
        compliant=promised.compliant,
        grade_is_partial=promised.grade_is_partial,
        left=[_left(finding) for finding in left],
        left_briefly=[_left(finding, briefly=True) for finding in left],
    )


def planned(
    observation: Observation, profile: Profile, *, strict: bool = False, fleet: FleetIndex | None = None
) -> tuple[list[Step], Verdict]:
    """The smallest set of steps that fixes a host, and the verdict on the observation as it will then be."""
    observation = shortened(observation)
    now = assess(observation, profile, strict=strict)
    context = remedy_context(observation, profile, now.findings, strict=strict)
    graded: dict[tuple[int, ...], tuple[Verdict, Observation]] = {}

    def promise(steps: Sequence[Step]) -> Verdict:
        key = tuple(map(id, steps))
        if key not in graded:
            fixed = after(observation, steps)
            graded[key] = now if not steps else assess(fixed, profile, strict=strict), fixed
        return graded[key][0]

    def outcome(steps: Sequence[Step]) -> object:
        # What keeps a list from being empty, or but what is waived, is needed, whatever else stays wrong. So is a new
        # key in place of a shared one, which no score counts.
        promised = promise(steps)
        fixed = graded[tuple(map(id, steps))][1]
        across = [(each.id, each.algorithm) for each in _across(fixed, profile, fleet)]
        return _promised(promised), usable(fixed, context.waived), across

    others = other_server_steps if dropbear_version(observation) is None else dropbear_steps
    find = openssh_steps if platform_of(observation) is not None else others
    before = _without_waived(now)
    before = msgspec.structs.replace(before, findings=[*before.findings, *_across(observation, profile, fleet)])
    steps = minimal_steps(list(find(context, before)), outcome)
    promised = promise(steps)
    while steps and introduced(now, promised):
        # Never so far for what servers offer: the one goes without which the least is left that was not there before.
        ways = [[other for other in steps if other is not step] for step in steps]
        steps = min(ways, key=lambda way: len(introduced(now, promise(way))))
        promised = promise(steps)
    return steps, with_hints(promised, after(observation, steps), profile, strict=strict)


def introduced(before: Verdict, after: Verdict) -> set[tuple[str, str | None]]:
    """Id and algorithm of findings of `after` that cost something and are not in `before`.

    `kex.no_strict_kex` after `kex.terrapin` is what is left of the same fault, where nothing can be attacked any more.
    """
    known = {(finding.id, finding.algorithm) for finding in before.findings}
    new = {(finding.id, finding.algorithm) for finding in after.findings if finding.counts} - known
    if ("kex.terrapin", None) in known:
        new.discard(("kex.no_strict_kex", None))
    return new


def _across(observation: Observation, profile: Profile, fleet: FleetIndex | None) -> list[Finding]:
    """Return what other hosts' keys say of this one, per key type; neither notes nor what is waived."""
    found = [] if fleet is None else fleet_key_findings(observation, fleet, [profile])
    return [finding for finding in found if finding.counts]


def _without_waived(verdict: Verdict) -> Verdict:
    """What is waived is not fixed: somebody needs it as it is."""
    return msgspec.structs.replace(verdict, findings=[each for each in verdict.findings if each.waived is None])


def _advice(first: str | None, changes: list[Change]) -> list[str]:
    lines = [] if first is None else [first]
    for change in changes:
        where = {"localoptions.h": "localoptions.h, compiled anew: ", "argument": "option of dropbear: "}
        why = f" ({change.reasons[0]})" if change.kind != "words" and change.reasons else ""
        lines += [f"{where.get(change.kind, '')}{text}{why}" for text in (*change.text, *change.commands)]
    return lines


def _promised(verdict: Verdict) -> object:
    """What a remedy promises: score, compliance, and where that is not reached, what still differs."""
    deviations = frozenset((finding.id, finding.algorithm) for finding in verdict.findings if _differs(finding))
    return verdict.score, verdict.compliant, deviations


def _differs(finding: Finding) -> bool:
    return finding.deviation and finding.waived is None


def _left(finding: Finding, *, briefly: bool = False) -> str:
    about = finding.id if finding.algorithm is None else f"{finding.id} {finding.algorithm}"
    if finding.remediation is None:
        return f"{about}: {finding.message}"
    return f"{about}: {finding.remediation}" if briefly else f"{about}: {finding.message}; {finding.remediation}"
