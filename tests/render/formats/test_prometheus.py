"""`--format prometheus`, read by promtool and by prometheus-client's parser."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.test_cli_commands import sshprobe, write
from tests.installed import need_program
from tests.render.writing import HOSTILE, hostile_host, report_of
from tests.sample_records import debian12, failed


def test_promtool_accepts_the_file_and_the_collector_may_read_it(tmp_path: Path) -> None:
    promtool = need_program("promtool", "prometheus")
    hosts = [msgspec.structs.replace(debian12(), labels=[f"env={HOSTILE}", HOSTILE]), failed("timeout", "no answer")]
    write(tmp_path / "saved.jsonl", hosts)
    for _ in range(2):
        run = sshprobe("report", "saved.jsonl", "-o", "ssh.prom", cwd=tmp_path)
        assert (run.returncode, run.stderr) == (0, b"")
    text = (tmp_path / "ssh.prom").read_bytes()
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")
    assert (tmp_path / "ssh.prom").stat().st_mode & 0o777 == 0o644
    assert sorted(each.name for each in tmp_path.iterdir()) == ["saved.jsonl", "ssh.prom"]


def test_a_series_appears_once_and_metrics_are_grouped() -> None:
    hosts = [msgspec.structs.replace(debian12(), host=f"10.0.{n // 250}.{n % 250}") for n in range(1100)]
    text = report_of("prometheus", [*hosts, hosts[0], hostile_host()]).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert text.count("# TYPE") == len(families)
    assert len(families["sshprobe_score"].samples) == 1100
    assert len(families["sshprobe_answered"].samples) == 1101
    assert text.replace("\n", "").isprintable()
    assert report_of("prometheus", []) == b""


def test_two_hosts_with_the_same_labels_are_one_series() -> None:
    """Prometheus refuses a whole file for one series that it has twice."""
    same = [failed("timeout", "no answer", address) for address in ("a\x01", "a\\x01")]
    hosts = [*same, msgspec.structs.replace(same[0], address=None), msgspec.structs.replace(same[0], address="")]
    text = report_of("prometheus", hosts).decode()
    series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(set(series)) == len(series)
