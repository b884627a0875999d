"""Converts values of the wire into fields of a record. Text is escaped once, here."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from sshprobe.algorithms import lookup
from sshprobe.model.escape import escape_bytes
from sshprobe.model.observation import Certificate, Identification
from sshprobe.wire import identification as wire_identification
from sshprobe.wire.public_keys import Certificate as WireCertificate

TEXT_KEPT = 4096
"""The most bytes of a banner or a line in a record."""

_VERSION = re.compile(r"[_-](\d\S*)")


@lru_cache(maxsize=256)  # servers of a fleet send few different ones
def identification_record(seen: wire_identification.Identification) -> Identification:
    """Return an identification for a record."""
    software = escape_bytes(seen.software, TEXT_KEPT)
    version = _VERSION.search(software)
    return Identification(
        raw=escape_bytes(seen.raw, TEXT_KEPT),
        protocol=escape_bytes(seen.protocol),
        software=software,
        version=version[1] if version else None,
        comments=None if seen.comments is None else escape_bytes(seen.comments, TEXT_KEPT),
    )


def is_post_quantum(kex: str) -> bool:
    """Return whether a key exchange is a standardised post-quantum method, hybrid or pure."""
    algorithm = lookup("kex", kex)
    return algorithm is not None and algorithm.post_quantum in ("hybrid", "pure")


@lru_cache(maxsize=256)  # fleets repeat few lists; a server that invents names sends 2,048 in each
def escape_names(raw: tuple[bytes, ...]) -> tuple[str, ...]:
    """Return the names of a list."""
    return tuple(map(escape_bytes, raw))


@lru_cache(maxsize=64)
def escape_lists(raw: tuple[tuple[bytes, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Return the names of several lists."""
    return tuple(map(escape_names, raw))


@lru_cache(maxsize=64)  # servers of a fleet send few different ones; a packet limits an entry
def escape_pairs(raw: tuple[tuple[bytes, bytes], ...]) -> dict[str, str]:
    """Return extensions and their values."""
    return {escape_bytes(name, TEXT_KEPT): escape_bytes(value, TEXT_KEPT) for name, value in raw}


@lru_cache(maxsize=64)
def hassh(*lists: tuple[bytes, ...]) -> str:
    """Return the MD5 of four lists that fingerprints a server's software and configuration (HASSH, 2018)."""
    joined = b";".join(map(b",".join, lists))
    return hashlib.md5(joined, usedforsecurity=False).hexdigest()


@lru_cache(maxsize=64)
def any_post_quantum(kex_algorithms: tuple[bytes, ...]) -> bool:
    """Return whether any of these names is a standardised post-quantum method."""
    return any(map(is_post_quantum, escape_names(kex_algorithms)))


def certificate_record(certificate: WireCertificate) -> Certificate:
    """Return the certificate of a host key, with the result of verifying its signature."""
    from sshprobe.wire.signatures import verify_certificate

    return Certificate(
        serial=certificate.serial,
        kind=certificate.kind_name,
        key_id=escape_bytes(certificate.key_id, TEXT_KEPT),
        principals=[escape_bytes(principal) for principal in certificate.principals],
        valid_after=certificate.valid_after,
        valid_before=certificate.valid_before,
        critical_options=[escape_bytes(name) for name, _ in certificate.critical_options],
        extensions=[escape_bytes(name) for name, _ in certificate.extensions],
        ca_type=certificate.ca_key.type,
        ca_bits=certificate.ca_key.bits,
        ca_fingerprint=certificate.ca_key.fingerprint,
        signature_algorithm=escape_bytes(certificate.signature_algorithm),
        ca_signature_verified=verify_certificate(certificate),
    )
