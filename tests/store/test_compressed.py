"""Records in compressed files can be read, and a file that is cut off anywhere can be resumed."""

from __future__ import annotations

import io
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
import zstandard

from sshprobe import compression
from sshprobe.compression import LINES_PER_FRAME, Decompressed, codec_of_name, compressing, plain
from sshprobe.model.errors import InputError
from sshprobe.model.records import HostRecord
from sshprobe.store.backups import contents_of, holds_sweep
from sshprobe.store.files import Kept, appending_lines
from sshprobe.store.reading import read_records, scans_in
from sshprobe.store.resuming import Resumption
from tests.store.test_resuming import HEADER, SUMMARY, host, replayed

pytestmark = pytest.mark.parametrize("suffix", [".zst", ".gz"])

NAMES = [f"192.0.2.{last}" for last in range(1, 31)]


def line(record: msgspec.Struct) -> bytes:
    return msgspec.json.encode(record) + b"\n"


def write(path: Path, records: Sequence[msgspec.Struct], kept: Kept | None = None) -> None:
    with appending_lines(str(path), kept or Kept()) as stream:
        for record in records:
            stream.write(line(record))
            stream.flush()


@pytest.fixture
def flushing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finish a block with each line, as after a second."""
    monkeypatch.setattr(compression, "FLUSH_SECONDS", 0.0)


def test_written_records_can_be_read(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"r.jsonl{suffix}"
    records = [HEADER, *map(host, NAMES), SUMMARY]
    write(path, records)
    assert list(read_records([str(path)])) == records
    assert list(read_records(["-"], stdin=io.BytesIO(path.read_bytes()))) == records
    assert holds_sweep(str(path))
    assert contents_of(path) == (30, True)
    data = path.read_bytes()
    tool = zlib.decompressobj(31) if suffix == ".gz" else zstandard.ZstdDecompressor().decompressobj()
    assert tool.decompress(data).startswith(line(HEADER))
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_frame_has_a_thousand_lines_and_the_summary_one_of_its_own(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"r{suffix}"
    hosts = [host(f"h{number}.example") for number in range(2 * LINES_PER_FRAME)]
    write(path, [HEADER, *hosts, SUMMARY])
    with path.open("rb") as file:
        content = plain(file)
        assert isinstance(content, Decompressed)
        whole = content.read()
        starts = [start for start, _ in content.starts]
    assert [whole.count(b"\n", 0, start) for start in starts] == [0, 1000, 2000, 2001, 2002]


@pytest.mark.usefixtures("flushing")
def test_cut_at_every_byte(suffix: str, tmp_path: Path) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"r{suffix}"
    hosts = [host(name) for name in NAMES[:8]]
    write(whole, [HEADER, *hosts, SUMMARY])
    data = whole.read_bytes()
    with appending_lines(str(path)) as stream:
        stream.write(line(HEADER))
        stream.flush()
        header = path.stat().st_size
    most = 0
    for cut in range(header, len(data) + 1):
        path.write_bytes(data[:cut])
        done = Resumption(str(path), all_addresses=False)
        assert done.header == HEADER
        held = [name for name in NAMES[:8] if (name, 22) in done]
        assert held == replayed(done) == NAMES[: len(held)]
        assert len(held) >= most  # more bytes never mean fewer hosts
        most = len(held)
        write(path, [*hosts[len(held) :], SUMMARY], done.kept)
        assert list(read_records([str(path)])) == [HEADER, *hosts, SUMMARY]
    assert most == 8


@pytest.mark.usefixtures("flushing")
def test_before_a_cut_everything_is_read_with_a_note(suffix: str, tmp_path: Path) -> None:
    path, notes = tmp_path / f"r{suffix}", list[str]()
    write(path, [HEADER, *map(host, NAMES), SUMMARY])
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    records = list(read_records([str(path)], on_missing=notes.append))
    assert 2 < len(records) < 31
    assert records == [HEADER, *map(host, NAMES)][: len(records)]
    hosts = sum(isinstance(record, HostRecord) for record in records)
    assert notes == [f"{path} is cut off: hosts read before the cut: {hosts}"]
    path.write_bytes(data[:4] + b"\xff" * 40 + data[44:])
    with pytest.raises(InputError, match="cannot be read: its compressed data is damaged"):
        read_records([str(path)])
    assert contents_of(path) == (None, True)  # a scheduled scan backs it up


@pytest.mark.usefixtures("flushing")
def test_a_cut_before_the_end_of_the_first_record_is_named(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"r{suffix}"
    write(path, [HEADER, SUMMARY])
    path.write_bytes(path.read_bytes()[:30])
    for reader in (lambda: read_records([str(path)]), lambda: next(scans_in(str(path)))):
        with pytest.raises(InputError, match=r": is cut off before the end of its first record$"):
            reader()


def test_a_summary_that_counts_more_hosts_is_noted(suffix: str, tmp_path: Path) -> None:
    path, notes = tmp_path / f"r{suffix}", list[str]()
    three = msgspec.structs.replace(SUMMARY, hosts=3)
    for records in ([HEADER, *map(host, NAMES[:3]), three], [HEADER, host("a"), HEADER, *map(host, NAMES[:3]), three]):
        write(path, records)
        read_records([str(path)], on_missing=notes.append).close()
    assert notes == []
    write(path, [three])
    read_records([str(path)], on_missing=notes.append).close()
    write(path, [HEADER, *map(host, NAMES[:5]), SUMMARY, HEADER, host("a"), three])
    list(scans_in(str(path), on_missing=notes.append))
    assert notes == [
        f"{path} lacks hosts: its summary counts 3, the file has 0",
        f"{path} lacks hosts: its summary counts 8, the file has 6",
    ]


@pytest.mark.usefixtures("flushing")
def test_the_last_target_of_all_addresses_is_done_again(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"r{suffix}"
    first = [host("a.example", address=f"192.0.2.{last}") for last in (1, 2)]
    second = [host("b.example", address=f"192.0.2.{last}") for last in (3, 4)]
    write(path, [HEADER, *first, *second])
    done = Resumption(str(path), all_addresses=True)
    assert [name for name in ("a.example", "b.example") if (name, 22) in done] == ["a.example"]
    write(path, [*second, SUMMARY], done.kept)
    assert list(read_records([str(path)])) == [HEADER, *first, *second, SUMMARY]


def test_a_file_that_another_program_compressed_is_not_cut(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"r{suffix}"
    data = b"".join(map(line, [HEADER, *map(host, NAMES), SUMMARY]))
    path.write_bytes(zstandard.compress(data) if suffix == ".zst" else zlib.compress(data, wbits=31))
    assert len(list(read_records([str(path)]))) == 32
    with pytest.raises(InputError, match="was compressed by another program: decompress it, and resume that file"):
        Resumption(str(path), all_addresses=False)


def test_a_cut_inside_the_first_block_is_not_called_another_program(suffix: str, tmp_path: Path) -> None:
    whole, path = tmp_path / f"whole{suffix}", tmp_path / f"r{suffix}"
    write(whole, [HEADER, *map(host, NAMES)])
    data, messages = whole.read_bytes(), set[str]()
    for cut in range(20, len(data) - 8):
        path.write_bytes(data[:cut])
        try:
            Resumption(str(path), all_addresses=False)
        except InputError as error:
            messages.add(error.message)
    # A block of zstd has no content before its end.
    advice = "is cut off inside its first block: decompress it, and resume that file"
    assert messages == ({advice} if suffix == ".gz" else set())


def test_a_block_is_finished_each_second_without_another_host(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compression, "FLUSH_SECONDS", 0.05)
    path = tmp_path / f"r{suffix}"
    with appending_lines(str(path)) as stream:
        for record in [HEADER, *map(host, NAMES)]:
            stream.write(line(record))
            stream.flush()
        while len(list(read_records([str(path)]))) < 31:  # nothing more is written
            time.sleep(0.01)


def test_an_error_of_the_flushing_thread_ends_the_run(suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.BytesIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override] # takes only bytes
            if len(self.getvalue()) > 1:
                raise InputError("cannot be written: no space left on device")
            return super().write(data)

    monkeypatch.setattr(compression, "FLUSH_SECONDS", 0.05)
    codec = codec_of_name(f"x{suffix}")
    assert codec is not None

    def scan() -> None:
        with compressing(Full(), codec) as stream:
            while True:
                stream.write(line(HEADER))
                stream.flush()
                time.sleep(0.01)

    with pytest.raises(InputError, match="no space left"):
        scan()
