"""The view of a fleet: worst first, one row for each host, whatever order the hosts came in."""

import msgspec

from sshprobe.model.records import HostRecord
from sshprobe.views.fleet import SHOWN, FleetBuilder, FleetView
from sshprobe.views.host_stats import Subject, record_stats
from sshprobe.views.summary import SummaryBuilder
from tests.sample_records import CLEAN, WANTING, debian12, failed, judged


def view(*records: HostRecord) -> FleetView:
    fleet = FleetBuilder()
    for record in records:
        fleet.add(record)
    return fleet.build(SummaryBuilder().build(duration_ms=0))


def at(address: str, record: HostRecord) -> HostRecord:
    return msgspec.structs.replace(record, host=address, target=address)


def test_hosts_are_in_order_whatever_order_they_came_in() -> None:
    good, bad = judged(debian12(), CLEAN), judged(debian12(), WANTING)
    hosts = [at("192.0.2.10", bad), at("192.0.2.9", bad), at("192.0.2.1", good), failed("timeout", None, "192.0.2.2")]
    for order in (hosts, hosts[::-1]):
        assert [row.host for row in view(*order).rows] == ["192.0.2.9", "192.0.2.10", "192.0.2.1", "192.0.2.2"]


def test_rows_of_one_place_are_in_order_too() -> None:
    seen = judged(debian12(), WANTING)
    open_, named = (
        msgspec.structs.replace(seen, verdicts=[msgspec.structs.replace(seen.verdicts[0], grade_is_partial=True)]),
        msgspec.structs.replace(seen, target="a"),
    )
    hosts = [msgspec.structs.replace(seen, status="partial"), open_, seen, named]
    orders = [view(*order).rows for order in (hosts, hosts[::-1], hosts[2:] + hosts[:2])]
    assert orders[0] == orders[1] == orders[2]
    assert [(row.target, row.stats.status) for row in orders[0]][-1] == (seen.target, "partial")


def test_hosts_that_are_alike_share_their_stats_and_need_no_record() -> None:
    bad = judged(debian12(), WANTING)
    one, two = FleetBuilder(), FleetBuilder()
    one.add_alike(record_stats(bad), [at(f"192.0.2.{number}", bad) for number in range(250)])
    for number in reversed(range(250)):
        two.add(at(f"192.0.2.{number}", bad))
    summary = SummaryBuilder().build(duration_ms=0)
    assert one.build(summary) == two.build(summary)
    assert len(one.build(summary).rows) == SHOWN
    assert one.build(summary).hidden == 250 - SHOWN
    assert len({id(row.stats) for row in one.build(summary).rows}) == 1


def test_common_findings_are_ids() -> None:
    common = dict(view(judged(debian12(), WANTING), judged(debian12(), WANTING)).common)
    assert common[Subject("", "hmac-sha1")] == 2
