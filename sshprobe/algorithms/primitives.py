"""The primitives of an algorithm name, from the facts of the catalogue.

Post-quantum levels: FIPS 203 section 8 (ML-KEM), FIPS 204 section 4 (ML-DSA), and for AES the categories in section
4.A.5 of NIST's call for proposals of 2016. RSA, Diffie-Hellman and elliptic curves have level 0, because Shor's
algorithm breaks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from sshprobe.algorithms.catalogue import Algorithm, lookup
from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.primitive import Primitive, Purpose

_LEVELS = {
    "ML-KEM-512": 1,
    "ML-KEM-768": 3,
    "ML-KEM-1024": 5,
    "ML-DSA-44": 2,
    "ML-DSA-65": 3,
    "ML-DSA-87": 5,
    "AES-128": 1,
    "AES-192": 3,
    "AES-256": 5,
}

_HASHES = {
    "md5": "MD5",
    "sha1": "SHA-1",
    "sha224": "SHA-224",
    "sha256": "SHA-256",
    "sha384": "SHA-384",
    "sha512": "SHA-512",
}

_SIGNATURES = {"rsa": "RSA", "rsa1": "RSA", "dsa": "DSA", "ecdsa": "ECDSA", "ed25519": "Ed25519", "ed448": "Ed448"}

_OTHER_SIGNATURES = {
    "mldsa": "ML-DSA",
    "dilithium": "Dilithium",
    "sphincs+": "SPHINCS+",
    "falcon": "Falcon",
    "mayo": "MAYO",
    "xmss": "XMSS",
    "sm2": "SM2",
    "gost": "GOST",
}

_HOST_KEY_FAMILY = re.compile(r"sphincs\+|\w+")
"""The parts of a family such as "sphincs++rsa", whose first part ends in "+"."""

_KYBER = re.compile(r"kyber-?(\d+)")
_NIST_CURVE = re.compile(r"nistp(\d+)")

_ONE_SIZE = frozenset({"3DES", "DES", "RC4", "RC2", "Rabbit", "CAST-128", "CAST-256", "GOST 28147-89"})
"""Ciphers whose names need no size."""

_MLDSA = re.compile(r"mldsa-?(44|65|87)")


@lru_cache(maxsize=4096)
def primitives_of(category: AlgorithmType, name: str) -> tuple[Primitive, ...]:
    """Return the primitives of an algorithm, the hash last; none for markers, compression and unknown names."""
    entry = lookup(category, name)
    if entry is None or entry.standing == "bogus":
        return ()
    make = {"kex": _of_kex, "host_key": _of_host_key, "cipher": _of_cipher, "mac": _of_mac}.get(category)
    return () if make is None else tuple(make(entry))


def _of_kex(entry: Algorithm) -> Iterator[Primitive]:
    family = entry.family.removeprefix("gss-")
    if family in ("dh", "dh-gex"):
        bits = entry.group.removeprefix("MODP-") if entry.group.startswith("MODP-") else ""
        yield Primitive(f"DH-{bits}" if bits else "DH", "key-agree", "DH", bits, quantum_level=0)
    elif family == "rsa":
        yield Primitive(entry.group, "kem", "RSA", entry.group.partition("-")[2], quantum_level=0)
    else:
        for part in filter(None, entry.group.split(" + ")):
            if "kyber" in part:
                yield from _of_kyber(part)
            else:
                yield _curve_or_kem(part)
    yield from _hash(entry)


def _of_kyber(name: str) -> Iterator[Primitive]:
    """Yield the parts of an experimental hybrid, such as "ecdh-nistp256-kyber-512r3"."""
    size = _KYBER.search(name)
    if size is not None:
        yield Primitive(f"Kyber-{size[1]}", "kem", "Kyber", size[1])
    curve = _NIST_CURVE.search(name)
    yield _curve_or_kem("X25519" if curve is None else f"P-{curve[1]}")


def _curve_or_kem(name: str) -> Primitive:
    family, _, parameter = name.rpartition("-")
    if family in ("ML-KEM", "Kyber", "FrodoKEM"):
        return Primitive(name, "kem", family, parameter, quantum_level=_LEVELS.get(name))
    if name.startswith("sntrup") or name == "FireSaber":
        return Primitive(name, "kem", name)
    shown = name if name in ("X25519", "X448") else f"ECDH {name}"
    return Primitive(shown, "key-agree", "ECDH", curve=name, quantum_level=0)


def _of_host_key(entry: Algorithm) -> Iterator[Primitive]:
    for family in _HOST_KEY_FAMILY.findall(entry.family):
        if family in _SIGNATURES:
            shown = _SIGNATURES[family]
            curve = entry.curve if family == "ecdsa" else shown if family.startswith("ed") else ""
            name = f"{shown} {curve}" if family == "ecdsa" and curve else shown
            yield Primitive(name, "signature", shown, curve=curve, quantum_level=0)
        elif family in _OTHER_SIGNATURES:
            yield _other_signature(family, entry.name)
    yield from _hash(entry)


def _other_signature(family: str, name: str) -> Primitive:
    shown = _OTHER_SIGNATURES[family]
    found = _MLDSA.search(name) if family == "mldsa" else None
    if found is None:
        return Primitive(shown, "signature", shown)
    full = f"{shown}-{found[1]}"
    return Primitive(full, "signature", shown, found[1], quantum_level=_LEVELS[full])


def _hash(entry: Algorithm) -> Iterator[Primitive]:
    if entry.hash in _HASHES:
        yield Primitive(_HASHES[entry.hash], "hash", _HASHES[entry.hash])


def _of_cipher(entry: Algorithm) -> Iterator[Primitive]:
    if entry.family in ("", "none"):
        return
    if entry.mode == "poly1305":
        yield Primitive(entry.family, "ae", entry.family)
        return
    bits = "" if entry.bits is None or entry.family in _ONE_SIZE else str(entry.bits)
    name = f"{entry.family}-{bits}" if bits else entry.family
    mode = "" if entry.mode == "stream" else entry.mode
    purpose: Purpose = "ae" if entry.aead == "yes" else "stream-cipher" if entry.block_bits == 0 else "block-cipher"
    shown = f"{name}-{mode.upper()}" if mode else name
    yield Primitive(shown, purpose, entry.family, bits, mode=mode, quantum_level=_LEVELS.get(name))


def _of_mac(entry: Algorithm) -> Iterator[Primitive]:
    if entry.construction == "aead" or entry.family in ("", "none"):
        return
    if entry.family == "UMAC":
        yield Primitive(f"UMAC-{entry.bits}", "mac", "UMAC", str(entry.bits))
        return
    hash_ = _HASHES.get(entry.hash, entry.hash.upper())
    if not hash_:
        yield Primitive(f"{entry.family.removesuffix('-MAC')}-MAC", "mac", entry.family)
        return
    joint = "-" if entry.family == "HMAC" else " with "
    yield Primitive(f"{entry.family}{joint}{hash_}", "mac", entry.family)
