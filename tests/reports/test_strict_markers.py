"""Strict key exchange under its standard name (draft-ietf-sshm-strict-kex), with or without OpenSSH's name."""

from __future__ import annotations

import pytest

from sshprobe.algorithms import is_marker, lookup
from sshprobe.cli.report_writer import report_context
from sshprobe.grading.checks.key_exchange import exposed_directions
from sshprobe.model.records import HostRecord
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.render.formats.ssh_audit import ssh_audit_document
from tests.grading.observations import modern
from tests.reports.conftest import StartDevice

NAMES = ("kex-strict-s", "kex-strict-c", "kex-strict-s-v00@openssh.com", "kex-strict-c-v00@openssh.com")
ERLANG = ["mlkem768x25519-sha256", "curve25519-sha256", "ext-info-s"]
CHACHA20 = "chacha20-poly1305@openssh.com"


@pytest.mark.parametrize("name", NAMES)
def test_each_form_is_a_marker_and_not_an_algorithm(name: str) -> None:
    assert is_marker(name)
    assert lookup("kex", name) is None


@pytest.mark.parametrize(
    ("markers", "safe"),
    [
        (["kex-strict-s"], True),
        (["kex-strict-s-v00@openssh.com"], True),
        (["kex-strict-s", "kex-strict-s-v00@openssh.com"], True),
        (["kex-strict-c", "kex-strict-c-v00@openssh.com"], False),
        ([], False),
    ],
)
def test_either_form_of_the_marker_protects_from_terrapin(markers: list[str], safe: bool) -> None:
    seen = modern(
        kex_algorithms=[*ERLANG, *markers],
        encryption_algorithms_client_to_server=[CHACHA20],
        encryption_algorithms_server_to_client=[CHACHA20],
    )
    assert (exposed_directions(seen) == {}) is safe
    for name in ("sshprobe-2026", "mozilla-modern", "mozilla-intermediate"):
        verdict = grade(seen, load_profile(name))
        assert ("kex.terrapin" in {finding.id for finding in verdict.findings}) is not safe
        assert not any("kex-strict" in (finding.observed or "") for finding in verdict.findings)


async def test_a_server_with_both_forms_is_strict(device: StartDevice) -> None:
    seen = await (await device("39")).probe(depth="keys")
    assert seen.strict_kex
    assert [key.signature_verified for key in seen.host_keys or []] == [True]
    for name in ("sshprobe-2026", "mozilla-modern"):
        profile = load_profile(name)
        verdict = grade(seen, profile)
        assert not any("kex-strict" in f"{finding.message} {finding.observed}" for finding in verdict.findings)
        advice = remedy(seen, profile)
        assert "kex-strict" not in repr(advice)
    record = HostRecord(**{name: getattr(seen, name) for name in seen.__struct_fields__})
    document = ssh_audit_document(record, report_context())
    marks = [each for each in document["kex"] if "kex-strict" in each["algorithm"]]
    assert [each["notes"].keys() for each in marks] == [{"info"}, {"info"}]
    assert "kex-strict" not in repr(document["recommendations"])


async def test_a_server_with_the_clients_marker_is_not_strict(device: StartDevice) -> None:
    seen = await (await device("19")).probe(depth="lists")
    assert seen.strict_kex is False
    assert exposed_directions(seen)
