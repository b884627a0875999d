"""gmpy2 is optional: results are the same without it. It is installed for the tests."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import gmpy2
import pytest

from sshprobe.grading.keys import batch_gcd, primes
from sshprobe.wire.kex import dh
from sshprobe.wire.kex.dh import FixedGroupExchange, group
from tests.wire.playbook import number, text

Power = Callable[[int, int, int], Any]


def test_gmpy2_is_used() -> None:
    assert dh._powmod() is primes.power_modulo() is gmpy2.powmod
    assert primes.has_gmp()


@pytest.mark.parametrize("name", ["group1", "group14", "group18"])
def test_an_exchange_is_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    f = pow(3, random.getrandbits(256), group(name))

    def exchange(without_gmpy2: int) -> tuple[bytes, object]:
        monkeypatch.setattr(dh, "POWERS_WITHOUT_GMPY2", without_gmpy2)
        dh._our_share.cache_clear()
        run = FixedGroupExchange("x", "sha1", name)
        return run.first, run.read_reply(b"\x1f" + text(b"key") + number(f) + text(b"signature"))

    assert exchange(2**62) == exchange(0)


@pytest.mark.parametrize("modulus", [group("group1"), group("group1") + 2, 3 * 2**600 + 1, 15, 23])
def test_the_kind_of_a_modulus_is_the_same(modulus: int, monkeypatch: pytest.MonkeyPatch) -> None:
    def kind(power: Power) -> object:
        monkeypatch.setattr(primes, "power_modulo", lambda: power)
        return primes.kind_of_modulus.__wrapped__(modulus)

    assert kind(pow) == kind(gmpy2.powmod)


def test_shared_factors_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    moduli = [random.getrandbits(400) | 1 for _ in range(60)]

    def divisors(integer: type) -> list[int]:
        monkeypatch.setattr(batch_gcd, "large_integer", lambda: integer)
        return batch_gcd.batch_gcd(moduli)

    assert divisors(int) == divisors(gmpy2.mpz)
