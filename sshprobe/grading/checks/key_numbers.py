"""The numbers in host keys, whatever a profile says: none of these findings is a deviation."""

from __future__ import annotations

import msgspec

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement, worst_of_each
from sshprobe.grading.keys.weaknesses import Weakness, weaknesses_of

MALFORMED = FindingType(
    id="host_key.malformed",
    title="A key whose numbers are not those of a key",
    severity="critical",
    when="""the modulus of an RSA key has a prime factor below 65,536, or the numbers of a DSA key are not a group of
        prime order""",
    meaning="""The modulus of an RSA key is even, or divisible by another prime below 65,536. Or, of a DSA key, p or q
        is not prime, q does not divide p-1 or has fewer than 128 bits, or the order of g or y is not q. DSA keys of
        more than 3,072 bits are tested for the sizes of these numbers alone.""",
    why="""An RSA modulus with a small factor is not a product of two large primes: what is left of it may be easy to
        factor. In a DSA group without a large prime order the private key can be computed, or is not needed. Anyone
        can pass for the server.""",
    see="`ssh-keygen -ef KEY.pub -m PKCS8 | openssl pkey -pubin -noout -text` prints the numbers.",
    fix="Make a new key with other software, and find out what made this one.",
    references=("RFC 8017 section 3.1", "FIPS 186-5 appendix A.1", "FIPS 186-4 section 4.1"),
    label="keys whose numbers are not those of a key",
    weaknesses=("weak-key",),
    codes={"weak-key": "a host key whose private half anyone can compute"},
)

CLOSE_PRIMES = FindingType(
    id="host_key.close_primes",
    title="An RSA key with primes close together",
    severity="critical",
    when="300 steps of Fermat's method factor the modulus",
    meaning="A few hundred steps of the method of Fermat (1643) factor the modulus.",
    why="Anyone can compute the private key within a second, and pass for the server. Some printers made such keys.",
    see="`ssh-keygen -ef KEY.pub -m PKCS8 | openssl rsa -pubin -noout -modulus` prints the modulus.",
    fix="Make a new key with other software, and update what made this one.",
    references=("CVE-2022-26320", "FIPS 186-5 appendix A.1.3"),
    label="RSA keys with primes close together",
    weaknesses=("weak-key",),
)

ROCA = FindingType(
    id="host_key.roca",
    title="ROCA: an RSA key of a faulty library",
    severity="high",
    when="""the modulus lies in the group that the library's keys lie in: the exact test, not its shortcut by single
        primes""",
    meaning="""The modulus has the form that a library in chips of Infineon gave its keys. Of other moduli one in 2^155
        has it.""",
    why="Such keys can be factored: one of 1024 bits for the price of a meal, one of 2048 bits for that of a car.",
    see="""`ssh-keygen -ef KEY.pub -m PKCS8 | openssl rsa -pubin -noout -modulus` prints the modulus, for any tester of
        ROCA.""",
    fix="Make a new key in software, not in the chip.",
    references=("CVE-2017-15361",),
    label="ROCA",
    weaknesses=("roca",),
    codes={"roca": "an RSA key of a faulty library (CVE-2017-15361)"},
    also_called=("roca",),
)

EXPONENT = FindingType(
    id="host_key.exponent",
    title="An RSA key with a poor exponent",
    severity="critical for 1, an even or an oversized one, and for a small private one, else low",
    when="""the public exponent is below 65537, even or not below the modulus, or the private one is small enough to be
        found by continued fractions""",
    meaning="""The public exponent is 1, even or larger than the modulus, or it is below 65537. Or the private exponent
        is below about a third of the fourth root of the modulus, which Wiener's method finds.""",
    why="""With an exponent of 1 everybody can sign, and a small private exponent can be computed from the public key.
        Small public ones such as 3 have been enough to forge signatures where software checked them carelessly; with
        software that checks them well they do no harm.""",
    see="`ssh-keygen -ef KEY.pub -m PKCS8 | openssl rsa -pubin -noout -text` prints the exponent.",
    fix="Make a new key: ssh-keygen uses 65537 (from OpenSSH 5.4 on).",
    references=(
        "FIPS 186-5 appendix A.1.1",
        "CVE-2006-4339",
        "Wiener, Cryptanalysis of short RSA secret exponents, 1990",
    ),
    label="poor RSA exponents",
    weaknesses=("weak-key",),
    codes={"small-exponent": "an RSA exponent below 65537"},
)

SMALL_PRIVATE_KEY = FindingType(
    id="host_key.small_private_key",
    title="A private key that is a small number",
    severity="critical",
    when="the public key is what a private key from 1 to 1,024, or the negative of one, gives",
    meaning="""An ECDSA, Ed25519, Ed448 or DSA key is the generator of its group taken at most 1,024 times, or the
        negative or inverse of that. No private key made at random is so small.""",
    why="Anyone finds the private key by trying, and can pass for the server.",
    see="""`ssh-keygen -ef KEY.pub -m PKCS8 | openssl pkey -pubin -noout -text` prints the public point: of ECDSA, x is
        that of a small multiple of the generator.""",
    fix="Make a new key with other software, and find out what made this one.",
    references=("FIPS 186-5 appendix A.2", "RFC 8032 section 5.1.5"),
    label="keys with a small private key",
    weaknesses=("weak-key",),
)

SMALL_ORDER = FindingType(
    id="host_key.small_order",
    title="An Ed25519 or Ed448 key of small order",
    severity="critical",
    when="the public key is a point whose order divides the cofactor, in any encoding",
    meaning="""The public key is one of the eight points of Ed25519, or four of Ed448, that belong to no private key.
        Encodings that RFC 8032 forbids and some libraries read count too.""",
    why="""With such a key a signature can be made without a private key: anyone can pass for the server. A device that
        shows one has a faulty generator of keys, or none.""",
    see="`awk '{print $2}' KEY.pub | base64 -d | xxd` prints the point: zeros, or one of the known encodings.",
    fix="Make a new key with other software, and find out what made this one.",
    references=("RFC 8032 section 5.1.7", "RFC 7748 section 7"),
    label="keys of small order",
    weaknesses=("weak-key",),
)

JUDGEMENTS: dict[Weakness, Judgement] = {
    "malformed": Judgement(
        MALFORMED,
        severity="critical",
        message="the modulus has a prime factor below 65,536: it is not a product of two large primes",
        expected="the product of two large primes",
        observed="a small factor",
        references=(
            "RFC 8017 section 3.1",
            "FIPS 186-5 appendix A.1",
        ),
    ),
    "close_primes": Judgement(
        CLOSE_PRIMES,
        severity="critical",
        message="its primes lie so close together that Fermat's method factors it at once",
        expected="primes that differ in their first 100 bits",
        observed="primes next to each other",
    ),
    "roca": Judgement(
        ROCA,
        severity="high",
        message="ROCA: made by a faulty library, which leaves its modulus easy to factor",
        expected="a key made by other software",
        observed="a modulus of the form that the library makes",
    ),
    "exponent": Judgement(
        EXPONENT,
        severity="critical",
        message="its exponent is none: 1, even, or not below the modulus",
        expected="65537",
        observed="1, an even or an oversized exponent",
        references=("RFC 8017 section 3.1",),
    ),
    "small_private_exponent": Judgement(
        EXPONENT,
        severity="critical",
        message="its private exponent is so small that anyone can compute it from the public key",
        expected="65537",
        observed="an exponent that goes with a small private one",
        references=("Wiener, Cryptanalysis of short RSA secret exponents, 1990",),
    ),
    "small_exponent": Judgement(
        EXPONENT,
        severity="low",
        message="a small exponent, unsafe with software that checks signatures carelessly",
        expected="65537 or more",
        observed="less than 65537",
        references=(
            "FIPS 186-5 appendix A.1.1",
            "CVE-2006-4339",
        ),
        weaknesses=("small-exponent",),
    ),
    "no_dsa_group": Judgement(
        MALFORMED,
        severity="critical",
        message="its numbers are not a DSA group: anyone can compute the private key, or sign without it",
        expected="primes p and q, and g and y of order q",
        observed="numbers without these properties",
        references=(
            "FIPS 186-4 section 4.1",
            "FIPS 186-4 appendix A",
        ),
    ),
    "small_private_key": Judgement(
        SMALL_PRIVATE_KEY,
        severity="critical",
        message="its private key is a number from 1 to 1,024, or the negative of one: anyone can find it by trying",
        expected="a private key made at random",
        observed="a small multiple of the generator",
    ),
    "small_order": Judgement(
        SMALL_ORDER,
        severity="critical",
        message="a point of small order: anyone can sign in its name without a private key",
        expected="a public key that was computed from a private one",
        observed="one of the few points whose order divides the cofactor",
    ),
}
"""The judgement on each weakness of a key, without the type of the key."""

_NEVER_PROVEN: frozenset[Weakness] = frozenset({"exponent", "no_dsa_group", "small_order"})
"""Weaknesses of keys under which libraries take no signature for right."""


@check(MALFORMED, CLOSE_PRIMES, ROCA, EXPONENT, SMALL_PRIVATE_KEY, SMALL_ORDER)
def key_numbers(host: GradedHost) -> list[Judgement]:
    """Find keys whose numbers are weak: of each type of finding the worst per key type.

    A key that the server did not prove to hold is not judged, except for numbers with which nobody could.
    """
    found = [
        msgspec.structs.replace(JUDGEMENTS[weakness], algorithm=key.type)
        for key in host.observation.host_keys or ()
        for weakness in weaknesses_of(key.blob)
        if key.signature_verified is not False or weakness in _NEVER_PROVEN
    ]
    return worst_of_each(sorted(found, key=lambda each: each.observed))
