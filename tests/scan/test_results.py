"""A result has the line of a host in pieces, and its record is made from them."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec
import pytest

from sshprobe.model.records import HostRecord
from sshprobe.net import Address
from sshprobe.probe.fast_lists import Host
from sshprobe.profiles import load_profile
from sshprobe.scan.results import HostBatch, HostResult, ResultEncoder
from sshprobe.scan.verdict_cache import VerdictCache
from tests.grading.observations import captured, modern

CAPTURES = sorted((Path(__file__).parents[1] / "captures").glob("*.json"))
HOSTS = [Host("192.0.2.0/24", f"192.0.2.{n}", Address(f"192.0.2.{n}", socket.AF_INET), 22 + n) for n in (1, 2)]


def encoder() -> ResultEncoder:
    return ResultEncoder(VerdictCache([load_profile("mozilla-modern"), load_profile("alibaba-ecs")], strict=False))


@pytest.mark.parametrize("capture", CAPTURES, ids=[path.stem for path in CAPTURES])
def test_a_template_gives_the_lines_of_its_hosts(capture: Path) -> None:
    """Only host, times and random comments differ from the line of the first host."""
    observation, ours = captured(capture), encoder()
    template = ours.template(observation)
    for host, started_at, duration_ms in zip(HOSTS, (0.0, 1764537600.5), (7.5, 0.1), strict=True):
        result = template.result(host, None, started_at, duration_ms)
        record = msgspec.json.decode(result.line(), type=HostRecord)
        assert result.line() == msgspec.json.encode(record) + b"\n"
        assert result.record == record
        seen = msgspec.structs.replace(
            observation,
            target=host.target,
            host=host.host,
            address=host.address.ip,
            port=host.port,
            started_at=record.started_at,
            duration_ms=duration_ms,
        )
        assert record == ours.result(seen).record
        assert result.stats is template.result(HOSTS[0], None, 0.0, 0.0).stats


def test_equal_pieces_are_the_same_objects() -> None:
    ours = encoder()
    one, other = ours.result(modern(host="192.0.2.1")), ours.result(modern(host="192.0.2.2"))
    assert one.chunks[0] != other.chunks[0]
    assert one.chunks[1] is other.chunks[1]
    assert one.stats is other.stats
    assert one.key == other.key
    bad = ours.result(modern(mac_algorithms_client_to_server=["hmac-md5"]))
    assert bad.key != one.key
    first, second = (ours.template(modern()).result(host, None, 0.0, 0.0) for host in HOSTS)
    assert first.chunks[2] is second.chunks[2] is one.chunks[1], "verdicts"


def test_a_record_of_a_file_is_encoded_only_when_written() -> None:
    record = encoder().result(modern()).record
    result = HostResult.of_record(record)
    assert result._chunks == ()
    assert result.line() == record.to_json().encode() + b"\n"
    assert result.record is record


def test_hosts_with_equal_stats_are_one_group() -> None:
    ours = encoder()
    hosts = [modern(host="a"), modern(host="b", status="partial"), modern(host="c")]
    groups = HostBatch([ours.result(each) for each in hosts]).groups
    assert [[result.record.host for result in group] for group in groups] == [["a", "c"], ["b"]]
