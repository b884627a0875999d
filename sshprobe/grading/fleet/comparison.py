"""Compares the host keys of a fleet: keys and primes that hosts share, and moduli that can be factored.

`FleetFacts` collects the facts from each record, and does not keep the record.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial

import msgspec

from sshprobe.grading.checks.fleet_keys import FACTORED, KNOWN
from sshprobe.grading.checks.key_numbers import FINDINGS
from sshprobe.grading.fleet.facts import (
    Facets,
    HostFacts,
    KeyFacts,
    answers_of,
    facets_of,
    fingerprint_digest,
    is_counted,
    key_facts,
)
from sshprobe.grading.keys.batch_gcd import shared_factors
from sshprobe.grading.keys.known_keys import KnownKeys
from sshprobe.grading.keys.primes import OPENSSL_BITS, has_gmp, is_factored
from sshprobe.lru_cache import LruCache
from sshprobe.model.fleet import FleetReport, SharedKey, SharedPrime, WeakKey
from sshprobe.model.observation import HostKey, Observation

MODULI_WITHOUT_GMPY2 = 10_000
"""With more RSA keys than this, shared primes are searched only with gmpy2: without it, it would take minutes."""

MODULI_FACTORED = {
    # thorough, with gmpy2: up to 50 ms a key; without it up to 0.4 s
    (True, True): sys.maxsize,
    (True, False): 100,
    (False, True): 100,
    (False, False): 20,
}
"""With more RSA keys than this, none is tested for easy factors. A scan is not `thorough`, `grade` and `report` are."""

FEW_MODULI = 3
"""Up to this many RSA keys, a scan uses the p-1 limits without gmpy2, so that one host takes no extra time."""

FEW_FACTORED = 500
"""With more RSA keys than this the p-1 method uses its limits without gmpy2: 5,000 keys would take minutes."""

_FINDINGS: dict[str, str] = {
    **{weakness: finding.id for weakness, finding in FINDINGS.items()},
    "known": KNOWN.id,
    "factored": FACTORED.id,
}
"""Weakness to the id of its finding."""

_encode = msgspec.json.Encoder().encode  # it encodes numbers of any size, unlike msgpack

Test = Callable[[int], bool]
Search = Callable[[Sequence[bytes], Test], set[bytes]]
"""Takes moduli and a test; returns the moduli that pass the test."""


class FleetFacts:
    """Collects the facts of hosts one by one. Iterating gives the `HostFacts` of hosts with keys."""

    def __init__(self, known: KnownKeys | None = None) -> None:
        self.known = known
        self._hosts: list[HostFacts] = []
        self._keys: dict[bytes, KeyFacts] = {}
        self._facets: dict[Facets, Facets] = {}
        self._kinds: LruCache[bytes, Facets] = LruCache()

    def __iter__(self) -> Iterator[HostFacts]:
        return iter(self._hosts)

    def add(self, observation: Observation) -> None:
        """Keep the facts of one host."""
        keys = [self._fact(key) for key in observation.host_keys or () if is_counted(key)]
        if keys:
            address, facets = observation.address or observation.host, self._facets_of(observation)
            self._hosts.append(HostFacts(address, observation.port, facets, tuple(dict.fromkeys(keys))))

    def _facets_of(self, observation: Observation) -> Facets:
        """Return the facets of a host, the same object for all equal hosts: most of a fleet are equal."""
        answers = answers_of(observation)
        kind = _encode(answers)
        known = self._kinds.get(kind)
        if known is None:
            found = facets_of(answers)
            known = self._facets.setdefault(found, found)
            self._kinds.put(kind, known, len(kind))
        return known

    def _fact(self, key: HostKey) -> KeyFacts:
        digest = fingerprint_digest(key.fingerprint)
        found = self._keys.get(digest)
        if found is None or key.type < found.type:  # a plain key before a certificate, in any order of keys
            found = key_facts(key, digest, self.known)
            self._keys[digest] = found
        return found

    def report(self, *, thorough: bool = True, search: Search | None = None) -> FleetReport:
        """Compare all hosts. Unless `thorough`, skip the tests that would delay the end of a scan.

        `search` replaces `factored_moduli`, for example to use several processes.
        """
        known = self.known is not None
        return compare_hosts(self._hosts, known_keys_checked=known, thorough=thorough, search=search)


def compare_hosts(
    hosts: Iterable[HostFacts],
    *,
    known_keys_checked: bool = False,
    thorough: bool = True,
    search: Search | None = None,
) -> FleetReport:
    """Return the keys that hosts share, and the weak keys. The order of hosts and repeated hosts do not matter.

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
    """Return the digests of RSA keys whose modulus is factored. None: there are too many to test."""
    moduli = {key.modulus for key in keys if key.modulus}
    few = not thorough and len(moduli) <= FEW_MODULI
    # OpenSSL tests a few moduli in less time than the import of gmpy2 takes.
    openssl_is_faster = few and all(8 * len(modulus) <= OPENSSL_BITS for modulus in moduli)
    fast = bool(moduli) and not openssl_is_faster and has_gmp()
    if len(moduli) > MODULI_FACTORED[thorough, fast]:
        return None
    far = len(moduli) <= FEW_FACTORED and not few
    found = search(sorted(moduli), partial(is_factored, fast=fast, few=far))
    return {key.digest for key in keys if key.modulus in found}


def agree(hosts: Iterable[HostFacts]) -> bool:
    """Return whether hosts may be one machine or clones: no fact known for two of them differs.

    The comparison covers keys of the same type and the answers of `answers_of` that both hosts have. A fact known for
    only one host does not count: the scan may not have asked the other.
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
