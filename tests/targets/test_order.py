"""The space of all targets: exact, without duplicates, in an order that needs no memory."""

import io
import itertools
import tracemalloc
from collections import Counter
from collections.abc import Sequence
from ipaddress import ip_network

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sshprobe.targets import Exclusions, TargetStream, parse_targets
from sshprobe.targets.stream import Permutation


@given(st.integers(1, 3000), st.integers(0, 2**64))
@example(1, 0)
@example(2, 0)
@example(3, 0)
def test_every_index_comes_once(size: int, seed: int) -> None:
    permutation = Permutation(size, seed)
    assert sorted(permutation[position] for position in range(size)) == list(range(size))


@given(st.integers(1, 2**128 * 65535), st.integers(0, 2**53 - 1), st.data())
def test_large_spaces_too(size: int, seed: int, data: st.DataObject) -> None:
    permutation = Permutation(size, seed)
    positions = data.draw(st.sets(st.integers(0, size - 1), max_size=20))
    indices = {permutation[position] for position in positions}
    assert len(indices) == len(positions)
    assert all(0 <= index < size for index in indices)
    assert indices == {Permutation(size, seed)[position] for position in positions}


@pytest.mark.parametrize("position", [-1, 5])
def test_no_index_outside(position: int) -> None:
    with pytest.raises(IndexError):
        Permutation(5, 1)[position]


def test_another_seed_is_another_order() -> None:
    orders = {tuple(Permutation(1000, seed)[position] for position in range(20)) for seed in range(200)}
    assert len(orders) == 200


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("prefix", "part"), [(16, 24), (8, 16), (8, 24)])
def test_no_subnet_is_hit_at_once(prefix: int, part: int, seed: int) -> None:
    """Of as many connections as subnets, each subnet gets about one, like randomly thrown darts."""
    stream = parse_targets([f"10.0.0.0/{prefix}"], seed=seed)
    subnets = 2 ** (part - prefix)
    window = min(subnets, 2000)
    for start in (0, 30_000):
        hits = Counter(
            ip_network((stream.at(position).host, part), strict=False) for position in range(start, start + window)
        )
        assert max(hits.values()) <= 9  # 10 of 256 darts in one of 256 subnets has a chance below 1 in 30,000
        assert len(hits) > window * 0.55  # 1 - 1/e of the subnets are hit at all


def targets(stream: TargetStream) -> list[tuple[str, int]]:
    return [(target.host, target.port) for target in stream]


def test_the_same_seed_is_the_same_order() -> None:
    words = ["192.0.2.0/24", "a", "b:2222", "[2001:db8::/120]:23"]
    orders = [targets(parse_targets(words, seed=seed, port=(22, 24))) for seed in (7, 7, 8)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2]) == sorted(targets(parse_targets(words, port=(22, 24))))


ADDRESS = st.integers(0, 30)
WORD = st.one_of(
    st.builds("10.0.0.{}".format, ADDRESS),
    st.builds("10.0.0.{}:{}".format, ADDRESS, st.integers(22, 24)),
    st.builds("10.0.0.{}-30".format, ADDRESS),
    st.builds("10.0.0.{}-30:{}".format, ADDRESS, st.integers(22, 24)),
    st.builds("10.0.0-1.{}".format, ADDRESS),
    st.builds("::ffff:10.0.0.{}".format, ADDRESS),
    st.builds("[::ffff:10.0.0.{}/125]:{}".format, ADDRESS, st.integers(22, 24)),
    st.builds("2001:db8::{:x}".format, ADDRESS),
    st.builds("[2001:db8::{:x}/125]:{}".format, ADDRESS, st.integers(22, 24)),
    st.builds("2001:db8::{:x}/126".format, ADDRESS),
    st.sampled_from(["web", "WEB.", "web:22", "web:23", "db:23"]),
)
PORTS = st.sampled_from([[22], [23, 22], [24, 25]])


@given(st.lists(WORD, min_size=1, max_size=12), PORTS, st.one_of(st.none(), st.integers(0, 99)))
def test_every_host_and_port_once(words: list[str], ports: list[int], seed: int | None) -> None:
    stream = parse_targets(words, port=ports, seed=seed)
    each_alone = {target for word in words for target in targets(parse_targets([word], port=ports))}
    all_of_them = targets(stream)
    assert len(all_of_them) == stream.total
    assert sorted(all_of_them) == sorted(each_alone)


@given(st.lists(WORD, min_size=1, max_size=8), st.lists(WORD, max_size=5), PORTS)
def test_the_count_leaves_out_exclusions(words: list[str], excluded: list[str], ports: list[int]) -> None:
    exclusions = Exclusions.parse([word for word in excluded if ":" not in word or ("::" in word and "[" not in word)])
    stream = parse_targets(words, port=ports)
    assert stream.count(exclusions) == sum(not exclusions.covers(target.host) for target in stream)


def test_counts_of_large_spaces() -> None:
    def count(words: Sequence[str], *excluded: str, port: int | Sequence[int] = 22) -> int:
        return parse_targets(words, port=port).count(Exclusions.parse(excluded))

    assert count(["10.0.0.0/8"]) == 2**24 - 2
    assert count(["10.0.0.0/8"], "10.128.0.0/9") == 2**23 - 1
    assert count(["10.0.0.0/8", "10.3.0.0/16", "web", "WEB"], "0.0.0.0/0") == 1
    assert count(["2001:db8::/32"], "2001:db8::/33", port=range(1, 65536)) == 2**95 * 65535
    assert count(["::ffff:0:0/96"], "10.0.0.0/8") == 2**32 - 1 - 2**24
    assert count(["0.0.0.0/0"], "::ffff:10.0.0.0/104") == 2**32 - 2 - 2**24
    assert count(["a", "b:23"], "B.", port=(22, 24)) == 2


def test_several_ports() -> None:
    stream = parse_targets(["192.0.2.0/31", "192.0.2.1:2222", "192.0.2.1:99", "web"], port=[2222, 22, 22])
    assert [(target.text, target.host, target.port) for target in stream] == [
        ("192.0.2.0/31", "192.0.2.0", 2222),
        ("192.0.2.0/31", "192.0.2.0", 22),
        ("192.0.2.0/31", "192.0.2.1", 2222),
        ("192.0.2.0/31", "192.0.2.1", 22),
        ("192.0.2.1:99", "192.0.2.1", 99),
        ("web", "web", 2222),
        ("web", "web", 22),
    ]


@pytest.mark.parametrize(
    ("word", "hosts", "total"),
    [
        ("10.0.1-2.5-6", ["10.0.1.5", "10.0.1.6", "10.0.2.5", "10.0.2.6"], 4),
        ("10.0.1-5.*", ["10.0.1.0", "10.0.1.1"], 5 * 256),
        ("10.0-1.*.7", ["10.0.0.7", "10.0.1.7"], 512),
        ("10.*.*.*", ["10.0.0.0", "10.0.0.1"], 2**24),
        ("*.*.*.*", ["0.0.0.1", "0.0.0.2"], 2**32 - 1),
        ("10.*.*.1", ["10.0.0.1", "10.0.1.1"], 2**16),
        ("192.0.2.*:23", ["192.0.2.0"], 256),
        ("1-2.0-0.0.255", ["1.0.0.255", "2.0.0.255"], 2),
    ],
)
def test_patterns(word: str, hosts: list[str], total: int) -> None:
    stream = parse_targets([word])
    assert stream.total == total
    assert [target.host for target in itertools.islice(stream, len(hosts))] == hosts


def test_a_slash_8_needs_almost_no_memory() -> None:
    parse_targets(["192.0.2.1"], seed=1)
    tracemalloc.start()
    try:
        stream = parse_targets(["10.0.0.0/8", "2001:db8::/32"], seed=7)
        for _ in itertools.islice(stream, 100_000):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100_000


def test_a_long_list_costs_about_its_length() -> None:
    data = "\n".join(f"10.{number % 251}.{number // 251 % 256}.{number % 256}" for number in range(50_000)).encode()
    tracemalloc.start()
    try:
        stream = parse_targets(["-"], stdin=io.BytesIO(data), seed=7)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert stream.total == len(set(data.split()))
    assert held < 2 * len(data)
