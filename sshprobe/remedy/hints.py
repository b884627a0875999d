"""A hint for each finding (`Finding.remediation`): a line of sshd_config, a command, or plain words.

`grade` is `assess` with these hints. A hint comes from the type of the finding (`FindingType.advice`), or is computed
here if it depends on the host. `search` finds the changes for all findings of a host.
"""

from __future__ import annotations

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical, in_openssh, lookup
from sshprobe.grading.assess import assess
from sshprobe.grading.checks.registry import explain_finding
from sshprobe.grading.offers import WORDS, shorten_lists
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.profiles import Profile
from sshprobe.remedy.kept_names import KEYWORDS, first_release, has_keyword, host_key_plan, no_gss_refused
from sshprobe.remedy.login_methods import NONE_ON_AN_APPLIANCE, authentication_lines, in_one_line
from sshprobe.remedy.names_to_remove import prepare_context
from sshprobe.remedy.remedy_context import AGAINST_A_NAME, CHACHA20, NEW_KEY, NO_GSS, OLD_RSA, RemedyContext, is_unknown
from sshprobe.remedy.replacements import QUANTUM, takes, would_be_empty
from sshprobe.remedy.shell_commands import key_commands, least_moduli, moduli_command, new_key


def grade(observation: Observation, profile: Profile, *, strict: bool = False) -> Verdict:
    """Return the verdict of `assess`, with the `remediation` of each finding. Arguments and errors as there."""
    return with_hints(assess(observation, profile, strict=strict), observation, profile, strict=strict)


def with_hints(verdict: Verdict, observation: Observation, profile: Profile, *, strict: bool) -> Verdict:
    """Return a verdict of `assess` with a hint for each finding."""
    context = prepare_context(shorten_lists(observation), profile, verdict.findings, strict=strict)
    findings = [msgspec.structs.replace(finding, remediation=advise(finding, context)) for finding in verdict.findings]
    return msgspec.structs.replace(verdict, findings=findings)


def advise(finding: Finding, context: RemedyContext) -> str | None:
    """Return one line for people: of sshd_config, a command, or plain words. None: nothing to do."""
    openssh = context.platform is not None
    if finding.id == "kex.no_post_quantum":
        return _post_quantum(context, openssh)
    kind = explain_finding(finding.id)
    advice = kind.advice_elsewhere if kind.advice_elsewhere is not None and not openssh else kind.advice
    if finding.id == "kex.terrapin" and openssh:
        line = context.lines.get("cipher")
        if line is not None and canonical("cipher", CHACHA20) in context.to_remove["cipher"]:
            return f"update to OpenSSH 9.6 or later, or {line}"
    if advice is not None:
        names = finding.observed.replace(", ", ",")
        known = {"algorithm": finding.algorithm, "expected": finding.expected, "observed": finding.observed}
        return advice.format(**known, names=names) or None
    if finding.severity == "note":
        return None
    if finding.category in ALGORITHM_TYPES and finding.id.partition(".")[2] in AGAINST_A_NAME:
        return _without_a_name(finding, finding.category, context, openssh)
    if finding.id in NEW_KEY and finding.id != "host_key.size":
        return _new_key(finding, context) or f"make a new {finding.algorithm} host key"
    return _worked_out(finding, context, openssh) or f"change what the server shows to {finding.expected}"


def _without_a_name(finding: Finding, category: AlgorithmType, context: RemedyContext, openssh: bool) -> str:
    """Return how to remove an algorithm from the server's list, or why to keep it."""
    if openssh and category == "kex" and (finding.algorithm or "").startswith("gss-"):
        refused = no_gss_refused(context)
        return NO_GSS if refused is None else f"take {finding.algorithm} out of use: {refused}"
    if context.is_newer_than_known and is_unknown(category, finding.algorithm or ""):
        return "find out what it is: this release of OpenSSH is newer than those that sshprobe knows"
    leave = f"keep {finding.algorithm}: the profile has no sound algorithm to replace it"
    line = context.lines.get(category)
    same = canonical(category, finding.algorithm or "")
    if line is not None and same in context.to_remove[category]:
        return line
    if finding.waived is None and same in context.must_stay.get(category, ()):
        return leave
    if context.signs_with_sha1_only and (finding.id, finding.algorithm) == OLD_RSA:
        return "update to OpenSSH 7.2 or later, where an RSA key signs with SHA-2"
    since = _since(context, category) if openssh and line is None else ""
    stuck = openssh and line is None and not since
    if stuck and would_be_empty(context.observation, category, context.to_remove[category]):
        return leave
    return f"take {finding.algorithm} out of the server's {WORDS[category]}{since}"


def _worked_out(finding: Finding, context: RemedyContext, openssh: bool) -> str | None:
    """Return advice that depends on the profile, the release or the rest of the host. None: no special case."""
    match finding.id:
        case "group_exchange.modulus":
            least, platform = least_moduli(context.profile), context.platform
            return f"use moduli of {least} bits or more" if platform is None else moduli_command(least, platform)
        case "host_key.size":
            new = _new_key(finding, context)
            return new or f"replace the {finding.algorithm} host key by one of {finding.expected}"
        case "host_key.sha1_only":
            return _sign_with_sha2(context, openssh)
        case "protocol.ssh1":
            return _speak_ssh2_alone(finding, context, openssh)
        case "authentication.none_accepted":
            return _refuse_none(context, openssh)
        case "authentication.unlisted":
            lines = authentication_lines(context, [finding.algorithm or ""]) if openssh else []
            return in_one_line(lines) or f"switch {finding.algorithm} off, once everyone can log in otherwise"
        case "authentication.no_banner" | "authentication.banner_text" if openssh:
            file = "/etc/issue.net" if context.profile.banner is None else context.profile.banner.file
            return f"Banner {file}, with the right text in {file}"
        case "authentication.no_banner" | "authentication.banner_text":
            return "send the text that the profile asks for"
        case _:
            return None


def _speak_ssh2_alone(finding: Finding, context: RemedyContext, openssh: bool) -> str:
    """Return advice against SSH-1. OpenSSH has had SSH-2 since 2.0 (June 2000): one that says 1.5 may lack a host key.

    From 7.4 on sshd has no SSH-1 and ignores `Protocol` (servconf.c). From 2.5 on ssh-keygen has `-t`, and RSA keys for
    SSH-2.
    """
    both = finding.observed == "1.99"
    if not openssh:
        return (
            "switch SSH-1 off"
            if both
            else "have it speak SSH-2 in place of SSH-1; where it cannot, upgrade or replace it"
        )
    version = context.version
    if in_openssh("7.4+", version):
        return "find out what answers here: OpenSSH has no SSH-1 from 7.4 on"
    if in_openssh("2.0+", version) is False:
        return f"{'find out what answers here' if both else 'upgrade'}: OpenSSH before 2.0 has no SSH-2"
    if in_openssh("2.5+", version) is False and not both:
        return "upgrade: OpenSSH before 2.5 has no host keys for SSH-2 but DSA"
    key = "" if both else ", once there is a host key for it (ssh-keygen -t rsa): without one sshd does not start"
    return f"Protocol 2{key}"


def _post_quantum(context: RemedyContext, openssh: bool) -> str | None:
    """Return the exchanges to offer. None: the profile allows none without a finding."""
    taken = [name for name in QUANTUM if takes(context.profile, "kex", name, strict=context.strict)]
    if not openssh:
        return _offer(taken) or None
    version = context.version
    known = [name for name in taken if (entry := lookup("kex", name)) and in_openssh(entry.openssh_in_code, version)]
    later = [
        release
        for release, name in (("9.9", "mlkem768x25519-sha256"), ("8.5", "sntrup761x25519-sha512"))
        if name in taken and in_openssh(f"{release}+", version) is False
    ]
    update = f"update to OpenSSH {later[0]} or later" if later else ""
    return ", or ".join(filter(None, (update, _offer(known)))) or None


def _offer(names: list[str]) -> str:
    """Return the advice to offer the first two algorithms, with one name each."""
    chosen = list({canonical("kex", name): name for name in reversed(names)}.values())[::-1][:2]
    return f"offer {' or '.join(chosen)}" if chosen else ""


def _sign_with_sha2(context: RemedyContext, openssh: bool) -> str:
    names = ("rsa-sha2-512", "rsa-sha2-256", "ssh-ed25519")
    taken = [name for name in names if takes(context.profile, "host_key", name, strict=context.strict)]
    if not openssh:
        return f"sign with {', '.join(taken)} or another over SHA-2" if taken else "sign with one over SHA-2"
    new = ", or add an Ed25519 key (6.5)" if "ssh-ed25519" in taken else ""
    return f"update to OpenSSH 7.2 or later, where an RSA key signs with SHA-2{new}"


def _refuse_none(context: RemedyContext, openssh: bool) -> str:
    found = context.observation.identification
    if openssh:
        return "PermitEmptyPasswords no"
    if found is not None and found.software.lower().startswith("dropbear"):
        return "give every account a credential, and start Dropbear without -B"
    return NONE_ON_AN_APPLIANCE


def _new_key(finding: Finding, context: RemedyContext) -> str | None:
    """Return commands for a new RSA host key of OpenSSH. None: the server or the key is another."""
    if context.platform is None or finding.algorithm != "ssh-rsa":
        return None
    return " && ".join(key_commands(new_key("ssh-rsa", context.profile, replaces=True, platform=context.platform)))


def _since(context: RemedyContext, category: AlgorithmType) -> str:
    """Return the release that can remove names from a list, if this one cannot."""
    keyword, since = KEYWORDS[category]
    if category == "host_key":
        found, new = host_key_plan(context)
        if new is not None or not found:
            return ": make a key of another type first" if new is not None else first_release(context, category)
        return "" if has_keyword(context, category) else ": leave out its HostKey line"
    if not has_keyword(context, category):
        return f": needs OpenSSH {since[:-1]} or later, which has {keyword}"
    return first_release(context, category)
