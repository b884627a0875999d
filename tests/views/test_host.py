"""The view of one host: groups, facts shared between profiles, and the strength of each offer."""

import msgspec
import pytest

from sshprobe import grade
from sshprobe.cli.neutral_profile import describe
from sshprobe.model.observation import GroupExchange
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Effect, Severity, Waived
from sshprobe.profiles import load_profile
from sshprobe.remedy import remedy
from sshprobe.render.text.host_block import host_block
from sshprobe.render.text.terminal import Terminal
from sshprobe.views.host import HostView, host_view
from sshprobe.views.offers import Offer, Strength
from tests.sample_records import CLEAN, WANTING, captured, debian12, finding, judged


def view_of(record: HostRecord) -> HostView:
    return host_view(record, {}, describe)


def view_of_capture(name: str, profile: str = "sshprobe-2026") -> HostView:
    record = captured(name)
    return view_of(judged(record, grade(record, load_profile(profile))))


def offer(view: HostView, name: str) -> Offer:
    [found] = [each for offers in view.offers.values() for each in offers if each.name == name]
    return found


def test_findings_are_grouped_worst_first_then_notes_then_waived() -> None:
    waived = Waived(reason="old switches", hosts="*", until="2027-01-31", effect=Effect(points=4), deviation=True)
    found = [
        msgspec.structs.replace(finding("kex.weak", "high", "k1", "Logjam"), waived=waived),
        finding("mac.weak", "medium", "m1", "MD5"),
        finding("kex.stronger", "note", "k2", "stronger"),
        finding("mac.weak", "medium", "m2", "MD5"),
        finding("mac.weak", "low", "m3", "SHA-1"),
    ]
    [verdict] = view_of(judged(debian12(), msgspec.structs.replace(WANTING, findings=found))).verdicts
    assert [[each.algorithm for each in group] for group in verdict.groups] == [["m1", "m2"], ["m3"], ["k2"], ["k1"]]


def test_a_further_profile_has_its_own_deviations_alone() -> None:
    md5 = finding("mac.forbidden", "medium", "hmac-md5", "MD5")
    note = finding("kex.stronger", "note", "k2", "stronger")
    other = msgspec.structs.replace(WANTING, profile="other", findings=[md5, *WANTING.findings[:2], note])
    first, second = view_of(judged(debian12(), WANTING, other)).verdicts
    assert (len(first.groups), first.shared) == (4, 0)
    assert ([group[0].algorithm for group in second.groups], second.shared) == (["hmac-md5"], 2)


@pytest.mark.parametrize(
    ("capture", "name", "strength", "reason"),
    [
        ("openssh-5.3p1", "diffie-hellman-group1-sha1", "high", "1024-bit group"),
        ("openssh-5.3p1", "arcfour128", "high", "RC4"),
        ("openssh-5.3p1", "aes128-ctr", "good", None),
        ("openssh-debian12-9.2p1", "curve25519-sha256", "good", None),
        ("openssh-debian12-9.2p1", "hmac-sha1", "low", "SHA-1"),
        # The name is sound, but the group sent for it is short.
        ("openssh-debian12-9.2p1", "diffie-hellman-group-exchange-sha256", "low", "2048-bit modulus"),
        # Terrapin is a finding without an algorithm, and ChaCha20-Poly1305 makes it possible.
        ("openssh-debian12-9.2p1", "chacha20-poly1305@openssh.com", "good", None),
        ("openssh-7.4p1", "chacha20-poly1305@openssh.com", "medium", "Terrapin"),
    ],
)
def test_offers_are_as_strong_as_their_findings(
    capture: str, name: str, strength: Strength, reason: str | None
) -> None:
    found = offer(view_of_capture(capture), name)
    assert found.strength == strength
    assert any(reason in each for each in found.reasons) if reason else not found.reasons


def test_a_short_key_is_about_each_name_it_signs_under_and_sha_1_about_one() -> None:
    record = captured("openssh-7.4p1")
    [rsa] = [key for key in record.host_keys or () if key.type == "ssh-rsa"]
    record = msgspec.structs.replace(record, host_keys=[msgspec.structs.replace(rsa, bits=1024)])
    view = view_of(judged(record, grade(record, load_profile("sshprobe-2026"))))
    assert any("1024 bits" in each for each in offer(view, "rsa-sha2-512").reasons)
    assert not any("SHA-1" in each for each in offer(view, "rsa-sha2-512").reasons)
    assert any("SHA-1" in each for each in offer(view, "ssh-rsa").reasons)


def test_names_that_we_do_not_know_markers_and_directions_are_told_apart() -> None:
    record = msgspec.structs.replace(
        debian12(),
        kex_algorithms=["made-up@example.org", "kex-strict-s-v00@openssh.com"],
        encryption_algorithms_client_to_server=["aes128-ctr", "aes256-ctr"],
        encryption_algorithms_server_to_client=["aes256-ctr", "aes192-ctr"],
        mac_algorithms_client_to_server=None,
        mac_algorithms_server_to_client=None,
    )
    view = view_of(judged(record, CLEAN))
    assert [each.strength for each in view.offers["kex"]] == ["low", "marker"]
    assert {each.name: each.direction for each in view.offers["cipher"]} == {
        "aes128-ctr": "client to server",
        "aes256-ctr": "",
        "aes192-ctr": "server to client",
    }
    assert "mac" not in view.offers  # not seen, which differs from an empty offer
    assert "  MACs\n    not seen\n" in host_block(view, Terminal(), verbose=True)


def test_a_severity_of_an_offer_is_a_word_and_a_colour() -> None:
    view = view_of_capture("openssh-5.3p1")
    plain = host_block(view, Terminal(), verbose=True)
    coloured = host_block(view, Terminal(colour=True), verbose=True)
    severities: tuple[tuple[Severity | str, str], ...] = (("high", "31"), ("medium", "33"), ("good", "32"))
    for word, colour in severities:
        assert f"\n    {word:<6}  " in plain
        assert f"\n    \x1b[{colour}m{word}\x1b[0m" in coloured


@pytest.mark.parametrize(
    "capture",
    ["dropbear-2025.89", "openssh-debian13-10.0p2", "tinysshd-20250501", "openssh-9.9p2", "paramiko-5.1.0"],
)
def test_most_hosts_fit_a_screen_of_80_columns_and_24_lines(capture: str) -> None:
    profile = load_profile("sshprobe-2026")
    record = captured(capture, host="web1.example.org")
    record = msgspec.structs.replace(record, authentication_methods=["publickey"])
    record = judged(record, grade(record, profile))
    text = host_block(host_view(record, {profile.id: remedy(record, profile)}, describe), Terminal(80))
    rows = sum(max(1, -(-len(line) // 80)) for line in text.splitlines())  # a line to paste may take several
    assert rows <= 24, text


def test_lines_to_paste_keep_their_checks_once() -> None:
    profile = load_profile("sshprobe-2026")
    record = msgspec.structs.replace(
        captured("openssh-debian12-9.2p1"),
        authentication_methods=["publickey", "password", "keyboard-interactive"],
        group_exchange=[
            GroupExchange(
                algorithm="diffie-hellman-group-exchange-sha256", min=1, n=1, max=8192, modulus_bits=3072, refused=False
            )
        ],
    )
    advice = remedy(record, profile)
    [verdict] = host_view(judged(record, grade(record, profile)), {profile.id: advice}, describe).verdicts
    assert verdict.remedy is not None
    config = verdict.remedy.config
    assert len(config) == len(set(config)) < len(advice.lines)
    assert {line for line in advice.lines if not line.startswith("#")} <= set(config)
    assert any("first put your public key in place" in line for line in config)
    assert any("Locks everybody out" in line for line in config)
    assert not any(line.startswith("# without hmac-sha1") for line in config)
