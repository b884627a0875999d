"""Whether a server proved that it has its host keys, and the size of the keys (RFC 4253 section 8)."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import lookup, signs_with_sha1
from sshprobe.grading.checks.registry import GradedHost, check
from sshprobe.grading.findings import FindingType, first_of_each
from sshprobe.grading.sizes import SAFE_MODULUS_BITS, key_sizes
from sshprobe.model.observation import HostKey, Observation
from sshprobe.model.verdict import Finding, Severity
from sshprobe.profiles import Profile

FACTORED_BITS = 1024
"""RSA moduli of up to 829 bits have been factored (RSA-250, 2020); 512 bits cost less than a meal."""

SIZE = FindingType(
    id="host_key.size",
    title="A small host key",
    severity="critical below 1024 bits, high below 2048, else low",
    deviation="if below the profile",
    when="an RSA key is below 2048 bits, or any key is below the size that the profile requires",
    why="Anyone who factors the key can impersonate the server to every client, unseen.",
    see="`ssh-keyscan HOST | ssh-keygen -lf -` prints the bits of each key.",
    fix="""Make a new key and replace the old one: `ssh-keygen -t rsa -b 3072 -f FILE`. Give the new key to clients that
        know the old one.""",
    references=("NIST SP 800-131A Rev. 2", "NIST SP 800-57 Part 1 Rev. 5, Table 2"),
    label="small host keys",
    weaknesses=(),
    codes={"small-rsa": "an RSA key of less than 2048 bits, of the host or of its certificate authority"},
)

UNPROVEN = FindingType(
    id="host_key.unproven",
    title="A host key without proof",
    severity="high",
    deviation="no, but never `true`",
    when="the signature of the host key is wrong, or the key is of another type than negotiated",
    meaning="""The server showed a host key with a wrong signature over the exchange hash, or a key of another type than
        negotiated.""",
    why="""The server may not hold the key at all: it may be a man in the middle, or broken. The size of an unproven key
        says nothing, so no verdict on it can be a pass.""",
    see='`ssh HOST` says "incorrect signature" and gives up.',
    fix="Find out who answers here: a faulty server, or someone in between without the key.",
    advice="find out who answers here: a faulty server, or someone in between without the key",
    references=("RFC 4253 section 8",),
    label="host keys without proof",
    codes={"unproven-key": "a host key without a right signature"},
)

UNVERIFIED = FindingType(
    id="host_key.unverified",
    title="A host key whose signature could not be checked",
    severity="note",
    deviation="no, but never `true`",
    when="the signature could not be checked",
    meaning="The server offers no key exchange that sshprobe can finish, so the scan saw the key without proof.",
    why="It says nothing against the server. But an unproven key is only a claim, so no verdict on it can be a pass.",
    see="`ssh HOST` with a client that knows the key exchange of the server.",
    fix="Nothing. The key can be checked on servers that also offer curve25519-sha256.",
    references=("RFC 4253 section 8",),
)

SHA1_ONLY = FindingType(
    id="host_key.sha1_only",
    title="Signs with SHA-1 alone",
    severity="low",
    when="every host key algorithm on offer signs over SHA-1",
    meaning="""Every signature that the server can make is over SHA-1: it offers ssh-rsa without rsa-sha2-256 and
        rsa-sha2-512, or ssh-dss.""",
    why="""Collisions of SHA-1 can be made, and clients no longer accept such signatures: OpenSSH 8.8 and later refuse
        to connect, and users switch their protection off to get in.""",
    see='`ssh -vv HOST` prints "host key algorithms"; OpenSSH 8.8 and later say "no matching host key type found".',
    fix="Update to OpenSSH 7.2 or later, which signs with SHA-2 by the same RSA key; or add an Ed25519 key (6.5 on).",
    references=("RFC 8332", "OpenSSH 8.8 release notes"),
    points=0,
    label="signatures with SHA-1 alone",
    weaknesses=("sha1",),
)


def is_of_type_asked_for(key: HostKey) -> bool:
    """Return whether a key is of the negotiated type (RFC 4253 section 7.1). True where the catalogue does not know."""
    shown, asked = lookup("host_key", key.type), lookup("host_key", key.signature_algorithm)
    if asked is None or not asked.family:
        return True
    return shown is not None and shown.family == asked.family


def is_unproven(key: HostKey) -> bool:
    """Return whether the proof for a key was wrong, or the key is not of the negotiated type."""
    return key.signature_verified is False or (key.signature_verified is None and not is_of_type_asked_for(key))


def _missing(host: GradedHost) -> Iterator[str]:
    """Yield the keys without proof (under every profile), and the unseen keys whose size the profile limits.

    A key that the scan requested and did not get has no proof either. That happens only in partial records: in a full
    one all requested keys arrived.
    """
    observation = host.observation
    sizes = _sizes_not_seen(host.profile, observation)
    keys = observation.host_keys or ()
    unproven = [key.type for key in keys if key.signature_verified is not True]
    doubted = {key.type for key in keys if is_unproven(key)}
    for type_ in dict.fromkeys(unproven):
        if type_ in doubted or _size_of(type_) not in sizes:
            yield f"proof of the {type_} host key"
    if observation.status == "partial" and observation.depth != "lists":
        yield from (f"the {name} host key" for name in _never_shown(observation) if _size_of(name) not in sizes)
    for family, format in sizes:
        yield f"size of the {family.upper()} host key" + ("" if format == "plain" else f" ({format})")


@check(SIZE, UNPROVEN, UNVERIFIED, missing=_missing)
def shown_keys(host: GradedHost) -> list[Finding]:
    """Find small keys and keys without proof, one of each per key type."""
    # Smallest first: the finding is about the smaller of two keys of one type.
    keys = sorted(host.observation.host_keys or (), key=lambda key: (key.bits or 0, key.type, key.fingerprint))
    return first_of_each([judged for key in keys for judged in _judge_host_key(host.profile, key)])


@check(SHA1_ONLY)
def sha1_alone(host: GradedHost) -> Iterator[Finding]:
    """Find a list of host key algorithms that all sign with SHA-1."""
    offered = [name for name in host.observation.server_host_key_algorithms or () if name]
    if offered and all(map(signs_with_sha1, offered)):
        yield SHA1_ONLY.judge(
            message="signs with SHA-1 alone: OpenSSH's client refuses it since 8.8",
            expected="rsa-sha2-512, rsa-sha2-256, ssh-ed25519 or another over SHA-2",
            observed=", ".join(sorted(set(offered))),
            points=0,  # its algorithms cost points already
        )


def _judge_host_key(profile: Profile, key: HostKey) -> Iterator[Finding]:
    if is_unproven(key):
        yield UNPROVEN.judge(
            algorithm=key.type,
            message="the server did not prove that it holds this key"
            if is_of_type_asked_for(key)
            else f"the server showed this key when asked for {key.signature_algorithm}",
            expected="a signature of this key over the exchange hash",
            observed=f"a wrong signature ({key.signature_algorithm})"
            if is_of_type_asked_for(key)
            else f"a key of another type than {key.signature_algorithm}",
        )
        return
    if key.signature_verified is None:
        yield UNVERIFIED.judge(
            algorithm=key.type,
            message="its signature could not be checked",
            expected="a signature of this key over the exchange hash",
            observed=f"not checked ({key.kex_algorithm})",
        )
    entry = lookup("host_key", key.type)
    if entry is None or key.bits is None:
        return
    yield from _judge_size(profile, key, entry.family, key.bits)


def _judge_size(profile: Profile, key: HostKey, family: str, bits: int) -> Iterator[Finding]:
    own, advised, exact = key_sizes(profile, family)
    small = family == "rsa" and bits < SAFE_MODULUS_BITS
    severity: Severity = ("critical" if bits < FACTORED_BITS else "high") if small else "low"
    expected = f"{max(own, advised, SAFE_MODULUS_BITS if small else 0)} bits or more"
    deviation = bits < own
    if bits < own:
        message, source = f"the profile asks for {own}", "min_bits"
    elif exact and bits not in exact:
        expected = f"{' or '.join(map(str, exact))} bits"
        message, source, deviation = f"the profile allows {expected}", "exact_bits", True
    elif bits < advised:
        message, source = f"the profile advises {advised}", "advised_bits"
    elif small:
        message, source = "less than 2048 is weak", "min_bits"
    else:
        return
    yield SIZE.judge(
        severity=severity,
        algorithm=key.type,
        message=f"{bits} bits; {message}",
        expected=expected,
        observed=f"{bits} bits",
        references=(*_source_of_size(profile, source), "NIST SP 800-131A Rev. 2"),
        deviation=deviation,
        weaknesses=("small-rsa",) if small else (),
    )


def _source_of_size(profile: Profile, field: str) -> tuple[str, ...]:
    rule = profile.host_key
    return () if rule is None else (profile.cite(rule, where=getattr(rule, field).where or ""),)


def _sizes_not_seen(profile: Profile, observation: Observation) -> list[tuple[str, str]]:
    """Return family and format of each host key on offer whose size the profile limits, without a proven key."""
    if profile.host_key is None:
        return []
    # Any server can show any key: without proof, it is only a claim.
    shown = [key for key in observation.host_keys or () if key.bits is not None and key.signature_verified]
    sized = {_size_of(key.type) for key in shown}
    wanted = {_size_of(name) for name in observation.server_host_key_algorithms or ()} - sized
    return sorted(each for each in wanted if each is not None and key_sizes(profile, each[0]).least)


def _size_of(name: str) -> tuple[str, str] | None:
    entry = lookup("host_key", name)
    return None if entry is None else (entry.family, entry.format)


def _never_shown(observation: Observation) -> Iterator[str]:
    """Yield the first name of each host key on offer that the scan can read but did not get."""
    seen = {_kind_of_key(key.type) for key in observation.host_keys or ()}
    for name in observation.server_host_key_algorithms or ():
        kind = _kind_of_key(name)
        if kind is not None and kind not in seen:
            seen.add(kind)
            yield name


def _kind_of_key(name: str) -> tuple[str, ...] | None:
    """Return the type of a host key, independent of its signature algorithm. None: the name may not have a key.

    Some servers list X.509 names without a certificate (Cisco IOS XE).
    """
    entry = lookup("host_key", name)
    if entry is None or entry.family == "none" or entry.format not in ("plain", "openssh-cert"):
        return None
    return entry.family, entry.curve, entry.format, str(entry.hardware)
