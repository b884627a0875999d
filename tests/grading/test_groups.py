"""Groups of a group exchange: safe primes and other numbers."""

from __future__ import annotations

import math
from pathlib import Path

import msgspec
import pytest

from sshprobe.algorithms import catalogue, known_group
from sshprobe.grading.keys import primes
from sshprobe.grading.keys.primes import has_smooth_order, kind_of_modulus, primes_below
from sshprobe.model.observation import GroupExchange, Observation
from sshprobe.probe.observation_builder import hexadecimal
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from sshprobe.wire.kex.dh import group
from tests.grading.observations import modern, modulus
from tests.grading.rsa_keys import is_prime, prime

MODERN = load_profile("mozilla-modern")
NAMES = ("group1", "group5", "group14", "group15", "group16", "group17", "group18")


def sent(p: int, g: int = 2) -> GroupExchange:
    return msgspec.structs.replace(modulus(p.bit_length()), modulus=f"{p:X}", generator=f"{g:X}")


def ids(observation: Observation) -> dict[str, str]:
    found = grade(observation, MODERN).findings
    return {f.id: f.severity for f in found if f.id.startswith("group_exchange.")}


def safe_prime(bits: int) -> int:
    while True:
        q = prime(bits - 1)
        if is_prime(2 * q + 1):
            return 2 * q + 1


def test_the_groups_of_the_rfcs_are_known() -> None:
    for name in NAMES:
        found = known_group(group(name))
        assert found is not None
        assert (found.name, found.bits) == (name, group(name).bit_length())
        assert kind_of_modulus(group(name)) == "safe"
        assert known_group(group(name) + 2) is None


def test_the_table_of_known_groups() -> None:
    table = catalogue._groups()
    assert len(table) > 400
    assert all(len(digest) == 32 and int(digest, 16) for digest in table)
    assert {entry.name for entry in table.values()} == {*NAMES, ""}


def test_real_moduli_are_safe() -> None:
    """The moduli of this machine's OpenSSH; only a few if the table does not have them."""
    path = Path("/etc/ssh/moduli")
    lines = [line.split() for line in path.read_text().splitlines() if line[:1] != "#"] if path.exists() else []
    for line in [line for line in lines if line[4:5] == ["2047"]][:3]:
        assert kind_of_modulus(int(line[6], 16)) == "safe"


def test_the_test_of_primes_agrees_with_the_table() -> None:
    """Compute the same groups without the table."""
    for name in ("group1", "group14"):
        p = group(name)
        assert primes._passes(p, 2)
        assert all(primes._passes(p >> 1, base) for base in primes._bases(p >> 1))


def test_a_record_keeps_modulus_and_generator() -> None:
    assert (hexadecimal(group("group14")) or "")[:16] == "F" * 16
    assert (hexadecimal(5), hexadecimal(-10)) == ("5", "-A")
    assert hexadecimal(1 << 8191) is not None
    assert hexadecimal(1 << 8192) is None


@pytest.mark.parametrize("bits", [64, 160, 256])
def test_safe_primes_and_others(bits: int) -> None:
    p = safe_prime(bits)
    assert kind_of_modulus(p) == "safe"
    assert kind_of_modulus(p * safe_prime(bits)) == "composite"
    assert kind_of_modulus(p + 1) == "composite"
    other = prime(bits)
    while is_prime(other >> 1):
        other = prime(bits)
    assert kind_of_modulus(other) == "unsafe"


def test_small_numbers_by_hand() -> None:
    found = {n: kind_of_modulus(n) for n in range(1, 3000)}
    safe = [n for n, kind in found.items() if kind == "safe"]
    primes = [n for n in range(5, 3000) if is_prime(n)]
    assert safe == [n for n in primes if n > 5 and is_prime(n >> 1)]  # RFC 4419: q is odd
    assert [n for n, kind in found.items() if kind != "composite"] == primes


def test_a_dsa_prime_is_not_a_safe_prime() -> None:
    q = prime(160)
    k = 1 << 863
    while not is_prime(2 * k * q + 1):
        k += 1
    assert ids(modern(group_exchange=[sent(2 * k * q + 1)])) == {
        "group_exchange.modulus": "high",
        "group_exchange.not_safe_prime": "medium",
    }


def test_findings() -> None:
    p = group("group15")
    assert ids(modern(group_exchange=[sent(p)])) == {"group_exchange.standard_group": "note"}
    assert ids(modern(group_exchange=[sent(p + 2)])) == {"group_exchange.not_safe_prime": "high"}
    assert ids(modern(group_exchange=[sent(p + 1)])) == {"group_exchange.not_safe_prime": "high"}
    for g in (0, 1, p - 1, p):
        assert ids(modern(group_exchange=[sent(p, g)]))["group_exchange.generator"] == "high"
    without = [name for name in modern().kex_algorithms or [] if "group-exchange" not in name]
    assert ids(modern(group_exchange=[sent(p + 2)], kex_algorithms=without)) == {}
    worst = ids(modern(group_exchange=[sent(p), sent(p + 2)]))
    assert worst == {"group_exchange.not_safe_prime": "high", "group_exchange.standard_group": "note"}


LARGE = prime(260)


@pytest.mark.parametrize("order", [3, 1009, 65521, 4 * 16381, 3 * 5 * 7 * 65519])
def test_a_generator_of_small_or_smooth_order(order: int) -> None:
    p = next(n for k in range(1, 9999) if is_prime(n := 2 * k * order * LARGE + 1))
    g = next(g for base in range(2, 99) if (g := pow(base, (p - 1) // order, p)) > 1)
    assert ids(modern(group_exchange=[sent(p, g)]))["group_exchange.generator"] == "high"
    # A generator whose order has the large prime is sound in the same group.
    large = next(base for base in range(2, 99) if not has_smooth_order(base, p))
    assert "group_exchange.generator" not in ids(modern(group_exchange=[sent(p, large)]))


def test_a_group_whose_order_is_smooth_except_for_a_prime_of_64_bits() -> None:
    smooth = math.prod(primes_below(800))
    p = next(n for k in range(1, 9999) if is_prime(n := 2 * k * smooth * (2**64 - 59) + 1))
    assert ids(modern(group_exchange=[sent(p, 5)]))["group_exchange.generator"] == "high"


@pytest.mark.parametrize("text", [None, "", "no hex", "-", "F" * 5000, "\u0661"])
def test_a_malformed_number_counts_as_not_observed(text: str | None) -> None:
    exchange = msgspec.structs.replace(modulus(3072), modulus=text, generator=text)
    assert ids(modern(group_exchange=[exchange])) == {}


def test_a_negative_modulus_is_not_prime() -> None:
    exchange = msgspec.structs.replace(modulus(3072), modulus="-7", generator="2")
    assert "group_exchange.not_safe_prime" in ids(modern(group_exchange=[exchange]))
