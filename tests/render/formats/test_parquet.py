"""`--format parquet`, read by DuckDB and Polars."""

from __future__ import annotations

from pathlib import Path

import duckdb
import msgspec
import polars

from sshprobe.render.formats.parquet import TABLES
from tests.cli.test_cli_commands import sshprobe, write
from tests.render.writing import HOSTILE, folder_of, hostile_host
from tests.sample_records import WANTING, captured, debian12, failed, finding, judged


def test_five_tables_with_their_schema_and_all_values(tmp_path: Path) -> None:
    shared = finding("host_key.shared", "medium", "ssh-rsa", "on 2 machines")
    unseen = msgspec.structs.replace(captured("openssh-5.3p1"), verdicts=[], host="192.0.2.9")
    hosts = [msgspec.structs.replace(debian12(), fleet_findings=[shared]), unseen, failed("timeout", "no answer")]
    folder = folder_of("parquet", hosts, tmp_path / "it's [1]*.parquet")
    assert sorted(each.name for each in folder.iterdir()) == sorted(f"{name}.parquet" for name in TABLES)
    for name, columns in TABLES.items():
        assert tuple(polars.read_parquet((folder / f"{name}.parquet").read_bytes()).columns) == tuple(columns)
    record = debian12()
    rows = polars.read_parquet((folder / "hosts.parquet").read_bytes())
    assert rows["host"].to_list() == ["web1.example.org", "192.0.2.9", "192.0.2.200"]
    assert rows["kex_algorithms"].to_list()[0] == record.kex_algorithms
    assert rows["kex_algorithms"].to_list()[2] is None
    assert str(rows["started_at"][0]) == "2026-11-20 12:00:00+00:00"


def test_report_writes_a_folder_that_duckdb_joins(tmp_path: Path) -> None:
    write(tmp_path / "saved.jsonl", [debian12(), failed("timeout", "no answer")])
    for _ in range(2):
        run = sshprobe("report", "saved.jsonl", "-o", "fleet.parquet", cwd=tmp_path)
        assert (run.returncode, run.stderr) == (0, b"")
    hosts, findings = (tmp_path / "fleet.parquet" / f"{name}.parquet" for name in ("hosts", "findings"))
    query = f"SELECT host, id, points FROM '{hosts}' JOIN '{findings}' USING (record) WHERE severity = 'high'"
    with duckdb.connect() as connection:
        found = connection.execute(query).fetchall()
    assert found == [("web1.example.org", "mac.weak", 20)]
    scores = polars.read_parquet(tmp_path / "fleet.parquet" / "verdicts.parquet")
    assert scores.select("record", "score", "compliant").rows() == [(1, 61, False)]
    run = sshprobe("report", "saved.jsonl", "--format", "parquet", cwd=tmp_path)
    assert (run.returncode, run.stderr.count(b"\n")) == (2, 1)
    assert b"`--format parquet` writes several files: add `-o FOLDER`" in run.stderr
    (tmp_path / "fleet.parquet" / "notes.txt").write_text("mine")
    run = sshprobe("report", "saved.jsonl", "-o", "fleet.parquet", cwd=tmp_path)
    assert run.stderr.decode().startswith("error: fleet.parquet: has other files than *.parquet: ")
    assert (tmp_path / "fleet.parquet" / "notes.txt").read_text() == "mine"


def test_text_of_a_server_stays_in_its_cell_and_no_host_makes_empty_tables(tmp_path: Path) -> None:
    bad = msgspec.structs.replace(WANTING.findings[0], algorithm=HOSTILE, message=HOSTILE)
    host = judged(hostile_host(), msgspec.structs.replace(WANTING, findings=[bad]))
    folder = folder_of("parquet", [host], tmp_path / "hostile")
    (row,) = polars.read_parquet(folder / "hosts.parquet").to_dicts()
    assert row["error"] == HOSTILE
    empty = folder_of("parquet", [], tmp_path / "empty")
    assert [len(polars.read_parquet(empty / f"{name}.parquet")) for name in TABLES] == [0] * 5
