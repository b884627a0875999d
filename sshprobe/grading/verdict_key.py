"""What a verdict depends on, as a key: two observations with the same key have the same verdict.

A verdict depends on nothing but observation, profile and catalogue. What is left out of the key is named below, and a
test checks that `grade` reads none of it. Each host has keys of its own: for a key and for a group, the weaknesses
found in its numbers take the place of the numbers. A profile with waivers reads host, address and day: then the
waivers that apply (`applicable_waivers`) are in the key.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from sshprobe.grading.checks.group_numbers import judge_groups
from sshprobe.grading.checks.waivers import applicable_waivers
from sshprobe.grading.keys.weaknesses import weaknesses_of
from sshprobe.model.observation import GroupExchange, HostKey, Observation
from sshprobe.profiles import Profile

FIELDS_WITHOUT_EFFECT = frozenset(
    {
        "schema",
        "target",
        "host",
        "address",
        "port",
        "error",
        "stage",
        "started_at",
        "duration_ms",
        "connections",
        "lines_before_identification",
        "authentication_banner",
        "hassh_server",
        "warnings",
    }
)
"""Fields of an observation that no verdict depends on, except the ones below, and with profiles that have waivers. The
banner counts only where a profile has a rule about it: then it is in the key."""

FIELDS_A_CERTIFICATE_NEEDS = ("started_at", "host")
"""Whether a certificate is valid depends on when it was seen, and whether it names the host, on the host."""

KEY_MATERIAL_FIELDS = frozenset({"blob", "fingerprint"})
"""Fields of a host key replaced by `weaknesses_of`, unless two keys have one type or one key has a certificate.

The fingerprints of two keys of one type decide which comes first."""

GROUP_MATERIAL_FIELDS = frozenset({"modulus", "generator"})
"""Fields of a group exchange replaced by `judge_groups`."""

_fields = attrgetter(
    *(
        field
        for field in Observation.__struct_fields__
        if field not in FIELDS_WITHOUT_EFFECT | {"host_keys", "group_exchange", "identification"}
    )
)
_identification = attrgetter("protocol", "software", "version", "lasting_comments")
_key_fields = attrgetter(*(field for field in HostKey.__struct_fields__ if field not in KEY_MATERIAL_FIELDS))
_group_fields = attrgetter(*(field for field in GroupExchange.__struct_fields__ if field not in GROUP_MATERIAL_FIELDS))
_moment_and_host = attrgetter(*FIELDS_A_CERTIFICATE_NEEDS)


_encode = msgspec.msgpack.Encoder().encode


def verdict_key(observation: Observation, profiles: Sequence[Profile]) -> bytes:
    """Return the key of an observation for its verdicts under `profiles`."""
    key = _encode(_judged(observation))
    reads_banner = False
    for profile in profiles:
        if profile.waiver:
            key += _encode(applicable_waivers(profile, observation))
        if profile.banner is not None:
            reads_banner = True
    return key + _encode(observation.authentication_banner) if reads_banner else key


def _judged(observation: Observation) -> tuple[object, ...]:
    """Return everything that a verdict depends on whatever the profile."""
    said, groups, keys = observation.identification, observation.group_exchange, observation.host_keys
    fields = (
        _fields(observation),
        None if said is None else _identification(said),
        None if groups is None else (list(map(_group_fields, groups)), _found_in_numbers(groups)),
    )
    if not keys:
        return *fields, keys
    if any(key.certificate is not None for key in keys):
        return *fields, keys, _moment_and_host(observation)
    if len({key.type for key in keys}) < len(keys):
        return *fields, keys
    return *fields, [(_key_fields(key), weaknesses_of(key.blob)) for key in keys]


def _found_in_numbers(groups: Sequence[GroupExchange]) -> list[object]:
    """Return what `judge_groups` says of each group, without the texts that all findings of a type share."""
    return [
        found and [(each.type.id, each.severity, each.message, each.observed) for each in found]
        for found in judge_groups(groups)
    ]
