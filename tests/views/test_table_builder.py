"""All hosts as tables that refer to each other."""

import msgspec

from sshprobe.cli.options.filters import fleet_facts
from sshprobe.cli.report_writer import report_context
from sshprobe.views.fleet_tables import NONE
from sshprobe.views.summary import SummaryBuilder
from sshprobe.views.table_builder import TablesBuilder
from tests.render.formats.html.pages import PROFILES, fleet, made_hosts, tables


def test_indexes_lead_back_to_the_records() -> None:
    view = tables(fleet())
    found, hosts = view.tables, view.tables.hosts
    assert found.profiles == list(PROFILES)
    by_place = {f"{host.address}:{host.port}": host for host in fleet()}
    assert sorted(hosts.place) == sorted(by_place)
    for at, place in enumerate(hosts.place):
        record, kind = by_place[place], found.kinds[hosts.kind[at]]
        assert [found.labels[label] for label in hosts.labels[at]] == record.labels
        assert [found.keys[key].fingerprint for key in hosts.keys[at]] == [
            key.fingerprint for key in record.host_keys or ()
        ]
        assert (kind.status, kind.error) == (record.status, record.error)
        for verdict, judged in zip(kind.verdicts, record.verdicts, strict=True):
            assert (verdict.profile, verdict.score, verdict.compliant) == (
                judged.profile,
                judged.score,
                judged.compliant,
            )
            assert [found.findings[each] for each in verdict.findings] == judged.findings
            assert sum(verdict.severities) == sum(each.counts for each in judged.findings)
        names = [found.algorithms[found.offers[each].algorithm].name for each in kind.offers.get("kex", [])]
        assert names == list(dict.fromkeys(record.kex_algorithms or ()))
        if record.verdicts:
            for profile, fix in zip(found.profiles, hosts.fixes[at], strict=True):
                assert (record.host, record.port) in view.fixes[fix].hosts
                assert view.fixes[fix].verdict[0] == profile
        else:
            assert hosts.fixes[at] == [NONE, NONE]


def test_similar_hosts_share_a_kind() -> None:
    view = tables(made_hosts(90))
    assert len(view.tables.kinds) == len(fleet())
    assert len(view.tables.keys) == sum(len(found) for found in view.tables.hosts.keys)


def test_hosts_that_differ_do_not() -> None:
    host = fleet()[0]
    other = msgspec.structs.replace(host, host="192.0.2.77", address="192.0.2.77", authentication_banner="Hello")
    view = tables([host, other])
    assert sorted(view.tables.kinds[kind].banner or "" for kind in view.tables.hosts.kind) == ["", "Hello"]


def test_a_shared_key_has_its_findings() -> None:
    host = fleet()[0]
    other = msgspec.structs.replace(host, host="192.0.2.77", address="192.0.2.77", authentication_banner="Hello")
    found = tables([host, other]).tables
    assert host.host_keys
    fingerprint = host.host_keys[0].fingerprint
    assert found.key_findings[fingerprint] == ["host_key.shared"]
    assert found.shared_keys[fingerprint] is True
    assert {found.findings[each].id for across in found.hosts.across for each in across} == {"host_key.shared"}
    assert not any(found.findings[each].observed for across in found.hosts.across for each in across)


def test_a_scan_learns_of_shared_keys_at_its_end() -> None:
    host = fleet()[0]
    other = msgspec.structs.replace(host, host="192.0.2.77", address="192.0.2.77")
    counts, keys = SummaryBuilder(), fleet_facts(())
    builder = TablesBuilder(report_context().describe, lambda record, verdict: None)
    for each in (host, other):
        counts.add(each)
        keys.add(each)
        builder.add(each)
    found = builder.build(counts.build(duration_ms=1.0, fleet=keys.report()), None).tables
    assert [[found.findings[at].id for at in across] for across in found.hosts.across] == [["host_key.shared"]] * 2
    assert found.findings[found.hosts.across[0][0]].severity == "note"
