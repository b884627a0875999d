"""Texts of findings for reports. Made by scripts/findings from sshprobe/grading/checks."""

LABELS = {
    "authentication.banner": "banners before login",
    "authentication.banner_text": "wrong banners before login",
    "authentication.no_banner": "no banner before login",
    "authentication.no_methods": "empty lists of methods",
    "authentication.none_accepted": "logins without a credential",
    "authentication.signature_unlisted": "unlisted signatures of users' keys",
    "authentication.signature_weak": "SHA-1 signatures of users' keys",
    "group_exchange.generator": "generators that give the secret away",
    "group_exchange.modulus": "small moduli",
    "group_exchange.not_safe_prime": "groups without a safe prime",
    "host_key.authority": "certificates of weak authorities",
    "host_key.certificate_expired": "expired certificates",
    "host_key.certificate_kind": "certificates that are not for a host",
    "host_key.certificate_not_yet_valid": "certificates of the future",
    "host_key.certificate_principals": "certificates for other names",
    "host_key.close_primes": "RSA keys with primes close together",
    "host_key.exponent": "poor RSA exponents",
    "host_key.factored": "factored RSA keys",
    "host_key.known": "host keys on a list of known ones",
    "host_key.malformed": "keys whose numbers do not make a key",
    "host_key.roca": "ROCA",
    "host_key.sha1_only": "signatures with SHA-1 alone",
    "host_key.shared": "shared host keys",
    "host_key.shared_prime": "shared primes",
    "host_key.size": "small host keys",
    "host_key.small_order": "keys of small order",
    "host_key.small_private_key": "keys with a small private key",
    "host_key.unproven": "host keys without proof",
    "kex.no_post_quantum": "no post-quantum key exchange",
    "kex.no_strict_kex": "no strict key exchange",
    "kex.terrapin": "Terrapin",
    "profile.waiver_expired": "expired waivers",
    "protocol.ssh1": "SSH-1",
    "protocol.unlisted": "unlisted protocol versions",
}
"""Id of a finding to its plural in counts of hosts, if the algorithm's name would say less."""

FLEET_FINDINGS = (
    "host_key.factored",
    "host_key.known",
    "host_key.shared",
    "host_key.shared_prime",
)
"""Findings that depend on other hosts or on a list of keys. Only `HostRecord.fleet_findings` has them."""
