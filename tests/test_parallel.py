"""Records from several processes are the records of one."""

from __future__ import annotations

import socket

import msgspec

from sshprobe.kinds import Alike, template
from sshprobe.lru_cache import MAX_ENTRIES
from sshprobe.model.observation import Observation
from sshprobe.net import Address
from sshprobe.parallel import AlikeResult, FirstResult, ScanRunner, Unpacker, WholeResult, claim, hosts_of, scan_pool
from sshprobe.probe.lists import Host
from sshprobe.profiles import load_profile
from sshprobe.scan.settings import ScanSettings
from sshprobe.targets import Target, parse_targets
from sshprobe.views.host_stats import record_stats
from tests.grading.observations import modern

FIELDS = Observation.__struct_fields__
TARGET = Target("192.0.2.0/24", "192.0.2.7", 22)


def settings() -> ScanSettings:
    return ScanSettings(profiles=(load_profile("mozilla-modern"),), concurrency=50, depth="lists")


def test_every_host_once_with_a_line_that_is_its_record() -> None:
    pool = scan_pool(settings(), workers=2, trouble=lambda words: None)
    targets = parse_targets(["127.0.0.0/24:9", "localhost:9"])
    seen = [(host.record(), host.line()) for hosts in hosts_of(pool.batches(iter(targets), claim)) for host in hosts]
    assert sorted(record.host for record, _ in seen) == sorted(
        ["localhost", *[f"127.0.0.{last}" for last in range(1, 255)]]
    )
    for record, line in seen:
        assert line == msgspec.json.encode(record) + b"\n"
        assert record.status == "refused"


def test_one_host_has_one_claim() -> None:
    ports = [Target("t", host, port) for host in ("Gate.example.org", "gate.EXAMPLE.org") for port in range(1, 100)]
    assert len({claim(target) for target in ports}) == 1
    assert len({claim(Target("t", f"192.0.2.{last}", 22)) for last in range(100)}) == 100


def kinds_of_hosts(number: int) -> list[Observation]:
    return [modern(depth="lists", error=f"kind {kind}", authentication_user=f"user{kind}") for kind in range(number)]


def test_what_a_worker_sent_is_not_taken_for_that_of_the_next() -> None:
    """One that died is replaced, and the system may give its process number again: here both run in one process."""
    unpacker = Unpacker()
    good, bad = modern(depth="lists"), modern(depth="lists", mac_algorithms_client_to_server=["hmac-md5"])
    grades = []
    for observation in (good, bad):
        record = unpacker.unpacked(TARGET, ScanRunner(settings())._packed(observation)).record()
        grades.append(record.verdicts[0].compliant)
    assert grades == [True, False]


def test_verdicts_are_sent_once_while_both_sides_remember() -> None:
    runner, unpacker = ScanRunner(settings()), Unpacker()
    kinds = kinds_of_hosts(MAX_ENTRIES + 100)
    order = [kinds[0], kinds[0], *kinds, kinds[0], kinds[-1], kinds[0]]
    results = [runner._packed(observation) for observation in order]
    sent = [result.verdicts[2] is not None for result in results if isinstance(result, WholeResult)]
    assert sent[:2] == [True, False]
    assert sent[-3:] == [True, False, False]  # forgotten meanwhile, remembered, remembered
    records = [unpacker.unpacked(TARGET, result).record() for result in results]
    assert [record.authentication_user for record in records] == [each.authentication_user for each in order]
    assert all(record.verdicts[0].profile == "mozilla-modern" for record in records)


def test_a_template_is_sent_once_while_both_sides_remember() -> None:
    runner, unpacker = ScanRunner(settings()), Unpacker()
    judge = runner._scanner._judge
    templates = [template(kind, judge.judged(kind)) for kind in kinds_of_hosts(MAX_ENTRIES + 100)]
    first, last = templates[0], templates[-1]
    order = [each for each in templates for _ in range(3)] + [first, last, first, first]
    host = Host(TARGET.text, TARGET.host, Address(TARGET.host, socket.AF_INET), TARGET.port)
    alike = [Alike(host, each, None, 1e9 + number, 7.5) for number, each in enumerate(order)]
    results = [runner._packed(each) for each in alike]
    sent = [result.template[2] is not None if isinstance(result, AlikeResult) else None for result in results]
    once = [None, True, False]  # the first of a kind is its line, the second brings the template
    assert sent[:-4] == once * len(templates)
    assert sent[-4:] == [None, False, True, False]  # forgotten meanwhile, remembered
    unpacked = [unpacker.unpacked(TARGET, result) for result in results]
    assert [each.line() for each in unpacked] == [each.line() for each in alike]
    assert [each.record() for each in unpacked] == [each.record() for each in alike]


def test_what_is_counted_comes_beside_the_line_and_agrees_with_the_record() -> None:
    """This process decodes no record to count it, and what it counts is what one process would."""
    runner, unpacker = ScanRunner(settings()), Unpacker()
    host = Host(TARGET.text, TARGET.host, Address(TARGET.host, socket.AF_INET), TARGET.port)
    for observation in (modern(), modern(mac_algorithms_client_to_server=["hmac-md5"]), modern(host_keys=None)):
        made = template(observation, runner._scanner._judge.judged(observation))
        for result in (observation, Alike(host, made, None, 1e9, 7.5)):
            here = runner._scanner._judged(result)
            ways = []
            for again in range(3):
                packed = runner._packed(result)
                ways.append(type(packed))
                there = unpacker.unpacked(TARGET, packed)
                assert there.counted == here.counted == record_stats(here.record())
                assert there.line() == here.line()
                assert again == 2 or (there.template._example if isinstance(there, Alike) else there._record) is None
                seen = there.observation()
                assert all(getattr(seen, field) == getattr(there.record(), field) for field in FIELDS)
                assert there.record() == here.record()
                assert (there.host.host, there.host.port) == (TARGET.host, TARGET.port)
            alike = isinstance(result, Alike)
            assert ways == ([FirstResult, AlikeResult, AlikeResult] if alike else [WholeResult] * 3)
