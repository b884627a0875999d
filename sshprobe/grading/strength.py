"""Whether an algorithm that a profile does not name is at least as strong as the weakest one that it allows."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from sshprobe.algorithms import Algorithm, AlgorithmType, lookup, weakness_of
from sshprobe.profiles import AlgorithmRule, Profile

GROUP_EXCHANGE_FAMILIES = ("dh-gex", "gss-dh-gex")

REVIEWED_CIPHERS = ("AES", "ChaCha20-Poly1305", "Camellia", "Serpent", "Twofish")
"""Primitives with years of public analysis and no serious attack."""

_MODE_RANKS = {"gcm": 3, "poly1305": 3, "ocb": 3, "ctr": 2}
_CONSTRUCTION_RANKS = {"etm": 2, "aead": 2, "e&m": 1}
_MODULUS_STRENGTHS = (
    (8192, 200),
    (7680, 192),
    (6144, 176),
    (4096, 152),
    (3072, 128),
    (3000, 120),  # BSI TR-02102-1 requires no more
    (2048, 112),
    (1024, 80),
)


@lru_cache(maxsize=64)
def modulus_strength(bits: int) -> int:
    """Return the bits of strength of a finite-field or RSA modulus (NIST SP 800-57 Part 1 Rev. 5, Table 2)."""
    return next((strength for least, strength in _MODULUS_STRENGTHS if bits >= least), 0)


def has_post_quantum(names: Iterable[str]) -> bool:
    """Return whether a list of key exchanges has a hybrid of a standard KEM (ML-KEM, sntrup761) and a sound curve."""
    return any(map(is_post_quantum, names))


@lru_cache(maxsize=4096)
def is_post_quantum(name: str) -> bool:
    """Return whether a key exchange is such a hybrid."""
    entry = lookup("kex", name)
    return entry is not None and entry.post_quantum == "hybrid" and weakness_of("kex", name) is None


def is_as_strong(profile: Profile, category: AlgorithmType, name: str) -> bool:
    """Return whether `name` is at least as strong as the weakest that `profile` allows. False for an unknown name."""
    rule = profile.algorithms(category)
    entry = lookup(category, name)
    if rule is None or entry is None or weakness_of(category, name) is not None:
        return False
    if category == "kex":
        return entry.forward_secrecy == "yes" and (is_post_quantum(name) or _reaches(entry, "kex", profile))
    if category == "host_key":
        # A certificate or a key in a token counts as its type, a shorter curve does not.
        return _is_of_allowed_type(entry, rule) or _reaches(entry, "host_key", profile)
    if category == "cipher":
        reviewed = entry.family in REVIEWED_CIPHERS
        return reviewed and _reaches(entry, "cipher", profile) and _ranks_with(entry, category, rule)
    if category == "mac":
        return _reaches(entry, "mac", profile) and _ranks_with(entry, category, rule)
    return True


def less_strong(profile: Profile, category: AlgorithmType, name: str, asks: str) -> str | None:
    """Describe how much weaker `name` is than the weakest that `profile` allows. None: it is not weaker.

    `asks`: the verb for the profile, "asks for".
    """
    entry, least = lookup(category, name), _weakest_bits(profile, category)
    if entry is None or entry.bits is None or least is None or entry.bits >= least:
        return None
    group = f"{entry.group[5:]}-bit group, " if entry.group.startswith("MODP-") else ""
    return f"{group}{entry.bits} bits of strength; the profile {asks} {least}"


def _weakest_bits(profile: Profile, category: AlgorithmType) -> int | None:
    """Return the strength of the weakest algorithm that a profile allows. None: it allows none of known strength."""
    rule = profile.algorithms(category)
    return None if rule is None else _least_bits(category, rule.allowed, _chosen_bits(profile, category))


@lru_cache(maxsize=256)  # the lists of a few profiles, for each name of a host
def _least_bits(category: AlgorithmType, allowed: tuple[str, ...], chosen: int | None) -> int | None:
    known = (_bits(entry, chosen) for entry in _entries(category, allowed))
    return min((bits for bits in known if bits is not None), default=None)


@lru_cache(maxsize=256)
def _entries(category: AlgorithmType, allowed: tuple[str, ...]) -> tuple[Algorithm, ...]:
    found = (lookup(category, name) for name in allowed)
    return tuple(entry for entry in found if entry is not None)


def _is_of_allowed_type(entry: Algorithm, rule: AlgorithmRule) -> bool:
    alike = [other.bits for other in _entries("host_key", rule.allowed) if other.family == entry.family != "none"]
    least = min((bits for bits in alike if bits is not None), default=None)
    return bool(alike) and (entry.bits is None or least is None or entry.bits >= least)


def _chosen_bits(profile: Profile, category: AlgorithmType) -> int | None:
    """Return the strength that a profile requires of a group exchange or an RSA key. None: it requires none."""
    if category == "kex" and profile.group_exchange is not None:
        return modulus_strength(profile.group_exchange.wanted_bits)
    if category == "host_key" and profile.host_key is not None:
        least = max(profile.host_key.min_bits.rsa or 0, profile.host_key.advised_bits.rsa or 0)
        return modulus_strength(least) if least else None
    return None


def _bits(entry: Algorithm, chosen: int | None) -> int | None:
    is_rsa_key = entry.category == "host_key" and entry.family == "rsa"
    return chosen if is_rsa_key or entry.family in GROUP_EXCHANGE_FAMILIES else entry.bits


def _reaches(entry: Algorithm, category: AlgorithmType, profile: Profile) -> bool:
    least, own = _weakest_bits(profile, category), _bits(entry, _chosen_bits(profile, category))
    return least is not None and own is not None and own >= least


def _ranks_with(entry: Algorithm, category: AlgorithmType, rule: AlgorithmRule) -> bool:
    return _rank(entry) >= _least_rank(category, rule.allowed)


@lru_cache(maxsize=256)
def _least_rank(category: AlgorithmType, allowed: tuple[str, ...]) -> int:
    return min(map(_rank, _entries(category, allowed)), default=9)


def _rank(entry: Algorithm) -> int:
    if entry.category == "cipher":
        return _MODE_RANKS.get(entry.mode, 0)
    return _CONSTRUCTION_RANKS.get(entry.construction, 0)
