"""The numbers in host keys, whatever a profile says: none of these findings is a deviation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sshprobe.grading.keys.weaknesses import Weakness, weaknesses_of
from sshprobe.grading.score import Judgement, worst_of_each
from sshprobe.model.observation import Observation

_WEAKNESSES: dict[Weakness, dict[str, Any]] = {
    "malformed": {
        "id": "host_key.malformed",
        "severity": "critical",
        "message": "the modulus has a prime factor below 65,536: it is not a product of two large primes",
        "expected": "the product of two large primes",
        "observed": "a small factor",
        "references": ("RFC 8017 section 3.1", "FIPS 186-5 appendix A.1"),
    },
    "close_primes": {
        "id": "host_key.close_primes",
        "severity": "critical",
        "message": "its primes lie so close together that Fermat's method factors it at once",
        "expected": "primes that differ in their first 100 bits",
        "observed": "primes next to each other",
        "references": ("CVE-2022-26320", "FIPS 186-5 appendix A.1.3"),
    },
    "roca": {
        "id": "host_key.roca",
        "severity": "high",
        "message": "ROCA: made by a faulty library, which leaves its modulus easy to factor",
        "expected": "a key made by other software",
        "observed": "a modulus of the form that the library makes",
        "references": ("CVE-2017-15361",),
    },
    "exponent": {
        "id": "host_key.exponent",
        "severity": "critical",
        "message": "its exponent is none: 1, even, or not below the modulus",
        "expected": "65537",
        "observed": "1, an even or an oversized exponent",
        "references": ("RFC 8017 section 3.1",),
    },
    "small_private_exponent": {
        "id": "host_key.exponent",
        "severity": "critical",
        "message": "its private exponent is so small that anyone can compute it from the public key",
        "expected": "65537",
        "observed": "an exponent that goes with a small private one",
        "references": ("Wiener, Cryptanalysis of short RSA secret exponents, 1990",),
    },
    "small_exponent": {
        "id": "host_key.exponent",
        "severity": "low",
        "message": "a small exponent, unsafe with software that checks signatures carelessly",
        "expected": "65537 or more",
        "observed": "less than 65537",
        "references": ("FIPS 186-5 appendix A.1.1", "CVE-2006-4339"),
        "weaknesses": ("small-exponent",),
    },
    "no_dsa_group": {
        "id": "host_key.malformed",
        "severity": "critical",
        "message": "its numbers are not a DSA group: anyone can compute the private key, or sign without it",
        "expected": "primes p and q, and g and y of order q",
        "observed": "numbers without these properties",
        "references": ("FIPS 186-4 section 4.1", "FIPS 186-4 appendix A"),
    },
    "small_private_key": {
        "id": "host_key.small_private_key",
        "severity": "critical",
        "message": "its private key is a number from 1 to 1,024, or the negative of one: anyone can find it by trying",
        "expected": "a private key made at random",
        "observed": "a small multiple of the generator",
        "references": ("FIPS 186-5 appendix A.2", "RFC 8032 section 5.1.5"),
    },
    "small_order": {
        "id": "host_key.small_order",
        "severity": "critical",
        "message": "a point of small order: anyone can sign in its name without a private key",
        "expected": "a public key that was computed from a private one",
        "observed": "one of the few points whose order divides the cofactor",
        "references": ("RFC 8032 section 5.1.7", "RFC 7748 section 7"),
    },
}


_NEVER_PROVEN: frozenset[Weakness] = frozenset({"exponent", "no_dsa_group", "small_order"})
"""Weaknesses of keys under which libraries take no signature for right."""


def judge_keys(observation: Observation) -> Iterator[Judgement]:
    """What `weaknesses_of` finds, as one finding of each id per key type, the worst.

    A key that the server did not prove to hold is not judged, but for numbers with which nobody could.
    """
    found = [
        Judgement(category="host_key", algorithm=key.type, **_WEAKNESSES[weakness])
        for key in observation.host_keys or ()
        for weakness in weaknesses_of(key.blob)
        if key.signature_verified is not False or weakness in _NEVER_PROVEN
    ]
    yield from worst_of_each(found)
