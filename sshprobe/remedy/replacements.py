"""Algorithms that a server can offer instead of others without a new finding."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sshprobe.algorithms import (
    AlgorithmType,
    canonical,
    in_openssh,
    is_marker,
    lookup,
    names,
    signs_with_sha1,
    weakness_of,
)
from sshprobe.grading.checks.key_exchange import would_expose
from sshprobe.grading.offers import offers
from sshprobe.grading.sizes import SAFE_MODULUS_BITS, key_sizes
from sshprobe.grading.strength import has_post_quantum, is_as_strong, is_post_quantum
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.observation import Observation
from sshprobe.model.remedy import Platform
from sshprobe.profiles import Profile

QUANTUM = (
    "mlkem768x25519-sha256",
    "sntrup761x25519-sha512",
    "sntrup761x25519-sha512@openssh.com",
    "mlkem768nistp256-sha256",
    "mlkem1024nistp384-sha384",
)
"""Post-quantum exchanges in the order of advice: the most common ones come first."""

NAMED = 24
"""The most names that advice lists. It is in every finding, and a server may offer thousands of names."""


def takes(profile: Profile, category: AlgorithmType, name: str, *, strict: bool) -> bool:
    """Return whether a server can add an algorithm without a new finding. An unknown name always causes one."""
    rule = profile.algorithms(category)
    if weakness_of(category, name) is not None:
        return False
    if rule is None:
        return True
    same = canonical(category, name)
    if rule.words and same in rule.forbidden(category):
        return False
    if rule.others == "allowed" or any(canonical(category, other) == same for other in rule.allowed):
        return True
    return rule.others == "as-strong" and not strict and is_as_strong(profile, category, name)


def would_be_empty(
    observation: Observation, category: AlgorithmType, gone: Collection[str], waived: Collection[str] = ()
) -> bool:
    """Return whether an observed list would have no name but `waived` ones without the names of `gone`.

    Both are canonical names.
    """
    return any(
        not any(
            name and (same := canonical(category, name)) not in gone and same not in waived and not is_marker(name)
            for name in found
        )
        for _, field in FIELDS[category]
        if (found := getattr(observation, field)) is not None
    )


def others(observation: Observation, profile: Profile, category: AlgorithmType) -> list[str]:
    """Return one or two different algorithms that the profile allows and that cause no finding.

    Without strict key exchange, none that Terrapin attacks. None with an unknown size, except RSA if the host showed a
    key that is large enough: the key that signs over SHA-1 also signs over SHA-2.
    """
    rule = profile.algorithms(category)
    found: dict[str, str] = {}
    for name in () if rule is None else rule.allowed:
        entry = lookup(category, name)
        if entry is None or weakness_of(category, name) is not None or would_expose(observation, category, name):
            continue
        sized = entry.bits is not None and not key_sizes(profile, entry.family).least
        if sized or (entry.family == "rsa" and entry.format == "plain" and _has_large_rsa_key(observation, profile)):
            found.setdefault(canonical(category, name), entry.name)
    if category != "host_key":
        return list(found.values())[:2]
    # An existing key comes before a new one.
    there = {key.type for key in observation.host_keys or ()}
    chosen = sorted(found.values(), key=lambda name: ("ssh-rsa" if name.startswith("rsa-") else name) not in there)
    return chosen[:1]


def _has_large_rsa_key(observation: Observation, profile: Profile) -> bool:
    least = max(SAFE_MODULUS_BITS, key_sizes(profile, "rsa").least)
    keys = [key for key in observation.host_keys or () if key.type == "ssh-rsa"]
    return bool(keys) and all((key.bits or 0) >= least for key in keys)


def choose(
    observation: Observation,
    profile: Profile,
    category: AlgorithmType,
    gone: Collection[str],
    waived: Collection[str],
    *,
    strict: bool,
) -> list[str] | None:
    """Return the replacements of `gone`. None: not needed. Empty: needed, but there are none.

    One is needed if a list would lose its last name, or its last post-quantum exchange under a profile that requires
    one.
    """
    if category == "kex" and loses_post_quantum(observation, profile, gone):
        return [name for name in QUANTUM if takes(profile, "kex", name, strict=strict)][:1]
    if would_be_empty(observation, category, gone):
        return others(observation, profile, category)
    if not waived or not would_be_empty(observation, category, gone, waived):
        return None
    return others(observation, profile, category) or None


def loses_post_quantum(observation: Observation, profile: Profile, gone: Collection[str]) -> bool:
    """Return whether a profile requires a post-quantum exchange, but all of the server's must go."""
    had = observation.kex_algorithms or ()
    if profile.kex is None or "post-quantum" not in profile.kex.require or not has_post_quantum(had):
        return False
    return not has_post_quantum(name for name in had if canonical("kex", name) not in gone)


def post_quantum_exchanges(
    profile: Profile, gone: Collection[str], platform: Platform | None, version: str | None, *, strict: bool
) -> list[str]:
    """Return the post-quantum exchanges that the profile accepts, without the canonical names `gone`.

    For OpenSSH the defaults of its `version` or, without any, the ones that it knows.
    """
    sound = [
        name
        for name in names("kex")
        if is_post_quantum(name) and canonical("kex", name) not in gone and takes(profile, "kex", name, strict=strict)
    ]
    if platform is None:
        return sound
    entries = [entry for name in sound if (entry := lookup("kex", name)) is not None]
    default = [entry.name for entry in entries if in_openssh(entry.openssh_default, version)]
    return default or [entry.name for entry in entries if in_openssh(entry.openssh_in_code, version)]


def in_place_of(
    observation: Observation, category: AlgorithmType, gone: Collection[str], chosen: list[str] | None
) -> str | None:
    """Describe the replacement. None: not needed."""
    if chosen is None:
        return None
    found = _names(observation, category, gone)
    what = ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED:,} more" if len(found) > NAMED else "")
    if not chosen:
        return f"have it offer another first, then take out {what}"
    return f"offer {' or '.join(chosen)} in place of {what}"


def last_over_sha2(observation: Observation, gone: Collection[str], waived: Collection[str]) -> set[str]:
    """Return the host key algorithms of `gone` that must stay: those over SHA-2, if only SHA-1 would be left.

    Some documents name no others. Where only waived names would remain, other code adds names.
    """
    names = dict.fromkeys(canonical("host_key", name) for name in observation.server_host_key_algorithms or () if name)
    left = [name for name in names if name not in gone and name not in waived]
    if not left or not all(map(signs_with_sha1, left)):
        return set()
    return {name for name in names if name in gone and not signs_with_sha1(name)}


def _names(observation: Observation, category: AlgorithmType, same: Iterable[str]) -> list[str]:
    wanted = set(same)
    return [name for each, offer in offers(observation, category).items() if each in wanted for name in offer.names]
