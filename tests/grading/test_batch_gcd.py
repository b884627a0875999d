"""Shared factors of all moduli at once, compared with pair by pair."""

from __future__ import annotations

import math
import random

from hypothesis import given, settings
from hypothesis import strategies as st

from sshprobe.grading.keys import batch_gcd as module
from sshprobe.grading.keys.batch_gcd import batch_gcd, shared_factors
from tests.grading.rsa_keys import prime

PRIMES = [prime(48) for _ in range(24)]


def pairwise(moduli: list[int]) -> list[int]:
    return [math.gcd(n, math.prod(moduli[:i] + moduli[i + 1 :])) for i, n in enumerate(moduli)]


@given(st.lists(st.integers(1, 10**6), max_size=40, unique=True))
def test_the_tree_agrees_with_pairs(moduli: list[int]) -> None:
    assert batch_gcd(moduli) == pairwise(moduli)


@given(st.lists(st.sets(st.sampled_from(PRIMES), min_size=2, max_size=2), max_size=20))
@settings(max_examples=300)
def test_shared_primes_agree_with_pairs(pairs: list[set[int]]) -> None:
    moduli = list(dict.fromkeys(math.prod(pair) for pair in pairs))
    expected: dict[int, list[int]] = {}
    for p in PRIMES:
        where = [i for i, n in enumerate(moduli) if n % p == 0]
        if len(where) > 1:
            expected[p] = where
    assert shared_factors(moduli) == dict(sorted(expected.items()))


def test_a_triangle_of_primes() -> None:
    """Both primes of each modulus are shared, so its divisor is the whole modulus."""
    p, q, r = PRIMES[:3]
    moduli = [p * q, q * r, p * r]
    assert batch_gcd(moduli) == moduli
    assert {f: len(where) for f, where in shared_factors(moduli).items()} == dict.fromkeys(sorted((p, q, r)), 2)


def test_larger_keys() -> None:
    primes = [prime(512) for _ in range(60)]
    moduli = [primes[i] * primes[i + 1] for i in range(0, 60, 2)]
    assert shared_factors(moduli) == {}
    moduli += [primes[0] * prime(512), primes[0] * prime(512)]
    assert shared_factors(moduli) == {primes[0]: [0, 30, 31]}


def test_division_by_halves() -> None:
    source = random.Random(7)
    for _ in range(12):
        bits = source.choice([40_000, 65_537, 200_000, 500_001])
        b = source.getrandbits(bits) | 1 << (bits - 1)
        a = source.choice(
            [source.getrandbits(source.randrange(3 * bits)), b * b - 1, b << bits, b - 1, (b << bits) - 1]
        )
        assert module._divide(a, b) == divmod(a, b)
        assert module._remainder(a, b) == a % b
