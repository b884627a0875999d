"""The codes of a finding (`Finding.weaknesses`), attached in this one place.

A code names what is weak whatever a profile says. So a finding that only differs from its profile, such as a 2048-bit
group under a profile that asks for 3072 bits, has none. Hints have none either: no byte proves them.
`docs/grading.md` has every code in a table, and a test holds it to this module.
"""

from __future__ import annotations

from sshprobe.algorithms import ALGORITHM_TYPES, weakness_codes
from sshprobe.grading.score import Judgement

OF_FINDINGS: dict[str, tuple[str, ...]] = {
    "authentication.no_methods": ("no-methods",),
    "authentication.none_accepted": ("no-authentication",),
    "authentication.signature_weak": ("sha1",),
    "group_exchange.generator": ("bad-generator",),
    "group_exchange.not_safe_prime": ("not-safe-prime",),
    "host_key.authority": ("weak-authority",),
    "host_key.certificate_expired": ("certificate-expired",),
    "host_key.certificate_kind": ("certificate-kind",),
    "host_key.certificate_not_yet_valid": ("certificate-not-yet-valid",),
    "host_key.certificate_principals": ("certificate-principals",),
    "host_key.close_primes": ("weak-key",),
    "host_key.exponent": ("weak-key",),
    "host_key.factored": ("weak-key",),
    "host_key.known": ("known-key",),
    "host_key.malformed": ("weak-key",),
    "host_key.roca": ("roca",),
    "host_key.sha1_only": ("sha1",),
    "host_key.shared": ("shared-key",),
    "host_key.shared_prime": ("shared-prime",),
    "host_key.small_order": ("weak-key",),
    "host_key.small_private_key": ("weak-key",),
    "host_key.unproven": ("unproven-key",),
    "kex.no_post_quantum": ("no-post-quantum",),
    "kex.no_strict_kex": ("no-strict-kex",),
    "kex.terrapin": ("terrapin",),
    "protocol.ssh1": ("ssh1",),
}
"""Id of a finding to its codes, where the judgement names none itself and an algorithm's facts do not."""

OF_METHODS: dict[str, tuple[str, ...]] = {
    "password": ("password",),
    "keyboard-interactive": ("password",),
    "hostbased": ("hostbased",),
}
"""Authentication method to its codes. Most servers ask by keyboard-interactive (RFC 4256) for a password."""

OF_ALGORITHMS = frozenset({"forbidden", "unlisted", "stronger", "weak"})
"""Findings, behind their class, that are about an algorithm on offer."""

DIFFERS_ONLY = frozenset({"profile.waiver_expired", "protocol.unlisted"})
"""Findings above a note that never have a code: nothing is weak, the host only differs from the profile."""


MEANINGS: dict[str, str] = {
    "no-protection": "no encryption, or no protection against changes",
    "logjam": "a Diffie-Hellman group of 1024 bits or less (CVE-2015-4000)",
    "short-strength": "80 bits of strength or less",
    "low-strength": "less than 112 bits of strength: a group of less than 2048 bits",
    "rc4": "RC4",
    "short-key": "a cipher key of 56 bits or less",
    "ecb": "ECB mode",
    "dsa": "DSA, of the host or of its certificate authority",
    "short-tag": "a MAC tag of less than 128 bits; high if it has 32 or less",
    "sha1": "SHA-1, in an exchange, a signature or a MAC",
    "no-host-key": "no host key",
    "withdrawn": "a withdrawn method, or a name that is a slip",
    "sweet32": "64-bit blocks (CVE-2016-2183)",
    "cbc": "CBC mode",
    "old-mode": "CFB, OFB or no stated mode",
    "md5": "MD5 in a MAC",
    "not-hmac": "a MAC made before HMAC",
    "unreviewed": "little reviewed",
    "early-compression": "compression before login",
    "unknown-name": "a name that the catalogue does not know",
    "bad-generator": "a generator that gives the secret away",
    "not-safe-prime": "a modulus that is not a safe prime",
    "certificate-expired": "a host certificate that has ended",
    "certificate-kind": "a certificate that is not for a host",
    "certificate-not-yet-valid": "a host certificate that has not begun",
    "certificate-principals": "a host certificate without names, or for other names",
    "known-key": "a host key whose private half is published",
    "no-authentication": "a login without any credential",
    "no-methods": "an empty list of authentication methods",
    "hostbased": "a login that trusts the client's host",
    "no-post-quantum": "no post-quantum key exchange",
    "no-strict-kex": "no strict key exchange",
    "password": "passwords to guess, by either method",
    "roca": "an RSA key of a faulty library (CVE-2017-15361)",
    "shared-key": "one host key on several machines",
    "shared-prime": "a prime in common with another host's key",
    "small-exponent": "an RSA exponent below 65537",
    "small-rsa": "an RSA key of less than 2048 bits, of the host or of its certificate authority",
    "ssh1": "SSH-1",
    "terrapin": "Terrapin (CVE-2023-48795)",
    "unproven-key": "a host key without a right signature",
    "weak-authority": "a certificate that others can make too",
    "weak-key": "a host key whose private half anyone can compute",
}
"""Every code and what it says. Codes stay what they are: other programs count by them."""


def codes_of(judgement: Judgement) -> tuple[str, ...]:
    """Return the codes of a judgement, that which gives it its severity first."""
    if judgement.weaknesses:
        return judgement.weaknesses
    category, _, kind = judgement.id.partition(".")
    if kind in OF_ALGORITHMS and category in ALGORITHM_TYPES:
        return weakness_codes(category, judgement.algorithm or "")
    if judgement.id == "authentication.unlisted":
        return OF_METHODS.get(judgement.algorithm or "", ())
    return OF_FINDINGS.get(judgement.id, ())


def habit_of(judgement: Judgement) -> tuple[str, ...]:
    """Return what a judgement is counted by: its class and weakness; without a code, its finding and its method.

    Names that share a weakness are one habit: `hmac-sha1` and `hmac-sha1-etm@openssh.com`. Names that only differ from
    the profile are one for each class.
    """
    codes = codes_of(judgement)
    if codes:
        return judgement.category, codes[0]
    about = (judgement.algorithm or "",) if judgement.category == "authentication" else ()
    return judgement.category, "", judgement.id, *about
