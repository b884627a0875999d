"""The banner: required and missing, unknown, and with forbidden or required text."""

from __future__ import annotations

import pytest

from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import LONGEST_BANNER, Observation, UserAuthentication
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import Profile, load_profile
from sshprobe.remedy import grade, remedy
from sshprobe.scan.verdict_cache import VerdictCache
from tests.grading.observations import identification, modern

CIS, STIG, DEV_SEC = map(load_profile, ("cis-debian-12", "stig-rhel-9", "dev-sec"))
DOD = (
    b"You are accessing a U.S. Government (USG) Information System (IS) that is\n"
    b"provided for USG-authorized use only. By using this IS (which includes any\n"
)
BANNERS = {"authentication.no_banner", "authentication.banner", "authentication.banner_text"}


def sending(text: bytes | None, **changes: object) -> Observation:
    """A server that complies with the benchmark except for its banner. The benchmark has no -etm form of UMAC."""
    banner = None if text is None else escape_bytes(text, LONGEST_BANNER)
    macs = ["hmac-sha2-256-etm@openssh.com"]
    lists = {"mac_algorithms_client_to_server": macs, "mac_algorithms_server_to_client": macs}
    return modern(**{"authentication_banner": banner, **lists, **changes})


def found(verdict: Verdict) -> list[str]:
    return [finding.id for finding in verdict.findings if finding.id in BANNERS]


@pytest.mark.parametrize(
    ("profile", "text", "id"),
    [
        (CIS, None, "authentication.no_banner"),
        (CIS, b"", "authentication.no_banner"),
        (CIS, b"\r\n\n", "authentication.no_banner"),
        (CIS, b"Authorized use only.\n", None),
        (CIS, b"Kernel \\r on an \\m\n", "authentication.banner_text"),
        (CIS, b"\\S\n", "authentication.banner_text"),
        (CIS, b"Welcome to Debian GNU/Linux\n", "authentication.banner_text"),
        (CIS, b"debianish, C:\\new\\temp\n", None),
        (STIG, None, "authentication.no_banner"),
        (STIG, b"Authorized use only.\n", "authentication.banner_text"),
        (STIG, DOD, None),
        (STIG, b"I've read & consent to terms in IS user agreem't.", None),
        (DEV_SEC, None, None),
        (DEV_SEC, b"\n", None),
        (DEV_SEC, b"hello\n", "authentication.banner"),
    ],
)
def test_the_banner_rules_of_documents(profile: Profile, text: bytes | None, id: str | None) -> None:
    verdict = grade(sending(text), profile)
    assert found(verdict) == ([] if id is None else [id])
    if id is not None:
        (finding,) = [finding for finding in verdict.findings if finding.id == id]
        assert (finding.severity, finding.deviation) == ("low", True)
        assert verdict.compliant is False


def test_the_banner_is_unknown_without_a_login_request() -> None:
    for profile in (CIS, DEV_SEC):
        verdict = grade(sending(None, authentication_methods=None, authentication_none_accepted=None), profile)
        assert found(verdict) == []
        assert verdict.compliant is not True
        assert "the banner before login" in verdict.not_observed
    refused = sending(None, authentication_methods=None, authentication_none_accepted=True)
    assert found(grade(refused, CIS)) == ["authentication.no_banner"]


def test_the_banner_is_the_first_user_s() -> None:
    answers = {
        "root": UserAuthentication(methods=None, none_accepted=None),
        "nobody": UserAuthentication(methods=["publickey"], none_accepted=False),
    }
    unanswered = {"authentication_methods": None, "authentication_none_accepted": None}
    verdict = grade(sending(None, **unanswered, authentication_by_user=answers), CIS)
    assert found(verdict) == []
    assert "the banner before login" in verdict.not_observed


def test_the_end_of_a_long_banner_was_not_observed() -> None:
    verdict = grade(sending(b"a" * 5000), CIS)
    assert found(verdict) == []
    assert verdict.compliant is None
    assert verdict.not_observed == ["the end of the banner before login"]
    assert found(grade(sending(b"\\m" + b"a" * 5000), CIS)) == ["authentication.banner_text"]


def test_other_profiles_ignore_the_banner() -> None:
    for id in ("mozilla-modern", "sshprobe-2026", "pci-dss", "fips-140-3"):
        profile = load_profile(id)
        assert profile.banner is None
        assert grade(sending(b"Welcome to Debian"), profile) == grade(sending(None), profile)


def test_hosts_that_differ_only_in_the_banner_are_judged_separately() -> None:
    cache = VerdictCache([CIS], strict=False)
    verdicts = [cache.verdicts_for(sending(text)).verdicts[0] for text in (b"Authorized use only.", None, b"Debian")]
    assert [verdict.compliant for verdict in verdicts] == [True, False, False]
    assert verdicts == [grade(sending(text), CIS) for text in (b"Authorized use only.", None, b"Debian")]


def test_the_line_that_ends_a_banner() -> None:
    fixed = remedy(sending(b"hello"), DEV_SEC)
    assert "Banner none" in fixed.lines
    assert not any("banner" in left for left in fixed.left)


@pytest.mark.parametrize(("profile", "file"), [(CIS, "/etc/issue.net"), (STIG, "/etc/issue")])
def test_the_owner_decides_on_the_banner_text(profile: Profile, file: str) -> None:
    """Debian's /etc/issue.net names Debian, so the line alone would not comply."""
    fixed = remedy(sending(None), profile)
    assert not any(line.startswith("Banner") for line in fixed.lines)
    assert any(f"Banner {file}, with the right text in {file}" in left for left in fixed.left)
    assert fixed.compliant is False


def test_other_software_gets_words() -> None:
    dropbear = sending(None, identification=identification("SSH-2.0-dropbear_2025.89"))
    (finding,) = [finding for finding in grade(dropbear, CIS).findings if finding.id == "authentication.no_banner"]
    assert finding.remediation == "send the text that the profile asks for"
