"""The smallest change that mends a host, and the grade it then has: computed, never assumed."""

from __future__ import annotations

import msgspec

from sshprobe.algorithms import CLASSES, Class, is_marker, lookup
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
from sshprobe.grading.grade import grade, judge
from sshprobe.grading.lists import FIELDS, offers
from sshprobe.profiles import Profile
from sshprobe.records import Finding, Grade, HostKey, Observation, Verdict

FIRST = "# Put these lines first in sshd_config: of two lines with one keyword sshd takes the first"


class Remedy(msgspec.Struct, frozen=True, kw_only=True):
    """What to change on a host, and what it comes to."""

    lines: list[str]
    """Ready lines of sshd_config, comments among them. Empty: nothing to change there."""
    commands: list[str]
    """Shell commands for root: moduli, host keys."""
    grade: Grade
    score: int
    compliant: bool | None
    """Grade, score and compliance when all of it is applied."""
    left: list[str]
    """What this cannot mend, one finding a line."""


def remedy(observation: Observation, profile: Profile, *, strict: bool = False) -> Remedy:
    """What to change, with the verdict on the observation as it will then be.

    Lines are for OpenSSH alone, and only with names that this server offers or its release knows. For other
    software all is `left`, in words.
    """
    if not is_openssh(observation):
        return _settle([], [], grade(observation, profile, strict=strict))
    context = Context.of(observation, profile, judge(observation, profile, strict=strict))
    before = grade(observation, profile, strict=strict)
    lines: list[str] = []
    commands: list[str] = []
    after = observation
    if any(finding.id == "protocol.ssh1" for finding in before.findings) and observation.kex_algorithms is not None:
        lines += ["# SSH-1 off", "Protocol 2"]
        after = _with_protocol_2(after)
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
            names = ["none"] if line == "Compression no" else remaining(context, category)
            after = _with_list(after, category, [name for name in names if not (gss and name.startswith("gss-"))])
    after = _mend_authentication(context, before, after, lines)
    after = _mend_sizes(profile, before, after, commands)
    promised = grade(after, profile, strict=strict)
    return _settle([FIRST, *lines] if lines else [], commands, promised)


def _settle(lines: list[str], commands: list[str], promised: Verdict) -> Remedy:
    return Remedy(
        lines=lines,
        commands=commands,
        grade=promised.grade,
        score=promised.score,
        compliant=promised.compliant,
        left=[_left(finding) for finding in promised.findings if finding.severity != "note"],
    )


def _left(finding: Finding) -> str:
    about = finding.id if finding.algorithm is None else f"{finding.id} {finding.algorithm}"
    return f"{about}: {finding.message}" + (f"; {finding.remediation}" if finding.remediation else "")


def _gone(context: Context, category: Class) -> set[str]:
    kept = set(remaining(context, category))
    found = offers(context.observation, category).values()
    return {name for offer in found for name in offer.names if name not in kept}


def _with_list(observation: Observation, category: Class, names: list[str]) -> Observation:
    changes: dict[str, object] = {}
    for _, field in FIELDS[category]:
        if category == "compression" and names != ["none"]:
            old = getattr(observation, field) or []
            changes[field] = list(dict.fromkeys("zlib@openssh.com" if name == "zlib" else name for name in old))
        elif getattr(observation, field) is not None:
            markers = [name for name in getattr(observation, field) if is_marker(name)]
            changes[field] = [*names, *markers]
    changed = msgspec.structs.replace(observation, **changes)
    return _without_keys(changed) if category == "host_key" else changed


def _without_keys(observation: Observation) -> Observation:
    """Drop the host keys that no offered algorithm uses any more."""
    used = {
        (entry.family, entry.format)
        for name in observation.server_host_key_algorithms or ()
        if (entry := lookup("host_key", name)) is not None
    }

    def is_used(key: HostKey) -> bool:
        entry = lookup("host_key", key.type)
        return entry is None or (entry.family, entry.format) in used

    if observation.host_keys is None:
        return observation
    return msgspec.structs.replace(observation, host_keys=[key for key in observation.host_keys if is_used(key)])


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
    return [comment, *lines], _with_list(observation, "host_key", names)


def _with_protocol_2(observation: Observation) -> Observation:
    found = observation.identification
    assert found is not None
    mended = msgspec.structs.replace(found, protocol="2.0", raw=found.raw.replace("SSH-1.99-", "SSH-2.0-", 1))
    return msgspec.structs.replace(observation, identification=mended)


def _mend_authentication(context: Context, before: Verdict, after: Observation, lines: list[str]) -> Observation:
    unlisted = [finding.algorithm or "" for finding in before.findings if finding.id == "authentication.unlisted"]
    if after.authentication_none_accepted:
        lines += ["# no login without a credential", "PermitEmptyPasswords no"]
        # What it then lists was never seen, and is not promised.
        seen = after.authentication_methods or None
        after = msgspec.structs.replace(after, authentication_none_accepted=False, authentication_methods=seen)
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
        exchanges = [
            msgspec.structs.replace(exchange, modulus_bits=max(exchange.modulus_bits, least))
            if exchange.modulus_bits is not None
            else exchange
            for exchange in after.group_exchange or ()
        ]
        after = msgspec.structs.replace(after, group_exchange=exchanges)
    if ("host_key.size", "ssh-rsa") in ids and any(key.type == "ssh-rsa" for key in after.host_keys or ()):
        bits = rsa_key_bits(profile)
        commands += rsa_key_commands(bits)
        keys = [
            msgspec.structs.replace(key, bits=bits) if key.type == "ssh-rsa" and (key.bits or 0) < bits else key
            for key in after.host_keys or ()
        ]
        after = msgspec.structs.replace(after, host_keys=keys)
    return after
