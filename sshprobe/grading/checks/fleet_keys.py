"""What the keys of other hosts, a list of keys or a test of all distinct keys say of one host."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from sshprobe.grading.score import Judgement
from sshprobe.model.fleet import FleetReport, SharedPrime
from sshprobe.model.observation import HostKey, Observation, endpoint


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
            if key.signature_verified is not False:
                for judged in self._judge_key(key, observation):
                    if (judged.id, key.type) not in seen:
                        seen.add((judged.id, key.type))
                        yield judged

    def _judge_key(self, key: HostKey, observation: Observation) -> Iterator[Judgement]:
        own = endpoint(observation.address or observation.host, observation.port)
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
