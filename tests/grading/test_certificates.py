"""Certificates of host keys: names, validity, kind, and the moment of judgement."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from sshprobe.grading import FleetFacts, FleetIndex, key_findings
from sshprobe.model.observation import Observation
from sshprobe.model.verdict import Finding
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade
from tests.grading.observations import certified, modern

MODERN = load_profile("mozilla-modern")
NAME = "ssh-ed25519-cert-v01@openssh.com"
SEEN = "2026-11-21T13:00:00.250Z"
NOW = int(datetime(2026, 11, 21, 13, tzinfo=UTC).timestamp())


def shown(seen: str = SEEN, host: str = "server.example", **certificate: Any) -> Observation:
    return modern(
        server_host_key_algorithms=[NAME, "ssh-ed25519"],
        host_keys=[certified(NAME, 256, **certificate)],
        started_at=seen,
        host=host,
    )


def ids(observation: Observation) -> dict[str, Finding]:
    found = grade(observation, MODERN).findings
    return {finding.id.removeprefix("host_key."): finding for finding in found if "certificate" in finding.id}


@pytest.mark.parametrize(
    ("after", "before", "id"),
    [
        (0, 2**64 - 1, None),
        (NOW, NOW + 1, None),
        (NOW + 1, NOW + 100, "certificate_not_yet_valid"),
        (NOW - 100, NOW, "certificate_expired"),
        (NOW - 100, NOW + 1, None),
        (2**63, 2**64 - 1, "certificate_not_yet_valid"),
        (0, 0, "certificate_expired"),
    ],
)
def test_valid_from_a_moment_until_before_another(after: int, before: int, id: str | None) -> None:
    """As in `sshkey_cert_check_authority`: from `valid_after` on, and not at `valid_before`."""
    assert list(ids(shown(valid_after=after, valid_before=before))) == ([id] if id else [])


def test_the_words_name_both_moments() -> None:
    found = ids(shown(valid_after=0, valid_before=NOW - 3600))["certificate_expired"]
    assert (found.severity, found.deviation, found.algorithm) == ("medium", False, NAME)
    assert found.observed == "valid until 2026-11-21 12:00 UTC"
    assert (found.remediation or "").startswith("sign the host key again: ssh-keygen -s CA ")
    assert "2026-11-21 13:00 UTC" in found.expected


@pytest.mark.parametrize("seen", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-21", "2026-11-21T13:00:00"])
def test_a_malformed_time_judges_nothing(seen: str) -> None:
    assert ids(shown(seen, valid_after=NOW + 100, valid_before=NOW - 100)) == {}


def test_a_time_zone_is_respected() -> None:
    assert list(ids(shown("2026-11-21T14:59:59+02:00", valid_after=NOW))) == ["certificate_not_yet_valid"]
    assert list(ids(shown("2026-11-21T15:00:00+02:00", valid_after=NOW))) == []
    assert list(ids(shown("2026-11-21T08:00:00-05:00", valid_after=NOW))) == []


@pytest.mark.parametrize("kind", ["user", "3"])
def test_a_certificate_that_is_not_for_a_host(kind: str) -> None:
    found = ids(shown(kind=kind))
    assert list(found) == ["certificate_kind"]
    assert found["certificate_kind"].severity == "medium"


@pytest.mark.parametrize(
    ("principals", "host", "severity"),
    [
        ([], "server.example", "medium"),
        ([], "192.0.2.1", "medium"),
        (["server.example"], "server.example", None),
        (["*.example"], "server.example", None),
        (["other.example"], "server.example", "note"),
        (["other.example"], "192.0.2.1", None),
        (["other.example"], "2001:db8::1", None),
        (["other.example"], "fe80::1%eth0", None),
        (["SERVER.EXAMPLE"], "server.example", "note"),
    ],
)
def test_the_names_of_a_certificate(principals: list[str], host: str, severity: str | None) -> None:
    found = ids(shown(principals=principals, host=host))
    assert [finding.severity for finding in found.values()] == ([severity] if severity else [])


def test_the_worst_of_two_certificates_of_a_type_counts() -> None:
    keys = [certified(NAME, 256, ca_bits=1024), certified(NAME, 256, signature_algorithm="ssh-rsa")]
    for each in (keys, keys[::-1]):
        verdict = grade(replace(shown(), host_keys=each), MODERN)
        (found,) = [finding for finding in verdict.findings if finding.id == "host_key.authority"]
        assert (found.severity, found.message) == ("high", "its certificate is signed by a CA key of 1024 bits")


def test_a_report_on_keys_has_certificates_too() -> None:
    observation = shown(valid_before=NOW)
    found = key_findings(observation, FleetIndex(FleetFacts().report()))
    assert [finding.id for finding in found] == ["host_key.certificate_expired"]


def test_a_certificate_without_proof_is_not_judged() -> None:
    observation = shown(kind="user")
    assert observation.host_keys is not None
    unproven = replace(observation, host_keys=[replace(observation.host_keys[0], signature_verified=False)])
    assert ids(unproven) == {}
