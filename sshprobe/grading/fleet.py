"""What the host keys of many hosts say together: keys and primes that they share, and keys that are weak.

Facts are kept while records go by, and no record is: of a host its address, which keys it has and a digest of what
else it showed; of each distinct key its fingerprint and, if it is RSA, its modulus.
"""

from __future__ import annotations

import base64
import hashlib
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from operator import attrgetter
from typing import NamedTuple

import msgspec

from sshprobe.grading.keys.batch_gcd import has_gmp, shared_factors
from sshprobe.grading.keys.blobs import decoded, plain_blob, rsa_key
from sshprobe.grading.keys.factoring import is_factored
from sshprobe.grading.keys.known_keys import KnownKeys
from sshprobe.grading.keys.weaknesses import is_well_formed, weaknesses_of
from sshprobe.grading.lists import FIELDS
from sshprobe.grading.score import Judgement
from sshprobe.grading.users import answers_by_user
from sshprobe.lru_cache import LruCache
from sshprobe.model.fleet import FleetReport, SharedKey, SharedPrime, WeakKey
from sshprobe.model.observation import HostKey, Observation, endpoint

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

LARGEST_MODULUS_BITS = 16_384
"""Longer RSA moduli are left out of the search for shared primes: no software makes them, and one of 270,000 bits,
which fits into a packet, costs as much as a hundred others."""

FEW_MODULI = 3
"""A scan of so few RSA keys does without gmpy2, whose import would take longer."""

FEW_FACTORED = 500
"""Up to so many RSA keys the p-1 method goes as far as it can; with more, as far as without gmpy2: 5,000 would take
minutes."""

FINDINGS = {
    "malformed": "host_key.malformed",
    "close_primes": "host_key.close_primes",
    "roca": "host_key.roca",
    "exponent": "host_key.exponent",
    "small_private_exponent": "host_key.exponent",
    "small_exponent": "host_key.exponent",
    "no_dsa_group": "host_key.malformed",
    "small_private_key": "host_key.small_private_key",
    "small_order": "host_key.small_order",
    "known": "host_key.known",
    "factored": "host_key.factored",
}
"""Weakness to the id of its finding."""

_LISTS = {
    "algorithms": attrgetter(*(field for fields in FIELDS.values() for _, field in fields)),
    "languages": attrgetter("languages_client_to_server", "languages_server_to_client"),
}

_encode = msgspec.json.Encoder().encode  # takes all that a record can hold, numbers of any size too

Facets = tuple[tuple[str, bytes], ...]
"""What else a host showed: a name for what was asked and a digest of the answer, if there was one."""


Test = Callable[[int], bool]
Search = Callable[[Sequence[bytes], Test], set[bytes]]
"""Moduli and a test of one to those that pass it."""


class KeyFacts(NamedTuple):
    """What is kept of a distinct host key."""

    digest: bytes
    """SHA-256 of the plain blob: the fingerprint."""
    type: str
    bits: int | None
    modulus: bytes
    """Big-endian; empty for other types than RSA, and for what is no product of two large primes."""
    weaknesses: tuple[str, ...]
    is_oversized: bool = False
    """Whether it is RSA and has more than `LARGEST_MODULUS_BITS`: then `modulus` is empty."""

    @property
    def fingerprint(self) -> str:
        """As OpenSSH prints it."""
        if len(self.digest) != 32:
            return self.digest.rstrip(b"\0").decode("utf-8")
        return "SHA256:" + base64.b64encode(self.digest).rstrip(b"=").decode("ascii")


class HostFacts(NamedTuple):
    """What is kept of a host."""

    address: str
    port: int
    facets: Facets
    keys: tuple[KeyFacts, ...]

    @property
    def endpoint(self) -> str:
        """ "192.0.2.1:22", with brackets around an IPv6 address."""
        return endpoint(self.address, self.port)


class FleetFacts:
    """Takes hosts as they go by and keeps the facts. Iterating gives the `HostFacts`, those with keys alone."""

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
        """Return the facets of a host, the same object for all that are alike, as most of a fleet are."""
        answers = answers_of(observation)
        kind = _encode(answers)
        known = self._kinds.get(kind)
        if known is None:
            found = _facets(answers)
            known = self._facets.setdefault(found, found)
            self._kinds.put(kind, known, len(kind))
        return known

    def _fact(self, key: HostKey) -> KeyFacts:
        digest = _digest(key.fingerprint)
        found = self._keys.get(digest)
        if found is None or key.type < found.type:  # plain before certificate, whichever comes first
            found = _key_facts(key, digest, self.known)
            self._keys[digest] = found
        return found

    def report(self, *, thorough: bool = True, search: Search | None = None) -> FleetReport:
        """Return what they say together. Not `thorough`: without what would delay the end of a scan.

        `search` tests moduli, as `factored_moduli` does, if it is to be done elsewhere, such as in several processes.
        """
        known = self.known is not None
        return fleet_findings(self._hosts, known_keys_checked=known, thorough=thorough, search=search)


def answers_of(observation: Observation) -> list[tuple[str, object]]:
    """Return what one server says alike on each connection, besides its keys: what can tell two machines apart.

    Identification, name-lists, extensions, authentication methods, and the sizes of the groups that came, each with a
    name for what was asked, and None where there was no answer. Left out are banners and what came before the
    identification, which may hold the time or an address, and the lists of an address where several servers answer.
    """
    answers: list[tuple[str, object]] = []
    said = observation.identification
    if said is not None:
        answers.append(("identification", (said.protocol, said.software, said.lasting_comments)))
    if not observation.several_servers:
        for name, lists_of in _LISTS.items():
            lists = lists_of(observation)  # of one message: all are there, or none
            answers.append((name, None if None in lists else lists))
        extensions = observation.extensions
        answers.append(("extensions", None if extensions is None else sorted(extensions.items())))
    for user, answer in answers_by_user(observation).items():
        answers.append((f"methods of {user}", answer.methods))
    for group in observation.group_exchange or ():
        answers.append((f"{group.algorithm} {group.min} {group.n} {group.max}", group.modulus_bits))
    return answers


def _facets(answers: list[tuple[str, object]]) -> Facets:
    return tuple((name, _short_digest(answer)) for name, answer in answers if answer is not None)


def _short_digest(answer: object) -> bytes:
    return hashlib.blake2b(repr(answer).encode("utf-8", "surrogatepass"), digest_size=16).digest()


def is_counted(key: HostKey) -> bool:
    """Whether a key says anything of the host: one whose signature was wrong may be anybody's."""
    return key.signature_verified is not False


def _digest(fingerprint: str) -> bytes:
    text = fingerprint.removeprefix("SHA256:")
    found = decoded(text + "=" * (-len(text) % 4))
    # Records can come from anywhere: a text that is no SHA-256 is kept as it is, longer than one.
    return found if len(found) == 32 else fingerprint.encode("utf-8", "replace").ljust(33, b"\0")


def _key_facts(key: HostKey, digest: bytes, known: KnownKeys | None) -> KeyFacts:
    blob = decoded(key.blob)
    rsa = rsa_key(blob)
    modulus = b""
    is_oversized = rsa is not None and rsa.n.bit_length() > LARGEST_MODULUS_BITS
    if rsa is not None and not is_oversized and is_well_formed(rsa.n):
        modulus = rsa.n.to_bytes((rsa.n.bit_length() + 7) // 8, "big")
    weaknesses: tuple[str, ...] = weaknesses_of(key.blob)
    if known is not None and plain_blob(blob) in known:
        weaknesses = (*weaknesses, "known")
    return KeyFacts(digest, key.type, key.bits, modulus, weaknesses, is_oversized)


def fleet_findings(
    hosts: Iterable[HostFacts],
    *,
    known_keys_checked: bool = False,
    thorough: bool = True,
    search: Search | None = None,
) -> FleetReport:
    """Say what the keys of hosts say together; neither the order of hosts nor a repeated host changes it.

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
            findings=sorted({FINDINGS[weakness] for weakness in key.weaknesses}),
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
    fast = bool(moduli) and (thorough or len(moduli) > FEW_MODULI) and has_gmp()
    if len(moduli) > MODULI_FACTORED[thorough, fast]:
        return None
    found = search(sorted(moduli), partial(is_factored, fast=fast, few=len(moduli) <= FEW_FACTORED))
    return {key.digest for key in keys if key.modulus in found}


def agree(hosts: Iterable[HostFacts]) -> bool:
    """Whether hosts may be one machine, or clones: nothing that was seen of two of them differs.

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


class FleetIndex:
    """Finds what a `FleetReport` says of one host."""

    def __init__(self, report: FleetReport) -> None:
        self._shared = {each.fingerprint: each for each in report.shared_host_keys}
        self._primes: defaultdict[str, list[SharedPrime]] = defaultdict(list)
        for prime in report.shared_primes or ():
            for fingerprint in prime.fingerprints:
                self._primes[fingerprint].append(prime)
        self._known = {each.fingerprint for each in report.weak_keys if "host_key.known" in each.findings}
        self._factored = {each.fingerprint for each in report.weak_keys if "host_key.factored" in each.findings}

    def judge(self, observation: Observation) -> Iterator[Judgement]:
        """`host_key.shared_prime`, `.known` and `.shared`: at most one of each per key type."""
        seen: set[tuple[str, str]] = set()
        for key in sorted(observation.host_keys or (), key=lambda key: (key.type, key.fingerprint)):
            if is_counted(key):
                for judged in self._judge_key(key, observation):
                    if (judged.id, key.type) not in seen:
                        seen.add((judged.id, key.type))
                        yield judged

    def _judge_key(self, key: HostKey, observation: Observation) -> Iterator[Judgement]:
        own = HostFacts(observation.address or observation.host, observation.port, (), ()).endpoint
        for prime in self._primes.get(key.fingerprint, ()):
            others = [place for place in prime.hosts if place != own]
            yield Judgement(
                id="host_key.shared_prime",
                severity="critical",
                category="host_key",
                algorithm=key.type,
                message="shares a prime with another RSA key: anyone who has both can compute the private keys",
                expected="primes that no other key has",
                observed=f"a prime also in a key of {_few(others)}"
                if others
                else "a prime also in another of its keys",
                references=("https://factorable.net", "USENIX Security 2012, Mining Your Ps and Qs"),
            )
        if key.fingerprint in self._factored:
            yield Judgement(
                id="host_key.factored",
                severity="critical",
                category="host_key",
                algorithm=key.type,
                message="anyone can compute the private key: the modulus is prime, or a factor is easy to find",
                expected="the product of two large primes made at random",
                observed="a modulus that was factored",
                references=(
                    "FIPS 186-5 appendix A.1",
                    "Pollard, Theorems on factorization, 1974",
                ),
            )
        if key.fingerprint in self._known:
            yield Judgement(
                id="host_key.known",
                severity="critical",
                category="host_key",
                algorithm=key.type,
                message="on the list of keys whose private half is known",
                expected="a key of its own",
                observed=key.fingerprint,
                references=("CVE-2008-0166",),
            )
        shared = self._shared.get(key.fingerprint)
        if shared is not None and own in shared.hosts:
            others = [place for place in shared.hosts if place != own]
            yield Judgement(
                id="host_key.shared",
                severity="note" if shared.agree else "medium",
                category="host_key",
                algorithm=key.type,
                message="the same key on addresses that agree in all that was seen: one machine, or clones of one image"
                if shared.agree
                else "the same key on other machines: each of them can pass for this one",
                expected="a key of its own",
                observed=f"also on {_few(others)}",
                references=("RFC 4251 section 4.1", "NISTIR 7966"),
            )


def _few(places: list[str]) -> str:
    shown = ", ".join(places[:3])
    return shown if len(places) <= 3 else f"{shown} and {len(places) - 3} more"
