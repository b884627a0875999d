"""Reading and grading saved records from Python."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from click.testing import CliRunner

import sshprobe
from sshprobe import InputError
from sshprobe.cli.schema import schema
from sshprobe.model.records import HostRecord
from sshprobe.scan.results import HostBatch, HostResult
from sshprobe.scan.sinks import JsonLinesSink
from tests.cli.test_cli_commands import write
from tests.sample_records import captured

HOSTS = [captured("openssh-debian12-9.2p1", f"192.0.2.{number}") for number in range(1, 4)]


@pytest.mark.parametrize("as_text", [False, True])
def test_hosts_come_in_the_order_of_the_file(as_text: bool, tmp_path: Path) -> None:
    path = tmp_path / "monday.jsonl"
    write(path, HOSTS)
    records = sshprobe.read_records(str(path) if as_text else path)
    assert [record.address for record in records] == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def test_to_json_equals_the_line_of_the_command(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text("".join(record.to_json() + "\n" for record in HOSTS))
    with path.with_suffix(".2").open("wb") as file:
        JsonLinesSink(file).add(HostBatch([HostResult.of_record(record) for record in HOSTS]))
    assert path.read_bytes() == path.with_suffix(".2").read_bytes()
    assert list(sshprobe.read_records(path)) == HOSTS
    assert msgspec.json.decode(HOSTS[0].to_json(), type=HostRecord) == HOSTS[0]


def test_a_broken_file_raises_before_the_first_record(tmp_path: Path) -> None:
    path = tmp_path / "broken.jsonl"
    path.write_text(HOSTS[0].to_json() + "\n{}\n")
    with pytest.raises(InputError, match=r"broken\.jsonl:2: "):
        sshprobe.read_records(path)
    with pytest.raises(InputError, match="cannot be read"):
        sshprobe.read_records(tmp_path / "none.jsonl")
    with pytest.raises(InputError, match="-: cannot be read"):  # the name of a file here, not standard input
        sshprobe.read_records("-")
    for wrong in (b"monday.jsonl", 7, None, [path]):
        with pytest.raises(TypeError):
            sshprobe.read_records(wrong)  # type: ignore[arg-type] # a wrong type on purpose


def test_a_cut_file_warns_where_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_text(HOSTS[0].to_json() + "\n" + HOSTS[1].to_json()[:-20])
    with pytest.warns(UserWarning, match=r"cut\.jsonl is cut off: hosts read before the cut: 1$") as warned:
        assert list(sshprobe.read_records(path)) == HOSTS[:1]
    assert warned[0].filename == __file__


def test_a_file_is_closed_when_reading_stops_early(tmp_path: Path) -> None:
    """Warnings are errors, and an open file that is dropped causes one."""
    path = tmp_path / "monday.jsonl"
    write(path, HOSTS)
    sshprobe.read_records(path)
    for record in sshprobe.read_records(path):
        assert record.address == "192.0.2.1"
        break
    with sshprobe.read_records(path) as records:
        next(records)
    assert list(records) == []


def test_a_profile_may_be_an_id_a_path_or_a_profile(tmp_path: Path) -> None:
    verdict = sshprobe.grade(HOSTS[0], "mozilla-modern")
    assert verdict == sshprobe.grade(HOSTS[0], sshprobe.load_profile("mozilla-modern"))
    assert verdict.profile == "mozilla-modern"
    path = tmp_path / "ours.toml"
    ours = 'id = "ours"\ntitle = "Ours"\nextends = "mozilla-modern"\ndate = "2026-11"\nsource = "our wiki"\n'
    for version in ("1", "2"):
        path.write_text(f'{ours}version = "{version}"\n')
        assert sshprobe.grade(HOSTS[0], str(path)).profile_version == version
        assert sshprobe.grade(HOSTS[0], path).profile_version == version
    for wrong in ((HOSTS[0], 7), (HOSTS[0], None), (HOSTS[0].to_json(), "mozilla-modern")):
        with pytest.raises(TypeError):
            sshprobe.grade(*wrong)
    with pytest.raises(InputError, match="unknown profile"):
        sshprobe.grade(HOSTS[0], "mozila-modern")
    with pytest.raises(InputError):
        sshprobe.grade(HOSTS[0], "mozilla-client-modern")


def test_the_schema_is_printed_and_describes_a_record() -> None:
    run = CliRunner().invoke(schema, [], standalone_mode=False)
    assert run.exit_code == 0
    printed: Any = json.loads(run.output)
    jsonschema.Draft202012Validator(printed).validate(json.loads(HOSTS[0].to_json()))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(printed).validate({"type": "host"})
