"""`--format cyclonedx`, read by the strict validator of cyclonedx-python-lib and by cbomctl."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from sshprobe.model.records import HostRecord, SweepRecord
from sshprobe.render.formats import cyclonedx
from tests.render.writing import HOSTILE, hostile_header, hostile_host, report_of
from tests.sample_records import CAPTURES, HEADER, captured, debian12, failed

VERSIONS = {"cyclonedx": SchemaVersion.V1_6, "cyclonedx-1.7": SchemaVersion.V1_7}
NAMES = sorted(path.stem for path in CAPTURES.glob("*.json"))


def inventory(name: str, hosts: list[HostRecord], header: SweepRecord = HEADER) -> dict[str, Any]:
    """Return a document that is valid, with references that all lead to one component."""
    data = report_of(name, hosts, header).decode()
    error = JsonStrictValidator(VERSIONS[name]).validate_str(data)
    assert error is None, error
    document: dict[str, Any] = json.loads(data)
    refs = [each["bom-ref"] for each in document["components"]]
    assert len(refs) == len(set(refs))
    assert set(references(document["components"])) <= set(refs)
    return document


def references(value: Any) -> list[str]:
    """Return all references in a part of a document."""
    if isinstance(value, list):
        return [ref for each in value for ref in references(each)]
    if not isinstance(value, dict):
        return []
    found = [*value.get("algorithms", ()), *value.get("cryptoRefArray", ())]
    found += [value[key] for key in ("algorithmRef", "ref") if key in value]
    return [*found, *(ref for each in value.values() for ref in references(each))]


def algorithms(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {
        each["name"]: each["cryptoProperties"]["algorithmProperties"]
        for each in document["components"]
        if each["cryptoProperties"]["assetType"] == "algorithm"
    }


@pytest.mark.parametrize("name", VERSIONS)
def test_every_capture_makes_a_valid_inventory(name: str) -> None:
    document = inventory(name, [captured(each) for each in NAMES])
    servers = [each for each in document["components"] if each["cryptoProperties"]["assetType"] == "protocol"]
    assert len(servers) == len([each for each in NAMES if captured(each).kex_algorithms is not None])
    assert {"X25519", "ML-KEM-768", "Ed25519", "AES-256-GCM", "HMAC-SHA-1", "DH-2048"} <= algorithms(document).keys()


def test_a_server_lists_names_of_ssh_as_suites_with_their_primitives() -> None:
    document = inventory("cyclonedx", [debian12(), failed("timeout", "no answer")])
    keys = [each for each in document["components"] if each["bom-ref"].startswith("server-1-key")]
    server = next(each for each in document["components"] if each["bom-ref"] == "server-1")
    suites = {
        each["name"]: each.get("algorithms")
        for each in server["cryptoProperties"]["protocolProperties"]["cipherSuites"]
    }
    assert suites["curve25519-sha256"] == ["algorithm-X25519", "algorithm-SHA-256"]
    assert suites["rsa-sha2-512"] == ["algorithm-RSA-3072", "algorithm-SHA-512"]
    assert "kex-strict-s-v00@openssh.com" not in suites
    host = debian12()
    assert len(keys) == len(host.host_keys or ())
    assert {"name": "sshprobe:grade:mozilla-modern", "value": "C"} in server["properties"]
    assert document["metadata"]["properties"] == [{"name": "sshprobe:hosts_left_out", "value": "1"}]
    found = algorithms(document)
    assert found["X25519"] == {"primitive": "key-agree", "nistQuantumSecurityLevel": 0, "curve": "X25519"}
    assert found["RSA-3072"]["parameterSetIdentifier"] == "3072"
    old = algorithms(inventory("cyclonedx", [captured("openssh-5.3p1"), captured("openssh-6.7p1")]))
    assert [name for name in old if name.startswith("DSA")] == ["DSA-1024"]
    assert algorithms(inventory("cyclonedx-1.7", [host]))["X25519"]["ellipticCurve"] == "other/Curve25519"


def test_cbomctl_knows_the_purpose_of_every_algorithm(tmp_path: Path) -> None:
    hosts = [captured(each) for each in ("openssh-9.9p2", "openssh-debian13-10.0p2", "openssh-5.3p1")]
    (tmp_path / "cbom.json").write_bytes(report_of("cyclonedx", hosts))
    words = ["verdict", "cbom.json", "--format", "json"]
    command = [sys.executable, "-c", "from cbomctl.cli import main; main()", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    purposes = {each["display"]: each["purpose"] for each in json.loads(done.stdout)["matrix"]}
    assert purposes["X25519"] == purposes["ML-KEM-768"] == purposes["DH-1024"] == "key-agreement"
    assert purposes["Ed25519"] == purposes["RSA-3072"] == "signature"
    assert purposes["AES-256-GCM"] == "encryption"
    assert purposes["HMAC-SHA-256"] == "mac"


@pytest.mark.parametrize("name", VERSIONS)
def test_text_of_a_server_and_an_empty_report_are_valid(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cyclonedx, "_MOST_PRIMITIVES", 1)
    key = (debian12().host_keys or [])[0]
    bad = msgspec.structs.replace(key, type=HOSTILE, fingerprint=HOSTILE, bits=10**40)
    host = msgspec.structs.replace(
        hostile_host(), kex_algorithms=["curve25519-sha256", HOSTILE], host_keys=[bad, key], labels=[HOSTILE]
    )
    document = inventory(name, [host, debian12()], hostile_header())
    assert "\\u202ereversed" in json.dumps(document, ensure_ascii=False).replace("\\\\", "\\")
    assert inventory(name, [])["components"] == []
