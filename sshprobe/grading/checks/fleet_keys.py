"""Findings on host keys that depend on other hosts, on a list of keys, or on a test of all distinct keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sshprobe.grading.checks.registry import add_types
from sshprobe.grading.findings import FindingType, first_of_each
from sshprobe.model.fleet import FleetReport, SharedPrime
from sshprobe.model.observation import HostKey, Observation, endpoint
from sshprobe.model.verdict import Finding

_LOOK = "`sshprobe report RECORDS --by key` lists the keys with their hosts."

FACTORED = FindingType(
    id="host_key.factored",
    title="An RSA key that was factored",
    severity="critical",
    when="across the keys of a scan: the modulus is prime, a power of a prime, or factored by Pollard's p-1 method",
    meaning="""The modulus is a prime number or a power of one. Or the method of Pollard (1974) found a factor: a prime
        p where p-1 has only small factors, up to 20,000 for moduli of 2048 bits, 12,000 for 3072 and 6,000 for 4096
        with gmpy2, up to 1,000 without. Moduli of more than 8192 bits are not tested.""",
    why="Anyone can compute the private key within a second and impersonate the server.",
    see="""`ssh-keygen -ef KEY.pub -m PKCS8 | openssl rsa -pubin -noout -modulus` prints the modulus, for any tool that
        factors numbers.""",
    fix="Make a new key with other software, and find out what made this one.",
    references=("FIPS 186-5 appendix A.1", "Pollard, Theorems on factorization, 1974"),
    points=0,
    label="factored RSA keys",
    weaknesses=("weak-key",),
    across_hosts=True,
)

KNOWN = FindingType(
    id="host_key.known",
    title="A host key whose private half is known",
    severity="critical",
    when="the key is on a list given with --weak-keys",
    why="""Debian's OpenSSL of 2006 to 2008 could make only some 32,768 keys of each kind, and some devices are sold
        with one key for all. Anyone with the list can impersonate the server.""",
    see="`ssh-keyscan HOST | ssh-keygen -lf -` prints the fingerprint to look up.",
    fix="Make a new key on the machine itself, and replace this one.",
    references=("CVE-2008-0166",),
    points=0,
    label="host keys on a list of known ones",
    codes={"known-key": "a host key whose private half is published"},
    across_hosts=True,
)

SHARED = FindingType(
    id="host_key.shared",
    title="A host key that other machines have too",
    severity="medium; note if the hosts agree in everything seen",
    when="other addresses of the scan have the same key",
    meaning="""Other addresses of the scan have the same key. It is a note if these addresses agree in everything that
        was seen of both: identification, lists, keys, sizes of groups, authentication methods. They may be one machine
        with several addresses, or clones of one image. A scan cannot tell which.""",
    why="""An attacker who breaks into one of the machines can impersonate all of them. Clones of an image also share
        everything else that was made before the image.""",
    see=_LOOK,
    fix="""Make new keys on each machine: remove /etc/ssh/ssh_host_* from the image and have them made at the first
        start.""",
    references=("RFC 4251 section 4.1", "NISTIR 7966"),
    points=0,
    label="shared host keys",
    codes={"shared-key": "one host key on several machines"},
    across_hosts=True,
)

SHARED_PRIME = FindingType(
    id="host_key.shared_prime",
    title="An RSA key that shares a prime with another",
    severity="critical",
    when="the modulus has a prime in common with another key of the scan",
    why="""Their greatest common divisor is that prime. It gives both private keys to anyone who has seen both. This
        happens where keys are made at the first start, before the machine has collected randomness.""",
    see=f"The greatest common divisor of the two moduli. {_LOOK}",
    fix="Make a new key once the machine has been up for a while, and update its firmware.",
    references=("https://factorable.net", "USENIX Security 2012, Mining Your Ps and Qs"),
    points=0,
    label="shared primes",
    codes={"shared-prime": "a prime in common with another host's key"},
    across_hosts=True,
)
add_types(FACTORED, KNOWN, SHARED, SHARED_PRIME)


class FleetIndex:
    """Looks up the findings of a `FleetReport` about one host."""

    def __init__(self, report: FleetReport) -> None:
        self._shared = {each.fingerprint: each for each in report.shared_host_keys}
        self._primes: defaultdict[str, list[SharedPrime]] = defaultdict(list)
        for prime in report.shared_primes or ():
            for fingerprint in prime.fingerprints:
                self._primes[fingerprint].append(prime)
        self._known = {each.fingerprint for each in report.weak_keys if "host_key.known" in each.findings}
        self._factored = {each.fingerprint for each in report.weak_keys if "host_key.factored" in each.findings}

    def judge(self, observation: Observation) -> list[Finding]:
        """Return the findings about the keys of one host: at most one of each type per key type."""
        keys = [key for key in observation.host_keys or () if key.signature_verified is not False]
        keys.sort(key=lambda key: (key.type, key.fingerprint))
        return first_of_each([judged for key in keys for judged in self._judge_key(key, observation)])

    def _judge_key(self, key: HostKey, observation: Observation) -> Iterator[Finding]:
        own = endpoint(observation.address or observation.host, observation.port)
        for prime in self._primes.get(key.fingerprint, ()):
            others = [place for place in prime.hosts if place != own]
            yield SHARED_PRIME.judge(
                algorithm=key.type,
                message="shares a prime with another RSA key: anyone who has both can compute the private keys",
                expected="primes that no other key has",
                observed=f"a prime also in a key of {_few(others)}"
                if others
                else "a prime also in another of its keys",
            )
        if key.fingerprint in self._factored:
            yield FACTORED.judge(
                algorithm=key.type,
                message="anyone can compute the private key: the modulus is prime, or a factor is easy to find",
                expected="the product of two large primes made at random",
                observed="a modulus that was factored",
            )
        if key.fingerprint in self._known:
            yield KNOWN.judge(
                algorithm=key.type,
                message="on the list of keys whose private half is known",
                expected="a key of its own",
                observed=key.fingerprint,
            )
        shared = self._shared.get(key.fingerprint)
        if shared is not None and own in shared.hosts:
            others = [place for place in shared.hosts if place != own]
            yield SHARED.judge(
                severity="note" if shared.agree else "medium",
                algorithm=key.type,
                message="the same key on addresses that agree in all that was seen: one machine, or clones of one image"
                if shared.agree
                else "the same key on other machines: each of them can pass for this one",
                expected="a key of its own",
                observed=f"also on {_few(others)}",
            )


def _few(places: list[str]) -> str:
    shown = ", ".join(places[:3])
    return shown if len(places) <= 3 else f"{shown} and {len(places) - 3} more"
