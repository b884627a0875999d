"""The tables of `--format csv`, `csv-findings` and `csv-host-findings`, read by DuckDB."""

from __future__ import annotations

from pathlib import Path

import duckdb
import msgspec
import pytest

from sshprobe.render.formats.csv import FINDING_COLUMNS, HOST_COLUMNS, HOST_FINDING_COLUMNS
from tests.render.writing import HOSTILE, hostile_host, report_of
from tests.sample_records import CLEAN, WANTING, captured, debian12, failed, finding, judged

OTHER = msgspec.structs.replace(CLEAN, profile="bsi-tr-02102-4", compliant=None, grade_is_partial=True)


def test_a_row_for_each_host_and_profile(tmp_path: Path) -> None:
    hosts = [judged(captured("openssh-9.9p2"), WANTING, OTHER), failed("timeout", "no answer")]
    (tmp_path / "hosts.csv").write_bytes(report_of("csv", hosts))
    table = duckdb.read_csv(str(tmp_path / "hosts.csv"))
    assert tuple(table.columns) == HOST_COLUMNS
    chosen = "host, port, status, error, profile, grade, score, compliant, critical, high, medium, worst"
    assert table.project(chosen).fetchall() == [
        ("192.0.2.1", 22, "ok", None, "mozilla-modern", "C", 61, False, 0, 1, 2, "mac.weak hmac-sha1"),
        ("192.0.2.1", 22, "ok", None, "bsi-tr-02102-4", "A+?", 100, None, 0, 0, 0, None),
        ("192.0.2.200", 22, "timeout", "no answer", None, None, None, None, None, None, None, None),
    ]


def test_findings_are_counted_once_for_each_host(tmp_path: Path) -> None:
    other = msgspec.structs.replace(debian12(), host="192.0.2.9")
    shared = finding("host_key.shared", "medium", "ssh-rsa", "on 2 machines")
    hosts = [debian12(), msgspec.structs.replace(other, fleet_findings=[shared])]
    (tmp_path / "findings.csv").write_bytes(report_of("csv-findings", hosts))
    table = duckdb.read_csv(str(tmp_path / "findings.csv"))
    assert tuple(table.columns) == FINDING_COLUMNS
    assert table.project("profile, id, algorithm, hosts, deviations").fetchall() == [
        (None, "host_key.shared", "ssh-rsa", 1, 1),
        ("mozilla-modern", "authentication.unlisted", "password", 2, 2),
        ("mozilla-modern", "kex.dated", "diffie-hellman-group14-sha256", 2, 2),
        ("mozilla-modern", "kex.stronger", "sntrup761x25519-sha512", 2, 0),
        ("mozilla-modern", "mac.weak", "hmac-sha1", 2, 2),
    ]
    (tmp_path / "both.csv").write_bytes(report_of("csv-host-findings", hosts))
    table = duckdb.read_csv(str(tmp_path / "both.csv"))
    assert tuple(table.columns) == HOST_FINDING_COLUMNS
    assert len(table.fetchall()) == 9
    assert sorted(table.filter("id = 'mac.weak'").project("host").fetchall()) == [("192.0.2.9",), ("web1.example.org",)]


@pytest.mark.parametrize("name", ["csv", "csv-findings", "csv-host-findings"])
def test_text_of_a_server_is_one_cell_and_not_a_formula(name: str, tmp_path: Path) -> None:
    text = f"\uff1d1;\"=HYPERLINK(1);-2;+3;'@SUM(A1); {HOSTILE}"
    bad = msgspec.structs.replace(WANTING.findings[0], algorithm="=1+1", message=text, observed="\t@SUM(A1)")
    verdict = msgspec.structs.replace(WANTING, findings=[bad])
    file = tmp_path / "hostile.csv"
    file.write_bytes(report_of(name, [judged(hostile_host(), verdict)]))
    text = file.read_text()
    assert text.replace("\n", "").isprintable()
    cells = [str(cell) for row in duckdb.read_csv(str(file), all_varchar=True).fetchall() for cell in row if cell]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]
    parts = [part.lstrip("\"'") for cell in cells for part in (cell, *cell.split(";")) if not part.startswith("'")]
    assert not [part for part in parts if part.startswith(("=", "+", "-", "@", "\uff1d"))]
    assert any("\\u202e" in cell or cell == "'=1+1" for cell in cells)


def test_without_hosts_a_table_has_its_header() -> None:
    for name, columns in (("csv", HOST_COLUMNS), ("csv-findings", FINDING_COLUMNS)):
        assert report_of(name, []).decode() == ",".join(columns) + "\n"
