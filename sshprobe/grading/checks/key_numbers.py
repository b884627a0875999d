"""The numbers in host keys. They do not depend on the profile, and are never a deviation."""

from __future__ import annotations

import msgspec

from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, worst_of_each
from sshprobe.grading.keys.weaknesses import Weakness, weaknesses_of
from sshprobe.model.verdict import Finding

_RSA = """`ssh-keygen -ef KEY.pub -m PKCS8 | openssl rsa -pubin -noout -modulus` prints the modulus"""
_OTHER_SOFTWARE = "Make a new key with other software, and find out what made this one."

MALFORMED = FindingType(
    id="host_key.malformed",
    title="A key whose numbers do not make a key",
    severity="critical",
    when="an RSA modulus has a prime factor below 65,536, or the numbers of a DSA key are not a group of prime order",
    meaning="""The modulus of an RSA key is divisible by a prime below 65,536. Or, of a DSA key, p or q is not prime, q
        does not divide p-1 or has fewer than 128 bits, or the order of g or y is not q. Of DSA keys with more than
        3,072 bits only the sizes of these numbers are tested.""",
    why="""An RSA modulus with a small factor is not a product of two large primes: the rest may be easy to factor. In a
        DSA group without a large prime order the private key can be computed, or is not needed. Anyone can impersonate
        the server.""",
    see="`ssh-keygen -ef KEY.pub -m PKCS8 | openssl pkey -pubin -noout -text` prints the numbers.",
    fix=_OTHER_SOFTWARE,
    references=("RFC 8017 section 3.1", "FIPS 186-5 appendix A.1", "FIPS 186-4 section 4.1"),
    label="keys whose numbers do not make a key",
    codes={"weak-key": "a host key whose private half anyone can compute"},
)

CLOSE_PRIMES = FindingType(
    id="host_key.close_primes",
    title="An RSA key with primes close together",
    severity="critical",
    when="300 steps of Fermat's method (1643) factor the modulus",
    why="Anyone can compute the private key within a second and impersonate the server. Some printers made such keys.",
    see=f"{_RSA}.",
    fix="Make a new key with other software, and update what made this one.",
    references=("CVE-2022-26320", "FIPS 186-5 appendix A.1.3"),
    label="RSA keys with primes close together",
    weaknesses=("weak-key",),
)

ROCA = FindingType(
    id="host_key.roca",
    title="ROCA: an RSA key of a faulty library",
    severity="high",
    when="the modulus lies in the group of the library's keys: the exact test, not its shortcut by single primes",
    meaning="""The modulus has the form that a library in chips of Infineon gave its keys. One in 2^155 other moduli has
        it.""",
    why="Such keys can be factored: 1024 bits at the price of a meal, 2048 bits at the price of a car.",
    see=f"{_RSA}, for any tester of ROCA.",
    fix="Make a new key in software, not in the chip.",
    references=("CVE-2017-15361",),
    label="ROCA",
    codes={"roca": "an RSA key of a faulty library (CVE-2017-15361)"},
    also_called=("roca",),
)

EXPONENT = FindingType(
    id="host_key.exponent",
    title="An RSA key with a poor exponent",
    severity="critical for 1, an even or an oversized one, and for a small private one, else low",
    when="""the public exponent is below 65537, even or not below the modulus, or continued fractions find the private
        one""",
    meaning="""The public exponent is 1, even, larger than the modulus, or below 65537. Or the private exponent is below
        about a third of the fourth root of the modulus, and Wiener's method finds it.""",
    why="""With an exponent of 1 everybody can sign. A small private exponent can be computed from the public key. Small
        public ones such as 3 allow forged signatures where software checks them carelessly, and do no harm where it
        checks them well.""",
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
    when="the public key belongs to a private key from 1 to 1,024, or to the negative of one",
    meaning="""An ECDSA, Ed25519, Ed448 or DSA key is the generator of its group taken at most 1,024 times, or the
        negative or inverse of that. No random private key is so small.""",
    why="Anyone finds the private key by trying, and can impersonate the server.",
    see="""`ssh-keygen -ef KEY.pub -m PKCS8 | openssl pkey -pubin -noout -text` prints the public point. For ECDSA, its
        x is the x of a small multiple of the generator.""",
    fix=_OTHER_SOFTWARE,
    references=("FIPS 186-5 appendix A.2", "RFC 8032 section 5.1.5"),
    label="keys with a small private key",
    weaknesses=("weak-key",),
)

SMALL_ORDER = FindingType(
    id="host_key.small_order",
    title="An Ed25519 or Ed448 key of small order",
    severity="critical",
    when="the public key is a point whose order divides the cofactor, in any encoding",
    meaning="""The public key is one of the eight points of Ed25519, or four of Ed448, without a private key. Encodings
        that RFC 8032 forbids and some libraries accept count too.""",
    why="""Anyone can sign without a private key and impersonate the server. A device that shows such a key has a faulty
        key generator, or none.""",
    see="`awk '{print $2}' KEY.pub | base64 -d | xxd` prints the point: zeros, or one of the known encodings.",
    fix=_OTHER_SOFTWARE,
    references=("RFC 8032 section 5.1.7", "RFC 7748 section 7"),
    label="keys of small order",
    weaknesses=("weak-key",),
)

FINDINGS: dict[Weakness, Finding] = {
    "malformed": MALFORMED.judge(
        message="the modulus has a prime factor below 65,536: it is not a product of two large primes",
        expected="the product of two large primes",
        observed="a small factor",
        references=("RFC 8017 section 3.1", "FIPS 186-5 appendix A.1"),
    ),
    "close_primes": CLOSE_PRIMES.judge(
        message="its primes lie so close together that Fermat's method factors it at once",
        expected="primes that differ in their first 100 bits",
        observed="primes next to each other",
    ),
    "roca": ROCA.judge(
        message="ROCA: made by a faulty library, which leaves its modulus easy to factor",
        expected="a key made by other software",
        observed="a modulus of the form that the library makes",
    ),
    "exponent": EXPONENT.judge(
        severity="critical",
        message="its exponent is unusable: 1, even, or not below the modulus",
        expected="65537",
        observed="1, an even or an oversized exponent",
        references=("RFC 8017 section 3.1",),
    ),
    "small_private_exponent": EXPONENT.judge(
        severity="critical",
        message="its private exponent is so small that anyone can compute it from the public key",
        expected="65537",
        observed="an exponent that goes with a small private one",
        references=("Wiener, Cryptanalysis of short RSA secret exponents, 1990",),
    ),
    "small_exponent": EXPONENT.judge(
        severity="low",
        message="a small exponent, unsafe with software that checks signatures carelessly",
        expected="65537 or more",
        observed="less than 65537",
        references=("FIPS 186-5 appendix A.1.1", "CVE-2006-4339"),
        weaknesses=("small-exponent",),
    ),
    "no_dsa_group": MALFORMED.judge(
        message="its numbers are not a DSA group: anyone can compute the private key, or sign without it",
        expected="primes p and q, and g and y of order q",
        observed="numbers without these properties",
        references=("FIPS 186-4 section 4.1", "FIPS 186-4 appendix A"),
    ),
    "small_private_key": SMALL_PRIVATE_KEY.judge(
        message="its private key is a number from 1 to 1,024, or the negative of one: anyone can find it by trying",
        expected="a private key made at random",
        observed="a small multiple of the generator",
    ),
    "small_order": SMALL_ORDER.judge(
        message="a point of small order: anyone can sign in its name without a private key",
        expected="a public key that was computed from a private one",
        observed="one of the few points whose order divides the cofactor",
    ),
}
"""The finding for each weakness of a key, without the type of the key."""

_NEVER_PROVEN: frozenset[Weakness] = frozenset({"exponent", "no_dsa_group", "small_order"})
"""Weaknesses of keys for which libraries accept no signature."""


@check(MALFORMED, CLOSE_PRIMES, ROCA, EXPONENT, SMALL_PRIVATE_KEY, SMALL_ORDER)
def key_numbers(host: GradedHost) -> list[Finding]:
    """Find keys with weak numbers: the worst of each type of finding per key type.

    A key with a failed proof is not judged, except for numbers that allow no proof.
    """
    return worst_of_each(
        [
            msgspec.structs.replace(FINDINGS[weakness], algorithm=key.type)
            for key in host.observation.host_keys or ()
            for weakness in weaknesses_of(key.blob)
            if key.signature_verified is not False or weakness in _NEVER_PROVEN
        ]
    )
