"""RSA keys made for the tests, good and bad, and their blobs."""

from __future__ import annotations

import base64
import random

from sshprobe.grading.keys.weaknesses import GENERATOR, M
from sshprobe.model.observation import HostKey
from sshprobe.wire.codec import mpint, string

RANDOM = random.Random(20171015)


def is_prime(n: int) -> bool:
    if n < 2 or any(n % p == 0 and n != p for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)):
        return False
    twos = ((n - 1) & -(n - 1)).bit_length() - 1
    for base in (2, 3, 5, 7, 11, 13, 17):
        x = pow(base, (n - 1) >> twos, n)
        if x in (1, n - 1) or base % n == 0:
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def next_prime(n: int) -> int:
    n |= 1
    while not is_prime(n):
        n += 2
    return n


def prime(bits: int) -> int:
    return next_prime(RANDOM.getrandbits(bits) | 3 << (bits - 2))


def roca_prime(bits: int) -> int:
    while True:
        k = RANDOM.getrandbits(bits - M.bit_length())
        p = k * M + pow(GENERATOR, RANDOM.getrandbits(64), M)
        if p.bit_length() == bits and is_prime(p):
            return p


def rsa_blob(n: int, e: int = 65537) -> str:
    return base64.b64encode(string(b"ssh-rsa") + mpint(e) + mpint(n)).decode("ascii")


def rsa_host_key(n: int, e: int = 65537, *, verified: bool | None = True) -> HostKey:
    from sshprobe.wire.host_keys import parse_host_key

    key = parse_host_key(base64.b64decode(rsa_blob(n, e)))
    return HostKey(
        type=key.type,
        bits=key.bits,
        fingerprint=key.fingerprint,
        blob=rsa_blob(n, e),
        signature_verified=verified,
        signature_algorithm="rsa-sha2-512",
        kex_algorithm="curve25519-sha256",
    )
