"""Grading a hostile host costs bounded work, counted in powers, names and bytes."""

from __future__ import annotations

import random
from collections.abc import Iterator

import msgspec
import pytest

from sshprobe.cli.exit_codes import reached
from sshprobe.grading import is_gradeable
from sshprobe.grading.checks import group_exchange
from sshprobe.grading.checks.group_exchange import judge_groups
from sshprobe.grading.keys import primes
from sshprobe.grading.keys.blobs import RSAKey
from sshprobe.grading.keys.primes import BUDGET, primes_below, smooth_part
from sshprobe.grading.keys.weaknesses import LARGEST_BITS, has_small_private_exponent
from sshprobe.grading.offers import LONGEST_LIST, MOST_UNKNOWN, shorten_lists
from sshprobe.model.observation import GroupExchange, Observation
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.wire.kex.dh import group
from tests.grading.observations import modern, modulus

PROFILE = load_profile("sshprobe-2026")
_RANDOM = random.Random(13)


def composite(bits: int) -> int:
    """Return a composite number that passes all cheap tests."""
    while True:
        n = _RANDOM.getrandbits(bits) | 1 | 1 << (bits - 1)
        if not primes._has_small_factor(n) and not primes._has_small_factor(n >> 1):
            return n


def sent(p: int, g: int = 2) -> GroupExchange:
    return msgspec.structs.replace(modulus(p.bit_length()), modulus=f"{p:X}", generator=f"{g:X}")


@pytest.fixture
def powers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """Count the bits of each computed power; the results are those of a composite number."""
    computed: list[int] = []

    def power(base: int, exponent: int, n: int) -> int:
        computed.append(n.bit_length() if exponent.bit_length() > 64 else 0)
        return 4

    monkeypatch.setattr(primes, "power_modulo", lambda: power)
    monkeypatch.setattr(group_exchange, "kind_of_modulus", primes.kind_of_modulus.__wrapped__)
    group_exchange._judge_numbers.cache_clear()
    yield computed
    group_exchange._judge_numbers.cache_clear()


def cost(powers: list[int]) -> int:
    return sum(bits**3 >> 30 for bits in powers)


@pytest.mark.parametrize("bits", [2048, 4096, 8192])
def test_300_composite_groups(bits: int, powers: list[int]) -> None:
    groups = [sent(composite(bits)) for _ in range(100)] * 3
    judged = judge_groups(groups)
    assert (None in judged) is (bits > 2048)  # a hundred of 2048 bits are within the bounds
    # `group_exchange` computes each twice here, as the cache between is taken away.
    assert 0 < cost(powers) <= 2 * BUDGET
    assert next(each for each in judged if each)[0].id == "group_exchange.not_safe_prime"


def test_a_repeated_group_is_tested_once() -> None:
    p = composite(1024)
    group_exchange._judge_numbers.cache_clear()
    primes.kind_of_modulus.cache_clear()
    judge_groups([sent(p) for _ in range(300)])
    judge_groups([sent(p), *(sent(composite(1024)) for _ in range(5))] * 40)
    assert primes.kind_of_modulus.cache_info().misses == 6


def test_small_factors_are_found_in_every_group(powers: list[int]) -> None:
    groups = [sent(composite(8192) * 3 >> 2 | 1) for _ in range(3)] + [sent(3 * composite(8190)) for _ in range(50)]
    assert all(each and each[0].severity == "high" for each in judge_groups(groups)[3:])


def test_known_groups_cost_nothing(powers: list[int]) -> None:
    judge_groups([sent(group(f"group{number}")) for number in (1, 14, 15, 16, 17, 18)] * 20)
    assert cost(powers) == 0


def test_a_few_honest_groups_are_all_tested(powers: list[int]) -> None:
    assert None not in judge_groups([sent(composite(bits)) for bits in (2048, 3072, 4096, 6144)])
    assert None not in judge_groups([sent(composite(2048)) for _ in range(40)])


def test_a_group_that_was_not_tested_makes_the_letter_partial() -> None:
    observation = modern(group_exchange=[sent(composite(8192) * 2 + 1) for _ in range(2)] * 2)
    assert not grade(modern(), PROFILE).grade_is_partial
    assert grade(modern(group_exchange=[sent(composite(8192)) for _ in range(3)]), PROFILE).grade_is_partial
    assert grade(observation, PROFILE) == grade(observation, PROFILE)


@pytest.mark.parametrize("p", [(1 << 8000) * 9 + 1, 3**5000 + 1, 2**16 * 65521**3 + 1, 2 * 65537 * 3 + 1])
def test_the_smooth_part(p: int) -> None:
    rest = p - 1
    for prime in primes_below(1 << 16):
        while rest % prime == 0:
            rest //= prime
    assert smooth_part(p - 1) == (p - 1) // rest


def test_the_method_of_wiener_is_not_tried_on_a_key_that_no_software_makes() -> None:
    class Counted(int):
        divided = 0

        def __mod__(self, other: int) -> int:
            Counted.divided += 1
            return int(self) % other

    n = _RANDOM.getrandbits(LARGEST_BITS + 64) | 1 | 1 << (LARGEST_BITS + 63)
    assert not has_small_private_exponent(RSAKey(Counted(n - 2), n))
    assert Counted.divided == 0


# -- names ------------------------------------------------------------------------------------------------------------

KEX = "kex_algorithms"
MAC = "mac_algorithms_server_to_client"


def names(number: int) -> list[str]:
    return [f"made-up-{each}@example.org" for each in range(number)]


def record_of(observation: Observation) -> HostRecord:
    fields = {field: getattr(observation, field) for field in observation.__struct_fields__}
    return HostRecord(**fields, verdicts=[grade(observation, PROFILE)])


@pytest.mark.parametrize("number", [11_000, 100_000])
def test_tens_of_thousands_of_names(number: int) -> None:
    honest = modern()
    hostile = modern(**{field: [*(getattr(honest, field) or ()), *names(number)] for field in (KEX, MAC)})
    assert is_gradeable(hostile)
    verdict = grade(hostile, PROFILE)
    assert len(verdict.findings) <= 2 * MOST_UNKNOWN + len(grade(honest, PROFILE).findings)
    assert len(msgspec.json.encode(verdict)) < 200_000
    assert (verdict.score, verdict.grade, verdict.compliant) == (0, "F", False)
    assert f"{2 * (number - MOST_UNKNOWN):,} unknown names left out" in verdict.cap_reasons
    assert verdict.grade_is_partial
    assert reached("critical", record_of(hostile))
    helped = remedy(hostile, PROFILE)
    assert sum(map(len, helped.lines)) < 100_000
    assert helped.score == 0  # the rest is unknown


def test_weak_names_after_thousands_of_others_are_found() -> None:
    verdict = grade(modern(**{KEX: [*names(5000), "diffie-hellman-group1-sha1"]}), PROFILE)
    assert "diffie-hellman-group1-sha1" in {each.algorithm for each in verdict.findings}


def test_real_servers_are_within_the_bounds() -> None:
    long = modern(**{KEX: [*(modern().kex_algorithms or ()), *names(LONGEST_LIST - 40)]})
    assert shorten_lists(long) is long
    assert sum(each.id == "kex.unlisted" for each in grade(long, PROFILE).findings) >= LONGEST_LIST - 40


def test_ten_thousand_mechanisms_of_one_exchange_are_one_finding() -> None:
    mechanisms = [f"gss-group1-sha1-{number:024}" for number in range(10_000)]
    verdict = grade(modern(**{KEX: [*(modern().kex_algorithms or ()), *mechanisms]}), PROFILE)
    found = [each for each in verdict.findings if (each.algorithm or "").startswith("gss-")]
    assert len(found) == 1
    assert len(found[0].observed) < 2000
    assert not any("left out" in reason for reason in verdict.cap_reasons)
