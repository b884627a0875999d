"""Compares the host keys of a fleet: keys and primes that hosts share, and moduli that can be factored."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import partial

import msgspec

from sshprobe.grading.checks.fleet_keys import FACTORED, KNOWN
from sshprobe.grading.checks.key_numbers import JUDGEMENTS
from sshprobe.grading.fleet.facts import Facets, HostFacts, KeyFacts
from sshprobe.grading.keys.batch_gcd import has_gmp, shared_factors
from sshprobe.grading.keys.factoring import is_factored
from sshprobe.model.fleet import FleetReport, SharedKey, SharedPrime, WeakKey

MODULI_WITHOUT_GMPY2 = 10_000
"""With more RSA keys than this, shared primes are looked for only if gmpy2 is installed: it would take minutes."""


MODULI_FACTORED = {
    # thorough, with gmpy2: up to 50 ms a key; without it up to 0.4 s
    (True, True): sys.maxsize,
    (True, False): 100,
    (False, True): 100,
    (False, False): 20,
}
"""With more RSA keys than this, none is tried to be factored: a scan leaves that to `grade` and `report`."""


FEW_MODULI = 3
"""A scan of so few RSA keys tries the p-1 method only as far as without gmpy2: one host is answered at once."""


FEW_FACTORED = 500
"""Up to so many RSA keys the p-1 method goes as far as it can; with more, as far as without gmpy2: 5,000 would take
minutes."""


_FINDINGS: dict[str, str] = {
    **{weakness: judged.type.id for weakness, judged in JUDGEMENTS.items()},
    "known": KNOWN.id,
    "factored": FACTORED.id,
}
"""Weakness to the id of its finding."""


_encode = msgspec.json.Encoder().encode  # takes all that a record can hold, numbers of any size too


Test = Callable[[int], bool]


Search = Callable[[Sequence[bytes], Test], set[bytes]]
"""Moduli and a test of one to those that pass it."""


def compare_hosts(
    hosts: Iterable[HostFacts],
    *,
    known_keys_checked: bool = False,
    thorough: bool = True,
    search: Search | None = None,
) -> FleetReport:
    """Return what hosts share, and which keys are weak. Neither the order of hosts nor a repeated host changes it.

    `thorough` and `search` as for `FleetFacts.report`.
    """
    places: defaultdict[bytes, dict[str, HostFacts]] = defaultdict(dict)
    keys: dict[bytes, KeyFacts] = {}
    for host in hosts:
        place = host.endpoint
        for key in host.keys:
            if key.type < keys.setdefault(key.digest, key).type:
                keys[key.digest] = key
            places[key.digest][place] = host
    shared = [
        SharedKey(
            fingerprint=keys[digest].fingerprint,
            type=keys[digest].type,
            hosts=sorted(found),
            agree=agree(found.values()),
        )
        for digest, found in places.items()
        if len({host.address for host in found.values()}) > 1
    ]
    factored = _factored(keys.values(), thorough, search or factored_moduli)
    for digest in factored or ():
        keys[digest] = keys[digest]._replace(weaknesses=(*keys[digest].weaknesses, "factored"))
    weak = [
        WeakKey(
            fingerprint=key.fingerprint,
            type=key.type,
            bits=key.bits,
            findings=sorted({_FINDINGS[weakness] for weakness in key.weaknesses}),
            hosts=sorted(places[digest]),
        )
        for digest, key in keys.items()
        if key.weaknesses
    ]
    return FleetReport(
        shared_host_keys=sorted(shared, key=lambda each: (-len(each.hosts), each.fingerprint)),
        shared_primes=_shared_primes(keys, {digest: set(found) for digest, found in places.items()}),
        weak_keys=sorted(weak, key=lambda each: (-len(each.hosts), each.fingerprint)),
        known_keys_checked=known_keys_checked,
        moduli_tested=factored is not None,
        moduli_left_out=sum(key.is_oversized for key in keys.values()),
    )


def factored_moduli(moduli: Sequence[bytes], test: Test) -> set[bytes]:
    """Return the moduli, big-endian, that `test` factors."""
    return {modulus for modulus in moduli if test(int.from_bytes(modulus, "big"))}


def _factored(keys: Collection[KeyFacts], thorough: bool, search: Search) -> set[bytes] | None:
    """Return the digests of RSA keys whose modulus is factored; None where so many are not tested."""
    moduli = {key.modulus for key in keys if key.modulus}
    fast = bool(moduli) and has_gmp()
    if len(moduli) > MODULI_FACTORED[thorough, fast]:
        return None
    far = len(moduli) <= FEW_FACTORED and (thorough or len(moduli) > FEW_MODULI)
    found = search(sorted(moduli), partial(is_factored, fast=fast, few=far))
    return {key.digest for key in keys if key.modulus in found}


def agree(hosts: Iterable[HostFacts]) -> bool:
    """Return whether hosts may be one machine, or clones: nothing that was seen of two of them differs.

    Compared are keys of the same type, and of `answers_of` what both have. What was seen of one host alone is no
    difference: the other may not have been asked.
    """
    met: set[tuple[Facets, tuple[KeyFacts, ...]]] = set()
    answers: dict[str, bytes] = {}
    by_type: dict[str, set[bytes]] = {}
    for host in hosts:
        if (host.facets, host.keys) in met:
            continue
        met.add((host.facets, host.keys))
        if any(answers.setdefault(name, answer) != answer for name, answer in host.facets):
            return False
        own: defaultdict[str, set[bytes]] = defaultdict(set)
        for key in host.keys:
            own[key.type].add(key.digest)
        for type_, digests in own.items():
            if by_type.setdefault(type_, digests) != digests:
                return False
    return True


def _shared_primes(keys: dict[bytes, KeyFacts], places: dict[bytes, set[str]]) -> list[SharedPrime] | None:
    by_modulus: defaultdict[bytes, list[KeyFacts]] = defaultdict(list)
    for key in keys.values():
        if key.modulus:
            by_modulus[key.modulus].append(key)
    if len(by_modulus) > MODULI_WITHOUT_GMPY2 and not has_gmp():
        return None
    moduli = sorted(by_modulus)
    found = [
        SharedPrime(
            bits=factor.bit_length(),
            fingerprints=sorted(key.fingerprint for index in where for key in by_modulus[moduli[index]]),
            hosts=sorted({place for i in where for key in by_modulus[moduli[i]] for place in places[key.digest]}),
        )
        for factor, where in shared_factors([int.from_bytes(modulus, "big") for modulus in moduli]).items()
    ]
    return sorted(found, key=lambda each: (-len(each.fingerprints), each.fingerprints))
