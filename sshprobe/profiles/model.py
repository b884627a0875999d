"""The types of a profile: the recommendations of one edition of one document, as far as a server shows them.

A missing section (`sshprobe.profiles.sections`) requires nothing.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import Literal

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, lookup
from sshprobe.model.errors import InputError
from sshprobe.model.verdict import Severity
from sshprobe.profiles.sections import (
    SECTIONS,
    AlgorithmRule,
    AuthenticationRule,
    BannerRule,
    GroupExchangeRule,
    HostKeyRule,
    KexRule,
    ProtocolRule,
    Rule,
    UserKeyRule,
)

DEFAULT_PROFILE = "sshprobe-2026"
"""The profile for hosts if the user names none."""

NOT_VERIFIED = "not verified"
"""Marks a place that was not checked in the document itself."""

Why = Literal["login", "client", "intrusive", "obsolete", "error", "level"]


class Explained(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recommendation that a scan cannot check, and the reason."""

    id: str
    recommendation: str
    where: str
    why: Why
    """"login": it needs a login or the host's files. "client": it is about clients or people. "intrusive": the check
    would do harm. "obsolete": it has no effect today. "error": the document has a mistake. "level": it is of another
    level of the document."""
    explanation: str


class Waiver(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[waiver]]`: a finding that is accepted on some hosts, for a reason, until a day."""

    finding: str
    """Id, "mac.unlisted"."""
    algorithm: str | None = None
    """Its algorithm, by any of its names. None: any algorithm."""
    hosts: tuple[str, ...]
    """See `host_patterns`."""
    reason: str
    until: datetime.date
    """Its last day, in UTC."""
    severity: Severity = "high"
    """The worst severity that it covers. A finding that has become worse was not accepted."""


DEADLINE_SECTIONS: tuple[AlgorithmType, ...] = ("kex", "host_key", "cipher", "mac")
"""The sections whose algorithms can have a deadline."""

Kind = Literal["classical", "hybrid", "pure"]
"""Kinds of key exchanges and signatures: without post-quantum part, with both parts, or of ML-KEM or ML-DSA alone."""


class Deadline(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[[deadline]]`: the last day of some algorithms in a document. It allows nothing: sections do that."""

    section: Literal["kex", "host_key", "cipher", "mac"]
    kinds: tuple[Kind, ...] = ()
    """Algorithms of these kinds, of the sections kex and host_key."""
    below_bits: int | None = None
    """Of `kinds`, only algorithms of less strength than this, in bits. Those of unknown strength are left out."""
    names: tuple[str, ...] = ()
    """Further algorithms, by any of their names."""
    until: datetime.date
    """The last day, in UTC."""
    only_advises: bool = False
    """Whether the document only advises against them after that day: a low finding, and not a deviation."""
    document: str
    where: str
    """The section of the document."""
    binding: str = ""
    """The systems that are bound by it: "national security systems"."""
    checked: bool = False
    """Whether the date was checked against the document itself."""


class Profile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One edition of a document of recommendations."""

    id: str
    kind: Literal["server", "client"] = "server"
    """The subject of the document. A scan sees servers, so only their profiles can grade."""
    title: str
    version: str
    """The edition."""
    date: str
    """Date of the edition: "2022", "2022-07" or "2022-07-14"."""
    source: str
    extends: tuple[str, ...] = ()
    """The profiles that it extends, nearest first: "mozilla-modern 2022-07"."""
    verified: str = ""
    """The sources that the entries were checked against, with dates."""
    unverified: str = ""
    """The parts of the whole profile that were not checked against the document itself."""
    protocol: ProtocolRule | None = None
    kex: KexRule | None = None
    group_exchange: GroupExchangeRule | None = None
    host_key: HostKeyRule | None = None
    cipher: AlgorithmRule | None = None
    mac: AlgorithmRule | None = None
    compression: AlgorithmRule | None = None
    authentication: AuthenticationRule | None = None
    banner: BannerRule | None = None
    user_key: UserKeyRule | None = None
    explained: tuple[Explained, ...] = ()
    waiver: tuple[Waiver, ...] = ()
    deadline: tuple[Deadline, ...] = ()
    remark: str = ""
    """A sentence that every report under this profile begins with: "for inventory"."""
    advised_against: tuple[Kind, ...] = ()
    """Kinds of key exchanges that the document does not recommend. They cause no finding: `report --by deadline` shows
    them."""
    at: datetime.date | None = None
    """The day for deadlines and waivers, instead of the day of the scan. It is never in a file."""

    def algorithms(self, category: AlgorithmType) -> AlgorithmRule | None:
        """Return the section of one type of algorithms."""
        rule: AlgorithmRule | None = getattr(self, category)
        return rule

    def cite(self, rule: Rule, name: str = "", *, where: str = "") -> str:
        """Return the place for a finding about `name`, marked if it was not checked in the document."""
        place = where or (rule.places.get(name, rule.where) if isinstance(rule, AlgorithmRule) else rule.where)
        return f"{place} [{NOT_VERIFIED}]" if rule.unverified or self.unverified else place

    def cite_deadline(self, deadline: Deadline) -> str:
        """Return the document and section of a deadline, marked if its date was not checked there."""
        place = f"{deadline.document}, {deadline.where}"
        return place if deadline.checked else f"{place} [{NOT_VERIFIED}]"

    @property
    def not_verified(self) -> str:
        """The parts that were not checked against the document, in one line."""
        rules = {name: getattr(self, name) for name in SECTIONS}
        sections = [f"[{name}]: {rule.unverified}" for name, rule in rules.items() if rule and rule.unverified]
        return "; ".join(filter(None, (self.unverified, *sections)))

    @property
    def digest(self) -> str:
        """SHA-256 in hex of all that it says, with what it `extends`. Comments and the order of keys do not count."""
        said = msgspec.json.encode(self, order="deterministic")
        # These fields are newer than the digests in older records.
        older = said.removesuffix(b',"deadline":[],"remark":"","advised_against":[],"at":null}')
        return hashlib.sha256(said if said == older else older + b"}").hexdigest()

    def need_server(self) -> None:
        """Raise `InputError` for a profile of clients, which cannot grade a server."""
        if self.kind == "client":
            raise InputError(
                f"profile `{self.id}` says what a client should offer, and a scan sees servers: "
                f"`sshprobe profiles show {self.id}` prints it"
            )

    @property
    def unknown_names(self) -> tuple[str, ...]:
        """Names, as "category: name", that the catalogue does not know: misspelled, or private to a company."""
        rules = ((category, self.algorithms(category)) for category in ALGORITHM_TYPES)
        return tuple(
            f"{category}: {name}"
            for category, rule in rules
            if rule is not None
            for name in dict.fromkeys((*rule.allowed, *rule.dated, *rule.words))
            if lookup(category, name) is None
        )
