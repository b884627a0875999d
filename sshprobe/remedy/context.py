"""What is to go and what stays, and the lines of sshd_config that say so where the server is OpenSSH."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import msgspec

from sshprobe.algorithms import (
    ALGORITHM_TYPES,
    AlgorithmType,
    canonical,
    in_openssh,
    is_newer_than_known,
    lookup,
    names,
    weakness,
    weakness_of,
)
from sshprobe.grading.checks.terrapin import would_expose
from sshprobe.grading.offers import offers
from sshprobe.grading.strength import GROUP_EXCHANGE_FAMILIES, has_post_quantum
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Platform
from sshprobe.model.verdict import Finding
from sshprobe.profiles import FORBIDDING_WORDS, AlgorithmRule, Profile
from sshprobe.remedy.clients import deaf
from sshprobe.remedy.platforms import platform_of
from sshprobe.remedy.replacements import choose, in_place_of, last_over_sha2, loses_post_quantum, takes

KEYWORDS: dict[AlgorithmType, tuple[str, str]] = {
    "kex": ("KexAlgorithms", "5.7+"),
    "host_key": ("HostKeyAlgorithms", "7.0+"),
    "cipher": ("Ciphers", "3.0+"),
    "mac": ("MACs", "3.0+"),
    "compression": ("Compression", "4.2+"),
}
"""sshd_config keyword of each class, and the releases of OpenSSH that know it (release notes; sshd_config(5))."""

NEW_KEY = (
    "host_key.size",
    "host_key.malformed",
    "host_key.close_primes",
    "host_key.roca",
    "host_key.exponent",
    "host_key.small_private_key",
    "host_key.small_order",
    "host_key.factored",
    "host_key.known",
    "host_key.shared",
    "host_key.shared_prime",
)
"""What a new host key fixes."""

SSH1 = "2.0..7.3"
"""Releases of OpenSSH whose `Protocol` chooses: later ones have no SSH-1 (7.4 release notes), earlier ones no SSH-2."""

NO_GSS = "GSSAPIKeyExchange no"
CHACHA20 = "chacha20-poly1305@openssh.com"


_WRITABLE = re.compile(r"[A-Za-z0-9][A-Za-z0-9@._+/=-]*")
"""Names that can stand in a line. Others of a server would be read as something else, by sshd ("-name", blanks) or by a
program that the line goes through (the templates of Ansible), be they waived or not."""


class RemedyContext(msgspec.Struct, frozen=True):
    """What advice depends on: the server's software, and which algorithms cost something."""

    observation: Observation
    profile: Profile
    costly: dict[str, frozenset[str]]
    """By class, canonical names that should go."""
    lines: dict[str, str | None]
    """By class, the line of sshd_config that leaves the rest. For other software, what to offer in place of all that
    goes, in words, where nothing else would be left."""
    waived: dict[str, frozenset[str]]
    """By class, canonical names that would be costly but for a waiver. They stay, and do not do alone."""
    wants_post_quantum: bool = False
    """Whether the profile requires a post-quantum key exchange and there is none, or none is left of those that are."""
    strict: bool = False
    """Whether what the profile does not name costs, be it as strong."""
    better_kept: dict[AlgorithmType, set[str]] = {}
    """By class, canonical names that cost, and stay: without them something worse would be found."""

    platform: Platform | None = None
    """The system of the server, where its sshd_config can be written; None for all other software."""

    @classmethod
    def of(
        cls, observation: Observation, profile: Profile, judgements: Sequence[Finding], *, strict: bool = False
    ) -> RemedyContext:
        """The context for the judgements of one observation. What is waived stays as it is."""
        profile = _with_waived_methods(profile, judgements)
        waived = _named(judgement for judgement in judgements if judgement.waived is not None)
        judgements = [judgement for judgement in judgements if judgement.waived is None]
        costly = _named(judgements)
        for category in ALGORITHM_TYPES:
            costly[category] -= {name for name in costly[category] if is_unknown_yet(observation, category, name)}
        if any(signs_with_sha1_only(observation, judgement) for judgement in judgements):
            # Where the profile lets it pass, it stays.
            costly["host_key"].discard("ssh-rsa")
        if any(judgement.id == "kex.terrapin" for judgement in judgements):
            _end_terrapin(observation, costly)
        wants = any(judgement.id == "kex.no_post_quantum" and judgement.deviation for judgement in judgements)
        kept: dict[AlgorithmType, set[str]] = {}
        if costly["kex"] and loses_post_quantum(observation, profile, costly["kex"]):
            wants = bool(_post_quantum(observation, profile, costly["kex"], strict=strict))
            kept["kex"] = set() if wants else {name for name in costly["kex"] if has_post_quantum([name])}
        if costly["host_key"]:
            kept["host_key"] = last_over_sha2(observation, costly["host_key"], waived["host_key"])
        for category, names_ in kept.items():
            costly[category] -= names_
        gone = {category: frozenset(found) for category, found in costly.items()}
        stays = {category: frozenset(found - gone[category]) for category, found in waived.items()}
        platform = platform_of(observation)
        context = cls(observation, profile, gone, {}, stays, wants, strict, kept, platform)
        if platform is not None:
            context.lines.update(
                {
                    category: config_line(context, category)
                    for category in ALGORITHM_TYPES
                    if _is_touched(context, category)
                }
            )
        else:
            for category in ALGORITHM_TYPES:
                if gone[category]:
                    chosen = context.chosen(category)
                    context.lines[category] = in_place_of(observation, category, gone[category], chosen)
        return context

    def chosen(self, category: AlgorithmType) -> list[str] | None:
        """For other software than OpenSSH, what to offer in place of what goes: see `replacements.choose`."""
        gone, waived = self.costly[category], self.waived[category]
        return choose(self.observation, self.profile, category, gone, waived, strict=self.strict)


def _named(judgements: Iterable[Finding]) -> dict[str, set[str]]:
    """By class, the canonical names that judgements are against."""
    found: dict[str, set[str]] = {category: set() for category in ALGORITHM_TYPES}
    for judgement in judgements:
        if judgement.category in found and judgement.algorithm and judgement.severity != "note":
            kind = judgement.id.partition(".")[2]
            if kind in ("forbidden", "unlisted", "stronger", "weak", "dated"):
                category: AlgorithmType = judgement.category  # type: ignore[assignment]
                found[category].add(canonical(category, judgement.algorithm))
    return found


def is_unknown_yet(observation: Observation, category: AlgorithmType, name: str) -> bool:
    """Return whether a name is one that a release later than the catalogue may have brought: not one to take out."""
    weak = weakness_of(category, name)
    return weak is not None and weak.reason == "unknown" and is_newer_than_known(openssh_version(observation))


def not_waived(context: RemedyContext, category: AlgorithmType, found: Iterable[str]) -> list[str]:
    """The names of `found` that would stay without a waiver too."""
    waived = context.waived[category]
    return [name for name in found if canonical(category, name) not in waived]


def _is_touched(context: RemedyContext, category: AlgorithmType) -> bool:
    return bool(context.costly[category]) or (category == "kex" and context.wants_post_quantum)


def is_openssh(observation: Observation) -> bool:
    """Whether the server says a release of OpenSSH as a known Unix writes it. Others may have no shell, no /etc/ssh."""
    return platform_of(observation) is not None


def openssh_version(observation: Observation) -> str | None:
    """The version of OpenSSH that the identification names. Of a distribution's it says nothing of the patches."""
    found = observation.identification
    return found.version if found is not None and is_openssh(observation) else None


def has_keyword(context: RemedyContext, category: AlgorithmType) -> bool:
    """Whether this release of OpenSSH has the option for a class. A release that hides itself is taken as recent."""
    return in_openssh(KEYWORDS[category][1], openssh_version(context.observation)) is not False


def remaining(context: RemedyContext, category: AlgorithmType) -> list[str]:
    """The names left when the costly ones go, in the server's order.

    Where that leaves nothing but what is waived, or nothing that the next older release of OpenSSH speaks, names that
    the profile allows and this release knows join them. Empty: there are none, or a host key has to be made first
    (`host_key_plan`).
    """
    if category == "host_key":
        found, new = host_key_plan(context)
        return [] if new is not None else found
    kept = _kept(context, category)
    if category == "kex" and context.wants_post_quantum:
        found = _post_quantum(context.observation, context.profile, context.costly["kex"], strict=context.strict)
        kept = [*(name for name in found if name not in kept), *kept]
    if category == "compression" or not is_openssh(context.observation):
        return kept
    version = openssh_version(context.observation)
    found = kept
    if not not_waived(context, category, kept):
        found = list(dict.fromkeys([*_replacements(context, category), *kept]))
    if found and deaf(category, found, version):
        found = [*found, *(name for name in _replacements(context, category) if name not in found)]
        # No more than is needed for everyone.
        while len(found) > len(kept) + 1 and not deaf(category, found[:-1], version):
            found.pop()
    if category == "kex" and found and not any(map(proves_keys, found)):
        found = [*found, *(name for name in _replacements(context, category) if proves_keys(name))][: len(found) + 1]
    return found if found and not deaf(category, found, version) else []


def host_key_plan(context: RemedyContext) -> tuple[list[str], str | None]:
    """The host key algorithms to offer, and the one of them, if any, whose key has to be made first.

    A key that is there and signs another way comes before a new one: the RSA key of ssh-rsa makes rsa-sha2-512 too.
    """
    version = openssh_version(context.observation)
    kept = _kept(context, "host_key")
    does = bool(kept) and not deaf("host_key", kept, version)
    if not is_openssh(context.observation) or (does and not_waived(context, "host_key", kept)):
        return kept, None
    sound = _replacements(context, "host_key")
    there = {_kind_of_key(name) for name in context.observation.server_host_key_algorithms or ()}
    same = list(dict.fromkeys([*kept, *(name for name in sound if _kind_of_key(name) in there)]))
    if len(same) > len(kept) and not deaf("host_key", same, version):
        return same, None
    for family in ("ed25519", "ecdsa", "rsa"):
        for name in sound:
            alike = [other for other in sound if _kind_of_key(other) == _kind_of_key(name)]
            if _kind_of_key(name)[0] == family and not deaf("host_key", alike, version):
                return list(dict.fromkeys([*kept, *alike])), name
    return kept if does else [], None


def _kind_of_key(name: str) -> tuple[str, str]:
    entry = lookup("host_key", name)
    return ("", name) if entry is None else (entry.family, entry.curve)


def _kept(context: RemedyContext, category: AlgorithmType) -> list[str]:
    costly = context.costly[category]
    return [
        name
        for same, offer in offers(context.observation, category).items()
        if same not in costly
        for name in offer.names
        if _WRITABLE.fullmatch(name)
    ]


def _forbidden(rule: AlgorithmRule | None, category: AlgorithmType) -> frozenset[str]:
    words = {} if rule is None else rule.words
    return frozenset(canonical(category, name) for name, word in words.items() if word in FORBIDDING_WORDS)


def _post_quantum(observation: Observation, profile: Profile, costly: Collection[str], *, strict: bool) -> list[str]:
    """The post-quantum exchanges that the profile takes and this release offers by default, or knows if there are none.

    Of other software, all that the profile takes.
    """
    sound = [
        name
        for name in names("kex")
        if has_post_quantum([name])
        and canonical("kex", name) not in costly
        and takes(profile, "kex", name, strict=strict)
    ]
    if not is_openssh(observation):
        return sound
    version = openssh_version(observation)
    entries = [entry for name in sound if (entry := lookup("kex", name)) is not None]
    default = [entry.name for entry in entries if in_openssh(entry.openssh_default, version)]
    return default or [entry.name for entry in entries if in_openssh(entry.openssh_in_code, version)]


def proves_keys(name: str) -> bool:
    """Whether a scan computes the exchange, and so can check what the host keys sign."""
    return not name.startswith("sntrup")


def _replacements(context: RemedyContext, category: AlgorithmType) -> list[str]:
    """Sound names that the profile allows and this release knows; its defaults where the profile does not say."""
    rule = context.profile.algorithms(category)
    version = openssh_version(context.observation)
    gone = context.costly[category] | _forbidden(rule, category)
    # A document that only forbids allows nothing by name.
    named = () if rule is None else rule.allowed
    found = []
    for name in named or names(category):
        entry = lookup(category, name)
        if entry is None or weakness_of(category, name) is not None or canonical(category, name) in gone:
            continue
        if would_expose(context.observation, category, name):
            continue
        releases = entry.openssh_in_code if named else entry.openssh_default
        if in_openssh(releases, version) is True and entry.format in ("", "plain") and entry.hardware != "yes":
            found.append(name)
    # The moduli of a group exchange that was not offered were not seen either.
    fixed = [name for name in found if (e := lookup(category, name)) and e.family not in GROUP_EXCHANGE_FAMILIES]
    return fixed or found


def config_line(context: RemedyContext, category: AlgorithmType) -> str | None:
    """The sshd_config line that leaves the remaining algorithms, or None where there is none to write."""
    if category == "compression":
        # Without zlib@openssh.com, which starts after authentication, nothing is left but "none".
        value = "no" if "zlib@openssh.com" in context.costly[category] else "delayed"
        return f"Compression {value}" if has_keyword(context, category) else None
    # GSS-API methods have options of their own: KexAlgorithms refuses their names.
    left = [name for name in remaining(context, category) if not name.startswith("gss-")]
    if not left or not has_keyword(context, category):
        return None
    return f"{KEYWORDS[category][0]} {','.join(left)}"


def no_gss_refused(context: RemedyContext) -> str | None:
    """Why `GSSAPIKeyExchange no`, the one option for all exchanges by GSS-API, is not given; None where it is.

    It is given where others are left, and where no waiver covers one of those that it takes.
    """
    found = offers(context.observation, "kex")
    gss = {same for same in found if same.startswith("gss-")}
    if gss & context.waived["kex"]:
        return f"{NO_GSS} would take what is waived along"
    others = [name for same, offer in found.items() if same not in gss for name in offer.names]
    if config_line(context, "kex") is not None:
        others = [name for name in remaining(context, "kex") if not name.startswith("gss-")]
    sound = gss - context.costly["kex"]
    if not (not_waived(context, "kex", others) if sound else others):
        return f"with {NO_GSS} no other would be left" if not others else f"{NO_GSS} would leave what is waived alone"
    return None


def first_release(context: RemedyContext, category: AlgorithmType) -> str:
    """The first release that has what the profile allows, and that locks no client of the next older one out."""
    rule = context.profile.algorithms(category)
    version = openssh_version(context.observation)
    entries = [lookup(category, name) for name in (() if rule is None else rule.allowed)]
    sound = [e for e in entries if e is not None and weakness(e) is None]
    known = [e for e in sound if in_openssh(e.openssh_in_code, version)]
    if known:
        # It could be had here, but no client of the next older release speaks it.
        names_ = [e.name for e in known]
        releases = " and ".join(f"OpenSSH {release}" for release in deaf(category, names_, version))
        first = _first([e.openssh_default for e in sound])
        return f": what the profile leaves would lock out clients of {releases}" + (
            f"; they speak it from OpenSSH {first} on" if first else ""
        )
    first = _first([e.openssh_in_code for e in sound])
    return f": needs OpenSSH {first} or later, which has others" if first else ""


def _first(releases: Iterable[str]) -> str | None:
    """The lowest of cells like "6.2+"."""
    first = {cell[:-1] for cell in releases if cell.endswith("+")}
    return min(first, key=lambda text: tuple(map(int, text.split("."))), default=None)


def signs_with_sha1_only(observation: Observation, judgement: Finding) -> bool:
    """Whether it is about an RSA key of OpenSSH before 7.2, which signs with SHA-1 or not at all."""
    old = in_openssh("7.2+", openssh_version(observation)) is False
    return (judgement.id, judgement.algorithm) == ("host_key.weak", "ssh-rsa") and old


def _with_waived_methods(profile: Profile, judgements: Sequence[Finding]) -> Profile:
    """The profile for advice: a line must not switch off what the waiver lets stay on."""
    rule = profile.authentication
    waived = [each.algorithm for each in judgements if each.waived and each.id == "authentication.unlisted"]
    if rule is None or not waived:
        return profile
    allowed = (*rule.passing, *(method for method in waived if method))
    return msgspec.structs.replace(profile, authentication=msgspec.structs.replace(rule, allowed=allowed))


def _end_terrapin(observation: Observation, costly: dict[str, set[str]]) -> None:
    # Without strict key exchange the vulnerable ciphers must go, if others are left.
    found = offers(observation, "cipher")
    ending = {
        same for same, offer in found.items() if same == CHACHA20 or any(name.endswith("-cbc") for name in offer.names)
    }
    if set(found) - costly["cipher"] - ending:
        costly["cipher"] |= ending
