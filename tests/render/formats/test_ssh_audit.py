"""`sshprobe report --format ssh-audit`: shape, text and importers. See also tests/live/test_peers.py."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sshprobe.algorithms import marker_names, names
from sshprobe.cli.neutral_profile import describe
from sshprobe.cli.report_writer import report_context
from sshprobe.model.observation import Certificate, GroupExchange
from sshprobe.model.records import HostRecord
from sshprobe.render.formats.ssh_audit import ssh_audit_document
from tests.cli.test_cli_commands import sshprobe, write
from tests.grading.rsa_keys import prime, rsa_host_key
from tests.render.importers import defect_dojo, secure_code_box
from tests.sample_records import CAPTURES, captured, failed

NAMES = sorted(path.stem for path in CAPTURES.glob("*.json"))


def document(record: HostRecord) -> dict[str, Any]:
    return ssh_audit_document(record, report_context())


def entry(found: dict[str, Any], list_: str, name: str) -> dict[str, Any]:
    (one,) = (each for each in found[list_] if each["algorithm"] == name)
    return dict(one)


@pytest.mark.parametrize("name", NAMES)
def test_every_capture_has_its_lists_and_can_be_imported(name: str) -> None:
    record = captured(name)
    found = document(record)
    assert [each["algorithm"] for each in found["kex"]] == record.kex_algorithms
    assert [each["algorithm"] for each in found["key"]] == record.server_host_key_algorithms
    assert [each["algorithm"] for each in found["enc"]] == record.encryption_algorithms_server_to_client
    assert [each["algorithm"] for each in found["mac"]] == record.mac_algorithms_server_to_client
    assert found["compression"] == record.compression_algorithms_server_to_client
    assert found["banner"]["raw"] == record.identification.raw if record.identification else False
    assert found["target"] == "192.0.2.1:22"
    imported = defect_dojo(found)
    assert {(each.host, each.port) for each in imported} <= {("192.0.2.1", "22")}
    # In the lists that DefectDojo reads, it finds exactly our weak names.
    weak = {
        each["algorithm"]
        for list_, category in (("kex", "kex"), ("key", "host_key"), ("mac", "mac"))
        for each in found[list_]
        if describe(category, each["algorithm"]).severity
    }
    assert weak <= {each.title.rpartition("_")[2] for each in imported}
    recommended = {word.partition(" (Note: ")[0] for _, _, names in secure_code_box(found) for word in names}
    assert weak <= recommended


def observed(found: dict[str, Any]) -> list[str]:
    """Return the additional notes without hints."""
    return [note for note in found["additional_notes"] if "by the version alone" not in note]


def test_words_and_levels() -> None:
    found = document(captured("openssh-5.3p1"))
    group1 = entry(found, "kex", "diffie-hellman-group1-sha1")["notes"]
    assert group1["fail"] == [
        "1024-bit group (Logjam): one large computation for a group breaks every exchange in it (high)"
    ]
    assert "in OpenSSH since 3.0 or earlier" in group1["info"]
    assert "RFC 9142: SHOULD NOT" in group1["info"]
    assert entry(found, "mac", "hmac-sha1")["notes"]["warn"][0].endswith("(low)")
    assert entry(found, "enc", "aes128-ctr")["notes"] == {"info": ["in OpenSSH since 3.7"]}
    # All its MACs are weak: the least weak must stay until there is another.
    change = {"name": "hmac-sha1", "notes": "all that it offers: offer a better one, then take it out"}
    assert change in found["recommendations"]["warning"]["chg"]["mac"]
    assert {"name": "hmac-md5", "notes": ""} in found["recommendations"]["warning"]["del"]["mac"]
    assert observed(found) == [
        "signs with SHA-1 alone: OpenSSH's client refuses it since 8.8 (low)",
        "no post-quantum key exchange (note)",
    ]
    # A version only hints at weaknesses: importers must not count them.
    assert any(note.startswith("CVE-2018-15473: by the version alone") for note in found["additional_notes"])
    assert found["cves"] == []


def test_recommendations_never_delete_a_whole_list() -> None:
    """An old TinySSH has one cipher: an update fixes it, while deleting it ends all logins."""
    found = document(captured("tinysshd-20230101"))["recommendations"]
    change = {
        "name": "chacha20-poly1305@openssh.com",
        "notes": "all that it offers: update to a release with strict key exchange",
    }
    assert found == {"warning": {"chg": {"enc": [change]}}}
    # Other weak names can still go.
    both = ["chacha20-poly1305@openssh.com", "3des-cbc"]
    record = msgspec.structs.replace(
        captured("tinysshd-20230101"),
        encryption_algorithms_client_to_server=both,
        encryption_algorithms_server_to_client=both,
    )
    found = document(record)["recommendations"]
    assert found["warning"] == {"chg": {"enc": [change]}, "del": {"enc": [{"name": "3des-cbc", "notes": ""}]}}


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_left_in_every_list(name: str) -> None:
    record = captured(name)
    old = msgspec.structs.replace(
        record,
        mac_algorithms_client_to_server=["hmac-md5"],  # in one direction only, and two names in the other
        mac_algorithms_server_to_client=["hmac-md5", "hmac-sha1"],
        kex_algorithms=["diffie-hellman-group1-sha1", "kex-strict-s-v00@openssh.com"],
    )
    for host in (record, old):
        found = document(host)["recommendations"]
        deleted = {
            (list_, entry["name"])
            for actions in found.values()
            for list_, entries in actions.get("del", {}).items()
            for entry in entries
        }
        for list_, field in (
            ("kex", "kex_algorithms"),
            ("key", "server_host_key_algorithms"),
            ("enc", "encryption_algorithms_client_to_server"),
            ("enc", "encryption_algorithms_server_to_client"),
            ("mac", "mac_algorithms_client_to_server"),
            ("mac", "mac_algorithms_server_to_client"),
        ):
            algorithms = [each for each in getattr(host, field) if each not in marker_names()]
            assert any((list_, algorithm) not in deleted for algorithm in algorithms), field
    assert {"name": "hmac-md5", "notes": "all that it offers: offer a better one, then take it out"} in found[
        "warning"
    ]["chg"]["mac"]


def test_terrapin_is_attached_to_its_algorithms() -> None:
    terrapin = "Terrapin: no strict key exchange; both directions (medium)"
    found = document(captured("openssh-6.7p1"))
    assert terrapin in found["additional_notes"]
    assert terrapin in entry(found, "enc", "chacha20-poly1305@openssh.com")["notes"]["warn"]
    assert {"name": "chacha20-poly1305@openssh.com", "notes": ""} in found["recommendations"]["warning"]["del"]["enc"]
    # Without a CBC cipher, encrypt-then-MAC is sound.
    assert all(terrapin not in each["notes"].get("warn", ()) for each in found["mac"])
    strict = document(captured("openssh-9.9p2"))
    assert not any("Terrapin" in note for note in strict["additional_notes"])
    assert entry(strict, "enc", "chacha20-poly1305@openssh.com")["notes"].keys() == {"info"}


def test_terrapin_by_cbc_is_looked_for_in_each_direction() -> None:
    record = msgspec.structs.replace(
        captured("openssh-5.3p1"),
        encryption_algorithms_client_to_server=["aes128-cbc", "aes128-ctr"],
        encryption_algorithms_server_to_client=["aes256-cbc", "aes128-ctr"],
        mac_algorithms_client_to_server=["hmac-sha2-256-etm@openssh.com"],
        mac_algorithms_server_to_client=["hmac-sha2-512"],
    )
    found = document(record)
    terrapin = "Terrapin: no strict key exchange; client to server (medium)"
    assert terrapin in entry(found, "enc", "aes128-cbc")["notes"]["warn"]
    assert terrapin not in entry(found, "enc", "aes256-cbc")["notes"]["warn"]
    assert entry(found, "enc", "aes128-cbc")["notes"]["info"][-1] == "client to server only"
    assert entry(found, "mac", "hmac-sha2-512")["notes"]["info"][-1] == "server to client only"
    assert terrapin in entry(found, "mac", "hmac-sha2-256-etm@openssh.com")["notes"]["warn"]


def test_keys_and_groups() -> None:
    key = rsa_host_key(prime(512) * prime(512))
    certified = msgspec.structs.replace(
        rsa_host_key(prime(1024) * prime(1024)),
        type="ssh-rsa-cert-v01@openssh.com",
        certificate=Certificate(
            serial=1,
            kind="host",
            key_id="",
            principals=[],
            valid_after=0,
            valid_before=2**64 - 1,
            critical_options=[],
            extensions=[],
            ca_type="ssh-rsa",
            ca_bits=1024,
            ca_fingerprint="SHA256:x",
            signature_algorithm="rsa-sha2-512",
            ca_signature_verified=True,
        ),
    )
    sizes = [
        GroupExchange(
            algorithm="diffie-hellman-group-exchange-sha256", min=1024, n=n, max=8192, modulus_bits=bits, refused=False
        )
        for n, bits in ((1024, 1536), (2048, 2048))
    ]
    record = msgspec.structs.replace(
        captured("openssh-debian12-9.2p1"),
        host_keys=[key, certified],
        group_exchange=sizes,
        server_host_key_algorithms=["rsa-sha2-512", "ssh-ed25519", "rsa-sha2-512-cert-v01@openssh.com"],
    )
    found = document(record)
    rsa = entry(found, "key", "rsa-sha2-512")
    assert rsa["keysize"] == key.bits
    assert any(text.startswith(f"{key.bits} bits; less than 2048 is weak") for text in rsa["notes"]["fail"])
    assert entry(found, "key", "ssh-ed25519").keys() == {"algorithm", "notes"}
    certificate = entry(found, "key", "rsa-sha2-512-cert-v01@openssh.com")
    assert (certificate["keysize"], certificate["ca_algorithm"], certificate["casize"]) == (2048, "ssh-rsa", 1024)
    assert any("CA key of 1024 bits" in text for text in certificate["notes"]["fail"])
    exchange = entry(found, "kex", "diffie-hellman-group-exchange-sha256")
    assert exchange["keysize"] == 1536
    assert exchange["notes"]["fail"] == ["1536-bit modulus; less than 2048 is weak (high)"]
    change = found["recommendations"]["critical"]["chg"]
    assert change["kex"] == [{"name": exchange["algorithm"], "notes": "increase modulus size to 3072 bits or larger"}]
    assert [each["name"] for each in change["key"]] == ["rsa-sha2-512"]
    # Certificates have no fingerprint, keys have.
    assert [(each["hostkey"], each["hash_alg"]) for each in found["fingerprints"]] == [
        ("ssh-rsa", "SHA256"),
        ("ssh-rsa", "MD5"),
    ]
    assert found["fingerprints"][0]["hash"] == key.fingerprint.removeprefix("SHA256:")
    # Also under the certificate names of OpenSSH 10.6.
    newer = msgspec.structs.replace(record, host_keys=[msgspec.structs.replace(key, type="ssh-mldsa44-ed25519-cert")])
    assert document(newer)["fingerprints"] == []


def test_unseen_fields_are_missing_and_never_empty() -> None:
    record = msgspec.structs.replace(
        failed("ssh1_only", "SSH-1 only"), identification=captured("openssh-5.3p1").identification
    )
    found = document(record)
    assert set(found) == {"banner", "target", "cves", "recommendations", "additional_notes"}
    lists_only = msgspec.structs.replace(captured("openssh-9.9p2"), host_keys=None, group_exchange=None)
    found = document(lists_only)
    assert found["fingerprints"] == []
    assert not any("keysize" in each for list_ in ("kex", "key") for each in found[list_])
    assert "host keys were not asked for" in found["additional_notes"]
    half = msgspec.structs.replace(
        captured("openssh-debian12-9.2p1"),
        status="partial",
        error="no answer to the third connection",
        group_exchange=[],
        several_servers=True,
    )
    assert document(half)["additional_notes"] == [
        "not all was seen: no answer to the third connection",
        "the size of the groups of diffie-hellman-group-exchange-sha256 was not seen",
        "several servers answer at this address; others may that were not met",
    ]
    assert observed(document(captured("openssh-9.9p2"))) == []


def test_findings_without_an_algorithm_are_additional_notes() -> None:
    old = captured("openssh-5.3p1-ssh1")
    found = document(msgspec.structs.replace(old, authentication_none_accepted=True))
    assert (
        "none: the SSH login asks for no credential; whether a prompt follows inside was not tried (critical)"
        in found["additional_notes"]
    )
    assert "speaks SSH-1 besides SSH-2 (high)" in found["additional_notes"]


def test_a_key_without_its_proof_is_a_failure() -> None:
    record = captured("openssh-9.9p2")
    keys = [msgspec.structs.replace(key, signature_verified=False) for key in record.host_keys or ()]
    found = document(msgspec.structs.replace(record, host_keys=keys))
    assert entry(found, "key", "ssh-ed25519")["notes"]["fail"] == [
        "the server did not prove that it holds this key (high)"
    ]


def test_every_name_of_the_catalogue_has_notes_that_importers_can_read() -> None:
    record = msgspec.structs.replace(
        captured("openssh-9.9p2"),
        kex_algorithms=[*names("kex"), *marker_names(), "unheard-of"],
        server_host_key_algorithms=[*names("host_key"), "unheard-of"],
        encryption_algorithms_server_to_client=[*names("cipher"), "unheard-of"],
        mac_algorithms_server_to_client=[*names("mac"), "unheard-of"],
    )
    found = document(record)
    for list_ in ("kex", "key", "enc", "mac"):
        assert entry(found, list_, "unheard-of")["notes"].keys() & {"fail", "warn"}
        for each in found[list_]:
            assert each["notes"].keys() <= {"fail", "warn", "info"}
            assert all(text and "  " not in text for texts in each["notes"].values() for text in texts)
    assert entry(found, "kex", "kex-strict-s-v00@openssh.com")["notes"].keys() == {"info"}
    assert entry(found, "enc", "none")["notes"].keys() >= {"fail"}
    defect_dojo(found)
    secure_code_box(found)


def test_one_host_is_an_object_and_several_are_a_list(tmp_path: Path) -> None:
    write(tmp_path / "one.jsonl", [captured("openssh-5.3p1")])
    several = [captured("openssh-5.3p1"), failed("timeout", "no answer"), captured("dropbear-2022.83", "192.0.2.2")]
    write(tmp_path / "several.jsonl", several)
    write(tmp_path / "silent.jsonl", [failed("timeout", "no answer")])
    run = sshprobe("report", "one.jsonl", "--format", "ssh-audit", cwd=tmp_path)
    assert (run.returncode, run.stderr) == (0, b"")
    assert json.loads(run.stdout)["target"] == "192.0.2.1:22"
    run = sshprobe("report", "several.jsonl", "--format", "ssh-audit", cwd=tmp_path)
    assert [each["target"] for each in json.loads(run.stdout)] == ["192.0.2.1:22", "192.0.2.2:22"]
    assert run.stderr == b"note: 1 host is left out: no SSH server was seen there\n"
    run = sshprobe("report", "silent.jsonl", "--format", "ssh-audit", cwd=tmp_path)
    assert (run.returncode, json.loads(run.stdout)) == (0, [])
    run = sshprobe("report", "one.jsonl", "--format", "ssh-audit", "--by", "key", cwd=tmp_path)
    assert (run.returncode, run.stdout) == (2, b"")
    assert run.stderr.startswith(b"error: `--format ssh-audit`")


def test_fleet_findings_are_notes_of_each_host(tmp_path: Path) -> None:
    p = prime(1024)
    hosts = [
        msgspec.structs.replace(
            captured("openssh-debian12-9.2p1", f"192.0.2.{number}"), host_keys=[rsa_host_key(p * prime(1024))]
        )
        for number in (1, 2)
    ]
    write(tmp_path / "saved.jsonl", hosts)
    found = json.loads(sshprobe("report", "saved.jsonl", "--format", "ssh-audit", cwd=tmp_path).stdout)
    for each in found:
        assert any("(critical)" in text for text in entry(each, "key", "rsa-sha2-512")["notes"]["fail"])


def test_hostile_text_stays_valid_json_and_does_not_control_the_terminal(tmp_path: Path) -> None:
    bad = '\x1b[2J\u202e"}],\n\\u0000\x00x'
    key = msgspec.structs.replace(
        rsa_host_key(prime(512) * prime(512)), type=bad, fingerprint=bad, blob=base64.b64encode(b"x").decode() + "!"
    )
    good = captured("openssh-5.3p1")
    assert good.identification is not None
    identification = msgspec.structs.replace(good.identification, raw=bad, protocol=bad, software=bad, comments=bad)
    names = [bad, "chacha20-poly1305@openssh.com", "aes128-cbc"]
    record = msgspec.structs.replace(
        good,
        host=bad,
        identification=identification,
        kex_algorithms=names,
        server_host_key_algorithms=names,
        encryption_algorithms_client_to_server=names,
        encryption_algorithms_server_to_client=[*names, *names],
        mac_algorithms_server_to_client=[f"{bad}-etm@openssh.com"],
        host_keys=[key],
    )
    write(tmp_path / "bad.jsonl", [record, msgspec.structs.replace(record, identification=None)])
    run = sshprobe("report", "bad.jsonl", "--format", "ssh-audit", cwd=tmp_path)
    assert run.returncode == 0
    first, second = json.loads(run.stdout)
    assert len(first["kex"]) == 3
    assert second["banner"] == {"raw": "", "protocol": None, "software": None, "comments": None}
    assert "\x1b" not in str(first)
    for byte in (b"\x1b", b"\\u001b", "\u202e".encode(), b'\\u202e"'):
        assert byte not in run.stdout
    assert run.stdout.count(b"\n") == 1
