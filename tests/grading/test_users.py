"""Authentication methods of several users: the union is judged, and the verdict names the users."""

from __future__ import annotations

import msgspec
import pytest

from sshprobe.cli.options import probing as options
from sshprobe.grading.fleet.facts import answers_of
from sshprobe.model.observation import Observation, UserAuthentication
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Finding, Verdict
from sshprobe.probe.probe_options import DEFAULT_AUTH_USERS
from sshprobe.profiles import load_profile, parse_profile
from sshprobe.remedy import grade, remedy
from sshprobe.remedy.profile_from_host import golden_profile
from sshprobe.render.text.terminal import Terminal
from sshprobe.scan.verdict_cache import VerdictCache
from tests.grading.observations import modern
from tests.render.blocks import block_of

MODERN = load_profile("mozilla-modern")
NOTHING = UserAuthentication(methods=None, none_accepted=None)


def answer(found: list[str] | bool | None) -> UserAuthentication:
    if found is True:
        return UserAuthentication(methods=[], none_accepted=True)
    return UserAuthentication(methods=found or [], none_accepted=False) if isinstance(found, list) else NOTHING


def seen(**users: list[str] | bool | None) -> Observation:
    """`users` to their methods, True for a login without a credential, None without an answer."""
    answers = {user: answer(found) for user, found in users.items()}
    first = next(iter(answers))
    return modern(
        authentication_user=first,
        authentication_methods=answers[first].methods,
        authentication_none_accepted=answers[first].none_accepted,
        authentication_by_user=answers,
    )


def about(verdict: Verdict) -> list[Finding]:
    return [each for each in verdict.findings if each.category == "authentication"]


def test_a_finding_about_passwords_names_the_users() -> None:
    verdict = grade(seen(root=["publickey"], nobody=["publickey", "password"]), MODERN)
    assert verdict.compliant is False
    assert verdict.authentication_users == ["root", "nobody"]
    (finding,) = about(verdict)
    assert (finding.algorithm, finding.observed) == ("password", "password for user nobody")
    assert finding.message.endswith("; listed for user nobody")


def test_for_all_of_them_the_message_needs_no_names() -> None:
    (finding,) = about(grade(seen(root=["publickey", "password"], nobody=["password", "publickey"]), MODERN))
    assert (finding.message, finding.observed) == (
        "the profile wants publickey alone",
        "password for users root and nobody",
    )


def test_one_connection_shows_one_user_and_the_verdict_names_the_user() -> None:
    verdict = grade(seen(root=["publickey"]), MODERN)
    assert (verdict.compliant, verdict.authentication_users) == (True, ["root"])


def test_a_user_without_an_answer_leaves_compliance_open() -> None:
    verdict = grade(seen(root=["publickey"], nobody=None), MODERN)
    assert (verdict.compliant, verdict.authentication_users) == (None, ["root"])
    assert verdict.not_observed == ["authentication methods of user nobody"]


def test_a_login_without_a_credential_of_any_user_counts() -> None:
    verdict = grade(seen(root=["publickey"], nobody=True), MODERN)
    (finding,) = about(verdict)
    assert (finding.id, finding.severity, finding.observed) == (
        "authentication.none_accepted",
        "critical",
        "success for user nobody",
    )
    assert "no credential" in finding.message
    assert "was not tried" in finding.message


@pytest.mark.parametrize("profile", ["sshprobe-2026", "rfc9142", "mozilla-modern", "pci-dss", "cis-debian-12"])
def test_an_empty_list_is_a_finding_in_every_profile(profile: str) -> None:
    for observed in (seen(root=[]), seen(root=["publickey"], nobody=[]), seen(root=[""])):
        verdict = grade(observed, load_profile(profile))
        found = [each for each in verdict.findings if each.id == "authentication.no_methods"]
        assert [each.severity for each in found] == ["medium"]
        assert verdict.grade not in ("A+", "A")
        if load_profile(profile).authentication is not None:
            assert verdict.compliant is not True


def test_old_records_are_judged_by_their_one_user() -> None:
    old = modern(authentication_user="alice", authentication_methods=["publickey", "password"])
    (finding,) = about(grade(old, MODERN))
    assert finding.observed == "password for user alice"
    finding, *_ = about(grade(modern(authentication_methods=[]), MODERN))
    assert finding.id == "authentication.no_methods"


def test_verdicts_are_kept_by_user() -> None:
    cache = VerdictCache([MODERN], strict=False)
    one, other = seen(root=["publickey"]), seen(root=["publickey"], nobody=["publickey", "password"])
    assert cache.verdicts_for(one).verdicts == [grade(one, MODERN)]
    assert cache.verdicts_for(other).verdicts == [grade(other, MODERN)]


def test_the_printed_lines_lock_no_user_out() -> None:
    found = remedy(seen(root=["publickey", "password"], nobody=["password"]), MODERN)
    lines = [line for change in found.changes for line in change.text]
    assert "PubkeyAuthentication yes" in lines  # the user nobody has no key login yet
    assert found.compliant is True


def test_a_golden_profile_allows_what_any_user_has() -> None:
    observed = seen(root=["publickey"], nobody=["publickey", "password"])
    profile = parse_profile(golden_profile(observed, None, exact=False), source="golden")
    assert profile.authentication is not None
    assert profile.authentication.allowed == ("publickey", "password")
    assert grade(observed, profile).compliant is True


def test_two_machines_that_differ_for_one_user_differ() -> None:
    one, other = seen(root=["publickey"], nobody=["publickey"]), seen(root=["publickey"], nobody=["password"])
    assert answers_of(one) != answers_of(other)


def test_the_block_of_a_host_names_the_users() -> None:
    def block(observed: Observation) -> str:
        record = HostRecord(**msgspec.structs.asdict(observed), verdicts=[grade(observed, MODERN)])
        return block_of(record, Terminal(120, False, False))

    assert "Login methods seen for root and nobody." in block(seen(root=["publickey"], nobody=["publickey"]))
    alone = " ".join(block(seen(root=["publickey"], nobody=None)).split())
    assert "Login methods seen only for root. `--auth-user NAME` queries others." in alone


def test_the_command_and_the_library_have_the_same_users() -> None:
    assert options.DEFAULT_AUTH_USERS == DEFAULT_AUTH_USERS == ("root", "nobody")
