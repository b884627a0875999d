"""What to change, in the words of the server's own configuration where that is OpenSSH's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from sshprobe.algorithms import CLASSES, Class, canonical, in_openssh, lookup, weakness, weakness_of
from sshprobe.grading.checks import minimum_bits
from sshprobe.grading.lists import WORDS, offers
from sshprobe.grading.score import Judgement
from sshprobe.grading.strength import GROUP_EXCHANGE_FAMILIES
from sshprobe.profiles import Profile
from sshprobe.records import Observation

KEYWORDS: dict[Class, tuple[str, str]] = {
    "kex": ("KexAlgorithms", "5.7+"),
    "host_key": ("HostKeyAlgorithms", "7.0+"),
    "cipher": ("Ciphers", "3.0+"),
    "mac": ("MACs", "3.0+"),
    "compression": ("Compression", "4.2+"),
}
"""sshd_config keyword of each class, and the releases of OpenSSH that know it (release notes; sshd_config(5))."""

METHODS = {
    "password": "PasswordAuthentication no",
    "hostbased": "HostbasedAuthentication no",
    "gssapi-with-mic": "GSSAPIAuthentication no",
    "gssapi-keyex": "GSSAPIAuthentication no",
}
PUBLIC_KEYS = "PubkeyAuthentication yes"
ONLY_PUBLIC_KEYS = "AuthenticationMethods publickey"
NO_GSS = "GSSAPIKeyExchange no"
NEW_CERTIFICATE = "sign the host key anew: ssh-keygen -s CA -I NAME -h -n NAMES -V +52w KEY.pub"
CHACHA20 = "chacha20-poly1305@openssh.com"


class Context(msgspec.Struct, frozen=True):
    """What advice depends on: the server's software, and which algorithms cost something."""

    observation: Observation
    profile: Profile
    costly: dict[str, frozenset[str]]
    """By class, canonical names that should go."""
    lines: dict[str, str | None]
    """By class, the line of sshd_config that leaves the rest. Empty for other software."""

    @classmethod
    def of(cls, observation: Observation, profile: Profile, judgements: Sequence[Judgement]) -> Context:
        """The context for the judgements of one observation. What is waived stays as it is."""
        profile = _with_waived_methods(profile, judgements)
        judgements = [judgement for judgement in judgements if judgement.waived is None]
        costly: dict[str, set[str]] = {category: set() for category in CLASSES}
        for judgement in judgements:
            if judgement.category in costly and judgement.algorithm and judgement.severity != "note":
                kind = judgement.id.partition(".")[2]
                if kind in ("forbidden", "unlisted", "stronger", "weak"):
                    category: Class = judgement.category  # type: ignore[assignment]
                    costly[category].add(canonical(category, judgement.algorithm))
        if any(_signs_with_sha1_only(observation, judgement) for judgement in judgements):
            # Where the profile lets it pass, it stays.
            costly["host_key"].discard("ssh-rsa")
        if any(judgement.id == "kex.terrapin" for judgement in judgements):
            _end_terrapin(observation, costly)
        context = cls(observation, profile, {name: frozenset(names) for name, names in costly.items()}, {})
        if is_openssh(observation):
            context.lines.update({name: config_line(context, name) for name in CLASSES if costly[name]})
        return context


def is_openssh(observation: Observation) -> bool:
    """Whether the server says that it is OpenSSH."""
    found = observation.identification
    return found is not None and found.software.startswith("OpenSSH")


def openssh_version(observation: Observation) -> str | None:
    """The version of OpenSSH that the identification names. Of a distribution's it says nothing of the patches."""
    found = observation.identification
    return found.version if found is not None and is_openssh(observation) else None


def has_keyword(context: Context, category: Class) -> bool:
    """Whether this release of OpenSSH has the option for a class. A release that hides itself is taken as recent."""
    return in_openssh(KEYWORDS[category][1], openssh_version(context.observation)) is not False


def remaining(context: Context, category: Class) -> list[str]:
    """The names left when the costly ones go, in the server's order; else those of the profile that it knows."""
    costly = context.costly[category]
    kept = [
        name
        for same, offer in offers(context.observation, category).items()
        if same not in costly
        for name in offer.names
    ]
    rule = context.profile.algorithms(category)
    if kept or rule is None or category == "host_key":
        return kept
    version = openssh_version(context.observation)
    names = [
        name for name in rule.allowed if weakness_of(category, name) is None and _is_known(category, name, version)
    ]
    # The moduli of a group exchange that was not offered were not seen either.
    fixed = [name for name in names if (e := lookup(category, name)) and e.family not in GROUP_EXCHANGE_FAMILIES]
    return fixed or names


def config_line(context: Context, category: Class) -> str | None:
    """The sshd_config line that leaves the remaining algorithms, or None where there is none to write."""
    if category == "compression":
        # Without zlib@openssh.com, which starts after authentication, nothing is left but "none".
        value = "no" if "zlib@openssh.com" in context.costly[category] else "delayed"
        return f"Compression {value}" if has_keyword(context, category) else None
    names = remaining(context, category)
    # GSS-API methods have options of their own: KexAlgorithms refuses their names.
    names = [name for name in names if not name.startswith("gss-")]
    if not names or not has_keyword(context, category):
        return None
    return f"{KEYWORDS[category][0]} {','.join(names)}"


def authentication_lines(context: Context, methods: Iterable[str]) -> list[str]:
    """sshd_config lines after which `methods` are no longer offered; none where no other would be left."""
    rule = context.profile.authentication
    version = openssh_version(context.observation)
    allowed = set() if rule is None else set(rule.allowed)
    lines: list[str] = []
    if not allowed & set(context.observation.authentication_methods or ()):
        # Where it is off, `AuthenticationMethods publickey` would lock everybody out.
        if "publickey" not in allowed:
            return []
        lines.append(PUBLIC_KEYS)
    if allowed == {"publickey"} and in_openssh("6.2+", version) is not False:
        return [*lines, ONLY_PUBLIC_KEYS]
    for method in methods:
        if method == "keyboard-interactive":
            old = in_openssh("8.7+", version) is False
            line = "ChallengeResponseAuthentication no" if old else "KbdInteractiveAuthentication no"
        else:
            line = METHODS.get(method, "")
        if line and line not in lines:
            lines.append(line)
    return lines


def moduli_command(bits: int) -> str:
    """A shell command that leaves only moduli of `bits` and more.

    It writes in place, which keeps owner, mode and label, and not at all if nothing would be left. The fifth field
    of moduli(5) holds the bits less one.
    """
    file, kept = "/etc/ssh/moduli", "/etc/ssh/moduli.kept"
    return f"awk '$5 >= {bits - 1}' {file} > {kept} && test -s {kept} && cat {kept} > {file}; rm -f {kept}"


def rsa_key_commands(bits: int) -> list[str]:
    """Shell commands that replace the RSA host key. Clients that know the old one must be told."""
    file = "/etc/ssh/ssh_host_rsa_key"
    return [
        f"ssh-keygen -q -t rsa -b {bits} -N '' -C '' -f {file}.new",
        f"mv {file}.new {file} && mv {file}.new.pub {file}.pub",
    ]


def rsa_key_bits(profile: Profile) -> int:
    """The size for a new RSA host key: what the profile asks, at least 3072."""
    return max(3072, minimum_bits(profile, "rsa") or 0)


def advise(judgement: Judgement, context: Context) -> str | None:
    """One line for people: a line of sshd_config, a command, or plain words. None where nothing need be done."""
    kind = judgement.id.partition(".")[2]
    openssh = is_openssh(context.observation)
    if judgement.id == "kex.no_post_quantum":
        return (
            "update to OpenSSH 9.9 or later, or offer sntrup761x25519-sha512@openssh.com (8.5 or later)"
            if openssh
            else "offer mlkem768x25519-sha256 or sntrup761x25519-sha512"
        )
    if judgement.severity == "note":
        return _advise_on_a_note(judgement, openssh)
    if kind in ("forbidden", "unlisted", "stronger", "weak") and judgement.category in CLASSES:
        category: Class = judgement.category
        if openssh and (judgement.algorithm or "").startswith("gss-"):
            return NO_GSS
        line = context.lines.get(category)
        if line is not None and canonical(category, judgement.algorithm or "") in context.costly[category]:
            return line
        if _signs_with_sha1_only(context.observation, judgement):
            return "update to OpenSSH 7.2 or later, where an RSA key signs with SHA-2"
        since = _since(context, category) if openssh and line is None else ""
        return f"take {judgement.algorithm} out of the server's {WORDS[category]}{since}"
    return _advise_otherwise(judgement, context, openssh)


def _advise_on_a_note(judgement: Judgement, openssh: bool) -> str | None:
    match judgement.id:
        case "group_exchange.standard_group" if openssh:
            return "put /etc/ssh/moduli back, or make a new one (ssh-keygen -M generate, then -M screen)"
        case "host_key.certificate_principals":
            return NEW_CERTIFICATE
        case "protocol.version_hint":
            return f"see that the package is up to date: {judgement.expected}"
        case "protocol.contradiction":
            return "find out what answers here"
        case _:
            return None


def _advise_otherwise(judgement: Judgement, context: Context, openssh: bool) -> str:
    match judgement.id:
        case "group_exchange.modulus":
            rule = context.profile.group_exchange
            least = max(2048, 0 if rule is None else rule.min_bits)
            return moduli_command(least) if openssh else f"use moduli of {least} bits or more"
        case "host_key.size":
            if openssh and judgement.algorithm == "ssh-rsa":
                return " && ".join(rsa_key_commands(rsa_key_bits(context.profile)))
            return f"replace the {judgement.algorithm} host key by one of {judgement.expected}"
        case "host_key.authority":
            return f"sign the {judgement.algorithm} anew by {judgement.expected}"
        case id if id.startswith("host_key.certificate_"):
            return NEW_CERTIFICATE
        case "host_key.sha1_only":
            return (
                "update to OpenSSH 7.2 or later, where an RSA key signs with SHA-2, or add an Ed25519 key (6.5)"
                if openssh
                else f"sign with {judgement.expected}"
            )
        case "host_key.malformed" | "host_key.close_primes" | "host_key.roca" | "host_key.exponent":
            return _new_key(judgement, context, openssh)
        case "host_key.shared" | "host_key.shared_prime" | "host_key.known":
            return _new_key(judgement, context, openssh)
        case "group_exchange.not_safe_prime" | "group_exchange.generator":
            return "replace the moduli file by that of the vendor or by a new one" + (
                " (ssh-keygen -M generate, then -M screen)" if openssh else ""
            )
        case "host_key.unproven":
            return "find out who answers here: a faulty server, or someone in between without the key"
        case "protocol.ssh1":
            return "Protocol 2" if openssh else "switch SSH-1 off"
        case "authentication.none_accepted":
            return "PermitEmptyPasswords no" if openssh else "give every account a credential"
        case "authentication.unlisted":
            lines = authentication_lines(context, [judgement.algorithm or ""]) if openssh else []
            return "; ".join(lines) or f"switch {judgement.algorithm} off"
        case "profile.waiver_expired":
            return "mend what it covers, or decide anew and change its `until`"
        case "kex.terrapin":
            line = context.lines.get("cipher")
            if line is not None and canonical("cipher", CHACHA20) in context.costly["cipher"]:
                return f"update to OpenSSH 9.6 or later, or {line}"
            return _update_for_strict_kex(openssh)
        case "kex.no_strict_kex":
            return _update_for_strict_kex(openssh)
        case _:
            return f"change what the server shows to {judgement.expected}"


def _update_for_strict_kex(openssh: bool) -> str:
    return "update to a server with strict key exchange" + (", OpenSSH 9.6 or later" if openssh else "")


def _new_key(judgement: Judgement, context: Context, openssh: bool) -> str:
    if openssh and judgement.algorithm == "ssh-rsa":
        return " && ".join(rsa_key_commands(rsa_key_bits(context.profile)))
    return f"make a new {judgement.algorithm} host key" + (", one on each machine" if "shared" in judgement.id else "")


def _since(context: Context, category: Class) -> str:
    """With which release it can be done, where this one cannot."""
    keyword, since = KEYWORDS[category]
    if category == "host_key":
        if not remaining(context, category):
            # Without any host key sshd does not start.
            return ": make a key of another type first"
        return "" if has_keyword(context, category) else ": leave out its HostKey line"
    if not has_keyword(context, category):
        return f": needs OpenSSH {since[:-1]} or later, which has {keyword}"
    rule = context.profile.algorithms(category)
    entries = [lookup(category, name) for name in (() if rule is None else rule.allowed)]
    first = {e.openssh_in_code[:-1] for e in entries if e and weakness(e) is None and e.openssh_in_code.endswith("+")}
    if not first:
        return ""
    version = min(first, key=lambda text: tuple(map(int, text.split("."))))
    return f": needs OpenSSH {version} or later, which has others"


def _signs_with_sha1_only(observation: Observation, judgement: Judgement) -> bool:
    """Whether it is about an RSA key of OpenSSH before 7.2, which signs with SHA-1 or not at all."""
    old = in_openssh("7.2+", openssh_version(observation)) is False
    return (judgement.id, judgement.algorithm) == ("host_key.weak", "ssh-rsa") and old


def _with_waived_methods(profile: Profile, judgements: Sequence[Judgement]) -> Profile:
    """The profile for advice: a line must not switch off what the waiver lets stay on."""
    rule = profile.authentication
    waived = [each.algorithm for each in judgements if each.waived and each.id == "authentication.unlisted"]
    if rule is None or not waived:
        return profile
    allowed = (*rule.allowed, *(method for method in waived if method))
    return msgspec.structs.replace(profile, authentication=msgspec.structs.replace(rule, allowed=allowed))


def _is_known(category: Class, name: str, version: str | None) -> bool:
    entry = lookup(category, name)
    return entry is not None and in_openssh(entry.openssh_in_code, version) is True


def _end_terrapin(observation: Observation, costly: dict[str, set[str]]) -> None:
    # Without strict key exchange the vulnerable ciphers must go, if others are left.
    found = offers(observation, "cipher")
    ending = {
        same for same, offer in found.items() if same == CHACHA20 or any(name.endswith("-cbc") for name in offer.names)
    }
    if set(found) - costly["cipher"] - ending:
        costly["cipher"] |= ending
