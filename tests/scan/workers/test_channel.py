"""Workers send the same lines, stats and records as one process has, and each shared piece once."""

from __future__ import annotations

import itertools
import random
import socket
from typing import Any

import msgspec
import pytest

from sshprobe.lru_cache import MAX_ENTRIES
from sshprobe.model.observation import Identification, Observation
from sshprobe.model.records import HostRecord
from sshprobe.net import Address
from sshprobe.probe.fast_lists import Host
from sshprobe.profiles import load_profile
from sshprobe.scan.results import HostResult, ResultEncoder
from sshprobe.scan.settings import ScanSettings
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.scan.workers import channel
from sshprobe.scan.workers.channel import ChannelError, ChannelReader, ResultReader, Results, ResultWriter
from sshprobe.scan.workers.pool import exclusive_key
from sshprobe.scan.workers.runner import scan_pool
from sshprobe.targets import Target, parse_targets
from sshprobe.views.host_stats import record_stats
from tests.grading.observations import modern

PROFILES = (load_profile("mozilla-modern"),)
FIELDS = Observation.__struct_fields__
TARGET = Target("192.0.2.0/24", "192.0.2.7", 22)
HOST = Host(TARGET.text, TARGET.host, Address(TARGET.host, socket.AF_INET), TARGET.port)


def encoder() -> ResultEncoder:
    return ResultEncoder(VerdictCache(PROFILES, strict=False))


def kind(number: int) -> Observation:
    return modern(depth="lists", error=f"kind {number}", authentication_user=f"user{number}")


def from_templates(observations: list[Observation], order: list[int]) -> list[HostResult]:
    """Return results of hosts with these observations, in this order."""
    ours = encoder()
    templates = [ours.template(each) for each in observations]
    return [templates[index].result(HOST, None, 1e9 + number, 7.5) for number, index in enumerate(order)]


class Link:
    """A worker's writer and its reader in the parent."""

    def __init__(self) -> None:
        self.writer, self.results = ResultWriter(), ResultReader()
        self._messages: ChannelReader[Any] = ChannelReader(channel.ToParent)
        self._numbers = itertools.count()

    def sent(self, *results: HostResult) -> tuple[Results, list[HostResult]]:
        """Return the message of results that are sent together, and the parent's results."""
        targets = {next(self._numbers): TARGET for _ in results}
        for number, result in zip(targets, results, strict=True):
            self.writer.add(number, [result])
        (message,) = self._messages.feed(self.writer.take())
        unpacked = self.results.unpack(message, targets)
        assert [number for number, _ in unpacked] == list(targets)
        return message, [result for _, found in unpacked for result in found]


def test_every_host_has_one_line_that_is_its_record() -> None:
    settings = ScanSettings(profiles=PROFILES, concurrency=50, depth="lists")
    pool = scan_pool(settings, workers=2, on_resource_error=lambda words: None)
    targets = parse_targets(["127.0.0.0/24:9", "localhost:9"])
    seen = [(result.record, result.line()) for batch in pool.batches(iter(targets)) for result in batch.results]
    assert sorted(record.host for record, _ in seen) == sorted(
        ["localhost", *[f"127.0.0.{last}" for last in range(1, 255)]]
    )
    for record, line in seen:
        assert line == msgspec.json.encode(record) + b"\n"
        assert record.status == "refused"


def test_all_targets_of_one_host_have_one_exclusive_key() -> None:
    ports = [Target("t", host, port) for host in ("Gate.example.org", "gate.EXAMPLE.org") for port in range(1, 100)]
    assert len({exclusive_key(target) for target in ports}) == 1
    assert len({exclusive_key(Target("t", f"192.0.2.{last}", 22)) for last in range(100)}) == 100


TINY, OTHER_TINY = (
    Identification(raw=f"SSH-2.0-tinyssh_noversion {word}", protocol="2.0", software="tinyssh_noversion", comments=word)
    for word in ("GiHvRtkx", "ZzWqpLmn")
)


def test_received_results_equal_sent_ones() -> None:
    """Lines, stats, records and observations, for hosts of templates and others, alone and together."""
    ours = encoder()
    observations = [modern(), modern(mac_algorithms_client_to_server=["hmac-md5"]), modern(host_keys=None)]
    results = [ours.result(each) for each in observations]
    for observation in (*observations, modern(identification=TINY)):
        results.append(ours.template(observation).result(HOST, None, 1e9, 7.5))
    results.append(ours.template(modern(identification=TINY)).result(HOST, OTHER_TINY, 2e9, 0.1))
    link = Link()
    found = [link.sent(result)[1][0] for result in results] + link.sent(*results)[1]
    for here, there in zip(results * 2, found, strict=True):
        assert there.line() == here.line() == msgspec.json.encode(here.record) + b"\n"
        assert there.stats == here.stats == record_stats(here.record)
        assert all(
            getattr(there.observation, field) == getattr(here.record, field) for field in Observation.__struct_fields__
        )
        assert there.record == here.record == msgspec.json.decode(here.line(), type=HostRecord)
        assert (there.target.host, there.target.port) == (TARGET.host, TARGET.port)


def test_hosts_with_one_key_here_have_one_key_there() -> None:
    results = from_templates([kind(0), kind(1)], [0, 1, 0, 0, 1])
    _, there = Link().sent(*results)
    same = [[one.key == other.key for other in results] for one in results]
    assert [[one.key == other.key for other in there] for one in there] == same
    _, others = Link().sent(*results)
    assert not {each.key for each in there} & {each.key for each in others}, "the keys of two processes differ"


def test_a_shared_piece_is_sent_once() -> None:
    results = from_templates([kind(0)], [0, 0, 0])
    link = Link()
    first, one = link.sent(results[0])
    second, two = link.sent(results[1])
    third, three = link.sent(results[2])
    assert (len(first.chunks), len(first.stats)) == (2, 1)
    assert (second.chunks, second.stats, third.chunks, third.stats) == ({}, {}, {}, {})
    shared = [each.chunks[1:] for each in (*one, *two, *three)]
    for chunks in zip(*shared, strict=True):
        assert len(set(map(id, chunks))) == 1, "the same object"
    assert len({id(each.stats) for each in (*one, *two, *three)}) == 1


def test_both_sides_drop_the_same_pieces() -> None:
    """More kinds than the cache keeps, in random order: each referenced piece is the right one."""
    observations = [kind(number) for number in range(MAX_ENTRIES + 100)]
    chance = random.Random(1)
    order = [*range(len(observations)), *chance.choices(range(len(observations)), k=2000), 0, len(observations) - 1, 0]
    results = from_templates(observations, order)
    link, again = Link(), 0
    for start in range(0, len(results), 64):
        message, there = link.sent(*results[start : start + 64])
        assert [each.line() for each in there] == [each.line() for each in results[start : start + 64]]
        again += len(message.stats)
    assert len(observations) < again < len(order)


def test_freed_pieces_are_not_reused() -> None:
    """An object may get the id of a freed one: each result is freed before the next is made."""
    link = Link()
    for number in range(300):
        (result,) = from_templates([kind(number)], [0])
        (there,) = link.sent(result)[1]
        assert (there.line(), there.stats) == (result.line(), result.stats)


def test_a_reader_takes_any_segments() -> None:
    results = from_templates([kind(0), kind(1)], [0, 1, 0])
    writer = ResultWriter()
    stream = channel.frame(channel.Failed("a bug")) + channel.frame(channel.ResourceError("no ports"))
    for number, result in enumerate(results):
        writer.add(number, [result])
        stream += writer.take()
    whole: ChannelReader[Any] = ChannelReader(channel.ToParent)
    messages = whole.feed(stream)
    assert len(messages) == 5
    for size in (1, 3, 1000):
        reader: ChannelReader[Any] = ChannelReader(channel.ToParent)
        found = [each for at in range(0, len(stream), size) for each in reader.feed(stream[at : at + size])]
        assert found == messages


@pytest.mark.parametrize(
    "data",
    [
        b"Traceback (most recent call last):",
        b"\xff" * 8,
        b"\0\0\0\0",
        b"\0\0\0\x03abc",
        channel.frame(channel.Stop()),
        b"\0\0\x10\x15\x82\xa4type\xa7Results\xa5extra" + b"\x91" * 4096 + b"\xc0",  # deeper than Python recurses
        b"\0\0\0\x06" + channel.frame(channel.Deferred(1))[4:] + b"more",
    ],
)
def test_garbage_is_an_error(data: bytes) -> None:
    reader: ChannelReader[Any] = ChannelReader(channel.ToParent)
    with pytest.raises(ChannelError):
        reader.feed(data + bytes(8))


def test_an_unknown_piece_or_target_is_an_error() -> None:
    (result,) = from_templates([kind(0)], [0])
    writer = ResultWriter()
    writer.add(1, [result])
    reader: ChannelReader[Any] = ChannelReader(channel.ToParent)
    (message,) = reader.feed(writer.take())
    with pytest.raises(ChannelError, match="unknown"):
        ResultReader().unpack(message, {2: TARGET})
    message.chunks.clear()
    with pytest.raises(ChannelError, match="unknown"):
        ResultReader().unpack(message, {1: TARGET})
