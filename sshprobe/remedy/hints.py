"""A hint for each finding (`Finding.remediation`): a line of sshd_config, a command, or plain words.

`grade` is `assess` with these hints. What to do about all findings of a host together is in `search`.
"""

from __future__ import annotations

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical, in_openssh, lookup
from sshprobe.grading.assess import assess
from sshprobe.grading.long_lists import shorten_lists
from sshprobe.grading.offers import WORDS
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Platform
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.profiles import Profile
from sshprobe.remedy.kept_names import KEYWORDS, first_release, has_keyword, host_key_plan, no_gss_refused
from sshprobe.remedy.login_methods import NONE_ON_AN_APPLIANCE, authentication_lines, in_one_line
from sshprobe.remedy.names_to_remove import prepare_context
from sshprobe.remedy.remedy_context import AGAINST_A_NAME, CHACHA20, NO_GSS, OLD_RSA, RemedyContext, is_unknown
from sshprobe.remedy.replacements import QUANTUM, takes, would_be_empty
from sshprobe.remedy.shell_commands import key_commands, least_moduli, moduli_command, new_key

NEW_CERTIFICATE = "sign the host key anew: ssh-keygen -s CA -I NAME -h -n NAMES -V +52w KEY.pub"


def grade(observation: Observation, profile: Profile, *, strict: bool = False) -> Verdict:
    """Return the verdict of `assess`, with the `remediation` of each finding.

    Depends on its arguments and the catalogue, and on nothing else; on who the host is and when it was seen only where
    the profile has waivers. What the keys of other hosts say stands beside a verdict, not in it (`fleet_findings_of`).

    `strict`: an algorithm that the profile does not name is a deviation even if it is no weaker. An observation that is
    not `is_gradeable` scores 0 by a cap that says so, and is never compliant: callers leave its verdicts out. Raises
    `InputError` for a profile of clients.
    """
    return with_hints(assess(observation, profile, strict=strict), observation, profile, strict=strict)


def with_hints(verdict: Verdict, observation: Observation, profile: Profile, *, strict: bool) -> Verdict:
    """Return a verdict of `assess` with what to do about each finding."""
    context = prepare_context(shorten_lists(observation), profile, verdict.findings, strict=strict)
    findings = [msgspec.structs.replace(finding, remediation=advise(finding, context)) for finding in verdict.findings]
    return msgspec.structs.replace(verdict, findings=findings)


def advise(finding: Finding, context: RemedyContext) -> str | None:
    """Return one line for people: of sshd_config, a command, or plain words. None where there is nothing to do."""
    kind = finding.id.partition(".")[2]
    openssh = context.platform is not None
    if finding.id == "kex.no_post_quantum":
        return _post_quantum(context, openssh)
    if finding.severity == "note":
        return _advise_on_a_note(finding, openssh)
    if kind in AGAINST_A_NAME and finding.category in ALGORITHM_TYPES:
        category: AlgorithmType = finding.category
        if openssh and category == "kex" and (finding.algorithm or "").startswith("gss-"):
            refused = no_gss_refused(context)
            return NO_GSS if refused is None else f"take {finding.algorithm} out of use: {refused}"
        if context.is_newer_than_known and is_unknown(category, finding.algorithm or ""):
            return "find out what it is: this release of OpenSSH is newer than those that sshprobe knows"
        line = context.lines.get(category)
        same = canonical(category, finding.algorithm or "")
        if line is not None and same in context.to_remove[category]:
            return line
        if finding.waived is None and same in context.must_stay.get(category, ()):
            return _leave(finding)
        if context.signs_with_sha1_only and (finding.id, finding.algorithm) == OLD_RSA:
            return "update to OpenSSH 7.2 or later, where an RSA key signs with SHA-2"
        since = _since(context, category) if openssh and line is None else ""
        if openssh and line is None and not since and _leaves_nothing(context, category):
            return _leave(finding)
        return f"take {finding.algorithm} out of the server's {WORDS[category]}{since}"
    return _advise_otherwise(finding, context, openssh)


def _leave(finding: Finding) -> str:
    return f"leave {finding.algorithm}: the profile has no other that is sound and that could take its place"


def _leaves_nothing(context: RemedyContext, category: AlgorithmType) -> bool:
    return would_be_empty(context.observation, category, context.to_remove[category])


def _advise_on_a_note(finding: Finding, openssh: bool) -> str | None:
    match finding.id:
        case "group_exchange.standard_group" if openssh:
            return "put the moduli file back, or make a new one (ssh-keygen -M generate, then -M screen)"
        case "host_key.certificate_principals":
            return NEW_CERTIFICATE
        case "protocol.version_hint":
            return f"see that the package is up to date: {finding.expected}"
        case "protocol.contradiction":
            return "find out what answers here"
        case _:
            return None


def _advise_otherwise(finding: Finding, context: RemedyContext, openssh: bool) -> str:
    match finding.id:
        case "group_exchange.modulus":
            least, platform = least_moduli(context.profile), context.platform
            return f"use moduli of {least} bits or more" if platform is None else moduli_command(least, platform)
        case "host_key.size":
            if context.platform is not None and finding.algorithm == "ssh-rsa":
                return _replace_rsa_key(context, context.platform)
            return f"replace the {finding.algorithm} host key by one of {finding.expected}"
        case "host_key.authority":
            return f"sign the {finding.algorithm} anew by {finding.expected}"
        case id if id.startswith("host_key.certificate_"):
            return NEW_CERTIFICATE
        case "host_key.sha1_only":
            return _sign_with_sha2(context, openssh)
        case "host_key.malformed" | "host_key.close_primes" | "host_key.roca" | "host_key.exponent":
            return _new_key(finding, context)
        case "host_key.small_private_key" | "host_key.small_order":
            return _new_key(finding, context)
        case "group_exchange.not_safe_prime" | "group_exchange.generator":
            return "replace the moduli file by that of the vendor or by a new one" + (
                " (ssh-keygen -M generate, then -M screen)" if openssh else ""
            )
        case "host_key.unproven":
            return "find out who answers here: a faulty server, or someone in between without the key"
        case "protocol.ssh1":
            return _speak_ssh2_alone(finding, context, openssh)
        case "authentication.none_accepted":
            return _refuse_none(context, openssh)
        case "authentication.no_methods":
            return "take out `AuthenticationMethods none`" if openssh else "let users log in by a key"
        case "authentication.unlisted":
            lines = authentication_lines(context, [finding.algorithm or ""]) if openssh else []
            return in_one_line(lines) or f"switch {finding.algorithm} off, once everyone can log in otherwise"
        case "authentication.no_banner" | "authentication.banner_text":
            return _banner(context, openssh)
        case "authentication.banner":
            return "Banner none" if openssh else "send no text before login"
        case "authentication.signature_unlisted" | "authentication.signature_weak":
            return _user_keys(finding, openssh)
        case "profile.waiver_expired":
            return "fix what it covers, or decide anew and change its `until`"
        case "kex.terrapin":
            line = context.lines.get("cipher")
            if openssh and line is not None and canonical("cipher", CHACHA20) in context.to_remove["cipher"]:
                return f"update to OpenSSH 9.6 or later, or {line}"
            return _update_for_strict_kex(openssh)
        case "kex.no_strict_kex":
            return _update_for_strict_kex(openssh)
        case _:
            return f"change what the server shows to {finding.expected}"


def _banner(context: RemedyContext, openssh: bool) -> str:
    rule = context.profile.banner
    file = "/etc/issue.net" if rule is None else rule.file
    return f"Banner {file}, with the right text in {file}" if openssh else "send the text that the profile asks for"


def _user_keys(finding: Finding, openssh: bool) -> str:
    """Return words, never a line of `--fix`: a scan does not see the keys of users, and a line could lock them out."""
    if not openssh:
        return f"do not accept {finding.observed} of users' keys"
    return f"PubkeyAcceptedAlgorithms -{finding.observed.replace(', ', ',')}, once no user's key needs it"


def _speak_ssh2_alone(finding: Finding, context: RemedyContext, openssh: bool) -> str:
    """Return what to do about SSH-1. OpenSSH has SSH-2 since 2.0 (June 2000): one that says 1.5 may lack the host key.

    sshd has no SSH-1 from 7.4 on, and ignores `Protocol` (servconf.c). ssh-keygen has `-t`, and RSA keys for SSH-2,
    from 2.5 on.
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
    """Return what to offer, if the profile allows any. None otherwise: what brings a finding is not advice."""
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
    """Return the words to offer the first two algorithms: one may have several names."""
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


def _update_for_strict_kex(openssh: bool) -> str:
    return "update to a server with strict key exchange" + (", OpenSSH 9.6 or later" if openssh else "")


def _replace_rsa_key(context: RemedyContext, platform: Platform) -> str:
    return " && ".join(key_commands(new_key("ssh-rsa", context.profile, replaces=True, platform=platform)))


def _new_key(finding: Finding, context: RemedyContext) -> str:
    if context.platform is not None and finding.algorithm == "ssh-rsa":
        return _replace_rsa_key(context, context.platform)
    return f"make a new {finding.algorithm} host key"


def _since(context: RemedyContext, category: AlgorithmType) -> str:
    """Return which release can do it, where this one cannot."""
    keyword, since = KEYWORDS[category]
    if category == "host_key":
        found, new = host_key_plan(context)
        if new is not None or not found:
            # Without any host key sshd does not start.
            return ": make a key of another type first" if new is not None else first_release(context, category)
        return "" if has_keyword(context, category) else ": leave out its HostKey line"
    if not has_keyword(context, category):
        return f": needs OpenSSH {since[:-1]} or later, which has {keyword}"
    return first_release(context, category)
