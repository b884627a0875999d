"""`[[waiver]]` in a profile: required keys, and hosts that its patterns match."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from sshprobe.model.errors import InputError
from sshprobe.profiles import Waiver, load_profile, parse_profile
from sshprobe.profiles.host_patterns import HostPattern
from tests.profiles.sample_profile import HEAD

WAIVER = """\
[[waiver]]
finding = "mac.unlisted"
algorithm = "hmac-sha1"
hosts = ["10.1.*", "*.lab.example"]
reason = "the old switches"
until = 2027-01-31
"""


def test_a_waiver() -> None:
    assert parse_profile(HEAD + WAIVER, source="ours.toml").waiver == (
        Waiver(
            finding="mac.unlisted",
            algorithm="hmac-sha1",
            hosts=("10.1.*", "*.lab.example"),
            reason="the old switches",
            until=date(2027, 1, 31),
            severity="high",
        ),
    )


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('finding = "mac.unlisted"\n', "", 7, "waiver.finding: is missing"),
        ('hosts = ["10.1.*", "*.lab.example"]\n', "", 7, "waiver.hosts: is missing"),
        ('reason = "the old switches"\n', "", 7, "waiver.reason: is missing"),
        ("until = 2027-01-31\n", "", 7, "waiver.until: is missing"),
        ("until = 2027-01-31", 'until = "never"', 12, "waiver.until: invalid RFC3339 encoded date"),
        ("until = 2027-01-31", "until = 2027-01-31T00:00:00Z", 12, "waiver.until: expected `date`"),
        ("until = 2027-01-31", "until = 2027", 12, "waiver.until: expected `date`, got `int`"),
        ('"mac.unlisted"', '"mac"', 8, "waiver.finding: `mac` is not the id of a finding"),
        ('"mac.unlisted"', '"*"', 8, "waiver.finding: `*` is not the id of a finding"),
        ('"mac.unlisted"', '"profile.waiver_expired"', 8, "waiver.finding: `profile.waiver_expired` is about waivers"),
        ('"the old switches"', '" "', 11, "waiver.reason: is empty"),
        ('"hmac-sha1"', '""', 9, "waiver.algorithm: is empty"),
        ('"10.1.*", "*.lab.example"', "", 10, "waiver.hosts: is empty: name the hosts, or all of them as `*`"),
        (
            '"10.1.*"',
            '"10.1.0.0/8"',
            10,
            "waiver.hosts: `10.1.0.0/8` is not a network: it has bits after its prefix: 10",
        ),
        ('"10.1.*"', '"10.1.0.256"', 10, "waiver.hosts: `10.1.0.256` is not an address or a network"),
        ('"10.1.*"', '"10.0.0.0/33"', 10, "waiver.hosts: `10.0.0.0/33` is not an address or a network"),
        ('"10.1.*"', '"10.*.1"', 10, "waiver.hosts: `10.*.1` is neither an address, a network, 10.1.*, a name"),
        ('"10.1.*"', '"10.1.1*"', 10, "waiver.hosts: `10.1.1*` is neither"),
        ('"10.1.*"', '"10.1.0.5-9"', 10, "waiver.hosts: `10.1.0.5-9` is neither"),
        ('"10.1.*"', '"256.*"', 10, "waiver.hosts: `256.*` is not an address or a network"),
        ('"10.1.*"', '"web:22"', 10, "waiver.hosts: `web:22` is neither"),
        ('"10.1.*"', '"10.1.0.5:22"', 10, "waiver.hosts: `10.1.0.5:22` is not an address or a network"),
        ('"10.1.*"', '""', 10, "waiver.hosts: `` is neither"),
        ('"10.1.*"', '"**"', 10, "waiver.hosts: `**` is neither"),
        ('reason = "the', 'severity = "worst"\nreason = "the', 11, "waiver.severity: invalid enum value 'worst'"),
        ('reason = "the', 'port = 22\nreason = "the', 11, "waiver.port: unknown field"),
    ],
)
def test_an_error_in_a_waiver_names_its_line(old: str, new: str, line: int, message: str) -> None:
    assert old in WAIVER
    with pytest.raises(InputError) as caught:
        parse_profile(HEAD + WAIVER.replace(old, new, 1), source="ours.toml")
    assert str(caught.value).startswith(f"ours.toml:{line}: {message}")


@pytest.mark.parametrize(
    ("pattern", "host", "address", "expected"),
    [
        ("10.1.*", "10.1.2.3", "10.1.2.3", True),
        ("10.1.*", "web", "10.1.2.3", True),
        ("10.1.*", "10.1.2.3", None, True),
        ("10.1.*", "10.11.2.3", "10.11.2.3", False),
        # Named by a lab address but reached elsewhere: the reached address counts.
        ("10.1.*", "10.1.2.3", "192.0.2.1", False),
        # A name never matches as an address.
        ("10.1.*", "10.1.evil.example", "192.0.2.1", False),
        ("10.*", "10.200.0.1", "10.200.0.1", True),
        ("10.1.2.*", "x", "10.1.3.1", False),
        ("10.2.0.0/16", "x", "10.2.255.255", True),
        ("10.2.0.0/16", "x", "10.3.0.0", False),
        ("10.2.0.0/16", "x", "::ffff:10.2.0.1", True),
        ("::ffff:10.2.0.1", "x", "10.2.0.1", True),
        ("::ffff:10.2.0.1", "::ffff:10.2.0.1", None, True),
        ("::ffff:10.2.0.0/112", "x", "10.2.3.4", True),
        ("::ffff:10.2.0.0/112", "x", "10.3.3.4", False),
        ("10.2.0.1", "x", "10.2.0.1", True),
        ("10.2.0.1", "x", "10.2.0.10", False),
        ("0.0.0.0/0", "x", "192.0.2.1", True),
        ("0.0.0.0/0", "x", "2001:db8::1", False),
        ("2001:db8::/32", "x", "2001:db8::1", True),
        ("2001:db8::/32", "x", "2001:db9::1", False),
        ("fe80::/10", "x", "fe80::1%eth0", True),
        ("*.lab.example", "a.lab.example", "192.0.2.1", True),
        ("*.lab.example", "a.b.LAB.Example.", "192.0.2.1", True),
        ("*.lab.example", "lab.example", "192.0.2.1", False),
        ("*.lab.example", "lab.example.evil.example", "192.0.2.1", False),
        ("*.lab.example", "a.labxexample", "192.0.2.1", False),
        ("*.lab.example", "a.lab.example\n", "192.0.2.1", False),
        ("web", "web", "192.0.2.1", True),
        ("web", "web1", "192.0.2.1", False),
        ("WEB*", "web12", "192.0.2.1", True),
        ("f*", "fe80::1", "fe80::1", False),
        ("*", "anything", "2001:db8::1", True),
        ("*", "anything", None, True),
        ("bad.example", "bad.example", "192.0.2.1", True),
    ],
)
def test_which_hosts_a_pattern_means(pattern: str, host: str, address: str | None, expected: bool) -> None:
    assert HostPattern(pattern).matches(host, address) is expected


@pytest.mark.parametrize(("pattern", "everything"), [("*", True), ("0.0.0.0/0", True), ("::/0", True), ("*.a", False)])
def test_patterns_that_mean_every_host(pattern: str, everything: bool) -> None:
    assert HostPattern(pattern).is_everything is everything


def test_waivers_of_the_other_profile_come_after_ones_own(tmp_path: Path) -> None:
    base, ours = tmp_path / "base.toml", tmp_path / "ours.toml"
    base.write_text(HEAD + WAIVER)
    ours.write_text(HEAD.replace("mozilla-modern", "base.toml") + WAIVER.replace("the old", "the new"))

    profile = load_profile(str(ours))
    assert [waiver.reason for waiver in profile.waiver] == ["the new switches", "the old switches"]
    assert [waiver.until for waiver in profile.waiver] == [date(2027, 1, 31)] * 2
    ours.write_text(HEAD.replace("mozilla-modern", "base.toml") + WAIVER.replace('"the old switches"', '""'))
    with pytest.raises(InputError, match=r"ours\.toml:11: waiver\.reason: is empty"):
        load_profile(str(ours))
