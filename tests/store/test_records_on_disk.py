import contextlib
import io
import itertools
import json
import os
import stat
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sshprobe.grading import FleetFacts
from sshprobe.model.errors import InputError
from sshprobe.model.records import HostRecord, Record, SummaryRecord
from sshprobe.scan.results import HostBatch, HostResult
from sshprobe.scan.sinks import JsonDocumentSink, JsonLinesSink, Sink
from sshprobe.store.files import appending_lines, replacing
from sshprobe.store.reading import read_records
from sshprobe.views.summary import SummaryBuilder
from tests.sample_records import CLEAN, HEADER, WANTING, captured, debian12, failed, judged

HOSTS = [debian12(), failed("timeout", "no answer"), judged(captured("dropbear-2022.83", "192.0.2.7"), CLEAN)]


def summary(hosts: list[HostRecord]) -> SummaryRecord:
    builder, facts = SummaryBuilder(), FleetFacts()
    for host in hosts:
        builder.add(host)
        facts.add(host)
    return builder.build(duration_ms=10.0, fleet=facts.report())


def batch(record: HostRecord) -> HostBatch:
    return HostBatch([HostResult.of_record(record)])


def write(writer: Sink, hosts: list[HostRecord]) -> list[Record]:
    writer.header(HEADER)
    for host in hosts:
        writer.add(batch(host))
    writer.finish(summary(hosts))
    return [HEADER, *hosts, summary(hosts)]


@pytest.mark.parametrize("make", [JsonLinesSink, JsonDocumentSink])
@pytest.mark.parametrize("hosts", [[], HOSTS])
def test_written_records_can_be_read(
    make: type[JsonLinesSink] | type[JsonDocumentSink], hosts: list[HostRecord], tmp_path: Path
) -> None:
    with (tmp_path / "records").open("wb") as stream:
        written = write(make(stream), hosts)
    assert list(read_records([str(tmp_path / "records")])) == written
    data = (tmp_path / "records").read_bytes()
    assert list(read_records(["-"], stdin=io.BytesIO(data))) == written


def test_a_document_is_json() -> None:
    stream = io.BytesIO()
    write(JsonDocumentSink(stream), HOSTS)
    document = json.loads(stream.getvalue())
    assert list(document) == ["sweep", "hosts", "summary"]
    assert [host["status"] for host in document["hosts"]] == ["ok", "timeout", "ok"]


def test_a_document_written_otherwise_is_read(tmp_path: Path) -> None:
    stream = io.BytesIO()
    written = write(JsonDocumentSink(stream), HOSTS)
    for indent in (None, 2):
        (tmp_path / "pretty.json").write_text(json.dumps(json.loads(stream.getvalue()), indent=indent))
        assert list(read_records([str(tmp_path / "pretty.json")])) == written


def test_lines_are_there_once_they_are_flushed(tmp_path: Path) -> None:
    with appending_lines(str(tmp_path / "r.jsonl")) as stream:
        writer = JsonLinesSink(stream)
        writer.header(HEADER)
        for number, host in enumerate(HOSTS, start=2):
            writer.add(batch(host))
            assert len((tmp_path / "r.jsonl").read_bytes().splitlines()) == number


def line(record: Record) -> bytes:
    return msgspec.json.encode(record) + b"\n"


BROKEN = {
    b"": "records: has no records",
    b"\n\n": "records: has no records",
    b"hello\n": "records:1: is not a record: a record is a JSON object",
    b"192.0.2.1:22\n": "records:1: is not a record: a record is a JSON object",
    b"\x00\xff": "records:1: is not a record: ",
    b"{}\n": "records:1: is not a record: object missing required field `type`",
    b'{"type":"host"}\n': "records:1: is not a record: object missing required field",
    line(HEADER) + b'{"type":"host","schema"\n': "records:2: is not a record: ",
    line(HEADER)[:-20]: "records: is cut off before the end of its first record",
    line(HEADER) + b"{,\n": "records:2: is not a record: JSON is malformed",
    line(HEADER).replace(b'"1.0"', b'"2.0"'): "records:1: has records of schema '2.0', this version reads 1.x",
    b"[" * 100_000 + b"\n": "records:1: is not a record: ",
    b'{"sweep":{},"hosts":[]}': "records: is not a document of records: object missing required field",
    b'{"sweep":{"type":"sweep","sch': "records: is not a document of records: it is cut off, and a document is only",
    b'{\n"hosts": [\n,]}': "records:3: is not a document of records: ",
}


@pytest.mark.parametrize("data", BROKEN, ids=lambda data: repr(data[:30]))
def test_broken_files_are_named_with_their_line(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "records").write_bytes(data)
    with pytest.raises(InputError) as caught:
        read_records([str(tmp_path / "records")])
    assert str(caught.value).startswith(str(tmp_path / BROKEN[data]))
    assert "\n" not in str(caught.value)


def test_before_a_cut_in_a_line_everything_is_read_with_a_note(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    whole = line(HEADER) + line(HOSTS[0])
    for cut in [*range(1, 200), *range(len(line(HOSTS[1])) - 40, len(line(HOSTS[1])) - 1)]:
        notes = list[str]()
        path.write_bytes(whole + line(HOSTS[1])[:cut])
        assert list(read_records([str(path)], on_missing=notes.append)) == [HEADER, HOSTS[0]]
        assert notes == [f"{path} is cut off: hosts read before the cut: 1"]
    path.write_bytes(whole + line(HOSTS[1])[:-1])  # the record is whole: only the end of its line is missing
    assert list(read_records([str(path)], on_missing=notes.append)) == [HEADER, *HOSTS[:2]]
    assert len(notes) == 1


@given(st.binary(max_size=60), st.sampled_from([b"", line(HEADER), line(HOSTS[0])[:200], b'{"sweep":']))
def test_any_file_is_records_or_a_clear_error(data: bytes, start: bytes) -> None:
    message = "fine"
    try:
        list(read_records(["-"], stdin=io.BytesIO(start + data)))
    except InputError as error:
        message = str(error)
    assert message == "fine" or message.startswith("standard input:")


def test_unreadable_records(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read: No such file"):
        read_records([str(tmp_path / "none.jsonl")])
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_records([str(tmp_path)])
    with pytest.raises(InputError, match="no records"):
        read_records([])


def test_summary() -> None:
    hosts = [
        judged(captured("openssh-debian12-9.2p1", "192.0.2.2"), WANTING),
        judged(captured("openssh-debian12-9.2p1", "192.0.2.10"), WANTING, CLEAN),
        msgspec.structs.replace(captured("dropbear-2022.83", "192.0.2.3"), port=22),
        msgspec.structs.replace(captured("dropbear-2022.83", "192.0.2.3"), port=2222),
        failed("refused", None),
    ]
    total = summary(hosts)
    assert total.hosts == 5
    assert total.statuses == {"ok": 4, "refused": 1}
    assert total.grades == {"mozilla-modern": {"A+": 1, "C": 2}}
    assert total.compliant == {"mozilla-modern": {"false": 2, "true": 1}}
    assert total.connections == 13
    # Dropbear on two ports is one machine with one key: nothing is shared.
    assert {key.type for key in total.shared_host_keys} == {"ecdsa-sha2-nistp256", "ssh-ed25519", "ssh-rsa"}
    assert all(key.hosts == ["192.0.2.10:22", "192.0.2.2:22"] for key in total.shared_host_keys)
    assert all(summary(list(order)) == total for order in itertools.islice(itertools.permutations(hosts), 20))


def test_a_key_with_a_wrong_signature_is_not_shared() -> None:
    one, other = captured("tinysshd-20230101", "192.0.2.2"), captured("tinysshd-20230101", "192.0.2.3")
    keys = [msgspec.structs.replace(key, signature_verified=False) for key in other.host_keys or ()]
    assert summary([one, other]).shared_host_keys
    assert not summary([one, msgspec.structs.replace(other, host_keys=keys)]).shared_host_keys


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    path.write_bytes(b"old")
    path.chmod(0o640)
    with contextlib.suppress(RuntimeError), replacing(str(path)) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"old"
    with replacing(str(path)) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["out.json"]  # noqa: PTH208 - names are what is compared


def test_a_link_stays_a_link_and_a_device_a_device(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with replacing(str(tmp_path / "link")) as stream:
        stream.write(b"data")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"data"
    with replacing("/dev/null") as stream:
        stream.write(b"data")
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("opener", [replacing, appending_lines])
def test_unwritable(opener: Callable[[str], AbstractContextManager[IO[bytes]]], tmp_path: Path) -> None:
    for name in (str(tmp_path), str(tmp_path / "missing" / "out"), "nul\0byte"):
        with pytest.raises(InputError, match=r": cannot be written: "), opener(name):
            pytest.fail("opened")
