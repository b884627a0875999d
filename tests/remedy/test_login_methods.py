"""A chain of methods cannot be seen from outside, so a line that could break one has a warning."""

from __future__ import annotations

import re
from collections.abc import Callable

import msgspec
import pytest

from sshprobe.model.errors import InputError
from sshprobe.model.observation import Observation
from sshprobe.model.records import HostRecord
from sshprobe.profiles import Profile, available_profiles, load_profile, parse_profile
from sshprobe.remedy import grade, remedy
from sshprobe.remedy.configuration import sshd_config as configuration
from sshprobe.remedy.profile_from_host import golden_profile
from sshprobe.render.fix.ansible import playbook
from sshprobe.render.fix.pasted import drop_in, sshd_config
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.fixes import Plan
from tests.grading.observations import identification, modern
from tests.render.blocks import block_of

LINE = "AuthenticationMethods publickey"
CHAIN = "AuthenticationMethods publickey,keyboard-interactive"
SERVERS = [profile for profile in map(load_profile, available_profiles()) if profile.kind == "server"]
METHODS = (
    ["publickey", "password"],
    ["publickey", "keyboard-interactive"],
    ["password"],
    ["keyboard-interactive"],
    ["gssapi-with-mic", "publickey", "password", "keyboard-interactive", "hostbased"],
)


def _plan(seen: Observation, profile: Profile) -> Plan:
    plan = Plan()
    record = HostRecord(**msgspec.structs.asdict(seen), verdicts=[grade(seen, profile)])
    plan.add(record, remedy(seen, profile))
    return plan


def _table(seen: Observation, profile: Profile) -> str:
    record = HostRecord(**msgspec.structs.asdict(seen), verdicts=[grade(seen, profile)])
    return block_of(record, Terminal(width=400), remedies={profile.id: remedy(seen, profile)}, verbose=True)


WRITTEN: dict[str, Callable[[Observation, Profile], str]] = {
    "sshd_config": lambda seen, profile: sshd_config(_plan(seen, profile)),
    "sshd_config.d": lambda seen, profile: drop_in(_plan(seen, profile)),
    "ansible": lambda seen, profile: playbook(_plan(seen, profile)),
    "table": _table,
}


def assert_cautious(text: str) -> None:
    """Each line that leaves only keys has the chain and the reason in the lines above it."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        if line.strip() == LINE:
            above = "\n".join(lines[max(0, at - 14) : at])
            assert re.search(rf"# *{CHAIN}$", above, re.MULTILINE), above
            assert "second factor" in above
        elif LINE in line and CHAIN not in line and f"{LINE}," not in line:
            raise AssertionError(line)


@pytest.mark.parametrize("methods", METHODS, ids=" ".join)
@pytest.mark.parametrize("profile", SERVERS, ids=lambda profile: profile.id)
def test_the_chain_form_is_next_to_the_line(profile: Profile, methods: list[str]) -> None:
    seen = modern(authentication_methods=methods)
    for write in WRITTEN.values():
        text = write(seen, profile)
        assert_cautious(text)
        if profile.id == "mozilla-modern":
            assert LINE in text
        if profile.id == "alibaba-ecs":
            assert "AuthenticationMethods publickey,password\n" in text
            assert CHAIN not in text
    for finding in grade(seen, profile).findings:
        assert_cautious(finding.remediation or "")


@pytest.mark.parametrize("profile", SERVERS, ids=lambda profile: profile.id)
@pytest.mark.parametrize("release", ["6.7", "9.2", "10.5"])
def test_a_profile_as_lines_has_the_caution_too(profile: Profile, release: str) -> None:
    try:
        lines = configuration(profile, release)
    except InputError:
        return
    assert_cautious("\n".join(lines))
    if profile.id == "mozilla-modern":
        assert LINE in lines
    if profile.id == "alibaba-ecs":
        assert lines[-3:] == [
            "PubkeyAuthentication yes",
            "PasswordAuthentication yes",
            "AuthenticationMethods publickey,password",
        ]


def test_a_golden_host_that_lists_keys_alone_may_ask_for_more() -> None:
    text = golden_profile(modern())
    assert "# A second factor after the key is invisible" in text
    assert_cautious("\n".join(configuration(parse_profile(text, source="golden"), "9.2")))


def test_alibabas_chain_is_whole_where_a_step_was_off() -> None:
    """sshd drops a chain if one of its methods is off: no login would work."""
    found = remedy(modern(authentication_methods=["keyboard-interactive"]), load_profile("alibaba-ecs"))
    assert found.lines[-3:] == [
        "PubkeyAuthentication yes",
        "PasswordAuthentication yes",
        "AuthenticationMethods publickey,password",
    ]
    assert found.compliant is True
    (change,) = found.changes
    assert change.caution == "have a public key and a password in place for everyone before you apply it"
    # Releases before 6.2 have no chains.
    old = modern(identification=identification("SSH-2.0-OpenSSH_6.0"), authentication_methods=["publickey", "password"])
    assert not [line for line in remedy(old, load_profile("alibaba-ecs")).lines if "AuthenticationMethods p" in line]


def test_methods_of_a_chain_are_not_removed_silently() -> None:
    ours = load_profile("sshprobe-2026")
    seen = modern(authentication_methods=["publickey", "password", "keyboard-interactive"])
    text = sshd_config(_plan(seen, ours)).splitlines()
    (warned,) = [number for number, line in enumerate(text) if line.startswith("# Locks everybody out if `sshd -T")]
    assert "password or keyboard-interactive after a key" in " ".join(text[warned : warned + 2]).replace("# ", "")
    for line in ("PasswordAuthentication no", "KbdInteractiveAuthentication no"):
        assert warned < text.index(line)


@pytest.mark.parametrize("chain", ["publickey", "password,publickey", "publickey,none", "publickey,x\\ny", ","])
def test_a_profile_has_a_valid_chain(chain: str) -> None:
    text = f"""
id = "x"
title = "x"
version = "1"
date = "2026-01-01"
source = "x"
[authentication]
where = "x"
allowed = ["publickey"]
chain = "{chain}"
"""
    with pytest.raises(InputError, match="chain"):
        parse_profile(text, source="x")
