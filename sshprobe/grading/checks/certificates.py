"""Judges the certificates of host keys (OpenSSH's PROTOCOL.certkeys): their signatures, names and dates.

A client that rejects a certificate falls back to the plain key and asks its user (OpenSSH's `check_host_key` and
`sshkey_cert_check_authority`). So a wrong certificate does not protect clients.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from fnmatch import fnmatchcase

from sshprobe.algorithms import lookup, weakness_of
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, worst_of_each
from sshprobe.grading.sizes import SAFE_MODULUS_BITS
from sshprobe.model import timestamps
from sshprobe.model.observation import Certificate, HostKey, Observation
from sshprobe.model.verdict import Finding, Severity

CERTKEYS = "OpenSSH PROTOCOL.certkeys"
_REFERENCES = (CERTKEYS, "ssh-keygen(1) -V")
_NEW = "sign the host key again: ssh-keygen -s CA -I NAME -h -n NAMES -V +52w KEY.pub"

AUTHORITY = FindingType(
    id="host_key.authority",
    title="A certificate of a weak authority",
    severity="high; the severity of the weakness for the CA's signature algorithm",
    when="a certificate has a wrong signature, or one by an RSA key below 2048 bits, by DSA, or over SHA-1",
    why="Anyone who can sign as the CA can make a certificate for every host that its clients trust.",
    see="`ssh-keyscan -c HOST > FILE`, then `ssh-keygen -Lf` on its key prints the CA and the signature algorithm.",
    fix="""Sign the host keys again with a CA key of 2048 bits or more: `ssh-keygen -s CA -t rsa-sha2-512 -h -n NAMES
        KEY.pub`.""",
    advice="sign the {algorithm} again by {expected}",
    references=(CERTKEYS, "NIST SP 800-131A Rev. 2"),
    label="certificates of weak authorities",
    codes={"weak-authority": "a certificate that others can make too"},
)

CERTIFICATE_EXPIRED = FindingType(
    id="host_key.certificate_expired",
    title="An expired certificate",
    severity="medium",
    when="the certificate of the host key had ended when the host was scanned",
    why="""Clients reject it and fall back to the plain key, which they do not know: they ask the user, or give up.
        Users who get used to saying yes say yes to a man in the middle as well.""",
    see='`ssh-keygen -Lf KEY-cert.pub` on the host prints "Valid"; a client says "Certificate invalid: expired".',
    fix="Sign the key again and reload sshd: `ssh-keygen -s CA -h -n NAMES -V +52w KEY.pub`. Let a timer do it.",
    advice=_NEW,
    references=_REFERENCES,
    label="expired certificates",
    codes={"certificate-expired": "a host certificate that has ended"},
)

CERTIFICATE_NOT_YET_VALID = FindingType(
    id="host_key.certificate_not_yet_valid",
    title="A certificate of the future",
    severity="medium",
    when="the host was scanned before the certificate begins",
    meaning="""The certificate of the host key was not valid yet when the host was scanned. If many hosts have this
        finding, check the clock of the scanning machine.""",
    why="Clients reject it and fall back to the plain key, which they do not know.",
    see='`ssh-keygen -Lf KEY-cert.pub` on the host prints "Valid"; a client says "Certificate invalid: not yet valid".',
    fix="Check the clock of the CA, and sign the key again: `ssh-keygen -s CA -h -n NAMES -V -5m:+52w KEY.pub`.",
    advice=_NEW,
    references=_REFERENCES,
    label="certificates of the future",
    codes={"certificate-not-yet-valid": "a host certificate that has not begun"},
)

CERTIFICATE_KIND = FindingType(
    id="host_key.certificate_kind",
    title="A certificate that is not for a host",
    severity="medium",
    when="the certificate of a host key is a user certificate, or of an unknown kind",
    why="""Clients reject it and fall back to the plain key. With a stolen host key, its user certificate also logs in
        elsewhere.""",
    see='`ssh-keygen -Lf KEY-cert.pub` on the host prints "user certificate"; a client says "not a host certificate".',
    fix="Sign the key again with `-h`: `ssh-keygen -s CA -h -n NAMES KEY.pub`, and revoke the other certificate.",
    advice=_NEW,
    references=(CERTKEYS,),
    label="certificates that are not for a host",
    codes={"certificate-kind": "a certificate that is not for a host"},
)

CERTIFICATE_PRINCIPALS = FindingType(
    id="host_key.certificate_principals",
    title="A certificate without names, or for other names",
    severity="medium without names; note for other names",
    when="the certificate of a host key lists no names, or not the name by which the host was scanned",
    why="""OpenSSH clients up to 10.2 accept a certificate without names for every host, so one stolen key can pass for
        all of them. From 10.3 on they reject it. With other names they reject it for this one.""",
    see='`ssh-keygen -Lf KEY-cert.pub` on the host prints "Principals".',
    fix="Sign the key again with the names that clients use: `ssh-keygen -s CA -h -n web1,web1.example.org KEY.pub`.",
    advice=_NEW,
    references=(CERTKEYS, "OpenSSH 10.3 release notes"),
    label="certificates for other names",
    codes={"certificate-principals": "a host certificate without names, or for other names"},
)


@check(AUTHORITY, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_KIND, CERTIFICATE_PRINCIPALS)
def certificates(host: GradedHost) -> list[Finding]:
    """Find wrong certificates: the worst of each type per key type, on keys without a failed proof."""
    observation = host.observation
    return worst_of_each(
        [
            judged
            for key in observation.host_keys or ()
            if key.certificate is not None and key.signature_verified is not False
            for judged in _judge(observation, key, key.certificate)
        ]
    )


def _judge(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Finding]:
    yield from _judge_authority(key, certificate)
    if certificate.kind != "host":
        yield CERTIFICATE_KIND.judge(
            algorithm=key.type,
            message=f"its certificate is for a {certificate.kind}"
            if certificate.kind == "user"
            else "its certificate is not for a host",
            expected="a host certificate (ssh-keygen -h)",
            observed=f"{certificate.kind} certificate",
        )
    yield from _judge_validity(observation, key, certificate)
    yield from _judge_principals(observation, key, certificate)


def _judge_authority(key: HostKey, certificate: Certificate) -> Iterator[Finding]:
    """Judge the signature of the certificate. A forger of one can forge certificates of every host."""
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
    yield AUTHORITY.judge(
        severity=severity,
        algorithm=key.type,
        message=words,
        expected="a CA key of 2048 bits or more that signs with SHA-2",
        observed=f"{authority}, {certificate.signature_algorithm}",
        references=(CERTKEYS, *weak.references) if weak else None,
        weaknesses=codes,
    )


def _judge_validity(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Finding]:
    """Judge the dates at the time of the scan: valid from `valid_after` until the second before `valid_before`."""
    now = timestamps.parse(observation.started_at)
    if now is None:
        return
    if now < certificate.valid_after:
        kind, words = CERTIFICATE_NOT_YET_VALID, "its certificate is not valid yet"
        bound = f"from {timestamps.format_minutes(certificate.valid_after)}"
    elif now >= certificate.valid_before:
        kind, words = CERTIFICATE_EXPIRED, "its certificate has expired"
        bound = f"until {timestamps.format_minutes(certificate.valid_before)}"
    else:
        return
    yield kind.judge(
        severity="medium",
        algorithm=key.type,
        message=words,
        expected=f"a certificate valid on {timestamps.format_minutes(now)}, when the host was seen",
        observed=f"valid {bound}",
    )


def _judge_principals(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Finding]:
    """Judge the names. OpenSSH clients up to 10.2 accept a certificate without names for every host (sshkey.c)."""
    if not certificate.principals:
        severity: Severity = "medium"
        words, observed = "its certificate names no host, and older clients take it for every host", "no names"
    elif _is_name(observation.host) and not any(fnmatchcase(observation.host, each) for each in certificate.principals):
        severity = "note"
        words, observed = "its certificate does not name the host that was scanned", ", ".join(certificate.principals)
    else:
        return
    yield CERTIFICATE_PRINCIPALS.judge(
        severity=severity,
        algorithm=key.type,
        message=words,
        expected="the names of this host (ssh-keygen -n)",
        observed=observed,
    )


def _is_name(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return False
