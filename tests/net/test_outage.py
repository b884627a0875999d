"""The network counts as lost only by the paths to hosts that answered before."""

from __future__ import annotations

import socket

import pytest

from sshprobe.net import Address
from sshprobe.net.clock import Clock
from sshprobe.net.outage import MAX_WITNESSES, SETTLE_SECONDS, SOUGHT_SECONDS, OutageMonitor, SharedWitnesses
from sshprobe.net.routes import NO_PATH, GatewayState, Path, path_to


def address(ip: str) -> Address:
    return Address(ip, socket.AF_INET)


FAR, NEAR, VPN = address("198.51.100.1"), address("192.0.2.9"), address("203.0.113.1")
BY_GATEWAY = Path(2, "192.0.2.1", works=True, gateway_state="reached")
ON_LINK = Path(2, "", works=True)
BY_VPN = Path(5, "", works=True)


class World:
    """Paths as a kernel would report them, and a clock."""

    def __init__(self) -> None:
        self.now = 100.0
        self.last_made: Address | None = None
        self.paths: dict[Address, Path] = {FAR: BY_GATEWAY, NEAR: ON_LINK, VPN: BY_VPN}
        self.read = 0
        self.sought: list[Address] = []
        self.rejected = 0
        self.unsent = 0
        self.blocked: set[Address] = set()
        self.clock = Clock(lambda: self.now)
        self.time = self.clock.time
        self.monitor = OutageMonitor(self, self.path, self.seek, lambda: self.unsent)

    def seek(self, address: Address) -> bool:
        self.sought.append(address)
        return address in self.blocked

    def path(self, address: Address) -> Path:
        self.read += 1
        return self.paths.get(address, ON_LINK)

    def answers(self, *addresses: Address) -> None:
        for each in addresses:
            self.last_made = each
            self.after(1)
            assert not self.monitor.check()

    def after(self, seconds: float) -> None:
        self.now += seconds

    def disturbed(self) -> bool:
        """Whether a job would be that begins now, and fails at once."""
        return self.monitor.disturbed(self.monitor.checks)

    def gateway(self, state: GatewayState) -> None:
        self.paths[FAR] = BY_GATEWAY._replace(gateway_state=state)


@pytest.fixture
def world() -> World:
    return World()


def test_a_target_without_a_route_from_the_start_is_not_an_outage(world: World) -> None:
    assert not world.disturbed()
    world.answers(NEAR)
    assert not world.disturbed()


def test_a_lost_route_is_an_outage_until_it_is_back(world: World) -> None:
    world.answers(FAR)
    started = world.monitor.checks
    world.after(2)
    world.paths[FAR] = NO_PATH
    assert world.disturbed()
    assert world.monitor.is_lost
    world.after(3)
    world.paths[FAR] = BY_GATEWAY
    assert not world.monitor.check()
    assert world.monitor.disturbed(started), "it overlaps the outage"
    assert not world.disturbed()


def test_a_link_without_a_carrier_is_an_outage(world: World) -> None:
    world.answers(NEAR)
    world.paths[NEAR] = ON_LINK._replace(works=False)
    world.after(1)
    assert world.monitor.check()


def test_dead_neighbours_are_not_an_outage(world: World) -> None:
    """240 of them on a link where one host answers."""
    world.answers(NEAR)
    for _ in range(240):
        world.after(3)
        assert not world.disturbed()


def test_a_dead_gateway_is_an_outage_for_hosts_behind_it(world: World) -> None:
    world.answers(NEAR)
    world.gateway("failed")
    world.after(1)
    assert not world.monitor.check(), "nobody has answered behind it"
    world.gateway("reached")
    world.answers(FAR)
    world.gateway("failed")
    world.after(1)
    assert world.monitor.check()
    assert world.sought == [FAR]
    world.gateway("sought")
    world.after(0.2)
    assert world.monitor.check(), "it is looked for again"
    world.gateway("reached")
    world.after(0.2)
    assert not world.monitor.check()


def test_a_gateway_has_a_second_to_answer(world: World) -> None:
    world.answers(FAR)
    world.gateway("sought")
    assert not world.monitor.check()
    assert world.disturbed(), "nobody knows yet"
    world.after(SOUGHT_SECONDS / 2)
    assert not world.monitor.check()
    world.gateway("reached")
    assert not world.monitor.check()
    world.gateway("sought")
    world.after(10)
    assert not world.monitor.check()
    world.after(SOUGHT_SECONDS)
    assert world.monitor.check()


def test_a_blocking_local_firewall_is_an_outage(world: World) -> None:
    world.answers(FAR)
    started = world.monitor.checks
    world.blocked.add(FAR)
    world.after(1)
    assert not world.monitor.check()
    assert world.sought == [], "nothing is sent before it stopped something"
    world.rejected += 1
    assert world.disturbed()
    assert world.monitor.is_lost
    world.blocked.clear()
    world.after(0.5)
    assert world.monitor.check(), "one datagram a second"
    assert world.sought == [FAR]
    world.after(0.5)
    assert not world.monitor.check()
    assert world.sought == [FAR, FAR]
    assert world.monitor.disturbed(started)
    world.after(10)
    assert not world.monitor.check()
    assert world.sought == [FAR, FAR]


def test_a_dropping_local_firewall_shows_in_unsent_segments(world: World) -> None:
    world.answers(FAR)
    world.blocked.add(FAR)
    world.unsent += 1
    world.after(1)
    assert world.monitor.check()


def test_a_local_firewall_for_one_network_is_not_an_outage(world: World) -> None:
    world.answers(FAR)
    for _ in range(15):
        world.rejected += 1
        world.unsent += 1
        assert not world.disturbed()
        world.after(0.1)
        assert not world.disturbed()
    assert world.sought == [FAR, FAR], "one datagram a second"


def test_no_datagram_is_sent_to_a_witness_without_a_gateway(world: World) -> None:
    world.answers(NEAR, VPN)
    world.rejected += 1
    world.after(1)
    assert not world.disturbed()
    assert world.sought == []


def test_a_local_firewall_for_datagrams_pauses_once(world: World) -> None:
    world.answers(FAR)
    world.blocked.add(FAR)
    world.rejected += 1
    assert world.disturbed()
    world.monitor.give_up()
    world.after(2)
    world.rejected += 1
    assert not world.disturbed()


def test_processes_of_a_scan_share_one_witness_for_each_path(world: World) -> None:
    """The second one has no connection yet when the network is lost."""
    other = World()
    sent: list[Address] = []
    shared, others = SharedWitnesses(sent.append), SharedWitnesses(lambda address: None)
    monitor = OutageMonitor(world, world.path, world.seek, lambda: 0, shared)
    monitor_of_other = OutageMonitor(other, other.path, other.seek, lambda: 0, others)
    world.last_made = FAR
    monitor.check()
    world.paths[address("198.51.100.2")] = BY_GATEWAY
    world.last_made = address("198.51.100.2")
    monitor.check()
    assert sent == [FAR]
    others.received += sent
    other.paths[FAR] = NO_PATH
    assert monitor_of_other.check()
    other.paths[FAR] = BY_GATEWAY
    assert not monitor_of_other.check()


def test_a_lost_vpn_is_an_outage_although_the_rest_works(world: World) -> None:
    world.answers(VPN, FAR, NEAR)
    world.paths[VPN] = NO_PATH
    world.after(1)
    assert world.monitor.check()


@pytest.mark.parametrize("back", [True, False])
def test_a_changed_path_is_an_outage_for_a_while(world: World, back: bool) -> None:
    """A VPN reconnects within a few seconds; another network instead is accepted."""
    world.answers(VPN, FAR)
    started = world.monitor.checks
    world.paths[VPN] = BY_GATEWAY
    world.after(1)
    assert world.monitor.check()
    if back:
        world.after(3)
        world.paths[VPN] = BY_VPN
    else:
        world.after(SETTLE_SECONDS)
    assert not world.monitor.check()
    assert world.monitor.disturbed(started)


def test_an_unreadable_path_is_not_an_outage(world: World) -> None:
    """Without a descriptor the kernel cannot be queried."""
    world.answers(FAR)
    world.paths[FAR] = Path(0, "", works=True)
    world.after(2)
    assert not world.monitor.check()
    world.paths[FAR] = NO_PATH
    world.after(2)
    assert world.monitor.check(), "the witness is still known"


def test_a_host_that_answered_before_the_first_check_is_a_witness(world: World) -> None:
    """A scan of less than a second has no known path, so the path cannot have changed."""
    world.last_made = FAR
    world.paths[FAR] = NO_PATH
    assert world.disturbed()
    world.after(1)
    world.paths[FAR] = BY_GATEWAY
    assert not world.monitor.check()
    assert not world.disturbed()


def test_an_unwatched_gateway_is_ignored(world: World) -> None:
    world.answers(FAR)
    world.gateway("sought")
    world.monitor.check()
    world.paths[FAR] = BY_VPN
    world.after(1)
    assert world.monitor.check()
    world.after(SETTLE_SECONDS)
    assert not world.monitor.check()
    assert not world.disturbed()


def test_a_network_that_stays_lost_ends_the_pause(world: World) -> None:
    world.answers(NEAR, FAR)
    world.paths[FAR] = NO_PATH
    world.after(1)
    assert world.monitor.check()
    world.monitor.give_up()
    assert not world.disturbed()
    world.paths[NEAR] = NO_PATH
    world.after(1)
    assert world.monitor.check(), "the other witness still counts"


def test_failures_are_checked_at_limited_intervals(world: World) -> None:
    world.answers(FAR)
    started = world.monitor.checks - 1
    read = world.read
    for _ in range(100):
        world.monitor.disturbed(started)
    assert world.read == read
    world.after(0.01)
    world.paths[FAR] = NO_PATH
    assert world.disturbed(), "it began after the last check"


def test_a_stop_of_this_process_disturbs_those_that_overlap_it(world: World) -> None:
    world.answers(FAR)
    started = world.monitor.checks
    world.after(1)
    world.clock.stopped_at = world.now
    assert world.monitor.disturbed(started)
    assert not world.monitor.is_lost
    assert not world.disturbed()


def test_only_the_latest_few_witnesses_are_kept(world: World) -> None:
    made = [address(f"198.51.100.{last}") for last in range(2 * MAX_WITNESSES)]
    for number, each in enumerate(made):
        world.paths[each] = Path(number, "", works=True)
    world.answers(*made)
    world.paths[made[0]] = NO_PATH
    assert not world.monitor.check()
    world.paths[made[-1]] = NO_PATH
    assert world.monitor.check()


@pytest.mark.parametrize(("ip", "family"), [("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6)])
def test_this_machine_has_a_path_to_itself(ip: str, family: int) -> None:
    path = path_to(Address(ip, family))
    assert (path.gateway, path.works, path.gateway_state) == ("", True, "unknown")
    assert path.interface == socket.if_nametoindex("lo")


def test_a_udp_socket_replaces_netlink(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "AF_NETLINK")
    assert path_to(address("127.0.0.1")).works
    assert path_to(Address("fe80::1%none-such", socket.AF_INET6)).works, "what cannot be found out works"
