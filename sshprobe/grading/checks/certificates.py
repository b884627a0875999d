"""Judges the certificates of host keys (OpenSSH's PROTOCOL.certkeys): who signed, for whom, and for how long.

A client that rejects a certificate falls back to the plain key and asks its user (OpenSSH's `check_host_key` and
`sshkey_cert_check_authority`). So a wrong certificate protects nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from fnmatch import fnmatchcase

from sshprobe.algorithms import lookup, weakness_of
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, Judgement, worst_of_each
from sshprobe.grading.sizes import SAFE_MODULUS_BITS
from sshprobe.model import timestamps
from sshprobe.model.observation import Certificate, HostKey, Observation
from sshprobe.model.verdict import Severity

CERTKEYS = "OpenSSH PROTOCOL.certkeys"


AUTHORITY = FindingType(
    id="host_key.authority",
    title="A certificate of a weak authority",
    severity="high; that of its weakness for how the CA signed",
    when="a certificate is signed wrongly, by an RSA key below 2048 bits, by DSA, or over SHA-1",
    meaning="""The certificate of the host key has a wrong signature, or one by a CA key that is small, DSA or signs
        with SHA-1.""",
    why="Who can sign as the CA can make a certificate for every host that its clients trust.",
    see="`ssh-keyscan -c HOST > FILE`, and `ssh-keygen -Lf` on the key in it prints the CA and how it signed.",
    fix="""Sign the host keys anew with a CA key of 2048 bits or more: `ssh-keygen -s CA -t rsa-sha2-512 -h -n NAMES
        KEY.pub`.""",
    references=("OpenSSH PROTOCOL.certkeys", "NIST SP 800-131A Rev. 2"),
    label="certificates of weak authorities",
    weaknesses=("weak-authority",),
    codes={"weak-authority": "a certificate that others can make too"},
)

CERTIFICATE_EXPIRED = FindingType(
    id="host_key.certificate_expired",
    title="An expired certificate",
    severity="medium",
    when="the host was seen after the certificate ended",
    meaning="The certificate of the host key was no longer valid at the moment when the host was seen.",
    why="""Clients refuse it and fall back to the plain key, which they do not know: they ask their user, or break off.
        Who gets used to saying yes says it to anybody in between.""",
    see='`ssh-keygen -Lf KEY-cert.pub` on the host prints "Valid"; a client says "Certificate invalid: expired".',
    fix="Sign the key anew and reload sshd: `ssh-keygen -s CA -h -n NAMES -V +52w KEY.pub`. Have it done by a timer.",
    references=("OpenSSH PROTOCOL.certkeys", "ssh-keygen(1) -V"),
    label="expired certificates",
    weaknesses=("certificate-expired",),
    codes={"certificate-expired": "a host certificate that has ended"},
)

CERTIFICATE_NOT_YET_VALID = FindingType(
    id="host_key.certificate_not_yet_valid",
    title="A certificate of the future",
    severity="medium",
    when="the host was seen before the certificate begins",
    meaning="""The certificate of the host key was not valid yet at the moment when the host was seen. If many hosts
        have it, look at the clock of the machine that scanned.""",
    why="Clients refuse it and fall back to the plain key, which they do not know.",
    see='`ssh-keygen -Lf KEY-cert.pub` on the host prints "Valid"; a client says "Certificate invalid: not yet valid".',
    fix="Look at the clock of the CA, and sign the key anew: `ssh-keygen -s CA -h -n NAMES -V -5m:+52w KEY.pub`.",
    references=("OpenSSH PROTOCOL.certkeys", "ssh-keygen(1) -V"),
    label="certificates of the future",
    weaknesses=("certificate-not-yet-valid",),
    codes={"certificate-not-yet-valid": "a host certificate that has not begun"},
)

CERTIFICATE_KIND = FindingType(
    id="host_key.certificate_kind",
    title="A certificate that is not for a host",
    severity="medium",
    when="the certificate of a host key is a user certificate, or of an unknown kind",
    meaning="The certificate that the server shows was made for a user's login, not for a host.",
    why="""Clients refuse it and fall back to the plain key. A thief of the host's key could also use it to log in
        elsewhere.""",
    see='`ssh-keygen -Lf KEY-cert.pub` on the host prints "user certificate"; a client says "not a host certificate".',
    fix="Sign the key anew with `-h`: `ssh-keygen -s CA -h -n NAMES KEY.pub`, and revoke the other.",
    references=("OpenSSH PROTOCOL.certkeys",),
    label="certificates that are for no host",
    weaknesses=("certificate-kind",),
    codes={"certificate-kind": "a certificate that is not for a host"},
)

CERTIFICATE_PRINCIPALS = FindingType(
    id="host_key.certificate_principals",
    title="A certificate for no name, or for others",
    severity="medium without names; note if another name was scanned",
    when="the certificate of a host key names no host, or none that is the name that was scanned",
    meaning="The certificate lists no names at all; or the host was scanned by a name that is not among them.",
    why="""Clients of OpenSSH up to 10.2 take a certificate without names for every host, so who breaks into one can
        pass for all; from 10.3 on they refuse it. With other names they refuse it for this one.""",
    see='`ssh-keygen -Lf KEY-cert.pub` on the host prints "Principals".',
    fix="Sign the key anew with the names that clients use: `ssh-keygen -s CA -h -n web1,web1.example.org KEY.pub`.",
    references=("OpenSSH PROTOCOL.certkeys", "OpenSSH 10.3 release notes"),
    label="certificates for other names",
    weaknesses=("certificate-principals",),
    codes={"certificate-principals": "a host certificate without names, or for other names"},
)


@check(AUTHORITY, CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_KIND, CERTIFICATE_PRINCIPALS)
def certificates(host: GradedHost) -> list[Judgement]:
    """Find certificates that protect nobody: of each type of finding the worst per key type, if the key is proven."""
    observation = host.observation
    found = [
        judged
        for key in observation.host_keys or ()
        if key.certificate is not None and key.signature_verified is not False
        for judged in _judge(observation, key, key.certificate)
    ]
    return worst_of_each(sorted(found, key=lambda each: (each.message, each.observed)))


def _judge(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Judgement]:
    yield from _judge_authority(key, certificate)
    if certificate.kind != "host":
        yield Judgement(
            CERTIFICATE_KIND,
            severity="medium",
            algorithm=key.type,
            message=f"its certificate is one for a {certificate.kind}"
            if certificate.kind == "user"
            else "its certificate is not one for a host",
            expected="a host certificate (ssh-keygen -h)",
            observed=f"{certificate.kind} certificate",
        )
    yield from _judge_validity(observation, key, certificate)
    yield from _judge_principals(observation, key, certificate)


def _judge_authority(key: HostKey, certificate: Certificate) -> Iterator[Judgement]:
    """Judge who signed the certificate, and how. Who can forge such a signature can do so for every host."""
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
        AUTHORITY,
        severity=severity,
        algorithm=key.type,
        message=words,
        expected="a CA key of 2048 bits or more that signs with SHA-2",
        observed=f"{authority}, {certificate.signature_algorithm}",
        references=(CERTKEYS, *weak.references) if weak else None,
        weaknesses=codes,
    )


def _judge_validity(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Judgement]:
    """Judge it at the moment it was seen: valid from `valid_after` on, and until the second before `valid_before`."""
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
    yield Judgement(
        kind,
        severity="medium",
        algorithm=key.type,
        message=words,
        expected=f"a certificate valid on {timestamps.format_minutes(now)}, when the host was seen",
        observed=f"valid {bound}",
    )


def _judge_principals(observation: Observation, key: HostKey, certificate: Certificate) -> Iterator[Judgement]:
    """Judge for which names it stands: up to OpenSSH 10.2 clients take one without names for every host (sshkey.c)."""
    if not certificate.principals:
        severity: Severity = "medium"
        words, observed = "its certificate names no host, and older clients take it for every host", "no names"
    elif _is_name(observation.host) and not any(fnmatchcase(observation.host, each) for each in certificate.principals):
        severity = "note"
        words, observed = "its certificate does not name the host that was scanned", ", ".join(certificate.principals)
    else:
        return
    yield Judgement(
        CERTIFICATE_PRINCIPALS,
        severity=severity,
        algorithm=key.type,
        message=words,
        expected="the names of this host (ssh-keygen -n)",
        observed=observed,
    )


def _is_name(host: str) -> bool:
    """Return whether a host was scanned by a name. Who scans addresses learns nothing of names."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return False
