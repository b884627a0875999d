"""Sizes of groups and host keys: the observed ones, and the ones that a profile requires."""

from __future__ import annotations

from typing import NamedTuple

from sshprobe.algorithms import canonical, lookup
from sshprobe.algorithms.openssh import SIGN, claims_openssh, smallest_group_sent
from sshprobe.grading.strength import GROUP_EXCHANGE_FAMILIES
from sshprobe.model.observation import Observation
from sshprobe.profiles import Profile

SAFE_MODULUS_BITS = 2048
"""RFC 8270, and NIST SP 800-131A Rev. 2 for RSA. Less is weak under every profile."""


def group_exchange_methods(observation: Observation) -> set[str]:
    """Return the canonical names of the group-exchange methods on offer."""
    entries = ((name, lookup("kex", name)) for name in observation.kex_algorithms or ())
    return {canonical("kex", name) for name, entry in entries if entry and entry.family in GROUP_EXCHANGE_FAMILIES}


def smallest_modulus(observation: Observation, least: int) -> int | None:
    """Return the smallest modulus in bits that the answers prove. None: they do not show the smallest one.

    A modulus below `least` is proof for any method. One of `least` or more needs proof for each method on offer,
    because a server may have different groups for each.

    A modulus below `least` counts unless the request forced it by a `max` below `least` and the server may be an
    OpenSSH: releases up to 9.9 answer such a request with a built-in group of 2048 bits, however clean the moduli file.

    A modulus of `least` or more counts only if the request welcomed a smaller one (`n` below `least`). OpenSSH sends
    the next size from `n` on (dh.c, choose_dh), so `n` must not be above the smallest size of its release. A group
    below `n` is its largest. Other software may raise `n` and obey `max` (ProFTPD). Its answer counts only if `max` was
    below `least` too, and the server sent more.
    """
    counted = _counted(observation, least)
    smallest = min(counted.values(), default=None)
    if smallest is not None and smallest >= least and _unproven(observation, counted):
        return None
    return smallest


def methods_without_modulus(observation: Observation, least: int) -> list[str]:
    """Return the group-exchange methods on offer for which no answer proves the smallest modulus, sorted."""
    return sorted(_unproven(observation, _counted(observation, least)))


def _counted(observation: Observation, least: int) -> dict[str, int]:
    """Return the smallest proven modulus of each method, by its canonical name."""
    largest_n, maybe_openssh = _smallest_sent(observation) or 0, _may_be_openssh(observation)
    counted: dict[str, int] = {}
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
            counts = exchange.n < least and exchange.n <= largest_n
        if counts:
            method = canonical("kex", exchange.algorithm)
            counted[method] = min(bits, counted.get(method, bits))
    return counted


def _unproven(observation: Observation, counted: dict[str, int]) -> set[str]:
    # One moduli file serves all methods of OpenSSH, those of its GSS-API patch included (kexgexs.c, kexgsss.c).
    if counted and _smallest_sent(observation) is not None:
        return set()
    return group_exchange_methods(observation) - counted.keys()


def _may_be_openssh(observation: Observation) -> bool:
    found = observation.identification
    return (found is not None and claims_openssh(found.software.encode())) or SIGN in (observation.extensions or ())


def _smallest_sent(observation: Observation) -> int | None:
    found = observation.identification
    return None if found is None else smallest_group_sent(found.software, found.lasting_comments)


class KeySizes(NamedTuple):
    """The sizes in bits that a profile states for the host keys of a family. Zero or empty: no size is stated."""

    least: int
    advised: int
    exact: tuple[int, ...]
    """The allowed sizes, if only these are allowed."""


def key_sizes(profile: Profile, family: str) -> KeySizes:
    """Return the sizes that a profile states for the host keys of a family: "rsa", "dsa"."""
    rule = profile.host_key
    if rule is None or family not in ("rsa", "dsa"):
        return KeySizes(0, 0, ())
    exact = rule.exact_bits.rsa if family == "rsa" else ()
    return KeySizes(getattr(rule.min_bits, family) or 0, getattr(rule.advised_bits, family) or 0, exact)
