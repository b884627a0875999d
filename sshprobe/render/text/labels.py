"""Ids of findings as words, for counts of hosts: "small moduli on 4"."""

from __future__ import annotations

from sshprobe.views.host_stats import Subject


def finding_label(subject: Subject) -> str:
    """Return what a subject of findings is called: an algorithm, "Terrapin", "small moduli"."""
    id = subject.finding_id
    return subject.algorithm or _LABELS.get(id) or id.partition(".")[2].replace("_", " ")


_LABELS = {
    "protocol.ssh1": "SSH-1",
    "protocol.unlisted": "unlisted protocol versions",
    "group_exchange.modulus": "small moduli",
    "group_exchange.not_safe_prime": "groups of no safe prime",
    "group_exchange.generator": "generators that hide nothing",
    "host_key.size": "small host keys",
    "host_key.sha1_only": "signatures with SHA-1 alone",
    "host_key.authority": "certificates of weak authorities",
    "host_key.certificate_expired": "expired certificates",
    "host_key.certificate_not_yet_valid": "certificates of the future",
    "host_key.certificate_kind": "certificates that are for no host",
    "host_key.certificate_principals": "certificates for other names",
    "host_key.malformed": "keys whose numbers are not those of a key",
    "host_key.close_primes": "RSA keys with primes close together",
    "host_key.roca": "ROCA",
    "host_key.exponent": "poor RSA exponents",
    "host_key.small_private_key": "keys with a small private key",
    "host_key.small_order": "keys of small order",
    "host_key.factored": "factored RSA keys",
    "host_key.known": "host keys on a list of known ones",
    "host_key.shared": "shared host keys",
    "host_key.shared_prime": "shared primes",
    "host_key.unproven": "host keys without proof",
    "authentication.none_accepted": "logins without a credential",
    "authentication.no_methods": "empty lists of methods",
    "authentication.no_banner": "no banner before login",
    "authentication.banner": "banners before login",
    "authentication.banner_text": "wrong banners before login",
    "authentication.signature_unlisted": "unlisted signatures of users' keys",
    "authentication.signature_weak": "SHA-1 signatures of users' keys",
    "kex.terrapin": "Terrapin",
    "kex.no_strict_kex": "no strict key exchange",
    "kex.no_post_quantum": "no post-quantum key exchange",
    "profile.waiver_expired": "expired waivers",
}
"""Findings that say more than the name of an algorithm, in the plural."""
