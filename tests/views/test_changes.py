"""Pairs of scans with one change each: `Changes` has exactly that change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from sshprobe.model.lasting import identity_of
from sshprobe.model.records import HostRecord, ProfileReference, SweepRecord, SweepSettings
from sshprobe.views.change_builder import ChangesBuilder
from sshprobe.views.changes import Changes
from tests.sample_records import captured, failed, finding
from tests.views.changed_scans import (
    OTHER,
    PLAIN,
    SERVER,
    SMALL,
    WEAK,
    certified,
    compare,
    day,
    judged,
    key,
    keys,
    settings,
    verdict,
    waived,
    with_verdict,
    words_of,
)


def changed(**fields: Any) -> HostRecord:
    return msgspec.structs.replace(PLAIN, **fields)


def added(field: str, *names: str) -> list[str]:
    return [*getattr(PLAIN, field), *names]


def removed(field: str, *names: str) -> list[str]:
    return [name for name in getattr(PLAIN, field) if name not in names]


IDENTIFICATION = PLAIN.identification
assert IDENTIFICATION is not None
TINY = captured("tinysshd-20250501", "192.0.2.1")
assert TINY.identification is not None
GROUPS = PLAIN.group_exchange or []
REQUEST = "diffie-hellman-group-exchange-sha256 1024 1024 8192"
MACS = ("mac_algorithms_client_to_server", "mac_algorithms_server_to_client")
FOLLOWS = msgspec.structs.replace(PLAIN, first_kex_packet_follows=True)
ED25519, RSA, ECDSA = "ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"

FACTS: dict[str, tuple[HostRecord, HostRecord, set[str]]] = {
    # host keys
    "one key changed": (PLAIN, changed(host_keys=keys("new", types=[ED25519])), {f"key changed {ED25519}"}),
    "all keys changed": (
        PLAIN,
        changed(host_keys=keys("new", types=[ED25519, RSA, ECDSA])),
        {f"key changed {type}" for type in (ED25519, RSA, ECDSA)},
    ),
    "key added": (
        changed(
            host_keys=keys(without=ED25519),
            server_host_key_algorithms=removed("server_host_key_algorithms", ED25519),
        ),
        PLAIN,
        {f"key added {ED25519}", f"host_key +{ED25519}"},
    ),
    "key removed": (
        PLAIN,
        changed(
            host_keys=keys(without=RSA),
            server_host_key_algorithms=removed("server_host_key_algorithms", "rsa-sha2-512", "rsa-sha2-256"),
        ),
        {f"key removed {RSA}", "host_key -rsa-sha2-512 -rsa-sha2-256"},
    ),
    "no key is left": (
        changed(host_keys=[key(ED25519, "a")], server_host_key_algorithms=[ED25519]),
        changed(host_keys=[key(RSA, "b")], server_host_key_algorithms=["rsa-sha2-512"]),
        {f"key replaced {ED25519} to {RSA}", f"host_key +rsa-sha2-512 -{ED25519}"},
    ),
    "a certificate renewed": (
        certified("ca", 1),
        certified("ca", 2),
        {"key certificate ssh-ed25519-cert-v01@openssh.com"},
    ),
    "another authority": (
        certified("ca", 1),
        certified("other", 2),
        {"key authority ssh-ed25519-cert-v01@openssh.com"},
    ),
    "an offered key not seen this time": (PLAIN, changed(host_keys=keys(without=RSA)), set()),
    "keys in another order, seen in another exchange": (
        PLAIN,
        changed(
            host_keys=[
                msgspec.structs.replace(each, kex_algorithm="ecdh-sha2-nistp256")
                for each in reversed(PLAIN.host_keys or [])
            ]
        ),
        set(),
    ),
    # algorithms
    "key exchange added": (
        PLAIN,
        changed(kex_algorithms=added("kex_algorithms", "mlkem768x25519-sha256")),
        {"kex +mlkem768x25519-sha256"},
    ),
    "strict key exchange lost": (
        PLAIN,
        changed(kex_algorithms=removed("kex_algorithms", "kex-strict-s-v00@openssh.com"), strict_kex=False),
        {"kex -kex-strict-s-v00@openssh.com"},
    ),
    "host key algorithm added": (
        PLAIN,
        changed(server_host_key_algorithms=added("server_host_key_algorithms", "ssh-rsa")),
        {"host_key +ssh-rsa"},
    ),
    "MAC removed in both directions": (
        PLAIN,
        changed(**{field: removed(field, "hmac-sha1") for field in MACS}),
        {"mac -hmac-sha1"},
    ),
    "MAC removed in one direction": (
        PLAIN,
        changed(**{MACS[0]: removed(MACS[0], "hmac-sha1")}),
        {"mac client to server -hmac-sha1"},
    ),
    "cipher added in the other direction": (
        PLAIN,
        changed(encryption_algorithms_server_to_client=added("encryption_algorithms_server_to_client", "3des-cbc")),
        {"cipher server to client +3des-cbc"},
    ),
    "compression changed": (
        PLAIN,
        changed(compression_algorithms_client_to_server=["none"], compression_algorithms_server_to_client=["none"]),
        {"compression -zlib@openssh.com"},
    ),
    "another order": (PLAIN, changed(kex_algorithms=(PLAIN.kex_algorithms or [])[::-1]), {"kex order"}),
    "a language": (PLAIN, changed(languages_client_to_server=["de"]), {"language client to server +de"}),
    # other facts
    "an update of the package": (
        PLAIN,
        changed(identification=msgspec.structs.replace(IDENTIFICATION, comments="Debian-2+deb12u9")),
        {f"software: {IDENTIFICATION.software} {IDENTIFICATION.comments} to OpenSSH_9.2p1 Debian-2+deb12u9"},
    ),
    "another protocol": (
        PLAIN,
        changed(identification=msgspec.structs.replace(IDENTIFICATION, protocol="1.99")),
        {"protocol: 2.0 to 1.99"},
    ),
    "random comments of TinySSH": (
        TINY,
        msgspec.structs.replace(
            TINY, identification=msgspec.structs.replace(TINY.identification, raw="SSH-2.0-tinyssh x", comments="x")
        ),
        set(),
    ),
    "a login method removed": (
        PLAIN,
        changed(authentication_methods=["publickey"]),
        {"authentication_methods root: publickey, password to publickey"},
    ),
    "login without a credential": (
        PLAIN,
        changed(authentication_none_accepted=True, authentication_methods=[]),
        {"authentication_methods root: publickey, password to no credential"},
    ),
    "a banner": (PLAIN, changed(authentication_banner="Keep out"), {"authentication_banner:  to Keep out"}),
    "larger moduli": (
        PLAIN,
        changed(group_exchange=[msgspec.structs.replace(each, modulus_bits=4096) for each in GROUPS]),
        {f"group_exchange {REQUEST}: {GROUPS[0].modulus_bits} bits to 4096 bits"},
    ),
    "another modulus drawn": (
        changed(group_exchange=[msgspec.structs.replace(each, modulus="AB", generator="2") for each in GROUPS]),
        changed(group_exchange=[msgspec.structs.replace(each, modulus="CD", generator="5") for each in GROUPS]),
        set(),
    ),
    "an extension": (
        PLAIN,
        changed(extensions={"server-sig-algs": "ssh-ed25519"}),
        {"extension server-sig-algs: ssh-ed25519,rsa-sha2-512 to ssh-ed25519"},
    ),
    "a guessed packet": (changed(first_kex_packet_follows=False), FOLLOWS, {"first_kex_packet_follows: no to yes"}),
    "lines before the identification": (
        PLAIN,
        changed(lines_before_identification=["hello"]),
        {"lines_before_identification:  to hello"},
    ),
    "another service": (
        PLAIN,
        failed("not_ssh", "HTTP", "192.0.2.1"),
        {"service: SSH to not SSH"},
    ),
    "labels, times and numbers of connections": (
        PLAIN,
        changed(labels=["env=prod"], started_at="2026-11-21T12:00:00Z", duration_ms=1.0, connections=9),
        set(),
    ),
    "a load balancer that was met twice": (
        changed(several_servers=True, host_keys=[*keys(), key(ED25519, "second")], kex_algorithms=["a", "b"]),
        changed(kex_algorithms=["a"]),
        {f"flapping kex_algorithms {ED25519}"},
    ),
    "a load balancer with a key that was not seen before": (
        PLAIN,
        changed(several_servers=True, host_keys=[*keys(), key(ED25519, "second")]),
        {f"key changed {ED25519}"},
    ),
    "a load balancer with new keys": (
        changed(several_servers=True, host_keys=[key(ED25519, "a"), key(ED25519, "b")]),
        changed(host_keys=[key(ED25519, "c")]),
        {f"key changed {ED25519}"},
    ),
    # depths
    "keys not queried now": (
        PLAIN,
        changed(host_keys=None, group_exchange=None, authentication_methods=None, depth="lists", extensions=None),
        {f"not compared {part} new" for part in ("host_keys", "group_exchange", "authentication")},
    ),
    "keys queried for the first time": (
        changed(host_keys=None, group_exchange=None, authentication_methods=None, depth="lists"),
        PLAIN,
        {f"not compared {part} old" for part in ("host_keys", "group_exchange", "authentication")},
    ),
}


@pytest.mark.parametrize("name", FACTS)
def test_one_fact_changed(name: str) -> None:
    before, after, expected = FACTS[name]
    changes = compare([before, OTHER], [after, OTHER])
    assert words_of(changes) == expected
    real = {words for words in expected if not words.startswith("not compared")}
    assert (changes.compared, changes.unchanged) == (2, 1 if real else 2)
    alarming = any(words.startswith(("key changed", "key replaced", "key authority")) for words in expected)
    assert changes.worse == alarming


VERDICTS: dict[str, tuple[HostRecord, HostRecord, set[str], bool]] = {
    "a grade fell": (with_verdict("A"), with_verdict("C"), {"grade A to C"}, True),
    "a better grade": (with_verdict("C"), with_verdict("A"), {"grade C to A"}, False),
    "no longer compliant": (
        with_verdict(),
        with_verdict(compliant=False),
        {"compliant True to False"},
        True,
    ),
    "compliant now": (with_verdict(compliant=False), with_verdict(), {"compliant False to True"}, False),
    "compliance no longer known": (
        with_verdict(),
        with_verdict(compliant=None),
        {"compliant True to None"},
        False,
    ),
    "compliance was not known": (with_verdict(compliant=None), with_verdict(compliant=False), set(), False),
    "a new finding": (
        with_verdict(),
        with_verdict(findings=[WEAK]),
        {"finding new mac.weak hmac-sha1"},
        True,
    ),
    "a new finding of low severity": (
        with_verdict(),
        with_verdict(findings=[msgspec.structs.replace(WEAK, severity="low")]),
        {"finding new mac.weak hmac-sha1"},
        False,
    ),
    "a note": (with_verdict(), with_verdict(findings=[msgspec.structs.replace(WEAK, severity="note")]), set(), False),
    "a fixed finding": (
        with_verdict(findings=[WEAK]),
        with_verdict(),
        {"finding fixed mac.weak hmac-sha1"},
        False,
    ),
    "a more severe finding": (
        with_verdict(findings=[WEAK]),
        with_verdict(findings=[msgspec.structs.replace(WEAK, severity="high")]),
        {"finding worse mac.weak hmac-sha1"},
        True,
    ),
    "a less severe finding": (
        with_verdict(findings=[msgspec.structs.replace(WEAK, severity="high")]),
        with_verdict(findings=[WEAK]),
        {"finding milder mac.weak hmac-sha1"},
        False,
    ),
    "a waiver that ended": (
        with_verdict(findings=[waived("2026-11-01")]),
        with_verdict(findings=[WEAK, finding("profile.waiver_expired", "low", "hmac-sha1", "ran out")]),
        {"finding unwaived mac.weak hmac-sha1"},
        True,
    ),
    "a waiver that ends within 30 days": (
        with_verdict(findings=[waived("2026-12-30")]),
        with_verdict(findings=[waived("2026-12-30")]),
        {"waiver until 2026-12-30"},
        False,
    ),
    "a waiver that ends later": (
        with_verdict(findings=[waived("2026-12-31")]),
        with_verdict(findings=[waived("2026-12-31")]),
        set(),
        False,
    ),
    "a finding on a key that was not seen now": (
        with_verdict(findings=[SMALL]),
        with_verdict(record=changed(host_keys=keys(without=RSA))),
        set(),
        False,
    ),
    "a finding on a key that was seen for the first time": (
        with_verdict(record=changed(host_keys=keys(without=RSA))),
        with_verdict(findings=[SMALL]),
        set(),
        False,
    ),
    "a grade that fell since more was seen": (
        with_verdict("A", changed(authentication_methods=None), grade_is_partial=True),
        with_verdict("C"),
        {"not compared authentication old", "not compared grades corp saw_more"},
        False,
    ),
    "a grade that fell although less was seen": (
        with_verdict("A"),
        with_verdict("C", changed(authentication_methods=None), grade_is_partial=True),
        {"not compared authentication new", "grade A to C"},
        True,
    ),
    "an edited profile": (
        with_verdict("A"),
        with_verdict("C", profile_version="2", findings=[WEAK]),
        {"not compared verdicts corp edited"},
        False,
    ),
    "another profile": (
        with_verdict("A"),
        with_verdict("C", profile="other"),
        {"not compared verdicts corp only_old", "not compared verdicts other only_new"},
        False,
    ),
    "one profile of two in common": (
        msgspec.structs.replace(PLAIN, verdicts=[verdict("A"), verdict("A", profile="more")]),
        with_verdict("C"),
        {"grade A to C", "not compared verdicts more only_old"},
        True,
    ),
    "several servers fix nothing": (
        with_verdict("C", changed(several_servers=True), findings=[WEAK]),
        with_verdict("A"),
        set(),
        False,
    ),
    "several servers can be worse": (
        with_verdict("A", changed(several_servers=True)),
        with_verdict("C", findings=[WEAK]),
        {"grade A to C", "finding new mac.weak hmac-sha1"},
        True,
    ),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_one_verdict_changed(name: str) -> None:
    before, after, expected, worse = VERDICTS[name]
    changes = compare([before], [after])
    assert words_of(changes) == expected
    assert changes.worse == worse


def test_a_profile_is_edited_without_a_new_version() -> None:
    headers = [{"profiles": [ProfileReference(id="corp", version="1", digest=digest)]} for digest in ("aa", "bb")]
    changes = compare([with_verdict("A")], [with_verdict("C", findings=[WEAK])], headers=headers)
    assert words_of(changes) == {"not compared verdicts corp edited"}
    assert changes.profiles == []


def test_a_profile_is_edited_and_its_verdicts_stay() -> None:
    host = with_verdict("A")
    headers: list[dict[str, Any]] = [
        {"profiles": [ProfileReference(id="corp", version="1", digest=digest)]} for digest in ("aa", "bb")
    ]
    builder = ChangesBuilder()
    shared = builder.snapshot(host)  # as a history has it: one for equal answers
    for header in headers:
        builder.begin("scan", SweepRecord(tool="", arguments=[], started_at=day(0), **header))
        builder.add_snapshot(identity_of(host), host.address, "", shared)
    assert builder.build(today="2026-11-30").profiles == []


def test_strict_in_one_scan() -> None:
    changes = compare([with_verdict("A")], [with_verdict("C")], headers=[{"strict": False}, {"strict": True}])
    assert words_of(changes) == {"not compared verdicts corp strict"}


def silent(status: str, address: str = "192.0.2.1") -> HostRecord:
    return failed(status, status, address)


def at(address: str, record: HostRecord = PLAIN, **fields: Any) -> HostRecord:
    return msgspec.structs.replace(record, target=address, host=address, address=address, **fields)


def named(address: str) -> HostRecord:
    return msgspec.structs.replace(PLAIN, target="web1", host="web1", address=address)


DOWN = silent("timeout")

PRESENCE: dict[str, tuple[Sequence[Sequence[HostRecord]], set[str]]] = {
    "a new host": (([OTHER], [OTHER, PLAIN]), {"host new 192.0.2.1:22"}),
    "a host that answers now": (([DOWN], [PLAIN]), {"host new 192.0.2.1:22 timeout"}),
    "a silent host": (([PLAIN], [DOWN]), {"host not seen 192.0.2.1:22 timeout 1"}),
    "a closed port": (([PLAIN], [silent("refused")]), {"host not seen 192.0.2.1:22 refused 1"}),
    "a host that is not in the new scan": (([PLAIN, OTHER], [OTHER]), {"host not seen 192.0.2.1:22 absent 0"}),
    "a host that was never seen": (([DOWN], [DOWN]), set()),
    "silent for three scans": (([PLAIN], [DOWN], [DOWN], [DOWN]), {"host gone 192.0.2.1:22 timeout 3"}),
    "silent for two scans": (([PLAIN], [DOWN], [DOWN]), {"host not seen 192.0.2.1:22 timeout 2"}),
    "throttled is not silent": (
        ([PLAIN], [DOWN], [silent("throttled")], [DOWN], [DOWN]),
        {"host not seen 192.0.2.1:22 timeout 3"},
    ),
    "a host at another address": (
        ([PLAIN, OTHER], [at("192.0.2.9"), OTHER]),
        {"host moved 192.0.2.1:22 to 192.0.2.9:22"},
    ),
    "a host at another address, the old one silent": (
        ([PLAIN], [at("192.0.2.9"), DOWN]),
        {"host moved 192.0.2.1:22 to 192.0.2.9:22"},
    ),
    "a host at another address with another key": (
        ([PLAIN], [at("192.0.2.9", host_keys=keys("new", types=[ED25519]))]),
        {"host new 192.0.2.9:22", "host not seen 192.0.2.1:22 absent 0"},
    ),
    "clones do not move": (
        ([PLAIN, at("192.0.2.3")], [at("192.0.2.3"), at("192.0.2.9")]),
        {"host new 192.0.2.9:22", "host not seen 192.0.2.1:22 absent 0"},
    ),
    "a name with another address": (
        ([named("192.0.2.1")], [named("192.0.2.7")]),
        {"host moved 192.0.2.1 to 192.0.2.7"},
    ),
    "the case of a name": (
        ([named("192.0.2.1")], [msgspec.structs.replace(named("192.0.2.1"), host="WEB1")]),
        set(),
    ),
    "a host that moved and changed": (
        ([PLAIN], [at("192.0.2.9", authentication_methods=["publickey"])]),
        {
            "host moved 192.0.2.1:22 to 192.0.2.9:22",
            "authentication_methods root: publickey, password to publickey",
        },
    ),
}


@pytest.mark.parametrize("name", PRESENCE)
def test_hosts_come_and_go(name: str) -> None:
    scans, expected = PRESENCE[name]
    assert words_of(compare(*scans)) == expected


def test_a_new_host_with_weaknesses_is_worse() -> None:
    changes = compare([OTHER], [OTHER, with_verdict("C", findings=[WEAK])])
    assert changes.worse
    assert changes.new_hosts[0].findings == {"medium": 1}
    assert not compare([OTHER], [OTHER, with_verdict("C")]).worse


def test_a_host_that_was_gone_is_not_listed_again() -> None:
    scans = ([PLAIN], [DOWN], [DOWN], [DOWN], [DOWN])
    assert words_of(compare(*scans, old=2)) == {"host gone 192.0.2.1:22 timeout 4"}
    assert words_of(compare(*scans, old=3)) == set()
    assert words_of(compare(*scans, old=3, gone_after=4)) == {"host gone 192.0.2.1:22 timeout 4"}


def test_a_host_that_is_back_is_compared_with_its_last_answer() -> None:
    new = changed(host_keys=keys("new", types=[ED25519]))
    assert words_of(compare([PLAIN], [DOWN], [new], old=1)) == {
        "host back 192.0.2.1:22 timeout",
        f"key changed {ED25519}",
    }


def test_hosts_without_a_record_are_silent() -> None:
    assert words_of(compare([PLAIN], [], silent=[(1, "192.0.2.1", "timeout")])) == {
        "host not seen 192.0.2.1:22 timeout 1"
    }


def test_a_scan_of_the_same_targets_misses_a_host_without_a_record() -> None:
    same, other = {"settings": settings()}, {"settings": settings(targets=["192.0.2.8"])}
    scans = ([PLAIN, OTHER], [OTHER], [OTHER], [OTHER])
    assert words_of(compare(*scans, headers=[same] * 4)) == {"host gone 192.0.2.1:22 absent 3"}
    assert words_of(compare(*scans, headers=[same, other, other, other])) == {"host not seen 192.0.2.1:22 absent 0"}


def test_all_addresses_of_a_name_are_separate_hosts() -> None:
    first, second = named("192.0.2.1"), named("192.0.2.2")
    new = msgspec.structs.replace(second, host_keys=keys("new", types=[ED25519]))
    header = {"settings": settings(all_addresses=True)}
    changes = compare([first, second], [first, new], headers=[header, header])
    assert [each.host for each in changes.host_keys] == ["web1:22 (192.0.2.2)"]
    assert changes.superseded == 0


def test_the_latest_of_two_records_of_a_host_counts() -> None:
    later = changed(started_at="2026-11-20T13:00:00Z", authentication_methods=["publickey"])
    changes = compare([PLAIN], [later, PLAIN])
    assert words_of(changes) == {"authentication_methods root: publickey, password to publickey"}
    assert changes.superseded == 1


A, B, C = (changed(host_keys=[key(ED25519, name)]) for name in "abc")


@pytest.mark.parametrize(
    ("scans", "old", "expected"),
    [
        ([A, B, A, B], 2, {f"key changed {ED25519} seen before"}),
        ([A, B, A, B, B], 3, set()),
        ([A, B, A, B, A], 2, {f"key passing {ED25519} seen before", f"flapping {ED25519}"}),
        ([A, B, A, C], 2, {f"key changed {ED25519}"}),
        ([A, B, A], 1, {f"key changed {ED25519} seen before"}),
        ([A, B, A], 0, {f"key passing {ED25519} seen before"}),
        ([A, A, B, B], 1, {f"key changed {ED25519}"}),
        ([A, A, B, B], 2, set()),
        ([A, B, DOWN, B], 2, set()),
    ],
)
def test_answers_over_several_scans(scans: Sequence[HostRecord], old: int, expected: set[str]) -> None:
    found = words_of(compare(*([each] for each in scans), old=old))
    assert {words for words in found if not words.startswith("host back")} == expected


def test_a_finding_that_is_back_again() -> None:
    weak, fine = with_verdict(findings=[WEAK]), with_verdict()
    assert words_of(compare([weak], [fine], [weak], old=1)) == {"finding back mac.weak hmac-sha1"}
    back = {"finding back mac.weak hmac-sha1"}
    assert words_of(compare([weak], [fine], [weak], [fine], [weak], old=3)) == back
    assert words_of(compare([weak], [fine], [weak], [fine], old=2)) == {"flapping verdicts"}
    assert words_of(compare([weak], [fine], [weak], [fine], [weak], [weak], old=4)) == set()
    assert words_of(compare([weak], [DOWN], [weak], old=1)) == {"host back 192.0.2.1:22 timeout"}


def test_a_host_that_alternates_can_get_worse() -> None:
    good = with_verdict("B", compliant=True)
    bad = with_verdict("C", changed(encryption_algorithms_client_to_server=["3des-cbc"]), compliant=False)
    changes = compare([good], [good], [bad], [bad], [good], [good], [bad], old=5)
    assert changes.worse
    assert {"grade B to C", "flapping encryption_algorithms_client_to_server"} <= words_of(changes)
    assert any(each.new is False for each in changes.compliance)
    better = compare([good], [bad], [good], [bad], [good], old=3)
    assert (better.grades, better.compliance, len(better.flapping)) == ([], [], 1)


def test_since_when() -> None:
    new = changed(host_keys=keys("new", types=[ED25519]))
    changes = compare([PLAIN], [PLAIN], [new], [new])
    assert [each.since for each in changes.host_keys] == [day(2)]


def test_findings_across_the_fleet() -> None:
    shared = [finding("host_key.shared", "medium", RSA, "shared with 192.0.2.5")]
    mine = msgspec.structs.replace(PLAIN, fleet_findings=shared)
    other = msgspec.structs.replace(OTHER, fleet_findings=shared)
    changes = compare([PLAIN, other], [mine, other])
    assert [(each.profile, each.kind, each.id) for each in changes.findings] == [("fleet", "new", "host_key.shared")]
    assert words_of(compare([PLAIN, OTHER], [mine, other])) == set()  # the old scan did not look for them


def test_hosts_with_the_same_change_are_one_entry() -> None:
    hosts = [at(f"192.0.2.{number}") for number in range(10, 14)]
    update = [msgspec.structs.replace(each, kex_algorithms=["curve25519-sha256"]) for each in hosts]
    changes = compare(hosts, update)
    assert len(changes.algorithms) == 1
    assert [each.host for each in changes.algorithms[0].hosts] == [f"192.0.2.{number}:22" for number in range(10, 14)]


def test_an_unchanged_fleet() -> None:
    changes: Changes = compare([SERVER, OTHER], [SERVER, OTHER])
    assert words_of(changes) == set()
    assert (changes.compared, changes.unchanged, changes.worse) == (2, 2, False)
    assert changes.profiles == ["sshprobe-2026"]


def test_an_algorithm_and_its_consequences() -> None:
    after = judged(PLAIN, kex_algorithms=added("kex_algorithms", "diffie-hellman-group1-sha1"))
    changes = compare([SERVER], [after])
    kex = "diffie-hellman-group1-sha1"
    assert words_of(changes) == {f"kex +{kex}", f"finding new kex.unlisted {kex}", "grade B to D"}
    assert changes.worse


def test_a_finding_that_was_not_looked_for_is_not_fixed() -> None:
    small = finding("group_exchange.modulus", "high", None, "1024 bits")
    password = finding("authentication.unlisted", "medium", "password", "the profile forbids it")
    before = with_verdict("C", findings=[small, password, WEAK])
    throttled = with_verdict("C", changed(status="partial", group_exchange=[]), findings=[password, WEAK])
    assert words_of(compare([before], [throttled])) == {"not compared group_exchange new"}
    larger = [msgspec.structs.replace(each, min=2048, n=2048) for each in GROUPS]
    fewer_groups = with_verdict("C", changed(group_exchange=larger), findings=[password, WEAK])
    assert not compare([before], [fewer_groups]).findings
    other_user = with_verdict("C", changed(authentication_user="git"), findings=[small, WEAK])
    assert not compare([before], [other_user]).findings
    left_out = with_verdict("C", changed(names_left_out=3), findings=[small, password])
    assert words_of(compare([before], [left_out])) == set()


def test_groups_and_methods_that_are_gone_are_fixed() -> None:
    before = with_verdict("C", findings=[finding("group_exchange.modulus", "high", None, "1024 bits")])
    names = [name for name in PLAIN.kex_algorithms or () if "group-exchange" not in name]
    after = with_verdict("C", changed(group_exchange=[], kex_algorithms=names))
    assert "finding fixed group_exchange.modulus" in words_of(compare([before], [after]))


def test_a_deadline_of_a_host_key_passes_between_two_scans_of_lists() -> None:
    lists = changed(host_keys=None, depth="lists", group_exchange=None, authentication_methods=None)
    passed = finding("host_key.deadline", "medium", "ssh-rsa", "accepted until 2026-11-30")
    changes = compare([with_verdict("B", lists)], [with_verdict("B", lists, findings=[passed])])
    assert [each.id for each in changes.findings] == ["host_key.deadline"]
    assert changes.worse


def test_a_port_that_begins_to_speak_ssh_is_worse_by_its_findings() -> None:
    changes = compare([failed_service()], [with_verdict("C", findings=[WEAK])])
    assert words_of(changes) == {"service: not SSH to SSH", "finding new mac.weak hmac-sha1"}
    assert changes.worse


def failed_service() -> HostRecord:
    return silent("not_ssh")


def test_a_better_grade_needs_all_that_the_old_scan_saw() -> None:
    """Each scan lacks another part, so the grade may be better only because of the part that is not there."""
    old = with_verdict("C", changed(group_exchange=None))
    assert "grade C to A" not in words_of(compare([old], [with_verdict("A", changed(authentication_methods=None))]))
    assert "grade C to F" in words_of(compare([old], [with_verdict("F", changed(authentication_methods=None))]))


def test_a_better_grade_needs_the_same_keys() -> None:
    """Both scans are partial, and the small key was not shown again."""
    old = changed(status="partial", group_exchange=None)
    for seen in ([], [each for each in PLAIN.host_keys or () if each.type == ED25519]):
        new = msgspec.structs.replace(old, host_keys=seen)
        scans = [with_verdict(letter, each, grade_is_partial=True) for letter, each in [("C", old), ("A", new)]]
        assert not compare([scans[0]], [scans[1]]).grades


def test_a_key_that_only_a_scan_between_saw() -> None:
    none = changed(host_keys=[], server_host_key_algorithms=[RSA])
    other = changed(host_keys=[key(RSA, "rsa")], server_host_key_algorithms=[RSA])
    assert words_of(compare([A], [B], [A], [C], [A], old=2)) == {
        f"key passing {ED25519} seen before",
        f"flapping {ED25519}",
    }
    assert f"key passing {ED25519}" in words_of(compare([none], [C], [A]))
    only = changed(host_keys=[key(ED25519, "a")], server_host_key_algorithms=[ED25519])
    changes = compare([only], [other], [only])  # every key was another one, of another type
    assert f"key passing {RSA} seen before" in words_of(changes)
    assert changes.worse
    more = changed(host_keys=[key(ED25519, "a"), key(RSA, "rsa")], server_host_key_algorithms=[ED25519, RSA])
    assert not compare([only], [more], [only]).worse  # one more type for a while warns no client


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (settings(), settings(all_addresses=True)),
        (settings(), settings(family=6)),
        (settings(files=[{"name": "f", "digest": "aa"}]), settings(files=[{"name": "f", "digest": "bb"}])),
        (settings(files=[{"name": "-", "digest": None}]), settings(files=[{"name": "-", "digest": None}])),
        (settings(targets=["-"]), settings(targets=["-"])),
    ],
)
def test_a_host_that_may_not_have_been_a_target_is_not_gone(one: SweepSettings, other: SweepSettings) -> None:
    scans = ([PLAIN, OTHER], [OTHER], [OTHER], [OTHER])
    changes = compare(*scans, headers=[{"settings": each} for each in (one, other, other, other)])
    assert words_of(changes) == {"host not seen 192.0.2.1:22 absent 0"}


def test_records_are_ordered_by_time_not_by_text() -> None:
    """12:00 in Berlin is 11:00 in UTC, and words are not a time."""
    first = changed(started_at="2026-11-20T12:00:00+01:00", authentication_methods=["publickey"])
    second = changed(started_at="2026-11-20T11:30:00Z")
    assert words_of(compare([PLAIN], [second, first])) == set()
    assert words_of(compare([PLAIN], [second, changed(started_at="zzz", authentication_methods=[])])) == set()


def test_order_and_versions_are_noted() -> None:
    headers = [{"started_at": day(9)}, {"tool": "sshprobe 0.2.0"}]
    assert compare([PLAIN], [PLAIN], headers=headers).notes == ["order", "versions"]
    assert compare([PLAIN], [PLAIN], headers=[{"started_at": "then"}, {}]).notes == []
