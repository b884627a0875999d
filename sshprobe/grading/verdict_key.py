"""A key for verdicts: two observations with the same key have the same verdict.

The constants below name the fields that are not in the key, and a test checks that `grade` does not read them. Host
keys and groups differ between hosts, so the key has the weaknesses of their numbers instead of the numbers. Profiles
with waivers depend on host, address and day, so the key has the waivers that apply (`applicable_waivers`). Those with
deadlines depend on the day, so the key has which have passed (`standings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from sshprobe.grading.checks.deadlines import standings
from sshprobe.grading.checks.group_exchange import judge_groups
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
        "labels",
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
"""Fields of an observation that do not affect verdicts, except for certificates (below) and profiles with waivers or
deadlines. The banner is in the key if a profile has a rule about it."""

FIELDS_A_CERTIFICATE_NEEDS = ("started_at", "host")
"""A certificate is judged by the time of the scan and the name of the host."""

KEY_MATERIAL_FIELDS = frozenset({"blob", "fingerprint"})
"""Fields of a host key that `weaknesses_of` replaces, unless a key has a certificate or two keys have one type,
whose fingerprints decide which comes first."""

GROUP_MATERIAL_FIELDS = frozenset({"modulus", "generator"})
"""Fields of a group exchange that `judge_groups` replaces."""

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
_encode = msgspec.json.Encoder().encode  # it encodes any value of a record, including numbers of any size


def verdict_key(observation: Observation, profiles: Sequence[Profile]) -> bytes:
    """Return the key of an observation for its verdicts under `profiles`."""
    key = _encode(_judged(observation))
    for profile in profiles:
        if profile.waiver:
            key += _encode(applicable_waivers(profile, observation))
        if profile.deadline:
            key += _encode(standings(profile, observation))
        if profile.banner is not None:
            key += _encode(observation.authentication_banner)
    return key


def _judged(observation: Observation) -> tuple[object, ...]:
    software, groups, keys = observation.identification, observation.group_exchange, observation.host_keys
    fields = (
        _fields(observation),
        None if software is None else _identification(software),
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
    """Return the findings of `judge_groups` on each group, by the fields that differ within a type."""
    return [
        found and [(each.id, each.severity, each.message, each.observed) for each in found]
        for found in judge_groups(groups)
    ]
