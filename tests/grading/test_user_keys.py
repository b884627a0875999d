"""The meaning of server-sig-algs, and the servers where it has none."""

from __future__ import annotations

import pytest

from sshprobe.grading.checks.user_keys import accepted_signatures
from sshprobe.model.observation import Observation
from sshprobe.profiles import load_profile
from sshprobe.remedy import grade, remedy
from tests.grading.observations import host_key, identification, modern

CNSA, RHEL, MODERN = map(load_profile, ("cnsa-1.0", "cis-rhel-9", "mozilla-modern"))
STOCK = "ssh-ed25519,rsa-sha2-512,rsa-sha2-256"
OLD, NEW, OTHER = "SSH-2.0-OpenSSH_9.5", "SSH-2.0-OpenSSH_9.6", "SSH-2.0-dropbear_2025.89"


def listing(names: str | None, software: str = NEW) -> Observation:
    extensions = None if names is None else {"server-sig-algs": names}
    return modern(extensions=extensions, identification=identification(software), authentication_banner="welcome")


def suite(names: str | None, software: str = NEW) -> Observation:
    """Return a server that offers exactly what CNSA 1.0 requires."""
    lists = {
        "kex_algorithms": ["ecdh-sha2-nistp384", "kex-strict-s-v00@openssh.com"],
        "server_host_key_algorithms": ["ecdsa-sha2-nistp384"],
        "encryption_algorithms_client_to_server": ["aes256-gcm@openssh.com"],
        "encryption_algorithms_server_to_client": ["aes256-gcm@openssh.com"],
        "host_keys": [host_key("ecdsa-sha2-nistp384", 384)],
        "identification": identification(software),
        "extensions": None if names is None else {"server-sig-algs": names},
    }
    return modern(**lists)


@pytest.mark.parametrize(
    ("names", "software", "seen"),
    [
        (None, NEW, None),
        (STOCK, OLD, None),  # lists all compiled-in algorithms
        (STOCK, "SSH-2.0-OpenSSH", None),
        (STOCK, NEW, STOCK.split(",")),
        (STOCK, "SSH-2.0-OpenSSH_10.0p2", STOCK.split(",")),
        (STOCK, OTHER, STOCK.split(",")),
        ("", NEW, []),
    ],
)
def test_servers_that_list_accepted_signatures(names: str | None, software: str, seen: list[str] | None) -> None:
    assert accepted_signatures(listing(names, software)) == seen


@pytest.mark.parametrize("software", [NEW, OTHER])
def test_sha1_is_a_low_finding_and_not_a_deviation(software: str) -> None:
    verdict = grade(listing(f"{STOCK},ssh-rsa,ssh-dss", software), MODERN)
    (finding,) = [finding for finding in verdict.findings if finding.id == "authentication.signature_weak"]
    assert (finding.severity, finding.deviation, finding.observed) == ("low", False, "ssh-rsa, ssh-dss")
    assert verdict.compliant is True
    assert verdict.score < grade(listing(STOCK, software), MODERN).score


def test_a_list_of_compiled_in_names_proves_nothing() -> None:
    verdict = grade(listing(f"{STOCK},ssh-rsa,ssh-dss", OLD), MODERN)
    assert not any(finding.id.startswith("authentication.signature") for finding in verdict.findings)


def test_where_the_document_forbids_sha1_it_is_a_deviation() -> None:
    verdict = grade(listing(f"{STOCK},ssh-rsa"), RHEL)
    assert [finding.id for finding in verdict.findings if finding.deviation] == ["authentication.signature_unlisted"]
    assert not any(finding.id == "authentication.signature_weak" for finding in verdict.findings)
    assert grade(listing(STOCK), RHEL).compliant is True
    # OpenSSH 8.7 of RHEL 9 does not show it, so it is not required.
    assert grade(listing(f"{STOCK},ssh-rsa", "SSH-2.0-OpenSSH_8.7"), RHEL).compliant is True


def test_a_closed_list_has_to_be_seen() -> None:
    right = "ecdsa-sha2-nistp384,rsa-sha2-512"
    assert grade(suite(right), CNSA).compliant is True
    for unseen in (suite(None), suite(right, OLD)):
        verdict = grade(unseen, CNSA)
        assert verdict.compliant is None
        assert verdict.not_observed == ["the signature algorithms that users' keys may use (server-sig-algs)"]
    wrong = grade(suite(f"{right},ssh-ed25519"), CNSA)
    assert [(each.id, each.observed) for each in wrong.findings if each.deviation] == [
        ("authentication.signature_unlisted", "ssh-ed25519")
    ]


def test_no_line_is_pasted_that_could_lock_somebody_out() -> None:
    fixed = remedy(suite("ssh-ed25519,ssh-rsa"), CNSA)
    assert not any("PubkeyAccepted" in line for line in fixed.lines)
    assert any("PubkeyAcceptedAlgorithms" in left for left in fixed.left)
