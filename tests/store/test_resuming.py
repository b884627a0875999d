"""A file that was cut off anywhere is resumed from its complete records."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sshprobe.model.errors import InputError
from sshprobe.model.records import HostRecord, SummaryRecord, SweepRecord
from sshprobe.store.resuming import Resumption, host_key_of

HEADER = SweepRecord(tool="sshprobe", arguments=[], profiles=[], started_at="2026-01-01T00:00:00Z")
SUMMARY = SummaryRecord(
    hosts=0, statuses={}, grades={}, compliant={}, shared_host_keys=[], connections=0, duration_ms=0.0
)


def host(name: str, port: int = 22, address: str | None = None) -> HostRecord:
    return HostRecord(
        target=name,
        host=name,
        address=address or name,
        port=port,
        status="refused",
        started_at="2026-01-01T00:00:00Z",
        duration_ms=1.0,
        connections=1,
    )


def lines(*records: msgspec.Struct) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def resumed(path: Path, data: bytes, *, all_addresses: bool = False) -> Resumption:
    path.write_bytes(data)
    return Resumption(str(path), all_addresses=all_addresses)


def replayed(resumption: Resumption) -> list[str]:
    hosts: list[str] = []
    resumption.replay(lambda record: hosts.append(record.host))
    return hosts


@pytest.mark.parametrize("finished", [True, False])
def test_cut_at_every_byte(tmp_path: Path, finished: bool) -> None:
    names = ["192.0.2.1", "192.0.2.2", "example.org", "2001:db8::1"]
    whole = lines(HEADER, *(host(name) for name in names), *([SUMMARY] if finished else []))
    header = len(lines(HEADER))
    for cut in range(len(whole) + 1):
        data = whole[:cut]
        resumption = resumed(tmp_path / "r", data)
        complete = data[header:].count(b"\n")
        if cut < header:
            assert (resumption.size, len(resumption)) == (0, 0)
            continue
        expected = names[:complete]
        assert [name for name in names if (name, 22) in resumption] == expected
        assert replayed(resumption) == expected
        assert resumption.size == len(lines(HEADER, *(host(name) for name in expected)))


def test_the_last_target_of_all_addresses_is_done_again(tmp_path: Path) -> None:
    first = [host("a.example", address=f"192.0.2.{last}") for last in (1, 2)]
    second = [host("b.example", address=f"192.0.2.{last}") for last in (3, 4)]
    resumption = resumed(tmp_path / "r", lines(HEADER, *first, *second), all_addresses=True)
    assert ("a.example", 22) in resumption
    assert ("b.example", 22) not in resumption
    assert resumption.size == len(lines(HEADER, *first))
    resumption = resumed(tmp_path / "r", lines(HEADER, *first, *second, SUMMARY), all_addresses=True)
    assert ("b.example", 22) in resumption  # a summary means that it was finished


def test_ports_and_spellings(tmp_path: Path) -> None:
    resumption = resumed(tmp_path / "r", lines(HEADER, host("192.0.2.1", 2222), host("Example.ORG")))
    assert ("192.0.2.1", 2222) in resumption
    assert ("192.0.2.1", 22) not in resumption
    assert ("example.org", 22) in resumption
    assert host_key_of("2001:DB8:0::1", 22) == host_key_of("2001:db8::1", 22)
    assert host_key_of("::ffff:192.0.2.1", 22) == host_key_of("192.0.2.1", 22)


def test_a_file_without_a_scan_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not begin with the header"):
        resumed(tmp_path / "r", lines(host("192.0.2.1")))
    with pytest.raises(InputError, match="r:2: is not a record of a scan"):
        resumed(tmp_path / "r", lines(HEADER) + b"{}\n" + lines(host("192.0.2.1")))
    with pytest.raises(InputError, match="r:3: has a second scan"):
        resumed(tmp_path / "r", lines(HEADER, host("192.0.2.1"), HEADER, host("192.0.2.2")))
    with pytest.raises(InputError, match="cannot be read"):
        Resumption(str(tmp_path / "missing"), all_addresses=False)


def test_an_empty_file_can_be_resumed(tmp_path: Path) -> None:
    assert resumed(tmp_path / "r", b"").size == 0
