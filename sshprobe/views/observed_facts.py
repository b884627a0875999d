"""The facts of a snapshot that `sshprobe diff` compares, each as one value. None: not observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from sshprobe.model.observation import GroupExchange
from sshprobe.views.snapshots import SERVICES, Snapshot


def fingerprints(seen: Snapshot, type: str) -> frozenset[str] | None:
    """Return the fingerprints of the keys of a type. None: not observed."""
    presents = seen.presents(type)
    if presents is None:
        return None
    return frozenset(key.fingerprint for key in seen.keys or () if key.type == type)


def all_fingerprints(seen: Snapshot) -> set[str]:
    """Return the fingerprints of all observed keys."""
    return {key.fingerprint for key in seen.keys or ()}


def authorities(seen: Snapshot, type: str) -> tuple[str, ...] | None:
    """Return the fingerprints of the authorities of certificates of a type. None: there are no certificates."""
    found = {key.certificate.ca_fingerprint for key in seen.keys or () if key.type == type and key.certificate}
    return tuple(sorted(found)) or None


def certificates(seen: Snapshot, type: str) -> tuple[str, ...] | None:
    """Return the certificates of a type, in base64. None: there are none."""
    return tuple(sorted(key.blob for key in seen.keys or () if key.type == type and key.certificate)) or None


def names(seen: Snapshot, field: str) -> tuple[str, ...] | None:
    """Return a name-list. None: not observed."""
    names = getattr(seen.facts, field)
    return None if names is None else tuple(names)


def facts_of(seen: Sequence[Snapshot]) -> Iterator[tuple[str, str, Callable[[Snapshot], str | None]]]:
    """Yield each further fact: its name, its subject, and a function that returns its value as text."""
    yield "service", "", lambda each: SERVICES.get(each.status, "SSH")
    yield "software", "", software_of
    yield "protocol", "", _protocol
    for user in sorted({user for each in seen for user in _methods(each)}):
        yield "authentication_methods", user, partial(_methods_for, user=user)
    yield "authentication_banner", "", _banner
    for request in sorted({request for each in seen for request in _groups(each)}):
        yield "group_exchange", request, partial(_group, request=request)
    for name in sorted({name for each in seen for name in each.facts.extensions or ()}):
        yield "extension", name, partial(_extension, name=name)
    yield "first_kex_packet_follows", "", _follows
    yield "lines_before_identification", "", lambda each: "\n".join(each.facts.lines_before_identification)


def software_of(seen: Snapshot) -> str | None:
    """Return software and comments of an identification, without random comments. None: there is none."""
    said = seen.facts.identification
    return None if said is None else f"{said.software} {said.comments or ''}".strip()


def _protocol(seen: Snapshot) -> str | None:
    return None if seen.facts.identification is None else seen.facts.identification.protocol


def _methods(seen: Snapshot) -> dict[str, str]:
    """Return the authentication methods by user, as text."""
    facts = seen.facts
    found = {}
    for user, answer in (facts.authentication_by_user or {}).items():
        if answer.methods is not None:
            found[user] = "no credential" if answer.none_accepted else ", ".join(answer.methods)
    if facts.authentication_user is not None and facts.authentication_methods is not None and not found:
        accepted = facts.authentication_none_accepted
        found[facts.authentication_user] = "no credential" if accepted else ", ".join(facts.authentication_methods)
    return found


def _methods_for(seen: Snapshot, user: str) -> str | None:
    return _methods(seen).get(user)


def _banner(seen: Snapshot) -> str | None:
    return None if seen.facts.authentication_methods is None else seen.facts.authentication_banner or ""


def _groups(seen: Snapshot) -> dict[str, str]:
    """Return the size of the group for each request, as text."""
    return {_request(each): _size(each) for each in seen.facts.group_exchange or ()}


def _group(seen: Snapshot, request: str) -> str | None:
    return _groups(seen).get(request)


def _request(group: GroupExchange) -> str:
    return f"{group.algorithm} {group.min} {group.n} {group.max}"


def _size(group: GroupExchange) -> str:
    return "refused" if group.refused else "unusable" if group.modulus_bits is None else f"{group.modulus_bits} bits"


def _extension(seen: Snapshot, name: str) -> str | None:
    return None if seen.facts.extensions is None else seen.facts.extensions.get(name, "")


def _follows(seen: Snapshot) -> str | None:
    follows = seen.facts.first_kex_packet_follows
    return None if follows is None else "yes" if follows else "no"
