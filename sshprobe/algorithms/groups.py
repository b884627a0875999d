"""Primes of Diffie-Hellman groups that are known to be safe: those of the RFCs, and those that OpenSSH ships.

`data/group.tsv` holds the first half of the SHA-256 of each prime (big-endian, no leading zeros), not the prime: the
moduli files of OpenSSH 9.2 and 10.0 as Debian has them, up to 4096 bits, and the groups of RFC 2409 and RFC 3526. Each
was tested again when the table was made.
"""

from __future__ import annotations

import hashlib
import pkgutil
from functools import cache

import msgspec


class KnownGroup(msgspec.Struct, frozen=True):
    """A group whose prime p, and (p-1)/2, are known to be prime."""

    name: str
    """ "group14" as in RFC 8268 for a group of an RFC; empty for one of a moduli file."""
    bits: int
    references: str


@cache
def _table() -> dict[str, KnownGroup]:
    data = pkgutil.get_data("sshprobe.algorithms", "data/group.tsv")
    assert data is not None
    rows = (line.split("\t") for line in data.decode("ascii").splitlines()[1:])
    return {digest: KnownGroup(name, int(bits), references) for name, bits, digest, references in rows}


def known_group(prime: int) -> KnownGroup | None:
    """Return what is known of a group's prime, or None for an unknown one."""
    digest = hashlib.sha256(prime.to_bytes((prime.bit_length() + 7) // 8, "big")).hexdigest()
    return _table().get(digest[:32])
