"""`sshprobe report` shows in a page what changed since an older scan, and the grades of the scans between."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe.cli import main
from sshprobe.model.records import HostRecord, SweepRecord
from sshprobe.views.summary import SummaryBuilder
from tests.render.formats.html.pages import fleet
from tests.render.formats.html.test_page import data
from tests.sample_records import HEADER


@pytest.fixture
def scans(tmp_path: Path) -> list[Path]:
    """Return three scans: on the third day the key of a host is another one."""
    weak, good = (next(host for host in fleet() if name in host_name(host)) for name in ("OpenSSH_5.3", "OpenSSH_10"))
    assert weak.host_keys
    other = msgspec.structs.replace(weak.host_keys[0], fingerprint="SHA256:" + "x" * 43)
    changed = msgspec.structs.replace(weak, host_keys=[other, *weak.host_keys[1:]])
    paths = []
    for day, hosts in enumerate(([weak], [weak, good], [changed, good]), 1):
        counts, moment = SummaryBuilder(), f"2026-11-{day:02}T12:00:00.000Z"
        hosts = [msgspec.structs.replace(host, started_at=moment) for host in hosts]
        for host in hosts:
            counts.add(host)
        header = msgspec.structs.replace(HEADER, started_at=moment, scan_id=f"{day:016x}")
        paths.append(tmp_path / f"{day}.jsonl")
        write_scan(paths[-1], header, hosts, counts)
    return paths


def host_name(host: HostRecord) -> str:
    return "" if host.identification is None else host.identification.software


def write_scan(path: Path, header: SweepRecord, hosts: list[HostRecord], counts: SummaryBuilder) -> None:
    records = [header, *hosts, counts.build(duration_ms=1.0)]
    path.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))


def sshprobe(*words: object) -> int:
    return main([str(word) for word in words])


def page(path: Path) -> Any:
    return data(path.read_bytes())


def titles(found: Any) -> list[str]:
    return [section["title"] for section in found["changes"]["sections"]]


def test_changes_since_an_older_file(scans: list[Path], tmp_path: Path) -> None:
    output = tmp_path / "report.html"
    assert sshprobe("report", scans[2], "--compare-with", scans[0], "-o", output) == 0
    found = page(output)
    assert titles(found)[0] == "Host keys changed"
    assert "New hosts" in titles(found)
    assert "1 host key changed" in found["changes"]["verdict"]
    assert found["trend"] == []


def test_changes_and_grades_of_a_history(scans: list[Path], tmp_path: Path) -> None:
    history, output = tmp_path / "scans.db", tmp_path / "report.html"
    for path in scans:
        assert sshprobe("history", "import", path, "--history", history) == 0
    assert sshprobe("report", scans[1], "--history", history, "-o", output) == 0
    found = page(output)
    assert titles(found) == ["New hosts"]
    points = [point for point in found["trend"] if point["profile"] == "sshprobe-2026"]
    assert [(point["started_at"][:10], sum(point["grades"].values())) for point in points] == [
        ("2026-11-01", 1),
        ("2026-11-02", 2),
    ]


def test_a_report_of_a_stored_scan(scans: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    history, output = tmp_path / "scans.db", tmp_path / "report.html"
    for path in scans:
        assert sshprobe("history", "import", path, "--history", history) == 0
    assert sshprobe("report", "--scan", "latest", "--history", history, "-o", output) == 0
    assert titles(page(output))[0] == "Host keys changed"
    capsys.readouterr()
    for number, path in enumerate(scans, 1):
        assert sshprobe("report", "--scan", f"{number:016x}", "--history", history, "--format", "csv") == 0
        stored = capsys.readouterr().out
        assert sshprobe("report", path, "--format", "csv") == 0
        assert sorted(capsys.readouterr().out.splitlines()) == sorted(stored.splitlines())
    assert sshprobe("report", "--scan", "latest", "--history", history, "--format", "sarif") == 0
    assert str(tmp_path) not in capsys.readouterr().out
    assert sshprobe("report", scans[0], "--scan", "latest") == 2
    assert sshprobe("report", "--scan", "f" * 16, "--history", history) == 2
    assert "has no scan" in capsys.readouterr().err


def test_a_key_that_is_back_again_has_its_remark(scans: list[Path], tmp_path: Path) -> None:
    history, output = tmp_path / "scans.db", tmp_path / "report.html"
    for number, path in enumerate((scans[1], scans[2], scans[1], scans[2]), 1):
        text = re.sub(r"2026-11-\d\d", f"2026-11-{number:02}", path.read_text())
        again = tmp_path / f"again{number}.jsonl"
        again.write_text(re.sub(r"0{15}\d", f"{number:016x}", text))
        assert sshprobe("history", "import", again, "--history", history) == 0
    assert sshprobe("report", again, "--history", history, "-o", output) == 0
    changes = page(output)["changes"]
    assert "1 host key changed" in changes["verdict"]
    assert "answers alternate: seen before on 2026-11-02 12:00 UTC" in changes["sections"][0]["rows"][0]["details"]


def test_a_scan_that_the_history_does_not_have(
    scans: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    history, output = tmp_path / "scans.db", tmp_path / "report.html"
    sshprobe("history", "import", scans[0], "--history", history)
    assert sshprobe("report", scans[2], "--history", history, "-o", output) == 0
    assert "no changes are shown" in capsys.readouterr().err
    assert page(output)["changes"] is None


def test_a_history_of_the_environment_may_be_missing(
    scans: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    missing, output = tmp_path / "missing.db", tmp_path / "report.html"
    assert sshprobe("report", scans[2], "--history", missing, "-o", output) == 2
    assert not output.exists()
    monkeypatch.setenv("SSHPROBE_HISTORY", str(missing))
    capsys.readouterr()
    assert sshprobe("report", scans[2], "-o", output) == 0
    assert "no earlier scans are shown" in capsys.readouterr().err
    assert page(output)["trend"] == []


def test_earlier_scans_that_cannot_be_shown(
    scans: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for options in (
        ("--compare-with", scans[0]),
        ("--history", tmp_path / "scans.db"),
        ("--compare-with", scans[0], "--format", "html", "--grade", "F"),
        ("--compare-with", scans[0], "--format", "html", "-"),
    ):
        assert sshprobe("report", scans[2], *options) == 2
        shown = capsys.readouterr()
        assert shown.out == ""
        assert shown.err.startswith("error: `--")
