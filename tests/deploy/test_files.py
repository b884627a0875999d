"""The files of docker/ and deploy/ against the schemas and programs that read them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sshprobe.cli import main
from tests.installed import need_program

ROOT = Path(__file__).parents[2]
UNITS = ("sshprobe.service", "sshprobe-scan@.service")


@pytest.mark.parametrize(
    ("schema", "path"),
    [("vendor.compose-spec", "docker/compose.yaml"), ("vendor.github-actions", "deploy/github/action.yml")],
)
def test_schemas(schema: str, path: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, str(ROOT / path)]
    subprocess.run(command, check=True, capture_output=True)


def test_kubernetes_accepts_the_manifests() -> None:
    kinds = []
    for document in yaml.safe_load_all((ROOT / "deploy/kubernetes/sshprobe.yaml").read_text()):
        kubernetes_validate.validate(document, "1.31", strict=True)
        kinds.append(document["kind"])
    assert kinds == ["CronJob", "Deployment", "Service"]


@pytest.mark.parametrize("unit", UNITS)
def test_the_services_are_confined(unit: str) -> None:
    program = need_program("systemd-analyze", "systemd")
    command = [program, "security", "--offline=true", "--threshold=25", str(ROOT / "deploy/systemd" / unit)]
    subprocess.run(command, check=True, capture_output=True)


def test_the_compose_file_names_files_that_are_there() -> None:
    compose: dict[str, Any] = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (ROOT / "docker" / source).exists(), source
            else:
                assert source in compose["volumes"]
        assert not re.search(r"(?i)password=\w", json.dumps(service))
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:")


def test_the_configuration_of_the_compose_file_is_right(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "check", "--config", str(ROOT / "docker/sshprobe.toml")]) == 0
    assert "fleet runs next on" in capsys.readouterr().out


def test_the_build_context_has_what_the_dockerfile_copies() -> None:
    lines = (ROOT / "docker/Dockerfile").read_text().splitlines()
    copied = {
        word for line in lines if line.startswith("COPY ") and "--from" not in line for word in line.split()[1:-1]
    }
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((ROOT / each).exists() for each in copied)


TESTS = """\
rule_files: [RULES]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - { series: 'sshprobe_compliant{job="ssh",instance="web1",profile="p"}', values: '0x60' }
      - { series: 'probe_success{job="ssh",instance="web2"}', values: '0x60' }
      - { series: 'probe_success{job="ssh",instance="web3"}', values: '0x10 1x50' }
      - { series: 'sshprobe_host_key_changed_timestamp_seconds{job="sshprobe",host="web4"}', values: '600x60' }
      - { series: 'up{job="sshprobe",instance="x"}', values: '0x60' }
      - { series: 'sshprobe_schedule_last_run_failed{scan="nightly"}', values: '1x60' }
      - { series: 'sshprobe_history_up', values: '0x60' }
    alert_rule_test:
      - eval_time: 45m
        alertname: SSHNotCompliant
        exp_alerts:
          - exp_labels: { severity: warning, job: ssh, instance: web1, profile: p }
            exp_annotations: { summary: web1 does not comply with p }
      - eval_time: 20m
        alertname: SSHSilent
        exp_alerts: []
      - eval_time: 45m
        alertname: SSHSilent
        exp_alerts:
          - exp_labels: { severity: warning, job: ssh, instance: web2 }
            exp_annotations: { summary: web2 does not answer as an SSH server }
      - eval_time: 45m
        alertname: SSHHostKeyChanged
        exp_alerts:
          - exp_labels: { severity: critical, job: sshprobe, host: web4 }
            exp_annotations: { summary: a scan of the last day saw other host keys on web4 }
      - eval_time: 45m
        alertname: SSHProbeDown
        exp_alerts:
          - exp_labels: { severity: critical, job: sshprobe, instance: x }
            exp_annotations: { summary: sshprobe does not answer on x }
      - eval_time: 45m
        alertname: SSHScanFailed
        exp_alerts:
          - exp_labels: { severity: warning, scan: nightly }
            exp_annotations: { summary: the scheduled scan nightly failed }
      - eval_time: 45m
        alertname: SSHHistoryDown
        exp_alerts:
          - exp_labels: { severity: warning }
            exp_annotations: { summary: sshprobe cannot read its history }
"""


def test_the_alerts_fire_as_written(tmp_path: Path) -> None:
    promtool = need_program("promtool", "prometheus")
    (tmp_path / "tests.yml").write_text(TESTS.replace("RULES", str(ROOT / "deploy/prometheus/rules.yml")))
    run = subprocess.run(
        [promtool, "test", "rules", str(tmp_path / "tests.yml")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_prometheus_accepts_its_configuration(tmp_path: Path) -> None:
    promtool = need_program("promtool", "prometheus")
    config = yaml.safe_load((ROOT / "docker/prometheus.yml").read_text())
    for job in config["scrape_configs"]:
        (tmp_path / "token").write_text("x")
        job["authorization"]["credentials_file"] = str(tmp_path / "token")
    (tmp_path / "rules.yml").write_text((ROOT / "deploy/prometheus/rules.yml").read_text())
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    subprocess.run([promtool, "check", "config", str(tmp_path / "prometheus.yml")], check=True, capture_output=True)
