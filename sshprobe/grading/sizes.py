"""Sizes of groups and host keys: what was seen of them, and what a profile asks for."""

from __future__ import annotations

from sshprobe.algorithms import lookup
from sshprobe.algorithms.openssh import SIGN, claims_openssh, is_openssh_release
from sshprobe.grading.strength import GROUP_EXCHANGE_FAMILIES
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile

SAFE_MODULUS_BITS = 2048
"""RFC 8270, and NIST SP 800-131A Rev. 2 for RSA: less is weak whatever a profile says."""


def offers_group_exchange(observation: Observation) -> bool:
    """Return whether a group exchange is in the list of key exchanges."""
    return any(
        entry.family in GROUP_EXCHANGE_FAMILIES
        for name in observation.kex_algorithms or ()
        if (entry := lookup("kex", name)) is not None
    )


def smallest_modulus(observation: Observation, least: int) -> int | None:
    """Return the smallest modulus in bits that answers count for. None: nothing shows the smallest.

    A modulus below `least` counts wherever it came, unless a `max` below `least` forced it and it may be of an OpenSSH:
    up to 9.9 that answers such a request with a built-in group of 2048 bits, however clean its moduli file.

    One of `least` or more says something of the smallest only where a smaller one was welcome (`n` below `least`). That
    is enough for an OpenSSH, which sends what lies nearest to `n` (dh.c, choose_dh). Others may raise `n` and obey
    `max` (ProFTPD): of these it counts only where `max` was below `least`, too, and they did not keep to it.
    """
    wide_is_proof, maybe_openssh = _keeps_to_n(observation), _may_be_openssh(observation)
    counted: list[int] = []
    for exchange in observation.group_exchange or ():
        bits = exchange.modulus_bits
        if bits is None:
            continue
        forced = exchange.max < least
        if bits < least:
            counts = bits < SAFE_MODULUS_BITS or not (forced and maybe_openssh)
        elif forced:
            counts = not maybe_openssh
        else:
            counts = wide_is_proof and (exchange.n < least or bits < exchange.n)
        if counts:
            counted.append(bits)
    return min(counted, default=None)


def _may_be_openssh(observation: Observation) -> bool:
    found = observation.identification
    return (found is not None and claims_openssh(found.software.encode())) or SIGN in (observation.extensions or ())


def _keeps_to_n(observation: Observation) -> bool:
    """Return whether it is an OpenSSH by its identification."""
    found = observation.identification
    return found is not None and is_openssh_release(found.software, found.lasting_comments)


def minimum_bits(profile: Profile, family: str) -> int | None:
    """Return the least size of a host key of a family, where the profile states one."""
    if profile.host_key is None:
        return None
    return {"rsa": profile.host_key.min_bits.rsa, "dsa": profile.host_key.min_bits.dsa}.get(family)


def advised_bits(profile: Profile, family: str) -> int | None:
    """Return the size of a host key of a family that the profile advises without asking for it."""
    if profile.host_key is None:
        return None
    return {"rsa": profile.host_key.advised_bits.rsa, "dsa": profile.host_key.advised_bits.dsa}.get(family)


def exact_bits(profile: Profile, family: str) -> tuple[int, ...]:
    """Return the sizes of a host key of a family that the profile allows, where it allows no other."""
    return profile.host_key.exact_bits.rsa if profile.host_key is not None and family == "rsa" else ()
