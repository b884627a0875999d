"""The smallest change that mends a host, and the grade it then has: computed, never assumed."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from sshprobe.algorithms import CLASSES, Class, lookup
from sshprobe.grading.advice import (
    NO_GSS,
    ONLY_PUBLIC_KEYS,
    PUBLIC_KEYS,
    Context,
    authentication_lines,
    has_keyword,
    is_openssh,
    moduli_command,
    remaining,
    rsa_key_bits,
    rsa_key_commands,
)
from sshprobe.grading.checks import offers_group_exchange
from sshprobe.grading.fleet import FleetIndex
from sshprobe.grading.grade import grade, judge
from sshprobe.grading.hypothetical import (
    with_a_refusal_of_none,
    with_moduli,
    with_names,
    with_new_keys,
    with_protocol_2,
)
from sshprobe.grading.lists import FIELDS, offers
from sshprobe.grading.plain_words import plain_advice
from sshprobe.profiles import Profile
from sshprobe.records import Finding, Grade, Observation, Verdict

FIRST = "# Put these lines first in sshd_config: of two lines with one keyword sshd takes the first"


NEW_KEY = (
    "host_key.size",
    "host_key.malformed",
    "host_key.close_primes",
    "host_key.roca",
    "host_key.exponent",
    "host_key.known",
    "host_key.shared",
    "host_key.shared_prime",
)
"""What a new host key mends."""


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """What to change on a host, and what it comes to."""

    lines: list[str]
    """Ready lines of sshd_config, comments among them. Empty: nothing to change there."""
    commands: list[str]
    """Shell commands for root: moduli, host keys."""
    advice: list[str]
    """For software other than OpenSSH, in plain words: one line for each matter."""
    grade: Grade
    score: int
    compliant: bool | None
    """Grade, score and compliance when all of it is applied."""
    left: list[str]
    """What this cannot mend, one finding a line."""


def remedy(
    observation: Observation, profile: Profile, *, strict: bool = False, fleet: FleetIndex | None = None
) -> Remedy:
    """What to change, with the verdict on the observation as it will then be.

    Lines are for OpenSSH alone, and only with names that this server offers or its release knows. For other
    software there is advice in plain words.
    """
    context = Context.of(observation, profile, judge(observation, profile, strict=strict))
    before = _without_waived(grade(observation, profile, strict=strict, fleet=fleet))
    if not is_openssh(observation):
        advice, after = plain_advice(context, before)
        return _settle(grade(after, profile, strict=strict, fleet=fleet), advice=advice)
    lines: list[str] = []
    commands: list[str] = []
    after = observation
    if any(finding.id == "protocol.ssh1" for finding in before.findings) and observation.kex_algorithms is not None:
        lines += ["# SSH-1 off", "Protocol 2"]
        after = with_protocol_2(after)
    for category in CLASSES:
        if not context.costly[category]:
            continue
        line = context.lines.get(category)
        gss = category == "kex" and any(name.startswith("gss-") for name in context.costly[category])
        if gss:
            lines += ["# without key exchange by GSS-API", NO_GSS]
        if category == "host_key" and not has_keyword(context, category):
            lines_, after = _host_key_lines(context, after)
            lines += lines_
        elif line is not None:
            lines += [f"# without {', '.join(sorted(_gone(context, category)))}", line]
            names = [name for name in remaining(context, category) if not (gss and name.startswith("gss-"))]
            compression = category == "compression"
            after = _with_compression(after, line) if compression else with_names(after, category, names)
    after = _mend_authentication(context, before, after, lines)
    after = _mend_sizes(profile, before, after, commands)
    promised = grade(after, profile, strict=strict, fleet=fleet)
    return _settle(promised, lines=[FIRST, *lines] if lines else [], commands=commands)


def _settle(
    promised: Verdict, *, lines: Sequence[str] = (), commands: Sequence[str] = (), advice: Sequence[str] = ()
) -> Remedy:
    return Remedy(
        lines=list(lines),
        commands=list(commands),
        advice=list(advice),
        grade=promised.grade,
        score=promised.score,
        compliant=promised.compliant,
        left=[_left(finding) for finding in promised.findings if finding.counts],
    )


def _without_waived(verdict: Verdict) -> Verdict:
    """What is waived is not mended: somebody needs it as it is."""
    return msgspec.structs.replace(verdict, findings=[each for each in verdict.findings if each.waived is None])


def _left(finding: Finding) -> str:
    about = finding.id if finding.algorithm is None else f"{finding.id} {finding.algorithm}"
    return f"{about}: {finding.message}" + (f"; {finding.remediation}" if finding.remediation else "")


def _gone(context: Context, category: Class) -> set[str]:
    kept = set(remaining(context, category))
    found = offers(context.observation, category).values()
    return {name for offer in found for name in offer.names if name not in kept}


def _with_compression(observation: Observation, line: str) -> Observation:
    if line == "Compression no":
        return with_names(observation, "compression", ["none"])
    for _, field in FIELDS["compression"]:
        old = getattr(observation, field) or []
        names = list(dict.fromkeys("zlib@openssh.com" if name == "zlib" else name for name in old))
        observation = msgspec.structs.replace(observation, **{field: names})
    return observation


def _host_key_lines(context: Context, observation: Observation) -> tuple[list[str], Observation]:
    """Before 7.0 there is no HostKeyAlgorithms: a key type goes when its HostKey line goes."""
    kept = {
        entry.family: name
        for name in remaining(context, "host_key")
        if (entry := lookup("host_key", name)) is not None and entry.format == "plain"
    }
    names = [
        name
        for name in observation.server_host_key_algorithms or ()
        if (entry := lookup("host_key", name)) is not None and entry.family in kept
    ]
    if not names:
        return [], observation
    lines = [f"HostKey /etc/ssh/ssh_host_{family}_key" for family in kept]
    gone = sorted(set(observation.server_host_key_algorithms or ()) - set(names))
    if not gone:
        return [], observation
    comment = f"# without {', '.join(gone)}: take every other HostKey line out, they add up"
    return [comment, *lines], with_names(observation, "host_key", names)


def _mend_authentication(context: Context, before: Verdict, after: Observation, lines: list[str]) -> Observation:
    unlisted = [finding.algorithm or "" for finding in before.findings if finding.id == "authentication.unlisted"]
    if after.authentication_none_accepted:
        lines += ["# no login without a credential", "PermitEmptyPasswords no"]
        after = with_a_refusal_of_none(after)
    added = authentication_lines(context, unlisted) if unlisted else []
    if not added:
        return after
    lines += [f"# without {', '.join(unlisted)}: have your public key in place before you apply it", *added]
    methods = after.authentication_methods or []
    if ONLY_PUBLIC_KEYS in added:
        # The first step of the one chain is all that a server then lists.
        return msgspec.structs.replace(after, authentication_methods=["publickey"])
    gone = [method for method in unlisted if authentication_lines(context, [method])]
    kept = [method for method in methods if method not in gone] + (["publickey"] if PUBLIC_KEYS in added else [])
    return msgspec.structs.replace(after, authentication_methods=kept)


def _mend_sizes(profile: Profile, before: Verdict, after: Observation, commands: list[str]) -> Observation:
    ids = {(finding.id, finding.algorithm) for finding in before.findings}
    if ("group_exchange.modulus", None) in ids and offers_group_exchange(after):
        least = max(2048, 0 if profile.group_exchange is None else profile.group_exchange.min_bits)
        commands.append(moduli_command(least))
        after = with_moduli(after, least)
    replaced = any((id, "ssh-rsa") in ids for id in NEW_KEY)
    if replaced and any(key.type == "ssh-rsa" for key in after.host_keys or ()):
        bits = rsa_key_bits(profile)
        commands += rsa_key_commands(bits)
        after = with_new_keys(after, "ssh-rsa", bits)
    return after
