"""Waivers remove costs but never hide findings."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sshprobe.cli.exit_codes import reached
from sshprobe.grading import POINTS, is_gradeable
from sshprobe.grading.checks.waivers import applicable_waivers
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord, WaivedCount
from sshprobe.model.verdict import Effect, Finding, Verdict, Waived
from sshprobe.profiles import Profile, load_profile, parse_profile
from sshprobe.remedy import grade, remedy
from sshprobe.render.text.fleet_table import fleet_table
from sshprobe.render.text.terminal import Terminal
from sshprobe.scan.verdict_cache import VerdictCache
from sshprobe.views.fleet import FleetBuilder
from sshprobe.views.summary import SummaryBuilder
from tests.grading.observations import CAPTURES, both, captured, host_key, modern, modulus
from tests.profiles.sample_profile import HEAD
from tests.render.blocks import block_of

SHA1 = modern(
    **both("mac", ["hmac-sha2-256", "hmac-sha1"]),
    kex_algorithms=["mlkem768x25519-sha256", "curve25519-sha256", "kex-strict-s-v00@openssh.com"],
)
"""A host seen on 2026-11-21 as server.example at 192.0.2.1 that deviates by hmac-sha1."""


def waiver(finding: str = "mac.unlisted", **changes: Any) -> str:
    fields = {"finding": finding, "hosts": ["192.0.2.*"], "reason": "old switches", "until": "2026-11-21", **changes}
    until = fields.pop("until")
    return "[[waiver]]\n" + "".join(f"{name} = {value!r}\n" for name, value in fields.items()) + f"until = {until}\n"


def profile_with(*waivers: str) -> Profile:
    return parse_profile(HEAD + "".join(waivers), source="ours.toml")


def verdict_on(observation: Observation, *waivers: str) -> Verdict:
    return grade(observation, profile_with(*waivers))


def of(verdict: Verdict, id: str) -> list[Finding]:
    return [finding for finding in verdict.findings if finding.id == id]


def record_with(observation: Observation, *waivers: str) -> HostRecord:
    return HostRecord(**msgspec.structs.asdict(observation), verdicts=[verdict_on(observation, *waivers)])


def test_a_waived_finding_stays_and_costs_nothing() -> None:
    before, after = verdict_on(SHA1), verdict_on(SHA1, waiver(algorithm="hmac-sha1"))
    (was,), (now,) = of(before, "mac.unlisted"), of(after, "mac.unlisted")
    assert (was.effect, was.deviation, was.waived) == (Effect(points=4), True, None)
    assert (now.effect, now.deviation) == (Effect(), False)
    assert now.waived == Waived(
        reason="old switches", until="2026-11-21", hosts="192.0.2.*", effect=Effect(points=4), deviation=True
    )
    assert (now.severity, now.message, now.observed) == (was.severity, was.message, was.observed)
    assert (before.compliant, before.waived, before.score) == (False, 0, 96)
    assert (after.compliant, after.waived, after.score) == (True, 1, 100)
    assert (before.categories["mac"].score, after.categories["mac"].score) == (96, 100)
    assert (before.categories["mac"].findings, after.categories["mac"].findings) == (1, 0)


def test_a_waiver_removes_the_cap() -> None:
    passwords = modern(authentication_methods=["publickey", "password"])
    before, after = (
        verdict_on(passwords),
        verdict_on(passwords, waiver("authentication.unlisted", algorithm="password")),
    )
    assert (before.cap, before.cap_reasons) == (89, ["authentication.unlisted password"])
    assert after.cap_reasons == ["kex.no_post_quantum"]


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": "hmac-md5"},
        {"finding": "mac.weak"},
        {"hosts": ["192.0.3.*"]},
        {"hosts": ["*.example.org"]},
        {"severity": "note"},
    ],
)
def test_a_waiver_of_something_else_changes_nothing(changes: dict[str, Any]) -> None:
    assert verdict_on(SHA1, waiver(**changes)).findings == verdict_on(SHA1).findings


def test_any_name_of_the_algorithm_will_do() -> None:
    removed = '[kex]\nremove = ["curve25519-sha256"]\n'
    for name in ("curve25519-sha256", "curve25519-sha256@libssh.org"):
        (finding,) = of(verdict_on(modern(), removed, waiver("kex.forbidden", algorithm=name)), "kex.forbidden")
        assert finding.algorithm == "curve25519-sha256@libssh.org"
        assert finding.waived is not None


@pytest.mark.parametrize(
    ("started_at", "holds"),
    [
        ("2026-11-20T00:00:00.000Z", True),
        ("2026-11-21T23:59:59.999Z", True),
        ("2026-11-21T23:59:59+00:00", True),
        ("2026-11-22T00:00:00.000Z", False),
        ("2027-01-01T00:00:00.000Z", False),
        # Without a comparable time the finding counts.
        ("2026-11-21T23:00:00-05:00", False),
        ("2026-11-21", False),
        ("2026-11-21T00:00:00", False),
        ("0000-00-00T00:00:00Z", False),
        ("2026-13-01T00:00:00Z", False),
        ("yesterday", False),
        ("", False),
        (" 2026-11-21T00:00:00Z", False),
    ],
)
def test_a_waiver_is_judged_at_the_time_of_observation(started_at: str, holds: bool) -> None:
    seen = msgspec.structs.replace(SHA1, started_at=started_at)
    verdict = verdict_on(seen, waiver())
    assert (verdict.compliant, verdict.waived) == ((True, 1) if holds else (False, 0))
    assert len(of(verdict, "profile.waiver_expired")) == (0 if holds else 1)


def test_an_expired_waiver_is_a_finding_and_covers_nothing() -> None:
    plain, verdict = verdict_on(SHA1), verdict_on(SHA1, waiver(algorithm="hmac-sha1", until="2026-11-20"))
    (expired,) = of(verdict, "profile.waiver_expired")
    assert (expired.severity, expired.category, expired.algorithm) == ("low", "profile", "hmac-sha1")
    assert expired.message == "the waiver of mac.unlisted hmac-sha1 ran out on 2026-11-20. It was: old switches"
    assert of(verdict, "mac.unlisted") == of(plain, "mac.unlisted")
    assert (verdict.compliant, verdict.score) == (False, plain.score - 4)


def test_an_expired_unused_waiver_is_not_a_finding() -> None:
    assert of(verdict_on(modern(), waiver(until="2020-01-01")), "profile.waiver_expired") == []
    assert of(verdict_on(SHA1, waiver(until="2020-01-01", hosts=["10.*"])), "profile.waiver_expired") == []
    # If another waiver covers it, none was forgotten.
    renewed = verdict_on(SHA1, waiver(until="2020-01-01"), waiver(until="2030-01-01"))
    assert (renewed.compliant, of(renewed, "profile.waiver_expired")) == (True, [])


def test_one_finding_for_a_waiver_however_much_it_covered() -> None:
    many = modern(**both("mac", ["hmac-sha2-256", "hmac-sha1", "hmac-md5", "umac-64@openssh.com"]))
    verdict = verdict_on(many, waiver(until="2020-01-01"))
    assert len(of(verdict, "mac.unlisted")) == 3
    assert len(of(verdict, "profile.waiver_expired")) == 1


NO_LOGIN = modern(authentication_none_accepted=True, authentication_methods=[])


def test_nothing_critical_is_waived_unless_it_says_so() -> None:
    for hosts in (["*"], ["192.0.2.1"]):
        verdict = verdict_on(NO_LOGIN, waiver("authentication.none_accepted", hosts=hosts))
        assert (verdict.compliant, verdict.grade, verdict.waived) == (False, "F", 0)
    spoken = verdict_on(NO_LOGIN, waiver("authentication.none_accepted", severity="critical"))
    assert (spoken.waived, spoken.findings[0].severity) == (1, "critical")


def test_a_worse_finding_is_not_waived() -> None:
    accepted = waiver("group_exchange.modulus", severity="low")
    small, smaller = modern(group_exchange=[modulus(2048)]), modern(group_exchange=[modulus(1024, min=512, n=512)])
    assert verdict_on(small, accepted).compliant is True
    assert verdict_on(smaller, accepted).compliant is False


def test_unobserved_facts_are_not_waived() -> None:
    unproven = modern(host_keys=[host_key("ssh-rsa", 3072, verified=False)])
    verdict = verdict_on(unproven, waiver("host_key.unproven"))
    assert (verdict.waived, verdict.compliant) == (1, None)


def test_no_field_of_the_server_makes_it_another_host() -> None:
    target = waiver(hosts=["waived.example"])
    liar = msgspec.structs.replace(
        SHA1,
        target="waived.example",
        authentication_banner="waived.example",
        lines_before_identification=["waived.example"],
        warnings=["waived.example"],
        error="waived.example",
    )
    assert verdict_on(liar, target).waived == 0
    assert verdict_on(msgspec.structs.replace(SHA1, host="waived.example"), target).waived == 1


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.stem)
def test_waivers_never_change_what_they_do_not_name(path: Any) -> None:
    """Waive each finding alone: the others stay, and the score counts only them."""
    observation = captured(path)
    plain = verdict_on(observation)
    for finding in plain.findings:
        chosen = {} if finding.algorithm is None else {"algorithm": finding.algorithm}
        verdict = verdict_on(observation, waiver(finding.id, severity="critical", **chosen))
        # `remediation` changes, since a line keeps waived names.
        facts = [(each.id, each.algorithm, each.severity, each.effect.cap, each.deviation) for each in verdict.findings]
        assert facts == [
            (
                each.id,
                each.algorithm,
                each.severity,
                *((None, False) if each == finding else (each.effect.cap, each.deviation)),
            )
            for each in plain.findings
        ]
        # The points of a weakness pass to the next finding that has it.
        most: dict[object, int] = {}
        for each in plain.findings:
            method = (each.algorithm or "") if each.category == "authentication" else ""
            habit = (each.category, *(each.weaknesses[:1] or [each.id, method]))
            if each != finding and each.id != "host_key.sha1_only":
                most[habit] = max(most.get(habit, 0), POINTS[each.severity])
        assert sum(each.effect.points for each in verdict.findings) == sum(most.values())
        assert verdict.raw_score == max(0, 100 - sum(most.values()))
        assert (verdict.compliant is False) == any(each.deviation for each in verdict.findings)
        assert verdict.not_observed == plain.not_observed


# -- who and when ----------------------------------------------------------------------------------------------------

WHO_AND_WHEN = [
    {},
    {"address": "198.51.100.1"},
    {"host": "web.lab.example"},
    {"host": "web.lab.example", "address": "198.51.100.1"},
    {"started_at": "2026-11-22T00:00:00Z"},
    {"started_at": "never"},
    {"address": "198.51.100.1", "started_at": "2026-11-22T00:00:00Z"},
]


def test_cached_verdicts_depend_on_host_and_date() -> None:
    profile = profile_with(waiver(), waiver(hosts=["*.lab.example"], until="2030-01-01", reason="the lab"))
    cache = VerdictCache([load_profile("mozilla-modern"), profile], strict=False)
    for _ in range(2):
        for changes in WHO_AND_WHEN:
            observation = msgspec.structs.replace(SHA1, **changes)
            assert cache.verdicts_for(observation).verdicts[1] == grade(observation, profile)
    kinds = {cache.verdicts_for(msgspec.structs.replace(SHA1, **changes)) for changes in WHO_AND_WHEN}
    assert len(kinds) > 4


def test_hosts_that_share_their_waivers_share_their_verdicts() -> None:
    cache = VerdictCache([profile_with(waiver())], strict=False)
    first = cache.verdicts_for(SHA1)
    assert cache.verdicts_for(msgspec.structs.replace(SHA1, address="192.0.2.200", host="other", port=2222)) is first
    assert cache.verdicts_for(msgspec.structs.replace(SHA1, started_at="2020-02-02T00:00:00Z")) is first
    assert cache.verdicts_for(msgspec.structs.replace(SHA1, address="192.0.3.1")) is not first


def test_without_waivers_host_and_time_do_not_matter() -> None:
    profile = load_profile("mozilla-modern")
    for changes in WHO_AND_WHEN:
        assert applicable_waivers(profile, msgspec.structs.replace(SHA1, **changes)) == ()


# -- what people see -------------------------------------------------------------------------------------------------


def test_the_block_of_a_host_shows_waived_findings() -> None:
    text = block_of(record_with(SHA1, waiver()), Terminal(width=200))
    assert "ours: compliant with waivers (1 waived)" in text
    (line,) = [line for line in text.splitlines() if "hmac-sha1" in line]
    assert line.split()[:3] == ["waived", "mac", "hmac-sha1"]
    assert line.endswith("low, waived for 192.0.2.* until 2026-11-21: old switches")
    verbose = block_of(record_with(SHA1, waiver()), Terminal(width=200), verbose=True)
    assert "without the waiver 4 points" in verbose


def test_waived_findings_are_never_cut_off() -> None:
    worst = captured(next(path for path in CAPTURES if path.stem == "openssh-5.3p1"))
    record = record_with(worst, waiver("compression.missing"), waiver("kex.no_post_quantum"), waiver("cipher.unlisted"))
    assert record.verdicts[0].waived > 5
    text = block_of(record, Terminal(width=200))
    assert sum(line.startswith("  waived  ") for line in text.splitlines()) == record.verdicts[0].waived


def test_the_table_and_the_summary_count_waived_findings() -> None:
    table, builder = FleetBuilder(), SummaryBuilder()
    passwords = msgspec.structs.replace(SHA1, authentication_methods=["publickey", "password"])
    for observation in (SHA1, passwords, modern()):
        record = record_with(observation, waiver())
        table.add(record)
        builder.add(record)
    summary = builder.build(duration_ms=1)
    assert summary.waived == {"ours": WaivedCount(findings=2, hosts=2, compliant=1)}
    text = fleet_table(table.build(summary), Terminal(width=200))
    assert "compliant with waivers (1 waived)" in text
    assert "password (1 waived)" in text
    assert "Under ours 2 findings are waived on 2 hosts; 1 of these is compliant with waivers." in text
    assert "hmac-sha1 on" not in text


def test_fail_on_applies_waivers() -> None:
    waived, ran_out = record_with(SHA1, waiver()), record_with(SHA1, waiver(until="2020-01-01"))
    for threshold in ("low", "noncompliant"):
        assert reached(threshold, waived) is False
        assert reached(threshold, ran_out) is True


# -- advice ----------------------------------------------------------------------------------------------------------


def test_advice_keeps_waived_algorithms() -> None:
    two = modern(**both("mac", ["hmac-sha2-256", "hmac-sha1", "hmac-md5"]), group_exchange=[modulus(2048)])
    profile = profile_with(waiver(algorithm="hmac-sha1"), waiver("group_exchange.modulus"))
    fixed = remedy(two, profile)
    assert "MACs hmac-sha2-256,hmac-sha1" in fixed.lines
    assert fixed.commands == []
    assert (fixed.compliant, fixed.left) == (True, [])
    assert {each.remediation for each in grade(two, profile).findings if each.id == "mac.unlisted"} == {
        "MACs hmac-sha2-256,hmac-sha1",
        "take hmac-sha1 out of the server's MACs",
    }


def test_advice_keeps_a_waived_login_method() -> None:
    methods = modern(authentication_methods=["publickey", "password", "keyboard-interactive"])
    profile = profile_with(waiver("authentication.unlisted", algorithm="password"))
    lines = remedy(methods, profile).lines
    assert "KbdInteractiveAuthentication no" in lines
    assert not any(line.startswith(("AuthenticationMethods", "PasswordAuthentication")) for line in lines)


def test_advice_on_terrapin_is_waived_with_it() -> None:
    old = modern(kex_algorithms=["curve25519-sha256"])
    assert any(line.startswith("Ciphers") for line in remedy(old, profile_with()).lines)
    assert remedy(old, profile_with(waiver("kex.terrapin"))).lines == []


def test_an_observation_that_cannot_be_judged_is_never_compliant_by_waivers() -> None:
    nothing = modern(status="refused", kex_algorithms=None)
    assert is_gradeable(nothing) is False
    assert verdict_on(nothing, waiver(hosts=["*"])).compliant is not True
