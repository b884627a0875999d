"""The types of a profile: the recommendations of one edition of one document, as far as a server shows them.

Each section names its place in the document (`where`) and, in built-in profiles, the numbers of its recommendations
(`covers`). A missing section requires nothing.
"""

from __future__ import annotations

import datetime
import hashlib
from typing import Literal

import msgspec

from sshprobe.algorithms import ALGORITHM_TYPES, AlgorithmType, canonical, lookup
from sshprobe.model.errors import InputError
from sshprobe.model.verdict import Severity

WORDS = ("MUST", "SHOULD+", "SHOULD", "SHOULD-", "MAY", "SHOULD NOT", "MUST NOT")
"""The words of RFC 2119 as in RFC 8247 and RFC 9142, strongest recommendation first."""

FORBIDDING_WORDS = ("SHOULD NOT", "MUST NOT")

SECTIONS = (
    "protocol",
    "kex",
    "group_exchange",
    "host_key",
    "cipher",
    "mac",
    "compression",
    "authentication",
    "banner",
    "user_key",
)

METHODS = ("publickey", "password", "hostbased", "keyboard-interactive", "gssapi-with-mic", "gssapi-keyex")
"""Authentication methods with an RFC: 4252, 4256 and 4462."""

DEFAULT_PROFILE = "sshprobe-2026"
"""The profile for hosts if the user names none."""

NOT_VERIFIED = "not verified"
"""Marks a place that was not checked in the document itself."""

Why = Literal["login", "client", "intrusive", "obsolete", "error", "level"]

Requirement = Literal["post-quantum", "strict-kex", "no-terrapin"]
"""Requirements for the whole list of key exchanges."""


class AlgorithmRule(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One type of algorithms: `[cipher]`, `[mac]`, `[compression]`, and with more fields `[kex]` and `[host_key]`."""

    where: str
    places: dict[str, str] = {}
    """Name to a place in the document that is more exact than `where`."""
    covers: tuple[str, ...] = ()
    unverified: str = ""
    """The parts of this section that were not checked against the document itself."""
    allowed: tuple[str, ...] = ()
    """Names as on the wire. An alias stands for its algorithm, "gss-group16-sha512-*" for every mechanism."""
    others: Literal["as-strong", "allowed", "forbidden"] = "as-strong"
    """Whether other algorithms pass: if they are as strong, always (a document that only forbids), or never."""
    recommended: tuple[str, ...] = ()
    """Names of `allowed` whose absence is a note."""
    dated: tuple[str, ...] = ()
    """Names that pass today but should go: a finding of low severity, or their weakness's, and not a deviation."""
    words: dict[str, str] = {}
    """Name to one of `WORDS`. A name with a forbidding word is a deviation. Any other word allows the name."""

    def forbidden(self, category: AlgorithmType) -> set[str]:
        """Return the canonical names with a forbidding word. `category`: the type of this section."""
        return {canonical(category, name) for name, word in self.words.items() if word in FORBIDDING_WORDS}


class KexRule(AlgorithmRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[kex]`: key exchange methods, and requirements for their list."""

    require: tuple[Requirement, ...] = ()
    """"post-quantum": a hybrid of ML-KEM or sntrup761. "strict-kex": strict key exchange. "no-terrapin": strict key
    exchange if a cipher on offer needs it (CVE-2023-48795)."""


class MinimumBits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Smallest sizes of host keys in bits, for types with a free size."""

    rsa: int | None = None
    dsa: int | None = None
    where: str | None = None
    """The place of the sizes, if it is not the section's `where`, for findings about a size."""


class ExactBits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The only allowed sizes of host keys in bits."""

    rsa: tuple[int, ...] = ()
    where: str | None = None
    """The place of the sizes, if it is not the section's `where`."""


class HostKeyRule(AlgorithmRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[host_key]`: signature algorithms, and the sizes of keys."""

    min_bits: MinimumBits = MinimumBits()
    """Less is a deviation."""
    advised_bits: MinimumBits = MinimumBits()
    """Less is a low finding and not a deviation: the document does not require it, or not yet."""
    exact_bits: ExactBits = ExactBits()
    """Any other size is a deviation."""


class Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fields of all sections but those of algorithms, whose order `Profile.digest` keeps."""

    where: str
    covers: tuple[str, ...] = ()
    unverified: str = ""


class GroupExchangeRule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[group_exchange]`: the smallest modulus in bits, if the server offers a group exchange."""

    min_bits: int
    """Less is a deviation."""
    advised_bits: int | None = None
    """Less is a low finding and not a deviation."""

    @property
    def wanted_bits(self) -> int:
        """The larger of the two: moduli of this size cause no finding."""
        return max(self.min_bits, self.advised_bits or 0)


class ProtocolRule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[protocol]`: versions of the identification string, "2.0"."""

    allowed: tuple[str, ...]


class NamesRule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A section with a list of names that pass, or that do not pass."""

    allowed: tuple[str, ...] = ()
    """A closed list. Empty: all except `forbidden`."""
    forbidden: tuple[str, ...] = ()
    """For a document that allows all others."""

    def passes(self, name: str) -> bool:
        """Return whether a server may have this name."""
        return name in self.allowed if self.allowed else name not in self.forbidden


class AuthenticationRule(NamesRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[authentication]`: methods that a server may list after a "none" request (RFC 4252 section 5.2)."""

    require: tuple[str, ...] = ()
    """Methods that must be listed. A missing one may be a later step of a chain, so it counts as not observed."""
    recommended: tuple[str, ...] = ()
    chain: str = ""
    """The chain of methods in the document: "publickey,password". A server lists only its first step, so it is advice
    and is not judged."""

    @property
    def passing(self) -> tuple[str, ...]:
        """The methods that pass: `allowed`, or all methods with an RFC except `forbidden`."""
        return self.allowed or tuple(method for method in METHODS if method not in self.forbidden)


class BannerRule(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[banner]`: the text that a server sends before login (SSH_MSG_USERAUTH_BANNER, RFC 4252 section 5.4)."""

    sent: bool
    """True: it is required. False: it is forbidden."""
    file: str = "/etc/issue.net"
    """The file in the document, for advice: `Banner /etc/issue.net`."""
    any_of: tuple[str, ...] = ()
    """Texts; it must have one of them. Runs of white space count as one blank, and case counts."""
    without: tuple[str, ...] = ()
    """Texts that it must not contain: "\\m" anywhere, "debian" as a word. Case does not count."""


class UserKeyRule(NamesRule, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[user_key]`: accepted signature algorithms of users' keys ("server-sig-algs", RFC 8308 section 3.1).

    The list of OpenSSH before 9.6 counts as not observed: it has everything that it was compiled with. Without an
    observed list the verdict of a closed list is open.
    """


Rule = AlgorithmRule | Section


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
    """The day by which deadlines and waivers are judged, in place of the day of the scan. Never in a file."""

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
