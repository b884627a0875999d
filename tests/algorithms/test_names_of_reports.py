"""Names of servers in public reports: their entries in the catalogue, and in `explain`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from sshprobe.algorithms import (
    ALGORITHM_TYPES,
    AlgorithmType,
    canonical,
    is_marker,
    lookup,
    marker,
    names,
    names_aead_cipher,
)
from sshprobe.cli.explain import explain

KNOWN: list[tuple[AlgorithmType, str, dict[str, object]]] = [
    ("kex", "diffie-hellman-group1-sha1-win7@microsoft.com", {"group": "MODP-1024", "bits": 80, "hash": "sha1"}),
    ("kex", "diffie-hellman-group14-sha1-win7@microsoft.com", {"group": "MODP-2048", "hash": "sha1"}),
    ("kex", "diffie-hellman-group-exchange-sha256-win7@microsoft.com", {"family": "dh-gex", "hash": "sha256"}),
    ("kex", "ecdh-sha2-nistp384-win7@microsoft.com", {"group": "P-384", "hash": "sha384"}),
    ("kex", "curve25519-frodokem1344-sha512@ssh.com", {"post_quantum": "experimental", "bits": 128}),
    ("kex", "ecdh-nistp521-kyber1024-sha512@ssh.com", {"post_quantum": "experimental", "bits": 256}),
    ("kex", "curve448-kyber1024-sha512@ssh.com", {"post_quantum": "experimental", "bits": 224}),
    ("kex", "ecdh-nistp521-firesaber-sha512@ssh.com", {"post_quantum": "experimental", "bits": 256}),
    ("kex", "sm2-sm3", {"family": "sm2", "hash": "sm3"}),
    ("kex", "diffie-hellman-group-exchange-sha512", {"family": "dh-gex", "hash": "sha512"}),
    ("kex", "ecdh-sha2-secp256k1", {"group": "secp256k1", "bits": 128}),
    ("kex", "x25519-kyber-512r3-sha256-d00@openquantumsafe.org", {"post_quantum": "experimental"}),
    ("host_key", "ssh-rsa-sha2-256@attachmate.com", {"family": "rsa", "hash": "sha256"}),
    ("host_key", "ssh-rsa-sha2-512-cert-v01@openssh.com", {"format": "openssh-cert", "hash": "sha512"}),
    ("host_key", "x509v3-ssh-ed25519", {"family": "ed25519", "format": "x509"}),
    ("host_key", "x509v3-ssh-ed448", {"family": "ed448", "format": "x509"}),
    ("host_key", "x509v3-ssh-mldsa-65", {"family": "mldsa", "post_quantum": "pure", "bits": 192}),
    ("host_key", "x509v3-ecdsa-sha2-nistk163", {"curve": "K-163", "bits": 80}),
    ("host_key", "x509v3-ecdsa-sha2-1.3.132.0.8", {"curve": "secp160r1", "bits": 80}),
    ("host_key", "ecdsa-sha2-1.2.840.10045.3.1.7", {"curve": "P-256", "hash": "sha256"}),
    ("host_key", "ecdsa-sha2-1.3.132.0.35", {"curve": "P-521", "hash": "sha512"}),
    ("host_key", "ssh-mldsa44-ed25519", {"post_quantum": "hybrid", "openssh_default": "10.6+"}),
    ("host_key", "ssh-mldsa44-ed25519-cert", {"format": "openssh-cert"}),
    ("host_key", "ssh-mldsa87-es384@wolfssl.com", {"post_quantum": "hybrid", "curve": "P-384"}),
    ("host_key", "sm2", {"family": "sm2", "hash": "sm3"}),
    ("host_key", "ssh-dilithium3", {"family": "dilithium", "post_quantum": "experimental"}),
    ("host_key", "ssh-ecdsa-nistp521-falcon1024", {"curve": "P-521", "post_quantum": "experimental"}),
    ("host_key", "ssh-sphincssha2128fsimple", {"family": "sphincs+"}),
    ("cipher", "des-ctr", {"family": "DES", "bits": 56}),
    ("cipher", "rc2-cbc@ssh.com", {"family": "RC2", "bits": None, "block_bits": 64, "mode": "cbc"}),
    ("cipher", "cast128-12-ecb@ssh.com", {"family": "CAST-128", "mode": "ecb"}),
    ("cipher", "cast256-cbc", {"block_bits": 128, "mode": "cbc"}),
    ("cipher", "sm4-cbc@huawei", {"family": "SM4", "mode": "cbc", "bits": 128}),
    ("cipher", "sm4-gcm", {"aead": "yes"}),
    ("cipher", "grasshopper-ctr", {"family": "Kuznyechik", "bits": 256}),
    ("cipher", "gost89", {"family": "GOST 28147-89", "block_bits": 64}),
    ("cipher", "aes192-gcm", {"bits": 192, "aead": "yes"}),
    ("cipher", "rijndael128", {"family": "AES", "bits": 128}),
    ("mac", "hmac-tiger192-96@ssh.com", {"hash": "tiger", "bits": 96}),
    ("mac", "hmac-sm3@huawei", {"hash": "sm3", "bits": 256}),
    ("mac", "hmac-ripemd160-96@ssh.com", {"hash": "ripemd160", "bits": 96}),
    ("mac", "hmac-gost2012-256-etm", {"construction": "etm"}),
    ("mac", "hmac-sha2-384-etm@openssh.com", {"hash": "sha384", "construction": "etm"}),
    ("compression", "lz4@sensorsdata.cn", {"standing": "unreviewed"}),
]


@pytest.mark.parametrize(("category", "name", "facts"), KNOWN, ids=[name for _, name, _ in KNOWN])
def test_the_meaning_of_a_name(category: AlgorithmType, name: str, facts: dict[str, object]) -> None:
    entry = lookup(category, name)
    assert entry is not None
    assert {field: getattr(entry, field) for field in facts} == facts
    said = CliRunner().invoke(explain, [name], catch_exceptions=False)
    assert said.exit_code == 0
    assert name in said.output


@pytest.mark.parametrize(
    "name", ["aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aead-aes-256-ccm-ssh", "implicit"]
)
def test_names_of_aead_ciphers_among_the_macs(name: str) -> None:
    entry = lookup("mac", name)
    assert entry is not None
    assert entry.construction == "aead"
    assert names_aead_cipher(name)


@pytest.mark.parametrize("name", ["ext-info-in-auth@openssh.com", "server-sig-algs", "ping@openssh.com"])
def test_the_name_of_an_extension_is_not_an_algorithm(name: str) -> None:
    assert is_marker(name)
    assert all(lookup(category, name) is None for category in ALGORITHM_TYPES)
    found = marker(name)
    assert found is not None
    assert "extension in EXT_INFO" in found.notes
    said = CliRunner().invoke(explain, [name], catch_exceptions=False).output
    assert "extension: a name in EXT_INFO" in said


def test_a_longer_name_is_not_the_shorter_one() -> None:
    """Names are matched completely: no entry matches a longer name."""
    for category in ALGORITHM_TYPES:
        every = names(category)
        for name in every:
            longer = [other for other in every if other.startswith(name) and other != name]
            for other in longer:
                entry = lookup(category, other)
                assert entry is not None
                assert entry.name == other
    assert canonical("host_key", "ssh-rsa-sha2-256@attachmate.com") != canonical("host_key", "ssh-rsa")


def test_no_name_of_the_devices_is_unknown() -> None:
    """Return each name in the lists of `tests/reports/devices`, except invented ones."""
    made_up = re.compile(r"unknown|example|acme|x+$")
    text = "\n".join(
        path.read_text() for path in sorted((Path(__file__).parents[1] / "reports" / "devices").glob("[0-9]*.py"))
    )
    seen = 0
    for word, category in (("kex", "kex"), ("keys", "host_key"), ("ciphers", "cipher"), ("macs", "mac")):
        for found in re.findall(rf"^    {word} = \[([^\]]*)\]", text, re.MULTILINE):
            for name in re.findall(r'"([^"]+)"', found):
                if not made_up.search(name):
                    assert is_marker(name) or lookup(category, name) is not None, name
                    seen += 1
    assert seen > 100
