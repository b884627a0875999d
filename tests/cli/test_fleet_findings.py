"""Findings across the fleet: shown with the grade in every command, in no verdict, counted by `--fail-on`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe.cli.output import ScanOutput
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.render.text.terminal import Terminal
from sshprobe.scan.results import HostBatch, ResultEncoder
from sshprobe.scan.verdict_cache import VerdictCache
from tests.cli.test_cli_commands import sshprobe
from tests.cli.test_cli_report import KEYS
from tests.grading.observations import host_key
from tests.render.blocks import block_of
from tests.sample_records import captured

PROFILES = [load_profile("sshprobe-2026"), load_profile("pci-dss")]
NAMES = [option for profile in PROFILES for option in ("--profile", profile.id)]
ED = msgspec.structs.replace(host_key("ssh-ed25519", 256), fingerprint="SHA256:" + "A" * 43)
EC = msgspec.structs.replace(host_key("ecdsa-sha2-nistp256", 256), fingerprint="SHA256:" + "B" * 42 + "A")


def observed(address: str, *keys: Any, name: str = "openssh-debian12-9.2p1") -> Observation:
    seen = msgspec.structs.replace(captured(name, address), host_keys=list(keys))
    fields = {field: getattr(seen, field) for field in Observation.__struct_fields__}
    return Observation(**fields)


HOSTS = [
    observed("192.0.2.1", ED, EC, KEYS[2]),
    observed("192.0.2.2", ED, EC, KEYS[2], name="openssh-9.9p2"),
    observed("192.0.2.3", KEYS[0]),
]


@pytest.fixture
def scanned(tmp_path: Path) -> Path:
    """A file with the lines that a scan writes."""
    encoder = ResultEncoder(VerdictCache(PROFILES, strict=False))
    (tmp_path / "scan.jsonl").write_bytes(b"".join(encoder.result(host).line() for host in HOSTS))
    return tmp_path


def records(path: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [each for each in found if each["type"] == "host"]


def test_scan_and_grade_give_one_record_the_same_verdicts(scanned: Path) -> None:
    run = sshprobe("grade", "scan.jsonl", *NAMES, "-o", "graded.jsonl", cwd=scanned)
    assert run.returncode == 0, run.stderr
    before, after = records(scanned / "scan.jsonl"), records(scanned / "graded.jsonl")
    assert [json.dumps(each["verdicts"]) for each in before] == [json.dumps(each["verdicts"]) for each in after]
    assert [each["fleet_findings"] for each in before] == [[], [], []]
    found = [[(each["id"], each["severity"]) for each in host["fleet_findings"]] for host in after]
    assert found == [[("host_key.shared", "medium")], [("host_key.shared", "medium")], []]
    summary = json.loads((scanned / "graded.jsonl").read_text().splitlines()[-1])
    assert summary["fleet_findings"] == {"host_key.shared": 2}
    # Graded again, alone: findings across hosts are gone, and the verdict stays.
    (scanned / "one.jsonl").write_text(json.dumps(after[0]) + "\n")
    assert sshprobe("grade", "one.jsonl", *NAMES, "-o", "again.jsonl", cwd=scanned).returncode == 0
    (alone,) = records(scanned / "again.jsonl")
    assert (alone["verdicts"], alone["fleet_findings"]) == (after[0]["verdicts"], [])


def test_fail_on_counts_fleet_findings_by_severity_only(scanned: Path) -> None:
    clean = msgspec.structs.replace(HOSTS[0], host_keys=[ED, EC])
    other = msgspec.structs.replace(HOSTS[1], host_keys=[ED, EC])
    encoder = ResultEncoder(VerdictCache([], strict=False))
    lines = [encoder.result(host).line() for host in (clean, other)]
    (scanned / "shared.jsonl").write_bytes(b"".join(lines))
    (scanned / "all.toml").write_text(
        'id = "all"\ntitle = "All"\nversion = "1"\ndate = "2026"\nsource = "test"\n[authentication]\nwhere = "x"\n'
        'allowed = ["publickey", "password", "keyboard-interactive"]\n'
    )
    (scanned / "alone.jsonl").write_bytes(lines[0])
    for threshold, code in (("critical", 0), ("high", 0), ("medium", 1), ("F", 0), ("noncompliant", 0)):
        options = ("--profile", "all.toml", "--fail-on", threshold)
        assert sshprobe("grade", "shared.jsonl", *options, cwd=scanned).returncode == code, threshold
        assert sshprobe("grade", "alone.jsonl", *options, cwd=scanned).returncode == 0, threshold


@pytest.mark.parametrize(
    ("threshold", "hosts", "failed"),
    [("medium", 2, True), ("high", 2, False), ("medium", 1, False), ("F", 2, False), ("noncompliant", 2, False)],
)
def test_a_scan_counts_fleet_findings_at_its_end(threshold: str, hosts: int, failed: bool) -> None:
    """At the end, because the records are already written."""
    sink = ScanOutput([], [], [threshold])
    for host in HOSTS[:hosts]:
        seen = msgspec.structs.replace(host, host_keys=[ED, EC])
        sink.add(HostBatch([ResultEncoder(VerdictCache([load_profile("rfc9142")], strict=False)).result(seen)]))
    before = sink.fail_on.is_reached
    sink.finish(duration_ms=1.0)
    assert (before, sink.fail_on.is_reached) == (False, failed)


def test_fleet_findings_are_shown_beside_the_grade(scanned: Path) -> None:
    run = sshprobe("grade", "scan.jsonl", *NAMES, cwd=scanned)
    text = run.stdout.decode()
    assert text.count("Across the fleet, beside the grade:") == 2
    assert "shared host keys; " in text
    record = msgspec.json.decode((scanned / "scan.jsonl").read_bytes().splitlines()[0], type=HostRecord)
    assert "Across the fleet" not in block_of(record, Terminal())
    audit = sshprobe("report", "scan.jsonl", "--format", "ssh-audit", cwd=scanned)
    assert b"the same key on other machines" in audit.stdout


def test_fix_makes_new_keys_for_shared_ones(scanned: Path) -> None:
    run = sshprobe("grade", "scan.jsonl", "--fix", "--profile", "sshprobe-2026", cwd=scanned)
    assert b"ssh-keygen -q -t ed25519" in run.stdout
    (scanned / "alone.jsonl").write_bytes((scanned / "scan.jsonl").read_bytes().splitlines()[0] + b"\n")
    alone = sshprobe("grade", "alone.jsonl", "--fix", "--profile", "sshprobe-2026", cwd=scanned)
    assert b"ssh-keygen -q -t ed25519" not in alone.stdout
