"""Metrics of one host: present and absent series."""

from __future__ import annotations

import msgspec

from sshprobe.algorithms import openssh_release
from sshprobe.model.observation import Certificate, HostKey
from sshprobe.model.records import HostRecord
from sshprobe.views.metrics import METRICS, host_samples
from tests.sample_records import CLEAN, WANTING, captured, debian12, failed, finding, judged


def values(record: HostRecord, *, changed_at: float | None = None) -> dict[tuple[str, ...], float]:
    """Return metric and label values, without those of the host, to value."""
    return {
        (each.metric, *(value for name, value in each.labels.items() if name not in ("host", "address"))): each.value
        for each in host_samples(record, openssh_release, changed_at=changed_at)
    }


def certified(record: HostRecord, *ends: int) -> HostRecord:
    key, certificate = (
        {"fingerprint": "SHA256:a", "bits": 256, "type": "ssh-ed25519", "blob": ""},
        {
            "serial": 1,
            "kind": "host",
            "key_id": "",
            "principals": [],
            "valid_after": 0,
            "critical_options": [],
            "extensions": [],
            "ca_type": "ssh-ed25519",
            "ca_bits": 256,
            "ca_fingerprint": "SHA256:b",
            "signature_algorithm": "ssh-ed25519",
            "ca_signature_verified": True,
        },
    )
    proof = {"signature_verified": True, "signature_algorithm": "", "kex_algorithm": ""}
    made = [
        msgspec.convert({**key, **proof, "certificate": {**certificate, "valid_before": end}}, HostKey) for end in ends
    ]
    assert all(isinstance(each.certificate, Certificate) for each in made)
    return msgspec.structs.replace(record, host_keys=made)


def test_unobserved_facts_have_no_series() -> None:
    seen = values(judged(captured("openssh-9.9p2"), CLEAN, msgspec.structs.replace(CLEAN, profile="b", compliant=None)))
    assert seen["sshprobe_compliant", "mozilla-modern"] == 1
    assert ("sshprobe_compliant", "b") not in seen
    assert seen["sshprobe_score", "b"] == 100
    assert seen["sshprobe_info", "OpenSSH", "9.9"] == 1
    silent = values(failed("timeout", "no answer"))
    assert silent == {("sshprobe_answered",): 0, ("sshprobe_scanned_timestamp_seconds",): 1795176001}
    assert values(msgspec.structs.replace(debian12(), post_quantum_kex=False))["sshprobe_post_quantum_kex",] == 0


def test_a_finding_of_two_profiles_counts_once_by_its_worst_severity() -> None:
    worse = msgspec.structs.replace(
        CLEAN, profile="b", findings=[finding("mac.weak", "critical", "hmac-sha1", "worse"), *WANTING.findings[1:]]
    )
    seen = values(judged(captured("openssh-9.9p2"), WANTING, worse))
    found = {key[1]: value for key, value in seen.items() if key[0] == "sshprobe_findings"}
    assert found == {"critical": 1, "high": 0, "medium": 2, "low": 0}


def test_the_first_end_of_certificates_and_the_last_change_of_keys() -> None:
    name = "sshprobe_host_certificate_expiry_timestamp_seconds"
    assert values(certified(debian12(), 2**64 - 1, 1800000000, 1900000000))[name,] == 1800000000
    assert (name,) not in values(certified(debian12(), 2**64 - 1))
    assert values(debian12(), changed_at=1.5)["sshprobe_host_key_changed_timestamp_seconds",] == 1.5


def test_labels_of_the_user_have_a_prefix_and_valid_names() -> None:
    record = msgspec.structs.replace(debian12(), labels=["env=prod", "env=dmz", "berlin", "rack-no=\x1b7", "ä=1"])
    (sample, *_) = host_samples(record, openssh_release)
    assert sample.labels == {
        "host": "web1.example.org:22",
        "address": "192.0.2.1",
        "label_env": "prod,dmz",
        "label_berlin": "true",
        "label_rack_no": "\\x1b7",
        "label__": "1",
        "profile": "mozilla-modern",
    }


def test_a_host_has_at_most_20_series_and_a_server_cannot_invent_a_label() -> None:
    verdicts = [msgspec.structs.replace(WANTING, profile=f"p{number}") for number in range(9)]
    record = certified(msgspec.structs.replace(debian12(), post_quantum_kex=True, verdicts=verdicts), 1800000000)
    samples = list(host_samples(record, openssh_release, changed_at=1.0))
    assert len(samples) == 20
    assert {each.metric for each in samples} == set(METRICS)
    said = record.identification
    assert said is not None
    for software, known in (("OpenSSH_99.1", ("OpenSSH", "other")), ("x" * 200, ("other", "other"))):
        changed = msgspec.structs.replace(record, identification=msgspec.structs.replace(said, software=software))
        assert ("sshprobe_info", *known) in values(changed)
