"""Weak keys are found, and hundreds of good ones are not."""

from __future__ import annotations

import base64
import math

import asyncssh
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sshprobe.grading.keys.blobs import RSAKey, plain_blob, rsa_key
from sshprobe.grading.keys.primes import has_small_factor, smooth_part
from sshprobe.grading.keys.weaknesses import (
    _TELLING,
    GENERATOR,
    ORDER,
    PRIMES,
    M,
    has_close_primes,
    has_small_private_exponent,
    is_roca,
    rsa_weaknesses,
    weaknesses_of,
)
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.wire.codec import mpint, string
from tests.grading.observations import modern
from tests.grading.rsa_keys import next_prime, prime, roca_prime, rsa_blob, rsa_host_key

MODERN = load_profile("mozilla-modern")


def only(verdict: Verdict, id: str) -> Finding:
    (found,) = [finding for finding in verdict.findings if finding.id == id]
    return found


def test_the_numbers_of_roca() -> None:
    assert len(PRIMES) == 39
    assert PRIMES[-1] == 167
    assert ORDER == 2454106387091158800
    assert pow(GENERATOR, ORDER, M) == 1
    assert all(pow(GENERATOR, ORDER // p, M) != 1 for p in (2, 3, 5, 7, 11, 13, 17, 23, 29, 37, 41, 53, 83))
    assert sorted(_TELLING) == [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157]


@settings(max_examples=20)
@given(st.integers(2, 2**40))
@example(65521**2)
@example(65537 * 65539)
@example(65537)
def test_a_factor_below_65536_is_found(n: int) -> None:
    assert (not has_small_factor(n)) == all(n % d for d in range(2, 1 << 16))
    smooth = smooth_part(n)
    assert n % smooth == 0
    assert not has_small_factor(n // smooth)
    assert smooth == 1 or has_small_factor(smooth)


@pytest.mark.parametrize("bits", [512, 1024, 2048])
def test_keys_of_the_faulty_library(bits: int) -> None:
    p, q = roca_prime(bits // 2), roca_prime(bits // 2)
    assert is_roca(p * q)
    assert rsa_weaknesses(RSAKey(65537, p * q)) == ("roca",)
    assert not is_roca(p * prime(bits // 2))


@given(st.integers(0, ORDER - 1), st.integers(0, 2**300))
def test_powers_of_the_generator_and_their_neighbours(exponent: int, k: int) -> None:
    element = pow(GENERATOR, exponent, M)
    assert is_roca(k * M + element)
    assert not is_roca(k * M + element * 2)
    assert not is_roca(k * M + M - element) or pow(-1, 1, M) == pow(GENERATOR, ORDER // 2, M)


def test_the_exact_test_is_stricter_than_the_seventeen_primes() -> None:
    """Return a residue in the subgroup modulo each prime, whose exponents contradict each other."""
    found = 0
    for number in range(2000):
        residue = 0
        for index, p in enumerate(PRIMES):
            wanted = 1 if p == 2 else pow(GENERATOR, (number * 7919 + index * 104729) % (p - 1), p)
            residue += wanted * (M // p) * pow(M // p, -1, p)
        residue %= M
        assert all(residue % p in reached for p, reached in _TELLING.items())
        found += is_roca(residue)
    assert found == 0


def test_hundreds_of_good_keys_give_nothing() -> None:
    primes = [prime(512) for _ in range(30)]
    for i, p in enumerate(primes):
        for q in primes[:i]:
            assert rsa_weaknesses(RSAKey(65537, p * q)) == ()
    for bits in (1024, 2048, 3072):
        numbers = rsa.generate_private_key(65537, bits).public_key().public_numbers()
        assert rsa_weaknesses(RSAKey(numbers.e, numbers.n)) == ()


def test_close_primes() -> None:
    p = prime(1024)
    near = next_prime(p + 2)
    assert rsa_weaknesses(RSAKey(65537, p * near)) == ("close_primes",)
    assert rsa_weaknesses(RSAKey(65537, p * p)) == ("close_primes",)
    # (q - p)^2 / (8 sqrt(n)) steps are needed: at the bound it is found, well beyond it is not.
    for steps, found in ((100, True), (290, True), (400, False), (10**6, False)):
        q = next_prime(p + math.isqrt(8 * steps * p))
        assert has_close_primes(p * q) is found
    assert not has_close_primes(next_prime(1 << 256))


def fermat(n: int, rounds: int) -> bool:
    """The same without a sieve."""
    start = math.isqrt(n)
    if start * start == n:
        return True
    for a in range(start + 1, start + 1 + rounds):
        root = math.isqrt(a * a - n)
        if root * root == a * a - n:
            return a - root > 1
    return False


@given(st.integers(1, 2**70).map(lambda n: n | 1), st.integers(1, 40))
def test_the_sieve_misses_no_square(n: int, rounds: int) -> None:
    assert has_close_primes(n, rounds) is fermat(n, rounds)


@given(st.integers(3, 2**80), st.integers(1, 2**22), st.integers(1, 300))
def test_the_sieve_misses_no_square_if_there_is_one(p: int, apart: int, rounds: int) -> None:
    n = (p | 1) * (p + 2 * apart | 1)
    assert has_close_primes(n, rounds) is fermat(n, rounds)


@pytest.mark.parametrize(
    ("e", "expected"),
    [
        *((e, ("exponent",)) for e in (1, 2, 65536)),
        *((e, ("small_exponent",)) for e in (3, 35)),
        *((e, ()) for e in (65537, 2**64 + 13)),
    ],
)
def test_exponents(e: int, expected: tuple[str, ...]) -> None:
    assert rsa_weaknesses(RSAKey(e, prime(512) * prime(512))) == expected


def test_small_factors() -> None:
    p, q = prime(512), prime(512)
    for factor in (2, 3, 997, 1009, 65521):
        assert rsa_weaknesses(RSAKey(65537, factor * p * q)) == ("malformed",)
    assert rsa_weaknesses(RSAKey(65537, 65537 * p * q)) == ()


def test_small_private_exponents() -> None:
    p, q = prime(512), prime(512)
    phi = (p - 1) * (q - 1)
    fourth_root = math.isqrt(math.isqrt(p * q))
    for least, expected in ((3, True), (2**64, True), (fourth_root // 4, True), (fourth_root * 2**10, False)):
        d = next(d for d in range(least | 1, least + 1000, 2) if math.gcd(d, phi) == 1)
        key = RSAKey(pow(d, -1, phi), p * q)
        assert has_small_private_exponent(key) is expected
        assert rsa_weaknesses(key) == (("small_private_exponent",) if expected else ())
    for e in range(2**1000 + 1, 2**1000 + 41, 2):  # large public exponents alone are not a fault
        assert not has_small_private_exponent(RSAKey(e, p * q))


def test_blobs() -> None:
    n = prime(512) * prime(512)
    plain = base64.b64decode(rsa_blob(n))
    certificate = string(b"ssh-rsa-cert-v01@openssh.com") + string(bytes(32)) + plain[11:] + bytes(30)
    assert rsa_key(plain) == rsa_key(certificate) == RSAKey(65537, n)
    assert plain_blob(certificate) == plain_blob(plain) == plain
    for cut in range(len(plain) - 1):
        assert rsa_key(plain[:cut]) is None
    assert rsa_key(string(b"ssh-rsa") + mpint(-3) + mpint(n)) is None
    assert rsa_key(string(b"ssh-ed25519") + string(bytes(32))) is None
    assert [weaknesses_of(text) for text in ("", "not base64!", "AAAA", "\u00e9")] == [()] * 4
    real = asyncssh.generate_private_key("ssh-rsa", key_size=1024).public_data
    assert rsa_key(real) is not None


@pytest.mark.parametrize(
    ("n", "e", "id", "severity", "grade_"),
    [
        (roca_prime(1024) * roca_prime(1024), 65537, "host_key.roca", "high", "D"),
        (prime(1536) * 4, 65537, "host_key.malformed", "critical", "F"),
        (prime(1024) ** 2, 65537, "host_key.close_primes", "critical", "F"),
        (prime(1024) * prime(1024), 1, "host_key.exponent", "critical", "F"),
        (prime(1536) * prime(1536), 3, "host_key.exponent", "low", "A"),
    ],
)
def test_findings(n: int, e: int, id: str, severity: str, grade_: str) -> None:
    observation = modern(host_keys=[rsa_host_key(n, e)])
    verdict = grade(observation, MODERN)
    found = only(verdict, id)
    assert (found.severity, found.algorithm, found.deviation) == (severity, "ssh-rsa", False)
    assert found.remediation is not None
    assert found.remediation.startswith("ssh-keygen -q -t rsa")
    assert verdict.grade == grade_
    from sshprobe.remedy import remedy

    fixed = remedy(observation, MODERN)
    assert fixed.commands[0].startswith("ssh-keygen")
    assert fixed.score > verdict.score


def test_only_the_exponent_of_an_unproven_key_is_judged() -> None:
    unproven = rsa_host_key(roca_prime(1024) * roca_prime(1024), verified=False)
    assert {f.id for f in grade(modern(host_keys=[unproven]), MODERN).findings} >= {"host_key.unproven"}
    assert "host_key.roca" not in {f.id for f in grade(modern(host_keys=[unproven]), MODERN).findings}
    anyone = rsa_host_key(prime(1024) * prime(1024), 1, verified=False)
    assert only(grade(modern(host_keys=[anyone]), MODERN), "host_key.exponent").severity == "critical"


def test_the_worst_of_several_keys_of_a_type_counts() -> None:
    small, none = rsa_host_key(prime(1024) * prime(1024), 3), rsa_host_key(prime(1536) * prime(1536), 2)
    for keys in ([small, none], [none, small]):
        assert only(grade(modern(host_keys=keys), MODERN), "host_key.exponent").severity == "critical"


def test_a_modulus_that_has_been_factored_is_critical() -> None:
    verdict = grade(modern(host_keys=[rsa_host_key(prime(256) * prime(256))]), MODERN)
    assert only(verdict, "host_key.size").severity == "critical"
