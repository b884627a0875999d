"""The structs of `sshprobe report --by deadline`: hosts for each date, and the rules of each document for key
exchanges."""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from sshprobe.model.name_lists import AlgorithmType
from sshprobe.model.records import SummaryRecord

Kind = Literal["hybrid", "pure", "classical"]
"""Kinds of key exchanges: with a classical and a post-quantum part, of ML-KEM alone, or without a post-quantum part."""


class DeadlineUse(msgspec.Struct, frozen=True, kw_only=True):
    """One deadline of a profile, and the hosts that offer its algorithms."""

    until: str
    """The last day in UTC, "2030-12-31"."""
    profile: str
    """Id of the profile."""
    category: AlgorithmType
    only_advises: bool
    """Whether the document only advises against the algorithms after that day."""
    document: str
    where: str
    """The section of the document."""
    checked: bool
    """Whether the date was checked against the document."""
    binding: str
    """The systems that are bound by it. Empty: all that follow the document, or it is not known."""
    algorithms: dict[str, int] = {}
    """Algorithm to hosts that offer it, most hosts first."""
    hosts: list[str] = []
    """"address:port" of the hosts that offer any of them, sorted."""
    late: int = 0
    """Hosts of these whose day, or the day of `--at`, is after the last day."""
    not_seen: int = 0
    """SSH servers whose lists were not seen: they count nowhere."""


class Mandate(msgspec.Struct, frozen=True, kw_only=True):
    """What one profile says of each kind of key exchange."""

    profile: str
    title: str
    kinds: dict[Kind, str]
    """Kind to "yes", "no", "until 2030-12-31" or "not recommended": of the accepted exchange that lasts longest."""


class ExchangeUse(msgspec.Struct, frozen=True, kw_only=True):
    """One key exchange, and the profiles that it satisfies."""

    algorithm: str
    kind: Kind
    in_openssh: bool
    """Whether any release of OpenSSH has it."""
    accepted_by: list[str]
    """Ids of profiles that accept it before their dates."""
    accepted_for_ever_by: list[str]
    """Ids of profiles that accept it after all their dates."""
    not_recommended_by: list[str]
    """Ids of profiles of these whose documents do not recommend it."""


class Deadlines(NamedTuple):
    """The dates of profiles for some algorithms, without hosts."""

    deadlines: list[DeadlineUse]
    """Those that any of the algorithms has, the first date first. `algorithms` has a 0 for each."""
    mandates: list[Mandate]
    exchanges: list[ExchangeUse]
    """As in `DeadlineReport`."""


class DeadlineReport(msgspec.Struct, frozen=True, kw_only=True):
    """`sshprobe report --by deadline --format json`."""

    by: str = "deadline"
    at: str | None
    """The day of `--at`. None: the day of each scan counts."""
    deadlines: list[DeadlineUse]
    """The first date first."""
    mandates: list[Mandate]
    exchanges: list[ExchangeUse]
    """Those that satisfy most profiles after all dates first."""
    summary: SummaryRecord
