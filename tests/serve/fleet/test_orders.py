"""Pages of a large fleet: hosts made in memory, enough that the order of all hosts is walked."""

from __future__ import annotations

import random
from functools import cache
from ipaddress import ip_address, ip_network

import pytest

from sshprobe.model.lasting import HostIdentity
from sshprobe.serve.fleet.index import FleetIndex
from sshprobe.serve.fleet.selection import page_of, select_hosts
from sshprobe.store.history.last_sightings import Judged, JudgedVerdict, LastSighting, Seen, SeenKey
from sshprobe.store.history.queries import Scan, StoredSighting

HOSTS = 6000


@cache
def large() -> FleetIndex:
    scan = Scan(1, "aa", "2026-11-20T12:00:00.000Z", 1.0, HOSTS, True)
    draw = random.Random(3)
    judged = {
        score: Judged(verdicts=[JudgedVerdict(profile="p", grade="F", score=score, compliant=False)])
        for score in range(100)
    }
    seen = {
        number: Seen(
            status="ok", host_keys=[SeenKey("ssh-ed25519", f"SHA256:{number // 2 * 2 if number < 10 else number}")]
        )
        for number in range(HOSTS)
    }
    found = []
    for number in range(HOSTS):
        address = str(ip_address("10.0.0.0") + number) if number % 2 else str(ip_address("2001:db8::") + number)
        found.append(
            LastSighting(StoredSighting(HostIdentity("", address, 22), address, number, draw.randrange(100)), scan)
        )
    draw.shuffle(found)
    return FleetIndex(found, seen, judged, [scan])


@pytest.mark.parametrize("sort", ["worst", "best", "host"])
def test_pages_of_many_hosts_are_those_of_one_list(sort: str) -> None:
    index = large()
    chosen = select_hosts(index, {"sort": sort})
    whole = [host.number for host in page_of(index, chosen, limit=HOSTS).hosts]
    assert sorted(whole) == list(range(HOSTS))
    found: list[int] = []
    cursor = None
    while len(found) < HOSTS:
        page = page_of(index, chosen, limit=997, cursor=cursor)
        found += [host.number for host in page.hosts]
        cursor = page.cursor
    assert cursor is None
    assert found == whole
    few = select_hosts(index, {"sort": sort, "network": "10.0.0.0/22"})
    wanted = {index.hosts[number].name for number in whole if few.hosts >> number & 1}
    assert [host.number for host in page_of(index, few, limit=HOSTS).hosts] == [
        number for number in whole if index.hosts[number].name in wanted
    ]


@pytest.mark.parametrize(
    "network", ["10.0.0.0/24", "10.0.1.7/32", "2001:db8::/118", "192.0.2.0/24", "0.0.0.0/0", "::/0"]
)
def test_networks_have_their_hosts(network: str) -> None:
    index = large()
    chosen = select_hosts(index, {"network": network})
    names = {host.name for host in index.hosts if chosen.hosts >> host.number & 1}
    assert names == {host.name for host in index.hosts if ip_address(host.name) in ip_network(network)}


def test_keys_have_their_hosts() -> None:
    index = large()
    assert sorted(index.keys) == [f"SHA256:{number}" for number in (0, 2, 4, 6, 8)]
    assert index.with_key("SHA256:4").bit_count() == 2
    assert index.with_key("SHA256:11").bit_count() == 1
    assert index.with_key("SHA256:5") == 0
