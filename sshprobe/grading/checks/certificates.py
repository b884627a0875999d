"""Judges the certificates of host keys (OpenSSH's PROTOCOL.certkeys): who signed, for whom, and for how long.

A client that finds a certificate wrong falls back to the plain key, which it then asks its user about, as OpenSSH's
`sshkey_cert_check_authority` and `check_host_key` have it. So the certificate protects nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from fnmatch import fnmatchcase

from sshprobe.algorithms import lookup, weakness_of
from sshprobe.grading.score import Judgement, order
from sshprobe.grading.sizes import SAFE_MODULUS_BITS
from sshprobe.model import timestamps
from sshprobe.model.observation import Certificate, HostKey, Observation
from sshprobe.model.verdict import Severity

CERTKEYS = "OpenSSH PROTOCOL.certkeys"


def judge_certificates(observation: Observation) -> Iterator[Judgement]:
    """`host_key.authority` and `host_key.certificate_*`, the worst of each per key type; none of keys without proof."""
    found = [
        judged
        for key in observation.host_keys or ()
        if key.certificate is not None and key.signature_verified is not False
        for judged in _judge(observation, key, key.certificate)
    ]
    seen: set[tuple[str, str | None]] = set()
    for judged in sorted(found, key=lambda each: (*order(each), each.message, each.observed)):
        if (judged.id, judged.algorithm) not in seen:
            seen.add((judged.id, judged.algorithm))
            yield judged


def _judge(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Judgement]:
    yield from _judge_authority(key, certificate)
    if certificate.kind != "host":
        yield Judgement(
            id="host_key.certificate_kind",
            severity="medium",
            category="host_key",
            algorithm=key.type,
            message=f"its certificate is one for a {certificate.kind}"
            if certificate.kind == "user"
            else "its certificate is not one for a host",
            expected="a host certificate (ssh-keygen -h)",
            observed=f"{certificate.kind} certificate",
            references=(CERTKEYS,),
        )
    yield from _judge_validity(observation, key, certificate)
    yield from _judge_principals(observation, key, certificate)


def _judge_authority(key: HostKey, certificate: Certificate) -> Iterator[Judgement]:
    """Who signed the certificate, and how: whoever can do the same can make certificates for every host."""
    entry = lookup("host_key", certificate.ca_type)
    bits = certificate.ca_bits
    weak = weakness_of("host_key", certificate.signature_algorithm)
    authority = f"{certificate.ca_type}{'' if bits is None else f' of {bits} bits'}"
    severity: Severity = "high"
    codes: tuple[str, ...] = ("weak-authority",)
    if certificate.ca_signature_verified is False:
        words = "its certificate has a wrong signature"
    elif entry is not None and entry.family == "rsa" and bits is not None and bits < SAFE_MODULUS_BITS:
        words, codes = f"its certificate is signed by a CA key of {bits} bits", ("weak-authority", "small-rsa")
    elif entry is not None and entry.family == "dsa":
        words, codes = "its certificate is signed by a DSA key", ("weak-authority", "dsa")
    elif weak is not None:
        words, severity = f"its certificate is signed with {certificate.signature_algorithm}", weak.severity
        codes = ("weak-authority", weak.code)
    else:
        return
    yield Judgement(
        id="host_key.authority",
        severity=severity,
        category="host_key",
        algorithm=key.type,
        message=words,
        expected="a CA key of 2048 bits or more that signs with SHA-2",
        observed=f"{authority}, {certificate.signature_algorithm}",
        references=(CERTKEYS, *(weak.references if weak else ("NIST SP 800-131A Rev. 2",))),
        weaknesses=codes,
    )


def _judge_validity(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Judgement]:
    """At the moment it was seen: valid from `valid_after` on, and until the second before `valid_before`."""
    now = timestamps.parse(observation.started_at)
    if now is None:
        return
    if now < certificate.valid_after:
        id, words, bound = (
            "not_yet_valid",
            "its certificate is not valid yet",
            f"from {timestamps.format_minutes(certificate.valid_after)}",
        )
    elif now >= certificate.valid_before:
        id, words = "expired", "its certificate has expired"
        bound = f"until {timestamps.format_minutes(certificate.valid_before)}"
    else:
        return
    yield Judgement(
        id=f"host_key.certificate_{id}",
        severity="medium",
        category="host_key",
        algorithm=key.type,
        message=words,
        expected=f"a certificate valid on {timestamps.format_minutes(now)}, when the host was seen",
        observed=f"valid {bound}",
        references=(CERTKEYS, "ssh-keygen(1) -V"),
    )


def _judge_principals(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Judgement]:
    """For which names it stands: up to OpenSSH 10.2 clients take one without names for every host (sshkey.c)."""
    if not certificate.principals:
        severity: Severity = "medium"
        words, observed = "its certificate names no host, and older clients take it for every host", "no names"
    elif _is_name(observation.host) and not any(fnmatchcase(observation.host, each) for each in certificate.principals):
        severity = "note"
        words, observed = "its certificate does not name the host that was scanned", ", ".join(certificate.principals)
    else:
        return
    yield Judgement(
        id="host_key.certificate_principals",
        severity=severity,
        category="host_key",
        algorithm=key.type,
        message=words,
        expected="the names of this host (ssh-keygen -n)",
        observed=observed,
        references=(CERTKEYS, "OpenSSH 10.3 release notes"),
    )


def _is_name(host: str) -> bool:
    """Whether a host was scanned by a name. Who scans addresses learns nothing of names."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return False
