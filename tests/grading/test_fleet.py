"""Findings across hosts: shared keys and primes, known keys, and their records."""

from __future__ import annotations

import base64
import hashlib
import itertools
import random
from typing import Any

import asyncssh
import msgspec
import pytest

from sshprobe.grading import FleetFacts, FleetIndex, KnownKeys, fleet_findings_of, key_findings
from sshprobe.model.errors import InputError
from sshprobe.model.finding_table import FLEET_FINDINGS
from sshprobe.model.fleet import FleetReport
from sshprobe.model.observation import HostKey, Observation, endpoint
from sshprobe.model.verdict import Effect
from sshprobe.profiles import load_profile, parse_profile
from sshprobe.remedy import grade, remedy
from sshprobe.views.summary import fleet_severities
from sshprobe.wire.host_keys import parse_host_key
from tests.grading.observations import identification, modern, modulus
from tests.grading.rsa_keys import prime, roca_prime, rsa_host_key

MODERN = load_profile("mozilla-modern")


def real_key(kind: str) -> HostKey:
    return recorded(asyncssh.generate_private_key(kind).public_data, kind)


def recorded(blob: bytes, kind: str) -> HostKey:
    key = parse_host_key(blob)
    return HostKey(
        type=key.type,
        bits=key.bits,
        fingerprint=key.fingerprint,
        blob=base64.b64encode(key.blob).decode("ascii"),
        signature_verified=True,
        signature_algorithm=kind,
        kex_algorithm="curve25519-sha256",
    )


def host(address: str, *keys: HostKey, port: int = 22, **changes: Any) -> Observation:
    return modern(address=address, host=address, target=address, port=port, host_keys=list(keys), **changes)


def report(hosts: list[Observation], known: KnownKeys | None = None) -> FleetReport:
    facts = FleetFacts(known)
    for each in hosts:
        facts.add(each)
    return facts.report()


ED, OTHER_ED, THIRD_ED = (real_key("ssh-ed25519") for _ in range(3))
EC = real_key("ecdsa-sha2-nistp256")
RSA = rsa_host_key(prime(1024) * prime(1024))


def test_one_key_on_machines_that_differ() -> None:
    hosts = [host("192.0.2.1", ED, RSA), host("192.0.2.2", OTHER_ED, RSA), host("192.0.2.3", THIRD_ED)]
    found = report(hosts)
    (shared,) = found.shared_host_keys
    assert (shared.fingerprint, shared.type, shared.agree) == (RSA.fingerprint, "ssh-rsa", False)
    assert shared.hosts == ["192.0.2.1:22", "192.0.2.2:22"]
    assert (found.shared_primes, found.weak_keys, found.known_keys_checked) == ([], [], False)
    index = FleetIndex(found)
    for each, severities in zip(hosts, (["medium"], ["medium"], []), strict=True):
        assert [f.severity for f in key_findings(each, index)] == severities


def test_one_machine_under_two_addresses_or_a_clone() -> None:
    hosts = [host("192.0.2.1", ED, RSA), host("2001:db8::1", ED, RSA)]
    assert [(key.agree, key.hosts) for key in report(hosts).shared_host_keys] == [
        (True, ["192.0.2.1:22", "[2001:db8::1]:22"])
    ] * 2
    assert {f.severity for f in key_findings(hosts[0], FleetIndex(report(hosts)))} == {"note"}
    # A key type seen on one host only is not a difference; another identification is.
    assert [key.agree for key in report([hosts[0], host("192.0.2.2", ED, EC)]).shared_host_keys] == [True]
    newer = host("192.0.2.2", ED, identification=identification("SSH-2.0-OpenSSH_9.9p2"))
    assert [key.agree for key in report([hosts[0], newer]).shared_host_keys] == [False]
    unseen = host("192.0.2.2", ED, identification=None)
    assert [key.agree for key in report([hosts[0], unseen]).shared_host_keys] == [True]


@pytest.mark.parametrize(
    "changes",
    [
        {"kex_algorithms": ["curve25519-sha256", "diffie-hellman-group1-sha1"]},
        {"mac_algorithms_server_to_client": ["hmac-md5"]},
        {"encryption_algorithms_client_to_server": ["aes128-cbc"]},
        {"server_host_key_algorithms": ["ssh-rsa"]},
        {"authentication_methods": ["publickey", "password"]},
        {"group_exchange": [modulus(2048)]},
        {"extensions": {"server-sig-algs": "ssh-rsa"}},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_hosts_that_differ_in_what_they_offer_are_several_machines(changes: dict[str, Any]) -> None:
    signatures = {"server-sig-algs": "ssh-ed25519"}
    hosts = [host("192.0.2.1", RSA, extensions=signatures)]
    hosts.append(msgspec.structs.replace(host("192.0.2.2", RSA, extensions=signatures), **changes))
    (shared,) = report(hosts).shared_host_keys
    assert shared.agree is False
    assert [f.severity for f in key_findings(hosts[0], FleetIndex(report(hosts)))] == ["medium"]
    # A fact unknown of the other host is not a difference.
    hosts[1] = msgspec.structs.replace(hosts[1], **dict.fromkeys(changes))
    assert [key.agree for key in report(hosts).shared_host_keys] == [True]


def test_values_that_change_per_connection_are_not_a_difference() -> None:
    comments = [identification(f"SSH-2.0-tinyssh_20230101-1 {each}") for each in ("7LL90qtr", "x1Ab3dEf")]
    hosts = [host(f"192.0.2.{n}", ED, identification=each) for n, each in enumerate(comments)]
    assert [key.agree for key in report(hosts).shared_host_keys] == [True]
    # Several servers answer at one address: its lists are merged.
    both = host("192.0.2.1", ED, kex_algorithms=["curve25519-sha256", "ecdh-sha2-nistp256"], several_servers=True)
    assert [key.agree for key in report([hosts[0], both]).shared_host_keys] == [False]
    both = msgspec.structs.replace(both, identification=None)
    assert [key.agree for key in report([hosts[0], both]).shared_host_keys] == [True]
    groups = [[msgspec.structs.replace(modulus(3072), modulus=each)] for each in ("0b", "17")]
    clones = [host(f"192.0.2.{n}", ED, group_exchange=each) for n, each in enumerate(groups)]
    assert [key.agree for key in report(clones).shared_host_keys] == [True]


def test_similar_hosts_share_memory() -> None:
    extensions = {"server-sig-algs": "ssh-ed25519", "ping@openssh.com": "0"}
    other_order = dict(reversed(extensions.items()))
    facts = FleetFacts()
    for number, offered in enumerate([extensions, other_order, extensions, {}]):
        facts.add(host(f"192.0.2.{number}", ED, extensions=offered))
    first, *alike, unlike = (each.facets for each in facts)
    assert all(each is first for each in alike)
    assert unlike != first
    assert [key.agree for key in facts.report().shared_host_keys] == [False]


def test_numbers_that_no_server_sends_are_taken_from_a_record() -> None:
    sizes = [modulus(10**30), modulus(10**30 + 1)]
    hosts = [host(f"192.0.2.{number}", ED, group_exchange=[size]) for number, size in enumerate(sizes)]
    hosts = [msgspec.json.decode(msgspec.json.encode(each), type=Observation) for each in hosts]
    assert [key.agree for key in report(hosts).shared_host_keys] == [False]


def test_one_of_many_that_differs_is_enough() -> None:
    hosts = [host(f"192.0.2.{number}", ED, RSA) for number in range(20)]
    assert [key.agree for key in report(hosts).shared_host_keys] == [True, True]
    for place in (0, 7, 20):
        for unlike in (host("192.0.2.99", ED, RSA, authentication_methods=[]), host("192.0.2.99", OTHER_ED, RSA)):
            found = report([*hosts[:place], unlike, *hosts[place:]]).shared_host_keys
            assert {key.type: key.agree for key in found if len(key.hosts) == 21}["ssh-rsa"] is False


def test_two_ports_of_one_address_are_one_machine() -> None:
    assert report([host("192.0.2.1", ED), host("192.0.2.1", ED, port=2222)]).shared_host_keys == []
    assert report([host("192.0.2.1", ED), host("192.0.2.1", ED)]).shared_host_keys == []


def test_unproven_keys_are_not_counted() -> None:
    liar = msgspec.structs.replace(ED, signature_verified=False)
    found = report([host("192.0.2.1", ED), host("192.0.2.2", liar)])
    assert found.shared_host_keys == []
    both = [host("192.0.2.1", ED), host("192.0.2.3", ED)]
    index = FleetIndex(report(both))
    assert key_findings(host("192.0.2.2", liar), index) == []


def test_primes_that_keys_share() -> None:
    p = prime(512)
    keys = [rsa_host_key(p * prime(512)) for _ in range(2)] + [rsa_host_key(prime(512) * prime(512)) for _ in range(9)]
    hosts = [host(f"192.0.2.{i}", key) for i, key in enumerate(keys)] + [host("198.51.100.1", keys[0])]
    found = report(hosts)
    assert found.shared_primes is not None
    (shared,) = found.shared_primes
    assert shared.bits == 512
    assert shared.fingerprints == sorted(key.fingerprint for key in keys[:2])
    assert shared.hosts == ["192.0.2.0:22", "192.0.2.1:22", "198.51.100.1:22"]
    index = FleetIndex(found)
    (finding,) = fleet_findings_of(hosts[1], index)
    assert (finding.id, finding.algorithm, finding.weaknesses) == ("host_key.shared_prime", "ssh-rsa", ["shared-prime"])
    assert finding.effect == Effect()
    assert (finding.severity, finding.observed) == (
        "critical",
        "a prime also in a key of 192.0.2.0:22, 198.51.100.1:22",
    )
    fixed = remedy(hosts[1], MODERN, fleet=index)
    assert fixed.commands[0].startswith("ssh-keygen -q -t rsa -b 3072")
    assert not any("shared_prime" in line for line in fixed.left)
    assert fleet_findings_of(hosts[5], index) == []
    assert str(p) not in str(found)


def test_a_cloned_image_is_one_finding_a_host_and_changes_no_letter() -> None:
    """Three shared keys once cost 30 points, and a new key on one clone changed the others' grades."""
    keys = [ED, EC, RSA]
    clones = [host(f"192.0.2.{n}", *keys) for n in range(3)]
    other = host("192.0.2.9", *keys, identification=identification("SSH-2.0-OpenSSH_9.9p2"))
    index = FleetIndex(report([*clones, other]))
    for each in (*clones, other):
        (finding,) = fleet_findings_of(each, index)
        assert (finding.id, finding.severity, finding.deviation) == ("host_key.shared", "medium", False)
        assert (finding.effect, finding.algorithm, finding.weaknesses) == (Effect(), None, ["shared-key"])
        assert all(key.type in finding.observed for key in keys)
        assert "each machine needs its own" in (finding.remediation or "")
        assert not {f.id for f in grade(each, MODERN).findings} & {"host_key.shared"}
    (note,) = fleet_findings_of(clones[0], FleetIndex(report(clones)))
    assert (note.severity, note.remediation) == ("note", None)


def test_a_new_key_is_advised_for_fleet_findings() -> None:
    one, two = host("192.0.2.1", ED), host("192.0.2.2", ED, authentication_methods=["publickey", "hostbased"])
    index = FleetIndex(report([one, two]))
    assert any("ssh-keygen" in command for command in remedy(one, MODERN, fleet=index).commands)
    assert remedy(one, MODERN).commands == []


def test_a_waiver_in_every_profile_covers_fleet_findings() -> None:
    text = """id = "ours"
title = "Ours"
version = "1"
date = "2026-11-21"
source = "the wiki"
extends = "mozilla-modern"
[[waiver]]
finding = "host_key.shared"
hosts = ["192.0.2.1"]
reason = "a pair"
until = 2027-01-01
"""
    ours = parse_profile(text, source="ours.toml")
    one, two = host("192.0.2.1", RSA), host("192.0.2.2", RSA, authentication_methods=["publickey", "hostbased"])
    index = FleetIndex(report([one, two]))
    (finding,) = fleet_findings_of(one, index, [ours])
    assert finding.waived is not None
    assert finding.waived.reason == "a pair"
    for each, profiles in ((two, [ours]), (one, [ours, MODERN]), (one, [])):
        (finding,) = fleet_findings_of(each, index, profiles)
        assert finding.waived is None


def test_the_report_counts_each_host_once() -> None:
    """The exit code of a scan follows the same findings as `grade`."""
    p = prime(256)
    keys = [ED, EC, RSA, rsa_host_key(p * prime(256)), rsa_host_key(p * prime(256))]
    source = random.Random(5)
    hosts = [host(f"192.0.2.{i}", *source.sample(keys, 3), port=22 + i % 2) for i in range(12)]
    known = KnownKeys()
    known.add(f"{ED.fingerprint}\n".encode(), source="list")
    found = report(hosts, known)
    index = FleetIndex(found)
    expected: dict[str, dict[str, str]] = {}
    for each in hosts:
        for finding in fleet_findings_of(each, index):
            expected.setdefault(finding.id, {})[endpoint(each.host, each.port)] = finding.severity
    assert fleet_severities(found) == expected
    assert set(expected) == set(FLEET_FINDINGS) - {"host_key.factored"}


def test_the_order_of_hosts_changes_nothing() -> None:
    p = prime(256)
    keys = [ED, RSA, rsa_host_key(p * prime(256)), rsa_host_key(p * prime(256)), EC]
    hosts = [host(f"192.0.2.{i % 5}", keys[i % 5], keys[i % 3], port=22 + i % 2) for i in range(10)]
    first = report(hosts)
    assert first.shared_host_keys
    assert first.shared_primes
    source = random.Random(1)
    for _ in range(20):
        assert report(source.sample(hosts, len(hosts))) == first
        assert report(hosts + hosts) == first


def test_weak_keys_are_listed_once_with_all_their_hosts() -> None:
    weak = rsa_host_key(roca_prime(512) * roca_prime(512), 3)
    found = report([host("192.0.2.1", weak), host("192.0.2.2", weak), host("192.0.2.3", RSA)])
    (key,) = found.weak_keys
    assert (key.fingerprint, key.bits) == (weak.fingerprint, weak.bits)
    assert key.findings == ["host_key.exponent", "host_key.roca"]
    assert key.hosts == ["192.0.2.1:22", "192.0.2.2:22"]


def numbers_as_badkeys_hashes_them() -> dict[str, tuple[HostKey, int]]:
    """Computed from asyncssh's numbers of the keys: modulus, y, x and the key."""
    found = {}
    for kind in ("ssh-rsa", "ssh-dss", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp521", "ssh-ed25519"):
        private = asyncssh.generate_private_key(kind)
        public: Any = private.convert_to_public().pyca_key
        if kind == "ssh-rsa":
            number = public.public_numbers().n
        elif kind == "ssh-dss":
            number = public.public_numbers().y
        elif kind == "ssh-ed25519":
            number = int.from_bytes(public.public_bytes_raw(), "big")
        else:
            number = public.public_numbers().x
        found[kind] = (recorded(private.public_data, kind), number)
    return found


def test_the_block_list_of_badkeys() -> None:
    keys = numbers_as_badkeys_hashes_them()
    digests = [
        hashlib.sha256(number.to_bytes((number.bit_length() + 7) // 8, "big")).digest()[:15] + b"\x02"
        for _, number in keys.values()
    ]
    noise = [random.Random(i).randbytes(16) for i in range(500)]
    known = KnownKeys()
    known.add(b"".join(sorted([*digests, *noise])), source="blocklist.dat")
    assert len(known) == 505
    for key, _ in keys.values():
        assert base64.b64decode(key.blob) in known
    assert base64.b64decode(ED.blob) not in known
    assert base64.b64decode(RSA.blob) not in known


@pytest.mark.parametrize("form", ["openssh-blacklist", "fingerprints"])
def test_lists_of_lines(form: str) -> None:
    blob = base64.b64decode(RSA.blob)
    if form == "openssh-blacklist":
        line = hashlib.md5(blob, usedforsecurity=False).hexdigest()[12:]
    else:
        line = f"2048 {RSA.fingerprint} root@host (RSA)"
    known = KnownKeys()
    known.add(f"# a comment\n\n{line}\n".encode(), source="list")
    found = report([host("192.0.2.1", RSA, ED)], known)
    assert found.known_keys_checked
    assert [key.findings for key in found.weak_keys] == [["host_key.known"]]
    beside = fleet_findings_of(host("192.0.2.1", RSA, ED), FleetIndex(found))
    assert [(f.id, f.severity, f.algorithm) for f in beside] == [("host_key.known", "critical", "ssh-rsa")]
    assert report([host("192.0.2.1", ED)], known).weak_keys == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"# nothing\n",
        b"no key\n",
        b"0123456789abcdef0123 and more\n",
        bytes(range(32)) * 3,
        b"\xff" * 16 + bytes(16),
        bytes(15),
    ],
)
def test_a_file_without_a_list_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match=r"^list"):
        KnownKeys().add(data, source="list")


def test_too_many_keys_without_gmpy2_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    from sshprobe.grading.fleet import comparison

    monkeypatch.setattr(comparison, "MODULI_WITHOUT_GMPY2", 2)
    monkeypatch.setattr(comparison, "has_gmp", lambda: False)
    hosts = [host(f"192.0.2.{i}", rsa_host_key(prime(256) * prime(256))) for i in range(3)]
    assert report(hosts).shared_primes is None
    assert report(hosts[:2]).shared_primes == []


def test_every_host_is_found_again_by_its_finding() -> None:
    """The report lists exactly the findings of the hosts."""
    p = prime(256)
    keys = [ED, OTHER_ED, EC, RSA, rsa_host_key(p * prime(256)), rsa_host_key(p * prime(256))]
    source = random.Random(3)
    hosts = [host(f"192.0.2.{i}", *source.sample(keys, source.randrange(4))) for i in range(30)]
    found = report(hosts)
    index = FleetIndex(found)
    marked = {(each.address, f.id) for each in hosts for f in key_findings(each, index) if "shared" in f.id}
    shared = itertools.chain.from_iterable(key.hosts for key in found.shared_host_keys)
    primes = itertools.chain.from_iterable(each.hosts for each in found.shared_primes or ())
    assert marked == {(place[:-3], "host_key.shared") for place in shared} | {
        (place[:-3], "host_key.shared_prime") for place in primes
    }
