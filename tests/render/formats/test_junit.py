"""`--format junit`, read by junit2html and by junitparser."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import msgspec
from junitparser import JUnitXml

from sshprobe.model.verdict import Effect, Waived
from tests.render.writing import HOSTILE, hostile_host, report_of
from tests.sample_records import CLEAN, WANTING, captured, debian12, failed, finding, judged

WAIVER = Waived(reason="until June", until="2027-06-30", hosts="*", effect=Effect(points=5), deviation=True)


def outcomes(data: bytes) -> dict[tuple[str, str, str], str]:
    """Return suite, profile and test to "", or kind and message of its result."""
    return {
        (suite.attrib["name"], case.attrib["classname"], case.attrib["name"]): " ".join(
            f"{each.tag}: {each.attrib['message']}" for each in case
        )
        for suite in ElementTree.fromstring(data)
        for case in suite
    }


def test_a_category_passes_only_if_everything_was_observed() -> None:
    partial = msgspec.structs.replace(CLEAN, profile="partial", compliant=None, not_observed=["host keys"])
    hinted = msgspec.structs.replace(CLEAN, profile="hinted", grade_is_partial=True)
    found = outcomes(report_of("junit", [judged(captured("openssh-9.9p2"), CLEAN, WANTING, partial, hinted)]))
    host = "192.0.2.1:22"
    assert found[host, "partial", "cipher"] == "skipped: not everything was observed: host keys"
    assert found[host, "hinted", "cipher"] == "skipped: not everything was observed: ok"
    assert found[host, "mozilla-modern", "mac"] == "failure: hmac-sha1: SHA-1; offered in both directions"
    assert found[host, "mozilla-modern", "cipher"] == ""
    cut = msgspec.structs.replace(judged(captured("openssh-9.9p2"), CLEAN), status="partial", error="the peer hung up")
    assert set(outcomes(report_of("junit", [cut])).values()) == {
        "skipped: not everything was observed: the peer hung up"
    }


def test_waived_findings_and_hosts_without_a_verdict_do_not_pass() -> None:
    bad = msgspec.structs.replace(WANTING.findings[0], waived=WAIVER, deviation=False)
    shared = finding("host_key.shared", "medium", "ssh-rsa", "on 2 machines")
    host = msgspec.structs.replace(
        judged(debian12(), msgspec.structs.replace(CLEAN, findings=[bad])), fleet_findings=[shared]
    )
    unjudged = msgspec.structs.replace(captured("openssh-9.9p2"), host="192.0.2.9")
    found = outcomes(report_of("junit", [host, failed("timeout", "no answer"), unjudged]))
    waived = "skipped: mac.weak hmac-sha1: SHA-1; offered in both directions is waived until 2027-06-30: until June"
    assert found["web1.example.org:22", "mozilla-modern", "mac"] == waived
    assert found["web1.example.org:22", "fleet", "host_key.shared"] == "failure: ssh-rsa: on 2 machines"
    assert found["192.0.2.200:22", "sshprobe", "verdict"] == "error: no answer"
    assert found["192.0.2.9:22", "sshprobe", "verdict"] == "error: the record has no verdict: use `sshprobe grade`"


def test_junit2html_and_junitparser_read_text_of_a_server(tmp_path: Path) -> None:
    bad = msgspec.structs.replace(WANTING.findings[0], algorithm=HOSTILE, message=HOSTILE, remediation=HOSTILE)
    hosts = [judged(hostile_host(), msgspec.structs.replace(WANTING, findings=[bad])), debian12()]
    data = report_of("junit", hosts)
    assert data.decode().replace("\n", "").isprintable()
    (tmp_path / "fleet.xml").write_bytes(data)
    command = [sys.executable, "-m", "junit2htmlreport", "fleet.xml", "fleet.html"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    page = (tmp_path / "fleet.html").read_text()
    assert "web1.example.org:22" in page
    assert "u202ereversed" in page
    suites = list(JUnitXml.fromstring(data))
    assert [(suite.tests, suite.failures) for suite in suites] == [(9, 1), (9, 3)]
    assert list(JUnitXml.fromstring(report_of("junit", []))) == []
