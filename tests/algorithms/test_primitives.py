"""The primitives behind the names of the catalogue."""

from __future__ import annotations

import pytest

from sshprobe.algorithms import ALGORITHM_TYPES, lookup, marker_names, names, primitives_of
from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.primitive import with_size


@pytest.mark.parametrize(
    ("category", "name", "expected"),
    [
        ("kex", "mlkem768x25519-sha256", "ML-KEM-768 kem 3, X25519 key-agree 0, SHA-256 hash None"),
        ("kex", "sntrup761x25519-sha512", "sntrup761 kem None, X25519 key-agree 0, SHA-512 hash None"),
        (
            "kex",
            "ecdh-nistp384-kyber-768r3-sha384-d00@openquantumsafe.org",
            "Kyber-768 kem None, ECDH P-384 ",
        ),
        ("kex", "diffie-hellman-group14-sha1", "DH-2048 key-agree 0, SHA-1 hash None"),
        ("kex", "diffie-hellman-group-exchange-sha256", "DH key-agree 0, SHA-256 hash None"),
        ("kex", "gss-nistp256-sha256-toWM5Slw5Ew8Mqkay+al2g==", "ECDH P-256 key-agree 0, SHA-256 hash None"),
        ("host_key", "ssh-rsa", "RSA signature 0, SHA-1 hash None"),
        ("host_key", "ssh-mldsa44-ed25519@openssh.com", "ML-DSA-44 signature 2, Ed25519 signature 0"),
        ("host_key", "ecdsa-sha2-nistp256-cert-v01@openssh.com", "ECDSA P-256 signature 0, SHA-256 hash None"),
        ("cipher", "aes256-gcm@openssh.com", "AES-256-GCM ae 5"),
        ("cipher", "chacha20-poly1305@openssh.com", "ChaCha20-Poly1305 ae None"),
        ("cipher", "arcfour128", "RC4 stream-cipher None"),
        ("mac", "hmac-sha1-96", "HMAC-SHA-1 mac None"),
        ("mac", "umac-64-etm@openssh.com", "UMAC-64 mac None"),
        ("mac", "aes256-gcm@openssh.com", ""),
        ("compression", "zlib", ""),
        ("kex", "made-up@example.org", ""),
    ],
)
def test_names_have_their_primitives(category: AlgorithmType, name: str, expected: str) -> None:
    found = [f"{each.name} {each.purpose} {each.quantum_level}" for each in primitives_of(category, name)]
    assert ", ".join(found).startswith(expected)
    assert bool(found) == bool(expected)


def test_one_name_of_a_primitive_means_one_primitive() -> None:
    found = {each for type_ in ALGORITHM_TYPES for name in names(type_) for each in primitives_of(type_, name)}
    assert len({each.name for each in found}) == len(found)
    assert not [name for name in marker_names() if primitives_of("kex", name)]


def test_every_name_that_the_catalogue_calls_post_quantum_has_a_primitive_that_no_quantum_computer_breaks() -> None:
    for type_ in ("kex", "host_key"):
        for name in names(type_):
            entry, found = lookup(type_, name), primitives_of(type_, name)
            assert entry is not None
            holds = [each for each in found if each.quantum_level != 0 and each.purpose != "hash"]
            if entry.post_quantum != "no":
                assert holds, name
            elif found and entry.family not in ("sm2", "gost"):
                assert not holds, name


def test_a_size_that_the_name_leaves_open_is_added() -> None:
    (group, _) = primitives_of("kex", "diffie-hellman-group-exchange-sha256")
    assert with_size(group, 3072).name == "DH-3072"
    assert with_size(group, None) == group
    (fixed, _) = primitives_of("kex", "diffie-hellman-group14-sha256")
    assert with_size(fixed, 3072) == fixed
