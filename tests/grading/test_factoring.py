"""Bad RSA moduli are factored, good ones are not."""

from __future__ import annotations

import math

import pytest

from sshprobe.grading import FleetFacts, FleetIndex
from sshprobe.grading.fleet import comparison
from sshprobe.grading.keys import primes
from sshprobe.grading.keys.primes import _exponent, is_factored, primes_below, smooth_bound
from sshprobe.model.fleet import FleetReport
from sshprobe.model.observation import HostKey
from sshprobe.wire.kex.dh import group
from tests.grading.observations import modern
from tests.grading.rsa_keys import RANDOM, is_prime, prime, rsa_host_key

PRIME = prime(1024)
GOOD = prime(512) * prime(512)


def smooth_prime(bits: int, bound: int) -> int:
    """Return a prime p of about `bits` bits; p-1 has only prime factors up to `bound`, the largest close to it."""
    primes = list(primes_below(bound + 1))[1:]
    while True:
        product = 2 * primes[-1]
        while product.bit_length() < bits:
            if product % (factor := RANDOM.choice(primes)):
                product *= factor
        if is_prime(product + 1):
            return product + 1


def report_of(*keys: HostKey, thorough: bool = True) -> FleetReport:
    facts = FleetFacts()
    for number, key in enumerate(keys):
        facts.add(modern(host_keys=[key], address=f"192.0.2.{number}"))
    return facts.report(thorough=thorough)


@pytest.mark.parametrize("fast", [True, False])
def test_a_prime_and_powers_of_one(fast: bool) -> None:
    small = prime(340)
    for n in (PRIME, small**3, prime(200) ** 5, 3**600, 3):
        assert is_factored(n, fast=fast)
    assert not is_factored(GOOD, fast=fast)
    assert not is_factored(1, fast=fast)


@pytest.mark.parametrize("fast", [True, False])
def test_a_smooth_p_less_one(fast: bool) -> None:
    bound = smooth_bound(1024, fast=fast)
    assert bound == (20_000 if fast else 1_000)
    p = smooth_prime(500, bound)
    assert is_factored(p * prime(520), fast=fast)
    assert is_factored(p * smooth_prime(500, bound), fast=fast)  # both: no divisor remains
    beyond = next(n for n in range(bound + 1, 2 * bound) if is_prime(n))
    q = next(n for k in range(1, 9999) if is_prime(n := 2 * k * beyond * math.prod(primes_below(300)) + 1))
    assert not is_factored(q * prime(520), fast=fast)


def test_a_factor_of_64_bits() -> None:
    p = smooth_prime(60, 1000)
    assert is_factored(p * prime(960), fast=False)


@pytest.mark.parametrize("n", [group("group15"), group("group14"), group("group5") ** 2])
def test_openssl_finds_long_primes_and_squares(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    powers: list[int] = []

    def power(*numbers: int) -> int:
        powers.append(pow(*numbers))
        return powers[-1]

    monkeypatch.setattr(primes, "pow", power, raising=False)
    assert is_factored.__wrapped__(n, fast=False)
    assert powers == []
    assert is_factored.__wrapped__(group("group16"), fast=False)
    assert powers == [1]  # too long for OpenSSL


def test_the_method_of_pollard_by_openssl() -> None:
    p, q = smooth_prime(600, 1000), group("group5")
    assert is_factored(p * q, fast=False)
    assert not is_factored(prime(600) * q, fast=False)


def test_the_exponent() -> None:
    assert [_exponent(bound) for bound in (2, 10, 100)] == [math.lcm(*range(1, n + 1)) for n in (2, 10, 100)]


def test_the_larger_the_modulus_the_less_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [smooth_bound(bits, fast=True) for bits in (1024, 2048, 3072, 4096, 4097)] == [20000, 20000, 12000, 6000, 1]
    assert [smooth_bound(bits, fast=False) for bits in (2048, 4096, 8192)] == [1000, 1000, 1]
    monkeypatch.setattr(primes, "LARGEST_BITS", 512)
    assert not is_factored.__wrapped__(PRIME, fast=True)


def test_hundreds_of_good_moduli_are_not_factored() -> None:
    primes = [prime(256) for _ in range(20)]
    assert not any(is_factored(p * q, fast=True) for i, p in enumerate(primes) for q in primes[:i])


@pytest.mark.parametrize("thorough", [True, False])
def test_the_finding_is_critical_and_counted(thorough: bool) -> None:
    bad, good = rsa_host_key(PRIME), rsa_host_key(GOOD)
    found = report_of(bad, good, bad, thorough=thorough)
    assert found.moduli_tested
    assert [(key.fingerprint, key.findings, len(key.hosts)) for key in found.weak_keys] == [
        (bad.fingerprint, ["host_key.factored"], 2)
    ]
    index = FleetIndex(found)
    (judged,) = [each for each in index.judge(modern(host_keys=[bad], address="192.0.2.0")) if "shared" not in each.id]
    assert (judged.id, judged.severity, judged.algorithm) == ("host_key.factored", "critical", "ssh-rsa")
    assert list(index.judge(modern(host_keys=[good], address="192.0.2.1"))) == []


def test_each_key_is_tested_once() -> None:
    is_factored.cache_clear()
    report_of(*[rsa_host_key(GOOD)] * 5)
    report_of(rsa_host_key(GOOD))
    assert is_factored.cache_info().misses == 1


@pytest.mark.parametrize(
    ("thorough", "with_gmpy2", "most"), [(True, False, 100), (False, True, 100), (False, False, 20)]
)
def test_untested_keys_are_reported(
    thorough: bool, with_gmpy2: bool, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert comparison.MODULI_FACTORED[thorough, with_gmpy2] == most
    monkeypatch.setattr(comparison, "has_gmp", lambda: with_gmpy2)
    monkeypatch.setattr(comparison, "FEW_MODULI", 0)
    monkeypatch.setitem(comparison.MODULI_FACTORED, (thorough, with_gmpy2), 1)
    assert report_of(rsa_host_key(PRIME), thorough=thorough).weak_keys != []
    found = report_of(rsa_host_key(PRIME), rsa_host_key(GOOD), thorough=thorough)
    assert (found.moduli_tested, found.weak_keys) == (False, [])
