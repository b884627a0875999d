"""Judges what is no list of algorithms: protocol, host keys, moduli, authentication, and lists taken together."""

from __future__ import annotations

from collections.abc import Iterator

from sshprobe.algorithms import lookup
from sshprobe.algorithms.openssh import SIGN, claims_openssh, is_openssh_release
from sshprobe.grading.score import NO_POST_QUANTUM_CAP, Judgement
from sshprobe.grading.strength import GROUP_EXCHANGE_FAMILIES, has_post_quantum
from sshprobe.model.observation import HostKey, Observation
from sshprobe.model.verdict import Severity
from sshprobe.profiles import Profile

SAFE_MODULUS_BITS = 2048
"""RFC 8270, and NIST SP 800-131A Rev. 2 for RSA: less is weak whatever a profile says."""

LOGJAM_BITS = 1024
"""Groups of so many bits are within reach of states (CVE-2015-4000, https://weakdh.org)."""

FACTORED_BITS = 1024
"""RSA moduli of up to 829 bits have been factored (RSA-250, 2020); 512 bits cost less than a meal."""


def judge_protocol(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`protocol.ssh1` and `protocol.unlisted` (RFC 4253 section 5.1: "1.99" speaks both)."""
    protocol = protocol_of(observation)
    if protocol is None:
        return
    allowed = None if profile.protocol is None else profile.protocol.allowed
    listed = allowed is None or protocol in allowed
    expected = "2.0" if allowed is None else ", ".join(allowed)
    where = () if profile.protocol is None else (profile.cite(profile.protocol),)
    if protocol.startswith("1."):
        both = protocol == "1.99"
        yield Judgement(
            id="protocol.ssh1",
            severity="high" if both else "critical",
            category="protocol",
            algorithm=None,
            message="speaks SSH-1 besides SSH-2" if both else "speaks SSH-1 only",
            expected=expected,
            observed=protocol,
            references=(*where, "RFC 4253 section 5", "OpenSSH 7.4 release notes"),
            deviation=not listed,
        )
    elif not listed:
        yield Judgement(
            id="protocol.unlisted",
            severity="low",
            category="protocol",
            message="a protocol version that the profile does not name",
            expected=expected,
            observed=protocol,
            references=where,
            deviation=True,
        )


def protocol_of(observation: Observation) -> str | None:
    """The protocol version that was seen; a server that is known to be SSH-1 only counts as "1.5".

    Without leading zeros, as OpenSSH reads it: "02.0" is 2.0, and "01.99" speaks SSH-1.
    """
    if observation.identification is not None:
        return ".".join(part.lstrip("0") or "0" for part in observation.identification.protocol.split("."))
    return "1.5" if observation.status == "ssh1_only" else None


def offers_group_exchange(observation: Observation) -> bool:
    """Whether a group exchange is in the list of key exchanges."""
    return any(
        entry.family in GROUP_EXCHANGE_FAMILIES
        for name in observation.kex_algorithms or ()
        if (entry := lookup("kex", name)) is not None
    )


def smallest_modulus(observation: Observation, least: int) -> int | None:
    """The smallest modulus in bits that answers count for. None: nothing shows the smallest.

    A modulus below `least` counts wherever it came, unless a `max` below `least` forced it and it may be of an OpenSSH:
    up to 9.9 that answers such a request with a built-in group of 2048 bits, however clean its moduli file.

    One of `least` or more says something of the smallest only where a smaller one was welcome (`n` below `least`). That
    is enough for an OpenSSH, which sends what lies nearest to `n` (dh.c, choose_dh). Others may raise `n` and obey
    `max` (ProFTPD): of these it counts only where `max` was below `least`, too, and they did not keep to it.
    """
    wide_is_proof, maybe_openssh = _keeps_to_n(observation), _may_be_openssh(observation)
    counted: list[int] = []
    for exchange in observation.group_exchange or ():
        bits = exchange.modulus_bits
        if bits is None:
            continue
        forced = exchange.max < least
        if bits < least:
            counts = bits < SAFE_MODULUS_BITS or not (forced and maybe_openssh)
        elif forced:
            counts = not maybe_openssh
        else:
            counts = wide_is_proof and (exchange.n < least or bits < exchange.n)
        if counts:
            counted.append(bits)
    return min(counted, default=None)


def _may_be_openssh(observation: Observation) -> bool:
    found = observation.identification
    return (found is not None and claims_openssh(found.software.encode())) or SIGN in (observation.extensions or ())


def _keeps_to_n(observation: Observation) -> bool:
    """Whether it is an OpenSSH by its identification."""
    found = observation.identification
    return found is not None and is_openssh_release(found.software, found.comments)


def judge_group_exchange(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`group_exchange.modulus`. A refusal or no answer is no finding: it was not observed."""
    if not offers_group_exchange(observation):
        return
    rule = profile.group_exchange
    least = SAFE_MODULUS_BITS if rule is None else rule.wanted_bits
    bits = smallest_modulus(observation, least)
    if bits is None:  # one that was sent is weak if it is small, be there smaller ones or not
        sizes = [each.modulus_bits or SAFE_MODULUS_BITS for each in observation.group_exchange or ()]
        bits = min(sizes, default=SAFE_MODULUS_BITS)
        if bits >= SAFE_MODULUS_BITS:
            return
    if bits >= max(least, SAFE_MODULUS_BITS):
        return
    asks = "asks for" if rule is not None and bits < rule.min_bits else "advises"
    small = bits < SAFE_MODULUS_BITS
    yield Judgement(
        id="group_exchange.modulus",
        severity="high" if small else "low",
        category="group_exchange",
        message=f"{bits}-bit modulus; "
        + (f"the profile {asks} {least}" if rule is not None and bits < least else "less than 2048 is weak"),
        expected=f"{max(least, SAFE_MODULUS_BITS)} bits or more" if small else f"{least} bits or more",
        observed=f"{bits} bits",
        references=(
            *(() if rule is None else (profile.cite(rule),)),
            "RFC 8270",
            "NIST SP 800-57 Part 1 Rev. 5, Table 2",
        ),
        deviation=rule is not None and bits < rule.min_bits,
        weaknesses=() if not small else ("logjam",) if bits <= LOGJAM_BITS else ("low-strength",),
    )


def missing_group_exchange(profile: Profile, observation: Observation) -> Iterator[str]:
    """In words, the modulus where the profile bounds it, it is in use, and no answer counts."""
    rule = profile.group_exchange
    if rule is None or not offers_group_exchange(observation):
        return
    if smallest_modulus(observation, rule.min_bits) is None:
        yield "the smallest group-exchange modulus"


def minimum_bits(profile: Profile, family: str) -> int | None:
    """The least size of a host key of a family, where the profile states one."""
    if profile.host_key is None:
        return None
    return {"rsa": profile.host_key.min_bits.rsa, "dsa": profile.host_key.min_bits.dsa}.get(family)


def is_of_type_asked_for(key: HostKey) -> bool:
    """Whether a key is of the type that was negotiated, as far as the catalogue knows both (RFC 4253 section 7.1)."""
    shown, asked = lookup("host_key", key.type), lookup("host_key", key.signature_algorithm)
    if asked is None or not asked.family:
        return True
    return shown is not None and shown.family == asked.family


def is_unproven(key: HostKey) -> bool:
    """Whether the server's proof for a key was wrong, or the key is not of the type that was negotiated."""
    return key.signature_verified is False or (key.signature_verified is None and not is_of_type_asked_for(key))


def advised_bits(profile: Profile, family: str) -> int | None:
    """The size of a host key of a family that the profile advises without asking for it."""
    if profile.host_key is None:
        return None
    return {"rsa": profile.host_key.advised_bits.rsa, "dsa": profile.host_key.advised_bits.dsa}.get(family)


def exact_bits(profile: Profile, family: str) -> tuple[int, ...]:
    """The sizes of a host key of a family that the profile allows, where it allows no other."""
    return profile.host_key.exact_bits.rsa if profile.host_key is not None and family == "rsa" else ()


def judge_host_keys(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`host_key.size`, `.unproven` and `.unverified`, one of each per key type."""
    seen: set[tuple[str, str]] = set()
    # Smallest first: of two keys of one type the finding is about the smaller.
    for key in sorted(observation.host_keys or (), key=lambda key: (key.bits or 0, key.type, key.fingerprint)):
        for judged in _judge_host_key(profile, key):
            if (judged.id, key.type) not in seen:
                seen.add((judged.id, key.type))
                yield judged


def _judge_host_key(profile: Profile, key: HostKey) -> Iterator[Judgement]:
    if is_unproven(key):
        yield Judgement(
            id="host_key.unproven",
            severity="high",
            category="host_key",
            algorithm=key.type,
            message="the server did not prove that it holds this key"
            if is_of_type_asked_for(key)
            else f"the server showed this key when asked for {key.signature_algorithm}",
            expected="a signature of this key over the exchange hash",
            observed=f"a wrong signature ({key.signature_algorithm})"
            if is_of_type_asked_for(key)
            else f"a key of another type than {key.signature_algorithm}",
            references=("RFC 4253 section 8",),
        )
        return
    if key.signature_verified is None:
        yield Judgement(
            id="host_key.unverified",
            severity="note",
            category="host_key",
            algorithm=key.type,
            message="its signature could not be checked",
            expected="a signature of this key over the exchange hash",
            observed=f"not checked ({key.kex_algorithm})",
            references=("RFC 4253 section 8",),
        )
    entry = lookup("host_key", key.type)
    if entry is None or key.bits is None:
        return
    yield from _judge_size(profile, key, entry.family, key.bits)


def _judge_size(profile: Profile, key: HostKey, family: str, bits: int) -> Iterator[Judgement]:
    own, advised = minimum_bits(profile, family) or 0, advised_bits(profile, family) or 0
    exact = exact_bits(profile, family)
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
    yield Judgement(
        id="host_key.size",
        severity=severity,
        category="host_key",
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


def missing_host_keys(profile: Profile, observation: Observation) -> Iterator[str]:
    """In words, the keys without proof, whatever the profile asks, and those whose size it bounds and nobody saw.

    A key that was asked for and never came has none either. It is missed where the record is partial: where it is
    whole all keys were asked for and came, or nobody asked (`--depth lists`).
    """
    sizes = _sizes_not_seen(profile, observation)
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


def _sizes_not_seen(profile: Profile, observation: Observation) -> list[tuple[str, str]]:
    """Family and format of each host key on offer whose size the profile bounds and no proven key showed."""
    if profile.host_key is None:
        return []
    # A key without its proof is a claim, as any server can show any key.
    shown = [key for key in observation.host_keys or () if key.bits is not None and key.signature_verified]
    sized = {_size_of(key.type) for key in shown}
    wanted = [_size_of(name) for name in observation.server_host_key_algorithms or ()]
    return sorted(
        {
            each
            for each in wanted
            if each is not None and minimum_bits(profile, each[0]) is not None and each not in sized
        }
    )


def _size_of(name: str) -> tuple[str, str] | None:
    """The keys that share a size: family and format."""
    entry = lookup("host_key", name)
    return None if entry is None else (entry.family, entry.format)


def _never_shown(observation: Observation) -> Iterator[str]:
    """Yield the host keys on offer, by the first name of each, that are read here and did not come."""
    seen = {_kind_of_key(key.type) for key in observation.host_keys or ()}
    for name in observation.server_host_key_algorithms or ():
        kind = _kind_of_key(name)
        if kind is not None and kind not in seen:
            seen.add(kind)
            yield name


def _kind_of_key(name: str) -> tuple[str, ...] | None:
    """What tells one host key from another, however it signs; None of no key, and of those that need not exist.

    Some servers list X.509 names without a certificate (Cisco IOS XE).
    """
    entry = lookup("host_key", name)
    if entry is None or entry.family == "none" or entry.format not in ("plain", "openssh-cert"):
        return None
    return entry.family, entry.curve, entry.format, str(entry.hardware)


def judge_together(profile: Profile, observation: Observation) -> Iterator[Judgement]:
    """`kex.no_post_quantum`, a deviation where the profile requires it, and `host_key.sha1_only`."""
    names = observation.kex_algorithms
    where = () if profile.kex is None else (profile.cite(profile.kex),)
    # Of several servers at one address each has to have it: the list has what any of them offers.
    lacking = observation.several_servers and observation.post_quantum_kex is False
    if names is not None and (lacking or not has_post_quantum(names)):
        demanded = profile.kex is not None and "post-quantum" in profile.kex.require
        yield Judgement(
            id="kex.no_post_quantum",
            severity="medium" if demanded else "note",
            category="kex",
            message="no post-quantum key exchange" + (", which the profile requires" if demanded else ""),
            expected="mlkem768x25519-sha256 or sntrup761x25519-sha512",
            observed="none offered",
            references=(*(where if demanded else ()), "RFC 10042", "RFC 9941"),
            deviation=demanded,
            cap=None if demanded else NO_POST_QUANTUM_CAP,
        )
    offered = [name for name in observation.server_host_key_algorithms or () if name]
    entries = [lookup("host_key", name) for name in offered]
    if offered and all(entry is not None and entry.hash == "sha1" for entry in entries):
        yield Judgement(
            id="host_key.sha1_only",
            severity="low",
            category="host_key",
            message="signs with SHA-1 alone: OpenSSH's client refuses it since 8.8",
            expected="rsa-sha2-512, rsa-sha2-256, ssh-ed25519 or another over SHA-2",
            observed=", ".join(sorted(set(offered))),
            references=("RFC 8332", "OpenSSH 8.8 release notes"),
            points=0,  # each of its algorithms costs more
        )
