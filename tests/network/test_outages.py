"""A lost network costs no host its result. Dead hosts and closed routes are not an outage."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

from tests.network.namespaces import ENVIRONMENT, WHOLE, Network, long, two_namespaces

TIMES = ["--connect-timeout", "3", "--timeout", "4", "--host-timeout", "15"]
LOST = "this machine lost its network"
UNDER_WAY = 30
"""The outage begins after this many lines of records."""


@pytest.fixture
def network() -> Iterator[Network]:
    with two_namespaces() as network:
        yield network


async def scan(
    network: Network,
    *words: str,
    disturb: Callable[[], object] | None = None,
    repair: Callable[[], object] | None = None,
    under_way: int = UNDER_WAY,
) -> tuple[Counter[str], list[str]]:
    """Scan in the scanner's namespace, and `disturb` the scan for 3 s. Return statuses and messages."""
    command = network.scanner.command(
        sys.executable, "-W", "error", "-m", "sshprobe", "scan", "--format", "jsonl", *TIMES, *words
    )
    run = await asyncio.create_subprocess_exec(
        *command, env=ENVIRONMENT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    lines: list[bytes] = []
    is_under_way = asyncio.Event()

    async def read(stdout: asyncio.StreamReader) -> None:
        async for line in stdout:
            lines.append(line)
            if len(lines) == under_way:
                is_under_way.set()

    try:
        assert run.stdout is not None
        assert run.stderr is not None
        reading = asyncio.gather(read(run.stdout), run.stderr.read())
        if disturb is not None and repair is not None:
            await is_under_way.wait()
            disturb()
            await asyncio.sleep(3)
            repair()
        _, messages = await reading
        await run.wait()
    finally:
        if run.returncode is None:
            run.kill()
    records = [json.loads(line) for line in lines]
    hosts = [record for record in records if record["type"] == "host"]
    assert len({host["address"] for host in hosts}) == len(hosts)
    return Counter(host["status"] for host in hosts), messages.decode().splitlines()


def all_of(*steps: Callable[[], object]) -> Callable[[], None]:
    def do() -> None:
        for step in steps:
            step()

    return do


OUTAGES: dict[str, tuple[list[tuple[str, str]], list[tuple[str, str]]]] = {
    "the route is gone": (
        [("scanner", "route del default")],
        [("scanner", "route add default via 10.8.0.1")],
    ),
    "the interface is down": (
        [("scanner", "link set va down")],
        [("scanner", "link set va up"), ("scanner", "route add default via 10.8.0.1")],
    ),
    "the cable is out": ([("router", "link set vb down")], [("router", "link set vb up")]),
    "a prohibit route": (
        [("scanner", "route add prohibit 10.9.0.0/24")],
        [("scanner", "route del prohibit 10.9.0.0/24")],
    ),
    "a blackhole": (
        [("scanner", "route add blackhole 10.9.0.0/24")],
        [("scanner", "route del blackhole 10.9.0.0/24")],
    ),
    "the gateway is silent": (
        [("router", "link set vb arp off"), ("scanner", "neigh flush dev va")],
        [("router", "link set vb arp on")],
    ),
}


@long
@pytest.mark.parametrize(("name", "depth"), [(name, depth) for name in OUTAGES for depth in ("lists", "keys")])
async def test_an_outage_of_three_seconds_costs_no_host(network: Network, name: str, depth: str) -> None:
    port = network.serve(0.3)
    disturb, repair = (
        all_of(*[(lambda where=where, words=words: getattr(network, where).ip(words)) for where, words in steps])
        for steps in OUTAGES[name]
    )
    targets = ["10.9.0.0/25", "-p", str(port), "--workers", "2" if name == "the route is gone" else "1"]
    found, messages = await scan(
        network, *targets, "-c", "20", "--rate", "30", "--depth", depth, disturb=disturb, repair=repair
    )
    assert found == {"ok": 126}
    assert [words.partition(":")[0] for words in messages if LOST in words] == [LOST]


async def test_workers_share_their_knowledge_of_an_outage(network: Network) -> None:
    """128 targets are sent at once, so one worker has not reached a host. Most hosts answer after the outage."""
    silent = ["10.9.0.64/26", "10.9.0.128/25"]
    for each in silent:
        network.router.ip(f"route add blackhole {each} table local")
    port = network.serve(0)

    def disturb() -> None:
        time.sleep(1.5)  # the check once a second finds the witness
        network.scanner.ip("route del default")

    def repair() -> None:
        for each in silent:
            network.router.ip(f"route del blackhole {each} table local")
        network.scanner.ip("route add default via 10.8.0.1")

    found, messages = await scan(
        network,
        *["10.9.0.1", *silent, "-p", str(port), "--workers", "2", "-c", "400", "--rate", "0"],
        *["--depth", "lists", "--host-timeout", "30"],
        disturb=disturb,
        repair=repair,
        under_way=2,
    )
    assert found == {"ok": 189}
    assert [words for words in messages if LOST in words] == [f"{LOST}: pausing"]
    assert sum(int(words.split()[4]) for words in messages if words.startswith("the network is back")) <= 188


FIREWALL = "add table inet t; add chain inet t o {{ type filter hook output priority 0; }}; add rule inet t o {}"
REJECTED = "a firewall of this machine rejects it"


@pytest.mark.parametrize(
    ("rule", "depth"),
    [(rule, depth) for rule in ("reject", "reject with icmpx admin-prohibited", "drop") for depth in ("lists", "keys")]
    if WHOLE
    else [("reject", "lists")],
)
async def test_a_local_firewall_of_three_seconds_costs_no_host(network: Network, rule: str, depth: str) -> None:
    network.scanner.nft("list ruleset")
    port = network.serve(0.3)
    found, messages = await scan(
        network,
        *["10.9.0.0/26", "-p", str(port), "--workers", "1", "-c", "20", "--rate", "40", "--depth", depth],
        under_way=20,
        disturb=lambda: network.scanner.nft(FIREWALL.format(f"oif va {rule}")),
        repair=lambda: network.scanner.nft("delete table inet t"),
    )
    assert found == {"ok": 62}
    assert [words.partition(":")[0] for words in messages if LOST in words] == [LOST]


@pytest.mark.parametrize(
    ("rule", "status"),
    [
        ("reject", "unreachable"),
        pytest.param("reject with icmpx admin-prohibited", "unreachable", marks=long),
        pytest.param("tcp dport 1-65535 reject with tcp reset", "refused", marks=long),
        pytest.param("drop", "timeout", marks=long),
    ],
)
async def test_a_network_behind_a_blocking_firewall_is_not_an_outage(network: Network, rule: str, status: str) -> None:
    network.scanner.nft(FIREWALL.format(f"ip daddr 10.9.0.128/25 {rule}"))
    port = network.serve(0.1)
    found, messages = await scan(
        network, "10.9.0.0/24", "-p", str(port), "--workers", "1", "-c", "300", "--rate", "0", "--depth", "lists"
    )
    assert found == {"ok": 127, status: 127}
    assert messages == []


@long
async def test_dead_hosts_on_the_link_are_not_an_outage(network: Network) -> None:
    for last in range(10, 20):
        network.router.ip(f"address add 10.8.0.{last}/24 dev vb")
    port = network.serve(0.1)
    found, messages = await scan(
        network,
        "10.8.0.0/24",
        "-p",
        str(port),
        "-c",
        "300",
        "--rate",
        "0",
        "--depth",
        "lists",
        "--connect-timeout",
        "5",
    )
    assert found["ok"] == 11
    assert found["unreachable"] + found["timeout"] == 242
    assert messages == []


KINDS = ["blackhole", *[pytest.param(kind, marks=long) for kind in ("prohibit", "unreachable")]]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_target_without_a_route_from_the_start_is_unreachable_at_once(network: Network, kind: str) -> None:
    network.scanner.ip(f"route add {kind} 10.9.0.128/25")
    port = network.serve(0.1)
    found, messages = await scan(network, "10.9.0.0/24", "-p", str(port), "-c", "50", "--rate", "0", "--depth", "lists")
    assert found == {"ok": 127, "unreachable": 127}
    assert messages == []
