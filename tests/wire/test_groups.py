"""The MODP groups come from a formula; compare them with published numbers."""

from __future__ import annotations

import asyncssh.kex_dh
import pytest

from sshprobe.wire.kex.dh import GENERATOR, group

PRINTED = {
    # RFC 2409 section 6.2
    "group1": "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF",
    # RFC 3526 section 3
    "group14": "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
    "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
    "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F"
    "83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B"
    "E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510"
    "15728E5A8AACAA68FFFFFFFFFFFFFFFF",
}
BITS = {
    "group1": 1024,
    "group5": 1536,
    "group14": 2048,
    "group15": 3072,
    "group16": 4096,
    "group17": 6144,
    "group18": 8192,
}


@pytest.mark.parametrize(("name", "digits"), PRINTED.items())
def test_as_printed(name: str, digits: str) -> None:
    assert group(name) == int(digits, 16)


@pytest.mark.parametrize("name", ["group1", "group14", "group15", "group16", "group17", "group18"])
def test_as_asyncssh_has_it(name: str) -> None:
    assert group(name) == getattr(asyncssh.kex_dh, f"_{name}_p")
    assert getattr(asyncssh.kex_dh, f"_{name}_g") == GENERATOR


@pytest.mark.parametrize(("name", "bits"), BITS.items())
def test_shape(name: str, bits: int) -> None:
    p = group(name)
    assert p.bit_length() == bits
    assert p >> (bits - 64) == p & (2**64 - 1) == 2**64 - 1
    # Fermat, for p and for (p - 1) / 2: both are prime, or the numbers are wrong.
    assert pow(3, p - 1, p) == 1
    if bits <= 4096:
        q = (p - 1) // 2
        assert pow(3, q - 1, q) == 1
