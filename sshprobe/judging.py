"""Grading many hosts: a fleet offers the same lists again and again, so what is alike is judged and encoded once.

A verdict depends on nothing but observation, profile and catalogue (`sshprobe.grading`). So two observations that agree
in everything but who and when have the same verdicts. What is left out of the comparison is named below, and a test
holds that `grade` reads none of it. Each host has keys of its own: of a key and of a group, what is found in its
numbers takes their place. A profile with waivers reads host, address and day: then what these come to
(`sshprobe.grading.applicable_waivers`) is compared too.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter

import msgspec

from sshprobe.grading import applicable_waivers, is_gradeable, judged_groups, weaknesses_of
from sshprobe.lru_cache import LruCache
from sshprobe.model.observation import GroupExchange, HostKey, Observation
from sshprobe.model.records import HostRecord
from sshprobe.model.verdict import Verdict
from sshprobe.profiles import Profile
from sshprobe.remedy import grade
from sshprobe.views.host_stats import CountedVerdict, counted_verdicts

NOT_JUDGED = frozenset(
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
"""Fields of an observation that no verdict depends on, but for those below, and for profiles with waivers. The banner
counts only where a profile says something of it: then it is compared too."""

JUDGED_WITH_A_CERTIFICATE = ("started_at", "host")
"""Whether a certificate is valid depends on when it was seen, and whether it names the host, on the host."""

NUMBERS_OF_KEYS = frozenset({"blob", "fingerprint"})
"""Fields of a host key in whose place `weaknesses_of` stands, where no other key has its type and none a certificate.

Of two keys of one type the fingerprints say which comes first."""

NUMBERS_OF_GROUPS = frozenset({"modulus", "generator"})
"""Fields of a group exchange in whose place `judged_groups` stands."""

_KEYS_AND_GROUPS = frozenset({"host_keys", "group_exchange"})

_judged_fields = attrgetter(
    *(
        field
        for field in Observation.__struct_fields__
        if field not in NOT_JUDGED | _KEYS_AND_GROUPS and field != "identification"
    )
)
_judged_identification = attrgetter("protocol", "software", "version", "lasting_comments")
_judged_of_key = attrgetter(*(field for field in HostKey.__struct_fields__ if field not in NUMBERS_OF_KEYS))
_judged_of_group = attrgetter(*(field for field in GroupExchange.__struct_fields__ if field not in NUMBERS_OF_GROUPS))
_moment_and_name = attrgetter(*JUDGED_WITH_A_CERTIFICATE)


def _what_is_judged(observation: Observation) -> tuple[object, ...]:
    """All that the verdicts on an observation depend on."""
    said, groups, keys = observation.identification, observation.group_exchange, observation.host_keys
    fields = (
        _judged_fields(observation),
        None if said is None else _judged_identification(said),
        None if groups is None else (list(map(_judged_of_group, groups)), judged_groups(groups)),
    )
    if not keys:
        return *fields, keys
    if any(key.certificate is not None for key in keys):
        return *fields, keys, _moment_and_name(observation)
    if len({key.type for key in keys}) < len(keys):
        return *fields, keys
    return *fields, [(_judged_of_key(key), weaknesses_of(key.blob)) for key in keys]


_decode = msgspec.json.Decoder(list[Verdict]).decode


class Judged:
    """What all profiles say of one kind of observation."""

    __slots__ = ("_verdicts", "counted", "encoded", "number")

    def __init__(
        self,
        number: int,
        encoded: bytes,
        counted: tuple[CountedVerdict, ...],
        verdicts: list[Verdict] | None = None,
    ) -> None:
        self.number = number
        """Different for each kind."""
        self.encoded = encoded
        """The verdicts in JSON."""
        self.counted = counted
        """What of them is counted."""
        self._verdicts = verdicts

    @property
    def verdicts(self) -> list[Verdict]:
        """The verdicts. They are decoded when they are asked for, where another process made them."""
        if self._verdicts is None:
            self._verdicts = _decode(self.encoded)
        return self._verdicts


UNJUDGED = Judged(0, b"[]", (), [])
"""No verdicts."""

END_OF_LINE = b',"fleet_findings":[]}'
"""What follows the verdicts in a record: what other hosts say of it is known when all have answered."""

_RECORD = b'{"type":"host",'
"""A record is an observation between its type and its verdicts."""


class Judge:
    """Grades against `profiles`. One for a sweep; keeps the verdicts of the kinds that were met last.

    Raises `InputError` for a profile of clients.
    """

    def __init__(self, profiles: Sequence[Profile], *, strict: bool) -> None:
        for profile in profiles:
            profile.need_server()
        self._profiles = tuple(profiles)
        self._reads_banners = any(profile.banner is not None for profile in self._profiles)
        self._waiving = tuple(profile for profile in self._profiles if profile.waiver)
        self._strict = strict
        self._known: LruCache[bytes, Judged] = LruCache()
        self._made = 0
        self._key = msgspec.msgpack.Encoder().encode
        self._encode = msgspec.json.Encoder().encode

    @property
    def waives(self) -> bool:
        """Whether verdicts depend on who and when, because a profile has waivers."""
        return bool(self._waiving)

    def judged(self, observation: Observation) -> Judged:
        """Return the verdicts on an observation; none if it cannot be judged."""
        key = self._key(_what_is_judged(observation)) + self._who_and_when(observation)
        if self._reads_banners:
            key += self._key(observation.authentication_banner)
        found = self._known.get(key)
        if found is not None:
            return found
        verdicts: list[Verdict] = []
        if is_gradeable(observation):
            verdicts = [grade(observation, profile, strict=self._strict) for profile in self._profiles]
        self._made += 1
        judged = Judged(self._made, self._encode(verdicts), counted_verdicts(verdicts), verdicts)
        self._known.put(key, judged, len(key) + len(judged.encoded))
        return judged

    def _who_and_when(self, observation: Observation) -> bytes:
        """What verdicts owe to host, address and day: nothing, unless a profile has waivers."""
        if not self._waiving:
            return b""
        return self._key([applicable_waivers(profile, observation) for profile in self._waiving])

    def head(self, observation: Observation) -> bytes:
        """Return the line of a host up to its verdicts: with them and `END_OF_LINE` it is whole."""
        return _RECORD + self._encode(observation)[1:-1] + b',"verdicts":'


def line_of(head: bytes, encoded: bytes) -> bytes:
    """Return the line of a host record, without line end."""
    return head + encoded + END_OF_LINE


def record_of(observation: Observation, judged: Judged) -> HostRecord:
    """Return the record of an observation and its verdicts, which it shares with others: they are not to be changed."""
    fields = msgspec.structs.asdict(observation)
    fields["verdicts"] = judged.verdicts
    return HostRecord(**fields)
