"""Records from several processes are the records of one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sshprobe.judging import KEPT
from sshprobe.parallel import ScanRunner, records_of, route, scan_pool
from sshprobe.profiles import load_profile
from sshprobe.targets import Target, parse_targets
from tests.grading.observations import modern


def settings(**changed: Any) -> dict[str, Any]:
    return {"profiles": [load_profile("mozilla-modern")], "concurrency": 50, "depth": "lists", **changed}


def test_every_host_once_with_a_line_that_is_its_record() -> None:
    pool = scan_pool(settings(), workers=2, trouble=lambda words: None)
    targets = parse_targets(["127.0.0.0/24:9", "localhost:9"])
    seen = list(records_of(pool.run(iter(targets), route)))
    assert sorted(record.host for record, _ in seen) == sorted(
        ["localhost", *[f"127.0.0.{last}" for last in range(1, 255)]]
    )
    for record, line in seen:
        assert json.loads(line)["host"] == record.host
        assert record.status == "refused"


def test_one_host_always_goes_to_one_worker() -> None:
    ports = [Target("t", "192.0.2.1", port) for port in range(1, 100)]
    assert len({route(target) for target in ports}) == 1
    assert len({route(Target("t", f"192.0.2.{last}", 22)) % 2 for last in range(100)}) == 2


def test_verdicts_are_sent_once_while_both_sides_remember() -> None:
    runner = ScanRunner(settings())
    kinds = [modern(authentication_user=f"user{number}") for number in range(KEPT + 100)]
    order = [kinds[0], kinds[0], *kinds, kinds[0], kinds[-1], kinds[0]]

    def results() -> Iterator[Any]:
        for observation in order:
            yield [runner._parts(observation)]

    sent = [part[0][1][2] is not None for part in results()]
    assert sent[:2] == [True, False]
    assert sent[-3:] == [True, False, False]  # forgotten meanwhile, remembered, remembered
    runner = ScanRunner(settings())
    records = [record for record, _ in records_of(results())]
    assert [record.authentication_user for record in records] == [each.authentication_user for each in order]
    assert all(record.verdicts[0].profile == "mozilla-modern" for record in records)
