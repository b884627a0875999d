"""Five tables as Parquet, for DuckDB, Polars, Spark and pandas: `hosts`, `verdicts`, `findings`, `host_keys`, `groups`.

`record` joins them: the number of the host in this report. Rows wait as compressed lines in the folder, and DuckDB
turns each table into a file with a fixed schema, so that memory does not grow with the hosts. DuckDB loads no
extension: it contacts no server.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any, cast

import duckdb
import msgspec

from sshprobe.model import timestamps
from sshprobe.model.name_lists import FIELDS
from sshprobe.model.records import HostRecord, SummaryRecord
from sshprobe.model.verdict import Finding
from sshprobe.render.formats.format import FolderFormat, HostWriter, ReportContext

_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
    "memory_limit": "1GB",
    "threads": 1,
}
"""Settings of DuckDB. Above the limit it writes to the folder."""

_ROWS = 20_480
"""Rows that DuckDB holds until it writes them: a tenth of the memory of its default."""

_FIELDS_OF_HOSTS = {
    "target": "VARCHAR",
    "host": "VARCHAR",
    "address": "VARCHAR",
    "port": "BIGINT",
    "labels": "VARCHAR[]",
    "status": "VARCHAR",
    "error": "VARCHAR",
    "stage": "VARCHAR",
    "depth": "VARCHAR",
    "started_at": "TIMESTAMPTZ",
    "duration_ms": "DOUBLE",
    "connections": "BIGINT",
    **{field: "VARCHAR[]" for fields in FIELDS.values() for _, field in fields},
    "authentication_user": "VARCHAR",
    "authentication_methods": "VARCHAR[]",
    "authentication_banner": "VARCHAR",
    "hassh_server": "VARCHAR",
    "strict_kex": "BOOLEAN",
    "post_quantum_kex": "BOOLEAN",
    "several_servers": "BOOLEAN",
    "names_left_out": "BIGINT",
    "warnings": "VARCHAR[]",
}
_IDENTIFICATION = ("raw", "protocol", "software", "version", "comments")
_OF_VERDICTS = {
    "profile": "VARCHAR",
    "profile_version": "VARCHAR",
    "compliant": "BOOLEAN",
    "grade": "VARCHAR",
    "grade_is_partial": "BOOLEAN",
    "score": "BIGINT",
    "raw_score": "BIGINT",
    "cap": "BIGINT",
    "waived": "BIGINT",
    "not_observed": "VARCHAR[]",
}
_OF_KEYS = {
    "type": "VARCHAR",
    "bits": "BIGINT",
    "fingerprint": "VARCHAR",
    "signature_verified": "BOOLEAN",
    "signature_algorithm": "VARCHAR",
    "kex_algorithm": "VARCHAR",
}
_OF_GROUPS = {
    "algorithm": "VARCHAR",
    "min": "BIGINT",
    "n": "BIGINT",
    "max": "BIGINT",
    "modulus_bits": "BIGINT",
    "refused": "BOOLEAN",
    "modulus": "VARCHAR",
    "generator": "VARCHAR",
}
_RECORD = {"record": "BIGINT"}

_LARGEST = 2**63 - 1
"""Records are not trusted, and DuckDB would stop at a larger number. The end of a certificate that never expires is
larger too."""

TABLES: Mapping[str, Mapping[str, str]] = {
    "hosts": {**_RECORD, **_FIELDS_OF_HOSTS, **{f"identification_{name}": "VARCHAR" for name in _IDENTIFICATION}},
    "verdicts": {**_RECORD, **_OF_VERDICTS},
    "findings": {
        **_RECORD,
        "profile": "VARCHAR",
        "id": "VARCHAR",
        "severity": "VARCHAR",
        "category": "VARCHAR",
        "algorithm": "VARCHAR",
        "deviation": "BOOLEAN",
        "waived": "BOOLEAN",
        "points": "BIGINT",
        "cap": "BIGINT",
        "weaknesses": "VARCHAR[]",
    },
    "host_keys": {**_RECORD, **_OF_KEYS, "certificate_valid_before": "BIGINT", "authority": "VARCHAR"},
    "groups": {**_RECORD, **_OF_GROUPS},
}
"""Table to column to type of DuckDB. Facts have the names of fields of a record."""


class ParquetWriter(HostWriter):
    """Writes rows of all tables one by one, and turns them into Parquet at the end."""

    def __init__(self, folder: str, context: ReportContext) -> None:
        self._folder = folder
        self._waiting = tempfile.mkdtemp(dir=folder)
        self._rows = {
            name: cast(IO[bytes], gzip.GzipFile(self._path(name), "wb", compresslevel=1, mtime=0)) for name in TABLES
        }
        self._encode = msgspec.json.Encoder().encode
        self._record = 0

    def _path(self, table: str) -> str:
        return f"{self._waiting}/{table}.json.gz"

    def add(self, host: HostRecord) -> None:
        """Write the rows of one host."""
        self._record += 1
        said = host.identification
        facts = {name: getattr(host, name) for name in _FIELDS_OF_HOSTS}
        if timestamps.parse(host.started_at) is None:
            facts["started_at"] = None
        facts |= {f"identification_{name}": getattr(said, name) for name in _IDENTIFICATION} if said is not None else {}
        self._write("hosts", [facts])
        self._write("verdicts", ({name: getattr(each, name) for name in _OF_VERDICTS} for each in host.verdicts))
        self._write("findings", _findings(host))
        self._write("host_keys", _keys(host))
        self._write(
            "groups", ({name: getattr(each, name) for name in _OF_GROUPS} for each in host.group_exchange or ())
        )

    def _write(self, table: str, rows: Iterable[dict[str, Any]]) -> None:
        for row in rows:
            fit = {name: None if isinstance(value, int) and value > _LARGEST else value for name, value in row.items()}
            self._rows[table].write(self._encode({"record": self._record, **fit}) + b"\n")

    def finish(self, summary: SummaryRecord) -> None:
        """Make the files."""
        for rows in self._rows.values():
            rows.close()
        with duckdb.connect(":memory:", config={**_SETTINGS, "temp_directory": self._waiting}) as connection:
            for table, columns in TABLES.items():
                source = _quoted(_GLOB.sub(r"[\g<0>]", self._path(table)))
                schema = ", ".join(f"{_quoted(name)}: {_quoted(type_)}" for name, type_ in columns.items())
                target = _quoted(f"{self._folder}/{table}.parquet")
                connection.execute(
                    f"COPY (FROM read_json({source}, format = 'newline_delimited', columns = {{{schema}}})) "
                    f"TO {target} (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_ROWS})"
                )
        shutil.rmtree(self._waiting)


_GLOB = re.compile(r"[*?[]")
"""Characters that DuckDB expands in the name of an input file."""


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _findings(host: HostRecord) -> Iterator[dict[str, Any]]:
    for verdict in host.verdicts:
        for finding in verdict.findings:
            yield _finding(verdict.profile, finding)
    for finding in host.fleet_findings:
        yield _finding(None, finding)


def _finding(profile: str | None, finding: Finding) -> dict[str, Any]:
    return {
        "profile": profile,
        "id": finding.id,
        "severity": finding.severity,
        "category": finding.category,
        "algorithm": finding.algorithm,
        "deviation": finding.deviation,
        "waived": finding.waived is not None,
        "points": finding.effect.points,
        "cap": finding.effect.cap,
        "weaknesses": finding.weaknesses,
    }


def _keys(host: HostRecord) -> Iterator[dict[str, Any]]:
    for key in host.host_keys or ():
        row = {name: getattr(key, name) for name in _OF_KEYS}
        if key.certificate is not None:
            row["certificate_valid_before"] = key.certificate.valid_before
            row["authority"] = key.certificate.ca_fingerprint
        yield row


FORMAT = FolderFormat(ParquetWriter)
